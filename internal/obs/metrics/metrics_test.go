package metrics

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/obs"
)

func options(t *testing.T, addr string) PrivateOptions {
	t.Helper()
	health := obs.NewHealth(obs.Discard())
	health.SetReady()
	reg := NewRegistry()
	count := prometheus.NewCounter(prometheus.CounterOpts{Namespace: Namespace, Name: "things_total", Help: "Things."})
	reg.MustRegister(count)
	count.Inc()
	return PrivateOptions{Addr: addr, Gatherer: reg, Health: health, Log: obs.Discard()}
}

func TestPrivate(t *testing.T) {
	p := NewPrivate(options(t, "127.0.0.1:0"))
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(p.Addr())
	tests := []struct {
		path string
		code int
		want string
		host string // that the request names; empty: the address
	}{
		{"/debug/pprof/heap", 403, "", "rebound.example:" + port},
		{"/debug/pprof/heap", 200, "", "localhost:" + port},
		{"/debug/pprof/heap", 200, "", "[::1]:" + port},
		{"/metrics", 200, "go_goroutines", "hongyan.metrics:" + port},
		{"/healthz", 200, "ok", ""},
		{"/readyz", 200, "ready", ""},
		{"/metrics", 200, "hongyan_things_total 1", ""},
		{"/metrics", 200, "go_goroutines", ""},
		{"/metrics", 200, "go_build_info", ""},
		{"/debug/pprof/", 200, "goroutine", ""},
		{"/debug/pprof/heap?debug=1", 200, "heap profile", ""},
		{"/debug/pprof/cmdline", 404, "", ""},
		{"/", 404, "", ""},
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr()+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != tt.code || !strings.Contains(string(body), tt.want) {
			t.Errorf("%s: %d %.80s %v", tt.path, res.StatusCode, body, err)
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if _, err := net.Dial("tcp", p.Addr()); err == nil {
		t.Error("still listening")
	}
}

func TestPrivateAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name     string
		addr     string
		optional bool
		wantErr  bool
	}{
		{"off", "", false, false},
		{"taken", taken.Addr().String(), false, true},
		{"taken, by default", taken.Addr().String(), true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := options(t, tt.addr)
			opts.Optional = tt.optional
			p := NewPrivate(opts)
			if err := p.Start(t.Context()); (err != nil) != tt.wantErr {
				t.Errorf("Start: %v", err)
			}
			if p.Addr() != "" {
				t.Errorf("Addr %s", p.Addr())
			}
			if err := p.Stop(t.Context()); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}
