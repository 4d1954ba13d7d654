package storetest

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
	"hongyan/internal/infra/sqlstore"
)

// testPage holds every filter, alone and combined, against a plain loop.
func testPage(t *testing.T, e *env) {
	s, app := e.openApp()
	types := []message.Type{message.Text, message.Image, message.Custom, message.Notification}
	flags := []message.Flags{0, 0, message.NoHistory, message.NoRoaming, message.Refused, message.SenderNoSense, message.ReceiverNoSense,
		message.NoHistory | message.NoRoaming, message.Refused | message.SenderNoSense, message.NoOffline}
	var all []*message.Message
	for i := range 120 {
		m := text(app, []string{"alice", "bob"}[i*7%3%2], []string{"bob", "alice"}[i*7%3%2], i)
		m.Type, m.Flags = types[i*5%len(types)], flags[i*3%len(flags)]
		all = append(all, m)
	}
	send(t, s, all...)
	send(t, s, text(app, "alice", "carol", 1000), text(app, "bob", "carol", 1001)) // never seen below
	checkOrder(t, all, len(all))
	first, last := all[0].Time, all[len(all)-1].Time
	rapid.Check(t, func(r *rapid.T) {
		bound := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(first-2, last+2))
		seq := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, int64(len(all)+2)))
		q := message.PageQuery{FromTime: bound.Draw(r, "from"), ToTime: bound.Draw(r, "to"), MinSeq: seq.Draw(r, "minSeq"), MaxSeq: seq.Draw(r, "maxSeq"),
			Ascending: rapid.Bool().Draw(r, "ascending"), Limit: rapid.OneOf(rapid.IntRange(1, 10), rapid.Just(500)).Draw(r, "limit"),
			Types:   rapid.SliceOfN(rapid.SampledFrom([]int64{0, 1, 100, 5, 6}), 0, 3).Draw(r, "types"),
			Without: rapid.SampledFrom([]message.Flags{0, message.NoHistory, message.NoRoaming, message.NoHistory | message.NoOffline}).Draw(r, "without"),
			Viewer:  rapid.SampledFrom([]string{"", "alice", "bob"}).Draw(r, "viewer")}
		got, err := s.Page(hytest.Context(t), app, "p|alice|bob", q)
		if err != nil {
			r.Fatal(err)
		}
		if d := cmp.Diff(model(all, q), got, same, cmpopts.EquateEmpty()); d != "" {
			r.Fatalf("%+v: %s", q, d)
		}
	})
}

// model is what Page promises, as a loop over a conversation, oldest first.
func model(all []*message.Message, q message.PageQuery) []*message.Message {
	var out []*message.Message
	for _, m := range all {
		switch {
		case m.Time < q.FromTime, q.ToTime != 0 && m.Time > q.ToTime, m.Seq <= q.MinSeq, q.MaxSeq != 0 && m.Seq >= q.MaxSeq:
		case m.Flags&q.Without != 0, q.Viewer != "" && !m.VisibleTo(q.Viewer):
		case len(q.Types) > 0 && !slices.Contains(q.Types, int64(m.Type)):
		default:
			out = append(out, m)
		}
	}
	if !q.Ascending {
		slices.Reverse(out)
	}
	return out[:min(len(out), q.Limit)]
}

func testLocate(t *testing.T, e *env) {
	s, app := e.openApp()
	want := map[int64]message.Position{}
	var ids []int64
	var msgs []*message.Message
	for i := range 250 {
		msgs = append(msgs, text(app, "alice", fmt.Sprintf("peer%d", i%3), i))
	}
	send(t, s, msgs...)
	for i, m := range msgs {
		if i%2 == 0 {
			want[m.ID] = message.Position{Conv: m.Conv, Seq: m.Seq}
			ids = append(ids, m.ID, -m.ID, 1)
		}
	}
	got, err := s.Locate(e.ctx(), app, ids)
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if got, err := s.Locate(e.ctx(), app, nil); err != nil || len(got) != 0 {
		t.Errorf("no ids: %v, %v", got, err)
	}
}

func testConversations(t *testing.T, e *env) {
	s, app := e.openApp()
	for i, to := range []string{"bob", "carol", "alice", "dora"} {
		send(t, s, text(app, "alice", to, i))
	}
	carol, bob := text(app, "carol", "alice", 5), text(app, "bob", "alice", 6)
	send(t, s, text(app, "dora", "carol", 4), carol, bob)
	convs, err := s.Conversations(e.ctx(), app, "alice", 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []im.ConvKey
	for i, c := range convs {
		got = append(got, c.Conv)
		if i > 0 && c.LastTime > convs[i-1].LastTime {
			t.Errorf("%s is newer than what stands before it", c.Conv)
		}
	}
	want := []im.ConvKey{"p|alice|bob", "p|alice|carol", "p|alice|alice", "p|alice|dora"}
	newest := append([]im.ConvKey(nil), got...)
	for _, l := range [][]im.ConvKey{want, newest} {
		sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
	}
	if d := cmp.Diff(want, newest); d != "" {
		t.Error(d)
	}
	for _, c := range convs {
		if c.Conv == bob.Conv && (c.LastSeq != bob.Seq || c.LastTime != bob.Time || len(c.Delivered) != 0) {
			t.Errorf("state %+v of the conversation with %+v", c, bob)
		}
	}
	two, err := s.Conversations(e.ctx(), app, "alice", 2)
	if d := cmp.Diff(convs[:2], two); err != nil || d != "" {
		t.Errorf("the newest two: %v %s", err, d)
	}
	if none, err := s.Conversations(e.ctx(), app, "nobody", 10); err != nil || len(none) != 0 {
		t.Errorf("of nobody: %v, %v", none, err)
	}
}

// delivered returns an account's delivery state in a conversation.
func delivered(t testing.TB, s *sqlstore.Store, app, accid string, conv im.ConvKey) message.SeqSet {
	t.Helper()
	convs, err := s.Conversations(hytest.Context(t), app, accid, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range convs {
		if c.Conv == conv {
			return c.Delivered
		}
	}
	t.Fatalf("%s has no conversation %s", accid, conv)
	return nil
}

func testDelivered(t *testing.T, e *env) {
	s, app := e.openApp()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		to := fmt.Sprintf("peer%d", n)
		conv := im.P2PKey("alice", to)
		send(t, s, text(app, "alice", to, n))
		have := map[int64]bool{}
		for range rapid.IntRange(1, 4).Draw(r, "writes") {
			var marks []message.Mark
			for range rapid.IntRange(1, 4).Draw(r, "marks") {
				var set message.SeqSet
				for range rapid.IntRange(0, 3).Draw(r, "ranges") {
					a := rapid.Int64Range(1, 40).Draw(r, "first")
					b := a + rapid.Int64Range(0, 6).Draw(r, "more")
					set = set.Add(a, b)
					for i := a; i <= b; i++ {
						have[i] = true
					}
				}
				marks = append(marks, message.Mark{App: app, Accid: to, Conv: conv, Seqs: set})
			}
			if err := s.MarkDelivered(hytest.Context(t), marks); err != nil {
				r.Fatal(err)
			}
		}
		got := delivered(t, s, app, to, conv)
		for i := int64(0); i < 60; i++ {
			if got.Contains(i) != have[i] {
				r.Fatalf("%d: stored %v, want %v in %s", i, got.Contains(i), have[i], got)
			}
		}
		if other := delivered(t, s, app, "alice", conv); len(other) != 0 {
			r.Fatalf("the other side's state became %s", other)
		}
	})
	// More marks than one write takes, from two sides at once.
	var marks []message.Mark
	for i := range 120 {
		marks = append(marks, message.Mark{App: app, Accid: "alice", Conv: im.P2PKey("alice", "peer1"), Seqs: message.SeqSet{{First: int64(2*i + 1), Last: int64(2*i + 1)}}})
	}
	second := e.open()
	errs := make(chan error, 2)
	go func() { errs <- s.MarkDelivered(e.ctx(), marks[:90]) }()
	go func() { errs <- second.MarkDelivered(e.ctx(), marks[30:]) }()
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := delivered(t, s, app, "alice", im.P2PKey("alice", "peer1")); len(got) != 120 {
		t.Errorf("%d ranges after two nodes wrote 120: %s", len(got), got)
	}
}

func testDeliveredNoMember(t *testing.T, e *env) {
	s, app := e.openApp()
	send(t, s, text(app, "alice", "bob", 1))
	err := s.MarkDelivered(e.ctx(), []message.Mark{
		{App: app, Accid: "carol", Conv: "p|alice|bob", Seqs: message.SeqSet{{First: 1, Last: 1}}},
		{App: app, Accid: "bob", Conv: "p|alice|bob", Seqs: message.SeqSet{{First: 1, Last: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if convs, err := s.Conversations(e.ctx(), app, "carol", 10); err != nil || len(convs) != 0 {
		t.Errorf("carol joined by acknowledging: %v, %v", convs, err)
	}
	if got := delivered(t, s, app, "bob", "p|alice|bob"); got.String() != "1" {
		t.Errorf("bob: %s", got)
	}
}

func testSessionAcks(t *testing.T, e *env) {
	s, app := e.openApp()
	two := e.putApp(s, "app-two")
	mark := func(app, accid string, acks ...session.Ack) []session.Ack {
		t.Helper()
		rose, err := s.MarkRead(e.ctx(), app, accid, acks)
		if err != nil {
			t.Fatal(err)
		}
		return rose
	}
	bob, team, super := session.Ack{Target: "bob", TimeMs: 10}, session.Ack{Scene: im.SceneTeam, Target: "5", TimeMs: 20}, session.Ack{Scene: im.SceneSuperTeam, Target: "5", TimeMs: 30}
	at := func(a session.Ack, ms int64) session.Ack { a.TimeMs = ms; return a }
	for _, c := range []struct {
		name     string
		in, rose []session.Ack
	}{
		{"new ones rise", []session.Ack{bob, team, super}, []session.Ack{bob, team, super}},
		{"equal ones do not", []session.Ack{bob, team}, nil},
		{"lower ones do not", []session.Ack{at(bob, 9), at(team, 1)}, nil},
		{"only the higher ones", []session.Ack{at(bob, 9), at(team, 21)}, []session.Ack{at(team, 21)}},
		{"twice in one request", []session.Ack{at(bob, 11), at(bob, 12), at(bob, 5)}, []session.Ack{at(bob, 11), at(bob, 12)}},
		{"none", nil, nil},
	} {
		if d := cmp.Diff(c.rose, mark(app, "alice", c.in...), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	mark(two, "alice", at(bob, 99))
	mark(app, "carol", at(bob, 98))
	got, err := s.Acks(e.ctx(), app, "alice")
	sort.Slice(got, func(i, j int) bool { return got[i].Scene < got[j].Scene })
	if d := cmp.Diff([]session.Ack{at(bob, 12), at(team, 21), super}, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	// Many devices at once, in opposite orders: the highest wins.
	errs := make(chan error, 16)
	for i := range 16 {
		go func() {
			acks := []session.Ack{at(bob, int64(100+i)), at(team, int64(200-i))}
			if i%2 == 0 {
				slices.Reverse(acks)
			}
			_, err := s.MarkRead(e.ctx(), app, "alice", acks)
			errs <- err
		}()
	}
	for range 16 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	got, err = s.Acks(e.ctx(), app, "alice")
	sort.Slice(got, func(i, j int) bool { return got[i].Scene < got[j].Scene })
	if d := cmp.Diff([]session.Ack{at(bob, 115), at(team, 200), super}, got); err != nil || d != "" {
		t.Errorf("at once: %v %s", err, d)
	}
}
