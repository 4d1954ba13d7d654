package team_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

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
	delete(m.managers, accid)
	delete(m.members, accid)
	delete(m.muted, accid)
	delete(m.nicks, accid)
	m.left[accid] = nowMs
}

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
	most := map[string]int{"SQLite": 60, "PostgreSQL": 20} // runs
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		most := most[path.Base(t.Name())]
		b := newBed(t, config(t), "offline_per_session", "1000", "roaming_per_session", "1000", "teams_created_max", "1000000", "offline_days", "3650", "roaming_days", "3650")
		people := []string{"a", "b", "c", "d", "e"}
		b.register(b.app, people...)
		runs := 0
		var mu sync.Mutex // rapid may repeat a failing run
		rapid.Check(t, func(r *rapid.T) {
			mu.Lock()
			defer mu.Unlock()
			if runs++; runs > most && !t.Failed() {
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
			for i := range rapid.IntRange(8, 30).Draw(r, "steps") {
				b.pause(r, m)
				b.step(r, m, tm, people, i)
				b.checkMembers(r, m, tm)
				if id := rapid.SampledFrom(people).Draw(r, "synchronises"); rapid.Bool().Draw(r, "now") {
					b.checkLists(r, kind, id, snapshots[id])
				}
				snapshots = b.snapshots(people[i%2:i%2+4], kind, snapshots)
			}
			for _, id := range people {
				b.checkSync(r, m, tm, id)
				b.checkLists(r, kind, id, snapshots[id])
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
	if !m.live {
		return
	}
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
	// Whom most is allowed does most.
	who, other := rapid.SampledFrom(append(slices.Clone(people), m.owner, m.owner, m.owner)).Draw(r, "who"), rapid.SampledFrom(append(slices.Sorted(maps.Keys(m.members)), people...)).Draw(r, "other")
	if heads := slices.Sorted(maps.Keys(m.managers)); len(heads) > 0 && rapid.IntRange(0, 3).Draw(r, "by a manager") == 0 {
		who = rapid.SampledFrom(heads).Draw(r, "manager")
	}
	before, on := maps.Clone(m.members), rapid.IntRange(0, 2).Draw(r, "on") > 0
	what := rapid.SampledFrom([]string{"managers", "mute", "managers", "mute", "managers", "invite", "send", "remove", "transfer", "send", "leave", "apply", "nick", "info", "send", "dismiss"}).Draw(r, "what")
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
			delete(m.managers, other)
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
				delete(m.managers, other)
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
