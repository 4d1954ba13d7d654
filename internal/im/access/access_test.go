package access_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/access"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

type bed struct {
	svc      *access.Service
	clock    *hytest.Clock
	accounts *account.Service
	one, two *app.App
	alice    *account.Account
}

func newBed(t testing.TB) *bed {
	t.Helper()
	store := hytest.Store(t)
	b := &bed{clock: hytest.NewClock(time.Time{}), one: hytest.App(t, store), two: hytest.App(t, store)}
	b.accounts = account.New(account.Config{Store: store, Clock: b.clock.Now, TokenKey: []byte("k")})
	b.svc = access.New(b.accounts, b.clock.Now, []byte("key"))
	var err error
	if b.alice, err = b.accounts.Enrol(t.Context(), b.one.Key, account.Enrolment{Accid: "alice"}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTokens(t *testing.T) {
	b := newBed(t)
	user, server := b.svc.OfUser(b.one, b.alice, 60), b.svc.OfApp(b.one, 60)
	h, err := b.svc.Check(t.Context(), b.one, user)
	if err != nil || h.Accid() != "alice" || h.ExpiresMs < b.clock.NowMs()+59_000 || h.ExpiresMs > b.clock.NowMs()+60_000 {
		t.Errorf("user: %+v, %v", h, err)
	}
	h, err = b.svc.Check(t.Context(), b.one, server)
	if err != nil || h.Account != nil || h.Accid() != "" {
		t.Errorf("app: %+v, %v", h, err)
	}
	if _, err := b.svc.Check(t.Context(), b.two, user); !errors.Is(err, access.ErrForeign) {
		t.Errorf("at another app: %v", err)
	}
	other := access.New(b.accounts, b.clock.Now, []byte("another key"))
	if _, err := other.Check(t.Context(), b.one, user); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("under another key: %v", err)
	}
	// Another client secret ends the app's tokens, and no user's.
	changed := *b.one
	changed.EasemobKey = "another"
	if _, err := b.svc.Check(t.Context(), &changed, server); !errors.Is(err, access.ErrUnknown) {
		t.Errorf("app, another client secret: %v", err)
	}
	if _, err := b.svc.Check(t.Context(), &changed, user); err != nil {
		t.Errorf("user, another client secret: %v", err)
	}
	// No byte of a token can be another one.
	raw, err := base64.RawURLEncoding.DecodeString(user)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := append([]byte(nil), raw...)
		bad[i] ^= 1
		if h, err := b.svc.Check(t.Context(), b.one, base64.RawURLEncoding.EncodeToString(bad)); err == nil {
			t.Errorf("byte %d changed: %+v", i, h)
		}
	}
	for i := range user {
		if _, err := b.svc.Check(t.Context(), b.one, user[:i]); err == nil {
			t.Errorf("cut to %d characters", i)
		}
	}
	b.clock.Advance(61 * time.Second)
	if _, err := b.svc.Check(t.Context(), b.one, user); !errors.Is(err, access.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if h, err := b.svc.Check(t.Context(), b.one, b.svc.OfUser(b.one, b.alice, 0)); err != nil || h.ExpiresMs != 0 {
		t.Errorf("for ever: %+v, %v", h, err)
	}
}

func TestClient(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		name, id, secret string
		idFits, fits     bool
	}{
		{"right", b.one.EasemobID, b.one.EasemobKey, true, true},
		{"another secret", b.one.EasemobID, b.two.EasemobKey, true, false},
		{"another id", b.two.EasemobID, b.one.EasemobKey, false, true},
		{"nothing", "", "", false, false},
	} {
		if id, secret := access.Client(b.one, c.id, c.secret); id != c.idFits || secret != c.fits {
			t.Errorf("%s: %v %v", c.name, id, secret)
		}
	}
}

// FuzzCheck: whatever is shown, only what was made here passes. App and time are
// the same in every process that fuzzes.
func FuzzCheck(f *testing.F) {
	frozen := func() time.Time { return time.UnixMilli(1_800_000_000_000) }
	store := hytest.Store(f)
	apps := app.New(store, frozen)
	a, err := apps.Create(f.Context(), app.App{Key: "one", Org: "org", Name: "one", EasemobID: "YXA6i-Ak8Ol4Eei2l11ZjV-EAg", EasemobKey: "secret"})
	if err != nil {
		f.Fatal(err)
	}
	accounts := account.New(account.Config{Store: store, Clock: frozen, TokenKey: []byte("k")})
	if _, _, err := accounts.Register(f.Context(), a.Key, "alice", "static", account.CardUpdate{}); err != nil {
		f.Fatal(err)
	}
	alice, err := accounts.Get(f.Context(), a.Key, "alice")
	if err != nil {
		f.Fatal(err)
	}
	svc := access.New(accounts, frozen, []byte("key"))
	made := map[string]bool{}
	for _, token := range []string{svc.OfUser(a, alice, 0), svc.OfApp(a, 0)} {
		made[token] = true
		f.Add(token)
	}
	f.Add("")
	f.Add("YWMt")
	f.Add("ZHQt")
	f.Add(base64.URLEncoding.EncodeToString([]byte(`dt-{"signature":"x","appkey":"org#one","userId":"alice","curTime":1800000000,"ttl":1}`)))
	f.Fuzz(func(t *testing.T, token string) {
		if h, err := svc.Check(t.Context(), a, token); err == nil && !made[token] {
			t.Errorf("%q passes: %+v", token, h)
		}
	})
}
