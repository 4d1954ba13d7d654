package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// loginEvent is the number of the login callback.
const loginEvent = 36

// loginBody is the body of event 36 (docs/api/callbacks.md section 5.3).
type loginBody struct {
	EventType        int    `json:"eventType"`
	FromAccount      string `json:"fromAccount"`
	FromDeviceID     string `json:"fromDeviceId,omitempty"`
	FromClientType   string `json:"fromClientType,omitempty"`
	FromClientIP     string `json:"fromClientIp,omitempty"`
	FromClientPort   string `json:"fromClientPort,omitempty"`
	Token            string `json:"token,omitempty"`
	AuthType         int    `json:"authType"`
	LoginExt         string `json:"loginExt,omitempty"`
	CustomTag        string `json:"customTag,omitempty"`
	CustomClientType string `json:"customClientType,omitempty"`
	AutoLogin        bool   `json:"autoLogin"`
	Timestamp        string `json:"timestamp"` // ms
}

// Login asks the app's server whether l may log in; it is an
// account.LoginVerdict. A rejection is 302, or the code 20000 to 20099 that the
// server chose. When nobody decides, callback_on_failure does, except for
// authType 2: there the callback is the only check, so silence rejects.
func (c *Client) Login(ctx context.Context, a *app.App, l account.Login) error {
	rejected := im.Errorf(im.CodeBadLogin, "refused by the app's server")
	if a.Settings.CallbackURL == "" {
		if l.AuthType == account.AuthCallback {
			return rejected
		}
		return nil
	}
	v, err := c.ask(ctx, a, loginEvent, "", time.Duration(a.Settings.LoginTimeout)*time.Millisecond, c.loginBody(l))
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the client has gone away: there is nobody to answer
	case err != nil && (l.AuthType == account.AuthCallback || a.Settings.CallbackOnFailure == "reject"):
		return rejected
	case err != nil || !v.Reject:
		return nil
	case v.Code >= minCustomCode:
		return im.Errorf(v.Code, "refused by the app's server")
	}
	return rejected
}

func (c *Client) loginBody(l account.Login) []byte {
	b := loginBody{
		EventType: loginEvent, FromAccount: l.Accid, FromDeviceID: l.DeviceID, FromClientType: im.ClientTypeName(l.ClientType),
		FromClientIP: l.IP, FromClientPort: l.Port, Token: l.Token, AuthType: l.AuthType, LoginExt: l.Ext,
		CustomTag: l.CustomTag, AutoLogin: l.Automatic, Timestamp: strconv.FormatInt(c.clock.NowMs(), 10),
	}
	if id, ok := im.NormalizeAccid(l.Accid); ok {
		b.FromAccount = id // accounts have one spelling towards the app's server
	}
	if l.CustomClientType != 0 {
		b.CustomClientType = strconv.Itoa(l.CustomClientType)
	}
	return marshal(b)
}

// ask asks the callback URL of the app, or of an environment, unless it has
// failed too often; it counts, logs and reports what came of it.
func (c *Client) ask(ctx context.Context, a *app.App, event int, env string, timeout time.Duration, body []byte) (Verdict, error) {
	begun := time.Now()
	target := a.Settings.CallbackURL
	if other := a.Settings.CallbackEnv[env]; other != "" {
		target = other
	}
	if err := c.breakers.enter(a, target); err != nil {
		c.metrics.count(a.Key, event, "suspended", begun)
		c.report(ctx, a, event, "3", body)
		return Verdict{}, err
	}
	v, err := c.Ask(ctx, a, target, timeout, body)
	c.breakers.leave(a, target, err, err != nil && ctx.Err() != nil)
	result := resultOf(v, err)
	if err != nil && ctx.Err() != nil {
		result = "abandoned"
	}
	c.metrics.count(a.Key, event, result, begun)
	if err != nil && ctx.Err() == nil {
		c.log.Warn("callback failed", "app", a.Key, "event", event, "host", hostOf(target), "result", result, "err", err)
		reason := "1"
		if errors.Is(err, ErrMalformed) {
			reason = "2"
		}
		c.report(ctx, a, event, reason, body)
	}
	return v, err
}

func resultOf(v Verdict, err error) string {
	switch {
	case errors.Is(err, ErrTimeout):
		return "timeout"
	case errors.Is(err, ErrMalformed):
		return "malformed"
	case errors.Is(err, ErrRefused):
		return "address refused"
	case err != nil:
		return "failed"
	case v.Reject:
		return "rejected"
	}
	return "passed"
}

// hostOf is the part of a URL that may be logged.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Host
}

// marshal builds a body once: its MD5 is over exactly these bytes.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // texts and numbers only: cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
