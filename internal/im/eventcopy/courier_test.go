package eventcopy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/infra/sqlstore"
)

// world is an app with copies and a receiver whose behaviour a test chooses.
type world struct {
	t     *testing.T
	store *sqlstore.Store
	apps  *app.Service
	clock *hytest.Clock

	mu     sync.Mutex // guards the rest
	got    []string   // bodies that were taken, in order
	tries  int
	refuse func(c *eventcopy.Copy) error
	hang   chan struct{} // when set: every attempt waits for it or its context
	most   int           // attempts at one time
	now    int
	died   int
}

func newWorld(t *testing.T, settings map[string]string) *world {
	t.Helper()
	w := &world{t: t, clock: hytest.NewClock(time.Time{})}
	c := hytest.SQLite(t)
	w.store = hytest.Open(t, c)
	w.apps = app.New(w.store, w.clock.Now)
	if _, err := w.apps.Create(t.Context(), app.App{Key: "k", Secret: "the-secret-of-k"}); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"copy_url": "http://receiver.example/", "copy_events": "1"}
	for k, v := range settings {
		all[k] = v
	}
	if _, err := w.apps.Set(t.Context(), "k", all); err != nil {
		t.Fatal(err)
	}
	return w
}

// run runs a courier until the returned function is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	k := eventcopy.NewCourier(eventcopy.CourierConfig{Store: w.store, Apps: w.apps, Clock: w.clock.Now, Log: hytest.Quiet(), Meter: w, Holder: "h", Send: w.send})
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) send(ctx context.Context, _ *app.App, c *eventcopy.Copy) error {
	w.mu.Lock()
	w.tries++
	w.now++
	w.most = max(w.most, w.now)
	hang, refuse := w.hang, w.refuse
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.now--; w.mu.Unlock() }()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if refuse != nil {
		if err := refuse(c); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, string(c.Body))
	return nil
}

func (w *world) Tried(string, time.Duration, error) {}
func (w *world) Waiting(string, int, int64)         {}
func (w *world) Died(string)                        { w.mu.Lock(); w.died++; w.mu.Unlock() }

func (w *world) put(lane string, from, to int) {
	w.t.Helper()
	var cs []*eventcopy.Copy
	for n := from; n < to; n++ {
		cs = append(cs, &eventcopy.Copy{App: "k", Event: eventcopy.Message, Lane: lane, Body: fmt.Appendf(nil, "%s %05d", lane, n)})
	}
	if err := w.store.PutCopies(w.t.Context(), cs); err != nil {
		w.t.Fatal(err)
	}
}

// of returns what was taken of a lane.
func (w *world) of(lane string) (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.got {
		if strings.HasPrefix(b, lane+" ") {
			out = append(out, b)
		}
	}
	return out
}

// inOrder says what is wrong with a lane that should have taken 0 to n-1 once.
func (w *world) inOrder(lane string, n int) {
	w.t.Helper()
	got := w.of(lane)
	if len(got) != n {
		w.t.Errorf("lane %s: %d of %d", lane, len(got), n)
		return
	}
	for i, b := range got {
		if b != fmt.Sprintf("%s %05d", lane, i) {
			w.t.Errorf("lane %s: %q in place %d", lane, b, i)
			return
		}
	}
}

func (w *world) empty() bool {
	n, _, err := w.store.CountCopies(w.t.Context(), "k", 10)
	return err == nil && n == 0
}

func TestOrderPerLane(t *testing.T) {
	hytest.NoLeaks(t)
	w := newWorld(t, map[string]string{"copy_concurrency": "8"})
	w.put("early", 0, 2000) // more than a lane keeps in memory, before the start
	stop := w.run()
	for n := range 20 {
		for l := range 20 {
			w.put(fmt.Sprintf("l%d", l), n*5, n*5+5)
		}
	}
	hytest.Eventually(t, "everything is taken and recorded", w.empty)
	stop()
	w.inOrder("early", 2000)
	for l := range 20 {
		w.inOrder(fmt.Sprintf("l%d", l), 100)
	}
	if w.most > 8 {
		t.Errorf("%d attempts at one time", w.most)
	}
}

// TestOneLaneFails: the others go on, and the lane does after the event was
// given up, in order.
func TestOneLaneFails(t *testing.T) {
	hytest.NoLeaks(t)
	w := newWorld(t, map[string]string{"copy_retry": "1,1"})
	tries := map[string]int{}
	w.refuse = func(c *eventcopy.Copy) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if tries[string(c.Body)]++; strings.HasPrefix(string(c.Body), "bad 00000") {
			return errors.New("HTTP status 500")
		}
		if string(c.Body) == "bad 00002" && tries["bad 00002"] < 3 {
			return errors.New("HTTP status 502")
		}
		return nil
	}
	w.put("bad", 0, 50)
	w.run()
	w.put("good", 0, 50)
	hytest.Eventually(t, "the good lane is done", func() bool { return len(w.of("good")) == 50 })
	if n := len(w.of("bad")); n != 0 {
		t.Errorf("%d overtook the failing one", n)
	}
	hytest.Eventually(t, "the rest is taken", func() bool { w.clock.Advance(100 * time.Millisecond); return w.empty() })
	w.inOrder("good", 50)
	got := w.of("bad")
	if len(got) != 49 || got[0] != "bad 00001" || got[1] != "bad 00002" || got[48] != "bad 00049" {
		t.Errorf("bad lane: %d, %v", len(got), got)
	}
	w.mu.Lock()
	if tries["bad 00000"] != 3 || tries["bad 00002"] != 3 || w.died != 1 {
		t.Errorf("tries %d and %d, %d died", tries["bad 00000"], tries["bad 00002"], w.died)
	}
	w.refuse = nil
	w.mu.Unlock()
	dead, err := w.store.DeadCopies(t.Context(), "k", 0, 10)
	if err != nil || len(dead) != 1 || dead[0].Attempts != 3 || dead[0].Cause != "HTTP status 500" {
		t.Fatalf("%+v, %v", dead, err)
	}
}

// TestRestart: the end of the process breaks attempts off without counting
// them, and nothing is lost.
func TestRestart(t *testing.T) {
	hytest.NoLeaks(t)
	w := newWorld(t, map[string]string{"copy_retry": ""}) // one failure would be the end
	w.hang = make(chan struct{})
	for l := range 4 {
		w.put(fmt.Sprintf("l%d", l), 0, 30)
	}
	stop := w.run()
	hytest.Eventually(t, "attempts hang", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.now == 4 })
	stop()
	w.mu.Lock()
	w.hang = nil
	w.mu.Unlock()
	w.run()
	hytest.Eventually(t, "everything is taken", w.empty)
	for l := range 4 {
		w.inOrder(fmt.Sprintf("l%d", l), 30)
	}
	if w.died != 0 {
		t.Errorf("%d died", w.died)
	}
}

// TestHangingReceiver: what hangs does not keep others from being stored, and
// everything is delivered when the receiver is back.
func TestHangingReceiver(t *testing.T) {
	hytest.NoLeaks(t)
	w := newWorld(t, map[string]string{"copy_retry": "1,1,1", "copy_concurrency": "4"})
	w.refuse = func(*eventcopy.Copy) error { return errors.New("callback timed out") }
	w.run()
	for l := range 30 {
		w.put(fmt.Sprintf("l%d", l), 0, 10)
	}
	hytest.Eventually(t, "every lane has failed once", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.tries >= 30 })
	w.mu.Lock()
	w.refuse = nil
	w.mu.Unlock()
	hytest.Eventually(t, "everything is taken", func() bool { w.clock.Advance(50 * time.Millisecond); return w.empty() })
	for l := range 30 {
		w.inOrder(fmt.Sprintf("l%d", l), 10)
	}
}
