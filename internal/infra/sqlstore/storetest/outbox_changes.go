package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im/account"
	imapp "hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

// copying opens a store with an app that has everything copied. told is the apps
// of the copies that the store said were committed.
func (e *env) copying() (s *sqlstore.Store, a *imapp.App, told *[]string) {
	e.t.Helper()
	s, _ = e.openApp()
	set, err := imapp.ParseSettings(map[string]string{"copy_url": "http://receiver.example/", "copy_events": "1,30,31,84"})
	if err != nil {
		e.t.Fatal(err)
	}
	a = &imapp.App{Key: "copying", Secret: "secret of copying", Settings: set, CreatedMs: 1}
	if err := s.PutApp(e.ctx(), a); err != nil {
		e.t.Fatal(err)
	}
	told = &[]string{}
	s.SetCopied(func(app string) { *told = append(*told, app) })
	return s, a, told
}

// bodies are the copies that wait.
func (e *env) bodies(s *sqlstore.Store, app string) (out []string) {
	e.t.Helper()
	cs, err := s.Copies(e.ctx(), app, 0, 100)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, c := range cs {
		out = append(out, string(c.Body))
	}
	return out
}

// testOutboxTeams: notifications of a team and their copies are stored with the
// change they tell of, and not without it.
func testOutboxTeams(t *testing.T, e *env) {
	s, a, told := e.copying()
	found(e, s, a.Key, "ann", "ben")
	ask := func(fail error) (*team.View, error) {
		var seen *team.View
		err := s.ChangeTeam(e.ctx(), a.Key, teamConv, []string{"cat"}, team.Needs{Roster: true}, func(v *team.View) (*team.Change, error) {
			seen = v
			n := numbered(s, a.Key, "cat", 1)
			n.Type, n.To, n.From, n.Content = notice.TeamInvite, "77", "owner", "come"
			n.WantCopy(a, notice.CopyFacts{Members: []string{"cat"}})
			m := note(a.Key, 1)
			m.WantCopy(a, message.Peer{})
			c := &team.Change{Team: v.Team, Notices: []*notice.Notice{n}, Steps: []team.Step{{Msg: m}}, Put: []team.Pending{{Kind: team.Invitation, Accid: "cat", By: "owner", Ms: v.NowMs}}}
			if fail != nil {
				// A second row of the same key: the transaction fails at the notices.
				c.Notices = append(c.Notices, n)
			}
			return c, nil
		}, func(*team.Change) {})
		return seen, err
	}
	if _, err := ask(errors.New("twice")); err == nil {
		t.Error("a notification is stored twice")
	}
	if n := len(e.notices(s, a.Key, "cat", 0, 10)) + len(e.bodies(s, a.Key)) + len(*told); n != 0 {
		t.Errorf("%d things are left of a change that failed", n)
	}
	v, err := ask(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(v.Roster, []string{"owner", "ann", "ben"}) {
		t.Errorf("roster %v", v.Roster)
	}
	got := e.bodies(s, a.Key)
	if len(got) != 2 || len(e.notices(s, a.Key, "cat", 0, 10)) != 1 || !slices.Contains(*told, a.Key) {
		t.Fatalf("copies %v, told %v", got, *told)
	}
	if all := strings.Join(got, ""); !strings.Contains(all, `"msgType":"TEAM_INVITE"`) || !strings.Contains(all, `"tMembers":"[cat]"`) || !strings.Contains(all, `"msgType":"NOTIFICATION"`) {
		t.Errorf("copies %v", got)
	}
}

// testOutboxEvents: what else is copied in the transaction of its event.
func testOutboxEvents(t *testing.T, e *env) {
	s, a, told := e.copying()
	e.people(s, a.Key, "alice", "bob")
	// Notifications, also those that nobody who is away gets.
	for i, flags := range []notice.Flags{0, notice.NoOffline, notice.NoRoute, notice.NoOffline | notice.NoRoute} {
		n := numbered(s, a.Key, "bob", i)
		n.Flags = flags
		n.WantCopy(a, notice.CopyFacts{})
		if err := s.PutNotices(e.ctx(), []*notice.Notice{n}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(e.bodies(s, a.Key)); got != 2 || len(e.notices(s, a.Key, "bob", 0, 10)) != 2 {
		t.Errorf("%d copies of notifications", got)
	}
	n := numbered(s, a.Key, "bob", 9)
	n.Type = notice.FriendRequest
	n.WantCopy(a, notice.CopyFacts{})
	if err := s.UpdatePair(e.ctx(), a.Key, "alice", "bob", 10, befriend("alice", "bob", 1, n)); err != nil {
		t.Fatal(err)
	}
	// Receipts, when they are news.
	for _, at := range []int64{5, 4, 5, 6} {
		r := message.Receipt{To: "alice", Reader: "bob", TimeMs: at, IDClient: "c"}
		r.WantCopy(a)
		if _, err := s.RaiseReceipt(e.ctx(), a.Key, &r); err != nil {
			t.Fatal(err)
		}
	}
	// Channels; a name that is taken leaves nothing.
	out := signaling.Outcome{Copies: []*eventcopy.Copy{eventcopy.New(a, eventcopy.Signaling, "channel:7", "", map[string]string{"type": "CREATE_ROOM"})}}
	if err := s.CreateChannel(e.ctx(), channel(a.Key, 7, "room", 1e6, "alice"), out, 10, 1); err != nil {
		t.Fatal(err)
	}
	taken := signaling.Outcome{Copies: []*eventcopy.Copy{eventcopy.New(a, eventcopy.Signaling, "channel:8", "", map[string]string{"type": "TAKEN"})}}
	if err := s.CreateChannel(e.ctx(), channel(a.Key, 8, "room", 1e6, "alice"), taken, 10, 1); err == nil {
		t.Error("two channels of one name")
	}
	for _, fail := range []error{errors.New("no"), nil} {
		_, _, err := s.UpdateChannel(e.ctx(), a.Key, 7, 10, func(*signaling.Channel) (signaling.Outcome, error) {
			return signaling.Outcome{Copies: []*eventcopy.Copy{eventcopy.New(a, eventcopy.Signaling, "channel:7", "", map[string]string{"type": "JOIN_ROOM"})}}, fail
		})
		if (err == nil) != (fail == nil) {
			t.Error(err)
		}
	}
	// A failed login is no record.
	failed := account.LoginRecord{App: a.Key, ID: s.IDs().Next(), Event: account.RecordFailed, Copy: eventcopy.New(a, eventcopy.LoginFailed, "account:x", "", map[string]string{"type": "FAILED"})}
	if err := s.AddLoginRecords(e.ctx(), []account.LoginRecord{failed}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.LoginRecords(e.ctx(), a.Key, "", account.RecordQuery{ToMs: 1e15, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("%d records, %v", len(list), err)
	}
	all := strings.Join(e.bodies(s, a.Key), "\n")
	for what, want := range map[string]int{`"CUSTOM_P2P_MSG"`: 2, `"FRIEND_ADD"`: 1, `"eventType":"30"`: 2, `"CREATE_ROOM"`: 1, `"JOIN_ROOM"`: 1, `"TAKEN"`: 0, `"FAILED"`: 1} {
		if got := strings.Count(all, what); got != want {
			t.Errorf("%d copies with %s, want %d:\n%s", got, what, want, all)
		}
	}
	if len(*told) < 7 {
		t.Errorf("told of copies %d times", len(*told))
	}
}
