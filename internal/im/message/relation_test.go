package message_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// relations answers by "owner other".
type relations struct {
	black, friends map[string]bool
	err            error
}

func (r *relations) Blocks(_ context.Context, _, owner, other string) (bool, error) {
	return r.black[owner+" "+other], r.err
}

func (r *relations) AreFriends(_ context.Context, _, a, b string) (bool, error) {
	return r.friends[a+" "+b], r.err
}

func (w *world) history(accid string) []string {
	w.t.Helper()
	msgs, err := w.svc.History(w.t.Context(), message.HistoryQuery{App: w.app, Accid: accid, Conv: im.P2PKey("alice", "bob"), Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return bodies(msgs)
}

// A message stopped by the black list is its sender's alone, leaves nothing that
// waits for the receiver, and may be sent again under its client id later.
func TestBlackListStopsMessages(t *testing.T) {
	w := newWorld(t)
	r := &relations{black: map[string]bool{"bob alice": true}}
	w.svc.WithRelations(r)
	m := w.message("alice", "bob", 0)
	if err := w.try(m, false); im.CodeOf(err) != im.CodeBlacklisted || m.ID == 0 || m.Time == 0 || !m.Flags.Has(message.Refused) {
		t.Fatalf("%v, id %d, time %d, flags %b", err, m.ID, m.Time, m.Flags)
	}
	for _, ev := range w.bus.Events() {
		if ev.To != "alice" && len(ev.Body) > 0 || ev.To == "alice" && ev.Origin != "conn" {
			t.Errorf("an event for %s with %d bytes", ev.To, len(ev.Body))
		}
	}
	if err := w.svc.Acks().Flush(hytest.Context(t)); err != nil {
		t.Fatal(err)
	}
	convs, err := w.store.Conversations(t.Context(), w.app.Key, "bob", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range convs {
		if c.Delivered.Prefix() != c.LastSeq {
			t.Errorf("%s waits for bob: delivered %s of %d", c.Conv, c.Delivered, c.LastSeq)
		}
	}
	got := w.sync("bob")
	if len(got.Offline)+len(roaming(got)) != 0 || w.history("bob") != nil {
		t.Error("bob sees it")
	}
	if d := cmp.Diff([]string{"1"}, w.history("alice")); d != "" {
		t.Error(d)
	}
	if err := w.try(w.message("bob", "alice", 0), false); err != nil {
		t.Errorf("the other way: %v", err)
	}
	if err := w.try(w.message("alice", "bob", 0), true); err != nil {
		t.Errorf("by the app's server: %v", err)
	}
	r.black = nil
	again := w.message("alice", "bob", 0)
	again.IDClient = m.IDClient
	if err := w.try(again, false); err != nil || again.ID == m.ID {
		t.Errorf("sent again: %v, id %d after %d", err, again.ID, m.ID)
	}
	if d := cmp.Diff([]string{"4", "3", "2"}, w.history("bob")); d != "" {
		t.Error(d)
	}
}

func TestFriendsOnly(t *testing.T) {
	w := newWorld(t, "friends_only", "true")
	r := &relations{friends: map[string]bool{"alice carol": true}}
	w.svc.WithRelations(r)
	for _, c := range []struct {
		name string
		to   string
		rest bool
		want im.Code
	}{
		{"a stranger", "bob", false, im.CodeForbidden}, {"a stranger by the app's server", "bob", true, im.CodeOK},
		{"a friend", "carol", false, im.CodeOK}, {"oneself", "alice", false, im.CodeOK},
	} {
		if err := w.try(w.message("alice", c.to, 0), c.rest); im.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	r.err = errors.New("disk on fire")
	if err := w.try(w.message("alice", "carol", 0), false); !errors.Is(err, r.err) {
		t.Errorf("what can not be known is not guessed: %v", err)
	}
}
