package storetest

import (
	"fmt"
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

// opModel is what is promised of one conversation's messages, as loops.
type opModel struct {
	msgs      []*message.Message // oldest first
	gone      map[int64]bool     // by id
	hidden    map[string]map[int64]bool
	cleared   map[string]int64 // by account: ms
	roamed    map[string]int64
	delivered map[string]message.SeqSet
	receipts  map[string]int64 // by reader
}

func (m *opModel) page(viewer string, login bool) []int64 {
	var out []int64
	for _, x := range m.msgs {
		until := m.cleared[viewer]
		if login {
			until = m.roamed[viewer]
		}
		if m.gone[x.ID] || m.hidden[viewer][x.ID] || x.Time <= until || !x.VisibleTo(viewer) {
			continue
		}
		out = append(out, x.ID)
	}
	return out
}

// testOpModel does what can be done to messages in any order and holds every
// account's view, delivery state and receipts against the model.
func testOpModel(t *testing.T, e *env) {
	s, app := e.openApp()
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		who := [2]string{fmt.Sprintf("alice%d", round), fmt.Sprintf("bob%d", round)}
		conv := im.P2PKey(who[0], who[1])
		m := &opModel{gone: map[int64]bool{}, hidden: map[string]map[int64]bool{who[0]: {}, who[1]: {}}, cleared: map[string]int64{}, roamed: map[string]int64{},
			delivered: map[string]message.SeqSet{}, receipts: map[string]int64{}}
		account := rapid.SampledFrom(who[:])
		pick := func() *message.Message {
			if len(m.msgs) == 0 {
				r.Skip("no message yet")
			}
			return rapid.SampledFrom(m.msgs).Draw(r, "message")
		}
		n := 0
		deliver := func(first, last int64, accounts ...string) {
			for _, a := range accounts {
				m.delivered[a] = m.delivered[a].Add(first, last)
			}
		}
		both := who[:]
		r.Repeat(map[string]func(*rapid.T){
			"send": func(r *rapid.T) {
				from := account.Draw(r, "from")
				x := text(app, from, conv.Peer(from), n)
				n++
				send(t, s, x)
				m.msgs = append(m.msgs, x)
			},
			"recall": func(r *rapid.T) {
				x := pick()
				notice := &message.RecallNotice{Kind: message.RecallP2P, Conv: conv, MsgID: x.ID, MsgTime: x.Time, From: x.From, Operator: x.From}
				done, err := s.Erase(hytest.Context(t), x, notice)
				if err != nil || done == m.gone[x.ID] || done && notice.ID == 0 {
					r.Fatalf("erase: %v, %v, was gone %v", done, err, m.gone[x.ID])
				}
				if done {
					m.gone[x.ID] = true
					deliver(x.Seq, x.Seq, both...)
				}
			},
			"one way": func(r *rapid.T) {
				x := pick()
				was := x.Flags.Has(message.ReceiverNoSense)
				done, err := s.HideFromReceivers(hytest.Context(t), x, &message.RecallNotice{Kind: message.DeleteP2POneWay, MsgID: x.ID, From: x.From, Operator: x.From})
				if err != nil || done != (!was && !m.gone[x.ID]) {
					r.Fatalf("one way: %v, %v", done, err)
				}
				if done {
					x.Flags |= message.ReceiverNoSense
					deliver(x.Seq, x.Seq, both...)
				}
			},
			"delete": func(r *rapid.T) {
				x, a := pick(), account.Draw(r, "account")
				err := s.Hide(hytest.Context(t), app, a, []message.Deleted{{Conv: conv, ID: x.ID, TimeMs: x.Time, Seq: x.Seq, DeletedMs: 1}})
				if err != nil {
					r.Fatal(err)
				}
				m.hidden[a][x.ID] = true
				deliver(x.Seq, x.Seq, a)
			},
			"clear": func(r *rapid.T) {
				a := account.Draw(r, "account")
				c := message.ClearMode{History: rapid.Bool().Draw(r, "history"), Roaming: rapid.Bool().Draw(r, "roaming")}
				at, err := s.Clear(hytest.Context(t), app, a, []im.ConvKey{conv, im.P2PKey(a, "nobody")}, c)
				if err != nil || len(at) != min(len(m.msgs), 1) {
					r.Fatalf("clear: %v, %v", at, err)
				}
				if len(at) == 0 {
					return
				}
				if c.History {
					m.cleared[a] = at[conv]
				}
				if c.Roaming {
					m.roamed[a] = at[conv]
					deliver(1, int64(len(m.msgs)), a)
				}
			},
			"receipt": func(r *rapid.T) {
				x := pick()
				reader := conv.Peer(x.From)
				want := max(m.receipts[reader], x.Time)
				got := message.Receipt{To: x.From, Reader: reader, TimeMs: x.Time, IDClient: x.IDClient}
				rose, err := s.RaiseReceipt(hytest.Context(t), app, &got)
				if err != nil || rose != (x.Time > m.receipts[reader]) || got.TimeMs != want {
					r.Fatalf("receipt: %v, %v, %+v, want %d", rose, err, got, want)
				}
				m.receipts[reader] = want
			},
			"": func(r *rapid.T) { m.check(t, r, s, app, conv, both) },
		})
	})
}

func (m *opModel) check(t *testing.T, r *rapid.T, s *sqlstore.Store, app string, conv im.ConvKey, who []string) {
	for _, a := range who {
		for _, login := range []bool{false, true} {
			msgs, err := s.Page(hytest.Context(t), app, conv, message.PageQuery{Viewer: a, Login: login, Ascending: true, Limit: 1000})
			if err != nil {
				r.Fatal(err)
			}
			var got []int64
			for _, x := range msgs {
				got = append(got, x.ID)
			}
			if d := cmp.Diff(m.page(a, login), got, cmpopts.EquateEmpty()); d != "" {
				r.Fatalf("page of %s, login %v: %s", a, login, d)
			}
		}
		var ids []int64
		for _, x := range m.msgs {
			ids = append(ids, x.ID)
		}
		visible, err := s.Visible(hytest.Context(t), app, a, ids)
		if want := m.page(a, false); err != nil || len(visible) != len(want) {
			r.Fatalf("visible to %s: %d messages, want %d, %v", a, len(visible), len(want), err)
		}
		convs, err := s.Conversations(hytest.Context(t), app, a, 10)
		if err != nil || len(convs) != min(len(m.msgs), 1) {
			r.Fatalf("conversations: %v, %v", convs, err)
		}
		for _, c := range convs {
			if d := cmp.Diff(m.delivered[a], c.Delivered, cmpopts.EquateEmpty()); d != "" {
				r.Fatalf("delivered to %s: %s", a, d)
			}
		}
		list, err := s.Receipts(hytest.Context(t), app, conv.Peer(a), 0)
		if err != nil || len(list) > 1 || len(list) == 1 && list[0].TimeMs != m.receipts[a] || len(list) == 0 && m.receipts[a] != 0 {
			r.Fatalf("receipts of %s: %v, %v", conv.Peer(a), list, err)
		}
	}
}

func testRecalls(t *testing.T, e *env) {
	s, app := e.openApp()
	a, b, c := text(app, "alice", "bob", 1), text(app, "bob", "alice", 2), text(app, "carol", "bob", 3)
	send(t, s, a, b, c)
	for _, m := range []*message.Message{a, b, c} {
		n := &message.RecallNotice{Kind: message.RecallP2P, Conv: m.Conv, MsgID: m.ID, MsgTime: m.Time, From: m.From, To: m.To, Operator: m.From,
			IDClient: m.IDClient, FromNick: "鸿雁", Text: "ps", Attach: `{"a":1}`}
		if done, err := s.Erase(e.ctx(), m, n); err != nil || !done {
			t.Fatal(done, err)
		}
		got, err := s.Recalls(e.ctx(), app, m.From, 0)
		if err != nil || len(got) == 0 {
			t.Fatal(got, err)
		}
		if d := cmp.Diff(n, got[len(got)-1], cmpopts.IgnoreUnexported(message.RecallNotice{})); d != "" {
			t.Error(d)
		}
	}
	all, _ := s.Recalls(e.ctx(), app, "bob", 0)
	if len(all) != 3 {
		t.Fatalf("bob has %d notices", len(all))
	}
	if err := s.AckRecalls(e.ctx(), app, "bob", []int64{all[1].ID, 1, all[1].ID, a.ID}); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string][]bool{"bob": {false, true, false}, "alice": {false, false}, "carol": {false}, "dora": nil} {
		list, err := s.Recalls(e.ctx(), app, who, 0)
		var got []bool
		for _, n := range list {
			got = append(got, n.Acked)
		}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", who, err, d)
		}
	}
	if late, err := s.Recalls(e.ctx(), app, "bob", s.IDs().Last()+im.FirstIDAt(0)+1<<45); err != nil || len(late) > 3 {
		t.Error(late, err)
	}
	other := e.putApp(s, "app-two")
	if got, err := s.Recalls(e.ctx(), other, "bob", 0); err != nil || len(got) != 0 {
		t.Errorf("another app: %v, %v", got, err)
	}
	if got, err := s.Get(e.ctx(), other, []int64{a.ID, b.ID}); err != nil || len(got) != 0 {
		t.Errorf("another app: %v, %v", got, err)
	}
	// A resend of what was recalled is a duplicate still.
	again := text(app, "alice", "bob", 1)
	if out := sendAll(t, s, again); !out[0].duplicate || again.ID != a.ID {
		t.Errorf("resent: %+v, id %d, first %d", out[0], again.ID, a.ID)
	}
}

func testFindClientID(t *testing.T, e *env) {
	s, app := e.openApp()
	m := text(app, "alice", "bob", 1)
	send(t, s, m)
	b := &batch{t: t}
	rest := text(app, "alice", "bob", 2)
	if err := b.add(s, rest, false); err != nil {
		t.Fatal(err)
	}
	b.wait()
	for _, c := range []struct {
		sender, id string
		want       int64
	}{{"alice", m.IDClient, m.ID}, {"alice", rest.IDClient, rest.ID}, {"bob", m.IDClient, 0}, {"alice", "x", 0}} {
		got, err := s.FindClientID(e.ctx(), app, m.Conv, c.sender, c.id)
		if err != nil || (got == nil) != (c.want == 0) || got != nil && got.ID != c.want {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
	}
}

func testThreads(t *testing.T, e *env) {
	s, app := e.openApp()
	root := text(app, "alice", "bob", 0)
	send(t, s, root)
	var replies []*message.Message
	for i := range 5 {
		m := text(app, "bob", "alice", i+1)
		m.Content.Thread = &message.Ref{IDServer: root.IDText()}
		replies = append(replies, m, text(app, "alice", "bob", 10+i))
	}
	send(t, s, replies...)
	q := message.PageQuery{Thread: root.ID, Viewer: "alice", Limit: 100, Ascending: true}
	count := func(want int) {
		t.Helper()
		got, err := s.Page(e.ctx(), app, root.Conv, q)
		n, newest, err2 := s.Count(e.ctx(), app, root.Conv, q)
		if err != nil || err2 != nil || len(got) != want || int(n) != want || want > 0 && newest != got[want-1].Time {
			t.Errorf("%d replies, count %d, newest %d, want %d: %v %v", len(got), n, newest, want, err, err2)
		}
	}
	count(5)
	if _, err := s.Erase(e.ctx(), replies[2], nil); err != nil {
		t.Fatal(err)
	}
	count(4)
	if err := s.Hide(e.ctx(), app, "alice", []message.Deleted{{Conv: root.Conv, TimeMs: replies[0].Time, Seq: replies[0].Seq}}); err != nil {
		t.Fatal(err)
	}
	count(3)
	q.Thread = 1
	count(0)
}

func testSticks(t *testing.T, e *env) {
	s, app := e.openApp()
	put := func(id, ext string, at int64, update bool) error {
		return s.Stick(e.ctx(), app, "alice", &session.Stick{ID: id, Ext: ext, UpdatedMs: at}, update, 2)
	}
	for _, c := range []struct {
		name, id, ext string
		at            int64
		update        bool
		code          im.Code
	}{
		{"add", "p2p|bob", "1", 10, false, 200},
		{"add again keeps the time", "p2p|bob", "2", 20, false, 200},
		{"update of none", "p2p|dora", "2", 20, true, 404},
		{"another", "team|1", "", 30, false, 200},
		{"too many", "team|2", "", 30, false, 419},
		{"update", "team|1", "x", 40, true, 200},
	} {
		if err := put(c.id, c.ext, c.at, c.update); im.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	want := []session.Stick{{ID: "p2p|bob", Ext: "2", CreatedMs: 10, UpdatedMs: 20}, {ID: "team|1", Ext: "x", CreatedMs: 30, UpdatedMs: 40}}
	got, err := s.Sticks(e.ctx(), app, "alice")
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for _, want := range []bool{true, false} {
		if was, err := s.Unstick(e.ctx(), app, "alice", "p2p|bob"); err != nil || was != want {
			t.Errorf("%v, %v, want %v", was, err, want)
		}
	}
	if got, _ := s.Sticks(e.ctx(), e.putApp(s, "app-two"), "alice"); len(got) != 0 {
		t.Error("another app's sessions")
	}
}

func testCloudSessions(t *testing.T, e *env) {
	s, app := e.openApp()
	bob, carol := text(app, "bob", "alice", 1), text(app, "alice", "carol", 2)
	send(t, s, bob, carol)
	quiet := text(app, "alice", "bob", 3)
	quiet.Flags = message.NoSession
	send(t, s, quiet)
	if err := s.PutCloudExt(e.ctx(), app, "alice", "p|alice|dora", "draft", quiet.Time+1000); err != nil {
		t.Fatal(err)
	}
	heads, err := s.CloudHeads(e.ctx(), app, "alice", 0, 10)
	if err != nil || len(heads) != 3 || heads[0].Conv != "p|alice|dora" || heads[0].Row.Ext != "draft" || heads[1].Row != nil {
		t.Fatalf("%+v, %v", heads, err)
	}
	// A super team keeps no delivery states, but is among the sessions of its members.
	foundSuper(e, s, app, 7, "alice", "bob")
	super := &message.Message{App: app, Scene: im.SceneSuperTeam, Conv: im.SuperTeamKey(7), From: "bob", To: "7", IDClient: "super"}
	send(t, s, super)
	if h, err := s.CloudHeads(e.ctx(), app, "alice", 0, 10); err != nil || len(h) != 4 {
		t.Errorf("with a super team: %+v, %v", h, err)
	}
	if h, err := s.CloudHead(e.ctx(), app, "alice", super.Conv); err != nil || h == nil || h.Conv != super.Conv {
		t.Errorf("%+v, %v", h, err)
	}
	if h, err := s.CloudHead(e.ctx(), app, "carol", super.Conv); err != nil || h != nil {
		t.Errorf("no member has it: %+v, %v", h, err)
	}
	notice := &message.RecallNotice{Kind: message.RecallSuperTeam, Conv: super.Conv, MsgID: super.ID, MsgTime: super.Time, From: "bob", Operator: "bob"}
	if done, err := s.Erase(e.ctx(), super, notice); !done || err != nil {
		t.Fatal(done, err)
	}
	for who, want := range map[string]int{"alice": 1, "carol": 0} {
		if got, err := s.Recalls(e.ctx(), app, who, 0); err != nil || len(got) != want {
			t.Errorf("recalls %s hears of: %+v, %v", who, got, err)
		}
	}
	last := func(conv im.ConvKey, after int64) (*message.Message, *message.RecallNotice) {
		t.Helper()
		m, n, err := s.CloudLast(e.ctx(), app, "alice", conv, after)
		if err != nil {
			t.Fatal(err)
		}
		return m, n
	}
	if m, n := last(bob.Conv, 0); m == nil || m.ID != bob.ID || n != nil {
		t.Errorf("%+v %+v", m, n)
	}
	if done, err := s.Erase(e.ctx(), bob, &message.RecallNotice{Kind: message.RecallP2P, MsgID: bob.ID, MsgTime: bob.Time, From: "bob", Operator: "bob"}); !done || err != nil {
		t.Fatal(err)
	}
	if m, n := last(bob.Conv, 0); m != nil || n == nil || n.MsgID != bob.ID {
		t.Errorf("%+v %+v", m, n)
	}
	if err := s.DeleteCloud(e.ctx(), app, "alice", []im.ConvKey{bob.Conv, carol.Conv}, 1); err != nil {
		t.Fatal(err)
	}
	h, err := s.CloudHead(e.ctx(), app, "alice", carol.Conv)
	if err != nil || h == nil || h.Row == nil || h.Row.DeletedMs < carol.Time {
		t.Fatalf("%+v, %v", h, err)
	}
	if m, n := last(carol.Conv, h.Row.DeletedMs); m != nil || n != nil {
		t.Errorf("%+v %+v", m, n)
	}
	next := text(app, "carol", "alice", 4)
	send(t, s, next)
	if m, _ := last(carol.Conv, h.Row.DeletedMs); m == nil || m.ID != next.ID {
		t.Errorf("%+v", m)
	}
	if h, err := s.CloudHead(e.ctx(), app, "alice", "p|alice|nobody"); h != nil || err != nil {
		t.Errorf("%+v, %v", h, err)
	}
}
