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
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // scheme s3
	"gocloud.dev/gcerrors"

	"hongyan/internal/im/file"
)

// maxRemotePuts bounds the uploads to a remote store at a time: each holds a
// part of at least 5 MiB, which such stores demand. The others wait.
const maxRemotePuts = 32

// Store implements file.Blobs. It is safe for concurrent use.
type Store struct {
	buffers *buffers
	dir     *directory   // nil for a remote store
	bucket  *blob.Bucket // nil for a directory
	puts    chan struct{}
}

// Open opens the store: a URL such as s3://bucket?region=...&endpoint=..., or
// with an empty one the directory dir, which is made when absent. Credentials of
// a remote store come from its usual environment variables and files.
func Open(ctx context.Context, url, dir string) (*Store, error) {
	s := &Store{buffers: newBuffers(), puts: make(chan struct{}, maxRemotePuts)}
	var err error
	if url != "" {
		s.bucket, err = blob.OpenBucket(ctx, url)
	} else {
		s.dir, err = openDirectory(dir, s.buffers)
	}
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	return s, nil
}

// Close gives the store back.
func (s *Store) Close() error {
	if s.dir != nil {
		return nil
	}
	return s.bucket.Close()
}

// Put implements file.Blobs: streamed, and durable when it returns.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (n int64, err error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	if s.dir != nil {
		n, err = s.dir.put(ctx, key, r)
	} else {
		n, err = s.putRemote(ctx, key, r)
	}
	return n, full(err)
}

func (s *Store) putRemote(ctx context.Context, key string, r io.Reader) (int64, error) {
	select {
	case s.puts <- struct{}{}:
		defer func() { <-s.puts }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: "application/octet-stream", BufferSize: 5 << 20, MaxConcurrency: 1, DisableContentTypeDetection: true})
	if err != nil {
		return 0, err
	}
	n, err := s.buffers.copy(w, r)
	if err != nil {
		cancel() // before Close: nothing is kept
		_ = w.Close()
		return n, err
	}
	return n, w.Close()
}

// Open implements file.Blobs.
func (s *Store) Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if s.dir != nil {
		return s.dir.open(key, offset, n)
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
	if s.dir != nil {
		return s.dir.delete(key)
	}
	if err := s.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	return nil
}

// Walk implements file.Blobs.
func (s *Store) Walk(ctx context.Context, fn func(key string, modified time.Time) error) error {
	if s.dir != nil {
		return s.dir.walk(ctx, fn)
	}
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
	if s.dir != nil {
		return s.dir.ping()
	}
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
