package filegw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

// What the façade of Easemob's files has in common with this one, so that one
// set of bounds holds for both: transfers, uploads at a time, renderings, the
// memory of thumbnails.

// ErrUploads says that the node reads as many uploads as it can.
var ErrUploads = im.Errorf(im.CodeTooFrequent, "too many uploads at a time")

// Begin counts a transfer in and returns what counts it out; nil after Close.
func (h *Handler) Begin(w http.ResponseWriter) (end func()) { return h.begin(w) }

// Upload runs fn unless there are too many uploads, with a body whose sender may
// not pause for long.
func (h *Handler) Upload(w http.ResponseWriter, r *http.Request, fn func(context.Context, http.ResponseWriter, *http.Request) error) error {
	return h.upload(w, r, fn)
}

// Patient is a request's body whose sender may not pause for long, nor take
// longer than most in all.
func (h *Handler) Patient(w http.ResponseWriter, r *http.Request, most time.Duration) io.ReadCloser {
	return h.patient(w, r, most)
}

// ErrAway says that the content of a file cannot be had now.
var ErrAway = im.Errorf(im.CodeBusy, "the file cannot be read now, please try again")

// Content gives a content, or the part of it that was asked for, to a client that
// may not pause for long. Its headers are set. One that cannot be read is an
// error, file.ErrNoBlob or ErrAway, before anything is out, and its headers are
// taken back.
func (h *Handler) Content(w http.ResponseWriter, r *http.Request, modified time.Time, content io.ReadSeeker) error {
	out := &unhurried{ResponseWriter: w, control: http.NewResponseController(w), life: h.life}
	if body, ok := content.(*file.Reader); ok {
		if strings.Contains(r.Header.Get("Range"), ",") {
			out.failed = body.Ready() // several ranges are read by a goroutine of their own
		} else {
			out.ready = body.Ready
		}
	}
	if out.failed == nil {
		http.ServeContent(out, r, "", modified, content)
	}
	if out.failed == nil {
		return nil
	}
	for _, k := range []string{"Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Length", "Content-Range", "Content-Type", "ETag", "Last-Modified"} {
		w.Header().Del(k)
	}
	if r.Context().Err() == nil {
		h.log.Error("a file cannot be read", "path", r.URL.Path, "err", out.failed)
	}
	if errors.Is(out.failed, file.ErrNoBlob) {
		return file.ErrNoBlob
	}
	return ErrAway
}

// Thumb is a smaller picture, or a picture of a film.
type Thumb struct {
	asked, kind string
	content     []byte
}

// Type is its media type.
func (t Thumb) Type() string { return t.kind }

// Len is its length in bytes.
func (t Thumb) Len() int64 { return int64(len(t.content)) }

// Reader reads it.
func (t Thumb) Reader() io.ReadSeeker { return bytes.NewReader(t.content) }

// Thumbnail makes a smaller picture, or takes one that was made before.
func (h *Handler) Thumbnail(ctx context.Context, f *file.File, s file.Shape) (Thumb, error) {
	return h.compute(ctx, f, fmt.Sprintf("%+v", s), func(ctx context.Context, in *file.Reader) ([]byte, string, error) {
		return h.media.Render(ctx, in, s)
	})
}

// HasFrames says whether pictures of films can be made here.
func (h *Handler) HasFrames() bool { return h.films != nil }

// Frame makes a picture of a film at a time, or takes one that was made before.
func (h *Handler) Frame(ctx context.Context, f *file.File, atMs int64, s file.Shape) (Thumb, error) {
	if !h.HasFrames() || !strings.HasPrefix(f.Type, "video/") {
		return Thumb{}, file.ErrNoMedia
	}
	return h.compute(ctx, f, fmt.Sprintf("vframe %d %+v", atMs, s), func(ctx context.Context, in *file.Reader) ([]byte, string, error) {
		pic, err := h.films.Frame(ctx, in, atMs)
		if err != nil {
			return nil, "", err
		}
		return h.media.Render(ctx, bytes.NewReader(pic), s)
	})
}
