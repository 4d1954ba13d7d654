package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im/message"
)

// threadPage is how many replies are given when the client does not say.
const threadPage = 100

// threadMsgs is 23-1. All three elements of the answer must be there
// (docs/protocol/nim-core.md section 5.13).
func (p *Product) threadMsgs(ctx context.Context, s *gateway.Session, req *nimwire.GetThreadMsgsRequest) (*nimwire.GetThreadMsgsResponse, error) {
	w := &req.ThreadMsgReq
	t, err := p.c.Messages.Thread(ctx, message.ThreadQuery{
		App: s.App(), Accid: s.Accid(), Root: req.Msg.IdServer.Int(), BeginMs: w.BeginTime.Int(), EndMs: w.EndTime.Int(), LastID: w.LastMsgId.Int(),
		Ascending: w.Reverse.Bool(), Limit: int(w.Limit.IntOr(threadPage)),
	})
	if err != nil {
		return nil, err
	}
	root := messageTo(t.Root)
	return &nimwire.GetThreadMsgsResponse{ThreadMsg: &root, ThreadMsgsMeta: &nimwire.ThreadMsgsMeta{Total: wire.Int(t.Total), LastMsgTime: wire.Int(t.LastMs)},
		Msgs: messagesTo(t.Replies)}, nil
}

// msgsByID is 23-2; what the account does not see is left out.
func (p *Product) msgsByID(ctx context.Context, s *gateway.Session, req *nimwire.GetMsgsByIdServerRequest) (*nimwire.GetMsgsByIdServerResponse, error) {
	ids := make([]int64, len(req.ReqMsgs))
	for i := range req.ReqMsgs {
		ids[i] = req.ReqMsgs[i].IdServer.Int()
	}
	msgs, err := p.c.Messages.ByID(ctx, s.App(), s.Accid(), ids)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetMsgsByIdServerResponse{Msgs: messagesTo(msgs)}, nil
}
