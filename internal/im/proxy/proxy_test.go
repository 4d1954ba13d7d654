package proxy

import (
	"net/url"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

func testApp(t *testing.T) *app.App {
	set, err := app.ParseSettings(map[string]string{"proxy_url_default": "https://app.example/base/", "proxy_zones": "z=http://zone.example:81, y=https://y.example/q"})
	if err != nil {
		t.Fatal(err)
	}
	return &app.App{Key: "k", Settings: set}
}

func TestPrepare(t *testing.T) {
	a := testApp(t)
	for _, c := range []struct {
		r    Request
		url  string // "" = refused
		code im.Code
	}{
		{Request{Path: "/x"}, "https://app.example/base/x", 200},
		{Request{Path: "x?y=1&z=%20"}, "https://app.example/base/x?y=1&z=%20", 200},
		{Request{Path: "/a%20b/é", Zone: "z"}, "http://zone.example:81/a%20b/%C3%A9", 200},
		{Request{Path: "/", Zone: "y"}, "https://y.example/q/", 200},
		{Request{Path: "/x?u=http://evil.example/.."}, "https://app.example/base/x?u=http://evil.example/..", 200},
		{Request{Path: "http://evil.example/"}, "https://app.example/base/http://evil.example/", 200}, // a path like any other
		{Request{Path: "/x", Zone: "none"}, "", 404},
		{Request{Path: ""}, "", 414},
		{Request{Path: "//evil.example/x"}, "", 414},
		{Request{Path: "/../x"}, "", 414},
		{Request{Path: "/a/./b"}, "", 414},
		{Request{Path: "/a/%2e%2E/b"}, "", 414},
		{Request{Path: "/a%2fb"}, "", 414},
		{Request{Path: `/a\..\b`}, "", 414},
		{Request{Path: "/a%5c..%5cb"}, "", 414},
		{Request{Path: "/a\r\nHost: x"}, "", 414},
		{Request{Path: "/a%0d%0ab"}, "", 414},
		{Request{Path: "/a#b"}, "", 414},
		{Request{Path: "/%zz"}, "", 414},
		{Request{Path: "/" + strings.Repeat("x", maxPath)}, "", 414},
		{Request{Path: "/x", Method: 5}, "", 414},
		{Request{Path: "/x", Method: -1}, "", 414},
		{Request{Path: "/x", Body: strings.Repeat("x", maxBody+1)}, "", 414},
		{Request{Path: "/x", Headers: `["a"]`}, "", 414},
		{Request{Path: "/x", Headers: `{"a":1}`}, "", 414},
		{Request{Path: "/x", Headers: `{"a b":"c"}`}, "", 414},
		{Request{Path: "/x", Headers: `{"a":"b\r\nc: d"}`}, "", 414},
	} {
		got, err := prepare(a, "alice", c.r)
		if im.CodeOf(err) != c.code || err == nil && got.URL != c.url {
			t.Errorf("%q: %v %v", c.r.Path, got, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	h, err := parseHeaders(`{"Authorization":"x","X-Hongyan-Accid":"y","HOST":"z","checksum":"s","X-Forwarded-For":"1.1.1.1","X_Forwarded_For":"1.1.1.1","x_hongyan-Accid":"y","X-Client-IP":"1.1.1.1","X-HTTP-Method-Override":"DELETE","Proxy-Authorization":"p"}`)
	if err != nil || len(h) != 1 || h["Authorization"] != "x" {
		t.Error(h, err)
	}
}

// FuzzJoin: whatever a client sends as a path, the request goes to the
// configured host and below the configured path.
func FuzzJoin(f *testing.F) {
	for _, s := range []string{"/x", "//h/x", "/../x", "/%2e%2e/x", "http://h/", "/a?b#c", `\\h`, "/@h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := join("https://app.example:8443/base", path)
		if err != nil {
			return
		}
		back, err := url.Parse(u.String())
		if err != nil || back.Scheme != "https" || back.Host != "app.example:8443" || !strings.HasPrefix(back.Path, "/base/") || strings.Contains(back.Path, "/../") || back.User != nil {
			t.Errorf("%q leads to %s (%v)", path, u, err)
		}
	})
}

type record struct{ events []im.Event }

func (r *record) Publish(e ...im.Event) { r.events = append(r.events, e...) }

func TestNotify(t *testing.T) {
	bus := &record{}
	clock := im.Clock(nil)
	if err := Notify(bus, clock, "k", "a", nil, "x"); im.CodeOf(err) != im.CodeBadParam {
		t.Error(err)
	}
	if err := Notify(bus, clock, "k", "a", []string{"b"}, strings.Repeat("x", maxMessage+1)); im.CodeOf(err) != im.CodeBadParam {
		t.Error(err)
	}
}
