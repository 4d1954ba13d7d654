package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/proxy"
)

func TestForward(t *testing.T) {
	elsewhere := server(t, answer("leaked"))
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		private bool
		want    im.Code
	}{
		{"answered", answer("fine"), true, 200},
		{"created", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); _, _ = io.WriteString(w, "fine") }, true, 200},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", 500) }, true, 500},
		{"redirect is not followed", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, 307) }, true, 500},
		{"longest", answer("fine" + strings.Repeat("x", 96)), true, 200},
		{"too long", answer("fine" + strings.Repeat("x", 97)), true, 500},
		{"address refused", answer("fine"), false, 500},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true, 408},
		{"slow body", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, true, 408},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := New(Config{AllowPrivate: c.private, Clock: at(1)})
			defer cl.Close()
			a := testApp(t, "", map[string]string{"proxy_answer_limit": "100", "proxy_timeout": "300"})
			begun := time.Now()
			body, err := cl.Forward(t.Context(), &proxy.Call{App: a, Accid: "alice", Method: "GET", URL: server(t, c.handler), Path: "/"})
			if im.CodeOf(err) != c.want || err == nil && !strings.HasPrefix(body, "fine") {
				t.Errorf("%q, %v", body, err)
			}
			if c.name == "address refused" && !errors.Is(err, ErrRefused) {
				t.Error(err)
			}
			if time.Since(begun) > 5*time.Second {
				t.Error("the time limit does not cover all of it")
			}
		})
	}
}

func TestForwardRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	target := server(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	cl := New(Config{AllowPrivate: true, Clock: at(1440570500855)})
	defer cl.Close()
	a := testApp(t, "", nil)
	_, err := cl.Forward(t.Context(), &proxy.Call{App: a, Accid: "alice", Zone: "z", Method: "PUT", URL: target + "/p?q=1", Path: "/p?q=1",
		Headers: map[string]string{"Content-Type": "text/plain", "X-Mine": "1"}, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	m := hmac.New(sha256.New, []byte(a.Secret))
	m.Write([]byte("PUT\n/p?q=1\nalice\n1440570500855\n99914b932bd37a50b983c5e7c90ae93b\n"))
	for name, want := range map[string]string{"AppKey": "key", "CurTime": "1440570500855", "MD5": "99914b932bd37a50b983c5e7c90ae93b", "X-Hongyan-Accid": "alice",
		"X-Hongyan-Zone": "z", "X-Hongyan-Signature": hex.EncodeToString(m.Sum(nil)), "Content-Type": "text/plain", "X-Mine": "1"} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s = %q, want %q", name, v, want)
		}
	}
	if got.Method != "PUT" || got.RequestURI != "/p?q=1" || string(body) != "{}" {
		t.Errorf("%s %s %q", got.Method, got.RequestURI, body)
	}
}
