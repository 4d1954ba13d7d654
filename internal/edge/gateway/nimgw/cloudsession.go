package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/session"
)

// cloudList is 7-19 (docs/protocol/nim-core.md section 5.17).
func (p *Product) cloudList(ctx context.Context, s *gateway.Session, req *nimwire.NimQueryCloudSessionListRequest) (*nimwire.NimQueryCloudSessionListResponse, error) {
	w := &req.Tag
	list, more, err := p.c.Sessions.CloudList(ctx, s.App(), s.Accid(),
		session.CloudPage{MinMs: w.MinTimestamp.Int(), MaxMs: w.MaxTimestamp.Int(), Limit: int(w.Limit.IntOr(session.MaxCloudPage))})
	if err != nil {
		return nil, err
	}
	out := make([]nimwire.CloudSession, len(list))
	for i := range list {
		out[i] = cloudTo(s.Accid(), &list[i], w.IncludedLastMsg.BoolOr(true))
	}
	return &nimwire.NimQueryCloudSessionListResponse{Tag: &nimwire.CloudSessionPage{HasMore: wire.Bool(more)}, Sessions: out}, nil
}

// cloudSession is 7-20.
func (p *Product) cloudSession(ctx context.Context, s *gateway.Session, req *nimwire.NimQueryCloudSessionRequest) (*nimwire.NimQueryCloudSessionResponse, error) {
	c, err := p.c.Sessions.CloudSession(ctx, s.App(), s.Accid(), req.Tag.SessionId.String())
	if err != nil {
		return nil, err
	}
	w := cloudTo(s.Accid(), c, true)
	return &nimwire.NimQueryCloudSessionResponse{Session: &w}, nil
}

// updateCloud is 7-21.
func (p *Product) updateCloud(ctx context.Context, s *gateway.Session, req *nimwire.NimUpdateCloudSessionRequest) (*gateway.None, error) {
	return nil, p.c.Sessions.UpdateCloud(ctx, s.App(), s.Accid(), s.ID, req.Tag.SessionId.String(), req.Tag.Ext.String())
}

// deleteCloud is 7-22.
func (p *Product) deleteCloud(ctx context.Context, s *gateway.Session, req *nimwire.NimDeleteCloudSessionListRequest) (*gateway.None, error) {
	ids := make([]string, len(req.Tags))
	for i, t := range req.Tags {
		ids[i] = t.SessionId.String()
	}
	return nil, p.c.Sessions.DeleteCloud(ctx, s.App(), s.Accid(), ids)
}

// onCloudUpdated is 7-121, to the account's other devices.
func (p *Product) onCloudUpdated(ev im.Event, sessions []*gateway.Session) {
	c, err := session.DecodeCloud(ev.Body)
	if err != nil {
		p.c.Log.Error("session list event", "err", err)
		return
	}
	w := cloudTo(ev.To, c, false)
	frame := pushFrame(nimwire.NimMultiSyncUpdateCloudSession.PushID(), &nimwire.NimMultiSyncUpdateCloudSessionResponse{Session: &w})
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
}

// cloudTo is a session of the list. Its last message is the text of a Property.
func cloudTo(me string, c *session.Cloud, withLast bool) nimwire.CloudSession {
	w := nimwire.CloudSession{SessionId: wire.Str(session.ID(me, c.Conv)), UpdateTime: wire.Int(c.UpdatedMs), Ext: text(c.Ext)}
	switch {
	case !withLast:
	case c.Recalled != nil:
		n := recallTo(c.Recalled)
		w.LastMsg, w.LastMsgType = wire.Str(string(n.AppendProperty(nil))), wire.Str("1")
	case c.Last != nil:
		m := messageTo(c.Last)
		w.LastMsg, w.LastMsgType = wire.Str(string(m.AppendProperty(nil))), wire.Str("0")
	}
	return w
}
