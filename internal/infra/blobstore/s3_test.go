package blobstore

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/file"
)

// The same over a real S3 server.
func TestS3(t *testing.T) {
	endpoint := hytest.S3(t, "blobs")
	ctx := t.Context()
	s, err := Open(ctx, "s3://blobs?region=us-east-1&use_path_style=true&endpoint="+endpoint, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("0123456789", 1_200_000) // more than one part of an upload
	for key, content := range map[string]string{"a/b/c-1": "0123456789", "a/b/c-2": big, "a/b/c-3": ""} {
		if n, err := s.Put(ctx, key, strings.NewReader(content)); n != int64(len(content)) || err != nil {
			t.Fatalf("%s: %d, %v", key, n, err)
		}
	}
	for _, c := range []struct {
		key       string
		offset, n int64
		want      string
	}{{"a/b/c-1", 0, -1, "0123456789"}, {"a/b/c-1", 3, 2, "34"}, {"a/b/c-1", 9, -1, "9"}, {"a/b/c-2", 0, -1, big}, {"a/b/c-2", 11_999_990, -1, "0123456789"},
		{"a/b/c-2", 6_000_000, 3, "012"}, {"a/b/c-3", 0, -1, ""}} {
		r, err := s.Open(ctx, c.key, c.offset, c.n)
		if err != nil {
			t.Fatalf("%s from %d: %v", c.key, c.offset, err)
		}
		b, err := io.ReadAll(r)
		if string(b) != c.want || err != nil {
			t.Errorf("%s from %d: %d bytes, %v", c.key, c.offset, len(b), err)
		}
		r.Close()
	}
	if _, err := s.Open(ctx, "a/b/none", 0, -1); !errors.Is(err, file.ErrNoBlob) {
		t.Errorf("an absent blob: %v", err)
	}
	for _, head := range []string{"half", big} { // before and after the first part is sent
		if _, err := s.Put(ctx, "a/b/c-4", io.MultiReader(strings.NewReader(head), failing{})); err == nil {
			t.Error("a broken body is stored")
		}
	}
	var keys []string
	if err := s.Walk(ctx, func(key string, at time.Time) error {
		if time.Since(at) > time.Minute {
			t.Errorf("%s: %v", key, at)
		}
		keys = append(keys, key)
		return nil
	}); err != nil || strings.Join(keys, " ") != "a/b/c-1 a/b/c-2 a/b/c-3" {
		t.Errorf("%v, %v", keys, err)
	}
	for range 2 {
		if err := s.Delete(ctx, "a/b/c-1"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Open(ctx, "a/b/c-1", 0, -1); !errors.Is(err, file.ErrNoBlob) {
		t.Errorf("a deleted blob: %v", err)
	}
}
