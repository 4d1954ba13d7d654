package storetest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	imapp "hongyan/internal/im/app"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
)

func testApps(t *testing.T, e *env) {
	s := e.open()
	if got, err := s.Apps(e.ctx()); err != nil || len(got) != 0 {
		t.Fatalf("an empty database has apps %v, %v", got, err)
	}
	b := &imapp.App{Key: "b", Secret: "s", CreatedMs: 5}
	a := &imapp.App{Key: "a", Secret: "密", Org: "org", Name: "name", EasemobID: "id", EasemobKey: "key", Disabled: true, CreatedMs: 6,
		Overrides: map[string]string{"text_limit": "7"}}
	for _, x := range []*imapp.App{b, a} {
		if err := s.PutApp(e.ctx(), x); err != nil {
			t.Fatal(err)
		}
	}
	changed := *b
	changed.Secret, changed.Org, changed.Name, changed.CreatedMs = "s2", "o", "n", 99
	changed.Overrides = map[string]string{"roaming_days": "1"}
	if err := s.PutApp(e.ctx(), &changed); err != nil {
		t.Fatal(err)
	}
	changed.CreatedMs = 5 // when an app was made does not change
	want := []*imapp.App{a, &changed}
	for _, s := range []*sqlstore.Store{s, e.open()} {
		got, err := s.Apps(e.ctx())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.Transformer("nil", func(m map[string]string) map[string]string {
			if len(m) == 0 {
				return nil
			}
			return m
		})); d != "" {
			t.Error(d)
		}
	}
}

func testSecretsSealed(t *testing.T, e *env) {
	s := e.open()
	const secret, hook = "a-very-secret-app-secret", "a-very-secret-easemob-key"
	for _, key := range []string{"one", "two"} {
		if err := s.PutApp(e.ctx(), &imapp.App{Key: key, Secret: secret, EasemobKey: hook}); err != nil {
			t.Fatal(err)
		}
	}
	db := e.raw()
	rows, err := db.QueryContext(e.ctx(), `SELECT secret, easemob_key FROM app`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var sealed [][]byte
	for rows.Next() {
		var a, b []byte
		if err := rows.Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		for _, c := range [][]byte{a, b} {
			if bytes.Contains(c, []byte(secret)) || bytes.Contains(c, []byte(hook)) {
				t.Errorf("the table holds a secret in the clear: %q", c)
			}
			for _, old := range sealed {
				if bytes.Equal(old, c) {
					t.Error("two sealed values are equal: the table tells which apps share a secret")
				}
			}
			sealed = append(sealed, c)
		}
	}
	if rows.Err() != nil || len(sealed) != 4 {
		t.Fatalf("%d sealed values, %v", len(sealed), rows.Err())
	}
	// A sealed value is bound to its app.
	if _, err := db.ExecContext(e.ctx(), `UPDATE app SET secret = (SELECT secret FROM app WHERE key = 'one') WHERE key = 'two'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apps(e.ctx()); err == nil {
		t.Error("a secret that was copied to another app opens there")
	}
}

func testMasterKey(t *testing.T, e *env) {
	s, _ := e.openApp()
	s.Close()
	c := e.c
	var err error
	if c.Keys, err = seal.New(bytes.Repeat([]byte{9}, 32)); err != nil {
		t.Fatal(err)
	}
	other, err := sqlstore.Open(e.ctx(), c)
	if err == nil {
		other.Close()
		t.Fatal("another master key was accepted")
	}
	if !strings.Contains(err.Error(), "master key") {
		t.Errorf("the refusal does not say why: %v", err)
	}
	apps, err := e.open().Apps(e.ctx())
	if err != nil || len(apps) != 1 || apps[0].Secret != "secret of app-one" {
		t.Errorf("under the right key: %v, %v", apps, err)
	}
}
