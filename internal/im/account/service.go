package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"time"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// MaxToken is the longest static token in characters (docs/protocol/nim-core.md section 8).
const MaxToken = 128

// Service changes and reads accounts; reads come from a bounded cache.
type Service struct {
	store    Store
	clock    im.Clock
	tokenKey []byte
	cache    *cache
	verdict  LoginVerdict
	failures *im.Failures
	hashing  chan struct{} // capacity maxHashing()
}

// Config is what a Service needs.
type Config struct {
	Store    Store
	Clock    im.Clock
	TokenKey []byte       // keys the hash of static tokens; derived from the master key
	Cached   int          // accounts kept in memory; 0 = 100,000
	Verdict  LoginVerdict // asks the app's server about logins; nil = never asked
}

// New returns a Service.
func New(c Config) *Service {
	if c.Cached == 0 {
		c.Cached = 100_000
	}
	return &Service{store: c.Store, clock: c.Clock, tokenKey: c.TokenKey, cache: newCache(c.Cached),
		verdict: c.Verdict, failures: im.NewFailures(c.Clock), hashing: make(chan struct{}, maxHashing())}
}

// Get returns an account by its canonical accid, or a 404 error.
func (s *Service) Get(ctx context.Context, app, accid string) (*Account, error) {
	if a := s.cache.get(app, accid); a != nil {
		return a, nil
	}
	epoch := s.cache.epoch()
	a, err := s.store.Account(ctx, app, accid)
	if err != nil {
		return nil, err
	}
	s.cache.putIf(a, epoch)
	return a, nil
}

// GetMany returns the existing ones of accids by accid.
func (s *Service) GetMany(ctx context.Context, app string, accids []string) (map[string]*Account, error) {
	out := make(map[string]*Account, len(accids))
	var missing []string
	for _, id := range accids {
		if a := s.cache.get(app, id); a != nil {
			out[id] = a
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	epoch := s.cache.epoch()
	found, err := s.store.Accounts(ctx, app, missing)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		s.cache.putIf(a, epoch)
		out[a.Accid] = a
	}
	return out, nil
}

// List returns up to limit accounts with accid > after, in order.
func (s *Service) List(ctx context.Context, app, after string, limit int) ([]*Account, error) {
	return s.store.ListAccounts(ctx, app, after, limit)
}

// Forget drops a cached account: another node or a tool has changed it.
func (s *Service) Forget(app, accid string) { s.cache.drop(app, accid) }

// AddLoginRecords writes login records.
func (s *Service) AddLoginRecords(ctx context.Context, r []LoginRecord) error {
	return s.store.AddLoginRecords(ctx, r)
}

// LoginRecords returns login records of an account; half a second may pass until
// one is there.
func (s *Service) LoginRecords(ctx context.Context, app, accid string, q RecordQuery) ([]LoginRecord, error) {
	return s.store.LoginRecords(ctx, app, accid, q)
}

const (
	// trimChunk and trimPause keep each deletion short: messages wait behind it.
	trimChunk = 500
	trimPause = 20 * time.Millisecond
)

// TrimLoginRecords deletes an app's login records older than login_record_days.
func (s *Service) TrimLoginRecords(ctx context.Context, a *app.App) error {
	before := im.FirstIDAt(s.clock.NowMs() - a.Settings.LoginRecordDays*24*3600*1000)
	for {
		n, err := s.store.TrimLoginRecords(ctx, a.Key, before, trimChunk)
		if err != nil || n < trimChunk {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trimPause):
		}
	}
}

func (s *Service) update(ctx context.Context, app, accid string, change func(*Account) error) (*Account, error) {
	a, err := s.store.UpdateAccount(ctx, app, accid, change)
	if err != nil {
		return nil, err
	}
	// Not kept: a later update may have returned before this one.
	s.cache.drop(app, accid)
	return a, nil
}

// hashToken binds a static token to its app and account and keys the digest
// with the master key, so that a stolen database alone opens no account. It is
// deliberately fast: tokens are random, and every login pays for it.
func (s *Service) hashToken(app, accid, token string) string {
	m := hmac.New(sha256.New, s.tokenKey)
	for _, p := range []string{app, accid, token} {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	return hex.EncodeToString(m.Sum(nil))
}

func (s *Service) tokenMatches(a *Account, token string) bool {
	want := s.hashToken(a.App, a.Accid, token)
	return subtle.ConstantTimeCompare([]byte(want), []byte(a.TokenHash)) == 1
}

// TokenHash returns what is stored of a static token, for bulk writes beside
// Register. Code 414: the token is too long.
func (s *Service) TokenHash(app, accid, token string) (string, error) {
	if utf8.RuneCountInString(token) > MaxToken {
		return "", im.Errorf(im.CodeBadParam, "token longer than %d characters", MaxToken)
	}
	return s.hashToken(app, accid, token), nil
}

// NewToken returns a random token.
func NewToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
