package nimgw

import (
	"context"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

// markSessionAck is 7-16 (docs/protocol/nim-core.md section 5.17).
func (p *Product) markSessionAck(ctx context.Context, s *gateway.Session, req *nimwire.MarkSessionAckRequest) (*gateway.None, error) {
	a, err := ack(req.Scene, req.To, req.Timetag)
	if err != nil {
		return nil, err
	}
	return nil, p.markRead(ctx, s, a)
}

// markSessionAcks is 7-25.
func (p *Product) markSessionAcks(ctx context.Context, s *gateway.Session, req *nimwire.MarkMultSessionsAckRequest) (*gateway.None, error) {
	acks := make([]session.Ack, len(req.Datas))
	for i, d := range req.Datas {
		a, err := ack(d.Scene.Int(), d.To.String(), d.Timetag.Int())
		if err != nil {
			return nil, err
		}
		acks[i] = a
	}
	if err := p.markRead(ctx, s, acks...); err != nil {
		return nil, err
	}
	return &gateway.None{}, nil
}

// markSuperTeamAck is 21-25.
func (p *Product) markSuperTeamAck(ctx context.Context, s *gateway.Session, req *nimwire.MarkSuperTeamSessionAckRequest) (*gateway.None, error) {
	return nil, p.markRead(ctx, s, session.Ack{Scene: im.SceneSuperTeam, Target: strconv.FormatInt(req.To, 10), TimeMs: req.Timetag})
}

// markSuperTeamAcks is 21-32.
func (p *Product) markSuperTeamAcks(ctx context.Context, s *gateway.Session, req *nimwire.MarkMultSuperTeamSessionsAckRequest) (*gateway.None, error) {
	acks := make([]session.Ack, len(req.Datas))
	for i, d := range req.Datas {
		acks[i] = session.Ack{Scene: im.SceneSuperTeam, Target: strconv.FormatInt(d.To.Int(), 10), TimeMs: d.Timetag.Int()}
	}
	if err := p.markRead(ctx, s, acks...); err != nil {
		return nil, err
	}
	return &gateway.None{}, nil
}

func (p *Product) markRead(ctx context.Context, s *gateway.Session, acks ...session.Ack) error {
	return p.c.Sessions.MarkRead(ctx, s.App(), s.Accid(), s.ID, acks)
}

func ack(scene int64, to string, timeMs int64) (session.Ack, error) {
	switch scene {
	case 0:
		return session.Ack{Scene: im.SceneP2P, Target: to, TimeMs: timeMs}, nil
	case 1:
		tid, err := strconv.ParseInt(to, 10, 64)
		if err != nil {
			return session.Ack{}, im.Errorf(im.CodeBadParam, "team id")
		}
		return session.Ack{Scene: im.SceneTeam, Target: strconv.FormatInt(tid, 10), TimeMs: timeMs}, nil
	}
	return session.Ack{}, im.Errorf(im.CodeBadParam, "scene")
}

// onSessionAck tells the account's other devices (7-116, 21-125). 0.8.5 reads
// 21-125 as another packet and would show a bogus session.
func (p *Product) onSessionAck(ev im.Event, sessions []*gateway.Session) {
	a, err := session.DecodeAck(ev.Body)
	if err != nil {
		p.c.Log.Error("session ack event", "err", err)
		return
	}
	super := a.Scene == im.SceneSuperTeam
	var frame []byte
	if super {
		frame = pushFrame(nimwire.SyncMarkSuperTeamSessionAck.PushID(), &nimwire.SyncMarkSuperTeamSessionAckResponse{To: a.Target, Timetag: a.TimeMs})
	} else {
		frame = pushFrame(nimwire.SyncMarkSessionAck.PushID(), &nimwire.SyncMarkSessionAckResponse{Scene: int64(a.Scene), To: a.Target, Timetag: a.TimeMs})
	}
	others(ev, sessions, func(s *gateway.Session) {
		if super && !takesSeveral(s) {
			return
		}
		s.PutFrame(frame)
	})
}

// history is 7-6; an unknown peer has an empty history
// (docs/protocol/nim-core.md section 5.11).
func (p *Product) history(ctx context.Context, s *gateway.Session, req *nimwire.GetHistoryMsgsRequest) (*nimwire.GetHistoryMsgsResponse, error) {
	to, ok := im.NormalizeAccid(req.To)
	if !ok {
		return &nimwire.GetHistoryMsgsResponse{Msgs: []nimwire.Msg{}}, nil
	}
	msgs, err := p.c.Messages.History(ctx, message.HistoryQuery{
		App: s.App(), Accid: s.Accid(), Conv: im.P2PKey(s.Accid(), to), BeginMs: req.BeginTime, EndMs: req.EndTime, LastID: req.LastMsgId,
		Ascending: req.Reverse, Limit: int(req.Limit), Types: req.MsgTypes,
	})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetHistoryMsgsResponse{Msgs: messagesTo(msgs)}, nil
}

// serverTime is 6-23 (0.17.2).
func (p *Product) serverTime(context.Context, *gateway.Session, *gateway.None) (*nimwire.GetServerTimeResponse, error) {
	return &nimwire.GetServerTimeResponse{Time: p.c.Clock.NowMs()}, nil
}

// chatroomAddress is 13-1: every link is this server.
func (p *Product) chatroomAddress(context.Context, *gateway.Session, *nimwire.GetChatroomAddressRequest) (*nimwire.GetChatroomAddressResponse, error) {
	return &nimwire.GetChatroomAddressResponse{Address: []string{p.c.LinkAddr}}, nil
}

// qchatAddress is 24-1.
func (p *Product) qchatAddress(context.Context, *gateway.Session, *nimwire.GetQChatAddressRequest) (*nimwire.GetQChatAddressResponse, error) {
	return &nimwire.GetQChatAddressResponse{Address: []string{p.c.LinkAddr}}, nil
}
