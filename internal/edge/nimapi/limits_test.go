package nimapi

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hongyan/internal/im/app"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(time.Now)
		set := &app.Settings{RESTRate: 3, RESTBlock: 10}
		lim := limit{bucket: "a"}
		take := func(n int) (allowed int) {
			for range n {
				if l.allow("app", lim, set) {
					allowed++
				}
			}
			return allowed
		}
		check := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d calls allowed, want %d", what, got, want)
			}
		}
		check("within the rate", take(3), 3)
		time.Sleep(time.Second)
		check("a second later", take(3), 3)
		check("one too many", take(1), 0)
		if !l.allow("app", limit{bucket: "b"}, set) || !l.allow("other", lim, set) {
			t.Error("another bucket or app is blocked too")
		}
		time.Sleep(9 * time.Second)
		check("during the block", take(5), 0)
		time.Sleep(time.Second)
		check("calls during the block do not extend it", take(4), 3)
		time.Sleep(time.Minute)
		set.RESTBlock = 0
		check("without a block", take(5), 3)
		time.Sleep(time.Second)
		check("only the window counts", take(3), 3)

		minute := limitOf("msg/sendBatchMsg.action")
		for i := range 121 {
			if got := l.allow("app", minute, set); got != (i < 120) {
				t.Fatalf("batch call %d: %v", i, got)
			}
		}
		time.Sleep(59 * time.Second)
		if l.allow("app", minute, set) {
			t.Error("batch block ended early")
		}
		time.Sleep(time.Second)
		if !l.allow("app", minute, set) {
			t.Error("batch block did not end")
		}
	})
}

// TestLimiterClockBack: a clock that is set back does not prolong a block.
func TestLimiterClockBack(t *testing.T) {
	now := time.UnixMilli(1e12)
	l := newLimiter(func() time.Time { return now })
	set := &app.Settings{RESTRate: 1, RESTBlock: 10}
	lim := limit{bucket: "a"}
	l.allow("app", lim, set)
	if l.allow("app", lim, set) {
		t.Fatal("not limited")
	}
	now = now.Add(-time.Hour)
	if !l.allow("app", lim, set) {
		t.Error("blocked for an hour")
	}
}

func TestRequestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRequestIDs(time.Now, 3)
		first := func(app, id string, want bool) {
			t.Helper()
			if got := r.first(app, id, 600); got != want {
				t.Errorf("%s %s: first = %v", app, id, got)
			}
		}
		first("app", "1", true)
		first("app", "1", false)
		first("other", "1", true)
		time.Sleep(599 * time.Second)
		first("app", "1", false)
		time.Sleep(time.Second)
		first("app", "1", true)
		for i := range 10 {
			first("app", fmt.Sprint("n", i), true)
		}
		first("app", "n9", false)
		first("app", "1", true) // pushed out: memory is bounded
		if l := r.apps["app"]; len(l.seen) != 3 || len(l.order) != 3 {
			t.Errorf("%d ids kept, %d in order", len(l.seen), len(l.order))
		}
	})
}

// TestRequestIDsConcurrent: of calls that arrive together exactly one is first.
func TestRequestIDsConcurrent(t *testing.T) {
	r := newRequestIDs(time.Now, 100)
	var wg sync.WaitGroup
	wins := make(chan bool, 50)
	for range 50 {
		wg.Go(func() { wins <- r.first("app", "id", 600) })
	}
	wg.Wait()
	close(wins)
	n := 0
	for w := range wins {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d were first", n)
	}
}

// TestCheckSum is the vector of docs/api/server-v1.md section 2.1.
func TestCheckSum(t *testing.T) {
	if got := checkSum("1ab2c3d4e5f6", "4e5f6a7b8c9dn0nce001", "1700000000"); got != "cc8e97857ab7b704f337de3239aa76a84d806f80" {
		t.Error(got)
	}
}

func TestIPAllowed(t *testing.T) {
	for _, c := range []struct {
		list, ip string
		want     bool
	}{
		{"", "1.2.3.4", true},
		{" ", "anything", true},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.4", "::ffff:1.2.3.4", true},
		{"10.0.0.0/8, 1.2.3.4", "10.9.8.7", true},
		{"10.0.0.0/8,1.2.3.4", "1.2.3.5", false},
		{"2001:db8::/32", "2001:db8::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"no address", "1.2.3.4", false},
		{"1.2.3.4", "", false},
	} {
		if got := ipAllowed(c.list, c.ip); got != c.want {
			t.Errorf("%q admits %q: %v", c.list, c.ip, got)
		}
	}
}
