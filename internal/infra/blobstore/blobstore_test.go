package blobstore

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hongyan/internal/im/file"
)

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "files")
	s, err := Open(t.Context(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func TestDirectory(t *testing.T) {
	s, dir := open(t)
	ctx := t.Context()
	if n, err := s.Put(ctx, "a/b/c-1", strings.NewReader("0123456789")); n != 10 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for _, c := range []struct {
		offset, n int64
		want      string
	}{{0, -1, "0123456789"}, {3, 2, "34"}, {9, -1, "9"}, {10, -1, ""}} {
		r, err := s.Open(ctx, "a/b/c-1", c.offset, c.n)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if string(b) != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c, b, err)
		}
		r.Close()
	}
	if _, err := s.Open(ctx, "a/b/none", 0, -1); !errors.Is(err, file.ErrNoBlob) {
		t.Errorf("an absent blob: %v", err)
	}
	if _, err := s.Put(ctx, "a/b/c-2", io.MultiReader(strings.NewReader("half"), failing{})); err == nil {
		t.Error("a broken body is stored")
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Put(cancelled, "a/b/c-3", strings.NewReader("x")); err == nil {
		t.Error("stored for nobody")
	}
	var keys []string
	if err := s.Walk(ctx, func(key string, at time.Time) error {
		if time.Since(at) > time.Minute {
			t.Errorf("%s: %v", key, at)
		}
		keys = append(keys, key)
		return nil
	}); err != nil || len(keys) != 1 || keys[0] != "a/b/c-1" {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "b", "c-1")); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := s.Delete(ctx, "a/b/c-1"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// A link to another disk is as good as a directory.
func TestLinkedDirectory(t *testing.T) {
	link := filepath.Join(t.TempDir(), "files")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), "", link)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a/b/c-1", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	var keys []string
	if err := s.Walk(t.Context(), func(key string, _ time.Time) error { keys = append(keys, key); return nil }); err != nil || len(keys) != 1 || keys[0] != "a/b/c-1" {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestKeys(t *testing.T) {
	s, dir := open(t)
	for _, key := range []string{"", "/etc/passwd", "../x", "a/../../x", "a//b", "a\x00b", "a b", "ü", `a\b`, "a/..", "%2e%2e/x"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x")); err == nil {
			t.Errorf("%q is stored", key)
		}
		if _, err := s.Open(t.Context(), key, 0, -1); err == nil {
			t.Errorf("%q is read", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("%q is deleted", key)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("outside the store: %v", left)
	}
}

func TestFull(t *testing.T) {
	err := full(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	if !errors.Is(err, file.ErrDiskFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := full(io.ErrUnexpectedEOF); errors.Is(err, file.ErrDiskFull) {
		t.Error(err)
	}
}

func TestOpenFaults(t *testing.T) {
	if _, err := Open(t.Context(), "gopher://x", ""); err == nil {
		t.Error("an unknown scheme")
	}
	taken := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "", taken); err == nil {
		t.Error("a file as directory")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }
