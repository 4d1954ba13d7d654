// Package filegw owns the HTTP side of files: the form upload of mini-app and
// uni-app builds, the chunk protocol of browser builds, downloads and what is
// computed from pictures (docs/protocol/storage.md sections 5 to 12).
//
// It must not know SQL, storage or the rules of who may store what: it reads
// requests, calls the domain and writes answers.
package filegw

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"hongyan/internal/edge/spool"
	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxUploads bounds the uploads that this node reads at a time; more are told
	// to come again. Each holds some hundred KiB of buffers.
	maxUploads = 256
	// stall is how long a client may send, or take, nothing.
	stall = 30 * time.Second
	// uploadTime bounds one upload request, however steadily it drips.
	uploadTime = time.Hour
	// downloadTime bounds one download request.
	downloadTime = 12 * time.Hour
	// drainMost is how much of a refused body is read, so that the client reads
	// the answer instead of a broken connection, in bytes.
	drainMost = 5 << 20
	drainTime = 10 * time.Second
	// closeWait is how long transfers may go on when the process ends.
	closeWait = 2 * time.Second
)

// Config is what a Handler needs.
type Config struct {
	Files *file.Service
	Media file.Media
	Films file.Films // nil = there are no frames of films
	Cache Cache      // of thumbnails; nil = none
	Spool *spool.Dir // of files whose token comes behind them; nil = the system's directory
	// ClientIP says where a request comes from; nil = the connection's peer.
	ClientIP func(*http.Request) string
	Log      *slog.Logger
}

// Handler serves /nos/ and objects at the root. It is safe for concurrent use.
type Handler struct {
	files   *file.Service
	media   file.Media
	films   file.Films
	log     *slog.Logger
	uploads chan struct{} // capacity maxUploads
	guests  *crowd        // forms whose token has not come
	spools  *crowd        // files that came before their token
	renders chan struct{} // capacity maxRenders
	spool   *spool.Dir
	cache   Cache
	failed  failures

	clientIP func(*http.Request) string
	formWait time.Duration

	life   context.Context // ends when transfers shall
	finish context.CancelFunc
	active sync.WaitGroup // transfers under way

	mu      sync.Mutex // guards closing, and active's first Add against its Wait
	closing bool
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{files: c.Files, media: c.Media, films: c.Films, log: c.Log, uploads: make(chan struct{}, maxUploads), guests: newCrowd(maxGuests, maxGuestsEach), spools: newCrowd(maxSpools, maxSpoolsEach), clientIP: c.ClientIP, formWait: formWait,
		renders: make(chan struct{}, maxRenders), cache: c.Cache, spool: c.Spool, failed: failures{until: map[string]time.Time{}}}
	if h.clientIP == nil {
		h.clientIP = peerIP
	}
	if h.spool == nil {
		h.spool = &spool.Dir{}
	}
	if h.cache == nil {
		h.cache = noCache{}
	}
	h.life, h.finish = context.WithCancel(context.Background())
	return h
}

// Close gives transfers a moment to finish, then ends them: a slow download must
// not keep the process from ending. Clients resume elsewhere.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	done := make(chan struct{})
	go func() { h.active.Wait(); close(done) }()
	t := time.NewTimer(closeWait)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
	h.finish()
	<-done
}

// begin counts a transfer in and returns what counts it out; nil after Close. A
// transfer that is ended stops waiting for its client at once.
func (h *Handler) begin(w http.ResponseWriter) (end func()) {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		return nil
	}
	h.active.Add(1)
	h.mu.Unlock()
	control := http.NewResponseController(w)
	stop := context.AfterFunc(h.life, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0))
		_ = control.SetWriteDeadline(time.Unix(1, 0))
	})
	return func() { stop(); h.active.Done() }
}

// ErrClosing says that the process is about to end.
var ErrClosing = im.Errorf(im.CodeBusy, "the server is going away")

// Transfer runs a request of another façade that uploads, under the bounds of
// this one, and ends it when the process ends. allow is asked first: who may not
// upload takes nobody's place. A refused body is read to a bound, so that the
// client reads the answer.
func (h *Handler) Transfer(w http.ResponseWriter, r *http.Request, allow func() error, fn func(context.Context, *http.Request) error) error {
	end := h.begin(w)
	if end == nil {
		w.Header().Set("Connection", "close")
		return ErrClosing
	}
	defer end()
	err := allow()
	if err == nil {
		err = h.upload(w, r, func(ctx context.Context, _ http.ResponseWriter, r *http.Request) error { return fn(ctx, r) })
	}
	if err != nil {
		h.Drain(w, r)
	}
	return err
}

// IsObject says whether the first segment of a path is the name of an object: a
// client whose download host has no path asks for it at the root.
func IsObject(segment string) bool { return file.AppOf(segment) != "" }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cors(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	end := h.begin(w)
	if end == nil {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "the server is going away")
		return
	}
	defer end()
	if err := h.route(w, r); err != nil {
		h.refuse(w, r, err)
	}
}

func (h *Handler) route(w http.ResponseWriter, r *http.Request) error {
	rest := strings.TrimPrefix(r.URL.Path, "/")
	bucket, object, _ := strings.Cut(rest, "/")
	if IsObject(bucket) && object == "" {
		bucket, object = file.Bucket, bucket
	}
	q := r.URL.Query()
	switch {
	case bucket != file.Bucket:
		return file.ErrUnknown
	case r.Method == http.MethodPost && object == "":
		return h.form(w, r)
	case r.Method == http.MethodPost:
		p, err := h.policy(r, object)
		if err != nil {
			return err
		}
		return h.upload(w, r, func(ctx context.Context, w http.ResponseWriter, r *http.Request) error { return h.chunk(ctx, w, r, p) })
	case r.Method == http.MethodGet && q.Has("uploadContext"):
		return h.resume(w, r, object)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return h.download(w, r, object)
	}
	w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
	writeError(w, http.StatusMethodNotAllowed, "method not allowed")
	return nil
}

// slot takes a place among the uploads and returns what gives it back.
func (h *Handler) slot() (leave func(), err error) {
	select {
	case h.uploads <- struct{}{}:
		return func() { <-h.uploads }, nil
	default:
		return nil, ErrUploads
	}
}

// upload bounds how many run, and how slowly.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request, fn func(context.Context, http.ResponseWriter, *http.Request) error) error {
	leave, err := h.slot()
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), uploadTime)
	defer cancel()
	r.Body = h.patient(w, r, uploadTime)
	return fn(ctx, w, r)
}

func (h *Handler) patient(w http.ResponseWriter, r *http.Request, most time.Duration) *patient {
	return &patient{ReadCloser: r.Body, control: http.NewResponseController(w), until: time.Now().Add(most), life: h.life}
}

// patient is a body whose sender may pause for stall at most.
type patient struct {
	io.ReadCloser
	control *http.ResponseController
	until   time.Time
	life    context.Context // of the handler
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if p.life.Err() != nil {
		return 0, io.ErrUnexpectedEOF
	}
	d := time.Now().Add(stall)
	if d.After(p.until) {
		d = p.until
	}
	_ = p.control.SetReadDeadline(d) // a recorder in a test has none
	return p.ReadCloser.Read(b)
}

// cors lets every page upload and download: no cookies are used
// (docs/protocol/storage.md section 12). Errors need it too.
func cors(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Content-Disposition, ETag, Retry-After")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

func preflight(w http.ResponseWriter, r *http.Request) {
	ask := r.Header.Get("Access-Control-Request-Headers")
	if ask == "" || len(ask) > 1024 {
		ask = "x-nos-token, content-type, content-md5"
	}
	hd := w.Header()
	hd.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
	hd.Set("Access-Control-Allow-Headers", ask)
	hd.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// refuse answers an error in the form that the SDKs show to applications
// (docs/protocol/storage.md section 5.3).
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status == http.StatusInternalServerError && r.Context().Err() == nil {
		h.log.Error("file request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if r.Method == http.MethodPost {
		h.Drain(w, r)
	}
	if r.Method == http.MethodGet && r.URL.Query().Has("uploadContext") && status >= 500 {
		status = http.StatusNotFound // a 5xx here makes every SDK repeat at once, for ever
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeError(w, status, im.PublicText(err))
}

// Drain reads what is left of a refused body, to a bound, so that the client reads
// the answer instead of a broken connection.
func (h *Handler) Drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || h.life.Err() != nil {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, drainMost))
	w.Header().Set("Connection", "close")
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, file.ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, file.ErrQuota), errors.Is(err, file.ErrFull):
		return http.StatusInsufficientStorage
	case errors.Is(err, file.ErrNoMedia), errors.Is(err, file.ErrNoBlob):
		return http.StatusNotFound
	}
	switch im.CodeOf(err) {
	case im.CodeBadParam:
		return http.StatusBadRequest
	case im.CodeForbidden:
		return http.StatusForbidden
	case im.CodeNotFound:
		return http.StatusNotFound
	case im.CodeTimeout:
		return http.StatusRequestTimeout
	case im.CodeTooFrequent:
		return http.StatusTooManyRequests
	case im.CodeBusy:
		return http.StatusServiceUnavailable
	case im.CodeRepeated:
		return http.StatusConflict
	case im.CodeUnavailable:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusInternalServerError
}

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]any{"errCode": status, "errMsg": text})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, _ := json.Marshal(v) // texts and numbers: cannot fail
	writeText(w, status, string(b))
}

func writeText(w http.ResponseWriter, status int, text string) {
	hd := w.Header()
	hd.Set("Content-Type", "application/json; charset=utf-8")
	hd.Set("Content-Length", strconv.Itoa(len(text)))
	hd.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that has gone away cannot be told
}
