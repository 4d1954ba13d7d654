package spool

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hongyan/internal/im/file"
)

func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	if _, err := Open(path, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{prefix + "left", "of somebody else"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.New(10)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(path); err != nil || len(left) != 1 || left[0].Name() != "of somebody else" {
		t.Errorf("%v, %v", left, err)
	}
	if n, err := io.WriteString(f, "0123456789"); n != 10 || err != nil || f.Size() != 10 {
		t.Fatalf("%d of %d, %v", n, f.Size(), err)
	}
	if _, err := io.WriteString(f, "x"); !errors.Is(err, file.ErrTooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	if err := f.Rewind(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); string(b) != "0123456789" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := Open(filepath.Join(path, "of somebody else"), nil); err == nil {
		t.Error("a file as directory")
	}
}

func TestFull(t *testing.T) {
	disk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no device that is always full")
	}
	defer disk.Close()
	var log strings.Builder
	f := &File{dir: &Dir{log: slog.New(slog.NewTextHandler(&log, nil))}, f: disk, most: 10}
	if _, err := io.WriteString(f, "x"); !errors.Is(err, file.ErrFull) || !strings.Contains(log.String(), "no space left") {
		t.Errorf("%v, log %q", err, &log)
	}
	if err := f.dir.full(&os.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}); !errors.Is(err, file.ErrFull) {
		t.Errorf("over the quota: %v", err)
	}
	if err := f.dir.full(io.ErrShortWrite); errors.Is(err, file.ErrFull) {
		t.Error(err)
	}
}
