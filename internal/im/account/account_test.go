package account_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

const nowMs = 1_800_000_000_000

// dynamic makes a token as the app's server would.
func dynamic(a *app.App, accid, secret string, cur, ttl int64) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s%s%d%d%s", a.Key, accid, cur, ttl, secret))
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"signature":"%s","curTime":%d,"ttl":%d}`, hex.EncodeToString(sum[:]), cur, ttl))
}

func TestAuthenticate(t *testing.T) {
	store := hytest.Store(t)
	apps := map[string]*app.App{
		"plain":    hytest.App(t, store),
		"static":   hytest.App(t, store, "login_methods", "static"),
		"asked":    hytest.App(t, store, "callback_url", "http://127.0.0.1/cb", "callback_events", "36"),
		"not 36":   hytest.App(t, store, "callback_url", "http://127.0.0.1/cb", "callback_events", "1"),
		"skew 0":   hytest.App(t, store, "dynamic_token_skew", "0"),
		"disabled": hytest.App(t, store),
	}
	apps["disabled"].Disabled = true
	var asked []account.Login
	var answer error
	svc := account.New(account.Config{Store: store, Clock: func() time.Time { return time.UnixMilli(nowMs) }, TokenKey: []byte("k"),
		Verdict: func(_ context.Context, _ *app.App, l account.Login) error { asked = append(asked, l); return answer }})
	for _, a := range apps {
		for _, id := range []string{"bob", "blocked"} {
			if _, _, err := svc.Register(t.Context(), a.Key, id, "right", account.CardUpdate{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := svc.SetBlocked(t.Context(), a.Key, "blocked", true); err != nil {
			t.Fatal(err)
		}
	}
	plain, skew0 := apps["plain"], apps["skew 0"]
	token := func(cur, ttl int64) string { return dynamic(plain, "bob", plain.Secret, cur, ttl) }
	no := im.Errorf(im.CodeBadLogin, "no")
	for _, c := range []struct {
		name   string
		app    string
		login  account.Login
		answer error
		want   im.Code
		asked  bool
	}{
		{"static: right", "plain", account.Login{Accid: "bob", Token: "right"}, nil, 200, false},
		{"static: accid in upper case", "plain", account.Login{Accid: "BOB", Token: "right"}, nil, 200, false},
		{"static: wrong", "plain", account.Login{Accid: "bob", Token: "wrong"}, nil, 302, false},
		{"static: empty", "plain", account.Login{Accid: "bob"}, nil, 302, false},
		{"static: no such account", "plain", account.Login{Accid: "nobody", Token: "right"}, nil, 302, false},
		{"static: illegal accid", "plain", account.Login{Accid: "b|b", Token: "right"}, nil, 302, false},
		{"blocked, right token", "plain", account.Login{Accid: "blocked", Token: "right"}, nil, 422, false},
		{"blocked, wrong token: nothing is told", "plain", account.Login{Accid: "blocked", Token: "wrong"}, nil, 302, false},
		{"app disabled", "disabled", account.Login{Accid: "bob", Token: "right"}, nil, 403, false},
		{"method not enabled", "static", account.Login{Accid: "bob", AuthType: 1, Token: "x"}, nil, 403, false},
		{"method unknown", "plain", account.Login{Accid: "bob", AuthType: 9, Token: "right"}, nil, 403, false},

		{"dynamic: right", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs, 60)}, nil, 200, false},
		{"dynamic: of the static token", "plain", account.Login{Accid: "bob", AuthType: 1, Token: "right"}, nil, 302, false},
		{"dynamic: as a static one", "plain", account.Login{Accid: "bob", Token: token(nowMs, 60)}, nil, 302, false},
		{"dynamic: about to expire", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs-60_000, 61)}, nil, 200, false},
		{"dynamic: expired inside the skew", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs-359_999, 60)}, nil, 200, false},
		{"dynamic: expired", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs-360_000, 60)}, nil, 302, false},
		{"dynamic: from the future inside the skew", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs+300_000, 60)}, nil, 200, false},
		{"dynamic: from the future", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs+300_001, 60)}, nil, 302, false},
		{"dynamic: no life", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs, 0)}, nil, 302, false},
		{"dynamic: negative life", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs, -5)}, nil, 302, false},
		{"dynamic: absurd life", "plain", account.Login{Accid: "bob", AuthType: 1, Token: token(nowMs, 1<<60)}, nil, 302, false},
		{"dynamic: wrong secret", "plain", account.Login{Accid: "bob", AuthType: 1, Token: dynamic(plain, "bob", "other", nowMs, 60)}, nil, 302, false},
		{"dynamic: of another account", "plain", account.Login{Accid: "bob", AuthType: 1, Token: dynamic(plain, "alice", plain.Secret, nowMs, 60)}, nil, 302, false},
		{"dynamic: of another app", "plain", account.Login{Accid: "bob", AuthType: 1, Token: dynamic(skew0, "bob", skew0.Secret, nowMs, 60)}, nil, 302, false},
		{"dynamic: accid as the client wrote it", "plain", account.Login{Accid: "Bob", AuthType: 1, Token: dynamic(plain, "Bob", plain.Secret, nowMs, 60)}, nil, 200, false},
		{"dynamic: no base64", "plain", account.Login{Accid: "bob", AuthType: 1, Token: "%%%"}, nil, 302, false},
		{"dynamic: no JSON", "plain", account.Login{Accid: "bob", AuthType: 1, Token: base64.StdEncoding.EncodeToString([]byte("x"))}, nil, 302, false},
		{"dynamic: empty JSON", "plain", account.Login{Accid: "bob", AuthType: 1, Token: base64.StdEncoding.EncodeToString([]byte("{}"))}, nil, 302, false},
		{"dynamic: without padding, URL alphabet", "plain", account.Login{Accid: "bob", AuthType: 1, Token: unpadded(token(nowMs, 61))}, nil, 200, false},
		{"dynamic: blocked", "plain", account.Login{Accid: "blocked", AuthType: 1, Token: dynamic(plain, "blocked", plain.Secret, nowMs, 60)}, nil, 422, false},
		{"dynamic, no skew: right", "skew 0", account.Login{Accid: "bob", AuthType: 1, Token: dynamic(skew0, "bob", skew0.Secret, nowMs, 1)}, nil, 200, false},
		{"dynamic, no skew: from the future", "skew 0", account.Login{Accid: "bob", AuthType: 1, Token: dynamic(skew0, "bob", skew0.Secret, nowMs+1, 1)}, nil, 302, false},

		{"callback: none configured", "plain", account.Login{Accid: "bob", AuthType: 2, Token: "right"}, nil, 302, false},
		{"callback: passed", "asked", account.Login{Accid: "bob", AuthType: 2, Token: "anything"}, nil, 200, true},
		{"callback: passed though event 36 is off", "not 36", account.Login{Accid: "bob", AuthType: 2}, nil, 200, true},
		{"callback: refused", "asked", account.Login{Accid: "bob", AuthType: 2}, no, 302, true},
		{"callback: refused with a code of its own", "asked", account.Login{Accid: "bob", AuthType: 2}, im.Errorf(403, "no"), 403, true},
		{"callback: failed", "asked", account.Login{Accid: "bob", AuthType: 2}, errors.New("timeout"), 500, true},
		{"callback: passed but blocked", "asked", account.Login{Accid: "blocked", AuthType: 2}, nil, 422, true},
		{"callback: refused and blocked", "asked", account.Login{Accid: "blocked", AuthType: 2}, no, 302, true},
		{"callback: nobody is not asked about", "asked", account.Login{Accid: "nobody", AuthType: 2}, nil, 302, false},
		{"static, then asked: passed", "asked", account.Login{Accid: "bob", Token: "right", Ext: "x"}, nil, 200, true},
		{"static, then asked: refused", "asked", account.Login{Accid: "bob", Token: "right"}, no, 302, true},
		{"static wrong: not asked", "asked", account.Login{Accid: "bob", Token: "wrong"}, nil, 302, false},
		{"static, event 36 off: not asked", "not 36", account.Login{Accid: "bob", Token: "right"}, no, 200, false},
	} {
		asked, answer = nil, c.answer
		c.login.IP = c.name // failures are counted by address
		acc, err := svc.Authenticate(t.Context(), apps[c.app], c.login)
		if im.CodeOf(err) != c.want || (acc != nil) != (c.want == 200) {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
		if (len(asked) > 0) != c.asked {
			t.Errorf("%s: asked %v", c.name, asked)
		}
		if acc != nil && (acc.App != apps[c.app].Key || acc.Accid != "bob") {
			t.Errorf("%s: logged in as %s of %s", c.name, acc.Accid, acc.App)
		}
		if c.asked && len(asked) > 0 && (asked[0].Token != c.login.Token || asked[0].Ext != c.login.Ext) {
			t.Errorf("%s: asked about %+v", c.name, asked[0])
		}
	}
}

func unpadded(token string) string {
	return strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(token, "="))
}

func TestFailedLoginsAreLimited(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store, "login_failures", "3")
	clock := hytest.NewClock(time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC))
	svc := account.New(account.Config{Store: store, Clock: clock.Now, TokenKey: []byte("k")})
	for _, id := range []string{"bob", "alice"} {
		if _, _, err := svc.Register(t.Context(), a.Key, id, "right", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	try := func(accid, token, ip string) im.Code {
		_, err := svc.Authenticate(t.Context(), a, account.Login{Accid: accid, Token: token, IP: ip})
		return im.CodeOf(err)
	}
	for i, want := range []im.Code{302, 302, 302, 416} {
		if got := try("bob", "wrong", "192.0.2.1"); got != want {
			t.Errorf("try %d: %d, want %d", i, got, want)
		}
	}
	for _, c := range []struct {
		name, accid, ip string
		want            im.Code
	}{
		{"the right token from there", "bob", "192.0.2.1", 416},
		{"written in upper case", "BOB", "192.0.2.1", 416},
		{"from another address", "bob", "192.0.2.2", 200},
		{"another account from there", "alice", "192.0.2.1", 200},
	} {
		if got := try(c.accid, "right", c.ip); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	clock.Advance(time.Minute)
	for range 10 { // successes do not count
		if got := try("bob", "right", "192.0.2.1"); got != 200 {
			t.Errorf("a minute later: %d", got)
		}
	}
}

// Whoever tries many accounts from one address is stopped as well.
func TestFailuresOfAnAddressAreLimited(t *testing.T) {
	store := hytest.Store(t)
	a, other := hytest.App(t, store, "login_failures_address", "3"), hytest.App(t, store, "login_failures_address", "0", "login_failures", "100")
	clock := hytest.NewClock(time.Date(2026, 1, 1, 0, 0, 50, 0, time.UTC))
	svc := account.New(account.Config{Store: store, Clock: clock.Now, TokenKey: []byte("k")})
	for _, x := range []*app.App{a, other} {
		if _, _, err := svc.Register(t.Context(), x.Key, "bob", "right", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	try := func(a *app.App, accid, token, ip string) im.Code {
		_, err := svc.Authenticate(t.Context(), a, account.Login{Accid: accid, Token: token, IP: ip})
		return im.CodeOf(err)
	}
	guess := func(a *app.App, ip string) {
		for i := range 5 {
			try(a, fmt.Sprint("nobody", i), "x", ip)
		}
	}
	for _, ip := range []string{"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"} {
		guess(a, ip)
	}
	guess(other, "192.0.2.1")
	for _, c := range []struct {
		name, ip string
		app      *app.App
		want     im.Code
	}{
		{"the address", "192.0.2.1", a, 416},
		{"written as IPv6", "::ffff:192.0.2.1", a, 416},
		{"its neighbour", "192.0.2.2", a, 200},
		{"another of the same /64", "2001:db8::abcd", a, 416},
		{"another /64", "2001:db8:0:1::1", a, 200},
		{"loopback", "127.0.0.1", a, 200},
		{"loopback of IPv6", "::1", a, 200},
		{"without a limit", "192.0.2.1", other, 200},
	} {
		if got := try(c.app, "bob", "right", c.ip); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if _, err := svc.CheckPassword(t.Context(), a, "bob", "x", "192.0.2.1"); !errors.Is(err, account.ErrFailures) {
		t.Errorf("a password from there: %v", err)
	}
	for range 3 {
		if _, err := svc.CheckPassword(t.Context(), a, "nobody", "x", "192.0.2.9"); im.CodeOf(err) != im.CodeNotFound {
			t.Errorf("a name that nobody has: %v", err)
		}
	}
	if _, err := svc.CheckPassword(t.Context(), a, "another", "x", "192.0.2.9"); !errors.Is(err, account.ErrFailures) {
		t.Errorf("too many names: %v", err)
	}
	if left := svc.FailuresLeft(); left != 10 {
		t.Errorf("%d s left", left)
	}
	clock.Advance(10 * time.Second)
	if got := try(a, "bob", "right", "192.0.2.1"); got != 200 {
		t.Errorf("in the next minute: %d", got)
	}
}

func TestRegister(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	svc := account.New(account.Config{Store: store, Clock: time.Now, TokenKey: []byte("k")})
	long := func(n int) *string { s := strings.Repeat("字", n); return &s }
	three := 3
	for _, c := range []struct {
		name, accid, token string
		card               account.CardUpdate
		want               im.Code
	}{
		{"plain", "Bob", "", account.CardUpdate{Name: long(64), Ex: long(1024), Sign: long(256)}, 200},
		{"again in another case", "BOB", "", account.CardUpdate{}, 414},
		{"bad accid", "b b", "", account.CardUpdate{}, 414},
		{"longest token", "t1", strings.Repeat("x", 128), account.CardUpdate{}, 200},
		{"token too long", "t2", strings.Repeat("x", 129), account.CardUpdate{}, 414},
		{"name too long", "t3", "", account.CardUpdate{Name: long(65)}, 414},
		{"icon is counted in bytes", "t4", "", account.CardUpdate{Icon: long(342)}, 414},
		{"gender", "t5", "", account.CardUpdate{Gender: &three}, 414},
	} {
		got, token, err := svc.Register(t.Context(), a.Key, c.accid, c.token, c.card)
		if im.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && (got.Accid != strings.ToLower(c.accid) || token == "" || c.token != "" && token != c.token || strings.Contains(got.TokenHash, token)) {
			t.Errorf("%s: %+v, token %q", c.name, got, token)
		}
	}
	next, err := svc.SetToken(t.Context(), a.Key, "bob", "")
	if err != nil || next == "" {
		t.Fatal(err)
	}
	if _, err := svc.Authenticate(t.Context(), a, account.Login{Accid: "bob", Token: next}); err != nil {
		t.Errorf("with the new token: %v", err)
	}
	first, _ := svc.Get(t.Context(), a.Key, "bob")
	one, err := svc.UpdateCard(t.Context(), a.Key, "bob", account.CardUpdate{Name: long(1)})
	two, err2 := svc.UpdateCard(t.Context(), a.Key, "bob", account.CardUpdate{Sign: new(string)})
	if err != nil || err2 != nil || one.Card.UpdatedMs <= first.Card.UpdatedMs || two.Card.UpdatedMs <= one.Card.UpdatedMs {
		t.Errorf("card times do not increase: %v %v", err, err2)
	}
	if two.Card.Sign != "" || two.Card.Name != "字" || *long(1024) != two.Card.Ex {
		t.Errorf("fields not named changed, or a cleared one stayed: %+v", two.Card)
	}
}

// slowStore lets a test act between an update's commit and its return.
type slowStore struct {
	account.Store
	after func()
}

func (s *slowStore) UpdateAccount(ctx context.Context, app, accid string, f func(*account.Account) error) (*account.Account, error) {
	a, err := s.Store.UpdateAccount(ctx, app, accid, f)
	if after := s.after; after != nil {
		s.after = nil
		after()
	}
	return a, err
}

func TestTheCacheKeepsTheLaterOfTwoUpdates(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	slow := &slowStore{Store: store}
	svc := account.New(account.Config{Store: slow, Clock: time.Now, TokenKey: []byte("k")})
	if _, _, err := svc.Register(t.Context(), a.Key, "bob", "", account.CardUpdate{}); err != nil {
		t.Fatal(err)
	}
	// The first update is overtaken by a second one on its way back from the store.
	slow.after = func() {
		if err := svc.SetBlocked(t.Context(), a.Key, "bob", true); err != nil {
			t.Error(err)
		}
	}
	if err := svc.SetDonnop(t.Context(), a.Key, "bob", true); err != nil {
		t.Fatal(err)
	}
	if got, err := svc.Get(t.Context(), a.Key, "bob"); err != nil || !got.Blocked || !got.Donnop {
		t.Errorf("the service says %+v, %v: a block was lost", got, err)
	}
}

func TestCachedAccounts(t *testing.T) {
	store := hytest.Store(t)
	a, other := hytest.App(t, store), hytest.App(t, store)
	svc := account.New(account.Config{Store: store, Clock: time.Now, TokenKey: []byte("k"), Cached: 64})
	var ids []string
	for i := range 300 {
		ids = append(ids, fmt.Sprintf("u%d", i))
		if _, _, err := svc.Register(t.Context(), a.Key, ids[i], "", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	asked := append(ids, "nobody")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := svc.GetMany(t.Context(), a.Key, asked)
			if err != nil || len(got) != 300 {
				t.Errorf("%d accounts, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got, err := svc.GetMany(t.Context(), other.Key, ids); err != nil || len(got) != 0 {
		t.Errorf("another app gets %d, %v", len(got), err)
	}
	if _, err := store.UpdateAccount(t.Context(), a.Key, "u1", func(x *account.Account) error { x.Blocked = true; return nil }); err != nil {
		t.Fatal(err)
	}
	svc.Forget(a.Key, "u1")
	if got, err := svc.Get(t.Context(), a.Key, "u1"); err != nil || !got.Blocked {
		t.Errorf("forgotten, then read: %+v, %v", got, err)
	}
}

// A token of bob179 carries the signature of one of bob, with digits moved.
func TestDynamicTokenOfALongerName(t *testing.T) {
	const now = 1_795_320_853_133
	store := hytest.Store(t)
	a, other := hytest.App(t, store), hytest.App(t, store)
	svc := account.New(account.Config{Store: store, Clock: func() time.Time { return time.UnixMilli(now) }, TokenKey: []byte("k")})
	for _, id := range []string{"bob", "bob179"} {
		if _, _, err := svc.Register(t.Context(), a.Key, id, "x", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := svc.Register(t.Context(), other.Key, "bob", "x", account.CardUpdate{}); err != nil {
		t.Fatal(err)
	}
	moved := func(a *app.App) string { // signed for bob179 with the time now and a week of life
		sum := sha1.Sum(fmt.Appendf(nil, "%sbob179%d604800%s", a.Key, int64(now), a.Secret))
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"signature":"%s","curTime":1791795320853,"ttl":133604800}`, hex.EncodeToString(sum[:])))
	}
	for _, c := range []struct {
		name  string
		app   *app.App
		accid string
		token string
		want  im.Code
	}{
		{"moved", a, "bob", moved(a), im.CodeBadLogin},
		{"moved, there is no such longer name", other, "bob", moved(other), 200},
		{"the longer name's own", a, "bob179", dynamic(a, "bob179", a.Secret, now, 604_800), 200},
		{"the shorter name's own", a, "bob", dynamic(a, "bob", a.Secret, now, 604_800), 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := svc.Authenticate(t.Context(), c.app, account.Login{Accid: c.accid, AuthType: 1, Token: c.token})
			if got := im.CodeOf(err); got != c.want {
				t.Errorf("%d (%v), want %d", got, err, c.want)
			}
		})
	}
}
