package team_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

// model is one team as it must be.
type model struct {
	owner    string
	members  map[string]bool
	live     bool
	audience []map[string]bool // who may be sent each message, by sequence
}

func (m *model) said(before map[string]bool) {
	all := maps.Clone(before)
	for id := range m.members {
		all[id] = true
	}
	m.audience = append(m.audience, all)
}

// Whatever happens to memberships, everybody is sent exactly what was said while
// he was in, the notifications of coming and going included, and an incremental
// list from any moment leads to the full one.
func TestMembershipModel(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t), "offline_per_session", "1000", "roaming_per_session", "1000", "teams_created_max", "1000000")
		people := []string{"a", "b", "c", "d", "e"}
		b.register(b.app, people...)
		runs := 0
		var mu sync.Mutex // rapid may repeat a failing run
		rapid.Check(t, func(r *rapid.T) {
			mu.Lock()
			defer mu.Unlock()
			if runs++; runs > 30 && !t.Failed() {
				return
			}
			kind := rapid.SampledFrom([]team.Kind{team.Normal, team.Super}).Draw(r, "kind")
			first := people[:rapid.IntRange(2, 4).Draw(r, "first")]
			tm := b.make(team.Creation{Kind: kind, Type: team.Advanced, Fields: team.Update{JoinMode: ptr(team.JoinFree), InviteMode: ptr(team.ByAll)}}, "a", first[1:]...)
			m := &model{owner: "a", members: map[string]bool{}, live: true}
			for _, id := range first {
				m.members[id] = true
			}
			m.said(map[string]bool{})
			snapshots := b.snapshots(people, kind, nil)
			for i := range rapid.IntRange(1, 15).Draw(r, "steps") {
				b.clock.Advance(time.Duration(rapid.IntRange(0, 9000).Draw(r, "pause")) * time.Millisecond)
				b.step(r, m, tm, people, i)
				snapshots = b.snapshots(people, kind, snapshots)
			}
			for _, id := range people {
				b.checkSync(r, m, tm, id)
				b.checkLists(r, kind, id, snapshots[id])
			}
			if m.live {
				members, err := b.store.Members(b.ctx(), b.app.Key, tm.Conv(), team.MemberQuery{})
				got := map[string]bool{}
				for _, x := range members {
					got[x.Accid] = true
				}
				now, err2 := b.teams.Get(b.ctx(), b.app.Key, kind, tm.TID)
				if err != nil || err2 != nil || !maps.Equal(got, m.members) || now.MemberNum != int64(len(got)) || now.Owner != m.owner {
					r.Fatalf("members %v of %+v, want %v; %v, %v", got, now, m.members, err, err2)
				}
			}
		})
	})
}

func (b *bed) step(r *rapid.T, m *model, tm *team.Team, people []string, i int) {
	who, other := rapid.SampledFrom(people).Draw(r, "who"), rapid.SampledFrom(people).Draw(r, "other")
	before := maps.Clone(m.members)
	check := func(err error, ok bool, then func()) {
		if (err == nil) != (ok && m.live) {
			r.Fatalf("step %d by %s on %s: %v, want success %v", i, who, other, err, ok && m.live)
		}
		if err == nil {
			then()
			m.said(before)
		}
	}
	switch rapid.SampledFrom([]string{"send", "send", "send", "invite", "remove", "leave", "apply", "transfer", "dismiss"}).Draw(r, "what") {
	case "send":
		_, err := b.send(tm, who, fmt.Sprint("m", i), 0)
		check(err, m.members[who], func() {})
	case "invite":
		_, err := b.teams.Invite(b.ctx(), b.as(who), tm.Kind, tm.TID, team.Invite{Accids: []string{other}, Direct: true})
		check(err, m.members[who] && !m.members[other], func() { m.members[other] = true })
	case "remove":
		_, err := b.teams.Remove(b.ctx(), b.as(who), tm.Kind, tm.TID, []string{other})
		check(err, m.owner == who && m.members[other] && other != who, func() { delete(m.members, other) })
	case "leave":
		err := b.teams.Leave(b.ctx(), b.as(who), tm.Kind, tm.TID)
		check(err, m.members[who] && m.owner != who, func() { delete(m.members, who) })
	case "apply":
		_, _, err := b.teams.Apply(b.ctx(), b.as(who), tm.Kind, tm.TID, "")
		check(err, !m.members[who], func() { m.members[who] = true })
	case "transfer":
		err := b.teams.Transfer(b.ctx(), b.as(who), tm.Kind, tm.TID, other, false)
		check(err, m.owner == who && other != who && m.members[other], func() { m.owner = other })
	case "dismiss":
		if i < 8 {
			return
		}
		err := b.teams.Dismiss(b.ctx(), b.as(who), tm.Kind, tm.TID)
		check(err, m.owner == who, func() { clear(m.members) })
		m.live = m.live && err != nil
	}
}

func (b *bed) checkSync(r *rapid.T, m *model, tm *team.Team, accid string) {
	res, err := b.messages.Sync(b.ctx(), message.SyncRequest{App: b.app, Accid: accid, Offline: true, Roaming: true, SuperRoaming: true,
		Watermark: b.messages.Watermark(), Node: b.store.IDs().Node()})
	if err != nil {
		r.Fatal(err)
	}
	var got []int64
	for _, msgs := range append(append(res.Roaming, res.Super...), res.Offline) {
		for _, x := range msgs {
			if x.Conv == tm.Conv() {
				got = append(got, x.Seq)
			}
		}
	}
	slices.Sort(got)
	var want []int64
	for i, who := range m.audience {
		if who[accid] {
			want = append(want, int64(i+1))
		}
	}
	if !slices.Equal(got, want) {
		r.Fatalf("%s is sent %v, want %v", accid, got, want)
	}
}

// snapshot is a list of teams as a client had it at a moment.
type snapshot struct {
	tagMs int64
	list  map[int64]string
}

func (b *bed) snapshots(people []string, k team.Kind, old map[string][]snapshot) map[string][]snapshot {
	b.Helper()
	if old == nil {
		old = map[string][]snapshot{}
	}
	for _, id := range people {
		tag := b.clock.NowMs()
		old[id] = append(old[id], snapshot{tag, b.list(id, k, 0, nil)})
	}
	return old
}

// list applies what a list since a tag says to what the client had.
func (b *bed) list(accid string, k team.Kind, sinceMs int64, had map[int64]string) map[int64]string {
	b.Helper()
	entries, whole, err := b.teams.Of(b.ctx(), b.app.Key, accid, k, sinceMs)
	b.ok(err)
	out := map[int64]string{}
	if !whole {
		out = maps.Clone(had)
	}
	for _, e := range entries {
		if !e.Member.Valid {
			delete(out, e.Team.TID)
			continue
		}
		out[e.Team.TID] = fmt.Sprintf("%+v %+v", *e.Team, *e.Member)
	}
	return out
}

func (b *bed) checkLists(r *rapid.T, k team.Kind, accid string, had []snapshot) {
	full := b.list(accid, k, 0, nil)
	for _, s := range had {
		if got := b.list(accid, k, s.tagMs, s.list); !maps.Equal(got, full) {
			r.Fatalf("%s since %d: %v, want %v", accid, s.tagMs, got, full)
		}
	}
}

// counting counts the pages of messages that are read.
type counting struct {
	*sqlstore.Store
	pages int
}

func (c *counting) Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error) {
	c.pages++
	return c.Store.Page(ctx, app, conv, q)
}

// What was taken back, or not kept, while a member was away is looked for by one
// sync; the next has nothing to read.
func TestHolesOfMembersHeal(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t))
		b.register(b.app, "a", "b")
		for _, c := range []struct {
			name string
			away func(tm *team.Team, m *message.Message) error
		}{
			{"recalled", func(_ *team.Team, m *message.Message) error {
				_, err := b.store.Erase(b.ctx(), m, &message.RecallNotice{Kind: message.RecallTeam, Conv: m.Conv, MsgID: m.ID, From: "a", Operator: "a"})
				return err
			}},
			{"deleted one way", func(_ *team.Team, m *message.Message) error {
				_, err := b.store.HideFromReceivers(b.ctx(), m, &message.RecallNotice{Kind: message.DeleteTeamOneWay, Conv: m.Conv, MsgID: m.ID, From: "a", Operator: "a"})
				return err
			}},
			{"without offline storage", func(tm *team.Team, _ *message.Message) error {
				_, err := b.send(tm, "a", "for those who are here", message.NoOffline)
				return err
			}},
		} {
			tm := b.make(team.Creation{Type: team.Advanced}, "a", "b")
			m, err := b.send(tm, "a", "one", 0)
			b.ok(err)
			b.ok(c.away(tm, m))
			_, err = b.send(tm, "a", "two", 0)
			b.ok(err)
			store := &counting{Store: b.store}
			messages := message.New(store, b.accounts, b.bus, b.clock.Now)
			for _, login := range []string{"first", "second"} {
				store.pages = 0
				res, err := messages.Sync(b.ctx(), message.SyncRequest{App: b.app, Accid: "b", Offline: true, Watermark: messages.Watermark(), Node: b.store.IDs().Node()})
				b.ok(err)
				if first := login == "first"; first != (len(res.Offline) > 0) || first != (store.pages > 0) {
					t.Errorf("%s: %s login: %d messages, %d pages", c.name, login, len(res.Offline), store.pages)
				}
				for _, m := range res.Offline {
					messages.Delivered(b.app.Key, "b", message.Position{Conv: m.Conv, Seq: m.Seq})
				}
			}
		}
	})
}

// Who was away when he was removed hears of it and of nothing after; what was
// said before he joined never waits for him.
func TestAwayMembers(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t))
		b.register(b.app, "a", "b", "late")
		tm := b.make(team.Creation{Type: team.Advanced, Fields: team.Update{JoinMode: ptr(team.JoinFree)}}, "a", "b")
		for i := range 3 {
			if _, err := b.send(tm, "a", fmt.Sprint("before ", i), 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := b.teams.Apply(b.ctx(), b.as("late"), tm.Kind, tm.TID, ""); err != nil {
			t.Fatal(err)
		}
		b.remove(tm, "a", "b")
		if _, err := b.send(tm, "a", "after", 0); err != nil {
			t.Fatal(err)
		}
		for accid, want := range map[string][]int64{"b": {1, 2, 3, 4, 5, 6}, "late": {6, 7}} {
			res, err := b.messages.Sync(b.ctx(), message.SyncRequest{App: b.app, Accid: accid, Offline: true, Roaming: true, Watermark: b.messages.Watermark(), Node: b.store.IDs().Node()})
			b.ok(err)
			var got []int64
			for _, m := range res.Offline {
				got = append(got, m.Seq)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: offline %v, want %v", accid, got, want)
			}
		}
		_, err := b.send(tm, "b", "still here?", 0)
		b.code("send after removal", err, im.CodeTeamNotMember)
	})
}
