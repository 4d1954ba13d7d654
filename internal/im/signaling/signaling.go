// Package signaling owns the setting up of calls: channels with members and
// invitations, the events that tell of them, and their ends
// (docs/protocol/nim-social.md section 12).
//
// It must not know frames, SQL or media: a call's sound and picture go past the
// server.
package signaling

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/presence"
)

// Store keeps channels and the notes that wait for an acknowledgement. Every
// method is one durable unit of work. A channel that does not exist is
// CodeNoChannel.
type Store interface {
	// CreateChannel inserts a channel and keeps notes; a name that a live channel
	// has is CodeNameTaken, one that ended before nowMs gives its name up.
	CreateChannel(ctx context.Context, c *Channel, out Outcome, keepMax int, nowMs int64) error
	// UpdateChannel changes a channel in one transaction; change may run again.
	UpdateChannel(ctx context.Context, app string, id int64, keepMax int, change func(*Channel) (Outcome, error)) (*Channel, Outcome, error)
	Channel(ctx context.Context, app string, id int64) (*Channel, error)
	ChannelNamed(ctx context.Context, app, name string) (*Channel, error)
	// ChannelsOf returns the channels an account is a member of, oldest first.
	ChannelsOf(ctx context.Context, app, accid string) ([]*Channel, error)
	// DueChannels returns at most limit channels whose DueMs is not after nowMs.
	DueChannels(ctx context.Context, app string, nowMs int64, limit int) ([]int64, error)
	// Kept returns an account's notes from an id on, oldest first.
	Kept(ctx context.Context, app, accid string, fromID int64) ([]*Note, error)
	// AcknowledgeNotes forgets notes of an account; unknown ids are ignored.
	AcknowledgeNotes(ctx context.Context, app, accid string, ids []int64) error
	// DropNotes forgets at most limit notes with ids below beforeID.
	DropNotes(ctx context.Context, app string, beforeID int64, limit int) (int, error)
	// PutCopies stores what the app's server is told of events that nothing else
	// is stored of.
	PutCopies(ctx context.Context, cs []*eventcopy.Copy) error
}

// Config is what a Service needs.
type Config struct {
	Store     Store
	Accounts  *account.Service
	Directory *presence.Directory
	Bus       im.Publisher
	Clock     im.Clock
	NextID    func() int64
}

// Service has the rules.
type Service struct{ c Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c: c} }

// Lengths in characters (docs/protocol/nim-social.md section 12.1).
const (
	maxName        = 128
	maxExt         = 4096
	maxRequest     = 128
	maxPushTitle   = 32
	maxPushContent = 500
)

// maxAcks bounds what one acknowledgement is believed to name.
const maxAcks = 500

// Ask are the fields of a request about a channel.
type Ask struct {
	Channel   int64
	Type      int
	Name, Ext string
	RTCName   string
	UID       int64
	Peer      string // invitee, or inviter of an answer
	Request   string
	AttachExt string
	Offline   bool // keep the event for who is offline
	NoRoute   bool // the app's server is not told
	Push      *Push
}

// Create makes a channel. Its creator is not a member.
func (s *Service) Create(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, error) {
	c, err := s.fresh(a, by, q)
	if err != nil {
		return nil, err
	}
	return c, s.c.Store.CreateChannel(ctx, c, Outcome{Copies: created(a, q, c)}, s.keepMax(a), c.CreatedMs)
}

// Call creates, joins and invites in one step. The second result says what
// became of the invitation: 200, CodePeerOffline or CodePushUnreachable.
func (s *Service) Call(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, im.Code, error) {
	c, err := s.fresh(a, by, q)
	if err != nil {
		return nil, 0, err
	}
	if err := s.invitee(ctx, a, &q); err != nil {
		return nil, 0, err
	}
	now := c.CreatedMs
	joined, err := s.join(a, c, by, q, s.c.NextID(), now)
	if err != nil {
		return nil, 0, err
	}
	out, err := s.invite(c, by, q, s.c.NextID(), now)
	if err != nil {
		return nil, 0, err
	}
	out.Copies = slices.Concat(created(a, q, c), copied(a, q, joined), copied(a, q, out))
	if err := s.c.Store.CreateChannel(ctx, c, out, s.keepMax(a), now); err != nil {
		return nil, 0, err
	}
	s.publish(a.Key, out)
	return c, im.CodeOf(s.reach(a, q)), nil
}

// Delay prolongs a channel by two hours from now.
func (s *Service) Delay(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, error) {
	return s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) { return Outcome{}, c.delay(by, now) })
}

// Close ends a channel and tells its other members.
func (s *Service) Close(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, error) {
	id := s.c.NextID()
	return s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) {
		if err := c.close(by.Accid); err != nil {
			return Outcome{}, err
		}
		n := &Note{ID: id, Kind: KindClose, Channel: c.Head(), From: by.Accid, AttachExt: q.AttachExt, TimeMs: now}
		return Outcome{Sends: []Send{{Note: n, To: c.Others(by.Accid), Keep: q.Offline}}}, nil
	})
}

// Join makes the caller a member and tells the others.
func (s *Service) Join(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, error) {
	id := s.c.NextID()
	return s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) { return s.join(a, c, by, q, id, now) })
}

// Leave takes the caller out and tells the others.
func (s *Service) Leave(ctx context.Context, a *app.App, by Caller, q Ask) error {
	id := s.c.NextID()
	_, err := s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) {
		m, err := c.leave(by.Accid, now)
		return left(c, m, q, id, now), err
	})
	return err
}

// Kick takes a member out for the app's server. Everybody in the channel is
// told that it left, the member too.
func (s *Service) Kick(ctx context.Context, a *app.App, q Ask) error {
	id := s.c.NextID()
	_, err := s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) {
		m, err := c.leave(q.Peer, now)
		if err != nil {
			return Outcome{}, im.Errorf(CodeNotMember, "to not member")
		}
		out := left(c, m, q, id, now)
		out.Sends[0].To = append(out.Sends[0].To, m.Accid)
		return out, nil
	})
	return err
}

// Invite tells q.Peer of the channel. CodePeerOffline and CodePushUnreachable
// mean that the invitation stands and nobody has heard of it.
func (s *Service) Invite(ctx context.Context, a *app.App, by Caller, q Ask) error {
	if err := s.invitee(ctx, a, &q); err != nil {
		return err
	}
	id := s.c.NextID()
	_, err := s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) { return s.invite(c, by, q, id, now) })
	if err != nil {
		return err
	}
	return s.reach(a, q)
}

// CancelInvite takes an invitation back.
func (s *Service) CancelInvite(ctx context.Context, a *app.App, by Caller, q Ask) error {
	id := s.c.NextID()
	_, err := s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) {
		v, err := c.pending(by.Accid, q.Peer, q.Request)
		if err != nil {
			return Outcome{}, err
		}
		v.State = Cancelled
		n := &Note{ID: id, Kind: KindCancel, Channel: c.Head(), From: by.Accid, To: q.Peer, Request: q.Request, AttachExt: q.AttachExt, Push: q.Push, TimeMs: now}
		return Outcome{Sends: []Send{{Note: n, To: []string{q.Peer}, Keep: q.Offline}}, Withdraw: []Stored{{v.To, v.EventID}}}, nil
	})
	return err
}

// Answer accepts or rejects an invitation of q.Peer. CodePeerOffline means that
// it was noted and the inviter is not online.
func (s *Service) Answer(ctx context.Context, a *app.App, by Caller, q Ask, accept bool) error {
	id := s.c.NextID()
	_, err := s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) { return answer(c, by, q, accept, id, now) })
	if err == nil && len(s.c.Directory.Devices(a.Key, q.Peer)) == 0 {
		return im.Errorf(CodePeerOffline, "the inviter is not online")
	}
	return err
}

// JoinAndAccept does both in one step, or neither.
func (s *Service) JoinAndAccept(ctx context.Context, a *app.App, by Caller, q Ask) (*Channel, error) {
	acceptID, joinID := s.c.NextID(), s.c.NextID()
	return s.change(ctx, a, q, func(c *Channel, now int64) (Outcome, error) {
		out, err := answer(c, by, q, true, acceptID, now)
		if err != nil {
			return Outcome{}, err
		}
		joined, err := s.join(a, c, by, q, joinID, now)
		out.Sends = append(out.Sends, joined.Sends...)
		return out, err
	})
}

// Custom sends a command to q.Peer or, without one, to all other members that
// are online. The app's server may reach members only.
func (s *Service) Custom(ctx context.Context, a *app.App, by Caller, q Ask) error {
	if err := checkAsk(a, &q); err != nil {
		return err
	}
	c, err := s.Get(ctx, a, q.Channel, "")
	if err != nil {
		return err
	}
	if _, is := c.Member(by.Accid); !is {
		return im.Errorf(CodeNotMember, "not in the channel")
	}
	to := c.Others(by.Accid)
	if q.Peer != "" {
		if _, is := c.Member(q.Peer); !is && by.server() {
			return im.Errorf(CodeNotMember, "to not member")
		}
		to = []string{q.Peer}
	}
	n := &Note{ID: s.c.NextID(), Kind: KindCustom, Channel: c.Head(), From: by.Accid, To: q.Peer, AttachExt: q.AttachExt, TimeMs: s.c.Clock.NowMs()}
	out := Outcome{Sends: []Send{{Note: n, To: to}}}
	if cs := copied(a, q, out); cs != nil {
		if err := s.c.Store.PutCopies(ctx, cs); err != nil {
			return err
		}
	}
	s.publish(a.Key, out)
	return nil
}

// Get returns a live channel by id or, when that is 0, by name.
func (s *Service) Get(ctx context.Context, a *app.App, id int64, name string) (*Channel, error) {
	if err := allowed(a); err != nil {
		return nil, err
	}
	var c *Channel
	var err error
	switch {
	case id != 0:
		c, err = s.c.Store.Channel(ctx, a.Key, id)
	case name != "" && utf8.RuneCountInString(name) <= maxName:
		c, err = s.c.Store.ChannelNamed(ctx, a.Key, name)
	default:
		return nil, im.Errorf(CodeBadParam, "neither name nor id")
	}
	if err == nil && !c.Live(s.c.Clock.NowMs()) {
		return nil, im.Errorf(CodeNoChannel, "no such channel")
	}
	return c, err
}

// Resume returns the channels that this client is still in, after a reconnect
// too.
func (s *Service) Resume(ctx context.Context, a *app.App, by Caller) ([]*Channel, error) {
	all, err := s.c.Store.ChannelsOf(ctx, a.Key, by.Accid)
	if err != nil {
		return nil, err
	}
	online, now := s.online(a.Key, by.Accid), s.c.Clock.NowMs()
	var out []*Channel
	for _, c := range all {
		if !c.Live(now) || !c.mayResume(by, online) {
			continue
		}
		next, _, err := s.c.Store.UpdateChannel(ctx, a.Key, c.ID, s.keepMax(a), func(c *Channel) (Outcome, error) {
			if !c.Live(now) || !c.resume(by, now, online) {
				return Outcome{}, im.Errorf(CodeNoChannel, "no such channel")
			}
			return Outcome{}, nil
		})
		switch {
		case err == nil:
			out = append(out, next)
		case im.CodeOf(err) != CodeNoChannel:
			return nil, err
		}
	}
	return out, nil
}

// Missed returns the notes an account has not acknowledged, oldest first.
func (s *Service) Missed(ctx context.Context, a *app.App, accid string) ([]*Note, error) {
	return s.c.Store.Kept(ctx, a.Key, accid, s.oldest(a))
}

// Acknowledge forgets notes; any session of the account speaks for all.
func (s *Service) Acknowledge(ctx context.Context, a *app.App, accid string, ids []int64) error {
	if len(ids) > maxAcks {
		ids = ids[:maxAcks]
	}
	return s.c.Store.AcknowledgeNotes(ctx, a.Key, accid, ids)
}

// Expire ends members and channels of an app whose time has run out, prolongs
// those in use, and forgets old notes; limit bounds each.
func (s *Service) Expire(ctx context.Context, a *app.App, limit int) error {
	now := s.c.Clock.NowMs()
	ids, err := s.c.Store.DueChannels(ctx, a.Key, now, limit)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, out, err := s.c.Store.UpdateChannel(ctx, a.Key, id, s.keepMax(a), func(c *Channel) (Outcome, error) {
			var out Outcome
			for _, m := range c.expire(now, func(conn string) bool { return s.connected(a.Key, c, conn) }) {
				out.Sends = append(out.Sends, left(c, m, Ask{}, s.c.NextID(), now).Sends...)
			}
			out.Copies = copied(a, Ask{}, out)
			return out, nil
		})
		if err != nil && im.CodeOf(err) != CodeNoChannel {
			return err
		}
		s.publish(a.Key, out)
	}
	_, err = s.c.Store.DropNotes(ctx, a.Key, s.oldest(a), limit)
	return err
}

func (s *Service) connected(appKey string, c *Channel, conn string) bool {
	for _, m := range c.Members {
		if m.Conn == conn {
			return s.online(appKey, m.Accid)(conn)
		}
	}
	return false
}

// change runs op on a live channel and publishes what comes of it.
func (s *Service) change(ctx context.Context, a *app.App, q Ask, op func(c *Channel, nowMs int64) (Outcome, error)) (*Channel, error) {
	if err := checkAsk(a, &q); err != nil {
		return nil, err
	}
	now := s.c.Clock.NowMs()
	c, out, err := s.c.Store.UpdateChannel(ctx, a.Key, q.Channel, s.keepMax(a), func(c *Channel) (Outcome, error) {
		if !c.Live(now) {
			return Outcome{}, im.Errorf(CodeNoChannel, "no such channel")
		}
		out, err := op(c, now)
		out.Copies = copied(a, q, out)
		return out, err
	})
	if err != nil {
		return nil, err
	}
	s.publish(a.Key, out)
	return c, nil
}

func (s *Service) fresh(a *app.App, by Caller, q Ask) (*Channel, error) {
	if err := checkAsk(a, &q); err != nil {
		return nil, err
	}
	if q.Type < 1 || q.Type > 3 {
		return nil, im.Errorf(CodeBadParam, "type is 1, 2 or 3")
	}
	if q.Name == "" {
		b := make([]byte, 16)
		_, _ = rand.Read(b) // never fails since Go 1.24
		q.Name = hex.EncodeToString(b)
	}
	now := s.c.Clock.NowMs()
	return &Channel{App: a.Key, ID: s.c.NextID(), Name: q.Name, Type: q.Type, Creator: by.Accid, Ext: q.Ext, RTCName: q.RTCName,
		CreatedMs: now, ExpiresMs: now + lifeMs}, nil
}

func (s *Service) join(a *app.App, c *Channel, by Caller, q Ask, id, now int64) (Outcome, error) {
	m, err := c.join(by, q.UID, now, s.online(a.Key, by.Accid), drawUID)
	if err != nil {
		return Outcome{}, err
	}
	n := &Note{ID: id, Kind: KindJoin, Channel: c.Head(), From: by.Accid, AttachExt: q.AttachExt, Member: &m, TimeMs: now}
	return Outcome{Sends: []Send{{Note: n, To: c.Others(by.Accid), Keep: q.Offline}}}, nil
}

func left(c *Channel, m Member, q Ask, id, now int64) Outcome {
	n := &Note{ID: id, Kind: KindLeave, Channel: c.Head(), From: m.Accid, AttachExt: q.AttachExt, TimeMs: now}
	return Outcome{Sends: []Send{{Note: n, To: c.Others(m.Accid), Keep: q.Offline}}}
}

func (s *Service) invite(c *Channel, by Caller, q Ask, id, now int64) (Outcome, error) {
	if err := c.invite(by, q.Peer, q.Request, id); err != nil {
		return Outcome{}, err
	}
	n := &Note{ID: id, Kind: KindInvite, Channel: c.Head(), From: by.Accid, To: q.Peer, Request: q.Request, AttachExt: q.AttachExt, Push: q.Push, TimeMs: now}
	return Outcome{Sends: []Send{{Note: n, To: []string{q.Peer}, Keep: q.Offline}}}, nil
}

func answer(c *Channel, by Caller, q Ask, accept bool, id, now int64) (Outcome, error) {
	v, err := c.pending(q.Peer, by.Accid, q.Request)
	if err != nil {
		return Outcome{}, err
	}
	kind := KindReject
	if v.State = Rejected; accept {
		v.State, kind = Accepted, KindAccept
	}
	n := Note{ID: id, Kind: kind, Channel: c.Head(), From: by.Accid, To: q.Peer, Request: q.Request, AttachExt: q.AttachExt, TimeMs: now}
	echo := n
	echo.Echo = true
	return Outcome{
		Sends:    []Send{{Note: &n, To: []string{q.Peer}, Keep: q.Offline}, {Note: &echo, To: []string{by.Accid}, Not: by.Conn}},
		Withdraw: []Stored{{v.To, v.EventID}},
	}, nil
}

// invitee checks whom an invitation is for.
func (s *Service) invitee(ctx context.Context, a *app.App, q *Ask) error {
	id, ok := im.NormalizeAccid(q.Peer)
	if !ok || q.Request == "" {
		return im.Errorf(CodeBadParam, "invitee and requestId")
	}
	q.Peer = id
	if _, err := s.c.Accounts.Get(ctx, a.Key, id); im.CodeOf(err) == im.CodeNotFound {
		return im.Errorf(CodeBadParam, "%s is not registered", id)
	} else if err != nil {
		return err
	}
	return nil
}

// reach says whether anybody hears of an invitation now.
func (s *Service) reach(a *app.App, q Ask) error {
	switch {
	case len(s.c.Directory.Devices(a.Key, q.Peer)) > 0:
		return nil
	case q.Push != nil && q.Push.Need:
		return im.Errorf(CodePushUnreachable, "the invitee is not online and no push provider is attached")
	}
	return im.Errorf(CodePeerOffline, "the invitee is not online")
}

func (s *Service) publish(appKey string, out Outcome) {
	var events []im.Event
	for _, x := range out.Sends {
		body := x.Note.Encode()
		for _, to := range x.To {
			events = append(events, im.Event{Kind: Event, App: appKey, To: to, ID: x.Note.ID, Origin: x.Not, Body: body})
		}
	}
	s.c.Bus.Publish(events...)
}

// online says whether a connection of an account is up, on any node.
func (s *Service) online(appKey, accid string) func(conn string) bool {
	return func(conn string) bool {
		return slices.ContainsFunc(s.c.Directory.Devices(appKey, accid), func(d *presence.Device) bool { return d.ConnectionID == conn })
	}
}

func (s *Service) keepMax(a *app.App) int { return int(a.Settings.SignalingOfflineMax) }

// oldest is the smallest id of a note that is still delivered.
func (s *Service) oldest(a *app.App) int64 {
	return im.FirstIDAt(s.c.Clock.NowMs() - a.Settings.SignalingOfflineDays*24*3600*1000)
}

func allowed(a *app.App) error {
	if !a.Settings.Signaling {
		return im.Errorf(im.CodeForbidden, "signaling is switched off for this app")
	}
	return nil
}

// checkAsk holds a request against the limits and gives peers one spelling.
func checkAsk(a *app.App, q *Ask) error {
	if err := allowed(a); err != nil {
		return err
	}
	push := Push{}
	if q.Push != nil {
		push = *q.Push
	}
	for _, f := range []struct {
		text  string
		limit int
		name  string
	}{
		{q.Name, maxName, "name"}, {q.Ext, maxExt, "ext"}, {q.Request, maxRequest, "requestId"}, {q.AttachExt, maxExt, "attachExt"}, {q.RTCName, maxName, "RTC name"},
		{push.Title, maxPushTitle, "pushTitle"}, {push.Content, maxPushContent, "pushContent"}, {push.Payload, maxExt, "pushPayload"},
	} {
		if utf8.RuneCountInString(f.text) > f.limit {
			return im.Errorf(CodeBadParam, "%s has at most %d characters", f.name, f.limit)
		}
	}
	if q.UID < 0 {
		return im.Errorf(CodeBadParam, "a uid is positive")
	}
	if id, ok := im.NormalizeAccid(q.Peer); ok {
		q.Peer = id
	} else if q.Peer != "" {
		return im.Errorf(CodeBadParam, "malformed account")
	}
	return nil
}

// drawUID draws a uid that JavaScript holds exactly.
func drawUID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return int64(binary.BigEndian.Uint64(b[:])>>12) + 1
}
