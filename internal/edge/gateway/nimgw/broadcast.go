package nimgw

import (
	"context"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// onBroadcast is 7-17, to every client of the app that it is meant for
// (docs/protocol/nim-core.md section 5.15). 0.8 does not know it.
func (p *Product) onBroadcast(ev im.Event, sessions []*gateway.Session) {
	b, err := message.DecodeBroadcast(ev.Body)
	if err != nil {
		p.c.Log.Error("broadcast event", "err", err)
		return
	}
	w := broadcastTo(b)
	frame := pushFrame(nimwire.OnBroadcastMsg.PushID(), &nimwire.OnBroadcastMsgResponse{Msg: &w})
	others(ev, sessions, func(s *gateway.Session) {
		l := s.Login()
		if b.For(l.Device.ClientType) && !strings.HasPrefix(l.SDK, "0.8.") {
			s.Offer(gateway.Delivery{ID: b.ID, TimeMs: b.CreatedMs, Frame: frame})
		}
	})
}

// broadcasts is 4-16.
func (r *syncRun) broadcasts(ctx context.Context) error {
	if !r.ask.BroadcastMsgs.IsSet() {
		return nil
	}
	list, err := r.p.c.Messages.WaitingBroadcasts(ctx, r.s.App(), r.s.Accid(), r.s.Login().Device.ClientType)
	if err != nil || len(list) == 0 {
		return err
	}
	out := make([]nimwire.BroadcastMsg, len(list))
	for i, b := range list {
		out[i] = broadcastTo(b)
		r.s.Listed(b.ID)
	}
	r.send(nimwire.SyncBroadcastMsg, &nimwire.SyncBroadcastMsgResponse{Msgs: out})
	return nil
}

// ackBroadcasts is 4-5 for broadcasts.
func (p *Product) ackBroadcasts(ctx context.Context, s *gateway.Session, ids []int64) error {
	return p.c.Messages.AckBroadcasts(ctx, s.App(), s.Accid(), ids)
}

func broadcastTo(b *message.Broadcast) nimwire.BroadcastMsg {
	return nimwire.BroadcastMsg{Id: wire.Int(b.ID), FromAccid: text(b.From), Time: wire.Int(b.CreatedMs), Body: wire.Str(b.Body)}
}
