package chatroom_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/moderation"
	"hongyan/internal/im/presence"
)

// world is the service on a real store, with a room of alice's.
type world struct {
	*chatroom.Service
	t        *testing.T
	app      *app.App
	clock    *hytest.Clock
	bus      hytest.Bus
	dir      *presence.Directory
	accounts *account.Service
	room     *chatroom.Room
}

// badWords is a moderator: "bad" is a hit, "rude" is replaced.
type badWords struct{}

func (badWords) Check(_ context.Context, _ *app.App, text string) (moderation.Result, error) {
	soft := strings.ReplaceAll(text, "rude", "**")
	return moderation.Result{Hit: strings.Contains(text, "bad"), JSON: "{}", Replaced: soft != text, Text: soft}, nil
}

func (w badWords) Judge(ctx context.Context, s *moderation.Subject) (moderation.Result, error) {
	return w.Check(ctx, s.App, s.Text)
}

func newWorld(t *testing.T, settings ...string) *world {
	w := &world{t: t, clock: hytest.NewClock(time.Now())}
	store := hytest.Store(t)
	w.app = hytest.App(t, store, settings...)
	w.dir = presence.NewDirectory(0, w.clock.Now)
	w.accounts = account.New(account.Config{Store: store, Clock: w.clock.Now, TokenKey: []byte("k")})
	uuid := 0
	w.Service = chatroom.New(chatroom.Config{Store: store, Accounts: w.accounts, Directory: w.dir, Moderator: badWords{}, Bus: &w.bus, Clock: w.clock.Now,
		NextID: store.IDs().Next, NewUUID: func() string { uuid++; return fmt.Sprint("note", uuid) }})
	for _, id := range []string{"alice", "bob"} {
		name := strings.ToUpper(id)
		if _, _, err := w.accounts.Register(t.Context(), w.app.Key, id, "", account.CardUpdate{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.room, err = w.Create(t.Context(), chatroom.Room{App: w.app.Key, Creator: "alice", Name: "lobby", InOut: true}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) account(accid string) *account.Account {
	a, err := w.accounts.Get(w.t.Context(), w.app.Key, accid)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) enter(accid string) *chatroom.Member {
	_, m, err := w.Enter(w.t.Context(), w.app, chatroom.Entry{Room: w.room.ID, Account: w.account(accid)})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func TestEnter(t *testing.T) {
	w := newWorld(t, "chatroom_anonymous", "true")
	closed, _ := w.Create(t.Context(), chatroom.Room{App: w.app.Key, Creator: "alice", Name: "closed"})
	if _, err := w.SetOpen(t.Context(), w.app.Key, closed.ID, chatroom.Member{Accid: "alice"}, 32, false, ""); err != nil {
		t.Fatal(err)
	}
	own, long := "mine", strings.Repeat("x", 65)
	bad := "a bad nick"
	for _, c := range []struct {
		name string
		e    chatroom.Entry
		code im.Code
		role chatroom.Role
		nick string
	}{
		{"the creator", chatroom.Entry{Account: w.account("alice")}, 200, chatroom.Owner, "ALICE"},
		{"a guest", chatroom.Entry{Account: w.account("bob")}, 200, chatroom.Guest, "BOB"},
		{"under a name for the room", chatroom.Entry{Account: w.account("bob"), Nick: &own}, 200, chatroom.Guest, "mine"},
		{"without an account", chatroom.Entry{Anonymous: "nimanon_0123456789abcdef0123456789abcdef"}, 200, chatroom.Anonymous, ""},
		{"by the name of an account", chatroom.Entry{Anonymous: "Alice"}, im.CodeForbidden, 0, ""},
		{"without a name", chatroom.Entry{}, im.CodeBadParam, 0, ""},
		{"by a name that is none", chatroom.Entry{Anonymous: "a|b"}, im.CodeBadParam, 0, ""},
		{"a long nick", chatroom.Entry{Account: w.account("bob"), Nick: &long}, im.CodeBadParam, 0, ""},
		{"a nick that moderation stops", chatroom.Entry{Account: w.account("bob"), Nick: &bad}, im.CodeRoomSpam, 0, ""},
		{"tags", chatroom.Entry{Account: w.account("bob"), Tags: `["red","blue"]`, Target: `{"tag":"red"}`}, 200, chatroom.Guest, "BOB"},
		{"tags that are no list", chatroom.Entry{Account: w.account("bob"), Tags: `red`}, im.CodeBadParam, 0, ""},
		{"too many tags", chatroom.Entry{Account: w.account("bob"), Tags: `["1","2","3","4","5","6","7","8","9","10","11"]`}, im.CodeBadParam, 0, ""},
		{"a long tag", chatroom.Entry{Account: w.account("bob"), Tags: `["` + long + `"]`}, im.CodeBadParam, 0, ""},
		{"a long expression", chatroom.Entry{Account: w.account("bob"), Target: long + long}, im.CodeBadParam, 0, ""},
		{"no expression", chatroom.Entry{Account: w.account("bob"), Target: "red"}, im.CodeBadParam, 0, ""},
		{"no room", chatroom.Entry{Room: 1, Account: w.account("bob")}, im.CodeNotFound, 0, ""},
		{"a closed room", chatroom.Entry{Room: closed.ID, Account: w.account("alice")}, im.CodeRoomClosed, 0, ""},
	} {
		if c.e.Room == 0 {
			c.e.Room = w.room.ID
		}
		_, m, err := w.Enter(t.Context(), w.app, c.e)
		if im.CodeOf(err) != c.code || err == nil && (m.Role != c.role || m.Nick != c.nick) {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
	quiet := newWorld(t)
	if _, _, err := quiet.Enter(t.Context(), quiet.app, chatroom.Entry{Room: quiet.room.ID, Anonymous: "x"}); im.CodeOf(err) != im.CodeForbidden {
		t.Errorf("anonymous, but not enabled: %v", err)
	}
}

// A device that had to leave comes back by its user's will only.
func TestReplacedDevices(t *testing.T) {
	w := newWorld(t)
	gone := chatroom.Replaced{Room: w.room.ID, Accid: "bob", Device: "d1"}
	observed := 0
	observe := func() {
		for _, ev := range w.bus.Events()[observed:] {
			w.Observe(ev)
			observed++
		}
	}
	w.Replace(w.app.Key, gone)
	observe()
	try := func(device string, auto bool) im.Code {
		_, _, err := w.Enter(t.Context(), w.app, chatroom.Entry{Room: w.room.ID, Account: w.account("bob"), Device: device, Automatic: auto})
		return im.CodeOf(err)
	}
	for range 3 { // each attempt keeps it out longer
		w.clock.Advance(9 * time.Minute)
		if got := try("d1", true); got != im.CodeRepeated {
			t.Errorf("a reconnect: %d", got)
		}
	}
	if a, b := try("d2", true), try("d1", false); a != im.CodeOK || b != im.CodeOK {
		t.Errorf("another device %d, a login by hand %d", a, b)
	}
	w.Return(w.app.Key, gone)
	observe()
	if got := try("d1", true); got != im.CodeOK {
		t.Errorf("a reconnect after a login by hand: %d", got)
	}
}

func TestSend(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("bob")
	if _, err := w.accounts.SetMutes(t.Context(), w.app.Key, "bob", func(m *account.Mutes) { m.Room = false }); err != nil {
		t.Fatal(err)
	}
	turns := 0
	send := func(change func(*chatroom.Send)) (chatroom.Sent, im.Code) {
		q := chatroom.Send{App: w.app, From: bob, Account: w.account("bob"), Connection: "c1", Allow: func() bool { turns++; return true },
			Msg: chatroom.Message{Room: w.room.ID, ClientID: "id", Type: chatroom.Text, Body: "hello"}}
		change(&q)
		got, err := w.Send(t.Context(), q)
		return got, im.CodeOf(err)
	}
	for _, c := range []struct {
		name   string
		change func(*chatroom.Send)
		code   im.Code
	}{
		{"plain", func(*chatroom.Send) {}, 200},
		{"no room", func(q *chatroom.Send) { q.Msg.Room = 1 }, im.CodeNotFound},
		{"a notification", func(q *chatroom.Send) { q.Msg.Type = chatroom.Notification }, im.CodeBadParam},
		{"no type", func(q *chatroom.Send) { q.Msg.Type = 77 }, im.CodeBadParam},
		{"no client id", func(q *chatroom.Send) { q.Msg.ClientID = "" }, im.CodeBadParam},
		{"a long body", func(q *chatroom.Send) { q.Msg.Body = strings.Repeat("字", 5001) }, im.CodeBadParam},
		{"the longest body", func(q *chatroom.Send) { q.Msg.Body = strings.Repeat("字", 5000) }, 200},
		{"a long ext", func(q *chatroom.Send) { q.Msg.Ext = strings.Repeat("x", 4097) }, im.CodeBadParam},
		{"a NUL", func(q *chatroom.Send) { q.Msg.Body = "a\x00" }, im.CodeBadParam},
		{"no UTF-8", func(q *chatroom.Send) { q.Msg.Body = "\xff" }, im.CodeBadParam},
		{"too often", func(q *chatroom.Send) { q.Allow = func() bool { return false } }, im.CodeTooFrequent},
	} {
		if _, code := send(c.change); code != c.code {
			t.Errorf("%s: %d, want %d", c.name, code, c.code)
		}
	}
	published := len(w.bus.Events())
	if got, code := send(func(q *chatroom.Send) { q.Msg.Body = "so bad" }); code != 200 || got.SpamResult == "" || len(w.bus.Events()) != published {
		t.Errorf("stopped by moderation: %d %+v", code, got.Message)
	}
	if got, code := send(func(q *chatroom.Send) { q.Msg.Body = "so rude" }); code != 200 || got.Body != "so **" {
		t.Errorf("a replaced word: %d %+v", code, got.Message)
	}
	one, _ := send(func(q *chatroom.Send) { q.Msg.ClientID = "same" })
	published = len(w.bus.Events())
	if two, code := send(func(q *chatroom.Send) { q.Msg.ClientID, q.Resend, q.Msg.Body = "same", true, "other" }); code != 200 || two.TimeMs != one.TimeMs ||
		two.Body != "hello" || len(w.bus.Events()) != published {
		t.Errorf("a repetition: %d %+v", code, two.Message)
	}
	if got, code := send(func(q *chatroom.Send) { q.Msg.NoHistory, q.Msg.Body = true, "passing" }); code != 200 || got.TimeMs <= one.TimeMs {
		t.Errorf("not for the history: %d %+v", code, got.Message)
	}
	page, err := w.History(t.Context(), w.app, w.room.ID, chatroom.History{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range page {
		if m.Body == "passing" || strings.Contains(m.Body, "bad") || i > 0 && m.TimeMs >= page[i-1].TimeMs || m.From != "bob" || m.FromNick != "BOB" {
			t.Errorf("in the history: %+v", m)
		}
	}
	if _, err := w.accounts.SetMutes(t.Context(), w.app.Key, "bob", func(m *account.Mutes) { m.Room = true }); err != nil {
		t.Fatal(err)
	}
	if _, code := send(func(*chatroom.Send) {}); code != im.CodeRoomMuted {
		t.Errorf("muted: %d", code)
	}
	if _, code := send(func(q *chatroom.Send) { q.From, q.IgnoreMute = nil, true }); code != 200 {
		t.Errorf("muted, by the app's server: %d", code)
	}
	w.clock.Advance(11 * 24 * time.Hour)
	if page, err := w.History(t.Context(), w.app, w.room.ID, chatroom.History{}, false); err != nil || len(page) != 0 {
		t.Errorf("older than the history: %d, %v", len(page), err)
	}
	if err := w.Trim(t.Context(), w.app); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(-11 * 24 * time.Hour)
	if page, err := w.History(t.Context(), w.app, w.room.ID, chatroom.History{}, false); err != nil || len(page) != 0 {
		t.Errorf("trimmed: %d, %v", len(page), err)
	}
}

// The last connection of an account is told of, whatever node it was on.
func TestLeft(t *testing.T) {
	w := newWorld(t)
	bob := w.enter("bob")
	other := &presence.Device{App: w.app.Key, Accid: "bob", ConnectionID: "c2", Node: 5, Product: presence.ProductChatroom, Room: w.room.ID}
	w.dir.Put(other)
	w.dir.Put(&presence.Device{App: w.app.Key, Accid: "bob", ConnectionID: "c3", Product: presence.ProductChatroom, Room: 99})
	if n := w.Online(w.app.Key, w.room.ID); n != 1 {
		t.Errorf("%d online", n)
	}
	for _, want := range []int{0, 1} {
		if err := w.Left(t.Context(), w.app, bob, 16); err != nil {
			t.Fatal(err)
		}
		if got := len(w.bus.Events()); got != want {
			t.Errorf("%d events, want %d", got, want)
		}
		w.dir.Remove(other)
	}
	m, err := chatroom.DecodeMessage(w.app.Key, w.bus.Events()[0].Body)
	if want := `{"id":302,"data":{"operator":"bob","opeNick":"BOB","target":["bob"],"tarNick":["BOB"]}}`; err != nil || m.Body != want {
		t.Errorf("%v %+v", err, m)
	}
	if n := w.Online(w.app.Key, w.room.ID); n != 0 {
		t.Errorf("%d online", n)
	}
}
