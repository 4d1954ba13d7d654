package hook

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/translation"
)

func TestTranslate(t *testing.T) {
	elsewhere := server(t, answer(`{"translation":"leaked"}`))
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		private bool
		want    im.Code
	}{
		{"answered", answer(`{"translation":"hello","from":"zh"}`), true, 200},
		{"answered with a code", answer(`{"code":200,"translation":"hello","from":"zh"}`), true, 200},
		{"language unknown", answer(`{"code":414,"desc":"no such language"}`), true, 414},
		{"refused", answer(`{"code":403}`), true, 500},
		{"no translation", answer(`{"from":"zh"}`), true, 500},
		{"no JSON", answer(`hello`), true, 500},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", 500) }, true, 500},
		{"redirect is not followed", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, 307) }, true, 500},
		{"too long", answer(`{"translation":"` + strings.Repeat("x", maxAnswer) + `"}`), true, 500},
		{"address refused", answer(`{"translation":"hello"}`), false, 500},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client has gone
			<-r.Context().Done()
		}, true, 408},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := New(Config{AllowPrivate: c.private, Clock: at(1)})
			defer cl.Close()
			a := testApp(t, "", map[string]string{"translate_url": server(t, c.handler), "translate_timeout": "300"})
			got, err := cl.Translate(t.Context(), &translation.Request{App: a, Accid: "alice", Text: "你好", From: "auto", To: "en"})
			if im.CodeOf(err) != c.want || err == nil && *got != (translation.Answer{Text: "hello", From: "zh"}) {
				t.Errorf("%+v, %v", got, err)
			}
			if c.name == "address refused" && !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
		})
	}
}

// TestTranslateRequest: what the provider gets, signed like a callback.
func TestTranslateRequest(t *testing.T) {
	var header http.Header
	var body string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		header, body = r.Header, string(b)
		_, _ = io.WriteString(w, `{"translation":"x"}`)
	})
	cl := New(Config{AllowPrivate: true, Clock: at(1700000000000)})
	defer cl.Close()
	a := testApp(t, "", map[string]string{"translate_url": url})
	if _, err := cl.Translate(t.Context(), &translation.Request{App: a, Accid: "alice", Text: "你好", From: "auto", To: "en"}); err != nil {
		t.Fatal(err)
	}
	if body != `{"accid":"alice","text":"你好","from":"auto","to":"en"}` {
		t.Error(body)
	}
	want := http.Header{}
	sign(want, a, 1700000000000, []byte(body))
	for name := range want {
		if header.Get(name) != want[name][0] {
			t.Errorf("%s is %q, want %q", name, header.Get(name), want[name][0])
		}
	}
}

// TestTranslateSuspended: a provider that fails is left alone for a while; a
// refused language is no failure.
func TestTranslateSuspended(t *testing.T) {
	asked := 0
	reply := `{"code":414}`
	url := server(t, func(w http.ResponseWriter, _ *http.Request) { asked++; _, _ = io.WriteString(w, reply) })
	now := time.UnixMilli(1)
	cl := New(Config{AllowPrivate: true, Clock: func() time.Time { return now }})
	defer cl.Close()
	a := testApp(t, "", map[string]string{"translate_url": url, "callback_breaker_failures": "2", "callback_breaker_pause": "10"})
	ask := func(want im.Code) {
		t.Helper()
		if _, err := cl.Translate(t.Context(), &translation.Request{App: a, Text: "x", From: "auto", To: "en"}); im.CodeOf(err) != want {
			t.Errorf("%v, want %d", err, want)
		}
	}
	for range 3 {
		ask(414)
	}
	reply = "broken"
	ask(500)
	ask(500)
	ask(503)
	if asked != 5 {
		t.Errorf("asked %d times", asked)
	}
	now, reply = now.Add(11*time.Second), `{"translation":"x"}`
	ask(200)
}
