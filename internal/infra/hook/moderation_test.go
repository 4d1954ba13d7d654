package hook

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im/moderation"
)

// TestExamine: what a service of moderation may answer, and every way in which it
// has not decided.
func TestExamine(t *testing.T) {
	elsewhere := server(t, answer(`{"action":0,"text":"leaked"}`))
	text := func(s string) *string { return &s }
	pass := moderation.Opinion{}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		refused bool // the address is
		want    moderation.Opinion
		err     error
	}{
		{name: "pass", handler: answer(`{"action":0}`), want: pass},
		{name: "pass as text, unknown fields", handler: answer(`{"action":"0","x":[1],"labels":null,"text":null}`), want: pass},
		{name: "byte order mark", handler: answer("\xef\xbb\xbf{\"action\":0}"), want: pass},
		{name: "replaced", handler: answer(`{"action":0,"text":"**"}`), want: moderation.Opinion{Text: text("**")}},
		{name: "replaced by nothing", handler: answer(`{"action":0,"text":""}`), want: moderation.Opinion{Text: text("")}},
		{name: "suspect", handler: answer(`{"action":1,"labels":[{"label":200}]}`), want: moderation.Opinion{Action: moderation.Suspect, Labels: []byte(`[{"label":200}]`)}},
		{name: "hit", handler: answer(`{"action":2,"labels":[{"label":100,"level":2,"rate":1}]}`),
			want: moderation.Opinion{Action: moderation.Fail, Labels: []byte(`[{"label":100,"level":2,"rate":1}]`)}},
		{name: "hit without labels", handler: answer(`{"action":2}`), want: moderation.Opinion{Action: moderation.Fail}},
		{name: "no action", handler: answer(`{"labels":[]}`), err: ErrMalformed},
		{name: "another action", handler: answer(`{"action":3}`), err: ErrMalformed},
		{name: "negative action", handler: answer(`{"action":-1}`), err: ErrMalformed},
		{name: "labels are an object", handler: answer(`{"action":2,"labels":{}}`), err: ErrMalformed},
		{name: "labels are too long", handler: answer(`{"action":2,"labels":["` + strings.Repeat("x", maxLabels) + `"]}`), err: ErrMalformed},
		{name: "text is a number", handler: answer(`{"action":0,"text":1}`), err: ErrMalformed},
		{name: "text with a NUL", handler: answer(`{"action":0,"text":"a\u0000"}`), err: ErrMalformed},
		{name: "text longer than a message", handler: answer(`{"action":0,"text":"` + strings.Repeat("字", 5001) + `"}`), err: ErrMalformed},
		{name: "no JSON", handler: answer(`<html>`), err: ErrMalformed},
		{name: "list", handler: answer(`[]`), err: ErrMalformed},
		{name: "nothing", handler: answer(``), err: ErrMalformed},
		{name: "too long", handler: answer(`{"action":0,"x":"` + strings.Repeat("x", maxAnswer) + `"}`), err: ErrMalformed},
		{name: "status 500", handler: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"action":0}`, 500) }, err: ErrMalformed},
		{name: "redirect is not followed", handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, 307) }, err: ErrMalformed},
		{name: "address refused", handler: answer(`{"action":0}`), refused: true, err: ErrRefused},
		{name: "timeout", handler: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client has gone
			<-r.Context().Done()
		}, err: ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			cl := New(Config{AllowPrivate: !c.refused, Clock: at(1), Metrics: reg})
			defer cl.Close()
			a := testApp(t, "", map[string]string{"moderation_url": server(t, c.handler), "moderation_timeout_ms": "300"})
			got, err := cl.Examine(t.Context(), &moderation.Subject{App: a, Text: "x"})
			if !errors.Is(err, c.err) || err == nil && c.err != nil {
				t.Fatalf("err = %v", err)
			}
			same := got.Text == nil && c.want.Text == nil || got.Text != nil && c.want.Text != nil && *got.Text == *c.want.Text
			if got.Action != c.want.Action || !same || string(got.Labels) != string(c.want.Labels) {
				t.Errorf("%+v", got)
			}
			families, _ := reg.Gather()
			counted := 0.0
			for _, f := range families {
				if f.GetName() == "hongyan_moderation_calls_total" {
					counted = f.GetMetric()[0].GetCounter().GetValue()
				}
			}
			if counted != 1 {
				t.Errorf("counted %v", counted)
			}
		})
	}
}

// TestExamineRequest: what the service gets, signed like a callback.
func TestExamineRequest(t *testing.T) {
	var header http.Header
	var body string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		header, body = r.Header, string(b)
		_, _ = io.WriteString(w, `{"action":0}`)
	})
	cl := New(Config{AllowPrivate: true, Clock: at(1700000000000)})
	defer cl.Close()
	a := testApp(t, "", map[string]string{"moderation_url": url})
	for _, c := range []struct {
		name string
		sub  moderation.Subject
		want string
	}{
		{"text", moderation.Subject{Kind: "PERSON", From: "alice", To: "bob", MsgType: "TEXT", IDClient: "c1", Text: "<你好>", BusinessID: "b", AntiCheating: "{}", Ext: "e"},
			`{"convType":"PERSON","fromAccount":"alice","to":"bob","msgType":"TEXT","msgidClient":"c1","text":"<你好>","bid":"b","yidunAntiCheating":"{}","yidunAntiSpamExt":"e","timestamp":"1700000000000"}`},
		{"picture", moderation.Subject{Kind: "TEAM", From: "alice", To: "1", MsgType: "PICTURE", IDClient: "c2", URL: "https://x/y"},
			`{"convType":"TEAM","fromAccount":"alice","to":"1","msgType":"PICTURE","msgidClient":"c2","url":"https://x/y","timestamp":"1700000000000"}`},
	} {
		c.sub.App = a
		if _, err := cl.Examine(t.Context(), &c.sub); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if body != c.want {
			t.Errorf("%s: %s", c.name, body)
		}
		want := http.Header{}
		sign(want, a, 1700000000000, []byte(body))
		for name := range want {
			if header.Get(name) != want[name][0] {
				t.Errorf("%s: %s is %q, want %q", c.name, name, header.Get(name), want[name][0])
			}
		}
	}
}

// TestExamineSuspended: a service that fails is left alone for a while.
func TestExamineSuspended(t *testing.T) {
	asked, reply := 0, "broken"
	url := server(t, func(w http.ResponseWriter, _ *http.Request) { asked++; _, _ = io.WriteString(w, reply) })
	now := time.UnixMilli(1)
	cl := New(Config{AllowPrivate: true, Clock: func() time.Time { return now }})
	defer cl.Close()
	a := testApp(t, "", map[string]string{"moderation_url": url, "callback_breaker_failures": "2", "callback_breaker_pause": "10"})
	ask := func(want error) {
		t.Helper()
		if _, err := cl.Examine(t.Context(), &moderation.Subject{App: a, Text: "x"}); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	ask(ErrMalformed)
	ask(ErrMalformed)
	ask(ErrOpen)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	now, reply = now.Add(11*time.Second), `{"action":0}`
	ask(nil)
	ask(nil)
}
