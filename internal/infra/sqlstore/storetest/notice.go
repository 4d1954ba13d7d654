package storetest

import (
	"fmt"
	"reflect"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/notice"
	"hongyan/internal/infra/sqlstore"
)

func numbered(s *sqlstore.Store, app, to string, n int) *notice.Notice {
	return &notice.Notice{App: app, Receiver: to, ID: s.IDs().Next(), Time: int64(n), Type: notice.CustomP2P, From: "alice", Attach: fmt.Sprint(n)}
}

func (e *env) notices(s *sqlstore.Store, app, accid string, after int64, limit int) []*notice.Notice {
	e.t.Helper()
	list, err := s.Notices(e.ctx(), app, accid, after, limit)
	if err != nil {
		e.t.Fatal(err)
	}
	return list
}

func testNotices(t *testing.T, e *env) {
	s, app := e.openApp()
	whole := &notice.Notice{App: app, Receiver: "bob", ID: s.IDs().Next(), Time: 7, Type: notice.RecallTeam, To: "4500", From: "alice", Content: "张三 \u2028",
		Attach: `{"vt":1}`, Flags: notice.NoPush | notice.NoRoute, PushContent: "pc", PushPayload: "{}", ForcePush: true, ForceContent: "f", ForceList: `["a"]`,
		Env: "e", CallbackExt: "x", Recalled: &notice.Message{IDClient: "c", IDServer: 9, Time: 8, FromNick: "n", Operator: "o"}}
	put := []*notice.Notice{whole}
	for i := range 40 {
		put = append(put, numbered(s, app, "bob", i))
	}
	gone := numbered(s, app, "bob", 99)
	gone.Flags = notice.NoOffline
	other := numbered(s, app, "carol", 5)
	if err := s.PutNotices(e.ctx(), append(put, gone, other)); err != nil {
		t.Fatal(err)
	}
	list := e.notices(s, app, "bob", 0, 100)
	if len(list) != 41 || !reflect.DeepEqual(list[40], whole) {
		t.Fatalf("%d notices, the first put is %+v", len(list), list[len(list)-1])
	}
	for i := range 40 {
		if n := list[i]; n.Attach != fmt.Sprint(39-i) || n.Receiver != "bob" || n.Type != notice.CustomP2P {
			t.Fatalf("notice %d is %+v", i, n)
		}
	}
	if part := e.notices(s, app, "bob", list[10].ID, 4); len(part) != 4 || part[0].ID != list[0].ID {
		t.Errorf("a page of newer ones: %d", len(part))
	}
	err := s.DeleteNotices(e.ctx(), []notice.Key{{App: app, Accid: "bob", ID: list[0].ID}, {App: app, Accid: "bob", ID: 12345}, {App: app, Accid: "bob", ID: other.ID}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.notices(s, app, "bob", 0, 100)); n != 40 {
		t.Errorf("%d are left after one was acknowledged", n)
	}
	if n := len(e.notices(s, app, "carol", 0, 100)); n != 1 {
		t.Error("an account acknowledged what is another's")
	}
	if err := s.TrimNotices(e.ctx(), app, "bob", list[39].ID); err != nil {
		t.Fatal(err)
	}
	if n := len(e.notices(s, app, "bob", 0, 100)); n != 38 {
		t.Errorf("%d are left after trimming", n)
	}
}

func testNoticeTenants(t *testing.T, e *env) {
	s, one := e.openApp()
	two := e.putApp(s, "app-two")
	a, b := numbered(s, one, "bob", 1), numbered(s, two, "bob", 2)
	if err := s.PutNotices(e.ctx(), []*notice.Notice{a, b}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteNotices(e.ctx(), []notice.Key{{App: one, Accid: "bob", ID: b.ID}}); err != nil {
		t.Fatal(err)
	}
	if err := s.TrimNotices(e.ctx(), one, "bob", 1<<53); err != nil {
		t.Fatal(err)
	}
	if n := len(e.notices(s, one, "bob", 0, 10)); n != 0 {
		t.Errorf("%d are left", n)
	}
	if list := e.notices(s, two, "bob", 0, 10); len(list) != 1 || list[0].Attach != "2" {
		t.Error("one app's call reached another's notices")
	}
	if err := s.PutNotices(e.ctx(), []*notice.Notice{numbered(s, "no-such-app", "bob", 1)}); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("an unknown app: %v", err)
	}
}

// An account that never comes back does not grow for ever.
func testNoticeBound(t *testing.T, e *env) {
	s, app := e.openApp()
	for range 14 {
		var put []*notice.Notice
		for i := range 500 {
			n := numbered(s, app, "bob", i)
			put = append(put, n)
		}
		if err := s.PutNotices(e.ctx(), put); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.notices(s, app, "bob", 0, 10_000)); n > 6_500 || n < 5_000 {
		t.Errorf("%d notices wait", n)
	}
}
