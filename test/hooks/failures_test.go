package hooks

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/server"
)

// TestReceiverFailures sends in four conversations to a receiver that refuses
// one message for ever, hangs on others, answers garbage and restarts. Nothing
// is lost, each conversation stays in order, the refused message holds back only
// its own and is dead after the retries, senders notice nothing.
func TestReceiverFailures(t *testing.T) {
	const lanes, each, poison = 4, 40, "0 7"
	b := newBed(t, "copy_events", "1", "copy_timeout", "300", "copy_retry", "1,2", "copy_concurrency", "4")
	for l := range lanes {
		b.accounts(fmt.Sprint("from", l), fmt.Sprint("to", l))
	}
	var mu sync.Mutex // guards the rest
	taken := map[string]bool{}
	var order []string
	var poisoned []time.Time
	hung := map[string]bool{}
	b.r.answers("/copy", func(h hook) (int, string, time.Duration) {
		body := h.text("body")
		mu.Lock()
		defer mu.Unlock()
		switch {
		case body == poison:
			poisoned = append(poisoned, time.Now())
			return 503, "no", 0
		case strings.HasPrefix(body, "1 ") && !hung[body] && len(hung) < 3:
			hung[body] = true
			return 200, "", time.Minute // longer than copy_timeout: it comes again
		case !taken[body]:
			taken[body] = true
			order = append(order, body)
		}
		return 200, "<html>garbage", 0 // what the answer says does not matter
	})
	slowest := time.Duration(0)
	send := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			for l := range lanes {
				begun := time.Now()
				b.api("msg/sendMsg", "from", fmt.Sprint("from", l), "to", fmt.Sprint("to", l), "ope", "0", "type", "0", "body", fmt.Sprintf(`{"msg":"%d %d"}`, l, n))
				slowest = max(slowest, time.Since(begun))
			}
		}
	}
	count := func(lane int) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, body := range order {
			if strings.HasPrefix(body, fmt.Sprint(lane, " ")) {
				n++
			}
		}
		return n
	}
	send(0, each/2)
	hytest.Eventually(t, "the other conversations are not held back", func() bool { return count(2) == each/2 && count(3) == each/2 })
	if n := count(0); n > 7 {
		t.Errorf("%d messages passed one that was refused", n)
	}
	b.r.stop()
	send(each/2, each/2+3)
	b.r.start()
	send(each/2+3, each)
	hytest.Eventually(t, "everything but the dead one is taken", func() bool { return count(0) == each-1 && count(1)+count(2)+count(3) == 3*each })
	mu.Lock()
	defer mu.Unlock()
	next := [lanes]int{}
	for _, body := range order {
		var l, n int
		if _, err := fmt.Sscanf(body, "%d %d", &l, &n); err != nil {
			t.Fatal(err)
		}
		if l == 0 && next[0] == 7 {
			next[0]++
		}
		if n != next[l] {
			t.Fatalf("%q where %d of conversation %d is due", body, next[l], l)
		}
		next[l]++
	}
	if len(poisoned) != 3 || poisoned[1].Sub(poisoned[0]) < 900*time.Millisecond {
		t.Errorf("the refused message was tried at %v", poisoned)
	}
	if len(hung) != 3 {
		t.Errorf("%d messages hung", len(hung))
	}
	if slowest > 5*time.Second { // without copies it is milliseconds; the receiver was away for seconds
		t.Errorf("a send took %v", slowest)
	}
	dead := b.dead()
	if len(dead) != 1 || !strings.Contains(string(dead[0].Body), `"`+poison+`"`) || dead[0].Attempts != 3 || dead[0].Cause != "HTTP status 503" {
		t.Fatalf("dead: %+v", dead)
	}
	// Sent again on demand, under its old id.
	mu.Unlock()
	b.r.answers("/copy", nil)
	b.tool(func(ctx context.Context, tool *server.Tool) error {
		n, err := tool.ReplayCopies(ctx, key, []int64{dead[0].ID})
		if n != 1 {
			t.Errorf("%d are replayed", n)
		}
		return err
	})
	hytest.Eventually(t, "the dead one is taken", func() bool {
		tries := 0
		for _, h := range b.r.of("/copy") {
			if h.text("body") == poison && h.id == fmt.Sprint(dead[0].ID) {
				tries++
			}
		}
		return tries == 4
	})
	mu.Lock()
}
