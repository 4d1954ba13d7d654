// Package nimapi owns version 1 of the server API (docs/api/server-v1.md):
// signing, form binding, rate limits, de-duplication of requests and the table
// of its endpoints; one file per resource holds what the endpoints do.
//
// It must not know SQL, connections or the client wire: a handler turns
// parameters into a call of a domain service and its answer into JSON.
package nimapi

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/spool"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/device"
	"hongyan/internal/im/file"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/session"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
	"hongyan/internal/im/team"
	"hongyan/internal/im/translation"
)

const (
	// maxBody is the largest form in bytes.
	maxBody = 1 << 20
	// bodyDeadline is how long a caller may take to send its form.
	bodyDeadline = 15 * time.Second
	// callDeadline is how long a call may take before it is answered 408.
	callDeadline = 10 * time.Second
)

// Config is what an API needs. Metrics, TrustedIP and Log may be nil.
type Config struct {
	Apps     *app.Service
	Accounts *account.Service
	Messages *message.Service
	Sessions *session.Service
	Presence *presence.Directory

	Friends       *friend.Service
	CustomNotices *notice.Sender

	Devices       *device.Service
	Subscriptions *subscription.Service
	Signaling     *signaling.Service
	Teams         *team.Service
	Rooms         *chatroom.Service
	Translations  *translation.Service

	Bus       im.Publisher
	Clustered bool // other nodes serve the same apps and get what Bus publishes
	Clock     im.Clock
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Refused   *faillog.Log               // nil = refusals are not recorded
	TrustedIP func(*http.Request) string // caller's address; nil = the connection's peer
	PublicURL string                     // https://host:port, what /srv-sdk/allocate hands out

	Files *file.Service // nil = uploads are not served
	Spool *spool.Dir    // where they lie before they are stored; nil = the system's directory
}

// API serves /nimserver/ and /srv-sdk/. It is safe for concurrent use.
type API struct {
	Config
	rows   map[string]*row
	order  []*row
	limits *limiter
	wrong  *im.Failures // wrong signatures
	// strangers is how many wrong signatures a key that no app has may be shown with.
	strangers int64
	ids       *requestIDs
	metrics   *apiMetrics
	spools    chan struct{} // capacity maxSpools
	openAPI   func() []byte // made once
}

// New returns an API. A malformed row of the table panics: it is a fault of the
// program, found by any test.
func New(c Config) *API {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.TrustedIP == nil {
		c.TrustedIP = peerIP
	}
	if c.Spool == nil {
		c.Spool = &spool.Dir{}
	}
	a := &API{
		Config: c, rows: map[string]*row{},
		limits: newLimiter(c.Clock), ids: newRequestIDs(c.Clock, maxRequestIDs), metrics: newMetrics(c.Metrics),
		spools: make(chan struct{}, maxSpools), wrong: im.NewFailures(c.Clock),
	}
	if defaults, err := app.ParseSettings(nil); err == nil { // they are right: a test says so
		a.strangers = defaults.RESTFailures
	}
	a.openAPI = sync.OnceValue(a.describe)
	for _, r := range a.table() {
		if a.rows[r.path] != nil {
			panic("nimapi: two rows for " + r.path)
		}
		a.rows[r.path] = r
		a.order = append(a.order, r)
	}
	return a
}

// Call is one authenticated request on its way through a handler.
type Call struct {
	App   *app.App
	ID    string // RequestId of the caller, or one made here; for logs
	GoSDK bool   // the official Go SDK calls, see server-v1.md section 13
	spool *aside // the file of an upload
}

// ServeHTTP answers one request. Everything that is an API call is answered
// with HTTP status 200 (docs/api/server-v1.md section 1).
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now() // latency is the machine's, not the domain clock's
	row := a.rows[r.URL.Path]
	if row == nil {
		a.metrics.count("unknown", http.StatusNotFound, begun)
		writeAnswer(w, http.StatusNotFound, failure(im.CodeNotFound, "no such endpoint"))
		return
	}
	if !row.allows(r.Method) {
		a.metrics.count(row.path, http.StatusMethodNotAllowed, begun)
		w.Header().Set("Allow", strings.Join(row.methods, ", "))
		writeAnswer(w, http.StatusMethodNotAllowed, failure(http.StatusMethodNotAllowed, "method not allowed"))
		return
	}
	if row.handler.document != nil {
		row.handler.document(w, r)
		a.metrics.count(row.path, http.StatusOK, begun)
		return
	}
	c := &Call{ID: callID(r), GoSDK: strings.HasPrefix(r.UserAgent(), goSDKAgent)}
	res, err := a.guarded(w, r, row, c)
	if err != nil {
		res = a.refusal(row, c, err)
	}
	code := writeAnswer(w, http.StatusOK, res)
	a.metrics.count(row.path, code, begun)
}

const goSDKAgent = "yunxin-server-sdk-golang/"

// guarded runs the call and turns a panic into an error: the SDKs repeat a call
// whose connection breaks, and would then be told 431 instead of 500.
func (a *API) guarded(w http.ResponseWriter, r *http.Request, row *row, c *Call) (res Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			res, err = nil, panicked(p)
		}
	}()
	if row.handler.open != nil {
		return row.handler.open(r)
	}
	return a.call(w, r, row, c)
}

// call takes the steps of docs/api/server-v1.md section 2.2 in their order. The
// form is read before the RequestId is taken, so that a caller whose connection
// broke half-way can repeat itself.
func (a *API) call(w http.ResponseWriter, r *http.Request, row *row, c *Call) (Result, error) {
	var err error
	if c.App, err = a.authenticate(r); err != nil {
		return nil, err
	}
	if ok, blocks := a.limits.allow(c.App.Key, row.limit, &c.App.Settings); !ok {
		a.metrics.limited.WithLabelValues(row.path).Inc()
		if blocks {
			a.metrics.blocks.WithLabelValues(c.App.Key, row.limit.name()).Inc()
		}
		return nil, im.Errorf(im.CodeTooFrequent, "frequency limit exceeded")
	}
	var values Values
	switch {
	case row.handler.read != nil:
		defer func() { c.spool.close() }()
		if values, err = row.handler.read(w, r, c); im.CodeOf(err) == im.CodeTimeout {
			return nil, err
		}
	case row.handler.takesForm():
		if values, err = readForm(w, r); im.CodeOf(err) == im.CodeTimeout {
			return nil, err
		}
	}
	if id := r.Header.Get("RequestId"); id != "" && !a.first(c.App, id) {
		return nil, im.Errorf(im.CodeRepeatedHTTP, "HTTP request repeated")
	}
	if err != nil {
		return nil, err
	}
	// A call that has taken its RequestId is carried out even if the caller
	// goes away: a repetition is answered 431, "already processed".
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callDeadline)
	defer cancel()
	return row.handler.run(ctx, c, values)
}

// refusal makes the answer of an error; one that the caller did not cause is
// logged, once, and its text stays here.
func (a *API) refusal(row *row, c *Call, err error) Result {
	code, text := im.CodeOf(err), im.PublicText(err)
	var known *im.Error
	switch isKnown := errors.As(err, &known); {
	case !isKnown && errors.Is(err, context.DeadlineExceeded):
		code, text = im.CodeTimeout, im.CodeText(im.CodeTimeout)
		fallthrough
	case code == im.CodeInternal, isKnown && known.Unwrap() != nil:
		key := ""
		if c.App != nil {
			key = c.App.Key
		}
		a.Log.Error("REST call failed", "endpoint", row.path, "app", key, "request", c.ID, "code", int(code), "err", err)
	}
	return failure(code, text)
}

// readForm reads the parameters of a request: the form first, then the query
// string for names the form does not hold.
func readForm(w http.ResponseWriter, r *http.Request) (Values, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		kind, _, err := mime.ParseMediaType(ct)
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, im.Errorf(im.CodeBadParam, "Content-Type must be application/x-www-form-urlencoded")
		}
	}
	// A recorder in a test has no deadline to set.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyDeadline))
	return parseForm(http.MaxBytesReader(w, r.Body, maxBody), r.URL.RawQuery)
}
