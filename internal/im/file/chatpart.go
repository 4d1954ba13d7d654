package file

import (
	"context"
	"crypto/md5"
	"io"
	"slices"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// MinPart is the shortest part that is not the last, in bytes; the web SDK
	// cuts its files into parts of this size (docs/api/easemob.md section 6.1).
	MinPart = 5 << 20
	// partsContext marks a file that comes in numbered parts. Until it is
	// complete, Part.Start is the number and Part.Hash the digest of the part.
	partsContext = "parts"
	// partsLifeMs is how long an upload by parts may take.
	partsLifeMs = dayMs
)

// ErrParts says that an upload by parts is not complete.
var ErrParts = im.Errorf(im.CodeBadParam, "parts are missing, or shorter than %d bytes", MinPart)

// maxNumber is the highest part number that a file of the app can need.
func maxNumber(a *app.App) int64 { return ChatMax(a)/MinPart + 1 }

// BeginChat opens an upload by parts; the file's UUID is the upload's.
func (s *Service) BeginChat(ctx context.Context, a *app.App, owner string) (*File, error) {
	p := chatPolicy(a, owner, newChatObject(a.Key))
	if _, err := s.admitted(ctx, p); err != nil {
		return nil, err
	}
	now := s.clock.NowMs()
	f := &File{App: a.Key, Object: p.Object, Owner: owner, Context: partsContext, CreatedMs: now, ExpiresMs: now + partsLifeMs, Chat: &Chat{}}
	return f, s.store.ChangeFile(ctx, a.Key, p.Object, Quota{}, func(*File) (*File, error) { return f, nil })
}

// openUpload returns an upload by parts that is the owner's.
func (s *Service) openUpload(ctx context.Context, a *app.App, owner, uuid string) (*File, error) {
	object := chatObject(a.Key, uuid)
	if object == "" {
		return nil, ErrSession
	}
	f, err := s.current(ctx, chatPolicy(a, owner, object))
	if err != nil {
		return nil, err
	}
	return s.uploadOf(owner, f)
}

// uploadOf says whether f is an upload by parts of the owner, complete or not.
func (s *Service) uploadOf(owner string, f *File) (*File, error) {
	if f == nil || f.Owner != owner || f.Context != partsContext || !f.Done && f.ExpiresMs <= s.clock.NowMs() {
		return nil, ErrSession
	}
	return f, nil
}

// ChatParts returns the parts that are stored: Start is their number.
func (s *Service) ChatParts(ctx context.Context, a *app.App, owner, uuid string) ([]Part, error) {
	f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil || f.Done {
		return nil, err
	}
	slices.SortFunc(f.Parts, byNumber)
	return f.Parts, nil
}

func byNumber(x, y Part) int { return int(x.Start - y.Start) }

// PutChatPart stores a part; number tells which, after the content was read. A
// part that comes again replaces itself.
func (s *Service) PutChatPart(ctx context.Context, a *app.App, owner, uuid string, src Source, number func() (int64, error)) (Part, error) {
	f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return Part{}, err
	}
	if f.Done {
		return Part{}, ErrSession
	}
	p := chatPolicy(a, owner, f.Object)
	if _, err := s.admitted(ctx, p); err != nil {
		return Part{}, err
	}
	blob := newBlob(f.Object)
	// Parts of one file come side by side: each has a turn of its own.
	leave, err := s.take(ctx, &Policy{Object: blob, App: p.App, Uploader: p.Uploader})
	if err != nil {
		return Part{}, err
	}
	defer leave()
	if err := s.checkQuota(ctx, a, owner); err != nil {
		return Part{}, err
	}
	sum, first := md5.New(), &head{}
	body := &limited{r: src.Body, left: p.MaxSize}
	size, err := s.blobs.Put(ctx, blob, io.TeeReader(body, io.MultiWriter(sum, first)))
	if err != nil {
		return Part{}, s.storeError(err)
	}
	part := Part{Size: size, Blob: blob, Hash: sum.Sum(nil)}
	var old []Part
	if part.Start, err = number(); err == nil && (part.Start < 1 || part.Start > maxNumber(a)) {
		err = im.Errorf(im.CodeBadParam, "part number: 1 to %s", strconv.FormatInt(maxNumber(a), 10))
	}
	if err == nil {
		err = s.store.ChangeFile(ctx, a.Key, f.Object, quotaOf(a), func(cur *File) (*File, error) {
			if _, err := s.uploadOf(owner, cur); err != nil || cur.Done {
				return nil, ErrSession
			}
			old = nil
			cur.Parts = slices.DeleteFunc(cur.Parts, func(x Part) bool {
				if x.Start == part.Start {
					old = append(old, x)
					cur.Size -= x.Size
				}
				return x.Start == part.Start
			})
			cur.Parts = append(cur.Parts, part)
			if cur.Size += size; cur.Size > p.MaxSize {
				return nil, ErrTooLarge
			}
			if part.Start == 1 {
				cur.Type = s.mediaType(first.b, src.Type)
			}
			return cur, nil
		})
	}
	if err != nil {
		s.removeBlobs(ctx, []Part{part})
		return Part{}, err
	}
	s.removeBlobs(ctx, old)
	return part, nil
}

// CompleteChat makes a file of the parts. A repetition is answered like the
// first time.
func (s *Service) CompleteChat(ctx context.Context, a *app.App, owner, uuid string, chat Chat) (*File, error) {
	f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return nil, err
	}
	p := chatPolicy(a, owner, f.Object)
	if _, err := s.admitted(ctx, p); err != nil {
		return nil, err
	}
	var out *File
	err = s.store.ChangeFile(ctx, a.Key, f.Object, quotaOf(a), func(cur *File) (*File, error) {
		if _, err := s.uploadOf(owner, cur); err != nil {
			return nil, err
		}
		if out = cur; cur.Done {
			return cur, nil
		}
		if !whole(cur.Parts) {
			return nil, ErrParts
		}
		if cur.Size > p.MaxSize { // the limit has sunk meanwhile
			return nil, ErrTooLarge
		}
		cur.Done, cur.CreatedMs, cur.MD5, cur.Chat = true, s.clock.NowMs(), partsSum(cur.Parts), &chat
		cur.ExpiresMs = expiry(p, cur.CreatedMs)
		at := int64(0)
		for i := range cur.Parts {
			cur.Parts[i].Start = at
			at += cur.Parts[i].Size
		}
		return cur, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// whole sorts parts and says whether they are 1 to n and long enough.
func whole(parts []Part) bool {
	slices.SortFunc(parts, byNumber)
	for i, p := range parts {
		if p.Start != int64(i+1) || p.Size < MinPart && i < len(parts)-1 {
			return false
		}
	}
	return len(parts) > 0
}

// AbortChat gives an upload by parts up.
func (s *Service) AbortChat(ctx context.Context, a *app.App, owner, uuid string) error {
	f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return err
	}
	_, err = s.remove(ctx, f, func(cur *File) bool { return !cur.Done && cur.Owner == owner })
	return err
}
