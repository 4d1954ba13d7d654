package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

const teamConv = im.ConvKey("t|77")

func note(app string, n int) *message.Message {
	return &message.Message{App: app, Conv: teamConv, Scene: im.SceneTeam, From: "owner", To: "77", IDClient: fmt.Sprintf("note-%d", n), Type: message.Notification}
}

// found makes team 77 with its owner and members.
func found(e *env, s *sqlstore.Store, app string, members ...string) {
	e.t.Helper()
	err := s.ChangeTeam(e.ctx(), app, teamConv, members, team.Needs{}, func(v *team.View) (*team.Change, error) {
		if v.Team != nil {
			return nil, errors.New("there is one already")
		}
		t := &team.Team{App: app, TID: 77, Type: team.Advanced, Name: "of " + app, Owner: "owner", Valid: true, Level: 200, MemberNum: int64(len(members)) + 1, MemberMs: v.NowMs}
		c := &team.Change{Team: t, Steps: []team.Step{{Msg: note(app, 0)}}}
		for i, id := range append([]string{"owner"}, members...) {
			c.Steps[0].Joined = append(c.Steps[0].Joined, &team.Member{TID: 77, Accid: id, Valid: true, JoinMs: v.NowMs + int64(i), UpdatedMs: v.NowMs})
		}
		return c, nil
	}, func(*team.Change) {})
	if err != nil {
		e.t.Fatal(err)
	}
}

// foundSuper makes a super team of members, the first of whom owns it.
func foundSuper(e *env, s *sqlstore.Store, app string, tid int64, members ...string) {
	e.t.Helper()
	conv := im.SuperTeamKey(tid)
	err := s.ChangeTeam(e.ctx(), app, conv, nil, team.Needs{}, func(v *team.View) (*team.Change, error) {
		msg := &message.Message{App: app, Conv: conv, Scene: im.SceneSuperTeam, From: members[0], To: fmt.Sprint(tid), IDClient: "made", Type: message.Notification}
		t := &team.Team{App: app, Kind: team.Super, TID: tid, Type: team.Advanced, Owner: members[0], Valid: true, Level: 200, MemberNum: int64(len(members)), MemberMs: v.NowMs}
		c := &team.Change{Team: t, Steps: []team.Step{{Msg: msg}}}
		for i, id := range members {
			c.Steps[0].Joined = append(c.Steps[0].Joined, &team.Member{TID: tid, Accid: id, Valid: true, JoinMs: v.NowMs + int64(i), UpdatedMs: v.NowMs})
		}
		return c, nil
	}, func(*team.Change) {})
	if err != nil {
		e.t.Fatal(err)
	}
}

// Notifications of changes and messages of members make one dense conversation,
// and are published in its order.
func testTeamOrder(t *testing.T, e *env) {
	s, app := e.openApp()
	var mu sync.Mutex // guards seqs
	var seqs []int64
	published := func(msgs ...*message.Message) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range msgs {
			seqs = append(seqs, m.Seq)
		}
	}
	s.SetCommitted(func(b []*message.Message) { published(b...) })
	found(e, s, app, "b", "c")
	const senders, each = 4, 30
	var wg sync.WaitGroup
	b := &batch{t: t}
	for i := range senders {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for n := range each {
				m := &message.Message{App: app, Conv: teamConv, Scene: im.SceneTeam, From: fmt.Sprint("s", i), To: "77", IDClient: fmt.Sprint(n)}
				if err := b.add(s, m, true); err != nil {
					t.Error(err)
				}
			}
		}()
		go func() {
			defer wg.Done()
			for n := range each {
				err := s.ChangeTeam(e.ctx(), app, teamConv, nil, team.Needs{}, func(v *team.View) (*team.Change, error) {
					v.Team.UpdatedMs++
					return &team.Change{Team: v.Team, Steps: []team.Step{{Msg: note(app, 1+i*each+n)}}}, nil
				}, func(c *team.Change) { published(c.Steps[0].Msg) })
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	b.wait()
	checkOrder(t, history(t, s, app, teamConv), 1+2*senders*each)
	mu.Lock()
	defer mu.Unlock()
	if !slices.IsSorted(seqs) || len(seqs) != 2*senders*each {
		t.Errorf("%d published, in order: %v", len(seqs), slices.IsSorted(seqs))
	}
	teams, err := s.Teams(e.ctx(), app, []im.ConvKey{teamConv})
	if err != nil || teams[teamConv].UpdatedMs != senders*each {
		t.Errorf("%+v, %v: a change was lost", teams[teamConv], err)
	}
}

// A change that is refused leaves nothing, and is not published.
func testTeamRefused(t *testing.T, e *env) {
	s, app := e.openApp()
	found(e, s, app, "b")
	no := errors.New("no")
	err := s.ChangeTeam(e.ctx(), app, teamConv, []string{"b"}, team.Needs{}, func(v *team.View) (*team.Change, error) {
		v.Team.Name, v.Members["b"].Valid = "spoilt", false
		return nil, no
	}, func(*team.Change) { t.Error("published") })
	if !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
	checkOrder(t, history(t, s, app, teamConv), 1)
	teams, err := s.Teams(e.ctx(), app, []im.ConvKey{teamConv, "t|78"})
	if err != nil || len(teams) != 1 || teams[teamConv].Name != "of "+app {
		t.Errorf("%+v, %v", teams, err)
	}
	members, err := s.Members(e.ctx(), app, teamConv, team.MemberQuery{})
	if err != nil || len(members) != 2 {
		t.Errorf("%d members, %v", len(members), err)
	}
}

// The same team id in two apps is two teams.
func testTeamTenants(t *testing.T, e *env) {
	s, one := e.openApp()
	two := e.putApp(s, "app-two")
	found(e, s, one, "b")
	found(e, s, two, "c")
	for app, accid := range map[string]string{one: "b", two: "c"} {
		list, err := s.TeamsOf(e.ctx(), app, accid, team.Normal, 0)
		if err != nil || len(list) != 1 || list[0].Team.Name != "of "+app || list[0].Team.App != app {
			t.Errorf("%s: %+v, %v", app, list, err)
		}
		other := map[string]string{"b": "c", "c": "b"}[accid]
		if list, err := s.TeamsOf(e.ctx(), app, other, team.Normal, 0); err != nil || len(list) != 0 {
			t.Errorf("%s: a stranger has %d teams, %v", app, len(list), err)
		}
		if list, err := s.TeamsOf(e.ctx(), app, accid, team.Super, 0); err != nil || len(list) != 0 {
			t.Errorf("%s: %d super teams, %v", app, len(list), err)
		}
		ms, err := s.Memberships(e.ctx(), app, accid)
		if err != nil || len(ms) != 1 || ms[0].Conv != teamConv || ms[0].Span.Joined != 1 || ms[0].LastSeq != 1 {
			t.Errorf("%s: %+v, %v", app, ms, err)
		}
		fresh, err := s.PutReceipts(e.ctx(), app, teamConv, accid, []int64{5, 5, 6}, 1)
		if err != nil || len(fresh) != 2 {
			t.Errorf("%s: %v, %v", app, fresh, err)
		}
		readers, err := s.Readers(e.ctx(), app, teamConv, []int64{5, 6, 7})
		if err != nil || len(readers) != 2 || !slices.Equal(readers[5], []string{accid}) {
			t.Errorf("%s: %v, %v", app, readers, err)
		}
	}
}

// Ended memberships and unanswered invitations are deleted in the end, present
// members are not.
func testTeamTrim(t *testing.T, e *env) {
	s, app := e.openApp()
	found(e, s, app, "b", "c")
	err := s.ChangeTeam(e.ctx(), app, teamConv, []string{"b"}, team.Needs{}, func(v *team.View) (*team.Change, error) {
		v.Members["b"].Valid = false
		v.Members["b"].UpdatedMs = v.NowMs
		return &team.Change{Steps: []team.Step{{Msg: note(app, 1), Left: []*team.Member{v.Members["b"]}}},
			Put: []team.Pending{{Kind: team.Invitation, Accid: "d", By: "c", Ms: v.NowMs}}}, nil
	}, func(*team.Change) {})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (members, pending int) {
		err := s.ChangeTeam(e.ctx(), app, teamConv, []string{"b", "c", "d"}, team.Needs{Pending: true}, func(v *team.View) (*team.Change, error) {
			members, pending = len(v.Members), len(v.Pending)
			return nil, nil
		}, func(*team.Change) { t.Error("nothing was changed") })
		if err != nil {
			t.Fatal(err)
		}
		return members, pending
	}
	if m, p := look(); m != 2 || p != 1 {
		t.Errorf("before: %d members, %d invitations", m, p)
	}
	if err := s.TrimTeams(e.ctx(), 1); err != nil {
		t.Fatal(err)
	}
	if m, p := look(); m != 2 || p != 1 {
		t.Errorf("too early: %d members, %d invitations", m, p)
	}
	if err := s.TrimTeams(e.ctx(), 1<<60); err != nil {
		t.Fatal(err)
	}
	if m, p := look(); m != 1 || p != 0 {
		t.Errorf("after: %d members, %d invitations", m, p)
	}
}

// A team is read as it was stored.
func testTeamRow(t *testing.T, e *env) {
	s, app := e.openApp()
	want := team.Team{App: app, TID: 77, Type: team.Advanced, Name: "n", Intro: "i", Announcement: "a", Avatar: "v", Ext: "e", ServerExt: "s", Owner: "o",
		Level: 9, Valid: true, MemberNum: 3, JoinMode: 2, BeInviteMode: 1, InviteMode: 1, UpdateMode: 1, ExtMode: 1, MuteType: 3,
		MemberMs: 4, CreatedMs: 5, UpdatedMs: 6, LastJoinMs: 7}
	for _, quiet := range []struct{ online, stored bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		want.TID++
		want.QuietOnline, want.QuietStored = quiet.online, quiet.stored
		err := s.ChangeTeam(e.ctx(), app, want.Conv(), nil, team.Needs{}, func(*team.View) (*team.Change, error) {
			put := want
			return &team.Change{Team: &put}, nil
		}, func(*team.Change) {})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Teams(e.ctx(), app, []im.ConvKey{want.Conv()})
		if err != nil || got[want.Conv()] == nil || *got[want.Conv()] != want {
			t.Errorf("%+v, %v\nwant %+v", got[want.Conv()], err, want)
		}
	}
}
