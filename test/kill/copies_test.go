package kill

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// receiver stands for an app's server that takes event copies: it hangs, fails
// or takes them.
type receiver struct {
	*httptest.Server

	mu    sync.Mutex // guards the rest
	mode  string     // "hang", "fail", "take"
	calls int
	first []string // bodies of messages, in the order they were taken first
	seen  map[string]bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{mode: "hang", seen: map[string]bool{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	var m struct {
		Event string `json:"eventType"`
		ID    string `json:"msgidServer"`
		Body  string `json:"body"`
	}
	_ = json.NewDecoder(req.Body).Decode(&m)
	r.mu.Lock()
	r.calls++
	mode := r.mode
	r.mu.Unlock()
	switch {
	case mode == "hang":
		<-req.Context().Done()
		return
	case mode == "fail":
		http.Error(w, "garbage", http.StatusInternalServerError)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Event == "1" && m.Body != "first" && m.ID == req.Header.Get("X-Copy-Id") && !r.seen[m.ID] {
		r.seen[m.ID] = true
		r.first = append(r.first, m.Body)
	}
}

func (r *receiver) set(mode string) {
	r.mu.Lock()
	r.mode = mode
	r.mu.Unlock()
	r.CloseClientConnections()
}

func (r *receiver) called() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// TestCopiesSurviveKill: every message that was acknowledged is copied, in the
// order of its conversation, whatever the receiver and the process go through;
// and senders do not wait for the receiver.
func TestCopiesSurviveKill(t *testing.T) {
	hytest.NoLeaks(t)
	r := newReceiver(t)
	s := proc.New(t, "--hook-private")
	s.Start()
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=100000", "copy_url="+r.URL, "copy_events=1",
		"copy_timeout=2000", "copy_retry="+strings.TrimSuffix(strings.Repeat("1,", 90), ","), "copy_concurrency=4")
	rest := s.REST()
	const lanes = 4
	for l := range lanes {
		for _, name := range []string{fmt.Sprint("from", l), fmt.Sprint("to", l)} {
			if code, body, err := rest.Call(hytest.Context(t), "user/create.action", url.Values{"accid": {name}}); err != nil || code != 200 {
				t.Fatalf("create %s: %s, %v", name, body, err)
			}
		}
	}
	acked := 0
	send := func(n int) {
		t.Helper()
		begun := time.Now()
		for range n {
			for l := range lanes {
				code, body, err := rest.Call(hytest.Context(t), "msg/sendMsg.action", url.Values{"from": {fmt.Sprint("from", l)}, "to": {fmt.Sprint("to", l)},
					"ope": {"0"}, "type": {"0"}, "body": {fmt.Sprintf(`{"msg":"%d %05d"}`, l, acked)}})
				if err != nil || code != 200 {
					t.Fatalf("send: %s, %v", body, err)
				}
			}
			acked++
		}
		if took := time.Since(begun); took > hytest.Patience/2 {
			t.Errorf("%d messages took %v", n*lanes, took)
		}
	}
	hytest.Eventually(t, "the server copies", func() bool { // it takes the settings over within a second
		_, _, err := rest.Call(hytest.Context(t), "msg/sendMsg.action", url.Values{"from": {"to0"}, "to": {"to1"}, "ope": {"0"}, "type": {"0"}, "body": {`{"msg":"first"}`}})
		return err == nil && r.called() > 0
	})
	send(30) // nobody takes anything
	s.Kill() // between commit and delivery
	s.Start()
	r.set("fail")
	send(20)
	calls := r.called()
	hytest.Eventually(t, "attempts fail", func() bool { return r.called() > calls+8 })
	r.set("take")
	hytest.Eventually(t, "some are taken", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.first) > 5 })
	s.Kill() // between delivery and its record
	s.Start()
	send(20)
	hytest.Eventually(t, "everything is taken", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.first) == acked*lanes })
	r.mu.Lock()
	defer r.mu.Unlock()
	next := [lanes]int{}
	for _, b := range r.first {
		var l, n int
		if _, err := fmt.Sscanf(b, "%d %d", &l, &n); err != nil || n != next[l] {
			t.Fatalf("%q where %d of conversation %d is due", b, next[l], l)
		}
		next[l]++
	}
	if out := s.Tool([]string{"copies", "list"}, "--key", proc.Key); strings.Contains(out, "CAUSE") {
		t.Errorf("given up: %s", out)
	}
}
