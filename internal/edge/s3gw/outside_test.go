package s3gw

import (
	"context"
	"io"
	"strings"
	"time"

	"hongyan/internal/im/file"
)

// fakeDirect is a bucket of somebody else's that can be away.
type fakeDirect struct {
	objects map[string]file.DirectObject
	bodies  map[string]string
	broken  error
	asked   int // for credentials
}

func newFakeDirect() *fakeDirect {
	return &fakeDirect{objects: map[string]file.DirectObject{}, bodies: map[string]string{}}
}

func (d *fakeDirect) put(key, body, token string) {
	d.objects[key] = file.DirectObject{Size: int64(len(body)), Token: token, ETag: `"x"`, Modified: time.Now()}
	d.bodies[key] = body
}

func (d *fakeDirect) Where() (endpoint, bucket, region string) {
	return "https://s3.example.com", "b", "r"
}

func (d *fakeDirect) Credentials(context.Context, string, int64) (file.S3Keys, error) {
	if d.asked++; d.broken != nil {
		return file.S3Keys{}, d.broken
	}
	return file.S3Keys{AccessKey: "k", Secret: "s", Expires: 1 << 33}, nil
}

func (d *fakeDirect) Stat(_ context.Context, key string) (file.DirectObject, error) {
	o, ok := d.objects[key]
	if !ok {
		return o, file.ErrNoBlob
	}
	return o, d.broken
}

func (d *fakeDirect) Put(context.Context, string, io.Reader) (int64, error) { return 0, d.broken }

func (d *fakeDirect) Open(_ context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(d.bodies[key][offset:])), d.broken
}

func (d *fakeDirect) Delete(_ context.Context, key string) error {
	if d.broken == nil {
		delete(d.objects, key)
	}
	return d.broken
}

func (d *fakeDirect) Walk(_ context.Context, fn func(string, time.Time) error) error {
	for key, o := range d.objects {
		if err := fn(key, o.Modified); err != nil {
			return err
		}
	}
	return d.broken
}
