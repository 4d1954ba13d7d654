package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im/account"
	"hongyan/internal/im/file"
)

// chatObject is the name of a chat file as package file makes it.
func chatObject(app, digit string) string { return app + "." + strings.Repeat(digit, 32) + "x" }

func testChatFiles(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	object := chatObject(app, "1")
	put := func(f *file.File) {
		t.Helper()
		if err := s.ChangeFile(e.ctx(), app, object, file.Quota{}, func(*file.File) (*file.File, error) { return f, nil }); err != nil {
			t.Fatal(err)
		}
	}
	known := func(app string) bool {
		t.Helper()
		k, err := s.ChatFileKnown(e.ctx(), app, object)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	forget := func(before int64) int {
		t.Helper()
		n, err := s.ForgetChatFiles(e.ctx(), before, 10)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	want := &file.File{App: app, Object: object, Owner: "bob", Type: "image/png", Size: 9, MD5: "m", Context: "parts", CreatedMs: 5, ExpiresMs: 100,
		Parts: []file.Part{part(2, 4, "b2", 2), part(1, 5, "b1", 1)},
		Chat:  &file.Chat{Name: "图.png", Restricted: true, ThumbWidth: 10, ThumbHeight: 20, ChatType: "CHAT", ChatTarget: "carol"}}
	check := func(what string) {
		t.Helper()
		got, err := s.File(e.ctx(), app, object)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", what, err, d)
		}
	}
	put(want)
	check("as made")
	// Numbered parts become pieces of a file: same blobs, other positions.
	want.Parts = []file.Part{part(0, 5, "b1", 1), part(5, 4, "b2", 2)}
	want.Done, want.Chat = true, &file.Chat{Name: "b"}
	put(want)
	check("complete")
	want.Parts = []file.Part{part(1, 5, "b1", 1), part(6, 4, "b2", 2)}
	put(want)
	check("the same blobs elsewhere")
	if _, err := s.File(e.ctx(), other, object); !errors.Is(err, file.ErrUnknown) || known(other) {
		t.Errorf("seen by another app: %v", err)
	}
	if forget(1000) != 0 || !known(app) {
		t.Error("a file that is there is forgotten")
	}
	put(nil)
	if _, err := s.File(e.ctx(), app, object); !errors.Is(err, file.ErrUnknown) || !known(app) {
		t.Errorf("an expired file: %v, known %v", err, known(app))
	}
	if forget(100) != 0 || forget(101) != 1 || known(app) || forget(101) != 0 {
		t.Error("forgotten at another time than asked")
	}
	// One that never was complete leaves nothing.
	want.Done = false
	put(want)
	put(nil)
	if known(app) {
		t.Error("an abandoned upload is known")
	}
}

func testEasemobAccounts(t *testing.T, e *env) {
	s, app := e.openApp()
	want := &account.Account{App: app, Accid: "bob", TokenHash: "h", Password: "1:salt:hash", Deleted: true, Blocked: true, CreatedMs: 7}
	want.Card.CreatedMs = 7
	if err := s.CreateAccount(e.ctx(), want); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		got, err := s.Account(e.ctx(), app, "bob")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", what, err, d)
		}
	}
	check("as made")
	want.Password, want.Deleted, want.CreatedMs, want.Card.CreatedMs = "other", false, 9, 9
	if _, err := s.UpdateAccount(e.ctx(), app, "bob", func(a *account.Account) error { *a = *want; return nil }); err != nil {
		t.Fatal(err)
	}
	check("made anew")
}
