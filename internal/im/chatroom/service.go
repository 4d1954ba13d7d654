package chatroom

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/moderation"
	"hongyan/internal/im/presence"
)

// Limits (docs/protocol/chatroom.md section 17), in characters where nothing else
// is said.
const (
	maxName         = 128
	maxAnnouncement = 4096
	maxURL          = 1024
	maxExt          = 4096
	maxNotifyExt    = 2048
	maxNick         = 64
	maxClientID     = 128
	maxBatch        = 20 // rooms read at once
	maxPage         = 100
	maxRESTPage     = 200
	dayMs           = 24 * 3600 * 1000
	// resendMs is how long a repeated send is recognised (section 9.2).
	resendMs = 10 * 60 * 1000
)

// Config is what a Service needs.
type Config struct {
	Store     Store
	Accounts  *account.Service
	Directory *presence.Directory
	Moderator interface { // nil = nobody looks at texts
		Check(ctx context.Context, a *app.App, text string) (moderation.Result, error)
		Judge(ctx context.Context, s *moderation.Subject) (moderation.Result, error)
	}
	Bus     im.Publisher
	Clock   im.Clock
	NextID  func() int64
	NewUUID func() string     // client ids of notifications
	Dice    func(int64) int64 // 0 to n-1; nil = chance
}

// Service holds the rules of chat rooms. It is safe for concurrent use.
type Service struct {
	c        Config
	replaced *replaced
	high     highRate
}

// New returns a Service.
func New(c Config) *Service {
	if c.Dice == nil {
		c.Dice = rand.Int64N
	}
	return &Service{c: c, replaced: newReplaced(c.Clock)}
}

func check(what, text string, limit int) error {
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) || len(text) > limit && utf8.RuneCountInString(text) > limit {
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters, or no text", what, limit)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Room) check() error {
	if r.Name == "" || r.QueueLevel != 0 && r.QueueLevel != 1 {
		return im.Errorf(im.CodeBadParam, "a chat room needs a name, and a queue level of 0 or 1")
	}
	return first(check("name", r.Name, maxName), check("announcement", r.Announcement, maxAnnouncement), check("broadcast URL", r.BroadcastURL, maxURL),
		check("ext", r.Ext, maxExt))
}

// Create makes an open room that nobody is in (section 6).
func (s *Service) Create(ctx context.Context, r Room) (*Room, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	r.ID, r.Open, r.CreatedMs = s.c.NextID(), true, s.c.Clock.NowMs()
	r.UpdatedMs = r.CreatedMs
	return &r, s.c.Store.CreateChatroom(ctx, &r)
}

// Get returns a room, or CodeNotFound.
func (s *Service) Get(ctx context.Context, appKey string, id int64) (*Room, error) {
	found, err := s.c.Store.Chatrooms(ctx, appKey, []int64{id})
	if err == nil && len(found) == 0 {
		err = im.Errorf(im.CodeNotFound, "no such chat room")
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// List returns those of at most 20 rooms that exist.
func (s *Service) List(ctx context.Context, appKey string, ids []int64) ([]*Room, error) {
	if len(ids) > maxBatch {
		return nil, im.Errorf(im.CodeBadParam, "at most %d chat rooms", maxBatch)
	}
	return s.c.Store.Chatrooms(ctx, appKey, ids)
}

// Online counts the accounts in a room, on all nodes.
func (s *Service) Online(appKey string, room int64) int { return s.c.Directory.InRoom(appKey, room) }

// Change says what becomes of a room; nil leaves a field as it is.
type Change struct {
	Name, Announcement, BroadcastURL, Ext *string
	QueueLevel                            *int64
	By                                    Member // who changes it; of no meaning from the app's server
	FromClient                            int64
	Notify                                bool
	NotifyExt                             string
}

// Update changes a room and tells it (312). Only the owner may from a client.
func (s *Service) Update(ctx context.Context, appKey string, id int64, c Change) (*Room, error) {
	if err := check("ext of the notification", c.NotifyExt, maxNotifyExt); err != nil {
		return nil, err
	}
	by := author{c.By.Accid, c.By.Nick, c.FromClient}
	if c.FromClient == presence.ClientServer {
		r, err := s.Get(ctx, appKey, id)
		if err != nil {
			return nil, err
		}
		by = s.owner(ctx, r)
	}
	return s.change(ctx, appKey, id, func(r *Room) (*Message, error) {
		if c.FromClient != presence.ClientServer && !r.ownedBy(&c.By) {
			return nil, im.Errorf(im.CodeForbidden, "only the owner and managers may change a chat room")
		}
		for _, f := range []struct{ field, to *string }{{&r.Name, c.Name}, {&r.Announcement, c.Announcement}, {&r.BroadcastURL, c.BroadcastURL}, {&r.Ext, c.Ext}} {
			if f.to != nil {
				*f.field = *f.to
			}
		}
		if c.QueueLevel != nil {
			r.QueueLevel = *c.QueueLevel
		}
		if err := r.check(); err != nil || !c.Notify {
			return nil, err
		}
		return s.note(r, noteUpdated, by, nil, c.NotifyExt), nil
	})
}

// owner is who a notification is from when the app's server did something without
// saying who asked for it.
func (s *Service) owner(ctx context.Context, r *Room) author {
	a := author{accid: r.Creator, client: presence.ClientServer}
	if acc, err := s.c.Accounts.Get(ctx, r.App, r.Creator); err == nil {
		a.nick = acc.Card.Name
	}
	return a
}

func (r *Room) ownedBy(m *Member) bool { return m.Role != Anonymous && r.Creator == m.Accid }

// SetOpen opens or closes a room; only its creator may. Closing tells the room
// (311) and makes everybody leave. A room that is so already is CodeRepeated.
func (s *Service) SetOpen(ctx context.Context, appKey string, id int64, by Member, fromClient int64, open bool, ext string) (*Room, error) {
	if err := check("ext", ext, maxNotifyExt); err != nil {
		return nil, err
	}
	r, err := s.change(ctx, appKey, id, func(r *Room) (*Message, error) {
		switch {
		case !r.ownedBy(&by):
			return nil, im.Errorf(im.CodeForbidden, "only the creator may open or close a chat room")
		case r.Open == open:
			return nil, im.Errorf(im.CodeRepeated, "the chat room is so already")
		}
		if r.Open = open; open {
			return nil, nil
		}
		return s.note(r, noteClosed, author{by.Accid, by.Nick, fromClient}, nil, ext), nil
	})
	if err == nil && !open {
		s.c.Bus.Publish(im.Event{Kind: EventClosed, App: appKey, Conv: im.ChatroomKey(id)})
	}
	return r, err
}

// change stores a change with its notification and then tells the room of it.
func (s *Service) change(ctx context.Context, appKey string, id int64, fn func(*Room) (*Message, error)) (*Room, error) {
	now := s.c.Clock.NowMs()
	r, note, err := s.c.Store.ChangeChatroom(ctx, appKey, id, func(r *Room) (*Message, error) {
		note, err := fn(r)
		r.UpdatedMs = max(now, r.UpdatedMs+1)
		return note, err
	})
	if err != nil {
		return nil, err
	}
	if note != nil {
		s.publish(note, "")
	}
	return r, nil
}

func (s *Service) publish(m *Message, origin string) {
	s.c.Bus.Publish(im.Event{Kind: EventMessage, App: m.App, Conv: im.ChatroomKey(m.Room), Origin: origin, Body: m.Encode()})
}

// History returns messages of a room (section 11). limit 0 is the largest page;
// a client's larger one is cut, the REST API's is CodeBadParam.
func (s *Service) History(ctx context.Context, a *app.App, room int64, q History, rest bool) ([]*Message, error) {
	switch {
	case rest && (q.Limit < 1 || q.Limit > maxRESTPage), q.Limit < 0, q.AfterMs < 0, q.BeforeMs < 0, len(q.Types) > maxPage:
		return nil, im.Errorf(im.CodeBadParam, "bad limit or time")
	case !rest && (q.Limit == 0 || q.Limit > maxPage):
		q.Limit = maxPage
	}
	if rest {
		if _, err := s.Get(ctx, a.Key, room); err != nil {
			return nil, err
		}
	}
	q.AfterMs = max(q.AfterMs, s.c.Clock.NowMs()-a.Settings.RoomHistoryDays*dayMs)
	return s.c.Store.ChatroomHistory(ctx, a.Key, room, q)
}

// Delete removes the message of that author and time from a room's history, and
// tells the room (323) where the app wants it.
func (s *Service) Delete(ctx context.Context, a *app.App, room int64, from string, timeMs int64) error {
	r, err := s.Get(ctx, a.Key, room)
	if err != nil {
		return err
	}
	return s.remove(ctx, r, Recall{From: from, TimeMs: timeMs}, s.owner(ctx, r), func(m *Message) bool { return a.Settings.RoomDeleteNote && m.Type != Notification })
}

// Recall names a message that somebody takes back.
type Recall struct {
	Room     int64
	From     string // its author
	TimeMs   int64
	ClientID string
	By       *account.Account
	Ext      string // of the notification
}

// Recall removes a message from a room's history and tells the room (323).
func (s *Service) Recall(ctx context.Context, appKey string, q Recall) error {
	if err := check("ext", q.Ext, maxNotifyExt); err != nil {
		return err
	}
	r, err := s.Get(ctx, appKey, q.Room)
	if err != nil {
		return err
	}
	by := author{q.By.Accid, q.By.Card.Name, presence.ClientServer}
	return s.remove(ctx, r, q, by, func(*Message) bool { return true })
}

// remove takes a message out of the history; tell says whether the room hears of it.
func (s *Service) remove(ctx context.Context, r *Room, q Recall, by author, tell func(*Message) bool) error {
	note, err := s.c.Store.DeleteChatroomMessage(ctx, r.App, r.ID, q.From, q.TimeMs, func(m *Message) (*Message, error) {
		if q.ClientID != "" && m.ClientID != q.ClientID {
			return nil, im.Errorf(im.CodeNotFound, "no such message")
		}
		if !tell(m) {
			return nil, nil
		}
		return s.note(r, noteDeleted, by, &author{accid: m.From, nick: m.FromNick}, q.Ext, field{"msgTime", m.TimeMs}, field{"msgId", m.ClientID}), nil
	})
	if err == nil && note != nil {
		s.publish(note, "")
	}
	return err
}

const (
	// trimChunk and trimPause keep each deletion short: messages wait behind it.
	trimChunk = 500
	trimPause = 20 * time.Millisecond
)

// Trim deletes an app's messages older than chatroom_history_days.
func (s *Service) Trim(ctx context.Context, a *app.App) error {
	before := s.c.Clock.NowMs() - a.Settings.RoomHistoryDays*dayMs
	for {
		n, err := s.c.Store.TrimChatrooms(ctx, a.Key, before, trimChunk)
		if err != nil || n < trimChunk {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trimPause):
		}
	}
}

// highRate counts messages of high priority of the current second by room.
type highRate struct {
	mu     sync.Mutex // guards the rest
	second int64
	counts map[roomKey]int64 // no more than the calls of one second
}

type roomKey struct {
	app  string
	room int64
}

func (h *highRate) allow(k roomKey, nowMs, limit int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sec := nowMs / 1000; sec != h.second {
		h.second, h.counts = sec, map[roomKey]int64{}
	}
	if h.counts[k] >= limit {
		return false
	}
	h.counts[k]++
	return true
}
