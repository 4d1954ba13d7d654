package account

import (
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Ways to log in (docs/protocol/nim-core.md section 3.3).
const (
	AuthStatic   = 0
	AuthDynamic  = 1
	AuthCallback = 2
)

// Login is a request to log in, as far as authentication is concerned.
type Login struct {
	Accid            string
	Token            string
	AuthType         int
	Ext              string // loginExt, opaque
	CustomTag        string
	CustomClientType int
	ClientType       int
	DeviceID         string
	IP               string
	Port             string
	Automatic        bool // a reconnect of the SDK, not a user's act
}

// LoginVerdict asks the app's server whether a login may go on
// (docs/api/callbacks.md section 5.3). A nil error lets it pass; a refusal
// carries the client's code.
type LoginVerdict func(ctx context.Context, a *app.App, l Login) error

// LoginEvent is the callback event number of a login.
const LoginEvent = "36"

// Authenticate decides whether l may log in to a and returns the account. A
// refusal carries 302, 403, 414, 416 or 422.
func (s *Service) Authenticate(ctx context.Context, a *app.App, l Login) (*Account, error) {
	if a.Disabled {
		return nil, im.Errorf(im.CodeForbidden, "app disabled")
	}
	accid, ok := im.NormalizeAccid(l.Accid)
	if !ok {
		return nil, im.Errorf(im.CodeBadLogin, "no such account")
	}
	method, ok := map[int]string{AuthStatic: "static", AuthDynamic: "dynamic", AuthCallback: "callback"}[l.AuthType]
	if !ok || !a.Settings.LoginMethods[method] {
		return nil, im.Errorf(im.CodeForbidden, "login method not enabled")
	}
	if err := s.guessed(a, accid, l.IP); err != nil {
		return nil, err
	}
	acc, err := s.authenticate(ctx, a, accid, l)
	if im.CodeOf(err) == im.CodeBadLogin {
		s.failed(a, accid, l.IP)
	}
	return acc, err
}

func (s *Service) authenticate(ctx context.Context, a *app.App, accid string, l Login) (*Account, error) {
	acc, err := s.Get(ctx, a.Key, accid)
	if im.CodeOf(err) == im.CodeNotFound {
		return nil, im.Errorf(im.CodeBadLogin, "no such account")
	}
	if err != nil {
		return nil, err
	}
	asked := a.Settings.CallbackURL != "" && a.Settings.CallbackEvents[LoginEvent]
	switch l.AuthType {
	case AuthStatic:
		if !s.tokenMatches(acc, l.Token) {
			return nil, im.Errorf(im.CodeBadLogin, "wrong token")
		}
	case AuthDynamic:
		if err := s.checkDynamic(ctx, a, l.Accid, l.Token); err != nil {
			return nil, err
		}
	case AuthCallback:
		// The callback is the only check: without one nobody may pass.
		if a.Settings.CallbackURL == "" || s.verdict == nil {
			return nil, im.Errorf(im.CodeBadLogin, "no login callback configured")
		}
		asked = true
	}
	// Blocked is told only to those who hold the right token.
	if acc.Blocked && l.AuthType != AuthCallback {
		return nil, im.Errorf(im.CodeBlocked, "account blocked")
	}
	if asked && s.verdict != nil {
		if err := s.verdict(ctx, a, l); err != nil {
			return nil, err
		}
	}
	if acc.Blocked {
		return nil, im.Errorf(im.CodeBlocked, "account blocked")
	}
	return acc, nil
}

// checkDynamic checks base64(JSON{signature,curTime,ttl}) with signature =
// hex SHA1(appkey + accid + curTime + ttl + secret), curTime in ms and ttl in
// seconds, for the accid as the client sent it (docs/protocol/nim-core.md section 3.3).
func (s *Service) checkDynamic(ctx context.Context, a *app.App, accid, token string) error {
	bad := im.Errorf(im.CodeBadLogin, "dynamic token invalid or expired")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
	if err != nil {
		if raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(token), "=")); err != nil {
			return bad
		}
	}
	var t struct {
		Signature string      `json:"signature"`
		CurTime   json.Number `json:"curTime"`
		TTL       json.Number `json:"ttl"`
	}
	if json.Unmarshal(raw, &t) != nil {
		return bad
	}
	if !plain(t.CurTime.String(), t.TTL.String()) {
		return bad
	}
	cur, err1 := strconv.ParseInt(t.CurTime.String(), 10, 64)
	ttl, err2 := strconv.ParseInt(t.TTL.String(), 10, 64)
	if err1 != nil || err2 != nil || ttl <= 0 || ttl > 10*365*86400 {
		return bad
	}
	sum := sha1.Sum([]byte(a.Key + accid + t.CurTime.String() + t.TTL.String() + a.Secret))
	want := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(t.Signature))) != 1 {
		return bad
	}
	now, skew := s.clock().UnixMilli(), a.Settings.DynamicTokenSkew*1000
	if cur > now+skew || now >= cur+ttl*1000+skew {
		return bad
	}
	shifted, err := s.Shifted(ctx, a.Key, accid, t.CurTime.String(), t.TTL.String(), 1)
	if err != nil {
		return err
	}
	if shifted {
		return im.Errorf(im.CodeBadLogin, "the dynamic token may be another account's")
	}
	return nil
}
