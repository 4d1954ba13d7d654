package im_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hongyan/internal/im"
)

func TestNormalizeAccid(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		ok             bool
	}{
		{"letters and digits", "bob7", "bob7", true},
		{"upper case is folded", "BoB", "bob", true},
		{"every special character", "a_@.-", "a_@.-", true},
		{"only special characters", "@", "@", true},
		{"longest", strings.Repeat("A", 32), strings.Repeat("a", 32), true},
		{"too long", strings.Repeat("a", 33), "", false},
		{"empty", "", "", false},
		{"space", "a b", "", false},
		{"separator of conversation keys", "a|b", "", false},
		{"Chinese", "张三", "", false},
		{"letter that folds to ASCII", "\u212aelvin", "", false}, // Kelvin sign
		{"NUL", "a\x00", "", false},
		{"slash", "a/b", "", false},
	} {
		if got, ok := im.NormalizeAccid(c.in); got != c.want || ok != c.ok {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, ok, c.want, c.ok)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.String().Draw(r, "s")
		if got, ok := im.NormalizeAccid(s); ok {
			if again, ok := im.NormalizeAccid(got); !ok || again != got || !strings.EqualFold(got, s) {
				r.Fatalf("%q became %q and then %q, %v", s, got, again, ok)
			}
		}
	})
}

func TestConvKey(t *testing.T) {
	for _, c := range []struct {
		name  string
		key   im.ConvKey
		want  im.ConvKey
		scene im.Scene
		tid   int64
		peers map[string]string
	}{
		{"p2p", im.P2PKey("bob", "alice"), "p|alice|bob", im.SceneP2P, 0, map[string]string{"alice": "bob", "bob": "alice", "carol": "", "": ""}},
		{"p2p the other way round", im.P2PKey("alice", "bob"), "p|alice|bob", im.SceneP2P, 0, nil},
		{"with oneself", im.P2PKey("bob", "bob"), "p|bob|bob", im.SceneP2P, 0, map[string]string{"bob": "bob", "alice": ""}},
		{"byte order", im.P2PKey("a_", "a-"), "p|a-|a_", im.SceneP2P, 0, nil},
		{"one name begins the other", im.P2PKey("ab", "a"), "p|a|ab", im.SceneP2P, 0, map[string]string{"a": "ab", "ab": "a"}},
		{"team", im.TeamKey(42), "t|42", im.SceneTeam, 42, map[string]string{"42": "", "bob": ""}},
		{"super team", im.SuperTeamKey(1 << 52), "s|4503599627370496", im.SceneSuperTeam, 1 << 52, map[string]string{"bob": ""}},
		{"an account called t", im.P2PKey("t", "s"), "p|s|t", im.SceneP2P, 0, map[string]string{"t": "s"}},
	} {
		if c.key != c.want || c.key.Scene() != c.scene || c.key.TID() != c.tid {
			t.Errorf("%s: %q, scene %d, tid %d", c.name, c.key, c.key.Scene(), c.key.TID())
		}
		for who, want := range c.peers {
			if got := c.key.Peer(who); got != want {
				t.Errorf("%s: peer of %q is %q, want %q", c.name, who, got, want)
			}
		}
	}
	for _, bad := range []im.ConvKey{"", "p|", "p|a", "x|1", "t|", "t|x", "s|"} {
		if bad.TID() != 0 || bad.Peer("a") != "" {
			t.Errorf("malformed key %q: tid %d, peer %q", bad, bad.TID(), bad.Peer("a"))
		}
	}
}

func TestErrorsCarryCodesAndKeepCauses(t *testing.T) {
	cause := errors.New("disk on fire")
	for _, c := range []struct {
		name string
		err  error
		code im.Code
		text string
	}{
		{"none", nil, im.CodeOK, "success"},
		{"refusal", im.Errorf(im.CodeBadParam, "limit is %d", 7), im.CodeBadParam, "limit is 7"},
		{"wrapped refusal", fmt.Errorf("send: %w", im.Errorf(im.CodeMuted, "quiet")), im.CodeMuted, "quiet"},
		{"with a cause", im.Errorf(im.CodeInternal, "store: %w", cause), im.CodeInternal, "internal error"},
		{"a code and a cause", im.Errorf(im.CodeBusy, "store: %w", cause), im.CodeBusy, "server busy"},
		{"of nobody", cause, im.CodeInternal, "internal error"},
	} {
		if got := im.CodeOf(c.err); got != c.code {
			t.Errorf("%s: code %d, want %d", c.name, got, c.code)
		}
		if got := im.PublicText(c.err); got != c.text {
			t.Errorf("%s: public text %q, want %q", c.name, got, c.text)
		}
	}
	if err := im.Errorf(im.CodeInternal, "store: %w", cause); !errors.Is(err, cause) || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("the cause is not there for the log: %v", err)
	}
}

// A bubble's clock starts in 2000, before the epoch of ids.
func intoThePresent() { time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) }

func TestIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		intoThePresent()
		g := im.NewIDs(21, time.Now)
		last := int64(0)
		start := time.Now().UnixMilli()
		for i := range 1000 {
			id := g.Next()
			if id <= last || id >= 1<<53 {
				t.Fatalf("id %d: %d after %d", i, id, last)
			}
			if g.Last() != id || im.IDNode(id) != 21 {
				t.Fatalf("id %d: last %d, node %d", id, g.Last(), im.IDNode(id))
			}
			if ms := im.IDTimeMs(id); ms > time.Now().UnixMilli() || ms < start {
				t.Fatalf("id of %d at %d", ms, time.Now().UnixMilli())
			}
			last = id
		}
		// 128 fit into a millisecond; the clock here moves only while Next waits.
		if took := time.Now().UnixMilli() - start; took != (1000-1)/128 {
			t.Errorf("1000 ids took %d ms", took)
		}
	})
}

func TestIDsWaitForAClockThatStepsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		intoThePresent()
		var offset time.Duration
		g := im.NewIDs(1, func() time.Time { return time.Now().Add(offset) })
		first := g.Next()
		offset = -20 * time.Millisecond
		before := time.Now()
		second := g.Next()
		if second != first+1 {
			t.Errorf("after the step: %d, want the next of the same millisecond as %d", second, first)
		}
		if waited := time.Since(before); waited < 20*time.Millisecond || waited > 21*time.Millisecond {
			t.Errorf("waited %v for 20ms", waited)
		}
		offset = time.Hour
		if third := g.Next(); im.IDTimeMs(third)-im.IDTimeMs(second) < 3_600_000 {
			t.Errorf("a step forward is not followed")
		}
	})
}

func TestIDsOfManyCallersDiffer(t *testing.T) {
	g := im.NewIDs(31, time.Now)
	const workers, each = 8, 500
	ids := make(chan int64, workers*each)
	for range workers {
		go func() {
			for range each {
				ids <- g.Next()
			}
		}()
	}
	seen := map[int64]bool{}
	for range workers * each {
		id := <-ids
		if seen[id] {
			t.Fatalf("%d twice", id)
		}
		seen[id] = true
	}
}

func TestIDsFitIntoAFloat(t *testing.T) {
	at := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	g := im.NewIDs(im.MaxNode, func() time.Time { return at })
	for range 128 {
		if id := g.Next(); int64(float64(id)) != id {
			t.Fatalf("%d is %d after a float64", id, int64(float64(id)))
		}
	}
}

// What was moved here may be older than the ids: those times have ids too, in
// order and below all others.
func TestIDsOfMovedMessages(t *testing.T) {
	g := im.NewIDs(3, time.Now)
	var last int64
	for _, at := range []string{"2014-01-01", "2014-01-02", "2019-06-30", "2023-12-31", "2024-01-02", "2026-01-01"} {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		id := g.MovedID(day.UnixMilli())
		if id <= last || id < im.FirstIDAt(day.UnixMilli()) {
			t.Errorf("%s: id %d after %d", at, id, last)
		}
		if d := im.IDTimeMs(id) - day.UnixMilli(); d < 0 || d > 1 {
			t.Errorf("%s: the id tells of %d ms later", at, d)
		}
		last = id
	}
	if id := g.MovedID(0); id < 1 {
		t.Errorf("id %d of 1970", id)
	}
}
