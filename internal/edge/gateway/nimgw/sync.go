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

// maxSyncFrame is how many messages one 4-4 carries; lists may be split
// (docs/protocol/nim-core.md section 2.10).
const maxSyncFrame = 100

// sync is 5-1: the categories asked for, in the order of
// docs/protocol/nim-core.md section 4.2, then the answer with the server time.
// Events wait while it runs.
func (p *Product) sync(ctx context.Context, s *gateway.Session, req *nimwire.SyncRequest, reply func(wire.REncoder, error)) error {
	s.Hold()
	has, err := p.enterRooms(ctx, s) // before the watermark: what comes later comes live
	r := &syncRun{p: p, s: s, ask: &req.Sync, has: has, startMs: p.c.Clock.NowMs(), watermark: p.c.Messages.Watermark()}
	if err == nil {
		err = r.run(ctx)
	}
	// 5-1 is always answered, whatever happened: there is no client timer for it
	// and nothing goes on without (docs/protocol/nim-core.md rule 10).
	s.GoLive(r.contained, r.offline, func() {
		reply(&nimwire.SyncResponse{Timetag: r.startMs}, err)
		p.detect(s)
	})
	return nil
}

// syncRun is one sync under way.
type syncRun struct {
	p         *Product
	s         *gateway.Session
	ask       *nimwire.SyncParams
	has       session.Holdings // categories without anything are not read
	startMs   int64
	watermark int64

	contained []*message.Message // messages that were sent
	offline   []*message.Message // those of them the client acknowledges
	super     [][]*message.Message
}

// run answers the categories that were asked for, in the order of
// docs/protocol/nim-core.md section 4.2: what is known before the messages gives
// them their right state on first sight. A time tag of 0 asks for everything,
// an absent one for nothing.
func (r *syncRun) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		r.myInfo, r.relations, r.friends, r.friendUsers, r.teams, r.myTeamMembers, r.superTeams, r.mySuperTeamMembers,
		r.stickTopSessions, r.sessionAcks, r.receipts, r.clearedHistory, r.deletedSelf,
		r.messages, r.superTeamRoaming, r.notices, r.recalls, r.broadcasts, r.signaling, r.presence,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *syncRun) send(c wire.Command, resp wire.REncoder) { r.s.Push(c.PushID(), resp) }

func (r *syncRun) myInfo(ctx context.Context) error {
	if !r.ask.MyInfo.IsSet() {
		return nil
	}
	acc, err := r.p.c.Accounts.Get(ctx, r.s.App().Key, r.s.Accid())
	if err != nil {
		return err
	}
	if acc.Card.UpdatedMs > r.ask.MyInfo.Int() {
		u := card(acc)
		r.send(nimwire.SyncMyNameCard, &nimwire.SyncMyNameCardResponse{User: &u, Timetag: acc.Card.UpdatedMs})
	}
	return nil
}

// sessionAcks is 4-14 and 4-20, from one reading. Both maps of 4-14 and the one
// of 4-20 must be there, empty or not (rule 8).
func (r *syncRun) sessionAcks(ctx context.Context) error {
	plain, super := r.ask.SessionAck.IsSet(), r.ask.SuperTeamSessionAck.IsSet()
	if !plain && !super {
		return nil
	}
	var acks []session.Ack
	if r.has.Any(session.HasAcks) {
		var err error
		if acks, err = r.p.c.Sessions.Acks(ctx, r.s.App(), r.s.Accid()); err != nil {
			return err
		}
	}
	times := map[im.Scene]map[string]int64{im.SceneP2P: {}, im.SceneTeam: {}, im.SceneSuperTeam: {}}
	for _, k := range acks {
		times[k.Scene][k.Target] = k.TimeMs
	}
	if plain {
		r.send(nimwire.SyncSessionAck, &nimwire.SyncSessionAckResponse{P2p: times[im.SceneP2P], Team: times[im.SceneTeam], Timetag: r.startMs})
	}
	if super {
		r.send(nimwire.SyncSuperTeamSessionAck, &nimwire.SyncSuperTeamSessionAckResponse{SuperTeam: times[im.SceneSuperTeam], Timetag: r.startMs})
	}
	return nil
}

// messages sends 4-9 (one conversation each, newest first), 4-22, 4-25 and 4-4. A
// message is in one of 4-9 and 4-4, never in both (rules 5 and 6).
func (r *syncRun) messages(ctx context.Context) error {
	if !r.has.Any(session.HasConversations | session.HasTeams) {
		return nil
	}
	a := r.ask
	res, err := r.p.c.Messages.Sync(ctx, message.SyncRequest{
		App: r.s.App(), Accid: r.s.Accid(), Offline: a.OfflineMsgs.IsSet(), Roaming: a.RoamingMsgs.IsSet(),
		SinceMs: max(a.RoamingMsgs.Int(), r.s.Login().ResumeMs), Watermark: r.watermark, Node: r.p.c.Node,
		SuperRoaming: a.SuperTeamRoamingMsgs.IsSet(), SuperSinceMs: max(a.SuperTeamRoamingMsgs.Int(), r.s.Login().ResumeMs),
	})
	if err != nil {
		return err
	}
	r.super = res.Super
	for _, msgs := range res.Roaming {
		r.contained = append(r.contained, msgs...)
		r.send(nimwire.SyncRoamingMsgs, &nimwire.SyncRoamingMsgsResponse{Msgs: messagesTo(msgs)})
	}
	r.moreRoaming(res)
	r.offline = res.Offline
	r.contained = append(r.contained, res.Offline...)
	for rest := res.Offline; len(rest) > 0; {
		n := min(len(rest), maxSyncFrame)
		r.send(nimwire.SyncOfflineMsgs, &nimwire.SyncOfflineMsgsResponse{Msgs: messagesTo(rest[:n])})
		rest = rest[n:]
	}
	return nil
}

// ackFunc takes ids that a client has received.
type ackFunc func(ctx context.Context, s *gateway.Session, ids []int64) error

// ackTable says who hears of an acknowledgement, by the kind of packet that is
// acknowledged (docs/protocol/nim-core.md section 4.5).
func (p *Product) ackTable() map[wire.ID]ackFunc {
	messages := func(ctx context.Context, s *gateway.Session, ids []int64) error {
		return s.Delivered(ctx, p.c.Messages, ids)
	}
	return map[wire.ID]ackFunc{
		{SID: 7, CID: 2}:   messages,
		{SID: 8, CID: 3}:   messages,
		{SID: 7, CID: 3}:   p.ackNotices,
		{SID: 7, CID: 17}:  p.ackBroadcasts,
		{SID: 21, CID: 19}: p.ackNotices,
		{SID: 15, CID: 11}: p.ackSignaling,
	}
}

// maxAcked is how many ids one acknowledgement may name. Clients acknowledge
// frame by frame, and none of ours carries that many.
const maxAcked = 1000

// batchMarkRead is 4-5: what the client has received. It has no answer; a kind
// that nobody knows is ignored.
func (p *Product) batchMarkRead(ctx context.Context, s *gateway.Session, req *nimwire.BatchMarkReadRequest) (*gateway.None, error) {
	if len(req.Ids) > maxAcked {
		return nil, im.Errorf(im.CodeBadParam, "at most %d ids", maxAcked)
	}
	if fn := p.acks[wire.ID{SID: uint16(req.Sid), CID: uint16(req.Cid)}]; fn != nil {
		return nil, fn(ctx, s, req.Ids)
	}
	return nil, nil
}
