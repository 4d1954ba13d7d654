package nimgw

import (
	"context"
	"slices"
	"time"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

const (
	// maxSyncFrame is how many messages one 4-4 carries, and maxSyncBytes about
	// how long lists of messages are; they may be split
	// (docs/protocol/nim-core.md section 2.10).
	maxSyncFrame = 100
	maxSyncBytes = 256 << 10
	// stepTime is for the reading of one category.
	stepTime = 7 * time.Second
)

// sync is 5-1: the categories asked for, in the order of
// docs/protocol/nim-core.md section 4.2, then the answer with the server time.
// Events wait while it runs.
func (p *Product) sync(ctx context.Context, s *gateway.Session, req *nimwire.SyncRequest, reply func(wire.REncoder, error)) error {
	s.Hold()
	p.c.Subscriptions.Listen(s.Login().Device) // before it is read whether there are subscriptions
	has, err := p.enterRooms(ctx, s)           // before the watermark: what comes later comes live
	r := &syncRun{p: p, s: s, ask: &req.Sync, has: has, startMs: p.c.Clock.NowMs(), watermark: p.c.Messages.Watermark()}
	if err == nil {
		err = r.run()
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
	err       error              // of sending: the client takes nothing more
}

// run answers the categories that were asked for, in the order of
// docs/protocol/nim-core.md section 4.2: what is known before the messages gives
// them their right state on first sight. A time tag of 0 asks for everything,
// an absent one for nothing.
func (r *syncRun) run() error {
	for _, step := range []func(context.Context) error{
		r.myInfo, r.relations, r.friends, r.friendUsers, r.teams, r.myTeamMembers, r.superTeams, r.mySuperTeamMembers,
		r.stickTopSessions, r.sessionAcks, r.receipts, r.clearedHistory, r.deletedSelf,
		r.messages, r.notices, r.recalls, r.broadcasts, r.signaling, r.presence,
	} {
		ctx, cancel := context.WithTimeout(r.s.Context(), stepTime)
		err := step(ctx)
		cancel()
		if err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

func (r *syncRun) send(c wire.Command, resp wire.REncoder) { r.push(c.PushID(), resp) }

// push sends when the client has taken most of what it was sent before.
func (r *syncRun) push(id wire.ID, resp wire.REncoder) {
	if r.err == nil {
		r.err = r.s.PushAsked(id, resp)
	}
}

// parts cuts a list of messages into frames of at most most messages.
func parts(msgs []*message.Message, most int) (out [][]*message.Message) {
	from, bytes := 0, 0
	for i, m := range msgs {
		n := m.Bytes()
		if i > from && (i-from == most || bytes+n > maxSyncBytes) {
			out = append(out, msgs[from:i])
			from, bytes = i, 0
		}
		bytes += n
	}
	if from < len(msgs) {
		out = append(out, msgs[from:])
	}
	return out
}

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

// roamed sends 4-9 or, of super teams, 4-17: of one conversation, newest first.
// What is too long for one packet comes in several, the oldest first: clients put
// them together, and know the newest message last.
func (r *syncRun) roamed(super bool, msgs []*message.Message) error {
	id := nimwire.SyncRoamingMsgs.PushID()
	if super {
		id = wire.ID{SID: 4, CID: 17}
	}
	for _, part := range slices.Backward(parts(msgs, len(msgs))) {
		r.push(id, &nimwire.SyncRoamingMsgsResponse{Msgs: messagesTo(part)})
	}
	return r.err
}

// messages sends 4-9 and 4-17, conversation by conversation, 4-22, 4-25 and 4-4. A
// message is in one of 4-9 and 4-4, never in both (rules 5 and 6). It takes as
// long as the client does.
func (r *syncRun) messages(context.Context) error {
	if !r.has.Any(session.HasConversations | session.HasTeams) {
		return nil
	}
	a := r.ask
	res, err := r.p.c.Messages.Sync(r.s.Context(), message.SyncRequest{
		App: r.s.App(), Accid: r.s.Accid(), Offline: a.OfflineMsgs.IsSet(), Roaming: a.RoamingMsgs.IsSet(),
		SinceMs: r.since(a.RoamingMsgs.Int()), Watermark: r.watermark, Node: r.p.c.Node,
		SuperRoaming: a.SuperTeamRoamingMsgs.IsSet(), SuperSinceMs: r.since(a.SuperTeamRoamingMsgs.Int()),
		Roamed: r.roamed,
	})
	if err != nil {
		return err
	}
	for _, lists := range [][][]*message.Message{res.Roaming, res.Super} {
		for _, msgs := range lists {
			r.contained = append(r.contained, msgs...)
		}
	}
	r.moreRoaming(res)
	r.offline = res.Offline
	r.contained = append(r.contained, res.Offline...)
	for _, part := range parts(res.Offline, maxSyncFrame) {
		if part, err = r.p.c.Messages.Fill(r.s.Context(), r.s.App(), r.s.Accid(), part); err != nil {
			return err
		}
		if len(part) > 0 {
			r.send(nimwire.SyncOfflineMsgs, &nimwire.SyncOfflineMsgsResponse{Msgs: messagesTo(part)})
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// since returns the time after which messages roam to a client with this time
// tag. Where events were lost the tag proves nothing.
func (r *syncRun) since(tagMs int64) int64 {
	l := r.s.Login()
	ms := max(tagMs, l.ResumeMs)
	if l.TrustMs == 0 || ms == 0 {
		return ms
	}
	return max(1, min(ms, l.TrustMs))
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
