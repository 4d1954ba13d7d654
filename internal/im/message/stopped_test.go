package message

import (
	"testing"

	"hongyan/internal/im"
)

// TestStoppedIsBounded: an app's newest are remembered, whatever another app does.
func TestStoppedIsBounded(t *testing.T) {
	var s stopped
	conv := im.P2PKey("alice", "bob")
	s.add(&Message{App: "other", Conv: conv, From: "alice", ID: 1})
	const all = 3*maxStopped + 7
	for id := int64(1); id <= all; id++ {
		s.add(&Message{App: "app", Conv: conv, From: "alice", ID: id})
	}
	for _, c := range []struct {
		name, app string
		id        int64
		want      bool
	}{
		{"newest", "app", all, true}, {"oldest that is remembered", "app", all - maxStopped + 1, true}, {"one before it", "app", all - maxStopped, false},
		{"first", "app", 1, false}, {"first of another app", "other", 1, true}, {"of no app", "third", 1, false},
	} {
		if got := s.has(c.app, conv, "alice", c.id); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if r := s.apps["app"]; len(r.byID) != maxStopped || len(r.ids) != maxStopped {
		t.Errorf("%d and %d are kept", len(r.byID), len(r.ids))
	}
}
