package message

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// ClientTypeREST is the client type of messages sent by the app's server.
const ClientTypeREST = 32

// Service sends messages and answers what an account may read.
type Service struct {
	store    Store
	accounts *account.Service
	bus      im.Publisher
	clock    im.Clock
	acks     *Acks
	rate     *sendRate
	review   Review
	stopped  stopped
	teams    Teams // nil: there are none
	gate     Gate  // nil: nobody may send into teams

	relations Relations // nil: nobody is blocked, everybody may write
}

// Relations answers what accounts are to each other; every client send asks.
type Relations interface {
	// Blocks says whether owner has other on the black list.
	Blocks(ctx context.Context, app, owner, other string) (bool, error)
	// AreFriends says whether two accounts are friends.
	AreFriends(ctx context.Context, app, a, b string) (bool, error)
}

// WithRelations makes sends heed black lists and friendships. It is called
// before the first send.
func (s *Service) WithRelations(r Relations) *Service {
	s.relations = r
	return s
}

// New returns a Service and connects it to the store's commits.
func New(store Store, accounts *account.Service, bus im.Publisher, clock im.Clock) *Service {
	s := &Service{store: store, accounts: accounts, bus: bus, clock: clock, rate: newSendRate(clock)}
	s.acks = newAcks(store)
	store.SetCommitted(s.committed)
	return s
}

// Acks returns the tracker of delivery acknowledgements, whose Run the caller owns.
func (s *Service) Acks() *Acks { return s.acks }

// Send is a request to send a p2p message. The façade fills what the sender
// may choose: To, Type, IDClient, Flags, ClientType, Content, and From.
type Send struct {
	App    *app.App
	Msg    *Message
	Origin string // connection id that sends; it gets the answer, not a copy
	REST   bool   // sent by the app's server, which is trusted: no mutes, no rate limit, no callback
	Peer   Peer   // where it came from; empty for REST
	// CheckMute: mutes count for a team message although it comes by REST.
	CheckMute bool
	// Judged is shared by sends of messages that differ in their receivers alone.
	Judged *Judged
}

// SendP2P checks a one-to-one message and queues it for the next commit. A
// refusal is returned at once; otherwise done is called exactly once after the
// commit, from the committer's goroutine. Messages of one caller commit in
// call order (docs/protocol/nim-core.md section 5.3). A message that the
// receiver's black list stops is stored for its sender alone: done then gets it
// together with im.CodeBlacklisted (section 5.6). One that the review stops is
// answered like any other, at once, and neither stored nor delivered.
func (s *Service) SendP2P(ctx context.Context, r Send, done func(m *Message, err error)) error {
	m := r.Msg
	if err := s.checkContent(r.App, m); err != nil {
		return err
	}
	to, ok := im.NormalizeAccid(m.To)
	if !ok {
		return im.Errorf(im.CodeNotFound, "no such account")
	}
	sender, err := s.accounts.Get(ctx, r.App.Key, m.From)
	if err != nil {
		return err
	}
	if !r.REST {
		switch {
		case sender.Blocked:
			return im.Errorf(im.CodeBlocked, "account blocked")
		case sender.Mute.All || sender.Mute.P2P:
			return im.Errorf(im.CodeMuted, "account muted")
		case !s.rate.allow(r.App.Key, m.From, r.App.Settings.SendRate):
			return im.Errorf(im.CodeTooFrequent, "too many messages")
		}
	}
	if _, err := s.accounts.Get(ctx, r.App.Key, to); err != nil {
		return err
	}
	m.App, m.Scene, m.To, m.Conv = r.App.Key, im.SceneP2P, to, im.P2PKey(m.From, to)
	// The nick and card time of the sender are the server's to say: receivers
	// refresh their copy of the card by them (docs/protocol/nim-core.md section 5.1).
	m.Content.FromNick, m.Content.CardTime = sender.Card.Name, sender.Card.UpdatedMs
	m.origin = r.Origin
	if stop, err := s.look(ctx, r); err != nil || stop {
		if err == nil {
			done(m, nil)
		}
		return err
	}
	if !r.REST && s.relations != nil && m.From != to {
		refused, err := s.related(ctx, r.App, m.From, to)
		if err != nil {
			return err
		}
		if refused {
			return s.refuse(m, done)
		}
	}
	return s.store.Append(&Pending{Msg: m, Idempotent: !r.REST, Done: func(_ bool, err error) { done(m, err) }})
}

// related holds a send against friendship and the receiver's black list.
func (s *Service) related(ctx context.Context, a *app.App, from, to string) (refused bool, err error) {
	if a.Settings.FriendsOnly {
		friends, err := s.relations.AreFriends(ctx, a.Key, from, to)
		if err != nil {
			return false, err
		}
		if !friends {
			return false, im.Errorf(im.CodeForbidden, "not friends")
		}
	}
	return s.relations.Blocks(ctx, a.Key, to, from)
}

// refuse stores a message that only its sender sees. Its client id is not
// claimed: when it is sent again after the block was lifted, it must arrive.
func (s *Service) refuse(m *Message, done func(m *Message, err error)) error {
	m.Flags |= Refused
	return s.store.Append(&Pending{Msg: m, Done: func(_ bool, err error) {
		if err == nil {
			err = im.Errorf(im.CodeBlacklisted, "on the receiver's black list")
		}
		done(m, err)
	}})
}

// Committed tells of messages that another package had stored in a write of its
// own. It is called after the commit on the committer's goroutine.
func (s *Service) Committed(msgs ...*Message) { s.committed(msgs) }

// committed tells the nodes of a batch: the receivers' devices, and the
// senders' other devices unless they asked for no copy. A team's message is one
// event for the conversation, however many members it has. What an account sent
// itself counts as delivered to it, or its own messages would leave holes in
// its delivery state.
func (s *Service) committed(batch []*Message) {
	events := make([]im.Event, 0, 2*len(batch))
	for _, m := range batch {
		if m.Scene != im.SceneP2P {
			if m.Scene == im.SceneTeam { // super teams keep no delivery state
				s.acks.add(m.App, m.From, m.Conv, m.Seq)
			}
			events = append(events, im.Event{Kind: im.EventMessage, App: m.App, Conv: m.Conv, Seq: m.Seq, ID: m.ID, Origin: m.origin, Body: liveBody(m)})
			continue
		}
		s.acks.add(m.App, m.From, m.Conv, m.Seq)
		if m.To != m.From && (!m.VisibleTo(m.To) || m.Flags.Has(NoOffline)) {
			s.acks.add(m.App, m.To, m.Conv, m.Seq) // nothing to wait for
		}
		body := Encode(m)
		if m.To != m.From {
			events = append(events, im.Event{Kind: im.EventMessage, App: m.App, To: m.To, Conv: m.Conv, Seq: m.Seq, ID: m.ID, Body: bodyFor(m, m.To, body)})
		}
		events = append(events, im.Event{Kind: im.EventMessage, App: m.App, To: m.From, Conv: m.Conv, Seq: m.Seq, ID: m.ID, Origin: m.origin, Body: bodyFor(m, m.From, body)})
	}
	s.bus.Publish(events...)
}

// bodyFor is what an account's devices get of m: nothing where it is hidden from
// them, and then the event only says that the number is taken.
func bodyFor(m *Message, accid string, body []byte) []byte {
	if !m.VisibleTo(accid) || accid == m.From && m.Flags.Has(NoSelfSync) {
		return nil
	}
	return body
}

// liveBody is what the members of a team get of m while they are online.
func liveBody(m *Message) []byte {
	if m.Flags.Has(NotLive) {
		return nil
	}
	return Encode(m)
}

// Missed reads the messages of a conversation with numbers between after and
// before, as the events that ev's receivers should have had.
func (s *Service) Missed(ctx context.Context, ev im.Event, after, before int64) ([]im.Event, error) {
	msgs, err := s.store.Page(ctx, ev.App, ev.Conv, PageQuery{MinSeq: after, MaxSeq: before, Ascending: true, Limit: maxMissed, Viewer: ev.To})
	if err != nil {
		return nil, err
	}
	out := make([]im.Event, 0, len(msgs))
	for _, m := range msgs {
		body := liveBody(m)
		if ev.To != "" {
			body = bodyFor(m, ev.To, body)
		}
		out = append(out, im.Event{Kind: im.EventMessage, App: m.App, To: ev.To, Conv: m.Conv, Seq: m.Seq, ID: m.ID,
			Origin: im.FromDevice(m.Content.FromDevice), From: m.From, Body: body})
	}
	return out, nil
}

// maxMissed bounds one reading of missed messages; what is beyond it comes with
// the next sync.
const maxMissed = 1000
