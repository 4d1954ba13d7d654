package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/session"
)

// sessionRows are the commands of sticky and cloud sessions.
func (p *Product) sessionRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.NimAddStickTopSession, p.addStick),
		gateway.Handle(nimwire.NimUpdateStickTopSession, p.updateStick),
		gateway.Handle(nimwire.NimDeleteStickTopSession, p.deleteStick),
		gateway.Handle(nimwire.NimQueryCloudSessionList, p.cloudList),
		gateway.Handle(nimwire.NimQueryCloudSession, p.cloudSession),
		gateway.Handle(nimwire.NimUpdateCloudSession, p.updateCloud),
		gateway.Handle(nimwire.NimDeleteCloudSessionList, p.deleteCloud),
	}
}

// sessionEvents are the events of sticky and cloud sessions.
func (p *Product) sessionEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{
		session.EventStickAdded:   p.onStick,
		session.EventStickUpdated: p.onStick,
		session.EventStickRemoved: p.onStick,
		session.EventCloudUpdated: p.onCloudUpdated,
	}
}

// addStick is 23-12 (docs/protocol/nim-core.md section 5.17).
func (p *Product) addStick(ctx context.Context, s *gateway.Session, req *nimwire.NimAddStickTopSessionRequest) (*nimwire.NimAddStickTopSessionResponse, error) {
	st, err := p.c.Sessions.Stick(ctx, s.App(), s.Accid(), s.ID, req.Tag.Id.String(), req.Tag.Ext.String(), false)
	if err != nil {
		return nil, err
	}
	w := stickTo(st)
	return &nimwire.NimAddStickTopSessionResponse{Data: &w}, nil
}

// updateStick is 23-14.
func (p *Product) updateStick(ctx context.Context, s *gateway.Session, req *nimwire.NimUpdateStickTopSessionRequest) (*nimwire.NimUpdateStickTopSessionResponse, error) {
	st, err := p.c.Sessions.Stick(ctx, s.App(), s.Accid(), s.ID, req.Tag.Id.String(), req.Tag.Ext.String(), true)
	if err != nil {
		return nil, err
	}
	w := stickTo(st)
	return &nimwire.NimUpdateStickTopSessionResponse{Data: &w}, nil
}

// deleteStick is 23-13.
func (p *Product) deleteStick(ctx context.Context, s *gateway.Session, req *nimwire.NimDeleteStickTopSessionRequest) (*nimwire.NimDeleteStickTopSessionResponse, error) {
	at, err := p.c.Sessions.Unstick(ctx, s.App(), s.Accid(), s.ID, req.Tag.Id.String())
	if err != nil {
		return nil, err
	}
	return &nimwire.NimDeleteStickTopSessionResponse{Timetag: at}, nil
}

// onStick is 23-112, 23-113 and 23-114, to the account's other devices.
func (p *Product) onStick(ev im.Event, sessions []*gateway.Session) {
	st, err := session.DecodeStick(ev.Body)
	if err != nil {
		p.c.Log.Error("sticky session event", "err", err)
		return
	}
	w := stickTo(st)
	var frame []byte
	switch ev.Kind {
	case session.EventStickAdded:
		frame = pushFrame(nimwire.NimMultiSyncAddStickTopSession.PushID(), &nimwire.NimMultiSyncAddStickTopSessionResponse{Data: &w})
	case session.EventStickUpdated:
		frame = pushFrame(nimwire.NimMultiSyncUpdateStickTopSession.PushID(), &nimwire.NimMultiSyncUpdateStickTopSessionResponse{Data: &w})
	default:
		frame = pushFrame(nimwire.NimMultiSyncDeleteStickTopSession.PushID(),
			&nimwire.NimMultiSyncDeleteStickTopSessionResponse{Timetag: st.UpdatedMs, Data: &nimwire.StickTopSession{Id: w.Id}})
	}
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
}

// stickTopSessions is 4-23, always the whole list: the list must be there (rule 8).
func (r *syncRun) stickTopSessions(ctx context.Context) error {
	if !r.ask.StickTopSessions.IsSet() {
		return nil
	}
	list, err := r.p.c.Sessions.Sticks(ctx, r.s.App(), r.s.Accid())
	if err != nil {
		return err
	}
	out := make([]nimwire.StickTopSession, len(list))
	for i := range list {
		out[i] = stickTo(&list[i])
	}
	r.send(nimwire.NimSyncStickTopSessions, &nimwire.NimSyncStickTopSessionsResponse{Timetag: r.startMs, IsThereAnyChange: true, Datas: out})
	return nil
}

func stickTo(st *session.Stick) nimwire.StickTopSession {
	return nimwire.StickTopSession{Id: wire.Str(st.ID), Ext: wire.Str(st.Ext), CreateTime: number(st.CreatedMs), UpdateTime: number(st.UpdatedMs)}
}
