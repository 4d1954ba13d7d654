// Package spool owns files of callers that lie on the disk before they can be
// stored, because what belongs to them comes behind them.
//
// It must not know forms, nor how many such files there may be.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"hongyan/internal/im/file"
)

// prefix begins the names of our files.
const prefix = "hongyan-upload-"

// Dir is where they lie. The zero value is the system's directory for temporary
// files. It is safe for concurrent use.
type Dir struct {
	path string
	log  *slog.Logger
}

// Open makes a directory for this process alone and removes what one that died
// has left there.
func Open(path string, log *slog.Logger) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("directory of uploads: %w", err)
	}
	left, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("directory of uploads: %w", err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), prefix) {
			if err := os.Remove(filepath.Join(path, e.Name())); err != nil {
				return nil, fmt.Errorf("directory of uploads: %w", err)
			}
		}
	}
	return &Dir{path: path, log: log}, nil
}

// File is one file. It has no name, so that nothing is left of it whatever happens.
type File struct {
	dir  *Dir
	f    *os.File
	size int64
	most int64
}

// New makes a file of at most so many bytes; close it. A full disk is
// file.ErrFull.
func (d *Dir) New(most int64) (*File, error) {
	f, err := os.CreateTemp(d.path, prefix+"*")
	if err != nil {
		return nil, d.full(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &File{dir: d, f: f, most: most}, nil
}

// Write implements io.Writer. A file over the limit is file.ErrTooLarge, a full
// disk file.ErrFull.
func (f *File) Write(b []byte) (int, error) {
	if f.size+int64(len(b)) > f.most {
		return 0, file.ErrTooLarge
	}
	n, err := f.f.Write(b)
	f.size += int64(n)
	return n, f.dir.full(err)
}

// Size is how much was written, in bytes.
func (f *File) Size() int64 { return f.size }

// Rewind makes Read begin at the beginning.
func (f *File) Rewind() error {
	_, err := f.f.Seek(0, 0)
	return err
}

// Read implements io.Reader.
func (f *File) Read(b []byte) (int, error) { return f.f.Read(b) }

// Close gives the space back.
func (f *File) Close() error { return f.f.Close() }

// full names the one failure that an operator has to act on.
func (d *Dir) full(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	if d.log != nil {
		d.log.Error("no space left for files before they are stored", "directory", d.path, "err", err)
	}
	return fmt.Errorf("%w: %w", file.ErrFull, err)
}
