package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

// sendReceipt is 7-11 (docs/protocol/nim-core.md section 5.9).
func (p *Product) sendReceipt(ctx context.Context, s *gateway.Session, req *nimwire.SendMsgReceiptRequest) (*nimwire.SendMsgReceiptResponse, error) {
	w := &req.MsgReceiptTag
	r := message.Receipt{To: w.To.String(), Reader: s.Accid(), TimeMs: w.Time.Int(), IDClient: w.IdClient.String(), Client: s.Login().Device.ClientType}
	if err := p.c.Messages.MarkReceipt(ctx, s.App(), &r); err != nil {
		return nil, err
	}
	out := receiptTo(&r)
	return &nimwire.SendMsgReceiptResponse{MsgReceiptTag: &out}, nil
}

// onReceipt is 7-12, to all devices of who wrote the messages.
func (p *Product) onReceipt(ev im.Event, sessions []*gateway.Session) {
	r, err := message.DecodeReceipt(ev.Body)
	if err != nil {
		p.c.Log.Error("receipt event", "err", err)
		return
	}
	w := receiptTo(r)
	frame := pushFrame(nimwire.MultiSyncMsgReceipt.PushID(), &nimwire.MultiSyncMsgReceiptResponse{MsgReceiptTag: &w})
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
}

// receipts is 4-12, before the messages: they get their state by it on first sight.
func (r *syncRun) receipts(ctx context.Context) error {
	if !r.ask.MsgReceipts.IsSet() || !r.has.Any(session.HasReceipts) {
		return nil
	}
	list, err := r.p.c.Messages.Receipts(ctx, r.s.App(), r.s.Accid())
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(len(list), maxSyncFrame)
		part := make([]nimwire.MsgReceipt, n)
		for i := range part {
			part[i] = receiptTo(&list[i])
		}
		r.send(nimwire.SyncMsgReceipts, &nimwire.SyncMsgReceiptsResponse{MsgReceipts: part, Timetag: r.startMs})
		list = list[n:]
	}
	return nil
}

func receiptTo(r *message.Receipt) nimwire.MsgReceipt {
	return nimwire.MsgReceipt{To: wire.Str(r.To), From: wire.Str(r.Reader), Time: wire.Int(r.TimeMs), IdClient: text(r.IDClient)}
}
