// Package hook owns HTTP calls to the app's own server: third-party callbacks,
// which decide whether an operation of a client may go on
// (docs/api/callbacks.md), single attempts to send event copies, questions to a
// service of moderation and to a provider of translations.
//
// It must not know connections, storage or why somebody asks: it signs a body,
// sends it once, and reads the verdict. Secrets and tokens never reach the log.
package hook

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// maxAnswer is the longest answer in bytes that is read.
const maxAnswer = 64 << 10

// Copies stores event copies.
type Copies interface {
	PutCopies(ctx context.Context, cs []*eventcopy.Copy) error
}

// Config is what a Client needs. Log and Metrics may be nil.
type Config struct {
	Copies       Copies // gets copies of failed callbacks; may be nil
	AllowPrivate bool   // URLs may lead to loopback and private addresses
	Clock        im.Clock
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Client calls app servers. It is safe for concurrent use and keeps connections
// alive; Close ends the idle ones.
type Client struct {
	clock    im.Clock
	log      *slog.Logger
	copies   Copies
	breakers *breakers
	http     *http.Client
	metrics  *hookMetrics
}

// New returns a Client.
func New(c Config) *Client {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	g := &guard{allowPrivate: c.AllowPrivate, lookup: net.DefaultResolver.LookupNetIP}
	return &Client{copies: c.Copies, breakers: newBreakers(c.Clock), clock: c.Clock, log: c.Log, metrics: newMetrics(c.Metrics), http: &http.Client{
		// No proxy from the environment: it would resolve names past the guard.
		// HTTP/1.1 only, as the original speaks it.
		Transport: &http.Transport{
			DialContext: g.dial, DisableCompression: true, MaxResponseHeaderBytes: 32 << 10,
			MaxIdleConns: 256, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Failures of a callback. Which one it was decides nothing but the reason that
// is reported.
var (
	ErrTimeout   = errors.New("callback timed out")
	ErrMalformed = errors.New("callback answer malformed")
	ErrRefused   = errors.New("callback address refused")
)

// Ask posts body to target, signed for a, and returns the verdict. There is
// exactly one request; timeout covers all of it. An error means that nobody
// decided, and the app's callback_on_failure should.
func (c *Client) Ask(ctx context.Context, a *app.App, target string, timeout time.Duration, body []byte) (Verdict, error) {
	answer, err := c.post(ctx, a, target, timeout, body)
	if err != nil {
		return Verdict{}, err
	}
	return parseVerdict(answer)
}

// post sends body to target, signed for a, and returns the answer, which came
// with status 200. There is exactly one request; timeout covers all of it.
func (c *Client) post(ctx context.Context, a *app.App, target string, timeout time.Duration, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrRefused)
	}
	sign(req.Header, a, c.clock.NowMs(), body)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, failure(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP status %d", ErrMalformed, res.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, failure(err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxAnswer)
	}
	return answer, nil
}

// now is the time as bodies tell it: text, ms.
func (c *Client) now() string { return strconv.FormatInt(c.clock.NowMs(), 10) }

// sign sets the headers of docs/api/callbacks.md section 2. They are set past
// Header.Set to keep their spelling: receivers exist that compare it.
func sign(h http.Header, a *app.App, nowMs int64, body []byte) {
	m := md5.Sum(body)
	sum, cur := hex.EncodeToString(m[:]), strconv.FormatInt(nowMs, 10)
	s := sha1.Sum([]byte(a.Secret + sum + cur))
	h["AppKey"] = []string{a.Key}
	h["CurTime"] = []string{cur}
	h["MD5"] = []string{sum}
	h["CheckSum"] = []string{hex.EncodeToString(s[:])}
	h["Content-Type"] = []string{"application/json"}
}

// failure classes a transport error and takes the URL out of it: its query and
// user part may hold credentials of the app's server.
func failure(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var n net.Error
	switch {
	case errors.Is(err, ErrRefused):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("callback failed: %w", err)
}
