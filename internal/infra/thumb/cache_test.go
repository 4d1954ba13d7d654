package thumb

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
)

type cacheBed struct {
	*Cache
	t     *testing.T
	dir   string
	clock *hytest.Clock
}

func newCacheBed(t *testing.T, max int64) *cacheBed {
	b := &cacheBed{t: t, dir: filepath.Join(t.TempDir(), "thumbs"), clock: hytest.NewClock(time.Time{})}
	b.reopen(max)
	return b
}

func (b *cacheBed) reopen(max int64) {
	b.t.Helper()
	var err error
	if b.Cache, err = OpenCache(b.dir, max, b.clock.Now, slog.New(slog.DiscardHandler)); err != nil {
		b.t.Fatal(err)
	}
}

// has returns what is kept, "" for nothing.
func (b *cacheBed) has(object, asked string) string {
	b.t.Helper()
	c, kind, ok := b.Get(object, asked)
	if !ok {
		return ""
	}
	return kind + " " + string(c)
}

func (b *cacheBed) files() (n int) {
	_ = filepath.WalkDir(b.dir, func(_ string, e fs.DirEntry, _ error) error {
		if e != nil && !e.IsDir() {
			n++
		}
		return nil
	})
	return n
}

func (b *cacheBed) want(what string, object, asked, want string) {
	b.t.Helper()
	if got := b.has(object, asked); got != want {
		b.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestCache(t *testing.T) {
	b := newCacheBed(t, 3*cacheBlock)
	b.want("nothing", "a.1", "10x10", "")
	b.Put("a.1", "10x10", "image/png", []byte("one"))
	b.Put("a.1", "20x20", "image/jpeg", []byte("two"))
	b.Put("b.1", "10x10", "image/png", []byte("three"))
	b.want("first", "a.1", "10x10", "image/png one")
	b.want("another app", "b.1", "10x10", "image/png three")
	// The bound: what was used longest ago goes.
	b.Put("a.2", "10x10", "image/png", []byte("four"))
	b.want("used longest ago", "a.1", "20x20", "")
	b.want("used since", "a.1", "10x10", "image/png one")
	if b.files() != 3 {
		t.Errorf("%d files", b.files())
	}
	// After a start it is all there; halves of files are not.
	half := filepath.Join(b.dir, "00", "new-123")
	if err := os.MkdirAll(filepath.Dir(half), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut, _ := nameOf("c.1", "x")
	if err := os.WriteFile(filepath.Join(b.dir, "00", cut+"-5.png"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.reopen(3 * cacheBlock)
	b.want("after a start", "a.1", "10x10", "image/png one")
	b.want("half a file", "c.1", "x", "")
	if b.files() != 3 {
		t.Errorf("%d files after a start", b.files())
	}
	// An object that is deleted.
	b.Drop("a.1")
	b.Drop("a.unknown")
	b.want("dropped", "a.1", "10x10", "")
	b.want("another object", "a.2", "10x10", "image/png four")
	// A file that somebody has removed.
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	b.want("removed behind our back", "a.2", "10x10", "")
	b.Put("a.2", "10x10", "image/png", []byte("again"))
	b.want("made again", "a.2", "10x10", "image/png again")
	// Nobody asks for a month.
	b.clock.Advance(cacheAge - time.Hour)
	b.want("asked for", "a.2", "10x10", "image/png again")
	b.clock.Advance(2 * time.Hour)
	b.Clean()
	b.want("asked for within a month", "a.2", "10x10", "image/png again")
	b.clock.Advance(cacheAge + cacheTouch + time.Minute)
	b.Clean()
	b.want("not asked for", "a.2", "10x10", "")
	for name, put := range map[string]func(){
		"too large":        func() { b.Put("x", "y", "image/png", make([]byte, 4*cacheBlock)) },
		"empty":            func() { b.Put("x", "y", "image/png", nil) },
		"no picture":       func() { b.Put("x", "y", "text/html", []byte("x")) },
		"a strange type":   func() { b.Put("x", "y", "image/../x", []byte("x")) },
		"a type with more": func() { b.Put("x", "y", "image/svg+xml", []byte("x")) },
	} {
		put()
		if b.files() != 0 {
			t.Errorf("%s is kept", name)
		}
	}
	// A smaller bound at the next start.
	for i := range 3 {
		b.Put(fmt.Sprint("o", i), "y", "image/png", []byte("x"))
	}
	b.reopen(cacheBlock)
	if b.files() != 1 {
		t.Errorf("%d files under a smaller bound", b.files())
	}
}

func TestCacheTogether(t *testing.T) {
	b := newCacheBed(t, 20*cacheBlock)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				object := fmt.Sprint("o", (i+n)%30)
				b.Put(object, "x", "image/png", []byte(object))
				if c, _, ok := b.Get(object, "x"); ok && string(c) != object {
					t.Errorf("%s: %q", object, c)
				}
				if n%10 == 0 {
					b.Drop(object)
				}
			}
		})
	}
	wg.Wait()
	if n := b.files(); n > 20 || n != len(b.byName) {
		t.Errorf("%d files, %d known", n, len(b.byName))
	}
}
