package hook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/proxy"
)

// Headers of a forwarded request beside those of sign
// (docs/adr/0010-pass-through.md).
const (
	headerAccid     = "X-Hongyan-Accid"
	headerZone      = "X-Hongyan-Zone"
	headerSignature = "X-Hongyan-Signature"
)

// proxyEvent is the event number of forwarded requests in the metrics; no
// callback has it.
const proxyEvent = 0

// Forward implements proxy.Upstream: one request, signed like a callback, with
// the caller's account under a signature of its own.
func (c *Client) Forward(ctx context.Context, r *proxy.Call) (string, error) {
	begun := time.Now()
	body, err := c.forward(ctx, r)
	result := "passed"
	switch {
	case im.CodeOf(err) == im.CodeTimeout:
		result = "timeout"
	case errors.Is(err, ErrRefused):
		result = "address refused"
	case errors.Is(err, ErrMalformed):
		result = "malformed"
	case err != nil:
		result = "failed"
	}
	c.metrics.count(r.App.Key, proxyEvent, result, begun)
	return body, err
}

func (c *Client) forward(ctx context.Context, r *proxy.Call) (string, error) {
	limit := r.App.Settings.ProxyAnswerLimit
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.App.Settings.ProxyTimeout)*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return "", im.Errorf(im.CodeInternal, "proxy request: %w", ErrRefused)
	}
	cur := c.clock.NowMs()
	sign(req.Header, r.App, cur, r.Body)
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set(headerAccid, r.Accid)
	if r.Zone != "" {
		req.Header.Set(headerZone, r.Zone)
	}
	req.Header.Set(headerSignature, proxySignature(r, req.Header["CurTime"][0], req.Header["MD5"][0]))
	res, err := c.http.Do(req)
	if err != nil {
		return "", proxyFailure(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return "", proxyFailure(err)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return "", im.Errorf(im.CodeInternal, "%w: upstream's HTTP status %d", ErrMalformed, res.StatusCode)
	case int64(len(answer)) > limit:
		return "", im.Errorf(im.CodeInternal, "%w: longer than %d bytes", ErrMalformed, limit)
	}
	return string(answer), nil
}

// proxySignature binds the caller, the method and the path to the request, which
// the check sum of callbacks does not: lower-case hex HMAC-SHA-256, keyed with
// the AppSecret, of METHOD, path with query, accid, CurTime and MD5, each
// followed by a line feed.
func proxySignature(r *proxy.Call, cur, sum string) string {
	m := hmac.New(sha256.New, []byte(r.App.Secret))
	for _, part := range []string{r.Method, r.Path, r.Accid, cur, sum} {
		m.Write([]byte(part + "\n"))
	}
	return hex.EncodeToString(m.Sum(nil))
}

func proxyFailure(err error) error {
	if err = failure(err); errors.Is(err, ErrTimeout) {
		return im.Errorf(im.CodeTimeout, "proxy: %w", err)
	}
	return im.Errorf(im.CodeInternal, "proxy: %w", err)
}
