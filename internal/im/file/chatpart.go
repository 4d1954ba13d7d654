package file

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// BeginChat names an upload by parts; its UUID becomes the file's. Nothing is
// written until a part comes: the end of the UUID says whose it is.
func (s *Service) BeginChat(ctx context.Context, a *app.App, owner string) (*File, error) {
	object := newChatObject(a.Key)
	object = object[:len(object)-partsMark-len(chatMark)] + s.partsEnd(a.Key, owner, object) + chatMark
	p := chatPolicy(a, owner, object)
	if _, err := s.admitted(ctx, p); err != nil {
		return nil, err
	}
	return s.newUpload(p), nil
}

// partsMark is how many characters of a UUID say whose upload it is.
const partsMark = 12

// partsEnd is the end of the UUID of an owner's upload.
func (s *Service) partsEnd(appKey, owner, object string) string {
	m := hmac.New(sha256.New, s.key)
	for _, p := range []string{"chat parts", appKey, owner, object[:len(object)-partsMark-len(chatMark)]} {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	return hex.EncodeToString(m.Sum(nil))[:partsMark]
}

// newUpload is an upload of which nothing is there yet.
func (s *Service) newUpload(p *Policy) *File {
	now := s.clock.NowMs()
	return &File{App: p.App, Object: p.Object, Owner: p.Uploader, Context: partsContext, CreatedMs: now, ExpiresMs: now + partsLifeMs, Chat: &Chat{}}
}

// uploadOf returns the policy's upload by parts as it is, complete or not: cur is
// its row, nil when no part has come yet.
func (s *Service) uploadOf(p *Policy, cur *File) (*File, error) {
	if cur == nil {
		end := s.partsEnd(p.App, p.Uploader, p.Object) + chatMark
		if !hmac.Equal([]byte(end), []byte(p.Object[len(p.Object)-len(end):])) {
			return nil, ErrSession
		}
		return s.newUpload(p), nil
	}
	if cur.Owner != p.Uploader || cur.Context != partsContext || !cur.Done && cur.ExpiresMs <= s.clock.NowMs() {
		return nil, ErrSession
	}
	return cur, nil
}

// openUpload finds an upload by parts that is the owner's.
func (s *Service) openUpload(ctx context.Context, a *app.App, owner, uuid string) (*Policy, *File, error) {
	object := chatObject(a.Key, uuid)
	if object == "" {
		return nil, nil, ErrSession
	}
	p := chatPolicy(a, owner, object)
	f, err := s.current(ctx, p)
	if err == nil {
		f, err = s.uploadOf(p, f)
	}
	return p, f, err
}

// ChatParts returns the parts that are stored: Start is their number.
func (s *Service) ChatParts(ctx context.Context, a *app.App, owner, uuid string) ([]Part, error) {
	_, f, err := s.openUpload(ctx, a, owner, uuid)
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
	p, f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return Part{}, err
	}
	if f.Done {
		return Part{}, ErrSession
	}
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
		kind := s.mediaType(first.b, src.Type)
		old, err = s.addPart(ctx, a, p, part, kind)
		for tries := 0; errors.Is(err, ErrConflict) && tries < maxConflicts; tries++ { // another first part was faster
			old, err = s.addPart(ctx, a, p, part, kind)
		}
	}
	if err != nil {
		s.removeBlobs(ctx, []Part{part})
		return Part{}, err
	}
	s.removeBlobs(ctx, old)
	return part, nil
}

// maxConflicts is how often a part is put to an upload that other parts are
// beginning at the same time.
const maxConflicts = 8

// addPart puts a part to its upload and returns those that it replaces.
func (s *Service) addPart(ctx context.Context, a *app.App, p *Policy, part Part, kind string) (old []Part, err error) {
	err = s.store.ChangeFile(ctx, a.Key, p.Object, quotaOf(a), func(cur *File) (*File, error) {
		cur, err := s.uploadOf(p, cur)
		if err != nil || cur.Done {
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
		if cur.Size += part.Size; cur.Size > p.MaxSize {
			return nil, ErrTooLarge
		}
		if part.Start == 1 {
			cur.Type = kind
		}
		return cur, nil
	})
	return old, err
}

// CompleteChat makes a file of the parts. A repetition is answered like the
// first time.
func (s *Service) CompleteChat(ctx context.Context, a *app.App, owner, uuid string, chat Chat) (*File, error) {
	p, f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return nil, err
	}
	if _, err := s.admitted(ctx, p); err != nil {
		return nil, err
	}
	var out *File
	err = s.store.ChangeFile(ctx, a.Key, f.Object, quotaOf(a), func(cur *File) (*File, error) {
		cur, err := s.uploadOf(p, cur)
		if err != nil {
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
	_, f, err := s.openUpload(ctx, a, owner, uuid)
	if err != nil {
		return err
	}
	_, err = s.remove(ctx, f, func(cur *File) bool { return !cur.Done && cur.Owner == owner })
	return err
}
