package team

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
)

// Config is what a Service needs.
type Config struct {
	Store    Store
	Accounts *account.Service
	Messages *message.Service
	Bus      im.Publisher
	Clock    im.Clock
	IDs      *im.IDs
	// Attach encodes the content of a notification message.
	Attach  func(*Notification) string
	Notices *notice.Service
	// Notify encodes system notifications.
	Notify func(Notify) []*notice.Notice
}

// Service changes and reads teams.
type Service struct {
	c    Config
	gate *gate
}

// New returns a Service.
func New(c Config) *Service {
	return &Service{c: c, gate: newGate(c.Store, c.Clock)}
}

// Actor is who does something. Permissions are its; the app's server acts as a
// member, usually the owner.
type Actor struct {
	App        *app.App
	Accid      string
	ClientType int
	Origin     string // connection id; it gets no copy of what its answer says
	Peer       eventcopy.Peer
	// Ask asks somebody else whether the actor may; it is called once, when the
	// parameters have been checked, and holds nothing up but its caller. nil:
	// nobody is asked.
	Ask func(ctx context.Context) error
	// Attach goes into the notification messages of what it does; nil = nothing.
	Attach *string
}

// NotifyType is a kind of system notification (docs/protocol/nim-social.md section 8).
type NotifyType int

// Kinds of system notifications. Super teams have numbers of their own on the wire.
const (
	NotifyApply NotifyType = iota
	NotifyApplyRejected
	NotifyInvite
	NotifyInviteRejected
)

// Notify is a system notification that a team sends.
type Notify struct {
	App    string
	Type   NotifyType
	Team   *Team
	From   string
	To     []string
	Text   string
	Attach *string // of an invitation
}

// NoteID says what a notification message tells; the values are those of teams
// (docs/protocol/nim-social.md section 7).
type NoteID int

// Notification messages.
const (
	NoteAdd            NoteID = 0
	NoteRemove         NoteID = 1
	NoteLeave          NoteID = 2
	NoteUpdate         NoteID = 3
	NoteDismiss        NoteID = 4
	NotePassApply      NoteID = 5
	NoteTransfer       NoteID = 6
	NoteAddManagers    NoteID = 7
	NoteRemoveManagers NoteID = 8
	NoteAccept         NoteID = 9
	NoteMuteMember     NoteID = 10
)

// Notification is the content of a notification message.
type Notification struct {
	ID      NoteID
	Team    *Team
	Changed *Update // NoteUpdate: only these fields are told
	Accids  []string
	Accid   string
	Users   []*account.Account
	Attach  *string
	Mute    bool
}

// edit is one change under way, inside its transaction.
type edit struct {
	*View
	s     *Service
	who   Actor
	cards map[string]*account.Account
	large bool // Roster is not everybody
	out   Change
}

// change runs fn on the team and tells the members of what it did. cards are
// the accounts fn may tell of; the actor is always among them.
func (s *Service) change(ctx context.Context, who Actor, conv im.ConvKey, named []string, needs Needs, fn func(*edit) error) error {
	if err := checkText("attach", who.Attach, maxInviteExtra); err != nil {
		return err
	}
	all := append([]string{who.Accid}, named...)
	cards, err := s.c.Accounts.GetMany(ctx, who.App.Key, all)
	if err != nil {
		return err
	}
	if cards[who.Accid] == nil {
		return im.Errorf(im.CodeNotFound, "no such account")
	}
	if who.Ask != nil {
		if err := who.Ask(ctx); err != nil {
			return err
		}
	}
	needs.Roster = conv.Scene() == im.SceneTeam && (message.Copied(who.App, im.SceneTeam) || eventcopy.WantedConv(who.App, eventcopy.ConvCustomTeam))
	err = s.c.Store.ChangeTeam(ctx, who.App.Key, conv, all, needs, func(v *View) (*Change, error) {
		if t := v.Team; t != nil {
			// Lists are synchronised by these times: they never step back.
			v.NowMs = max(v.NowMs, t.MemberMs, t.UpdatedMs)
		}
		e := &edit{View: v, s: s, who: who, cards: cards, large: v.Team != nil && v.Team.MemberNum > CopiedMembers}
		if err := fn(e); err != nil {
			return nil, err
		}
		return &e.out, nil
	}, func(c *Change) { s.published(who.App.Key, conv, c) })
	s.gate.drop(who.App.Key, conv)
	return err
}

// published tells the nodes of a committed change, on the committer's goroutine.
// Newcomers enter before the notification that brings them in, leavers go after
// theirs; all on the conversation's own lane, so that nothing overtakes.
func (s *Service) published(app string, conv im.ConvKey, c *Change) {
	s.gate.drop(app, conv)
	for _, st := range c.Steps {
		if len(st.Joined) > 0 {
			s.c.Bus.Publish(im.Event{Kind: EventRoom, App: app, Conv: conv, Body: Room{Joined: accids(st.Joined)}.Encode()})
		}
		if st.Msg != nil {
			s.c.Messages.Committed(st.Msg)
		}
		if len(st.Left) > 0 || st.Dismissed {
			s.c.Bus.Publish(im.Event{Kind: EventRoom, App: app, Conv: conv, Body: Room{Left: accids(st.Left), All: st.Dismissed}.Encode()})
		}
	}
	if len(c.Notices) > 0 {
		s.c.Notices.Publish(c.Notices...)
	}
	// Always last: other nodes forget what they know of the team.
	s.c.Bus.Publish(im.Event{Kind: EventRoom, App: app, Conv: conv, Body: Room{}.Encode()})
}

func accids(members []*Member) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.Accid
	}
	return out
}

// member returns the actor's membership after checking that it may do op.
func (e *edit) allowed(op Op) (*Member, error) {
	m := e.Members[e.who.Accid]
	return m, e.Team.allows(m, op)
}

// valid returns the present membership of accid, or nil.
func (e *edit) valid(accid string) *Member {
	if m := e.Members[accid]; m != nil && m.Valid {
		return m
	}
	return nil
}

// touch writes a changed member.
func (e *edit) touch(m *Member) {
	m.UpdatedMs, e.Team.MemberMs = e.NowMs, e.NowMs
	e.out.Members = append(e.out.Members, m)
	e.out.Team = e.Team
}

// join makes accid a member; the notification that says so is the caller's.
func (e *edit) join(accid, inviter string, role Role) *Member {
	t := e.Team
	t.LastJoinMs = max(e.NowMs, t.LastJoinMs+1)
	m := &Member{TID: t.TID, Accid: accid, Role: role, Inviter: inviter, JoinMs: t.LastJoinMs, Valid: true}
	if old := e.Members[accid]; old != nil {
		m.Span = old.Span
	}
	e.Members[accid] = m
	e.Roster = append(e.Roster, accid)
	t.MemberNum++
	e.out.DropOf = append(e.out.DropOf, accid)
	e.touch(m)
	return m
}

// leave ends a membership; the notification that says so is the caller's.
func (e *edit) leave(m *Member) {
	m.Valid, m.Muted, m.Role = false, false, Ordinary
	e.Roster = slices.DeleteFunc(e.Roster, func(accid string) bool { return accid == m.Accid })
	e.Team.MemberNum--
	e.touch(m)
}

// updated notes a change of the team's own fields.
func (e *edit) updated() {
	e.Team.UpdatedMs = e.NowMs
	e.out.Team = e.Team
}

// say appends a notification message from accid.
func (e *edit) say(from string, n Notification, st Step) {
	t := *e.Team // as it is now: a later step may change it
	n.Team = &t
	if n.Attach == nil {
		n.Attach = e.who.Attach
	}
	st.Msg = &message.Message{
		App: t.App, Conv: t.Conv(), Scene: t.Kind.Scene(), From: from, To: t.tid(), IDClient: newIDClient(), Flags: t.noteFlags(),
		Type: message.Notification, ClientType: e.who.ClientType,
		Content: message.Content{Attach: e.s.c.Attach(&n)},
	}
	if card := e.cards[from]; card != nil {
		st.Msg.Content.FromNick, st.Msg.Content.CardTime = card.Card.Name, card.Card.UpdatedMs
	}
	st.Msg.WantCopy(e.who.App, e.who.Peer)
	st.Msg.CopyMembers(eventcopy.Names(e.named()))
	e.out.Steps = append(e.out.Steps, st)
}

// named is the members that copies name; nobody when they are too many. Of a
// super team the field does not exist, and its members are not all loaded.
func (e *edit) named() []string {
	if e.Team.Kind == Super || e.large || len(e.Roster) > CopiedMembers {
		return nil
	}
	return e.Roster
}

// tell appends system notifications. They are stored with the change: whoever
// is asked to join hears of it, or nobody was asked.
func (e *edit) tell(n Notify) {
	if e.s.c.Notify == nil || len(n.To) == 0 {
		return
	}
	n.App, n.Team, n.From = e.who.App.Key, e.Team, e.who.Accid
	list := e.s.c.Notify(n)
	if len(list) == 0 {
		return
	}
	e.s.c.Notices.Prepare(list...)
	f := notice.CopyFacts{ClientType: e.who.ClientType, Peer: e.who.Peer, Members: e.named()}
	if n.Type == NotifyInvite {
		f.Members = n.To
	}
	if card := e.cards[n.From]; card != nil {
		f.Nick = card.Card.Name
	}
	list[0].WantCopy(e.who.App, f)
	e.out.Notices = append(e.out.Notices, list...)
}

// noteFlags are the switches of the team's notification messages.
func (t *Team) noteFlags() (f message.Flags) {
	if t.QuietOnline {
		f |= message.NotLive
	}
	if t.QuietStored {
		f |= message.NoHistory | message.NoRoaming | message.NoOffline | message.NoSession
	}
	return f
}

// users returns the cards of accounts for a notification, each once.
func (e *edit) users(ids ...string) []*account.Account {
	seen := map[string]bool{}
	var out []*account.Account
	for _, id := range ids {
		if a := e.cards[id]; a != nil && !seen[id] {
			seen[id] = true
			out = append(out, a)
		}
	}
	return out
}

func newIDClient() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// Events of this package.
const (
	EventRoom     = im.EventTeamBase + iota // who may be sent the conversation changed; Body is a Room
	EventCreated                            // To made a team on another device; Body is DecodeTeam's
	EventMember                             // a member's own data changed; Body is DecodeMember's
	EventReceipts                           // To's messages were read; Body is DecodeReceipts'
)

// Room is the body of EventRoom. An empty one says that something else of the
// team changed: what is cached of it is stale.
type Room struct {
	Joined, Left []string `json:",omitempty"`
	All          bool     `json:",omitempty"` // everyone leaves
}

// Encode packs r for the bus.
func (r Room) Encode() []byte { return mustJSON(r) }

// DecodeRoom reads the body of EventRoom.
func DecodeRoom(b []byte) (r Room, err error) { return r, json.Unmarshal(b, &r) }

// DecodeTeam reads the body of EventCreated.
func DecodeTeam(b []byte) (t *Team, err error) { return t, json.Unmarshal(b, &t) }

// MemberEvent is the body of EventMember.
type MemberEvent struct {
	Kind   Kind
	Member Member
	Public bool // others may hear of it too
}

// DecodeMember reads the body of EventMember.
func DecodeMember(b []byte) (e MemberEvent, err error) { return e, json.Unmarshal(b, &e) }

func mustJSON(v any) []byte {
	b, _ := json.Marshal(v) // strings, numbers and lists of them only: cannot fail
	return b
}

// Observe keeps what this node remembers of teams right; it is called with every
// event of the bus.
func (s *Service) Observe(ev im.Event) {
	if ev.Kind == EventRoom {
		s.gate.drop(ev.App, ev.Conv)
	}
}

// checkText holds texts against their limits in characters
// (docs/protocol/nim-social.md section 5.2).
func checkText(what string, text *string, limit int) error {
	if text != nil && strings.ContainsRune(*text, 0) {
		return im.Errorf(im.CodeBadParam, "%s holds a NUL", what)
	}
	if text != nil && len(*text) > limit && utf8.RuneCountInString(*text) > limit {
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters", what, limit)
	}
	return nil
}

// names normalises a list of accounts, drops repetitions and one's own name, and
// bounds it.
func names(list []string, self string, most int) ([]string, error) {
	if len(list) > most {
		return nil, im.Errorf(im.CodeBadParam, "at most %d accounts", most)
	}
	seen := map[string]bool{self: true}
	var out []string
	for _, raw := range list {
		id, ok := im.NormalizeAccid(raw)
		if !ok {
			return nil, im.Errorf(im.CodeNotFound, "no such account")
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out, nil
}

// exist refuses with 404 unless all accounts exist.
func (s *Service) exist(ctx context.Context, app string, ids []string) error {
	found, err := s.c.Accounts.GetMany(ctx, app, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if found[id] == nil {
			return im.Errorf(im.CodeNotFound, "no such account")
		}
	}
	return nil
}
