// Package blobstore keeps the bytes of files: in a directory, or in an
// S3-compatible store named by a URL. It is the only package that knows a
// storage SDK.
//
// It must not know apps, files or rules: keys are texts that the domain makes,
// of A-Z a-z 0-9 . _ - and slashes.
package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // scheme s3
	"gocloud.dev/gcerrors"

	"hongyan/internal/im/file"
)

// Store implements file.Blobs. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	dir    string // of the directory store; "" for a remote one
}

// Open opens the store: a URL such as s3://bucket?region=...&endpoint=..., or
// with an empty one the directory dir, which is made when absent. Credentials of
// a remote store come from its usual environment variables and files.
func Open(ctx context.Context, url, dir string) (*Store, error) {
	if url != "" {
		b, err := blob.OpenBucket(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("open blob store: %w", err)
		}
		return &Store{bucket: b}, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	// Temporary files lie beside the finished ones: a rename needs one file
	// system, and the sweep of orphans finds what a kill left.
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	return &Store{bucket: b, dir: dir}, nil
}

// Close gives the store back.
func (s *Store) Close() error { return s.bucket.Close() }

// Put implements file.Blobs: streamed, and durable when it returns.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	wctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(wctx, key, &blob.WriterOptions{ContentType: "application/octet-stream", BufferSize: 5 << 20, MaxConcurrency: 1, DisableContentTypeDetection: true})
	if err != nil {
		return 0, full(err)
	}
	n, err := io.Copy(w, r)
	if err != nil {
		cancel() // before Close: nothing is kept
		_ = w.Close()
		return n, full(err)
	}
	if err := w.Close(); err != nil {
		return n, full(err)
	}
	if err := s.sync(key); err != nil {
		_ = s.Delete(context.WithoutCancel(ctx), key)
		return n, full(err)
	}
	return n, nil
}

// sync makes a file of the directory store, and its names, survive a loss of power.
func (s *Store) sync(key string) error {
	if s.dir == "" {
		return nil
	}
	path := filepath.Join(s.dir, filepath.FromSlash(key))
	for p := path; len(p) >= len(s.dir); p = filepath.Dir(p) {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Open implements file.Blobs.
func (s *Store) Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	r, err := s.bucket.NewRangeReader(ctx, key, offset, n, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, file.ErrNoBlob
	}
	return r, err
}

// Delete implements file.Blobs.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	return nil
}

// Walk implements file.Blobs.
func (s *Store) Walk(ctx context.Context, fn func(key string, modified time.Time) error) error {
	it := s.bucket.List(nil)
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(o.Key, o.ModTime); err != nil {
			return err
		}
	}
}

// Ping says whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	ok, err := s.bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("the blob store does not answer")
	}
	return err
}

// checkKey refuses what could leave the store; keys are ours, so this never
// happens.
func checkKey(key string) error {
	ok := key != "" && !strings.HasPrefix(key, "/") && !strings.Contains(key, "..") && !strings.Contains(key, "//")
	for i := 0; ok && i < len(key); i++ {
		c := key[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' || c == '/'
	}
	if !ok {
		return fmt.Errorf("blob key %q", key)
	}
	return nil
}

// full names the one failure an operator has to act on.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", file.ErrDiskFull, err)
	}
	return err
}
