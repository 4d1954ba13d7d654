package chatroom

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
)

const (
	maxTags   = 10
	maxTag    = 32
	maxTarget = 128 // of a tag expression
	// maxAnonymous is the longest name of somebody who has no account: the SDK's
	// are 40 characters long.
	maxAnonymous = 64
)

// Entry is a request to enter a room.
type Entry struct {
	Room              int64
	Account           *account.Account // nil = anonymous
	Anonymous         string           // the name of who has no account
	Nick, Avatar, Ext *string          // for this room; nil = the account's
	EnterExt          string
	Tags              string // JSON array of texts; "" = none
	Target            string // tag expression
	Device            string
	Automatic         bool // a reconnect of the SDK
}

// Enter decides whether somebody may enter a room (docs/protocol/chatroom.md
// section 3.2). Who it is has been established. It changes nothing.
func (s *Service) Enter(ctx context.Context, a *app.App, e Entry) (*Room, *Member, error) {
	m := &Member{Room: e.Room, Role: Anonymous, Target: e.Target}
	if e.Account != nil {
		m.Accid, m.Role, m.Nick, m.Avatar, m.CardMs = e.Account.Accid, Guest, e.Account.Card.Name, e.Account.Card.Icon, e.Account.Card.UpdatedMs
	} else if err := s.stranger(ctx, a, e.Anonymous, m); err != nil {
		return nil, nil, err
	}
	for _, f := range []struct{ field, to *string }{{&m.Nick, e.Nick}, {&m.Avatar, e.Avatar}, {&m.Ext, e.Ext}} {
		if f.to != nil {
			*f.field = *f.to
		}
	}
	if err := first(check("nick", m.Nick, max(maxNick, maxAnonymous)), check("avatar", m.Avatar, maxExt), check("ext", m.Ext, maxExt),
		check("ext of the notification", e.EnterExt, maxNotifyExt), check("tag expression", e.Target, maxTarget), m.setTags(e.Tags)); err != nil {
		return nil, nil, err
	}
	if _, err := ParseTarget(e.Target); err != nil {
		return nil, nil, err
	}
	r, err := s.Get(ctx, a.Key, e.Room)
	switch {
	case err != nil:
		return nil, nil, err
	case !r.Open:
		return nil, nil, im.Errorf(im.CodeRoomClosed, "the chat room is closed")
	case e.Automatic && s.replaced.still(a.Key, Replaced{e.Room, m.Accid, e.Device}):
		return nil, nil, im.Errorf(im.CodeRepeated, "another connection has taken this one's place")
	}
	for _, text := range []*string{e.Nick, e.Ext} {
		if s.c.Moderator == nil || text == nil {
			continue
		}
		if res, err := s.c.Moderator.Check(ctx, a, *text); err != nil || res.Hit {
			if err == nil {
				err = im.Errorf(im.CodeRoomSpam, "refused by moderation")
			}
			return nil, nil, err
		}
	}
	if r.ownedBy(m) {
		m.Role = Owner
	}
	m.EnterMs = s.c.Clock.NowMs()
	return r, m, nil
}

// stranger lets somebody in who has no account. Nobody may call himself by the
// name of an account.
func (s *Service) stranger(ctx context.Context, a *app.App, name string, m *Member) error {
	if a.Disabled || !a.Settings.RoomAnonymous {
		return im.Errorf(im.CodeForbidden, "anonymous logins are not enabled")
	}
	name = strings.ToLower(name)
	if name == "" || len(name) > maxAnonymous || strings.IndexFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_@.-", c)
	}) >= 0 {
		return im.Errorf(im.CodeBadParam, "a name of 1 to %d characters of A-Z a-z 0-9 _ @ . -", maxAnonymous)
	}
	if accid, ok := im.NormalizeAccid(name); ok {
		if _, err := s.c.Accounts.Get(ctx, a.Key, accid); im.CodeOf(err) != im.CodeNotFound {
			if err == nil {
				err = im.Errorf(im.CodeForbidden, "this is the name of an account")
			}
			return err
		}
	}
	m.Accid = name
	return nil
}

// setTags reads the tags of a connection (section 12).
func (m *Member) setTags(text string) error {
	if text == "" {
		return nil
	}
	bad := im.Errorf(im.CodeBadParam, "tags: a JSON array of at most %d texts of at most %d characters", maxTags, maxTag)
	if json.Unmarshal([]byte(text), &m.Tags) != nil || len(m.Tags) > maxTags {
		return bad
	}
	for _, t := range m.Tags {
		if t == "" || utf8.RuneCountInString(t) > maxTag {
			return bad
		}
	}
	return nil
}

// Entered tells a room of a connection (301), but not the connection itself.
func (s *Service) Entered(ctx context.Context, a *app.App, m *Member, fromClient int64, ext, connection string) error {
	return s.pass(ctx, a, noteEntered, m, fromClient, ext, connection, field{"muted", 0}, field{"tempMuted", 0}, field{"muteTtl", 0})
}

// Left tells a room that an account has no connection there any more (302).
func (s *Service) Left(ctx context.Context, a *app.App, m *Member, fromClient int64) error {
	for _, d := range s.c.Directory.DevicesOf(presence.ProductChatroom, a.Key, m.Accid) {
		if d.Room == m.Room {
			return nil
		}
	}
	return s.pass(ctx, a, noteLeft, m, fromClient, "", "")
}

func (s *Service) pass(ctx context.Context, a *app.App, id int, m *Member, fromClient int64, ext, connection string, more ...field) error {
	if !a.Settings.RoomInOut {
		return nil
	}
	r, err := s.Get(ctx, a.Key, m.Room)
	if err != nil || !r.InOut || !r.Open {
		return err
	}
	self := author{m.Accid, m.Nick, fromClient}
	note := s.note(r, id, self, &self, ext, more...)
	note.Audience = m.audience()
	stored, _, err := s.c.Store.AppendChatroom(ctx, note, 0)
	if err == nil {
		s.publish(stored, connection)
	}
	return err
}

// Replace makes every node refuse the automatic reconnects of a device for a
// while: its account uses another one in this room now.
func (s *Service) Replace(appKey string, r Replaced) { s.tellNodes(appKey, replacedEvent{r, false}) }

// Return makes every node forget what Replace said: a user has entered with the
// device again.
func (s *Service) Return(appKey string, r Replaced) {
	if s.replaced.has(appKey, r) {
		s.tellNodes(appKey, replacedEvent{r, true})
	}
}

type replacedEvent struct {
	Replaced
	Back bool `json:"b,omitempty"`
}

func (s *Service) tellNodes(appKey string, e replacedEvent) {
	b, _ := json.Marshal(e) // texts and numbers: cannot fail
	s.c.Bus.Publish(im.Event{Kind: EventReplaced, App: appKey, Conv: im.ChatroomKey(e.Room), Body: b})
}

// AnonymousBack makes the connection leave that an anonymous client had in the
// room before it reconnected: it has a new name, and only its device is the same.
func (s *Service) AnonymousBack(appKey string, room int64, device, connection string) {
	s.c.Bus.Publish(im.Event{Kind: EventReturned, App: appKey, Conv: im.ChatroomKey(room), Origin: connection, Body: []byte(device)})
}

// Observe follows the events of all nodes.
func (s *Service) Observe(ev im.Event) {
	if ev.Kind != EventReplaced {
		return
	}
	var e replacedEvent
	switch err := json.Unmarshal(ev.Body, &e); {
	case err != nil:
	case e.Back:
		s.replaced.drop(ev.App, e.Replaced)
	default:
		s.replaced.put(ev.App, e.Replaced)
	}
}

const (
	// replacedFor is how long a device that had to leave is kept out. Clients that
	// do not know the kick try again every few seconds, for as long as they live.
	replacedFor = 10 * 60 * 1000 // ms
	// replacedPerGen bounds the devices that are remembered, twice.
	replacedPerGen = 10_000
)

// replaced remembers devices whose connections had to leave.
type replaced struct {
	clock im.Clock

	mu         sync.Mutex            // guards young and old
	young, old map[replacedKey]int64 // until when, ms
}

type replacedKey struct {
	app string
	Replaced
}

func newReplaced(clock im.Clock) *replaced {
	return &replaced{clock: clock, young: map[replacedKey]int64{}}
}

func (p *replaced) put(app string, r Replaced) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.young) >= replacedPerGen {
		p.old, p.young = p.young, map[replacedKey]int64{}
	}
	p.young[replacedKey{app, r}] = p.clock.NowMs() + replacedFor
}

// has says whether a device is kept out.
func (p *replaced) has(app string, r Replaced) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := replacedKey{app, r}
	return max(p.young[k], p.old[k]) > p.clock.NowMs()
}

// still is has for a device that is trying, and keeps it out longer.
func (p *replaced) still(app string, r Replaced) bool {
	if !p.has(app, r) {
		return false
	}
	p.put(app, r)
	return true
}

func (p *replaced) drop(app string, r Replaced) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.young, replacedKey{app, r})
	delete(p.old, replacedKey{app, r})
}
