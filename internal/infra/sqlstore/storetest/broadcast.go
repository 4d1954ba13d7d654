package storetest

import (
	"testing"

	"hongyan/internal/im/message"
)

func testBroadcasts(t *testing.T, e *env) {
	s, app := e.openApp()
	put := func(body string, stored bool, expires int64) *message.Broadcast {
		t.Helper()
		b := &message.Broadcast{Body: body, Stored: stored, CreatedMs: 1, ExpiresMs: expires, TargetOS: []string{"web", "pc"}}
		if err := s.PutBroadcast(e.ctx(), app, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, two, old, live := put("one", true, 100), put("two", true, 100), put("old", true, 50), put("live", false, 100)
	waiting := func(accid string, want ...*message.Broadcast) {
		t.Helper()
		got, err := s.WaitingBroadcasts(e.ctx(), app, accid, 50, 10)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d wait for %s, want %d, %v", len(got), accid, len(want), err)
		}
		for i := range got {
			if got[i].ID != want[i].ID || got[i].Body != want[i].Body || len(got[i].TargetOS) != 2 {
				t.Errorf("%+v", got[i])
			}
		}
	}
	waiting("alice", one, two)
	if err := s.AckBroadcasts(e.ctx(), app, "alice", []int64{one.ID, one.ID, live.ID, 7}); err != nil {
		t.Fatal(err)
	}
	waiting("alice", two)
	waiting("bob", one, two)
	other := e.putApp(s, "app-two")
	if got, err := s.WaitingBroadcasts(e.ctx(), other, "bob", 50, 10); err != nil || len(got) != 0 {
		t.Errorf("another app: %v, %v", got, err)
	}
	if was, err := s.DeleteBroadcast(e.ctx(), other, two.ID); was || err != nil {
		t.Error("deleted by another app")
	}
	yes, no := true, false
	for _, c := range []struct {
		max    int64
		stored *bool
		limit  int
		want   int
	}{{0, nil, 10, 4}, {0, &yes, 10, 3}, {0, &no, 10, 1}, {two.ID, nil, 10, 2}, {0, nil, 1, 1}} {
		if got, err := s.Broadcasts(e.ctx(), app, c.max, c.stored, c.limit); err != nil || len(got) != c.want {
			t.Errorf("%+v: %d, %v", c, len(got), err)
		}
	}
	for _, want := range []bool{true, false} {
		if was, err := s.DeleteBroadcast(e.ctx(), app, old.ID); err != nil || was != want {
			t.Errorf("%v, %v", was, err)
		}
	}
	if b, err := s.Broadcast(e.ctx(), app, old.ID); b != nil || err != nil {
		t.Errorf("%+v, %v", b, err)
	}
}
