package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/notice"
	"hongyan/internal/infra/sqlstore"
)

func (e *env) people(s *sqlstore.Store, app string, names ...string) {
	e.t.Helper()
	for _, n := range names {
		if err := s.CreateAccount(e.ctx(), &account.Account{App: app, Accid: n}); err != nil {
			e.t.Fatal(err)
		}
	}
}

// befriend makes two accounts friends at a time.
func befriend(a, b string, at int64, ns ...*notice.Notice) friend.Change {
	return func(p *friend.Pair) ([]*notice.Notice, error) {
		p.Mine = &friend.Friend{Owner: a, Accid: b, Valid: true, Origin: friend.Agreed, CreatedMs: at, UpdatedMs: at}
		p.Theirs = &friend.Friend{Owner: b, Accid: a, Valid: true, Origin: friend.Asked, CreatedMs: at, UpdatedMs: at}
		return ns, nil
	}
}

func testFriends(t *testing.T, e *env) {
	s, app := e.openApp()
	e.people(s, app, "alice", "bob", "carol")
	now := s.IDs().Next() // any time later than what is deleted as too old
	n := numbered(s, app, "bob", 1)
	err := s.UpdatePair(e.ctx(), app, "alice", "bob", 10, befriend("alice", "bob", now, n))
	if err != nil {
		t.Fatal(err)
	}
	if list := e.notices(s, app, "bob", 0, 10); len(list) != 1 || list[0].ID != n.ID {
		t.Error("the notification is not stored with the change")
	}
	want := friend.Friend{Owner: "alice", Accid: "bob", Valid: true, Origin: friend.Agreed, Alias: "张三", Ext: "x", ServerExt: "y", CreatedMs: now, UpdatedMs: now + 5}
	err = s.UpdatePair(e.ctx(), app, "alice", "bob", 10, func(p *friend.Pair) ([]*notice.Notice, error) {
		if p.Mine == nil || p.Theirs == nil || p.Theirs.Origin != friend.Asked {
			t.Errorf("the pair is %+v", p)
		}
		*p.Mine, p.Asking, p.AskedMe = want, 7, 8
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Friend(e.ctx(), app, "alice", "bob"); err != nil || *got != want {
		t.Errorf("alice's side is %+v, %v", got, err)
	}
	err = s.UpdatePair(e.ctx(), app, "bob", "alice", 10, func(p *friend.Pair) ([]*notice.Notice, error) {
		if p.Asking != 8 || p.AskedMe != 7 || p.Mine.Owner != "bob" || *p.Theirs != want {
			t.Errorf("the pair from the other side is %+v", p)
		}
		p.Asking, p.AskedMe = 0, 0
		p.Mine.Valid, p.Mine.UpdatedMs = false, now+9
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		owner string
		after int64
		ended bool
		want  []string
	}{
		{"alice", 0, false, []string{"bob"}}, {"alice", now + 4, true, []string{"bob"}}, {"alice", now + 5, true, nil},
		{"bob", 0, false, nil}, {"bob", 0, true, []string{"alice"}}, {"bob", now + 9, true, nil}, {"carol", 0, true, nil},
	} {
		var got []string
		list, err := s.Friends(e.ctx(), app, c.owner, c.after, c.ended)
		for _, f := range list {
			got = append(got, f.Accid)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s after %d, ended %v: %v, %v", c.owner, c.after, c.ended, got, err)
		}
	}
	if names, err := s.FriendNames(e.ctx(), app, "bob"); err != nil || len(names) != 0 {
		t.Errorf("bob's friends: %v, %v", names, err)
	}
	if f, err := s.Friend(e.ctx(), app, "alice", "carol"); f != nil || err != nil {
		t.Errorf("a stranger: %+v, %v", f, err)
	}
	if err := s.UpdatePair(e.ctx(), app, "alice", "ghost", 10, befriend("alice", "ghost", now)); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("with nobody: %v", err)
	}
}

// What a change refuses, or the limit does, leaves nothing behind.
func testFriendRefused(t *testing.T, e *env) {
	s, app := e.openApp()
	e.people(s, app, "alice", "bob")
	no := errors.New("no")
	err := s.UpdatePair(e.ctx(), app, "alice", "bob", 10, func(p *friend.Pair) ([]*notice.Notice, error) {
		_, _ = befriend("alice", "bob", 1)(p)
		return nil, no
	})
	if !errors.Is(err, no) {
		t.Errorf("refused: %v", err)
	}
	err = s.UpdatePair(e.ctx(), app, "alice", "bob", 0, befriend("alice", "bob", 1, numbered(s, app, "bob", 1)))
	if im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("too many: %v", err)
	}
	if f, err := s.Friend(e.ctx(), app, "alice", "bob"); f != nil || err != nil {
		t.Errorf("left behind: %+v, %v", f, err)
	}
	if list := e.notices(s, app, "bob", 0, 10); len(list) != 0 {
		t.Error("a notification is left behind")
	}
}

// Many make friends with one account at once, from both sides: the limit holds
// and nobody waits for ever.
func testFriendsConcurrent(t *testing.T, e *env) {
	s, app := e.openApp()
	e.people(s, app, "alice")
	const all, max = 24, 10
	var wg sync.WaitGroup
	results := make([]error, all)
	for i := range all {
		name := fmt.Sprintf("p%02d", i)
		e.people(s, app, name)
		wg.Add(1)
		go func() {
			defer wg.Done()
			a, b := "alice", name
			if i%2 == 0 {
				a, b = b, a
			}
			results[i] = s.UpdatePair(e.ctx(), app, a, b, max, befriend(a, b, 1))
		}()
	}
	wg.Wait()
	n := 0
	for i, err := range results {
		if err == nil {
			n++
		} else if im.CodeOf(err) != im.CodeTooMany {
			t.Errorf("friend %d: %v", i, err)
		}
	}
	names, err := s.FriendNames(e.ctx(), app, "alice")
	if err != nil || n != max || len(names) != max {
		t.Errorf("%d succeeded, alice has %d friends, %v", n, len(names), err)
	}
}

func testRelations(t *testing.T, e *env) {
	s, app := e.openApp()
	two := e.putApp(s, "app-two")
	e.people(s, app, "alice", "bob", "carol")
	e.people(s, two, "alice", "bob")
	set := func(app, accid string, max int64, change func(*friend.Relation) bool) error {
		return s.UpdateRelation(e.ctx(), app, "alice", accid, max, change)
	}
	if err := set(app, "bob", 1, func(r *friend.Relation) bool { r.Black, r.CreatedMs, r.UpdatedMs = true, 5, 6; return true }); err != nil {
		t.Fatal(err)
	}
	if err := set(app, "carol", 1, func(r *friend.Relation) bool { r.Black = true; return true }); im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("a full list: %v", err)
	}
	later := s.IDs().Next()
	if err := set(app, "carol", 1, func(r *friend.Relation) bool { r.Muted, r.UpdatedMs = true, later; return true }); err != nil {
		t.Errorf("the other list: %v", err)
	}
	if err := set(app, "carol", 1, func(r *friend.Relation) bool { r.Muted = false; return false }); err != nil {
		t.Fatal(err)
	}
	if err := set(app, "ghost", 1, func(*friend.Relation) bool { return true }); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
	got, err := s.Relations(e.ctx(), app, "alice")
	want := []*friend.Relation{{Owner: "alice", Accid: "bob", Black: true, CreatedMs: 5, UpdatedMs: 6}, {Owner: "alice", Accid: "carol", Muted: true, UpdatedMs: later}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("relations: %+v, %v", got, err)
	}
	if err := set(app, "carol", 1, func(r *friend.Relation) bool { r.Muted = false; return true }); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Relations(e.ctx(), app, "alice"); len(got) != 2 || got[1].Muted {
		t.Errorf("what was taken off dates the change: %+v", got)
	}
	names, err := s.BlackNames(e.ctx(), app, "alice")
	if err != nil || !slices.Equal(names, []string{"bob"}) {
		t.Errorf("black list: %v, %v", names, err)
	}
	if got, err := s.Relations(e.ctx(), two, "alice"); err != nil || len(got) != 0 {
		t.Errorf("another app sees %v, %v", got, err)
	}
	changes, err := s.Changes(e.ctx(), 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range changes {
		if c.Kind == sqlstore.ChangeRelation && c.App == app && c.Key == "alice" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d changes are told to other nodes", n)
	}
}
