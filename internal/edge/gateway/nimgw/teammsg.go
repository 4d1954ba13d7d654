package nimgw

import (
	"context"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
	"hongyan/internal/im/team"
)

// sendTeamMsg is 8-2.
func (p *Product) sendTeamMsg(ctx context.Context, s *gateway.Session, req *nimwire.SendTeamMsgRequest, reply func(wire.REncoder, error)) error {
	return p.sendToTeam(ctx, s, &req.Msg, im.SceneTeam, func(w *nimwire.Msg) wire.REncoder { return &nimwire.SendTeamMsgResponse{Msg: w} }, reply)
}

// sendToTeam is 8-2 and 21-2 (docs/protocol/nim-core.md section 5.3).
func (p *Product) sendToTeam(ctx context.Context, s *gateway.Session, w *nimwire.Msg, scene im.Scene,
	answer func(*nimwire.Msg) wire.REncoder, reply func(wire.REncoder, error)) error {
	d := s.Login().Device
	m := messageFrom(w)
	m.From, m.ClientType = d.Accid, d.ClientType
	if m.Content.FromDevice == "" {
		m.Content.FromDevice = d.DeviceID
	}
	return p.c.Messages.SendTeam(ctx, message.Send{App: s.App(), Msg: m, Origin: s.ID, Peer: peerOf(s)}, scene, func(m *message.Message, err error) {
		if err != nil {
			reply(nil, err)
			return
		}
		reply(answer(&nimwire.Msg{Time: wire.Int(m.Time), IdClient: wire.Str(m.IDClient), IdServer: wire.Int(m.ID), AckSnapshot: number(m.Content.AckSnapshot),
			CallbackExt: text(m.Content.CallbackExt), YidunAntiSpamResult: text(m.SpamResult())}), nil)
	})
}

// onTeamMessage delivers a message to the members that are here: 8-3 or 21-3,
// and 8-102 or 21-102 to the sender's other devices. A notification is 8-3 to
// everybody. There are two frames, however many members.
func (p *Product) onTeamMessage(ev im.Event, m *message.Message, sessions []*gateway.Session) {
	id := wire.ID{SID: 8, CID: 3}
	if m.Scene == im.SceneSuperTeam {
		id.SID = 21
	}
	own := wire.ID{SID: id.SID, CID: 102}
	held := gateway.Held{Msg: m, Join: teamMessages}
	var frame, ownFrame []byte
	encode := func(id wire.ID) []byte {
		w := messageTo(m)
		return pushFrame(id, &nimwire.OnMsgResponse{Msg: &w})
	}
	others(ev, sessions, func(s *gateway.Session) {
		accid := s.Accid()
		mine := m.From == accid
		if !m.VisibleTo(accid) || mine && m.Flags.Has(message.NoSelfSync) {
			return
		}
		d := gateway.Delivery{ID: m.ID, TimeMs: m.Time}
		switch {
		case mine && m.Type != message.Notification:
			if ownFrame == nil {
				ownFrame = encode(own)
			}
			d.Frame = ownFrame
		default:
			if frame == nil {
				frame = encode(id)
			}
			d.Frame = frame
		}
		if m.Scene == im.SceneTeam && !(mine && m.Type != message.Notification) && takesSeveral(s) {
			d.Held = &held
		}
		// Own messages and those of super teams are not acknowledged.
		if !mine && m.Scene == im.SceneTeam && !m.Flags.Has(message.NoOffline) {
			d.At = message.Position{Conv: m.Conv, Seq: m.Seq}
		}
		s.Offer(d)
	})
}

// takesSeveral says whether the client of s knows 8-4 and 21-125: 0.8.5 does not.
func takesSeveral(s *gateway.Session) bool { return !strings.HasPrefix(s.Login().SDK, "0.8.") }

// teamMessages is 8-4: messages of teams that waited for the end of a sync.
func teamMessages(msgs []*message.Message) []byte {
	return pushFrame(nimwire.NimOnTeamMsgs.PushID(), &nimwire.NimOnTeamMsgsResponse{Datas: messagesTo(msgs)})
}

// teamHistory is 8-23: members only (docs/protocol/nim-core.md section 5.11).
func (p *Product) teamHistory(ctx context.Context, s *gateway.Session, req *nimwire.GetHistoryTeamMsgsRequest) (*nimwire.GetHistoryTeamMsgsResponse, error) {
	msgs, err := p.historyOf(ctx, s, team.Normal, req.To, message.HistoryQuery{BeginMs: req.BeginTime, EndMs: req.EndTime, LastID: req.LastMsgId,
		Ascending: req.Reverse, Limit: int(req.Limit), Types: req.MsgTypes})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetHistoryTeamMsgsResponse{Msgs: msgs}, nil
}

func (p *Product) historyOf(ctx context.Context, s *gateway.Session, k team.Kind, tid int64, q message.HistoryQuery) ([]nimwire.Msg, error) {
	if err := p.c.Teams.Check(ctx, s.App().Key, s.Accid(), k, tid); err != nil {
		return nil, err
	}
	q.App, q.Accid, q.Conv = s.App(), s.Accid(), k.Key(tid)
	msgs, err := p.c.Messages.History(ctx, q)
	if err != nil {
		return nil, err
	}
	return messagesTo(msgs), nil
}

// enterRooms finds the conversations whose messages s gets from now on.
func (p *Product) enterRooms(ctx context.Context, s *gateway.Session) (has session.Holdings, err error) {
	read := false
	err = s.EnterRooms(ctx, func(ctx context.Context) ([]im.ConvKey, error) {
		read = true
		var err error
		if has, err = p.c.Sessions.Holdings(ctx, s.App(), s.Accid()); err != nil || !has.Any(session.HasTeams) {
			return nil, err
		}
		return p.c.Teams.Convs(ctx, s.App().Key, s.Accid())
	})
	if err == nil && !read { // the rooms are known from an earlier sync
		has, err = p.c.Sessions.Holdings(ctx, s.App(), s.Accid())
	}
	return has, err
}
