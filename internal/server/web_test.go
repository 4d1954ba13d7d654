package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"hongyan/internal/config"
)

// X-Forwarded-For is believed from trusted proxies only, and of it the last
// address that is no proxy: everything before that anyone can have written.
func TestClientAddress(t *testing.T) {
	cfg, err := config.Load(config.Sources{Flags: map[string][]string{"trusted-proxy": {"10.0.0.0/8", "fd00::/8"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "203.0.113.9:5000", nil, "203.0.113.9:5000"},
		{"a stranger claims to forward", "203.0.113.9:5000", []string{"198.51.100.1"}, "203.0.113.9:5000"},
		{"through a proxy", "10.0.0.1:5000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"through two proxies", "10.0.0.1:5000", []string{"198.51.100.1, 10.0.0.2"}, "198.51.100.1:0"},
		{"in two headers", "10.0.0.1:5000", []string{"198.51.100.1", "10.0.0.2"}, "198.51.100.1:0"},
		{"the client has forged the beginning", "10.0.0.1:5000", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1:0"},
		{"nonsense at the end", "10.0.0.1:5000", []string{"198.51.100.1, unknown"}, "10.0.0.1:5000"},
		{"a proxy that says nothing", "10.0.0.1:5000", nil, "10.0.0.1:5000"},
		{"only proxies", "10.0.0.1:5000", []string{"10.0.0.7"}, "10.0.0.1:5000"},
		{"IPv6", "[fd00::1]:5000", []string{"2001:db8::9"}, "[2001:db8::9]:0"},
		{"IPv4 written as IPv6", "[::ffff:203.0.113.9]:5000", nil, "203.0.113.9:5000"},
		{"a trusted proxy written as IPv6", "[::ffff:10.0.0.1]:5000", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			if got := (clientAddr{cfg}).of(r); got != netip.MustParseAddrPort(c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestLoopEndsWhenItIsStopped(t *testing.T) {
	ended := false
	l := newLoop(func(ctx context.Context) { <-ctx.Done(); ended = true })
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Stop(t.Context()); err != nil || !ended {
		t.Fatalf("%v, ended %v", err, ended)
	}
}
