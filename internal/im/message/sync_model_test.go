package message_test

import (
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

// gadget is a device of alice: what it shows, and the time tags it keeps.
type gadget struct {
	shows                             map[int64]im.ConvKey
	roamed, super, recalled, unlisted int64 // ms; super is roamed of super teams
}

// Whatever happens to messages while a device is away, its next sync from its
// own time tags leads to what a new device gets from a whole one, which is what
// alice may see, and nothing is both offline and roaming; in conversations with
// accounts, teams and super teams.
func TestSyncFromAnyTag(t *testing.T) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, config(t), "offline_per_session", "1000", "roaming_per_session", "1000", "send_rate", "0", "teams_created_max", "100000", "teams_joined_max", "1000")
			teams := w.withTeams()
			runs := 0
			var mu sync.Mutex // rapid may repeat a failing run
			rapid.Check(t, func(r *rapid.T) {
				mu.Lock()
				defer mu.Unlock()
				if runs++; runs > 60 && !t.Failed() {
					return
				}
				w.runAway(r, teams, fmt.Sprint("alice", runs))
			})
		})
	}
}

func (w *world) withTeams() *team.Service {
	s := team.New(team.Config{Store: w.store, Accounts: w.accounts, Messages: w.svc, Bus: w.bus, Clock: w.clock.Now, IDs: w.store.IDs(),
		Attach: func(n *team.Notification) string { return fmt.Sprint(n.ID) }, Notices: notice.New(w.store, w.store.IDs(), w.bus, w.clock.Now)})
	w.svc.SetGate(s)
	w.svc.SetTeams(s.ForMessages())
	return s
}

func (w *world) sendTeam(from string, tm *team.Team) *message.Message {
	w.t.Helper()
	m, done := w.message(from, fmt.Sprint(tm.TID), 0), make(chan error, 1)
	err := w.svc.SendTeam(w.t.Context(), message.Send{App: w.app, Msg: m, Origin: "conn"}, tm.Kind.Scene(), func(_ *message.Message, err error) { done <- err })
	if err == nil {
		err = <-done
	}
	if err != nil {
		w.t.Fatalf("send: %v", err)
	}
	return m
}

// runAway does things to the conversations of an account that no run before had:
// with two others, in a team and in a super team.
func (w *world) runAway(r *rapid.T, teams *team.Service, me string) {
	w.register(me)
	ok := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	var rooms [2]*team.Team
	for i, k := range []team.Kind{team.Normal, team.Super} {
		name := "crew"
		var err error
		rooms[i], _, err = teams.Create(w.t.Context(), team.Actor{App: w.app, Accid: "bob"}, team.Creation{Kind: k, Type: team.Advanced, Fields: team.Update{Name: &name},
			Accids: []string{me, "carol"}, Direct: true})
		ok(err)
	}
	gadgets := []*gadget{{shows: map[int64]im.ConvKey{}}, {shows: map[int64]im.ConvKey{}}}
	var all []*message.Message
	gone := map[int64]bool{} // for me
	pick := func() *message.Message { return all[rapid.IntRange(0, len(all)-1).Draw(r, "message")] }
	for range rapid.IntRange(10, 40).Draw(r, "steps") {
		// Time tags are one maximum over all conversations: they tell apart what is a
		// millisecond apart (ARCHITECTURE.md section 2).
		w.clock.Advance(time.Duration(rapid.IntRange(2, 90).Draw(r, "pause")) * time.Millisecond)
		what := rapid.SampledFrom([]string{"receive", "receive", "send", "send", "send", "recall", "one way", "delete", "clear", "sync", "sync", "sync", "sync"}).Draw(r, "what")
		peer := rapid.SampledFrom([]string{"bob", "carol"}).Draw(r, "peer")
		var room *team.Team // nil: p2p
		if i := rapid.IntRange(0, 3).Draw(r, "room"); i < 2 {
			room = rooms[i]
		}
		switch {
		case what == "receive" && room != nil:
			all = append(all, w.sendTeam(peer, room))
		case what == "receive":
			all = append(all, w.send(peer, me, 0))
		case what == "send" && room != nil:
			all = append(all, w.sendTeam(me, room))
		case what == "send":
			all = append(all, w.send(me, peer, 0))
		case what == "sync":
			g := gadgets[rapid.IntRange(0, 1).Draw(r, "device")]
			w.syncGadget(r, me, g, rapid.Bool().Draw(r, "acknowledges"))
			whole := &gadget{shows: map[int64]im.ConvKey{}}
			w.syncGadget(r, me, whole, false)
			if !maps.Equal(g.shows, whole.shows) {
				r.Fatalf("from its tags the device shows %v, a new one %v", g.shows, whole.shows)
			}
			for _, m := range all {
				if _, there := whole.shows[m.ID]; there == gone[m.ID] {
					r.Fatalf("message %d from %s in %s is shown: %v", m.ID, m.From, m.Conv, there)
				}
			}
		case len(all) == 0:
		case what == "recall" || what == "one way":
			m := pick()
			kind := map[im.Scene]message.RecallKind{im.SceneP2P: message.RecallP2P, im.SceneTeam: message.RecallTeam, im.SceneSuperTeam: message.RecallSuperTeam}[m.Scene]
			if what == "one way" && m.Scene != im.SceneSuperTeam { // which have no such thing
				kind = map[im.Scene]message.RecallKind{im.SceneP2P: message.DeleteP2POneWay, im.SceneTeam: message.DeleteTeamOneWay}[m.Scene]
			}
			by := m.From
			if kind == message.RecallTeam || kind == message.RecallSuperTeam {
				by = rapid.SampledFrom([]string{m.From, "bob"}).Draw(r, "by") // who owns them
			}
			ok(w.svc.Recall(w.t.Context(), message.Recall{App: w.app, Operator: by, Kind: kind, From: m.From, To: m.To, ID: m.ID, IDClient: m.IDClient}))
			gone[m.ID] = gone[m.ID] || !kind.OneWay() || m.From != me
		case what == "delete":
			m := pick()
			if m.Scene == im.SceneSuperTeam { // nobody deletes there for himself alone
				continue
			}
			_, err := w.svc.DeleteForSelf(w.t.Context(), w.app, me, "", []message.Deleted{{ID: m.ID, Scene: m.Scene}})
			ok(err)
			gone[m.ID] = true
		case what == "clear":
			scene, target, conv := im.SceneP2P, peer, im.P2PKey(me, peer)
			if room != nil {
				scene, target, conv = room.Kind.Scene(), fmt.Sprint(room.TID), room.Conv()
			}
			_, err := w.svc.ClearHistory(w.t.Context(), w.app, me, "", scene, target, message.ClearMode{History: true, Roaming: true, Sync: true})
			ok(err)
			for _, m := range all {
				// Super teams cannot be cleared (docs/protocol/nim-core.md section 5.12).
				gone[m.ID] = gone[m.ID] || m.Conv == conv && scene != im.SceneSuperTeam
			}
		}
	}
}

// syncGadget does what a client does with the packets of a sync, in their order
// (docs/protocol/nim-core.md section 4.2).
func (w *world) syncGadget(r *rapid.T, me string, g *gadget, acknowledge bool) {
	ctx := w.t.Context()
	start := w.clock.NowMs()
	got := w.sync(me, func(q *message.SyncRequest) { q.SinceMs, q.SuperRoaming, q.SuperSinceMs = g.roamed, true, g.super })
	cleared, err := w.svc.ClearedSessions(ctx, w.app, me)
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range cleared {
		maps.DeleteFunc(g.shows, func(id int64, conv im.ConvKey) bool { return conv == c.Conv && im.IDTimeMs(id) <= c.TimeMs })
	}
	deleted, err := w.svc.DeletedSince(ctx, w.app, me, g.unlisted)
	if err != nil {
		r.Fatal(err)
	}
	for _, d := range deleted {
		delete(g.shows, d.ID)
		g.unlisted = max(g.unlisted, d.DeletedMs)
	}
	roams := map[int64]bool{}
	for tag, lists := range map[*int64][][]*message.Message{&g.roamed: got.Roaming, &g.super: got.Super} {
		for _, list := range lists {
			for i, m := range list {
				if i > 0 && list[i-1].Seq <= m.Seq {
					r.Fatal("roaming is not newest first")
				}
				g.shows[m.ID], roams[m.ID] = m.Conv, true
			}
			*tag = max(*tag, list[0].Time)
		}
	}
	for _, m := range got.Offline {
		if roams[m.ID] {
			r.Fatalf("message %d is both offline and roaming", m.ID)
		}
		g.shows[m.ID] = m.Conv
		if acknowledge {
			w.svc.Delivered(w.app.Key, me, message.Position{Conv: m.Conv, Seq: m.Seq})
		}
	}
	recalls, err := w.svc.Recalls(ctx, w.app, me)
	if err != nil {
		r.Fatal(err)
	}
	var ids []int64
	for _, n := range recalls {
		if !n.Acked || n.TimeMs > g.recalled {
			delete(g.shows, n.MsgID)
			ids = append(ids, n.ID)
		}
	}
	g.recalled = start
	if acknowledge {
		if err := w.svc.AckRecalls(ctx, w.app, me, ids); err != nil {
			r.Fatal(err)
		}
	}
}
