package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"hongyan/internal/im/app"
)

const (
	// dynamicPrefix is base64 of "dt-".
	dynamicPrefix = "ZHQt"
	// maxDynamicLife bounds what an app's server may give a token, in s.
	maxDynamicLife = 10 * 365 * 86400
)

// checkDynamic reads a token that the app's server has signed itself: base64url
// of "dt-" and JSON (docs/api/easemob.md section 3.1).
func (s *Service) checkDynamic(ctx context.Context, a *app.App, token string) (*Holder, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return nil, ErrCorrupt
	}
	var t struct {
		Signature string      `json:"signature"`
		AppKey    string      `json:"appkey"`
		User      string      `json:"userId"`
		CurTime   json.Number `json:"curTime"` // s
		TTL       json.Number `json:"ttl"`     // s
	}
	if json.Unmarshal(raw[3:], &t) != nil {
		return nil, ErrCorrupt
	}
	if t.AppKey != a.Org+"#"+a.Name {
		return nil, ErrForeign
	}
	cur, err1 := strconv.ParseInt(t.CurTime.String(), 10, 64)
	ttl, err2 := strconv.ParseInt(t.TTL.String(), 10, 64)
	if err1 != nil || err2 != nil || cur < 0 || cur > 1<<40 || ttl <= 0 || ttl > maxDynamicLife {
		return nil, ErrCorrupt
	}
	sum := sha256.Sum256([]byte(a.EasemobID + t.AppKey + t.User + t.CurTime.String() + t.TTL.String() + a.EasemobKey))
	if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(t.Signature))) != 1 {
		return nil, ErrUnknown
	}
	expires := (cur + ttl) * 1000
	if s.clock.NowMs() >= expires {
		return nil, ErrExpired
	}
	if shifted, err := s.accounts.Shifted(ctx, a.Key, t.User, t.CurTime.String(), t.TTL.String(), 1000); err != nil {
		return nil, err
	} else if shifted {
		return nil, ErrUnknown
	}
	acc, err := s.user(ctx, a, t.User)
	if err != nil {
		return nil, err
	}
	return &Holder{Account: acc, ExpiresMs: expires}, nil
}
