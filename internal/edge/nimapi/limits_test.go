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
				if ok, _ := l.allow("app", lim, set); ok {
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
		other, _ := l.allow("app", limit{bucket: "b"}, set)
		elsewhere, _ := l.allow("other", lim, set)
		if !other || !elsewhere {
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
			if got, blocks := l.allow("app", minute, set); got != (i < 120) || blocks == got {
				t.Fatalf("batch call %d: %v, block %v", i, got, blocks)
			}
		}
		time.Sleep(59 * time.Second)
		if ok, blocks := l.allow("app", minute, set); ok || blocks {
			t.Error("batch block ended early, or began anew")
		}
		time.Sleep(time.Second)
		if ok, _ := l.allow("app", minute, set); !ok {
			t.Error("batch block did not end")
		}
	})
}

// TestOwnLimits: rest_limits goes before the documented figures, per endpoint and
// for the counters that endpoints share.
func TestOwnLimits(t *testing.T) {
	now := time.UnixMilli(1e12)
	set, err := app.ParseSettings(map[string]string{
		"rest_limits": "msg/sendMsg=2/60/0, msg/sendBatchMsg=0/1/0,team/*=3/1/10,superteam/*=1/1/1,superteam/sendMsg=4/1/1",
		"rest_rate":   "5",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path          string
		calls, blocks int // of ten calls: how many are allowed, how often a block begins
	}{
		{"msg/sendMsg.action", 2, 0},
		{"msg/sendBatchMsg.action", 10, 0},
		{"msg/recall.action", 5, 1},
		{"team/create.action", 3, 1},
		{"superteam/create.action", 1, 1},
		{"superteam/sendMsg.action", 4, 1},
	} {
		l := newLimiter(func() time.Time { return now })
		calls, blocks := 0, 0
		for range 10 {
			ok, block := l.allow("app", limitOf(c.path), &set)
			if ok {
				calls++
			}
			if block {
				blocks++
			}
		}
		if calls != c.calls || blocks != c.blocks {
			t.Errorf("%s: %d allowed, %d blocks", c.path, calls, blocks)
		}
	}
	l := newLimiter(func() time.Time { return now })
	for i, path := range []string{"team/create.action", "team/query.action", "team/add.action", "team/kick.action"} {
		if ok, _ := l.allow("app", limitOf(path), &set); ok != (i < 3) {
			t.Errorf("%s: %v", path, ok)
		}
	}
}

func TestCheckLimits(t *testing.T) {
	for name, ok := range map[string]bool{
		"msg/sendMsg": true, "team/*": true, "superteam/*": true, "superteam/sendMsg": true, "hongyan/proxyNotify": true,
		"msg/sendMessage": false, "team/create": false, "superteam/create": false, "health/liveness": false,
	} {
		if err := CheckLimits(map[string]app.RESTLimit{name: {Count: 1, Seconds: 1}}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLimiterClockBack: a clock that is set back does not prolong a block.
func TestLimiterClockBack(t *testing.T) {
	now := time.UnixMilli(1e12)
	l := newLimiter(func() time.Time { return now })
	set := &app.Settings{RESTRate: 1, RESTBlock: 10}
	lim := limit{bucket: "a"}
	l.allow("app", lim, set)
	if ok, _ := l.allow("app", lim, set); ok {
		t.Fatal("not limited")
	}
	now = now.Add(-time.Hour)
	if ok, _ := l.allow("app", lim, set); !ok {
		t.Error("blocked for an hour")
	}
}

func TestRequestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRequestIDs(time.Now, 3)
		first := func(app, id string, want bool) {
			t.Helper()
			if got := r.first(app, hashID(id), 600); got != want {
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
		wg.Go(func() { wins <- r.first("app", hashID("id"), 600) })
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
