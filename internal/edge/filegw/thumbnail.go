package filegw

import (
	"container/list"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"hongyan/internal/im/file"
)

const (
	// maxRenders bounds the pictures that are decoded at a time: memory and CPU.
	maxRenders = 2
	// renderWait is how long a request waits for its turn before it gets the
	// original.
	renderWait = 10 * time.Second
	// cacheBytes bounds the thumbnails in memory, cacheOne a single one.
	cacheBytes = 32 << 20
	cacheOne   = 1 << 20
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

// rendered is a finished thumbnail.
type rendered struct {
	key, kind string
	content   []byte
}

// cache keeps the thumbnails used last. Keys begin with the object's name, and
// with it with the app.
type cache struct {
	mu    sync.Mutex // guards the rest
	byKey map[string]*list.Element
	order *list.List // of *rendered, newest first
	bytes int
}

func newCache() *cache { return &cache{byKey: map[string]*list.Element{}, order: list.New()} }

func (c *cache) get(key string) *rendered {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*rendered)
}

func (c *cache) put(r *rendered) {
	if len(r.content) > cacheOne {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[r.key] != nil {
		return
	}
	c.byKey[r.key] = c.order.PushFront(r)
	c.bytes += len(r.content)
	for c.bytes > cacheBytes {
		last := c.order.Back()
		old := c.order.Remove(last).(*rendered)
		delete(c.byKey, old.key)
		c.bytes -= len(old.content)
	}
}

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
	hd := w.Header()
	hd.Set("Content-Type", t.Type())
	hd.Set("ETag", fmt.Sprintf(`"%s-%d%c%d-%v%d%s%d"`, f.MD5, s.Width, s.Fit, s.Height, s.Enlarge, s.Quality, s.Format, s.Rotate))
	if q.Has("download") {
		hd.Set("Content-Disposition", disposition(t.Type(), q))
	}
	h.Content(w, r, time.UnixMilli(f.CreatedMs), t.Reader())
	return nil
}

func (h *Handler) render(ctx context.Context, key string, f *file.File, s file.Shape) (*rendered, error) {
	ctx, cancel := context.WithTimeout(ctx, renderWait)
	defer cancel()
	select {
	case h.renders <- struct{}{}:
		defer func() { <-h.renders }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t := h.cache.get(key); t != nil { // made while this request waited
		return t, nil
	}
	in := h.files.Open(ctx, f)
	defer in.Close()
	content, kind, err := h.media.Render(ctx, in, s)
	if err != nil {
		return nil, err
	}
	t := &rendered{key: key, kind: kind, content: content}
	h.cache.put(t)
	return t, nil
}
