package cert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/obs"
)

func testConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	return cfg
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// serve answers over TLS with the source and returns the address.
func serve(t *testing.T, conf *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(tls.NewListener(ln, conf)) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return ln.Addr().String()
}

// dial makes a handshake as a client that trusts ca.pem, and returns the leaf it saw.
func dial(t *testing.T, addr, caPath, host string, maxVersion uint16) (*x509.Certificate, error) {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(read(t, caPath)) {
		t.Fatal("no CA in ca.pem")
	}
	conn, err := tls.Dial("tcp", addr, &tls.Config{
		RootCAs: roots, ServerName: host, NextProtos: []string{"h2", "http/1.1"}, MaxVersion: maxVersion,
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if p := conn.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
		t.Errorf("negotiated %q", p)
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestDevelopmentIsTrustedByItsCA(t *testing.T) {
	cfg := testConfig(t)
	cfg.Listen, cfg.Public = "10.1.2.3:7443", "im.example.test:443"
	src, err := New(cfg, obs.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := src.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	addr := serve(t, src.TLSConfig())
	tests := []struct {
		host    string
		version uint16
		ok      bool
	}{
		{"localhost", 0, true}, {"127.0.0.1", 0, true}, {"::1", 0, true}, {"10.1.2.3", 0, true},
		{"im.example.test", 0, true}, {"im.example.test", tls.VersionTLS12, true}, {"other.example.test", 0, false},
		{"localhost", tls.VersionTLS11, false},
	}
	for _, tt := range tests {
		if _, err := dial(t, addr, cfg.Path("tls", "ca.pem"), tt.host, tt.version); (err == nil) != tt.ok {
			t.Errorf("%s %x: %v", tt.host, tt.version, err)
		}
	}
	for name, perm := range map[string]fs.FileMode{"ca.key": 0o600, "leaf.key": 0o600, "ca.pem": 0o644, "leaf.pem": 0o644} {
		info, err := os.Stat(cfg.Path("tls", name))
		if err != nil || info.Mode().Perm() != perm {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if left, err := filepath.Glob(cfg.Path("tls", ".*")); err != nil || left != nil {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestLeafIsReissued(t *testing.T) {
	start := time.Now()
	tests := []struct {
		name   string
		change func(t *testing.T, cfg *config.Config)
		later  time.Duration
		leaf   bool // a new leaf is expected
		ca     bool // a new CA is expected
	}{
		{name: "nothing changed"},
		{name: "long before its end", later: leafLife - renewBefore - 2*time.Hour},
		{name: "near its end", later: leafLife - renewBefore + 2*time.Hour, leaf: true},
		{name: "other host", change: func(_ *testing.T, c *config.Config) { c.Public = "new.example.test:443" }, leaf: true},
		{name: "other port", change: func(_ *testing.T, c *config.Config) { c.Public = "127.0.0.1:444" }},
		{name: "half written", change: func(t *testing.T, c *config.Config) { remove(t, c.Path("tls", "leaf.pem")) }, leaf: true},
		{name: "key of another", change: func(t *testing.T, c *config.Config) {
			other := testConfig(t)
			if err := EnsureDevelopment(other, obs.Discard(), start); err != nil {
				t.Fatal(err)
			}
			put(t, c.Path("tls", "leaf.key"), read(t, other.Path("tls", "leaf.key")))
		}, leaf: true},
		{name: "garbage", change: func(t *testing.T, c *config.Config) { put(t, c.Path("tls", "leaf.pem"), []byte("x")) }, leaf: true},
		{name: "CA certificate lost, key kept", change: func(t *testing.T, c *config.Config) { remove(t, c.Path("tls", "ca.pem")) },
			ca: true},
		{name: "CA lost", change: func(t *testing.T, c *config.Config) {
			remove(t, c.Path("tls", "ca.pem"))
			remove(t, c.Path("tls", "ca.key"))
		}, ca: true, leaf: true},
		{name: "CA key taken away", change: func(t *testing.T, c *config.Config) { remove(t, c.Path("tls", "ca.key")) }},
		{name: "CA near its end", later: caLife, ca: true, leaf: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig(t)
			if err := EnsureDevelopment(cfg, obs.Discard(), start); err != nil {
				t.Fatal(err)
			}
			leaf, ca := read(t, cfg.Path("tls", "leaf.pem")), read(t, cfg.Path("tls", "ca.pem"))
			if tt.change != nil {
				tt.change(t, cfg)
			}
			if err := EnsureDevelopment(cfg, obs.Discard(), start.Add(tt.later)); err != nil {
				t.Fatal(err)
			}
			if got := !bytes.Equal(leaf, read(t, cfg.Path("tls", "leaf.pem"))); got != tt.leaf {
				t.Errorf("new leaf: %v", got)
			}
			if got := !bytes.Equal(ca, read(t, cfg.Path("tls", "ca.pem"))); got != tt.ca {
				t.Errorf("new CA: %v", got)
			}
			if _, err := tls.LoadX509KeyPair(cfg.Path("tls", "leaf.pem"), cfg.Path("tls", "leaf.key")); err != nil {
				t.Error(err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCAKeyIsMissed(t *testing.T) {
	cfg := testConfig(t)
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	remove(t, cfg.Path("tls", "ca.key"))
	if err := RenewDevelopment(cfg, obs.Discard(), time.Now()); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("renew without CA key: %v", err)
	}
	other := testConfig(t)
	if err := EnsureDevelopment(other, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	put(t, cfg.Path("tls", "ca.key"), read(t, other.Path("tls", "ca.key")))
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err == nil || !strings.Contains(err.Error(), "is not the key of") {
		t.Errorf("key of another CA: %v", err)
	}
}

// Several processes may begin with the same empty directory.
func TestConcurrentFirstStart(t *testing.T) {
	cfg := testConfig(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := openAuthority(cfg.Path("tls"), time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Error(err)
	}
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// lockedBuffer is a log that handshakes write and the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func TestHotReload(t *testing.T) {
	cfg := testConfig(t)
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	certPath, keyPath := filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
	deploy := func(parts string) {
		if strings.Contains(parts, "c") {
			put(t, certPath, read(t, cfg.Path("tls", "leaf.pem")))
		}
		if strings.Contains(parts, "k") {
			put(t, keyPath, read(t, cfg.Path("tls", "leaf.key")))
		}
	}
	renew := func() {
		if err := RenewDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	deploy("ck")
	log := &lockedBuffer{}
	clk := &clock{t: time.Now()}
	f, err := newFiles(certPath, keyPath, slog.New(slog.NewTextHandler(log, nil)), clk.now)
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, f.TLSConfig())
	var last []byte
	steps := []struct {
		name    string
		do      func()
		wait    time.Duration
		changed bool
	}{
		{"first", func() {}, 0, true},
		{"unchanged", func() {}, recheck, false},
		{"changed, but looked at just now", func() { renew(); deploy("ck") }, recheck / 2, false},
		{"changed", func() {}, recheck, true},
		{"certificate without its key", func() { renew(); deploy("c") }, recheck, false},
		{"still without", func() {}, recheck, false},
		{"the key follows", func() { deploy("k") }, recheck, true},
		{"garbage", func() { put(t, certPath, []byte("not PEM")) }, recheck, false},
		{"gone", func() { remove(t, certPath) }, recheck, false},
		{"still gone", func() {}, recheck, false},
		{"back", func() { renew(); deploy("ck") }, recheck, true},
		{"clock steps back", func() { renew(); deploy("ck") }, -time.Hour, true},
	}
	for _, s := range steps {
		s.do()
		clk.add(s.wait)
		leaf, err := dial(t, addr, cfg.Path("tls", "ca.pem"), "localhost", 0)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := !bytes.Equal(leaf.Raw, last); got != s.changed {
			t.Errorf("%s: changed %v", s.name, got)
		}
		last = leaf.Raw
	}
	if n := log.count("certificate is broken"); n != 2 {
		t.Errorf("%d broken certificates logged, want 2", n)
	}
	if n := log.count("cannot be read"); n != 1 {
		t.Errorf("a missing file was logged %d times", n)
	}
}

// A leaf renewed by a command reaches the running server.
func TestDevelopmentPicksUpARenewal(t *testing.T) {
	cfg := testConfig(t)
	src, err := newDevelopment(cfg, obs.Discard())
	if err != nil {
		t.Fatal(err)
	}
	clk := &clock{t: time.Now()}
	src.now = clk.now
	addr := serve(t, src.TLSConfig())
	before, err := dial(t, addr, cfg.Path("tls", "ca.pem"), "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := RenewDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	clk.add(2 * recheck)
	after, err := dial(t, addr, cfg.Path("tls", "ca.pem"), "localhost", 0)
	if err != nil || before.SerialNumber.Cmp(after.SerialNumber) == 0 {
		t.Errorf("not renewed: %v", err)
	}
}

func TestFilesMustBeGoodAtStart(t *testing.T) {
	cfg := testConfig(t)
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	cfg.TLS.CertFile, cfg.TLS.KeyFile = cfg.Path("tls", "leaf.pem"), cfg.Path("tls", "ca.key")
	if _, err := New(cfg, obs.Discard()); err == nil {
		t.Error("a key that does not fit is accepted")
	}
	cfg.TLS.KeyFile = cfg.Path("tls", "none.key")
	if _, err := New(cfg, obs.Discard()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing key: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	cfg := testConfig(t)
	if _, err := Describe(cfg); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if err := EnsureDevelopment(cfg, obs.Discard(), time.Now()); err != nil {
		t.Fatal(err)
	}
	infos, err := Describe(cfg)
	if err != nil || len(infos) != 2 {
		t.Fatalf("%v %v", infos, err)
	}
	ca, leaf := infos[0], infos[1]
	if ca.Role != "development CA" || leaf.Issuer != ca.Subject || !slices.Contains(leaf.Names, "localhost") ||
		len(leaf.Fingerprint) != 95 || leaf.Expired(time.Now()) || !leaf.Expired(time.Now().Add(leafLife)) {
		t.Errorf("%+v", infos)
	}
}

func TestLeafHosts(t *testing.T) {
	base := []string{"localhost", "127.0.0.1", "::1"}
	tests := []struct {
		listen, public string
		want           []string
	}{
		{"127.0.0.1:7443", "", base},
		{"", "", base},
		{"10.0.0.1:443", "IM.example.:443", append(slices.Clone(base), "10.0.0.1", "im.example")},
		{"[fe80::1%eth0]:443", "", append(slices.Clone(base), "fe80::1")},
	}
	for _, tt := range tests {
		cfg := config.Default()
		cfg.Listen, cfg.Public = tt.listen, tt.public
		if got := leafHosts(cfg); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestACME(t *testing.T) {
	cfg := testConfig(t)
	cfg.TLS.ACMEDomains = []string{"im.example.test"}
	cfg.TLS.ACMECA = "https://127.0.0.1:1/directory" // nobody answers
	src, err := New(cfg, obs.Discard())
	if err != nil {
		t.Fatal(err)
	}
	conf := src.TLSConfig()
	if !slices.Equal(conf.NextProtos, []string{"http/1.1", "acme-tls/1"}) || conf.MinVersion != tls.VersionTLS12 {
		t.Errorf("%v %x", conf.NextProtos, conf.MinVersion)
	}
	addr := serve(t, conf)
	handshake := func() error {
		conn, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "im.example.test", InsecureSkipVerify: true})
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	if handshake() == nil {
		t.Error("a certificate before Start")
	}
	if err := src.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if handshake() == nil {
		t.Error("a certificate from nowhere")
	}
	h := src.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://im.example.test/nimserver/x", nil))
	if w.Code != http.StatusTeapot {
		t.Errorf("other requests are not passed on: %d", w.Code)
	}
	if err := src.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := src.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}
