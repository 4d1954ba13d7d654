package file

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// Uploads in parts, as S3 has them: parts come in any order, several at a time,
// and the last request says which of them the object consists of.
const (
	// MaxS3Part is the highest number of a part.
	MaxS3Part = 10000
	// MinS3Part is the size of a part that is not the last, in bytes, at least.
	MinS3Part = 5 << 20
	// s3Context begins the context of such an upload: the chunk protocol cannot
	// continue it.
	s3Context = "s3-"
)

// Errors of uploads in parts.
var (
	ErrPartNumber = im.Errorf(im.CodeBadParam, "part number from 1 to %d", MaxS3Part)
	ErrPart       = im.Errorf(im.CodeBadParam, "no such part")
	ErrPartOrder  = im.Errorf(im.CodeBadParam, "parts out of order")
	ErrPartSmall  = im.Errorf(im.CodeBadParam, "part too small")
)

// S3Part names a part that was stored.
type S3Part struct {
	Number int
	ETag   string // hex of its MD5
}

// CreateParts begins an upload in parts; it replaces an unfinished upload of the
// object.
func (s *Service) CreateParts(ctx context.Context, p *Policy, kind string) (upload string, err error) {
	a, err := s.admitted(ctx, p)
	if err != nil {
		return "", err
	}
	if err := s.checkQuota(ctx, a, p.Uploader); err != nil {
		return "", err
	}
	next := &File{App: p.App, Object: p.Object, Owner: p.Uploader, Scene: p.Scene, Type: cleanType(kind), Announced: announced(kind), Context: s3Context + randomHex(),
		CreatedMs: s.clock.NowMs(), ExpiresMs: (p.Expires + partsGrace) * 1000}
	var gone []Part
	err = s.store.ChangeFile(ctx, p.App, p.Object, quotaOf(a), func(cur *File) (*File, error) {
		gone = nil
		if cur != nil {
			if cur.Done {
				return nil, ErrUsed
			}
			gone = cur.Parts
		}
		return next, nil
	})
	if err != nil {
		return "", err
	}
	s.removeBlobs(ctx, gone)
	return next.Context, nil
}

// partsGrace is how long an unfinished upload in parts stays after its
// credentials have ended, in s: a part may still be on its way.
const partsGrace = 3600

// unfinished checks that cur is the upload.
func unfinished(cur *File, upload string) error {
	if cur == nil || cur.Done || cur.Context != upload || !strings.HasPrefix(upload, s3Context) {
		return ErrSession
	}
	return nil
}

// roomFor says whether one more part fits what can become an object: one part less
// than MinS3Part bytes, the last one, and no more parts than the largest file has.
// Without it ten thousand parts of a byte would be ten thousand rows, written anew
// whenever one comes before them.
func roomFor(p *Policy, cur *File, part Part) error {
	others, small := 0, part.Size < MinS3Part
	for _, x := range cur.Parts {
		if x.Start == part.Start {
			continue
		}
		others++
		if small && x.Size < MinS3Part {
			return ErrPartSmall
		}
	}
	if int64(others) > p.MaxSize/MinS3Part {
		return ErrTooLarge
	}
	return nil
}

// PutPart stores one part and returns its ETag. A part that comes again replaces
// itself. Until the upload is complete a part's Start is its number.
func (s *Service) PutPart(ctx context.Context, p *Policy, upload string, number int, src Source) (string, error) {
	if number < 1 || number > MaxS3Part {
		return "", ErrPartNumber
	}
	a, err := s.admitted(ctx, p)
	if err != nil {
		return "", err
	}
	if src.Size > p.MaxSize {
		return "", ErrTooLarge
	}
	leave, err := s.share(p)
	if err != nil {
		return "", err
	}
	defer leave()
	cur, err := s.current(ctx, p)
	if err == nil {
		err = unfinished(cur, upload)
	}
	if err == nil && src.Size >= 0 {
		err = roomFor(p, cur, Part{Start: int64(number), Size: src.Size})
	}
	if err == nil {
		err = s.checkQuota(ctx, a, p.Uploader)
	}
	if err != nil {
		return "", err
	}
	sum, first := md5.New(), &head{}
	blob := newBlob(p.Object)
	body := &limited{r: src.Body, left: p.MaxSize}
	n, err := s.blobs.Put(ctx, blob, io.TeeReader(body, io.MultiWriter(sum, first)))
	if err != nil {
		return "", s.storeError(err)
	}
	part := Part{Start: int64(number), Size: n, Blob: blob, Hash: sum.Sum(nil)}
	var gone []Part
	err = s.store.ChangeFile(ctx, p.App, p.Object, quotaOf(a), func(cur *File) (*File, error) {
		gone = nil
		if err := unfinished(cur, upload); err != nil {
			return nil, err
		}
		if err := roomFor(p, cur, part); err != nil {
			return nil, err
		}
		at := sort.Search(len(cur.Parts), func(i int) bool { return cur.Parts[i].Start >= part.Start })
		rest := cur.Parts[at:]
		if len(rest) > 0 && rest[0].Start == part.Start {
			gone, rest = []Part{rest[0]}, rest[1:]
			cur.Size -= gone[0].Size
		}
		cur.Parts = slices.Concat(cur.Parts[:at], []Part{part}, rest)
		if cur.Size += n; cur.Size > p.MaxSize {
			return nil, ErrTooLarge
		}
		if number == 1 {
			cur.Type = s.mediaType(first.b, cur.Type)
		}
		return cur, nil
	})
	if err != nil {
		s.removeBlobs(ctx, []Part{part})
		return "", err
	}
	s.removeBlobs(ctx, gone)
	return hex.EncodeToString(part.Hash), nil
}

// CompleteParts makes the object of the parts that are named, in their order.
// Repeated, it answers like the first time.
func (s *Service) CompleteParts(ctx context.Context, p *Policy, upload string, list []S3Part) (*File, error) {
	a, err := s.admitted(ctx, p)
	if err != nil {
		return nil, err
	}
	var out *File
	var gone []Part
	err = s.store.ChangeFile(ctx, p.App, p.Object, quotaOf(a), func(cur *File) (*File, error) {
		gone = nil
		if cur != nil && cur.Done && cur.Context == upload && upload != "" {
			out = cur
			return cur, nil
		}
		if err := unfinished(cur, upload); err != nil {
			return nil, err
		}
		next := *cur
		var err error
		if next.Parts, gone, err = pick(cur.Parts, list); err != nil {
			return nil, err
		}
		next.Size = 0
		for _, x := range next.Parts {
			next.Size += x.Size
		}
		if list[0].Number != 1 || next.Type == "" {
			next.Type = "application/octet-stream" // nobody has seen its first bytes
		}
		next.MD5 = partsETag(next.Parts)
		now := s.clock.NowMs()
		next.Done, next.CreatedMs, next.ExpiresMs = true, now, expiry(p, now)
		out = &next
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	s.removeBlobs(ctx, gone)
	return out, nil
}

// pick chooses the named parts and gives them their places in the object.
func pick(have []Part, list []S3Part) (parts, gone []Part, err error) {
	if len(list) == 0 || len(list) > MaxS3Part {
		return nil, nil, ErrPart
	}
	byNumber := make(map[int64]Part, len(have))
	for _, x := range have {
		byNumber[x.Start] = x
	}
	at, last := int64(0), 0
	for i, l := range list {
		if l.Number <= last {
			return nil, nil, ErrPartOrder
		}
		x, ok := byNumber[int64(l.Number)]
		if !ok || hex.EncodeToString(x.Hash) != l.ETag {
			return nil, nil, ErrPart
		}
		if i < len(list)-1 && x.Size < MinS3Part {
			return nil, nil, ErrPartSmall
		}
		delete(byNumber, x.Start)
		last, x.Start = l.Number, at
		at += x.Size
		parts = append(parts, x)
	}
	for _, x := range byNumber {
		gone = append(gone, x)
	}
	return parts, gone, nil
}

// partsETag is what S3 gives to an object of parts: the digest of their digests,
// and their number.
func partsETag(parts []Part) string {
	sum := md5.New()
	for _, x := range parts {
		_, _ = sum.Write(x.Hash)
	}
	return hex.EncodeToString(sum.Sum(nil)) + "-" + strconv.Itoa(len(parts))
}

// AbortParts gives an upload up and its space back.
func (s *Service) AbortParts(ctx context.Context, p *Policy, upload string) error {
	var gone []Part
	err := s.store.ChangeFile(ctx, p.App, p.Object, Quota{}, func(cur *File) (*File, error) {
		gone = nil
		if err := unfinished(cur, upload); err != nil {
			return nil, err
		}
		gone = cur.Parts
		return nil, nil
	})
	if err != nil {
		return err
	}
	s.removeBlobs(ctx, gone)
	return nil
}

// share counts an upload of the account that may run beside others of its
// object, and returns what ends it.
func (s *Service) share(p *Policy) (func(), error) {
	owner := p.App + "/" + p.Uploader
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[owner] >= maxPerOwner {
		return nil, im.Errorf(im.CodeTooFrequent, "too many uploads at a time")
	}
	s.owners[owner]++
	return func() {
		s.mu.Lock()
		if s.owners[owner]--; s.owners[owner] == 0 {
			delete(s.owners, owner)
		}
		s.mu.Unlock()
	}, nil
}
