package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// TestCopiesMoveToTheOtherNode: two nodes share the conversations whose copies
// they send; when one is killed the other sends what it had accepted, too, in
// the order of each conversation, and sends go on meanwhile.
func TestCopiesMoveToTheOtherNode(t *testing.T) {
	const lanes, each = 12, 8
	var mu sync.Mutex // guards the rest
	mode, order, seen, held := "hold", []string{}, map[string]bool{}, map[string]bool{}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var c struct {
			Body string `json:"body"`
		}
		_ = json.NewDecoder(req.Body).Decode(&c)
		mu.Lock()
		defer mu.Unlock()
		if mode == "hold" {
			held[c.Body] = true
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		if !seen[c.Body] {
			seen[c.Body] = true
			order = append(order, c.Body)
		}
	}))
	defer app.Close()
	b := newBed(t, "--hook-private")
	b.n[0].Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=100000", "copy_url="+app.URL, "copy_events=1", "copy_retry="+strings.TrimSuffix(strings.Repeat("1,", 60), ","))
	b.account("probe0", "probe1")
	message := func(from, to, body string) url.Values {
		return url.Values{"from": {from}, "to": {to}, "ope": {"0"}, "type": {"0"}, "body": {`{"msg":"` + body + `"}`}}
	}
	send := func(node int, from, to, body string) {
		t.Helper()
		b.call(node, "msg/sendMsg", message(from, to, body))
	}
	for node := range 2 { // both have taken the settings over when they copy
		probe := fmt.Sprint("probe", node)
		hytest.Eventually(t, fmt.Sprintf("node %d copies", node), func() bool {
			// It may be refused: at first the app has fewer calls a second.
			_, _, err := b.rest[node].Call(hytest.Context(t), "msg/sendMsg.action", message(probe, probe, probe))
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			return held[probe]
		})
	}
	for l := range lanes {
		b.account(fmt.Sprint("from", l), fmt.Sprint("to", l))
	}
	for n := range each {
		for l := range lanes {
			send(l%2, fmt.Sprint("from", l), fmt.Sprint("to", l), fmt.Sprintf("%d %d", l, n))
		}
	}
	b.n[1].Kill()
	for n := each; n < 2*each; n++ {
		for l := 0; l < lanes; l += 2 {
			send(0, fmt.Sprint("from", l), fmt.Sprint("to", l), fmt.Sprintf("%d %d", l, n))
		}
	}
	mu.Lock()
	mode = "take"
	mu.Unlock()
	count := func() (n int) {
		for _, body := range order {
			if !strings.HasPrefix(body, "probe") {
				n++
			}
		}
		return n
	}
	const all = lanes*each + lanes/2*each
	hytest.Eventually(t, "everything is taken", func() bool { mu.Lock(); defer mu.Unlock(); return count() == all })
	mu.Lock()
	defer mu.Unlock()
	next := [lanes]int{}
	for _, body := range order {
		var l, n int
		if _, err := fmt.Sscanf(body, "%d %d", &l, &n); err != nil {
			continue // a probe
		}
		if n != next[l] {
			t.Fatalf("%q where %d of conversation %d is due", body, next[l], l)
		}
		next[l]++
	}
	if out := b.n[0].Tool([]string{"copies", "list"}, "--key", proc.Key); strings.Contains(out, "CAUSE") {
		t.Errorf("given up: %s", out)
	}
}
