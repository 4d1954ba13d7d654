package hook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
)

// reports keeps copies of failed callbacks.
type reports struct{ all []*eventcopy.Copy }

func (r *reports) PutCopies(_ context.Context, cs []*eventcopy.Copy) error {
	r.all = append(r.all, cs...)
	return nil
}

func p2p() *message.Message {
	return &message.Message{App: "key", Scene: im.SceneP2P, From: "alice", To: "bob", IDClient: "c1", ClientType: 16,
		Content: message.Content{Body: "<hi>", FromNick: "Alice", FromDevice: "dev"}}
}

func TestMessageVerdicts(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		failure string
		reject  bool
		code    im.Code
		reason  string // of copy event 83
	}{
		{name: "pass", handler: answer(`{"errCode":0}`)},
		{name: "deny", handler: answer(`{"errCode":1}`), reject: true, code: 403},
		{name: "deny with code", handler: answer(`{"errCode":1,"responseCode":20099}`), reject: true, code: 20099},
		{name: "code that is not allowed", handler: answer(`{"errCode":1,"responseCode":500}`), reject: true, code: 403},
		{name: "silent drop", handler: answer(`{"errCode":1,"responseCode":200}`), reject: true, code: 200},
		{name: "garbage, pass", handler: answer(`<html>`), reason: "2"},
		{name: "garbage, reject", handler: answer(`<html>`), failure: "reject", reject: true, code: 403, reason: "2"},
		{name: "hanging, reject", handler: hang, failure: "reject", reject: true, code: 403, reason: "1"},
		{name: "status 500, pass", handler: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", 500) }, reason: "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &reports{}
			cl := New(Config{AllowPrivate: true, Clock: time.Now, Copies: r})
			defer cl.Close()
			failure := c.failure
			if failure == "" {
				failure = "pass"
			}
			a := testApp(t, server(t, c.handler), map[string]string{"callback_events": "1", "callback_timeout": "100", "callback_on_failure": failure,
				"copy_url": "http://receiver.example/", "copy_events": "83"})
			v, err := cl.Message(t.Context(), a, p2p(), message.Peer{})
			if err != nil || v.Reject != c.reject || c.reject && v.Code != c.code {
				t.Errorf("%+v, %v", v, err)
			}
			if (len(r.all) == 1) != (c.reason != "") || c.reason != "" && !strings.Contains(string(r.all[0].Body), `"reason":"`+c.reason+`"`) {
				t.Errorf("reports %v", r.all)
			}
		})
	}
}

func TestMessageRequestAndModification(t *testing.T) {
	var got map[string]any
	var calls atomic.Int32
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		_ = json.NewDecoder(r.Body).Decode(&got)
		_, _ = io.WriteString(w, `{"errCode":0,"callbackExt":"ce","modifyResponse":{"body":"b","attach":{"a":1},"ext":"","pushEnable":false,"historyEnable":"true","roamingEnable":7}}`)
	})
	cl := New(Config{AllowPrivate: true, Clock: at(1700000000123)})
	defer cl.Close()
	a := testApp(t, "http://127.0.0.1:1/", map[string]string{"callback_events": "1", "callback_env": "blue=" + url})
	m := p2p()
	m.Content.Env = "blue"
	v, err := cl.Message(t.Context(), a, m, message.Peer{IP: "192.0.2.1", Port: "99"})
	if err != nil || v.Reject || v.Ext != "ce" || *v.Body != "b" || *v.Attach != `{"a":1}` || *v.MsgExt != "" || *v.Push || !*v.History || v.Roaming != nil || v.PushContent != nil {
		t.Fatalf("%+v, %v", v, err)
	}
	for name, want := range map[string]any{"eventType": 1.0, "fromAccount": "alice", "fromNick": "Alice", "fromClientType": "WEB", "fromDeviceId": "dev", "to": "bob",
		"msgTimestamp": "1700000000123", "msgType": "TEXT", "fromClientIp": "192.0.2.1", "fromClientPort": "99", "msgidClient": "c1", "body": "<hi>"} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	m.Scene = im.SceneTeam // event 2 is not switched on
	if v, err := cl.Message(t.Context(), a, m, message.Peer{}); err != nil || v.Reject || calls.Load() != 1 {
		t.Errorf("%+v, %v after %d calls", v, err, calls.Load())
	}
}

func TestBreaker(t *testing.T) {
	now := atomic.Int64{}
	now.Store(1_700_000_000_000)
	var calls atomic.Int32
	good := atomic.Bool{}
	url := server(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		if good.Load() {
			_, _ = io.WriteString(w, `{"errCode":1}`)
		}
	})
	r := &reports{}
	cl := New(Config{AllowPrivate: true, Copies: r, Clock: func() time.Time { return time.UnixMilli(now.Load()) }})
	defer cl.Close()
	a := testApp(t, url, map[string]string{"callback_events": "35", "callback_breaker_failures": "3", "callback_breaker_pause": "10", "copy_url": "http://x.example/", "copy_events": "83"})
	ask := func() im.Code {
		if err := cl.Operation(t.Context(), a, 35, "", struct{}{}); err != nil {
			return im.CodeOf(err)
		}
		return 0
	}
	for range 5 {
		ask()
	}
	if calls.Load() != 3 || len(r.all) != 5 || !strings.Contains(string(r.all[4].Body), `"reason":"3"`) {
		t.Fatalf("%d calls, %d reports", calls.Load(), len(r.all))
	}
	now.Add(10_001)
	ask() // tries, and fails again
	ask()
	if calls.Load() != 4 {
		t.Fatalf("%d calls after the pause", calls.Load())
	}
	now.Add(10_001)
	good.Store(true)
	if got := ask(); got != 403 {
		t.Errorf("code %d", got)
	}
	if got := ask(); got != 403 || calls.Load() != 6 {
		t.Errorf("code %d after %d calls", got, calls.Load())
	}
}
