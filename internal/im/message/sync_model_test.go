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
	"hongyan/internal/infra/sqlstore"
)

// gadget is a device of alice: what it shows, and the time tags it keeps.
type gadget struct {
	shows                      map[int64]im.ConvKey
	roamed, recalled, unlisted int64 // ms
}

// Whatever happens to messages while a device is away, its next sync from its
// own time tags leads to what a new device gets from a whole one, and nothing is
// both offline and roaming.
func TestSyncFromAnyTag(t *testing.T) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, config(t), "offline_per_session", "1000", "roaming_per_session", "1000", "send_rate", "0")
			runs := 0
			var mu sync.Mutex // rapid may repeat a failing run
			rapid.Check(t, func(r *rapid.T) {
				mu.Lock()
				defer mu.Unlock()
				if runs++; runs > 25 && !t.Failed() {
					return
				}
				w.runAway(r, fmt.Sprint("alice", runs))
			})
		})
	}
}

// runAway does things to the conversations of an account that no run before had.
func (w *world) runAway(r *rapid.T, me string) {
	w.register(me)
	gadgets := []*gadget{{shows: map[int64]im.ConvKey{}}, {shows: map[int64]im.ConvKey{}}}
	var all []*message.Message
	pick := func() *message.Message { return all[rapid.IntRange(0, len(all)-1).Draw(r, "message")] }
	ok := func(err error) {
		if err != nil {
			r.Fatal(err)
		}
	}
	for range rapid.IntRange(10, 40).Draw(r, "steps") {
		// Time tags are one maximum over all conversations: they tell apart what is a
		// millisecond apart (ARCHITECTURE.md section 2).
		w.clock.Advance(time.Duration(rapid.IntRange(2, 90).Draw(r, "pause")) * time.Millisecond)
		what := rapid.SampledFrom([]string{"receive", "receive", "send", "send", "send", "recall", "delete", "clear", "sync", "sync", "sync", "sync"}).Draw(r, "what")
		peer := rapid.SampledFrom([]string{"bob", "carol"}).Draw(r, "peer")
		switch {
		case what == "receive":
			all = append(all, w.send(peer, me, 0))
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
		case len(all) == 0:
		case what == "recall":
			m := pick()
			ok(w.svc.Recall(w.t.Context(), message.Recall{App: w.app, Operator: m.From, Kind: message.RecallP2P, From: m.From, To: m.To, ID: m.ID, IDClient: m.IDClient}))
		case what == "delete":
			_, err := w.svc.DeleteForSelf(w.t.Context(), w.app, me, "", []message.Deleted{{ID: pick().ID}})
			ok(err)
		case what == "clear":
			_, err := w.svc.ClearHistory(w.t.Context(), w.app, me, "", im.SceneP2P, peer, message.ClearMode{History: true, Roaming: true, Sync: true})
			ok(err)
		}
	}
}

// syncGadget does what a client does with the packets of a sync, in their order
// (docs/protocol/nim-core.md section 4.2).
func (w *world) syncGadget(r *rapid.T, me string, g *gadget, acknowledge bool) {
	ctx := w.t.Context()
	start := w.clock.NowMs()
	got := w.sync(me, func(q *message.SyncRequest) { q.SinceMs = g.roamed })
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
	for _, list := range got.Roaming {
		for i, m := range list {
			if i > 0 && list[i-1].Seq <= m.Seq {
				r.Fatal("roaming is not newest first")
			}
			g.shows[m.ID], roams[m.ID] = m.Conv, true
		}
		g.roamed = max(g.roamed, list[0].Time)
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
