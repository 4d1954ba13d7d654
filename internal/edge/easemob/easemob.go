// Package easemob owns the HTTP side of the Easemob API: tokens, users and chat
// files under /ORG/APP/ (docs/api/easemob.md). Bounds of transfers and thumbnails
// are those of package filegw, which serves the other façade of files.
//
// It must not know SQL, storage or the rules of who may store what: it reads
// requests, calls the domain and writes answers. Every answer that is not a
// file is JSON: the web SDK hangs on anything else.
package easemob

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/filegw"
	"hongyan/internal/im"
	"hongyan/internal/im/access"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/im/presence"
)

// Config is what a Handler needs. Log and Metrics may be nil.
type Config struct {
	Apps      *app.Service
	Accounts  *account.Service
	Tokens    *access.Service
	Files     *file.Service
	Transfers *filegw.Handler
	Presence  *presence.Directory
	Bus       im.Publisher
	Clock     im.Clock
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Refused   *faillog.Log // nil = refusals are not recorded
	ClientIP  func(*http.Request) string
	PublicURL string // https://HOST:PORT, the beginning of every `uri`
}

// Handler serves /ORG/APP/. It is safe for concurrent use.
type Handler struct {
	Config
	rows    []row
	limits  *limiter
	metrics *metrics
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{Config: c, limits: newLimiter(c.Clock), metrics: newMetrics(c.Metrics)}
	h.rows = h.table()
	return h
}

// call is one request on its way through a handler.
type call struct {
	h      *Handler
	ctx    context.Context
	w      http.ResponseWriter
	r      *http.Request
	begun  time.Time
	name   string // of the row, for metrics
	app    *app.App
	args   []string // what stands for * in the row's path
	query  url.Values
	holder *access.Holder // nil: see denied
	denied error          // why there is no holder
	read   bool           // reading of the body has begun
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cors(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	c := &call{h: h, ctx: r.Context(), w: w, r: r, begun: h.Clock(), name: "none", query: r.URL.Query()}
	seen := &statusWriter{ResponseWriter: w}
	c.w = seen
	defer func() { h.metrics.count(c.name, seen.status) }()
	end := h.Transfers.Begin(w)
	if end == nil {
		w.Header().Set("Connection", "close")
		c.refuse(errLeaving)
		return
	}
	defer end()
	defer c.recovered(seen)
	if err := h.route(c); err != nil {
		c.refuse(err)
	}
}

// recovered answers for a handler that has panicked.
func (c *call) recovered(seen *statusWriter) {
	p := recover()
	if p == nil {
		return
	}
	c.h.Log.Error("panic in a call of the Easemob API", "call", c.name, "panic", p, "stack", string(debug.Stack()))
	if seen.status != 0 {
		panic(http.ErrAbortHandler) // half an answer is out: the connection must go
	}
	c.refuse(errInternal)
}

// route finds the app and the row: app, method, token, rate, in this order
// (docs/api/easemob.md section 1.5).
func (h *Handler) route(c *call) error {
	seg := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	if len(seg) < 2 {
		return errNoService
	}
	a, ok := h.Apps.Named(seg[0], seg[1])
	if !ok {
		path := clip(strings.Join(seg, "/"))
		return errNoApp.because("Could not find application for " + clip(seg[0]) + "/" + clip(seg[1]) + " from URI: " + path)
	}
	c.app = a
	if a.Disabled {
		return errForbidden.because("the app is disabled")
	}
	row, err := h.find(c, seg[2:])
	if err != nil {
		return err
	}
	c.name = row.name
	c.holder, c.denied = h.holder(c)
	switch row.who {
	case users:
		err = c.denied
	case apps:
		err = c.needApp()
	}
	if err == nil && row.group != "" {
		err = c.allow(row.group)
	}
	if err != nil {
		return err
	}
	return row.do(c)
}

// holder is who shows a token. `Bearer undefined` is what a page without one sends.
func (h *Handler) holder(c *call) (*access.Holder, error) {
	kind, token, _ := strings.Cut(strings.TrimSpace(c.r.Header.Get("Authorization")), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(kind, "Bearer") || token == "" || token == "undefined" || token == "null" {
		return nil, access.ErrNone
	}
	return h.Tokens.Check(c.ctx, c.app, token)
}

// needApp says why the caller is not the app's server.
func (c *call) needApp() error {
	if c.denied == nil && c.holder.Account != nil {
		return errCorrupt
	}
	return c.denied
}

// allow counts the call in its group.
func (c *call) allow(group string) error {
	rate := c.app.Settings.Easemob.Rate
	if group == tokenGroup {
		rate = c.app.Settings.Easemob.TokenRate
	}
	if !c.h.limits.allow(c.app.Key, group, rate) {
		return errTooOften
	}
	return nil
}

// refuse answers an error.
func (c *call) refuse(err error) {
	r, internal := refusalOf(err)
	if internal && c.ctx.Err() == nil {
		c.h.Log.Error("call of the Easemob API failed", "call", c.name, "err", err)
	}
	if r.name == errGone.name && len(c.args) > 0 {
		r = r.because("file " + c.args[0] + " is expired")
	}
	hd := c.w.Header()
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		wait := int64(1)
		if errors.Is(err, account.ErrFailures) {
			wait = c.h.Accounts.FailuresLeft()
		}
		hd.Set("Retry-After", strconv.FormatInt(wait, 10))
	}
	for _, k := range []string{"ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition"} {
		hd.Del(k)
	}
	// A client that waits for 100-continue sends nothing when it gets this first.
	if c.r.ContentLength != 0 && (c.read || c.r.Header.Get("Expect") == "") {
		c.h.Transfers.Drain(c.w, c.r)
	}
	writeJSON(c.w, r.status, errorBody{Error: r.name, Exception: r.exception, Timestamp: c.h.Clock.NowMs(), Duration: c.ms(), Description: r.text})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom: what lies below may let the kernel copy.
func (s *statusWriter) ReadFrom(r io.Reader) (int64, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return io.Copy(s.ResponseWriter, r)
}

// Unwrap is for http.ResponseController.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
