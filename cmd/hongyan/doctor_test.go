package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/infra/cert"
	"hongyan/internal/obs"
)

func fixed(detail string, err error, advice string) func(context.Context) (string, error, string) {
	return func(context.Context) (string, error, string) { return detail, err, advice }
}

func TestExamine(t *testing.T) {
	var b bytes.Buffer
	failed := examine(t.Context(), &b, []Check{
		{"good", fixed("all well", nil, "not shown")},
		{"so so", fixed("slow", warn("very"), "buy a disk")},
		{"bad", fixed("", errors.New("broken\nin two"), "mend it")},
	})
	const want = `OK    good   all well
WARN  so so  slow: very
FAIL  bad    broken; in two

What to do:
  so so: buy a disk
  bad: mend it

3 checks, 1 warnings, 1 failures
`
	if failed != 1 || b.String() != want {
		t.Errorf("%d\n%s", failed, b.String())
	}
}

// state names what the report would show.
func state(err error) string {
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, new(warning)):
		return "WARN"
	}
	return "FAIL"
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func TestCheckAddress(t *testing.T) {
	mux := http.NewServeMux()
	obs.NewHealth(obs.Discard()).Register(mux)
	plain, secure := httptest.NewServer(mux), httptest.NewTLSServer(mux)
	defer plain.Close()
	defer secure.Close()
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer stranger.Close()
	free := listener(t)
	_ = free.Close()
	tests := []struct {
		name, addr, scheme string
		optional           bool
		want               string
	}{
		{"free", free.Addr().String(), "http", false, "OK"},
		{"ours", plain.Listener.Addr().String(), "http", false, "OK"},
		{"ours with TLS", secure.Listener.Addr().String(), "https", false, "OK"},
		{"of another", stranger.Listener.Addr().String(), "http", false, "FAIL"},
		{"of another, TLS expected", stranger.Listener.Addr().String(), "https", false, "FAIL"},
		{"of another, optional", stranger.Listener.Addr().String(), "http", true, "WARN"},
		{"routes", plain.Listener.Addr().String(), "", false, "WARN"},
		{"not of this machine", "192.0.2.1:7443", "https", false, "FAIL"},
	}
	for _, tt := range tests {
		detail, err, advice := checkAddress(t.Context(), tt.addr, tt.scheme, "--x", tt.optional)
		if state(err) != tt.want || (err != nil) != (advice != "") {
			t.Errorf("%s: %s %v %s", tt.name, detail, err, advice)
		}
	}
}

func TestCheckClock(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hongyan.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		dir  string
		now  time.Time
		want string
	}{
		{"now", dir, time.Now(), "OK"},
		{"before everything", dir, time.Unix(0, 0), "FAIL"},
		{"set back", dir, time.Now().Add(-time.Hour), "FAIL"},
		{"no directory yet", filepath.Join(dir, "none"), time.Now(), "OK"},
	}
	for _, tt := range tests {
		if detail, err, _ := checkClock(tt.dir, tt.now); state(err) != tt.want {
			t.Errorf("%s: %s %v", tt.name, detail, err)
		}
	}
}

func TestCheckData(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil { //nolint:gosec // this is what is to be found
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ dir, want string }{
		{dir, "OK"}, {filepath.Join(dir, "a", "b"), "OK"}, {open, "WARN"}, {file, "FAIL"},
	}
	for _, tt := range tests {
		if detail, err, _ := checkData(tt.dir); state(err) != tt.want {
			t.Errorf("%s: %s %v", tt.dir, detail, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || left != nil {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestCheckCertificate(t *testing.T) {
	dir := t.TempDir()
	own := func(public string) *config.Config {
		cfg := config.Default()
		cfg.Data, cfg.Public = dir, public
		return cfg
	}
	files := func(key string) *config.Config {
		cfg := own("im.example.test:443")
		cfg.TLS.CertFile, cfg.TLS.KeyFile = cfg.Path("tls", "leaf.pem"), cfg.Path("tls", key)
		return cfg
	}
	if detail, err, _ := checkCertificate(own(""), time.Now()); err != nil || !strings.Contains(detail, "first start") {
		t.Errorf("nothing there: %s %v", detail, err)
	}
	if err := cert.EnsureDevelopment(own(""), obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	tests := []struct {
		name  string
		cfg   *config.Config
		later time.Duration
		want  string
		text  string
	}{
		{"good", own(""), 0, "OK", "clients must trust"},
		{"new host", own("new.example.test:443"), 0, "OK", "issued again"},
		{"soon", own(""), 390 * day, "WARN", "expires on"},
		{"over", own(""), 400 * day, "FAIL", "expired on"},
		{"clock in the past", own(""), -2 * day, "FAIL", "not valid yet"},
		{"files for another host", files("leaf.key"), 0, "WARN", "does not cover im.example.test"},
		{"files that do not fit", files("ca.key"), 0, "FAIL", "private key"},
	}
	for _, tt := range tests {
		detail, err, _ := checkCertificate(tt.cfg, time.Now().Add(tt.later))
		if err != nil {
			detail += ": " + err.Error()
		}
		if state(err) != tt.want || !strings.Contains(detail, tt.text) {
			t.Errorf("%s: %s %s", tt.name, state(err), detail)
		}
	}
}

func TestCovers(t *testing.T) {
	names := []string{"im.example", "*.example.test", "10.0.0.1"}
	for host, want := range map[string]bool{
		"im.example": true, "IM.example": true, "a.example.test": true, "a.b.example.test": false, "10.0.0.1": true, "example.test": false,
	} {
		if got := covers(names, host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// The whole command on a machine where everything is well but one port.
func TestDoctor(t *testing.T) {
	taken := listener(t)
	args := []string{"doctor", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"}
	if code, stdout, stderr := hongyan(t, args...); code != 0 || !strings.Contains(stdout, "0 failures") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
	go func() {
		for { // closes what connects, so that the health question fails at once
			c, err := taken.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	args[4] = taken.Addr().String()
	if code, stdout, stderr := hongyan(t, args...); code != 1 || !strings.Contains(stdout, "in use by something else") {
		t.Errorf("%d %s %s", code, stdout, stderr)
	}
}
