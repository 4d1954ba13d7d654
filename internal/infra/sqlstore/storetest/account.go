package storetest

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/infra/sqlstore"
)

func create(t testing.TB, s *sqlstore.Store, app string, accids ...string) {
	t.Helper()
	for _, id := range accids {
		if err := s.CreateAccount(hytest.Context(t), &account.Account{App: app, Accid: id, TokenHash: "h", CreatedMs: 1}); err != nil {
			t.Fatalf("create %s: %v", id, err)
		}
	}
}

func testAccounts(t *testing.T, e *env) {
	s, app := e.openApp()
	create(t, s, app, "bob")
	if err := s.CreateAccount(e.ctx(), &account.Account{App: app, Accid: "bob", TokenHash: "other"}); im.CodeOf(err) != im.CodeRepeated {
		t.Errorf("created twice: %v", err)
	}
	if a, err := s.Account(e.ctx(), app, "bob"); err != nil || a.TokenHash != "h" {
		t.Errorf("the second attempt changed the first: %+v, %v", a, err)
	}
	if _, err := s.Account(e.ctx(), app, "nobody"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("an account that does not exist: %v", err)
	}
	// The store compares bytes: lower case is the domain's business.
	if _, err := s.Account(e.ctx(), app, "BOB"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("the store folds case: %v", err)
	}
	if err := s.CreateAccount(e.ctx(), &account.Account{App: "no-such-app", Accid: "bob"}); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("in an app that does not exist: %v", err)
	}
	refusal := im.Errorf(im.CodeBadParam, "no")
	if _, err := s.UpdateAccount(e.ctx(), app, "bob", func(a *account.Account) error { a.TokenHash = "x"; return refusal }); !errors.Is(err, refusal) {
		t.Errorf("a refused change: %v", err)
	}
	if a, _ := s.Account(e.ctx(), app, "bob"); a == nil || a.TokenHash != "h" {
		t.Errorf("a refused change was written: %+v", a)
	}
	if _, err := s.UpdateAccount(e.ctx(), app, "nobody", func(*account.Account) error { return nil }); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("update of nobody: %v", err)
	}
	var many []string
	for i := range 250 {
		many = append(many, fmt.Sprintf("many%03d", i))
	}
	create(t, s, app, many[0], many[120], many[249])
	found, err := s.Accounts(e.ctx(), app, many)
	var got []string
	for _, a := range found {
		got = append(got, a.Accid)
	}
	sort.Strings(got)
	if d := cmp.Diff([]string{many[0], many[120], many[249]}, got); d != "" || err != nil {
		t.Errorf("those that exist of many: %v %s", err, d)
	}
}

func testAccountFields(t *testing.T, e *env) {
	s, app := e.openApp()
	want := &account.Account{App: app, Accid: "a.b@c-d_1", TokenHash: "hash", Blocked: true, Donnop: true, CreatedMs: 12,
		Mute: account.Mutes{All: true, Team: true, AV: true},
		Card: account.Card{Name: "名'\"", Icon: "i", Sign: "s\n", Email: "e", Birth: "b", Mobile: "m", Ex: strings.Repeat("界", 1024), Gender: 2, CreatedMs: 12, UpdatedMs: 13}}
	if err := s.CreateAccount(e.ctx(), want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Account(e.ctx(), app, want.Accid)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("as created: %v %s", err, d)
	}
	change := func(a *account.Account) error {
		a.TokenHash, a.Blocked, a.Donnop, a.Mute = "hash2", false, false, account.Mutes{P2P: true, Room: true, QChat: true}
		a.Card = account.Card{Name: "n2", Icon: "i2", Sign: "s2", Email: "e2", Birth: "b2", Mobile: "m2", Ex: "", Gender: 1, CreatedMs: 12, UpdatedMs: 14}
		return nil
	}
	wrote, err := s.UpdateAccount(e.ctx(), app, want.Accid, change)
	if err != nil {
		t.Fatal(err)
	}
	_ = change(want)
	got, err = s.Account(e.ctx(), app, want.Accid)
	if err != nil {
		t.Fatal(err)
	}
	for what, a := range map[string]*account.Account{"returned": wrote, "stored": got} {
		if d := cmp.Diff(want, a); d != "" {
			t.Errorf("%s after the update: %s", what, d)
		}
	}
}

func testAccountList(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("u%02d", i)
		want = append(want, id)
		create(t, s, app, id)
		create(t, s, other, id+"x")
	}
	// Byte order, whatever the database's language is: - . digits @ _ letters.
	odd := []string{"-a", ".a", "0a", "@a", "_a"}
	create(t, s, app, odd...)
	want = append(odd, want...)
	var got []string
	for after := ""; ; {
		page, err := s.ListAccounts(e.ctx(), app, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page {
			got = append(got, a.Accid)
		}
		if len(page) < 7 {
			break
		}
		after = page[len(page)-1].Accid
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func testAccountUpdates(t *testing.T, e *env) {
	s, app := e.openApp()
	create(t, s, app, "bob")
	stores := []*sqlstore.Store{s, e.open()}
	const workers, each = 8, 10
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				_, err := stores[w%2].UpdateAccount(e.ctx(), app, "bob", func(a *account.Account) error { a.Card.UpdatedMs++; return nil })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if a, err := s.Account(e.ctx(), app, "bob"); err != nil || a.Card.UpdatedMs != workers*each {
		t.Errorf("%d updates left %+v, %v: one overwrote another", workers*each, a, err)
	}
}

func testAccountTenants(t *testing.T, e *env) {
	s, one := e.openApp()
	two := e.putApp(s, "app-two")
	create(t, s, one, "bob", "only-one")
	create(t, s, two, "bob")
	if _, err := s.UpdateAccount(e.ctx(), one, "bob", func(a *account.Account) error { a.Blocked, a.Card.Name = true, "one"; return nil }); err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(e.ctx(), two, "bob")
	if err != nil || a.Blocked || a.Card.Name != "" || a.App != two {
		t.Errorf("a change in one app is seen in the other: %+v, %v", a, err)
	}
	if _, err := s.Account(e.ctx(), two, "only-one"); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("an account of one app is found in the other: %v", err)
	}
	if list, err := s.ListAccounts(e.ctx(), two, "", 10); err != nil || len(list) != 1 {
		t.Errorf("list of the other app: %v, %v", list, err)
	}
}

// A caller who gives up in the middle of a transaction leaves no lock behind.
func testAbandonedUpdate(t *testing.T, e *env) {
	s, app := e.openApp()
	second := e.open()
	create(t, s, app, "bob")
	for range 3 {
		ctx, cancel := context.WithCancel(e.ctx())
		_, err := s.UpdateAccount(ctx, app, "bob", func(*account.Account) error { cancel(); return nil })
		if e.postgres() && err == nil {
			t.Error("an abandoned update was reported as done")
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(e.ctx(), 5*time.Second)
	defer cancel()
	if _, err := second.UpdateAccount(ctx, app, "bob", func(a *account.Account) error { a.Blocked = true; return nil }); err != nil {
		t.Errorf("another node cannot update the account: %v", err)
	}
}

func testLoginRecords(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	var all []account.LoginRecord
	for i := range 40 {
		all = append(all, account.LoginRecord{App: app, Accid: "bob", ID: int64(100 + i), TimeMs: int64(1000 + i), Event: 2 + i%2, ClientType: 16,
			IP: "192.0.2.1", Device: "浏览器", CustomTag: "标签", SDKVersion: i})
	}
	foreign := []account.LoginRecord{{App: app, Accid: "alice", ID: 1, TimeMs: 1010}, {App: other, Accid: "bob", ID: 2, TimeMs: 1010}}
	if err := s.AddLoginRecords(e.ctx(), append(foreign, all...)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddLoginRecords(e.ctx(), all[:3]); err != nil {
		t.Errorf("written again: %v", err)
	}
	if err := s.AddLoginRecords(e.ctx(), nil); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	for _, c := range []struct {
		name string
		q    account.RecordQuery
		want []account.LoginRecord
	}{
		{"newest first, inside the times", account.RecordQuery{FromMs: 1005, ToMs: 1035, Limit: 3}, []account.LoginRecord{all[35], all[34], all[33]}},
		{"oldest first", account.RecordQuery{FromMs: 1005, ToMs: 1035, Ascending: true, Limit: 2}, []account.LoginRecord{all[5], all[6]}},
		{"open end", account.RecordQuery{FromMs: 1039, Limit: 5}, all[39:]},
		{"nothing", account.RecordQuery{FromMs: 1040, Limit: 5}, nil},
	} {
		got, err := s.LoginRecords(e.ctx(), app, "bob", c.q)
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
	}
	for i, want := range []int64{4, 2, 0} { // alice's and five of bob's, four at a time; another app's stay
		if n, err := s.TrimLoginRecords(e.ctx(), app, 105, 4); err != nil || n != want {
			t.Errorf("deletion %d: %d %v", i, n, err)
		}
	}
	if got, err := s.LoginRecords(e.ctx(), app, "bob", account.RecordQuery{Ascending: true, Limit: 1}); err != nil || len(got) != 1 || got[0].ID != 105 {
		t.Errorf("after the deletion: %+v %v", got, err)
	}
	if got, err := s.LoginRecords(e.ctx(), other, "bob", account.RecordQuery{Limit: 1}); err != nil || len(got) != 1 {
		t.Errorf("the other app's: %+v %v", got, err)
	}
	if err := s.AddLoginRecords(e.ctx(), []account.LoginRecord{{App: "no-such-app", Accid: "bob", ID: 5}}); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("of an app that does not exist: %v", err)
	}
}

// Writers must not wait for each other's connections: more of them than
// connections, none of which knows the app yet.
func testManyColdWrites(t *testing.T, e *env) {
	first, app := e.openApp()
	send(t, first, text(app, "a", "b", 1))
	s := e.open()
	ctx, cancel := context.WithTimeout(e.ctx(), 10*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			if err := s.AddLoginRecords(ctx, []account.LoginRecord{{App: app, Accid: "bob", ID: int64(i), TimeMs: 1}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
