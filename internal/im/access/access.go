// Package access owns the access tokens of the Easemob API: of users and of
// apps, how they are made, checked and how they end (docs/api/easemob.md
// section 3).
//
// It must not know HTTP, and not what a holder may do.
package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// Why a token is refused; compare with errors.Is.
var (
	ErrNone    = errors.New("no token")
	ErrCorrupt = errors.New("no token of ours")
	ErrForeign = errors.New("a token of another app")
	ErrUnknown = errors.New("not made here, or taken back")
	ErrExpired = errors.New("expired")
)

// Forever is the life that clients are told of a token that does not end, in s:
// they read 32 bits and ask anew when it is 0.
const Forever = math.MaxInt32

const (
	// prefix begins every token: base64 of "ac-".
	prefix = "YWMt"
	// headLen: kind, application, issue in ms, life in s.
	headLen = 1 + 16 + 8 + 4
	macLen  = sha256.Size
	// maxToken bounds what is worth decoding, in bytes.
	maxToken = 1024

	kindApp  = 2
	kindUser = 3
)

// Service makes and checks tokens. It keeps nothing: a token carries what it
// says, and ends when its account's password or its app's client secret changes.
type Service struct {
	accounts *account.Service
	clock    im.Clock
	key      []byte
}

// New returns a Service; key signs tokens.
func New(accounts *account.Service, clock im.Clock, key []byte) *Service {
	return &Service{accounts: accounts, clock: clock, key: key}
}

// Holder is who shows a token.
type Holder struct {
	Account   *account.Account // nil = the app's server
	ExpiresMs int64            // ms since 1970; 0 = never
}

// Accid of the holder, "" for the app's server.
func (h *Holder) Accid() string {
	if h.Account == nil {
		return ""
	}
	return h.Account.Accid
}

// Client says whether id and secret are the app's; one answer for each, since
// the original tells them apart.
func Client(a *app.App, id, secret string) (idFits, secretFits bool) {
	same := func(x, y string) bool {
		hx, hy := sha256.Sum256([]byte(x)), sha256.Sum256([]byte(y))
		return subtle.ConstantTimeCompare(hx[:], hy[:]) == 1
	}
	return same(id, a.EasemobID), same(secret, a.EasemobKey)
}

// OfApp makes a token of the app's server; ttlSec 0 = for ever.
func (s *Service) OfApp(a *app.App, ttlSec int64) string { return s.make(a, kindApp, nil, ttlSec) }

// OfUser makes a token of a user.
func (s *Service) OfUser(a *app.App, acc *account.Account, ttlSec int64) string {
	return s.make(a, kindUser, acc, ttlSec)
}

func (s *Service) make(a *app.App, kind byte, acc *account.Account, ttlSec int64) string {
	id := a.Application()
	b := append([]byte{'a', 'c', '-', kind}, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.clock.NowMs()))
	b = binary.BigEndian.AppendUint32(b, uint32(min(max(ttlSec, 0), Forever)))
	if acc != nil {
		b = append(b, acc.Accid...)
	}
	b = append(b, s.mac(a, acc, b)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// mac binds a token to its app, and to what ends it when it changes.
func (s *Service) mac(a *app.App, acc *account.Account, body []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	ends := a.EasemobKey
	if acc != nil {
		ends = acc.Password
	}
	for _, p := range []string{a.Key, ends} {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	m.Write(body)
	return m.Sum(nil)
}

// Check returns who shows the token to the app.
func (s *Service) Check(ctx context.Context, a *app.App, token string) (*Holder, error) {
	if len(token) > maxToken {
		return nil, ErrCorrupt
	}
	if strings.HasPrefix(token, dynamicPrefix) {
		return s.checkDynamic(ctx, a, token)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || !strings.HasPrefix(token, prefix) || len(b) < 3+headLen+macLen {
		return nil, ErrCorrupt
	}
	body, mac := b[:len(b)-macLen], b[len(b)-macLen:]
	head, accid := body[3:3+headLen], string(body[3+headLen:])
	if id := a.Application(); string(head[1:17]) != string(id[:]) {
		return nil, ErrForeign
	}
	h := &Holder{}
	switch kind := head[0]; {
	case kind == kindApp && accid == "":
	case kind == kindUser && accid != "":
		if h.Account, err = s.user(ctx, a, accid); err != nil {
			return nil, err
		}
	default:
		return nil, ErrCorrupt
	}
	if !hmac.Equal(mac, s.mac(a, h.Account, body)) {
		return nil, ErrUnknown
	}
	if ttl := int64(binary.BigEndian.Uint32(head[25:29])); ttl > 0 {
		h.ExpiresMs = int64(binary.BigEndian.Uint64(head[17:25])) + ttl*1000
		if s.clock.NowMs() >= h.ExpiresMs {
			return nil, ErrExpired
		}
	}
	return h, nil
}

// user returns an account that may hold a token.
func (s *Service) user(ctx context.Context, a *app.App, accid string) (*account.Account, error) {
	id, ok := im.NormalizeAccid(accid)
	if !ok {
		return nil, ErrUnknown
	}
	acc, err := s.accounts.Get(ctx, a.Key, id)
	if im.CodeOf(err) == im.CodeNotFound {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	if acc.Blocked || acc.Deleted {
		return nil, ErrUnknown
	}
	return acc, nil
}
