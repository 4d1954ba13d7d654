package message_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

// countingStore counts what is read: pages, and single messages that are looked
// at to find a place.
type countingStore struct {
	*sqlstore.Store
	pages, probes int
}

func (s *countingStore) Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error) {
	if q.Limit == 1 {
		s.probes++
	} else {
		s.pages++
	}
	return s.Store.Page(ctx, app, conv, q)
}

// counted makes w's service count what it reads.
func (w *world) counted() *countingStore {
	c := &countingStore{Store: w.store}
	w.svc = message.New(c, w.accounts, w.bus, w.clock.Now)
	return c
}

func (w *world) acknowledge(accid string, msgs ...*message.Message) {
	for _, m := range msgs {
		w.svc.Delivered(w.app.Key, accid, message.Position{Conv: m.Conv, Seq: m.Seq})
	}
}

func queueOnly(r *message.SyncRequest) { r.Roaming = false }

func onBothDatabases(t *testing.T, overrides []string, test func(t *testing.T, w *world)) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) { test(t, newWorldOn(t, config(t), append(overrides, "send_rate", "0")...)) })
	}
}

// What never waits for an account, or waits no longer, is read by one sync at
// most: the next has nothing to read.
func TestHolesHeal(t *testing.T) {
	onBothDatabases(t, []string{"offline_per_session", "3", "offline_max", "4"}, func(t *testing.T, w *world) {
		for i, c := range []struct {
			name string
			away func(me string) // what happens to an account's conversation with bob while it is away
			want int             // messages in its queue afterwards
		}{
			{"not kept for those who are away", func(me string) { w.send("bob", me, message.NoOffline) }, 0},
			{"expired", func(me string) { w.send("bob", me, 0); w.clock.Advance(31 * 24 * time.Hour) }, 0},
			{"beyond what waits", func(me string) { w.append("bob", me, 5, 0) }, 3},
			{"beyond what waits in all", func(me string) {
				w.append("bob", me, 3, 0)
				w.clock.Advance(time.Second)
				w.append("carol", me, 3, 0)
			}, 4},
		} {
			me := fmt.Sprint("me", i)
			w.register(me)
			c.away(me)
			w.send(me, "bob", 0)
			store := w.counted() // what the senders' node had not written yet is lost with it
			got := w.sync(me, queueOnly)
			if len(got.Offline) != c.want {
				t.Errorf("%s: %d wait, want %d", c.name, len(got.Offline), c.want)
			}
			w.acknowledge(me, got.Offline...)
			store.pages = 0
			if got := w.sync(me, queueOnly); len(got.Offline) != 0 || store.pages != 0 {
				t.Errorf("%s: the second sync read %d pages and gives %v", c.name, store.pages, bodies(got.Offline))
			}
		}
	})
}

// A message that waits is found wherever it is, and what was received above it is
// not read; handed out and not acknowledged, it is handed out again.
func TestSyncSkipsWhatIsReceived(t *testing.T) {
	onBothDatabases(t, nil, func(t *testing.T, w *world) {
		first := w.send("bob", "alice", 0)
		conv := first.Conv
		var want []string
		want = append(want, first.Content.Body)
		w.clock.Advance(10 * 24 * time.Hour)
		w.append("bob", "alice", 1500, 0) // 2 to 1501
		second := w.send("bob", "alice", 0)
		want = append(want, second.Content.Body)
		w.clock.Advance(time.Hour)
		w.append("bob", "alice", 1500, 0)
		if err := w.store.MarkDelivered(t.Context(), []message.Mark{{App: w.app.Key, Accid: "alice", Conv: conv, Seqs: message.SeqSet{{First: 2, Last: 1501}, {First: 1503, Last: 3002}}}}); err != nil {
			t.Fatal(err)
		}
		store := w.counted()
		for _, login := range []string{"first", "second"} {
			store.pages, store.probes = 0, 0
			got := w.sync("alice", queueOnly)
			if d := cmp.Diff(want, bodies(got.Offline)); d != "" {
				t.Errorf("%s login: %s", login, d)
			}
			// One for each of the three places; 30 days are 2^32 milliseconds.
			if store.pages > 3 || store.probes > 2*32 {
				t.Errorf("%s login read %d pages and %d messages", login, store.pages, store.probes)
			}
		}
		w.acknowledge("alice", first, second)
		store.pages = 0
		if got := w.sync("alice", queueOnly); len(got.Offline) != 0 || store.pages != 0 {
			t.Errorf("the last sync read %d pages and gives %v", store.pages, bodies(got.Offline))
		}
	})
}

// Whatever is sent, received, recalled and acknowledged: a sync gives the newest
// that wait, what it gives and is not acknowledged waits on, and what is beyond
// the limit waits no longer.
func TestQueueModel(t *testing.T) {
	const most = 130
	onBothDatabases(t, []string{"offline_per_session", fmt.Sprint(most)}, func(t *testing.T, w *world) {
		runs := 0
		var mu sync.Mutex // rapid may repeat a failing run
		rapid.Check(t, func(r *rapid.T) {
			mu.Lock()
			defer mu.Unlock()
			if runs++; runs > 12 && !t.Failed() {
				return
			}
			me := fmt.Sprint("me", runs)
			w.register(me)
			var all, waiting []*message.Message // oldest first
			for range rapid.IntRange(3, 15).Draw(r, "steps") {
				w.clock.Advance(time.Duration(rapid.IntRange(0, 3_600_000).Draw(r, "pause")) * time.Millisecond)
				switch what := rapid.SampledFrom([]string{"receive", "receive", "send", "get", "recall", "sync", "sync"}).Draw(r, "what"); what {
				case "receive", "send":
					from, to, flags := "bob", me, rapid.SampledFrom([]message.Flags{0, 0, 0, message.NoOffline, message.ReceiverNoSense, message.NoRoaming}).Draw(r, "flags")
					if what == "send" {
						from, to = to, from
					}
					sent := w.append(from, to, rapid.SampledFrom([]int{1, 1, 2, 120, 350}).Draw(r, "number"), flags)
					all = append(all, sent...)
					if from == "bob" && flags&(message.NoOffline|message.ReceiverNoSense) == 0 {
						waiting = append(waiting, sent...)
					}
				case "get": // live, all but one
					left := rapid.IntRange(0, len(waiting)).Draw(r, "left")
					for i, m := range waiting {
						if i != left {
							w.acknowledge(me, m)
						}
					}
					waiting = slices.Clone(waiting[min(left, len(waiting)):min(left+1, len(waiting))])
				case "recall":
					if len(all) == 0 {
						continue
					}
					m := all[rapid.IntRange(0, len(all)-1).Draw(r, "message")]
					if _, err := w.store.Erase(t.Context(), m, nil); err != nil {
						r.Fatal(err)
					}
					waiting = slices.DeleteFunc(waiting, func(x *message.Message) bool { return x == m })
				case "sync":
					got := w.sync(me, func(q *message.SyncRequest) { q.Roaming = rapid.Bool().Draw(r, "roaming") })
					waiting = waiting[max(0, len(waiting)-most):]
					if d := cmp.Diff(bodies(waiting), bodies(got.Offline)); d != "" {
						r.Fatalf("queue: %s", d)
					}
					if rapid.Bool().Draw(r, "acknowledges") {
						w.acknowledge(me, got.Offline...)
						waiting = nil
					}
				}
			}
		})
	})
}

// A sync reads a bounded number of pages; the next one goes on where it ended.
func TestSyncReadsABoundedNumberOfPages(t *testing.T) {
	w := newWorld(t, "send_rate", "0")
	waiting := w.send("bob", "alice", 0)
	const flood = 10_500
	w.append("bob", "alice", flood, message.NoOffline|message.NoRoaming)
	store := w.counted()
	const most = 200
	for login := 1; ; login++ {
		store.pages = 0
		got := w.sync("alice", func(r *message.SyncRequest) { r.Roaming = login%2 == 0 })
		if store.pages > most {
			t.Fatalf("login %d read %d pages", login, store.pages)
		}
		if len(got.Offline) == 1 && got.Offline[0].ID == waiting.ID {
			break
		}
		if len(got.Offline) > 0 || login > 3 {
			t.Fatalf("login %d: %v", login, bodies(got.Offline))
		}
	}
	w.acknowledge("alice", waiting)
	store.pages = 0
	if got := w.sync("alice", queueOnly); len(got.Offline) != 0 || store.pages != 0 {
		t.Errorf("the last sync read %d pages and gives %v", store.pages, bodies(got.Offline))
	}
}

// What is on its way live, and what another node stored after the sync had read
// how far the conversation goes, is not settled.
func TestSyncSettlesOnlyWhatItLookedAt(t *testing.T) {
	w := newWorld(t, "send_rate", "0")
	w.append("bob", "alice", 3, message.NoOffline)
	mark := w.svc.Watermark()
	live := w.send("bob", "alice", 0)
	w.append("bob", "alice", 3, message.NoOffline)
	late := &lateStore{Store: w.store}
	w.svc = message.New(late, w.accounts, w.bus, w.clock.Now)
	var later *message.Message
	late.before = func() {
		later = w.message("bob", "alice", 0)
		w.put(later)
	}
	got := w.sync("alice", queueOnly, func(r *message.SyncRequest) { r.Watermark = mark })
	if len(got.Offline) != 0 {
		t.Fatalf("on their way live: %v", bodies(got.Offline))
	}
	got = w.sync("alice", queueOnly)
	if d := cmp.Diff(bodies([]*message.Message{live, later}), bodies(got.Offline)); d != "" {
		t.Errorf("the connection broke before they arrived: %s", d)
	}
}

// lateStore lets something happen once, right before the first page is read.
type lateStore struct {
	*sqlstore.Store
	before func()
}

func (s *lateStore) Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error) {
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	return s.Store.Page(ctx, app, conv, q)
}

// append stores many messages at once, past the rules of sending.
func (w *world) append(from, to string, n int, flags message.Flags) []*message.Message {
	w.t.Helper()
	msgs := make([]*message.Message, n)
	for i := range msgs {
		msgs[i] = w.message(from, to, flags)
	}
	w.put(msgs...)
	return msgs
}

func (w *world) put(msgs ...*message.Message) {
	w.t.Helper()
	for part := range slices.Chunk(msgs, 500) {
		done := make(chan error, len(part))
		for _, m := range part {
			m.App, m.Scene, m.Conv = w.app.Key, im.SceneP2P, im.P2PKey(m.From, m.To)
			if err := w.store.Append(&message.Pending{Msg: m, Done: func(_ bool, err error) { done <- err }}); err != nil {
				w.t.Fatal(err)
			}
		}
		for range part {
			if err := <-done; err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
