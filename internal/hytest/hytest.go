// Package hytest helps tests: a settable clock, stores on both databases, an
// app to work in, a recording bus and a check for leaked goroutines.
//
// It is imported by tests alone. It must not know protocols, so that the domain
// can be tested with it.
package hytest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
)

// Patience is how long tests wait for what must happen; it is reached only when
// something is broken.
const Patience = 30 * time.Second

// EnvLeftOut names a file to which every test that could not run here appends a
// line; `make test` counts them.
const EnvLeftOut = "HONGYAN_TEST_LEFT_OUT"

// LeaveOut ends a test that this machine cannot run, and says so. With CI=true
// it fails instead: there nothing may be left out.
func LeaveOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("left out: %s (CI=true: this is a failure)", why)
	}
	if name := os.Getenv(EnvLeftOut); name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatalf("left out: %s; and it cannot be counted: %v", why, err)
		}
		defer f.Close()
		if _, err := f.WriteString(t.Name() + ": " + why + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	t.Skipf("left out: %s", why)
}

// Clock is a clock that runs, from wherever it was set.
type Clock struct {
	mu     sync.Mutex // guards offset
	offset time.Duration
}

// NewClock returns a clock that shows at now and runs on from there; the zero
// time means the present.
func NewClock(at time.Time) *Clock {
	c := &Clock{}
	if !at.IsZero() {
		c.Set(at)
	}
	return c
}

// Now tells the time; it is an im.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// NowMs tells the time in ms since 1970.
func (c *Clock) NowMs() int64 { return c.Now().UnixMilli() }

// Set makes the clock show at now; it runs on from there.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = time.Until(at)
}

// Advance moves the clock by d, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// Keys returns the keyring of a fixed test key.
func Keys(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// SQLite returns the configuration of a fresh, empty SQLite database.
func SQLite(t testing.TB) sqlstore.Config {
	t.Helper()
	return sqlstore.Config{Dir: t.TempDir(), Keys: Keys(t), Clock: time.Now, Log: Quiet(), Relaxed: true}
}

// PostgreSQL returns the configuration of a fresh, empty PostgreSQL database.
func PostgreSQL(t testing.TB) sqlstore.Config {
	t.Helper()
	return sqlstore.Config{URL: Postgres(t), Keys: Keys(t), Clock: time.Now, Log: Quiet()}
}

// Quiet returns a logger for what a test provokes.
func Quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// Open opens a store and closes it with the test.
func Open(t testing.TB, c sqlstore.Config) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(context.Background(), c)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Store returns a fresh SQLite store, closed with the test. change may edit the
// configuration first.
func Store(t testing.TB, change ...func(*sqlstore.Config)) *sqlstore.Store {
	t.Helper()
	c := SQLite(t)
	for _, f := range change {
		f(&c)
	}
	return Open(t, c)
}

// App makes an app with a random key in the store and returns it with its
// settings parsed; overrides are pairs of name and value.
func App(t testing.TB, s app.Store, overrides ...string) *app.App {
	t.Helper()
	svc := app.New(s, time.Now)
	if err := svc.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for i := 0; i+1 < len(overrides); i += 2 {
		set[overrides[i]] = overrides[i+1]
	}
	a, err := svc.Create(context.Background(), app.App{Key: "app-" + randomHex(6), Secret: randomHex(16), Overrides: set})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Settings returns parsed settings: the defaults with overrides, pairs of name
// and value.
func Settings(t testing.TB, overrides ...string) app.Settings {
	t.Helper()
	m := map[string]string{}
	for i := 0; i+1 < len(overrides); i += 2 {
		m[overrides[i]] = overrides[i+1]
	}
	set, err := app.ParseSettings(m)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

// Bus records what is published; it is an im.Publisher.
type Bus struct {
	mu     sync.Mutex // guards events
	events []im.Event
}

// Publish records events.
func (b *Bus) Publish(events ...im.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, events...)
}

// Events returns what was published so far.
func (b *Bus) Events() []im.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]im.Event(nil), b.events...)
}

// NoLeaks fails the test if goroutines started in it are still there when it
// has cleaned up. Call it first.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, before)
		}
	})
}

// Eventually polls until ok says yes; what names the thing waited for.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

// Context returns a context that ends with the test or when Patience is over.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}
