package easemob

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"hongyan/internal/edge/filegw"
	"hongyan/internal/im/access"
	"hongyan/internal/im/file"
)

const (
	// smallImage is an image that is its own thumbnail, in bytes (section 5.5).
	smallImage = 10 << 10
	// largeSide is the short side of what newer clients call large, in pixels.
	largeSide = 720
	// thumbQuality of JPEG.
	thumbQuality = 80
)

// download is GET and HEAD chatfiles/UUID. Who gets the file is the table of
// docs/api/easemob.md section 5.4, row by row.
func (h *Handler) download(c *call) error {
	uuid := c.args[0]
	secrets := []string{c.r.Header.Get("share-secret"), c.query.Get("share-secret")}
	capable, guest := c.capable(uuid, secrets[1]), c.guest()
	if c.holder == nil && !capable && !guest {
		return c.denied
	}
	if err := c.allow(downloadGroup); err != nil {
		return err
	}
	f, err := h.Files.FindChat(c.ctx, c.app, uuid)
	switch {
	case err != nil:
		if c.holder == nil && !capable && (errors.Is(err, file.ErrUnknown) || errors.Is(err, file.ErrExpired)) {
			return c.denied // nobody probes for ids without a token
		}
		return err
	case c.holder == nil && f.Chat.Restricted && !capable, c.holder == nil && !f.Chat.Restricted && !guest:
		return c.denied
	case c.holder != nil && f.Chat.Restricted && !c.opens(f, secrets):
		return errForbidden.because("chatfile no permission")
	}
	return c.content(f)
}

// capable says whether the URL alone opens the file: its secret is in the query.
// The secret is computed from the name, so that nothing is looked up for a guess.
func (c *call) capable(uuid, secret string) bool {
	return c.app.Settings.Easemob.CapabilityURLs && secret != "" && !errors.Is(c.denied, access.ErrForeign) &&
		c.h.Files.SecretOpens(c.app, uuid, secret)
}

// guest says whether a request without a token may read files that are not
// restricted.
func (c *call) guest() bool {
	if !errors.Is(c.denied, access.ErrNone) {
		return false
	}
	switch c.app.Settings.Easemob.Anonymous {
	case "always":
		return true
	case "em-redirect":
		return c.query.Get("em-redirect") == "true"
	}
	return false
}

// opens says whether a holder may read a restricted file.
func (c *call) opens(f *file.File, secrets []string) bool {
	if c.holder.Account == nil && c.app.Settings.Easemob.AppBypass {
		return true
	}
	for _, s := range secrets {
		if s != "" && c.h.Files.SecretFits(f, s) {
			return true
		}
	}
	return false
}

// content gives the file, or its thumbnail.
func (c *call) content(f *file.File) error {
	hd := c.w.Header()
	hd.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	hd.Set("Cache-Control", c.cacheControl(f))
	hd.Set("Vary", "Authorization, share-secret, thumbnail, Accept")
	w := &jsonRanges{ResponseWriter: c.w, c: c}
	if c.query.Get("vframe") == "true" {
		shape := c.box(f, "jpeg")
		t, err := c.h.Transfers.Frame(c.ctx, f, 0, shape)
		if err != nil {
			return errNoFile // no film, or there is nothing that can look into it
		}
		return c.picture(w, f, fmt.Sprintf("vframe-%dx%d", shape.Width, shape.Height), t)
	}
	if shape, ok := c.shape(f); ok {
		if t, err := c.h.Transfers.Thumbnail(c.ctx, f, shape); err == nil && t.Len() < f.Size {
			return c.picture(w, f, fmt.Sprintf("%dx%d%c", shape.Width, shape.Height, shape.Fit), t)
		}
	}
	hd.Set("Content-Type", c.contentType(f.Type))
	hd.Set("Content-Disposition", disposition(f))
	hd.Set("ETag", `"`+f.MD5+`"`)
	body := c.h.Files.Open(c.ctx, f)
	defer body.Close()
	return c.h.Transfers.Content(w, c.r, time.UnixMilli(f.CreatedMs), body)
}

// picture gives what was made of a file; asked tells it from others of the file.
func (c *call) picture(w http.ResponseWriter, f *file.File, asked string, t filegw.Thumb) error {
	hd := w.Header()
	hd.Set("Content-Type", c.contentType(t.Type()))
	hd.Set("Content-Disposition", "inline")
	hd.Set("ETag", fmt.Sprintf(`"%s-%s"`, f.MD5, asked))
	return c.h.Transfers.Content(w, c.r, time.UnixMilli(f.CreatedMs), t.Reader())
}

// box is where a thumbnail of the file goes.
func (c *call) box(f *file.File, format string) file.Shape {
	s := file.Shape{Width: f.Chat.ThumbWidth, Height: f.Chat.ThumbHeight, Fit: file.FitInside, Quality: thumbQuality, Format: format}
	if s.Width == 0 && s.Height == 0 {
		s.Width, s.Height = int(c.app.Settings.Easemob.Thumbnail), int(c.app.Settings.Easemob.Thumbnail)
	}
	return s
}

// shape is the smaller picture that was asked for; ok is false for the original.
func (c *call) shape(f *file.File) (s file.Shape, ok bool) {
	small := strings.EqualFold(c.r.Header.Get("thumbnail"), "true") || strings.EqualFold(c.query.Get("thumbnail"), "true") || c.query.Get("size") == "small"
	s = c.box(f, "")
	switch {
	case !strings.HasPrefix(f.Type, "image/"):
		return s, false
	case small:
		return s, f.Size > smallImage
	case c.query.Get("size") == "large":
		s.Width, s.Height, s.Fit = largeSide, largeSide, file.FitCover
		return s, true
	}
	return s, false
}

// cacheControl: files never change, and are kept by those who may read them, as
// long as they live.
func (c *call) cacheControl(f *file.File) string {
	const year = 31536000
	left := int64(year)
	if f.ExpiresMs > 0 {
		left = max(0, min((f.ExpiresMs-c.h.Clock.NowMs())/1000, year))
	}
	return fmt.Sprintf("private, max-age=%d", left)
}

// contentType is the type of the content unless a browser could run it, or the
// web SDK would take it for an error.
func (c *call) contentType(t string) string {
	const opaque = "application/octet-stream"
	if c.r.Header.Get("Accept") == opaque || t == "" {
		return opaque
	}
	for _, part := range []string{"html", "xml", "svg", "script", "json", "flash", "multipart"} {
		if strings.Contains(t, part) {
			return opaque
		}
	}
	if strings.HasPrefix(t, "text/") {
		return t + "; charset=utf-8"
	}
	return t
}

// disposition shows pictures, sounds and films and saves everything else.
func disposition(f *file.File) string {
	kind, sub, _ := strings.Cut(f.Type, "/")
	how := "attachment"
	if (kind == "image" || kind == "audio" || kind == "video") && !strings.Contains(sub, "svg") && !strings.Contains(sub, "xml") {
		how = "inline"
	}
	if f.Chat.Name == "" {
		return how
	}
	if d := mime.FormatMediaType(how, map[string]string{"filename": f.Chat.Name}); d != "" {
		return d
	}
	return how
}

// jsonRanges makes the error that the standard library writes for a range that
// is not there an answer of this API.
type jsonRanges struct {
	http.ResponseWriter
	c       *call
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (j *jsonRanges) WriteHeader(status int) {
	if status < http.StatusBadRequest {
		j.ResponseWriter.WriteHeader(status)
		return
	}
	j.refused = true
	r := errArgument.because("the range is not in the file")
	r.status = status
	j.c.refuse(r)
}

// Write implements io.Writer.
func (j *jsonRanges) Write(b []byte) (int, error) {
	if j.refused {
		return len(b), nil
	}
	return j.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom.
func (j *jsonRanges) ReadFrom(r io.Reader) (int64, error) {
	if j.refused {
		return io.Copy(io.Discard, r)
	}
	return io.Copy(j.ResponseWriter, r)
}

// Unwrap is for http.ResponseController.
func (j *jsonRanges) Unwrap() http.ResponseWriter { return j.ResponseWriter }
