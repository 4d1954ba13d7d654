package gateway

import (
	"fmt"
	"testing"

	"hongyan/internal/hytest"
)

// Those who are logged in have to come again, a step at a time; who logs in
// afterwards, and who has not logged in yet, has missed nothing.
func TestResync(t *testing.T) {
	b := newBed(t)
	const n = 2*resyncStep + 5
	for i := range n {
		b.online(fmt.Sprint("user", i))
	}
	early := b.dial()
	if got := b.g.Resync(ReasonBusGap, 1); got != n {
		t.Errorf("%d sessions are to come again, want %d", got, n)
	}
	late := b.online("late")
	hytest.Eventually(t, "all are closed", func() bool {
		return b.count("hongyan_connections_closed_total", "reason", string(ReasonBusGap)) >= n
	})
	early.call(1, 2, 3, "early", 200)
	for _, c := range []*client{early, late} {
		c.call(3, 5, 1, "", 200)
	}
	// Once more: nobody is left of the first time.
	if got := b.g.Resync(ReasonBusGap, 1); got != 2 {
		t.Errorf("%d sessions are to come again, want 2", got)
	}
	hytest.Eventually(t, "these too", func() bool {
		return b.count("hongyan_connections_closed_total", "reason", string(ReasonBusGap)) == n+2
	})
}
