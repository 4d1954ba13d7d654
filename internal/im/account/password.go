package account

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// MaxPassword is the longest password in characters (docs/api/easemob.md section 4.1).
	MaxPassword = 64
	// hashRounds is what one guess costs who has both the database and the master
	// key: some 20 ms. Without the key a stolen hash cannot be tried at all.
	hashRounds = 30_000
)

// maxHashing bounds the passwords that are hashed at a time to half of the
// processors: guesses must not take what messages need.
func maxHashing() int { return max(2, runtime.GOMAXPROCS(0)/2) }

// Enrolment is a registration with a password (docs/api/easemob.md section 4.2).
type Enrolment struct {
	Accid    string
	Password string // "" = none: the app's server gets the account its tokens
	Name     string // of the card
}

// Enrol makes an account, or makes a deleted one anew. Its static token is
// random: a password logs in nowhere else.
func (s *Service) Enrol(ctx context.Context, app string, e Enrolment) (*Account, error) {
	accid, ok := im.NormalizeAccid(e.Accid)
	if !ok {
		return nil, im.Errorf(im.CodeBadParam, "accid: 1 to %d characters of A-Z a-z 0-9 _ @ . -", im.MaxAccid)
	}
	hash := noPassword()
	if e.Password != "" {
		var err error
		if hash, err = s.hashPassword(ctx, app, accid, e.Password); err != nil {
			return nil, err
		}
	}
	now := s.clock.NowMs()
	fresh := Account{App: app, Accid: accid, CreatedMs: now, TokenHash: s.hashToken(app, accid, NewToken()), Password: hash}
	fresh.Card.CreatedMs = now
	if err := fresh.Card.apply(CardUpdate{Name: &e.Name}, now); err != nil {
		return nil, err
	}
	err := s.store.CreateAccount(ctx, &fresh)
	if im.CodeOf(err) != im.CodeRepeated {
		return &fresh, err
	}
	return s.update(ctx, app, accid, func(a *Account) error {
		if !a.Deleted {
			return im.Errorf(im.CodeRepeated, "account exists")
		}
		// Cards are synchronised by time tag, so two updates never share one; and
		// another creation makes another user of the old name.
		at := max(now, a.Card.UpdatedMs+1, a.CreatedMs+1)
		*a = fresh
		a.CreatedMs, a.Card.CreatedMs, a.Card.UpdatedMs = at, at, at
		return nil
	})
}

// SetPassword replaces the password of the Easemob API.
func (s *Service) SetPassword(ctx context.Context, app, accid, password string) error {
	hash, err := s.hashPassword(ctx, app, accid, password)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, app, accid, func(a *Account) error {
		if a.Deleted {
			return im.Errorf(im.CodeNotFound, "no such account")
		}
		a.Password = hash
		return nil
	})
	return err
}

// Remove deletes an account for the Easemob API: it is blocked, has no password
// and no token, and its name can be registered anew. What it wrote stays.
func (s *Service) Remove(ctx context.Context, app, accid string) error {
	_, err := s.update(ctx, app, accid, func(a *Account) error {
		if a.Deleted {
			return im.Errorf(im.CodeNotFound, "no such account")
		}
		a.Deleted, a.Blocked, a.Password = true, true, noPassword()
		a.TokenHash = s.hashToken(a.App, a.Accid, NewToken())
		return nil
	})
	return err
}

// CheckPassword returns the account if the password is its own: im.CodeNotFound,
// im.CodeBadLogin, im.CodeBlocked or ErrFailures otherwise. from is where the
// request comes from; wrong names and passwords are counted by it.
func (s *Service) CheckPassword(ctx context.Context, a *app.App, accid, password, from string) (*Account, error) {
	accid, ok := im.NormalizeAccid(accid)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "no such account")
	}
	if err := s.guessed(a, accid, from); err != nil {
		return nil, err
	}
	acc, err := s.Get(ctx, a.Key, accid)
	if im.CodeOf(err) == im.CodeNotFound || err == nil && acc.Deleted {
		s.failed(a, accid, from)
		return nil, im.Errorf(im.CodeNotFound, "no such account")
	}
	if err != nil {
		return nil, err
	}
	right, err := s.passwordMatches(ctx, acc, password)
	switch {
	case err != nil:
		return nil, err
	case !right:
		s.failed(a, accid, from)
		return nil, im.Errorf(im.CodeBadLogin, "wrong password")
	case acc.Blocked: // told only to those who know the password
		return nil, im.Errorf(im.CodeBlocked, "account blocked")
	}
	return acc, nil
}

// noPassword matches nothing, and differs from every other one: tokens are bound
// to it.
func noPassword() string { return "none:" + NewToken() }

// hashPassword makes "ROUNDS:SALT:HASH". The password is keyed first, as tokens are.
func (s *Service) hashPassword(ctx context.Context, app, accid, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n == 0 || n > MaxPassword {
		return "", im.Errorf(im.CodeBadParam, "password: 1 to %d characters", MaxPassword)
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	sum, err := s.derive(ctx, app, accid, password, salt, hashRounds)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d:%x:%x", hashRounds, salt, sum), nil
}

func (s *Service) passwordMatches(ctx context.Context, a *Account, password string) (bool, error) {
	part := strings.Split(a.Password, ":")
	if len(part) != 3 || utf8.RuneCountInString(password) > MaxPassword {
		return false, nil
	}
	rounds, err1 := strconv.Atoi(part[0])
	salt, err2 := hex.DecodeString(part[1])
	want, err3 := hex.DecodeString(part[2])
	if err1 != nil || err2 != nil || err3 != nil {
		return false, nil
	}
	got, err := s.derive(ctx, a.App, a.Accid, password, salt, rounds)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

func (s *Service) derive(ctx context.Context, app, accid, password string, salt []byte, rounds int) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, im.Errorf(im.CodeBusy, "too many logins at a time")
	}
	m := hmac.New(sha256.New, s.tokenKey)
	for _, p := range []string{"easemob password", app, accid, password} {
		m.Write([]byte(p))
		m.Write([]byte{0})
	}
	return pbkdf2.Key(sha256.New, hex.EncodeToString(m.Sum(nil)), salt, rounds, sha256.Size)
}
