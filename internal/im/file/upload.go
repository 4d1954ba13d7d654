package file

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// MaxChunk is the longest chunk in bytes; SDKs send 4 MiB.
	MaxChunk = 16 << 20
	// minChunk is the shortest chunk that is not the last, in bytes: it bounds
	// the pieces of a file.
	minChunk = 64 << 10
	// sniffLen is how many bytes of a content tell its type.
	sniffLen = 3072
)

// Source is one request's body.
type Source struct {
	Body io.Reader
	Size int64  // bytes announced; -1 = not known
	Type string // media type announced; may be empty or wrong
}

// limited reads at most n bytes and fails with ErrTooLarge at the next one. A
// body that ends early or late in an error is ErrBroken.
type limited struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, ErrTooLarge
	}
	var known *im.Error
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &known) {
		err = ErrBroken
	}
	return n, err
}

// head keeps the first bytes that pass.
type head struct{ b []byte }

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	if n := min(len(p), sniffLen-len(h.b)); n > 0 {
		h.b = append(h.b, p[:n]...)
	}
	return len(p), nil
}

// PutWhole stores an object that comes in one request. A repetition of what is
// already stored is answered like the first time.
func (s *Service) PutWhole(ctx context.Context, p *Policy, src Source) (*File, error) {
	a, err := s.admitted(ctx, p)
	if err != nil {
		return nil, err
	}
	if src.Size > p.MaxSize {
		return nil, ErrTooLarge
	}
	leave, err := s.take(ctx, p)
	if err != nil {
		return nil, err
	}
	defer leave()
	cur, err := s.current(ctx, p)
	if err != nil {
		return nil, err
	}
	if cur != nil && cur.Done {
		sum := md5.New()
		body := &limited{r: src.Body, left: p.MaxSize}
		if _, err := io.Copy(sum, body); err != nil {
			return nil, err
		}
		if hex.EncodeToString(sum.Sum(nil)) != cur.MD5 {
			return nil, ErrUsed
		}
		return cur, nil
	}
	return s.keep(ctx, a, p, src, nil)
}

// keep stores an object that is not there yet. last, if there is one, is asked
// when the content is stored and before the file exists.
func (s *Service) keep(ctx context.Context, a *app.App, p *Policy, src Source, last func() (*Chat, error)) (*File, error) {
	if err := s.checkQuota(ctx, a, p.Uploader); err != nil {
		return nil, err
	}
	body := &limited{r: src.Body, left: p.MaxSize}
	sum, first := md5.New(), &head{}
	blob := newBlob(p.Object)
	n, err := s.blobs.Put(ctx, blob, io.TeeReader(body, io.MultiWriter(sum, first)))
	if err != nil {
		return nil, s.storeError(err)
	}
	now := s.clock.NowMs()
	f := &File{App: p.App, Object: p.Object, Owner: p.Uploader, Scene: p.Scene, Type: s.mediaType(first.b, src.Type), Announced: announced(src.Type), Size: n,
		MD5: hex.EncodeToString(sum.Sum(nil)), Done: true, CreatedMs: now, ExpiresMs: expiry(p, now), Parts: []Part{{Size: n, Blob: blob}}}
	if last != nil {
		if f.Chat, err = last(); err != nil {
			s.removeBlobs(ctx, f.Parts)
			return nil, err
		}
	}
	var old []Part
	err = s.store.ChangeFile(ctx, p.App, p.Object, quotaOf(a), func(cur *File) (*File, error) {
		old = nil
		if cur != nil && cur.Done {
			return nil, ErrUsed
		}
		if cur != nil {
			old = cur.Parts
		}
		return f, nil
	})
	if err != nil {
		s.removeBlobs(ctx, f.Parts)
		return nil, err
	}
	s.removeBlobs(ctx, old)
	return f, nil
}

// current is the policy's object as stored, nil when there is none.
func (s *Service) current(ctx context.Context, p *Policy) (*File, error) {
	f, err := s.store.File(ctx, p.App, p.Object)
	if errors.Is(err, ErrUnknown) {
		return nil, nil
	}
	return f, err
}

// expiry is when a file of this policy that is finished now ends, in ms.
func expiry(p *Policy, nowMs int64) int64 {
	if p.ExpireSec == 0 {
		return 0
	}
	return nowMs + p.ExpireSec*1000
}

// Chunk is one request of a chunked upload (docs/protocol/storage.md section 5.1).
type Chunk struct {
	Source
	Offset  int64
	Last    bool
	Context string // "" begins anew
}

// Progress is where a chunked upload stands.
type Progress struct {
	Context string
	Offset  int64 // bytes stored
	File    *File // of a finished upload
}

// PutChunk stores one chunk. It is answered only after the chunk is durable, so
// that a client never has to send again what was acknowledged.
func (s *Service) PutChunk(ctx context.Context, p *Policy, c Chunk) (Progress, error) {
	a, err := s.admitted(ctx, p)
	if err != nil {
		return Progress{}, err
	}
	if c.Offset < 0 || c.Offset > p.MaxSize || c.Size > p.MaxSize-c.Offset || c.Size > MaxChunk {
		return Progress{}, ErrTooLarge
	}
	leave, err := s.take(ctx, p)
	if err != nil {
		return Progress{}, err
	}
	defer leave()
	cur, err := s.current(ctx, p)
	if err != nil {
		return Progress{}, err
	}
	if cur != nil && cur.Done {
		return finished(cur, c)
	}
	keep, err := kept(cur, c)
	if err != nil {
		return Progress{}, err
	}
	if err := s.checkQuota(ctx, a, p.Uploader); err != nil {
		return Progress{}, err
	}
	next, err := s.nextState(p, cur, c)
	if err != nil {
		return Progress{}, err
	}
	part, first, err := s.storeChunk(ctx, p, c, keep)
	if err != nil {
		return Progress{}, err
	}
	var gone []Part
	next.Parts = append(slices.Clone(keep), part...)
	next.Size = c.Offset
	for _, x := range part {
		next.Size += x.Size
	}
	if c.Offset == 0 {
		next.Type, next.Announced = s.mediaType(first, c.Type), announced(c.Type)
	}
	if c.Last {
		if next.MD5, err = digest(next.Parts); err != nil {
			return Progress{}, err
		}
		now := s.clock.NowMs()
		next.Done, next.CreatedMs, next.ExpiresMs = true, now, expiry(p, now)
	}
	was := ""
	if cur != nil {
		was = cur.Context
	}
	err = s.store.ChangeFile(ctx, p.App, p.Object, quotaOf(a), func(now *File) (*File, error) {
		gone = nil
		if now != nil {
			if now.Done || now.Context != was || now.Size != cur.Size {
				return nil, ErrConflict
			}
			gone = now.Parts[min(len(keep), len(now.Parts)):]
		} else if was != "" {
			return nil, ErrSession
		}
		return next, nil
	})
	if err != nil {
		s.removeBlobs(ctx, part)
		return Progress{}, err
	}
	s.removeBlobs(ctx, gone)
	out := Progress{Context: next.Context, Offset: next.Size}
	if next.Done {
		out.File = next
	}
	return out, nil
}

// nextState is the row of the upload without its parts.
func (s *Service) nextState(p *Policy, cur *File, c Chunk) (*File, error) {
	if cur == nil || c.Context == "" {
		return &File{App: p.App, Object: p.Object, Owner: p.Uploader, Scene: p.Scene, Context: randomHex(),
			CreatedMs: s.clock.NowMs(), ExpiresMs: p.Expires * 1000}, nil
	}
	next := *cur
	return &next, nil
}

// kept returns the parts before the chunk's offset. What was stored from there
// on is cut off: the client sends it again.
func kept(cur *File, c Chunk) ([]Part, error) {
	switch {
	case c.Context == "" && c.Offset == 0:
		return nil, nil // start over
	case cur == nil, c.Context != cur.Context, strings.HasPrefix(c.Context, s3Context):
		return nil, ErrSession
	case c.Offset > cur.Size:
		return nil, ErrOffset
	}
	for i, p := range cur.Parts {
		if p.Start == c.Offset {
			return cur.Parts[:i], nil
		}
	}
	if c.Offset != cur.Size {
		return nil, ErrOffset // inside a chunk: no client got this offset from us
	}
	return cur.Parts, nil
}

// finished answers the repetition of the last chunk; the token is dead for
// everything else.
func finished(f *File, c Chunk) (Progress, error) {
	fits := c.Size < 0 || c.Offset+c.Size == f.Size
	if !c.Last || !fits || c.Context != f.Context && c.Context != "" {
		return Progress{}, ErrUsed
	}
	return Progress{Context: f.Context, Offset: f.Size, File: f}, nil
}

// storeChunk streams the chunk into a blob of its own. An empty last chunk makes
// none.
func (s *Service) storeChunk(ctx context.Context, p *Policy, c Chunk, before []Part) (part []Part, first []byte, err error) {
	sum, err := hashAfter(before)
	if err != nil {
		return nil, nil, err
	}
	body := &limited{r: c.Body, left: min(p.MaxSize-c.Offset, MaxChunk)}
	h := &head{}
	probe := make([]byte, 1)
	n, err := io.ReadFull(body, probe)
	if n == 0 {
		if !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		if !c.Last {
			return nil, nil, im.Errorf(im.CodeBadParam, "empty chunk")
		}
		return nil, nil, nil
	}
	blob := newBlob(p.Object)
	r := io.TeeReader(io.MultiReader(bytes.NewReader(probe), body), io.MultiWriter(sum, h))
	size, err := s.blobs.Put(ctx, blob, r)
	if err != nil {
		return nil, nil, s.storeError(err)
	}
	out := Part{Start: c.Offset, Size: size, Blob: blob}
	out.Hash, err = sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err == nil && !c.Last && size < minChunk {
		err = im.Errorf(im.CodeBadParam, "chunk shorter than %d bytes", minChunk)
	}
	if err == nil && c.Size >= 0 && size != c.Size {
		err = ErrBroken
	}
	if err != nil {
		s.removeBlobs(ctx, []Part{out})
		return nil, nil, err
	}
	return []Part{out}, h.b, nil
}

// hashAfter resumes the digest behind the parts.
func hashAfter(parts []Part) (hash.Hash, error) {
	h := md5.New()
	if len(parts) == 0 {
		return h, nil
	}
	err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(parts[len(parts)-1].Hash)
	return h, err
}

func digest(parts []Part) (string, error) {
	h, err := hashAfter(parts)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Resume tells how much of a chunked upload is stored
// (docs/protocol/storage.md section 5.2).
func (s *Service) Resume(ctx context.Context, p *Policy, session string) (int64, error) {
	f, err := s.current(ctx, p)
	if err != nil {
		return 0, err
	}
	if f == nil || session == "" || f.Context != session {
		return 0, ErrSession
	}
	return f.Size, nil
}

// mediaType trusts the content before the announcement: what looks like a
// picture, sound, film, page or script is what it looks like.
func (s *Service) mediaType(first []byte, announced string) string {
	seen := s.sniff(first)
	kind, sub, ok := strings.Cut(cleanType(announced), "/")
	switch {
	case seen != "" && seen != "application/octet-stream" && seen != "text/plain":
		return seen
	case ok && seen == "text/plain" && kind == "text":
		return kind + "/" + sub
	case ok && seen != "text/plain" && kind == "application":
		return kind + "/" + sub
	case seen == "":
		return "application/octet-stream"
	}
	return seen
}

// maxAnnounced is the longest text that is kept of what uploaders say of a type, in
// characters; longer ones count as absent (docs/protocol/storage.md section 14.1).
const maxAnnounced = 128

// announced is what is kept of it.
func announced(s string) string {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxAnnounced || strings.IndexByte(s, 0) >= 0 {
		return ""
	}
	return s
}

// cleanType returns a plain media type in lower case, "" for anything else.
func cleanType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s = strings.ToLower(strings.TrimSpace(s))
	kind, sub, ok := strings.Cut(s, "/")
	legal := func(t string) bool {
		return t != "" && strings.Trim(t, "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+") == ""
	}
	if !ok || len(s) > 100 || !legal(kind) || !legal(sub) {
		return ""
	}
	return s
}
