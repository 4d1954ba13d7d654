package filegw

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
)

// download gives a file, a part of it, or what is computed from it
// (docs/protocol/storage.md section 10).
func (h *Handler) download(w http.ResponseWriter, r *http.Request, object string) error {
	ctx, cancel := context.WithTimeout(r.Context(), downloadTime)
	defer cancel()
	a, f, err := h.files.Find(ctx, object)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	if a.Settings.DownloadAuth {
		if err := h.files.CheckDownload(f, q.Get("nim-mixstore-ctoken"), q.Get("appKey"), q.Get("uid")); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", cacheControl(a, f))
	switch op := operation(r.URL.RawQuery); op {
	case "imageInfo":
		return h.imageInfo(ctx, w, f)
	case "vinfo":
		return h.vinfo(ctx, w, f)
	case "imageView":
		return h.thumbnail(ctx, w, r, f, q)
	case "vframe":
		return h.frame(ctx, w, r, f)
	case "audioTrans":
		writeError(w, http.StatusUnsupportedMediaType, op+" is not available on this server")
		return nil
	}
	return h.content(ctx, w, r, f, q)
}

// content gives the file as it is.
func (h *Handler) content(ctx context.Context, w http.ResponseWriter, r *http.Request, f *file.File, q url.Values) error {
	hd := w.Header()
	hd.Set("Content-Type", contentType(f.Type))
	if d := disposition(f.Type, q); d != "" {
		hd.Set("Content-Disposition", d)
		hd.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	}
	hd.Set("ETag", `"`+f.MD5+`"`)
	body := h.files.Open(ctx, f)
	defer body.Close()
	return h.Content(w, r, time.UnixMilli(f.CreatedMs), body)
}

// unhurried lets a client pause for stall at most while it takes a file.
type unhurried struct {
	http.ResponseWriter
	control *http.ResponseController
	life    context.Context // of the handler
	ready   func() error    // says whether there is something to give; nil = there is
	failed  error           // of ready: nothing goes out then
}

// WriteHeader implements http.ResponseWriter.
func (u *unhurried) WriteHeader(status int) {
	if u.ready != nil && (status == http.StatusOK || status == http.StatusPartialContent) {
		u.failed = u.ready()
	}
	if u.failed == nil {
		u.ResponseWriter.WriteHeader(status)
	}
}

// Write implements io.Writer.
func (u *unhurried) Write(b []byte) (int, error) {
	if err := u.patience(); err != nil {
		return 0, err
	}
	return u.ResponseWriter.Write(b)
}

func (u *unhurried) patience() error {
	if u.failed != nil {
		return u.failed
	}
	if u.life.Err() != nil {
		return http.ErrServerClosed
	}
	_ = u.control.SetWriteDeadline(time.Now().Add(stall)) // a recorder in a test has none
	return nil
}

// sendPiece is how much of a file goes out under one deadline, in bytes: whoever
// takes 2 KiB a second is patient enough. Larger ones are not faster.
const sendPiece = 64 << 10

// ReadFrom implements io.ReaderFrom: a file goes out in pieces that the kernel
// copies, if the connection is no TLS one.
func (u *unhurried) ReadFrom(r io.Reader) (n int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return io.Copy(struct{ io.Writer }{u}, r)
	}
	body, ok := limited.R.(*file.Reader)
	if !ok {
		return io.Copy(struct{ io.Writer }{u}, r)
	}
	for limited.N > 0 && err == nil {
		if err = u.patience(); err != nil {
			break
		}
		var m int64
		m, err = body.Send(u.ResponseWriter, min(limited.N, sendPiece))
		n += m
		limited.N -= m
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// cacheControl: objects never change, so they may be kept as long as they live.
func cacheControl(a *app.App, f *file.File) string {
	if a.Settings.DownloadAuth {
		return "private, max-age=3600"
	}
	if f.ExpiresMs > 0 {
		left := max(0, min(int64(time.Until(time.UnixMilli(f.ExpiresMs)).Seconds()), 31536000))
		return fmt.Sprintf("public, max-age=%d", left)
	}
	return "public, max-age=31536000, immutable"
}

// operation is the first token of the query without a value, "" if there is
// none.
func operation(query string) string {
	for part := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == '|' }) {
		name, value, has := strings.Cut(part, "=")
		if has && value != "" {
			continue
		}
		switch name {
		case "imageInfo", "vinfo", "imageView", "vframe", "audioTrans":
			return name
		}
	}
	return ""
}

// contentType is the stored type; texts are UTF-8 as far as anybody can know.
func contentType(t string) string {
	if t == "text/plain" {
		return t + "; charset=utf-8"
	}
	if t == "" {
		return "application/octet-stream"
	}
	return t
}

// shown says whether a browser may show a type in our name. Everything that can
// carry a script is saved instead.
func shown(t string) bool {
	kind, sub, _ := strings.Cut(t, "/")
	switch kind {
	case "image", "audio", "video":
		return !strings.Contains(sub, "svg") && !strings.Contains(sub, "xml")
	}
	return t == "text/plain" || t == "application/pdf"
}

// maxFileName is the longest name of a saved file in characters.
const maxFileName = 200

// disposition is the Content-Disposition of a file, "" for none.
func disposition(t string, q url.Values) string {
	name := q.Get("download")
	if !q.Has("download") && shown(t) {
		return ""
	}
	name = path.Base(strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f || c == '\\' || c == '"' || c == 0xfffd {
			return -1
		}
		return c
	}, name))
	if name == "." || name == "/" || name == ".." {
		return "attachment"
	}
	if rs := []rune(name); len(rs) > maxFileName {
		name = string(rs[:maxFileName])
	}
	if d := mime.FormatMediaType("attachment", map[string]string{"filename": name}); d != "" {
		return d
	}
	return "attachment"
}

// imageInfo is the answer of section 7.1.
func (h *Handler) imageInfo(ctx context.Context, w http.ResponseWriter, f *file.File) error {
	p, err := h.picture(ctx, f)
	if err != nil {
		return err
	}
	info := map[string]any{"Type": p.Format, "Width": p.Width, "Height": p.Height, "Size": f.Size}
	if p.Orientation != 0 {
		info["Orientation"] = p.Orientation
	}
	writeJSON(w, http.StatusOK, info)
	return nil
}

// vinfo is the answer of section 7.1 for sounds and films.
func (h *Handler) vinfo(ctx context.Context, w http.ResponseWriter, f *file.File) error {
	v, err := h.film(ctx, f)
	if err != nil {
		return err
	}
	info := map[string]any{"Duration": v.DurationMs, "Container": v.Container, "Size": f.Size}
	if v.Video {
		info["Width"], info["Height"], info["Rotate"], info["VideoCodec"] = v.Width, v.Height, v.Rotate, v.VideoCodec
	}
	if v.Audio {
		info["AudioCodec"] = v.AudioCodec
	}
	writeJSON(w, http.StatusOK, map[string]any{"GetVideoInfo": map[string]any{"VideoInfo": info}})
	return nil
}
