package filegw

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxRenders bounds the pictures that are decoded at a time: memory and CPU.
	maxRenders = 2
	// renderWait is how long a request waits for its turn before it gets the
	// original.
	renderWait = 10 * time.Second
	// maxSide is the longest side of a box (docs/protocol/storage.md section 10).
	maxSide = 4096
)

// parseShape reads the parameters of imageView; ok is false for what cannot be
// done, which gets the original.
func parseShape(query string) (s file.Shape, ok bool) {
	s.Fit, ok = file.FitInside, true
	for part := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == '|' }) {
		name, value, _ := strings.Cut(part, "=")
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		switch name {
		case "thumbnail":
			ok = ok && box(value, &s)
		case "enlarge":
			s.Enlarge = value == "1"
		case "quality":
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				s.Quality = min(n, 100)
			}
		case "type":
			switch value {
			case "jpg", "jpeg":
				s.Format = "jpeg"
			case "png":
				s.Format = "png"
			}
		case "rotate":
			n, err := strconv.Atoi(value)
			if ok = ok && err == nil && n%90 == 0; ok {
				s.Rotate = ((n % 360) + 360) % 360
			}
		case "crop":
			ok = ok && fields(value, "_", 0, maxCrop, &s.CropX, &s.CropY, &s.CropWidth, &s.CropHeight) && s.CropWidth > 0 && s.CropHeight > 0
		case "axis":
			x, y := 5, 5
			// One value, or a range whose beginning counts: 0-10_0-10 is the whole.
			if fields(strings.NewReplacer("0-10", "5").Replace(value), "_", 0, 10, &x, &y) {
				s.AxisX, s.AxisY = x-5, y-5
			}
		case "pixel":
			ok = ok && fields(value, "_", 1, maxSide*maxSide, &s.Pixels)
		case "blur":
			var sigma int
			ok = ok && fields(value, "x", 1, 50, &s.Blur, &sigma)
		}
	}
	return s, ok
}

// maxCrop bounds the numbers of a crop, in pixels.
const maxCrop = 1 << 16

// fields reads numbers from low to high with a separator between them, no more
// and no fewer than there are places.
func fields(text, between string, low, high int, to ...*int) bool {
	parts := strings.Split(text, between)
	if len(parts) != len(to) {
		return false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < low || n > high {
			return false
		}
		*to[i] = n
	}
	return true
}

// box reads WxH, WyH or WzH.
func box(text string, s *file.Shape) bool {
	i := strings.IndexAny(text, "xyz")
	if i < 0 {
		return false
	}
	w, err1 := strconv.Atoi(text[:i])
	h, err2 := strconv.Atoi(text[i+1:])
	if err1 != nil || err2 != nil || w < 0 || h < 0 || w > maxSide || h > maxSide {
		return false
	}
	s.Width, s.Height, s.Fit = w, h, file.Fit(text[i])
	return true
}

// Cache keeps what was computed from files. Everything of an object is found by
// its name, and with it by its app.
type Cache interface {
	Get(object, asked string) (content []byte, mediaType string, ok bool)
	Put(object, asked, mediaType string, content []byte)
}

// noCache is a Cache that keeps nothing.
type noCache struct{}

func (noCache) Get(string, string) ([]byte, string, bool) { return nil, "", false }
func (noCache) Put(string, string, string, []byte)        {}

// thumbnail gives a smaller picture. What cannot be rendered is given as it is.
func (h *Handler) thumbnail(ctx context.Context, w http.ResponseWriter, r *http.Request, f *file.File, q url.Values) error {
	s, ok := parseShape(r.URL.RawQuery)
	if !ok || !strings.HasPrefix(f.Type, "image/") {
		return h.content(ctx, w, r, f, q)
	}
	t, err := h.Thumbnail(ctx, f, s)
	if err != nil {
		return h.content(ctx, w, r, f, q)
	}
	h.give(w, r, f, t)
	return nil
}

// give answers with what was computed.
func (h *Handler) give(w http.ResponseWriter, r *http.Request, f *file.File, t Thumb) {
	hd := w.Header()
	hd.Set("Content-Type", t.Type())
	sum := sha256.Sum256([]byte(t.asked))
	hd.Set("ETag", fmt.Sprintf(`"%s-%x"`, f.MD5, sum[:8]))
	if q := r.URL.Query(); q.Has("download") {
		hd.Set("Content-Disposition", disposition(t.Type(), q))
	}
	_ = h.Content(w, r, time.UnixMilli(f.CreatedMs), t.Reader()) // from memory: there is nothing to fail
}

const (
	// failedFor is how long what could not be computed is not tried again: a hostile
	// picture costs seconds each time.
	failedFor = time.Minute
	// maxFailed bounds what is remembered of failures.
	maxFailed = 1000
)

// failures remembers what could not be computed.
type failures struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

func (f *failures) has(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.until[key])
}

func (f *failures) add(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.until) >= maxFailed {
		clear(f.until)
	}
	f.until[key] = time.Now().Add(failedFor)
}

// compute makes what asked names from a file, or takes it from the cache.
func (h *Handler) compute(ctx context.Context, f *file.File, asked string, do func(context.Context, *file.Reader) ([]byte, string, error)) (Thumb, error) {
	if b, kind, ok := h.cache.Get(f.Object, asked); ok {
		return Thumb{asked, kind, b}, nil
	}
	key := f.Object + " " + asked
	if h.failed.has(key) {
		return Thumb{}, file.ErrNoMedia
	}
	client := ctx
	ctx, cancel := context.WithTimeout(ctx, renderWait)
	defer cancel()
	leave, err := h.turn(ctx)
	if err != nil {
		return Thumb{}, err
	}
	defer leave()
	if b, kind, ok := h.cache.Get(f.Object, asked); ok { // made while this request waited
		return Thumb{asked, kind, b}, nil
	}
	in := h.files.Open(ctx, f)
	defer in.Close()
	b, kind, err := do(ctx, in)
	if err != nil {
		if client.Err() == nil { // not because the client has gone away
			h.failed.add(key)
		}
		return Thumb{}, err
	}
	h.cache.Put(f.Object, asked, kind, b)
	return Thumb{asked, kind, b}, nil
}

// turn waits until one more picture or film may be looked into.
func (h *Handler) turn(ctx context.Context) (leave func(), err error) {
	select {
	case h.renders <- struct{}{}:
		return func() { <-h.renders }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isFilm says whether a media type is one of sounds or films.
func isFilm(kind string) bool {
	return strings.HasPrefix(kind, "video/") || strings.HasPrefix(kind, "audio/")
}

// maxOffset is the latest time of a frame, in s.
const maxOffset = 7 * 86400

// frame gives a picture of a film (docs/protocol/storage.md section 10).
func (h *Handler) frame(ctx context.Context, w http.ResponseWriter, r *http.Request, f *file.File) error {
	refuse := func(text string) error {
		writeError(w, http.StatusUnsupportedMediaType, text)
		return nil
	}
	if !h.HasFrames() {
		return refuse("vframe needs ffmpeg, which this server does not have")
	}
	if !strings.HasPrefix(f.Type, "video/") {
		return refuse("vframe is for films")
	}
	q := r.URL.Query()
	at, err := strconv.ParseFloat(q.Get("offset"), 64)
	if q.Get("offset") == "" {
		at, err = 0, nil
	}
	s := file.Shape{Fit: file.FitInside, Format: "jpeg"}
	if q.Get("type") == "png" {
		s.Format = "png"
	}
	if size := q.Get("resize"); err != nil || !(at >= 0 && at <= maxOffset) || size != "" && !box(size, &s) {
		return im.Errorf(im.CodeBadParam, "offset is a time in seconds, resize is WxH")
	}
	t, err := h.Frame(ctx, f, int64(at*1000), s)
	if err != nil {
		return refuse("no frame could be made")
	}
	h.give(w, r, f, t)
	return nil
}
