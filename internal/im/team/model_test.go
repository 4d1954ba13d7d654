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

// memory is how long ended memberships are told of.
const memory = 30 * 24 * time.Hour

// model is one team as it must be.
type model struct {
	owner    string
	members  map[string]bool
	managers map[string]bool
	muted    map[string]bool
	nicks    map[string]string
	name     string
	live     bool
	left     map[string]int64  // ms; of those who once were members
	audience []map[string]bool // who may be sent each message, by sequence
}

func (m *model) said(before map[string]bool) {
	all := maps.Clone(before)
	for id := range m.members {
		all[id] = true
	}
	m.audience = append(m.audience, all)
}

func (m *model) join(accid string) {
	m.members[accid] = true
	delete(m.left, accid)
}

func (m *model) leave(accid string, nowMs int64) {
	m.demote(accid)
	delete(m.members, accid)
	delete(m.muted, accid)
	delete(m.nicks, accid)
	m.left[accid] = nowMs
}

func (m *model) demote(accid string) { delete(m.managers, accid) }

func (m *model) promote(accid string) {
	if !m.managers[accid] {
		delete(m.muted, accid)
	}
	m.managers[accid] = true
}

// rank is 0 for who is no member.
func (m *model) rank(accid string) int {
	switch {
	case !m.members[accid]:
		return 0
	case m.owner == accid:
		return 3
	case m.managers[accid]:
		return 2
	}
	return 1
}

// rules says whether who may do to other what is done to lower ranks.
func (m *model) rules(who, other string) bool {
	return m.rank(who) > 1 && m.rank(who) > m.rank(other) && m.rank(other) > 0
}

// trim forgets those who left long ago, and with that what they may be sent.
func (m *model) trim(beforeMs int64) {
	for accid, ms := range m.left {
		if ms >= beforeMs {
			continue
		}
		delete(m.left, accid)
		for _, who := range m.audience {
			delete(who, accid)
		}
	}
}

// Whatever happens to memberships, everybody is sent exactly what was said while
// he was in, the notifications of coming and going included, and an incremental
// list from any moment leads to the full one, also when memberships that ended
// long ago are forgotten.
func TestMembershipModel(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t), "offline_per_session", "1000", "roaming_per_session", "1000", "teams_created_max", "1000000", "offline_days", "3650", "roaming_days", "3650")
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
			m := &model{owner: "a", members: map[string]bool{}, managers: map[string]bool{}, muted: map[string]bool{}, nicks: map[string]string{}, left: map[string]int64{},
				name: tm.Name, live: true}
			for _, id := range first {
				m.members[id] = true
			}
			m.said(map[string]bool{})
			snapshots := b.snapshots(people, kind, nil)
			for i := range rapid.IntRange(5, 22).Draw(r, "steps") {
				b.pause(r, m)
				b.step(r, m, tm, people, i)
				snapshots = b.snapshots(people[i%2:i%2+4], kind, snapshots)
			}
			for _, id := range people {
				b.checkSync(r, m, tm, id)
				b.checkLists(r, kind, id, snapshots[id])
			}
			if m.live {
				b.checkMembers(r, m, tm)
			}
		})
	})
}

// pause lets seconds pass or, now and then, days, after which what is old may be
// forgotten.
func (b *bed) pause(r *rapid.T, m *model) {
	if rapid.IntRange(0, 5).Draw(r, "long") != 5 {
		b.clock.Advance(time.Duration(rapid.IntRange(0, 9000).Draw(r, "pause")) * time.Millisecond)
		return
	}
	// Never a number of days to the millisecond: clocks are read one after the other.
	b.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 9, 17, 27, 31, 35}).Draw(r, "days"))*24*time.Hour + 7*time.Hour)
	if rapid.Bool().Draw(r, "trim") {
		before := b.clock.Now().Add(-memory).UnixMilli()
		if err := b.store.TrimTeams(b.ctx(), before); err != nil {
			r.Fatal(err)
		}
		m.trim(before)
	}
}

func (b *bed) checkMembers(r *rapid.T, m *model, tm *team.Team) {
	members, err := b.store.Members(b.ctx(), b.app.Key, tm.Conv(), team.MemberQuery{})
	got, want := map[string]string{}, map[string]string{}
	for _, x := range members {
		got[x.Accid] = fmt.Sprint(map[team.Role]int{team.Owner: 3, team.Manager: 2, team.Ordinary: 1}[x.Role], x.Muted, x.Nick)
	}
	for id := range m.members {
		want[id] = fmt.Sprint(m.rank(id), m.muted[id], m.nicks[id])
	}
	now, err2 := b.teams.Get(b.ctx(), b.app.Key, tm.Kind, tm.TID)
	if err != nil || err2 != nil || !maps.Equal(got, want) || now.MemberNum != int64(len(got)) || now.Owner != m.owner || now.Name != m.name {
		r.Fatalf("members %v of %+v, want %v of %q; %v, %v", got, now, want, m.name, err, err2)
	}
}

func (b *bed) step(r *rapid.T, m *model, tm *team.Team, people []string, i int) {
	who, other := rapid.SampledFrom(people).Draw(r, "who"), rapid.SampledFrom(people).Draw(r, "other")
	before, on := maps.Clone(m.members), rapid.Bool().Draw(r, "on")
	what := rapid.SampledFrom([]string{"send", "send", "send", "invite", "invite", "remove", "leave", "apply", "transfer", "managers", "managers", "mute", "mute", "nick", "info", "dismiss"}).Draw(r, "what")
	// check compares what came of it; then says what it does and how many messages tell of it.
	check := func(err error, ok bool, told int, then func()) {
		if (err == nil) != (ok && m.live) {
			r.Fatalf("step %d, %s by %s on %s, %v: %v, want success %v", i, what, who, other, on, err, ok && m.live)
		}
		if err == nil {
			then()
			for range told {
				m.said(before)
			}
		}
	}
	ctx, by, now := b.ctx(), b.as(who), b.clock.NowMs()
	switch what {
	case "send":
		_, err := b.send(tm, who, fmt.Sprint("m", i), 0)
		check(err, m.members[who] && !m.muted[who], 1, func() {})
	case "invite":
		_, err := b.teams.Invite(ctx, by, tm.Kind, tm.TID, team.Invite{Accids: []string{other}, Direct: true})
		check(err, m.members[who] && !m.members[other], 1, func() { m.join(other) })
	case "remove":
		_, err := b.teams.Remove(ctx, by, tm.Kind, tm.TID, []string{other})
		check(err, m.rules(who, other), 1, func() { m.leave(other, now) })
	case "leave":
		err := b.teams.Leave(ctx, by, tm.Kind, tm.TID)
		check(err, m.members[who] && m.owner != who, 1, func() { m.leave(who, now) })
	case "apply":
		_, _, err := b.teams.Apply(ctx, by, tm.Kind, tm.TID, "")
		check(err, !m.members[who], 1, func() { m.join(who) })
	case "transfer":
		err := b.teams.Transfer(ctx, by, tm.Kind, tm.TID, other, on)
		told := 1
		if on {
			told = 2 // of the new owner, and that the old one leaves
		}
		check(err, m.owner == who && other != who && m.members[other], told, func() {
			m.owner = other
			m.demote(other)
			delete(m.muted, other)
			if on {
				m.leave(who, now)
			}
		})
	case "managers":
		err := b.teams.SetManagers(ctx, by, tm.Kind, tm.TID, []string{other}, on)
		check(err, m.owner == who && other != who && m.members[other], 1, func() {
			if on {
				m.promote(other)
			} else {
				m.demote(other)
			}
		})
	case "mute":
		err := b.teams.MuteMembers(ctx, by, tm.Kind, tm.TID, []string{other}, on)
		check(err, m.rules(who, other), 1, func() { m.muted[other] = on })
	case "nick":
		nick := fmt.Sprint("n", i)
		_, err := b.teams.UpdateMember(ctx, by, tm.Kind, tm.TID, other, team.MemberUpdate{Nick: &nick})
		check(err, m.rules(who, other) || who == other && m.members[who], 0, func() { m.nicks[other] = nick })
	case "info":
		name := fmt.Sprint("t", i)
		_, err := b.teams.UpdateInfo(ctx, by, tm.Kind, tm.TID, team.Update{Name: &name})
		check(err, m.rank(who) > 1, 1, func() { m.name = name })
	case "dismiss":
		if i < 10 {
			return
		}
		err := b.teams.Dismiss(ctx, by, tm.Kind, tm.TID)
		check(err, m.owner == who, 1, func() {
			for id := range before {
				m.leave(id, now)
			}
		})
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
		list, _ := b.list(id, k, 0, nil)
		old[id] = append(old[id], snapshot{tag, list})
	}
	return old
}

// list applies what a list since a tag says to what the client had; whole says
// that it replaces it.
func (b *bed) list(accid string, k team.Kind, sinceMs int64, had map[int64]string) (out map[int64]string, whole bool) {
	b.Helper()
	entries, whole, err := b.teams.Of(b.ctx(), b.app.Key, accid, k, sinceMs)
	b.ok(err)
	out = map[int64]string{}
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
	return out, whole
}

func (b *bed) checkLists(r *rapid.T, k team.Kind, accid string, had []snapshot) {
	full, _ := b.list(accid, k, 0, nil)
	for _, s := range had {
		got, whole := b.list(accid, k, s.tagMs, s.list)
		if !maps.Equal(got, full) {
			r.Fatalf("%s since %d: %v, want %v", accid, s.tagMs, got, full)
		}
		age := time.Duration(b.clock.NowMs()-s.tagMs) * time.Millisecond
		if whole && age < memory-2*24*time.Hour || !whole && age > memory {
			r.Fatalf("%s since %v ago: is the whole list: %v", accid, age, whole)
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
