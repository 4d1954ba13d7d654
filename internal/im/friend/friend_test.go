package friend_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/notice"
	"hongyan/internal/infra/sqlstore"
)

type world struct {
	testing.TB
	app      *app.App
	store    *sqlstore.Store
	clock    *hytest.Clock
	bus      *hytest.Bus
	accounts *account.Service
	notices  *notice.Service
	s        *friend.Service
}

func newWorld(t testing.TB, overrides ...string) *world {
	return newWorldOn(t, hytest.SQLite(t), overrides...)
}

func newWorldOn(t testing.TB, config sqlstore.Config, overrides ...string) *world {
	w := &world{TB: t, clock: hytest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), bus: &hytest.Bus{}}
	config.Clock = w.clock.Now
	w.store = hytest.Open(t, config)
	w.app = hytest.App(t, w.store, overrides...)
	w.accounts = account.New(account.Config{Store: w.store, Clock: w.clock.Now, TokenKey: []byte("key")})
	w.notices = notice.New(w.store, w.store.IDs(), w.bus, w.clock.Now)
	w.s = friend.New(w.store, w.accounts, w.notices, w.bus, w.clock.Now)
	w.register("alice", "bob", "carol", "dave")
	return w
}

func (w *world) register(accids ...string) {
	w.Helper()
	for _, id := range accids {
		if _, _, err := w.accounts.Register(hytest.Context(w), w.app.Key, id, "token", account.CardUpdate{}); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) try(from string, kind friend.Kind, to string) error {
	return w.s.Ask(hytest.Context(w), friend.Request{App: w.app, From: from, To: to, Kind: kind, Greeting: "hi", By: friend.By{Origin: "conn"}})
}

func (w *world) ask(from string, kind friend.Kind, to string) {
	w.Helper()
	if err := w.try(from, kind, to); err != nil {
		w.Fatalf("%s asks %s (%d): %v", from, to, kind, err)
	}
}

// list returns the names on an account's list of friends.
func (w *world) list(owner string) (out []string) {
	w.Helper()
	list, err := w.s.List(hytest.Context(w), w.app.Key, owner)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range list {
		out = append(out, f.Accid)
	}
	return out
}

func (w *world) get(owner, accid string) *friend.Friend {
	w.Helper()
	f, err := w.s.Get(hytest.Context(w), w.app.Key, owner, accid)
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// told returns the notifications waiting for an account as "from type content attach".
func (w *world) told(accid string) (out []string) {
	w.Helper()
	waiting, err := w.notices.Pending(hytest.Context(w), w.app, accid)
	if err != nil {
		w.Fatal(err)
	}
	for _, n := range waiting[notice.Plain] {
		out = append(out, strings.TrimSpace(strings.Join([]string{n.From, map[notice.Type]string{5: "asks", 6: "deletes"}[n.Type], n.Content, n.Attach}, " ")))
	}
	slices.Reverse(out)
	return out
}

func wantCode(t testing.TB, what string, err error, code im.Code) {
	t.Helper()
	if im.CodeOf(err) != code {
		t.Errorf("%s: %v, want %d", what, err, code)
	}
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestAddWithoutAsking(t *testing.T) {
	w := newWorld(t)
	w.ask("alice", friend.Add, "BOB")
	w.ask("alice", friend.Add, "bob") // once more: nothing happens
	same(t, "alice's friends", w.list("alice"), []string{"bob"})
	same(t, "bob's friends", w.list("bob"), []string{"alice"})
	same(t, "what bob is told", w.told("bob"), []string{`alice asks hi {"vt":1}`})
	if f := w.get("bob", "alice"); f.Origin != friend.Direct || f.CreatedMs == 0 {
		t.Errorf("bob's side is %+v", f)
	}
	var kinds []im.EventKind
	for _, ev := range w.bus.Events() {
		kinds = append(kinds, ev.Kind)
		if ev.Kind == friend.EventRequest {
			e, err := friend.DecodeEvent(ev.Body)
			if err != nil || ev.To != "alice" || ev.Origin != "conn" || *e != (friend.Event{Accid: "bob", Kind: friend.Add, Greeting: "hi"}) {
				t.Errorf("alice's devices hear %+v, %v", e, err)
			}
		}
	}
	same(t, "events", kinds, []im.EventKind{notice.Event, friend.EventRequest})
}

func TestApplications(t *testing.T) {
	w := newWorld(t)
	wantCode(t, "an answer to nothing", w.try("bob", friend.Accept, "alice"), im.CodeInvalid)
	wantCode(t, "a refusal of nothing", w.try("bob", friend.Reject, "alice"), im.CodeInvalid)
	w.ask("alice", friend.Apply, "bob")
	same(t, "friends before the answer", w.list("alice"), nil)
	wantCode(t, "who asked can not answer", w.try("alice", friend.Accept, "bob"), im.CodeInvalid)
	w.ask("bob", friend.Reject, "alice")
	wantCode(t, "the request was answered", w.try("bob", friend.Accept, "alice"), im.CodeInvalid)
	w.ask("alice", friend.Apply, "bob")
	w.ask("bob", friend.Accept, "alice")
	same(t, "friends", w.list("alice"), []string{"bob"})
	same(t, "origin", []friend.Origin{w.get("alice", "bob").Origin, w.get("bob", "alice").Origin}, []friend.Origin{friend.Asked, friend.Agreed})
	same(t, "bob is told", w.told("bob"), []string{`alice asks hi {"vt":2}`, `alice asks hi {"vt":2}`})
	same(t, "alice is told", w.told("alice"), []string{`bob asks hi {"vt":4}`, `bob asks hi {"vt":3}`})

	w.ask("alice", friend.Apply, "carol")
	w.clock.Advance(31 * 24 * time.Hour)
	wantCode(t, "an old request", w.try("carol", friend.Accept, "alice"), im.CodeInvalid)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, "friend_max", "2", "relation_max", "2")
	ctx := hytest.Context(t)
	long := strings.Repeat("张", 257)
	for _, c := range []struct {
		name string
		err  error
		code im.Code
	}{
		{"oneself", w.try("alice", friend.Add, "Alice"), im.CodeBadParam},
		{"nobody", w.try("alice", friend.Add, "ghost"), im.CodeNotFound},
		{"no accid", w.try("alice", friend.Add, "a b"), im.CodeNotFound},
		{"type 0", w.try("alice", 0, "bob"), im.CodeBadParam},
		{"type 5", w.try("alice", 5, "bob"), im.CodeBadParam},
		{"greeting", w.s.Ask(ctx, friend.Request{App: w.app, From: "alice", To: "bob", Kind: friend.Add, Greeting: long}), im.CodeBadParam},
		{"serverex", w.s.Ask(ctx, friend.Request{App: w.app, From: "alice", To: "bob", Kind: friend.Add, ServerExt: long}), im.CodeBadParam},
		{"update of a stranger", func() error { _, err := w.s.Update(ctx, w.app, "alice", "bob", friend.Update{}, ""); return err }(), im.CodeNotFound},
		{"long alias", func() error {
			_, err := w.s.Update(ctx, w.app, "alice", "bob", friend.Update{Alias: &long}, "")
			return err
		}(), im.CodeBadParam},
		{"delete oneself", w.s.Delete(ctx, w.app, "alice", "alice", false, friend.By{}), im.CodeBadParam},
		{"delete nobody", w.s.Delete(ctx, w.app, "alice", "ghost", false, friend.By{}), im.CodeNotFound},
		{"delete a stranger", w.s.Delete(ctx, w.app, "alice", "bob", false, friend.By{}), im.CodeOK},
		{"block oneself", w.s.SetBlack(ctx, w.app, "alice", "alice", true, ""), im.CodeBadParam},
		{"mute nobody", w.s.SetMute(ctx, w.app, "alice", "ghost", true, ""), im.CodeNotFound},
		{"first of the list", w.s.SetBlack(ctx, w.app, "alice", "bob", true, ""), im.CodeOK},
		{"second of the list", w.s.SetBlack(ctx, w.app, "alice", "carol", true, ""), im.CodeOK},
		{"once more", w.s.SetBlack(ctx, w.app, "alice", "carol", true, ""), im.CodeOK},
		{"one too many", w.s.SetBlack(ctx, w.app, "alice", "dave", true, ""), im.CodeTooMany},
		{"the other list has room", w.s.SetMute(ctx, w.app, "alice", "dave", true, ""), im.CodeOK},
		{"first friend", w.try("alice", friend.Add, "bob"), im.CodeOK},
		{"second friend", w.try("alice", friend.Add, "carol"), im.CodeOK},
		{"third friend", w.try("alice", friend.Add, "dave"), im.CodeTooMany},
		{"third friend from the other side", w.try("dave", friend.Add, "bob"), im.CodeOK},
	} {
		wantCode(t, c.name, c.err, c.code)
	}
	same(t, "alice's friends", w.list("alice"), []string{"bob", "carol"})
	same(t, "nothing of the refused ones is told", w.told("dave"), nil)
}

func TestTheBlockedAreNotHeard(t *testing.T) {
	w := newWorld(t)
	ctx := hytest.Context(t)
	if err := w.s.SetBlack(ctx, w.app, "bob", "alice", true, ""); err != nil {
		t.Fatal(err)
	}
	w.ask("alice", friend.Add, "bob")
	w.ask("alice", friend.Apply, "bob")
	same(t, "friends", w.list("bob"), nil)
	same(t, "bob is told", w.told("bob"), nil)
	err := w.s.Ask(ctx, friend.Request{App: w.app, From: "alice", To: "bob", Kind: friend.Accept, ServerExt: "vip", REST: true})
	wantCode(t, "the app's server needs nobody's leave", err, im.CodeOK)
	same(t, "friends by the app's server", w.list("bob"), []string{"alice"})
	same(t, "bob is told by the app's server", w.told("bob"), []string{`alice asks  {"vt":3,"serverex":"vip"}`})
	if f := w.get("alice", "bob"); f.ServerExt != "vip" {
		t.Errorf("serverex is %q", f.ServerExt)
	}
}

func TestDeleteKeepsTheAlias(t *testing.T) {
	w := newWorld(t)
	ctx := hytest.Context(t)
	alias, ext := "Bobby", "x"
	for _, c := range []struct {
		drop bool
		want string
	}{{false, alias}, {true, ""}} {
		w.ask("alice", friend.Add, "bob")
		f, err := w.s.Update(ctx, w.app, "alice", "bob", friend.Update{Alias: &alias, Ext: &ext}, "")
		if err != nil || f.Alias != alias || f.Ext != ext {
			t.Fatalf("%+v, %v", f, err)
		}
		if err := w.s.Delete(ctx, w.app, "alice", "bob", c.drop, friend.By{}); err != nil {
			t.Fatal(err)
		}
		same(t, "bob's friends", w.list("bob"), nil)
		w.ask("bob", friend.Add, "alice")
		if f := w.get("alice", "bob"); f.Alias != c.want || f.Ext != "" {
			t.Errorf("dropped %v: %+v", c.drop, f)
		}
		if err := w.s.Delete(ctx, w.app, "alice", "bob", true, friend.By{}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "bob is told", w.told("bob"), []string{`alice asks hi {"vt":1}`, "alice deletes", "alice deletes", `alice asks hi {"vt":1}`, "alice deletes", "alice deletes"})
}

func TestTenants(t *testing.T) {
	w := newWorld(t)
	ctx := hytest.Context(t)
	two := hytest.App(t, w.store)
	for _, id := range []string{"alice", "bob"} {
		if _, _, err := w.accounts.Register(ctx, two.Key, id, "token", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	w.ask("alice", friend.Add, "bob")
	if err := w.s.SetBlack(ctx, w.app, "alice", "bob", true, ""); err != nil {
		t.Fatal(err)
	}
	if list, err := w.s.List(ctx, two.Key, "alice"); err != nil || len(list) != 0 {
		t.Errorf("another app's alice has friends: %v, %v", list, err)
	}
	if list, _, err := w.s.Relations(ctx, two.Key, "alice", 0); err != nil || len(list) != 0 {
		t.Errorf("another app's alice has relations: %v, %v", list, err)
	}
	if b, err := w.s.Blocks(ctx, two.Key, "alice", "bob"); err != nil || b {
		t.Errorf("another app's alice blocks: %v, %v", b, err)
	}
	if f, err := w.s.AreFriends(ctx, two.Key, "alice", "bob"); err != nil || f {
		t.Errorf("another app's alice is a friend: %v, %v", f, err)
	}
	wantCode(t, "an account of another app", w.s.SetBlack(ctx, two, "alice", "carol", true, ""), im.CodeNotFound)
}

func TestDecodeEventRefusesNonsense(t *testing.T) {
	if _, err := friend.DecodeEvent([]byte("{")); err == nil {
		t.Error("nonsense is taken")
	}
}
