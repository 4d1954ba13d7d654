package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hongyan/internal/im/file"
)

const (
	// syncEvery is how much of one upload may be written and not yet on the disk, in
	// bytes: what piles up delays every commit of a database on the same disk.
	syncEvery = 8 << 20
	// maxSyncs bounds the uploads that wait for the disk at a time, for the same
	// reason: a commit comes after those before it.
	maxSyncs = 4
)

// directory keeps blobs as files below root, a key as their path.
type directory struct {
	root    string
	buffers *buffers
	syncs   chan struct{} // capacity maxSyncs
}

func openDirectory(root string, b *buffers) (*directory, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	// A link to another disk is no directory to those who walk.
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, errors.Join(err, fmt.Errorf("%s is no directory", root))
	}
	return &directory{root: root, buffers: b, syncs: make(chan struct{}, maxSyncs)}, nil
}

func (d *directory) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// put writes beside the place and renames: a rename needs one file system, and
// the sweep of orphans finds what a kill leaves. The bytes are on the disk before
// the name is, and the name before put returns.
func (d *directory) put(ctx context.Context, key string, r io.Reader) (n int64, err error) {
	path := d.path(key)
	if err := d.makeAll(filepath.Dir(path)); err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "upload")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what stays is swept
		}
	}()
	n, err = d.buffers.copy(&synced{d: d, f: f}, &withContext{ctx, r})
	if err == nil {
		err = d.sync(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return n, err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		_ = os.Remove(path)
		return n, err
	}
	return n, nil
}

func (d *directory) sync(f *os.File) error {
	d.syncs <- struct{}{} // a sync ends, however slow the disk is
	defer func() { <-d.syncs }()
	return f.Sync()
}

// synced is a file that never gets far ahead of the disk.
type synced struct {
	d     *directory
	f     *os.File
	dirty int
}

// Write implements io.Writer.
func (s *synced) Write(b []byte) (int, error) {
	n, err := s.f.Write(b)
	if s.dirty += n; err == nil && s.dirty >= syncEvery {
		s.dirty, err = 0, s.d.sync(s.f)
	}
	return n, err
}

// makeAll makes a directory below the root, and its name durable if it is new.
func (d *directory) makeAll(dir string) error {
	if _, err := os.Stat(dir); err == nil || dir == d.root {
		return err
	}
	if err := d.makeAll(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// withContext ends reading with its context.
type withContext struct {
	ctx context.Context // of one put
	r   io.Reader
}

// Read implements io.Reader.
func (c *withContext) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

func (d *directory) open(key string, offset, n int64) (io.ReadCloser, error) {
	f, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, file.ErrNoBlob
	}
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if n < 0 {
		return f, nil // the kernel can send it without our help
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, n), f}, nil
}

func (d *directory) delete(key string) error {
	if err := os.Remove(d.path(key)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *directory) walk(ctx context.Context, fn func(key string, modified time.Time) error) error {
	return filepath.WalkDir(d.root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != d.root {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		return fn(filepath.ToSlash(key), info.ModTime())
	})
}

func (d *directory) ping() error {
	info, err := os.Stat(d.root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no directory", d.root)
	}
	return err
}
