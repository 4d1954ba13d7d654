package file

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Direct is an S3 store of the operator's that clients upload to themselves. What
// is found there is taken over when somebody asks for it, or by the sweep.
type Direct interface {
	Blobs
	// Where says where clients speak to it.
	Where() (endpoint, bucket, region string)
	// Credentials are good for one key, for about ttlSec.
	Credentials(ctx context.Context, key string, ttlSec int64) (S3Keys, error)
	// Stat says what is stored under a key, or returns ErrNoBlob.
	Stat(ctx context.Context, key string) (DirectObject, error)
}

// S3Keys are credentials of an S3 store; Session may be empty.
type S3Keys struct {
	AccessKey, Secret, Session string
	Expires                    int64 // s since 1970
}

// DirectObject is what a Direct knows of a key.
type DirectObject struct {
	Size     int64
	Type     string // as announced by the client
	Token    string // metadata "token": the upload token of 6-29
	ETag     string
	Modified time.Time
}

const (
	// directBlob begins the blob of a part that lies in the operator's store; what
	// follows is its key, which is the name of the object.
	directBlob = "direct:"
	// maxAdoptions bounds how many objects this node looks up in the operator's store
	// at a time: anybody may ask for names that do not exist.
	maxAdoptions = 16
	// keysWait is how long credentials may take; SDKs wait 8 s for their answer.
	keysWait = 4 * time.Second
	// keysPause is how long nobody is asked for credentials after a failure.
	keysPause = 10 * time.Second
	// lateUpload is how long after the end of its token an object may have been
	// written, in s.
	lateUpload = 3600
)

// credentials asks the operator's store. An answer must come while the client
// still waits for its own; after a failure nobody is asked for a while, so that
// uploads do not wait in turn for a service that is away.
func (s *Service) credentials(ctx context.Context, key string, ttlSec int64) S3Keys {
	none := S3Keys{Expires: s.clock().Unix() + ttlSec}
	if s.clock.NowMs() < s.noKeysMs.Load() {
		s.keys("not asked")
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, keysWait)
	defer cancel()
	k, err := s.direct.Credentials(ctx, key, ttlSec)
	if err != nil {
		s.noKeysMs.Store(s.clock.NowMs() + keysPause.Milliseconds())
		s.keys("failed")
		s.log.Warn("no credentials for uploads to the S3 store; clients take the other way", "err", err)
		return none
	}
	s.keys("ok")
	return k
}

// withDirect reads and deletes blobs where they are.
type withDirect struct {
	Blobs
	direct Direct
}

// Open implements Blobs.
func (w withDirect) Open(ctx context.Context, key string, offset, n int64) (io.ReadCloser, error) {
	if k, ok := strings.CutPrefix(key, directBlob); ok {
		return w.direct.Open(ctx, k, offset, n)
	}
	return w.Blobs.Open(ctx, key, offset, n)
}

// Delete implements Blobs.
func (w withDirect) Delete(ctx context.Context, key string) error {
	if k, ok := strings.CutPrefix(key, directBlob); ok {
		return w.direct.Delete(ctx, k)
	}
	return w.Blobs.Delete(ctx, key)
}

// adopt takes an object over that a client has put into the operator's store. The
// token in its metadata says whose it is; without one it is none of ours.
func (s *Service) adopt(ctx context.Context, a *app.App, object string) (*File, error) {
	if s.direct == nil {
		return nil, ErrUnknown
	}
	select {
	case s.adoptions <- struct{}{}:
		defer func() { <-s.adoptions }()
	default:
		return nil, im.Errorf(im.CodeTooFrequent, "too many files are looked up")
	}
	o, err := s.direct.Stat(ctx, object)
	if errors.Is(err, ErrNoBlob) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	p, err := s.read(o.Token)
	if err != nil || p.Object != object || p.App != a.Key || o.Modified.Unix() > p.Expires+lateUpload {
		return nil, ErrUnknown
	}
	uploaded := o.Modified.UnixMilli()
	f := &File{App: p.App, Object: object, Owner: p.Uploader, Scene: p.Scene, Size: o.Size, MD5: etagHex(o.ETag), Done: true,
		CreatedMs: uploaded, ExpiresMs: expiry(p, uploaded), Parts: []Part{{Size: o.Size, Blob: directBlob + object}}}
	if f.ExpiresMs > 0 && f.ExpiresMs <= s.clock.NowMs() {
		return nil, ErrUnknown
	}
	if o.Size > p.MaxSize {
		return nil, s.reject(ctx, object, ErrTooLarge)
	}
	head, err := s.firstBytes(ctx, object)
	if err != nil {
		return nil, err
	}
	f.Type, f.Announced = s.mediaType(head, o.Type), announced(o.Type)
	err = s.store.ChangeFile(ctx, p.App, object, quotaOf(a), func(cur *File) (*File, error) {
		if cur != nil {
			return nil, ErrConflict // another request was faster, or the client took the other way
		}
		return f, nil
	})
	switch {
	case errors.Is(err, ErrConflict):
		return s.store.File(ctx, a.Key, object)
	case errors.Is(err, ErrQuota):
		return nil, s.reject(ctx, object, err)
	case err != nil:
		return nil, err
	}
	return f, nil
}

// reject removes an object that its client was not allowed to store.
func (s *Service) reject(ctx context.Context, object string, why error) error {
	s.log.Warn("an upload to the S3 store is removed", "object", object, "why", why)
	if err := s.direct.Delete(ctx, object); err != nil {
		return err
	}
	return ErrUnknown
}

func (s *Service) firstBytes(ctx context.Context, object string) ([]byte, error) {
	r, err := s.direct.Open(ctx, object, 0, sniffLen)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, sniffLen))
}

// etagHex makes an ETag fit for ours.
func etagHex(etag string) string {
	etag = strings.ToLower(strings.Trim(etag, `"`))
	if etag != "" && len(etag) <= 40 && strings.Trim(etag, "0123456789abcdef-") == "" {
		return etag
	}
	sum := md5.Sum([]byte(etag))
	return hex.EncodeToString(sum[:])
}

// SweepDirect takes over what nobody has asked for yet, so that it counts and
// expires. It touches nothing that is not named as our objects are.
func (s *Service) SweepDirect(ctx context.Context) error {
	if s.direct == nil {
		return nil
	}
	old := s.clock().Add(-orphanAge)
	return s.direct.Walk(ctx, func(object string, modified time.Time) error {
		a, ok := s.apps.Get(AppOf(object))
		if !ok || modified.After(old) {
			return nil
		}
		if _, err := s.store.File(ctx, a.Key, object); !errors.Is(err, ErrUnknown) {
			return err
		}
		if _, err := s.adopt(ctx, a, object); err != nil && !errors.Is(err, ErrUnknown) && im.CodeOf(err) != im.CodeTooFrequent {
			return err
		}
		return nil
	})
}

// removeDirect deletes what lies in the operator's store before its row goes:
// without a row it would be taken over again.
func (s *Service) removeDirect(ctx context.Context, f *File, still func(*File) bool) error {
	if s.direct == nil {
		return nil
	}
	cur, err := s.store.File(ctx, f.App, f.Object)
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	if err != nil || !still(cur) {
		return err
	}
	for _, p := range cur.Parts {
		if key, ok := strings.CutPrefix(p.Blob, directBlob); ok {
			if err := s.direct.Delete(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}
