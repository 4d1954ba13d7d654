package gateway

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// liveModel is a session between a store that commits, a bus that brings the
// events of the commits later and in order, and a client that synchronises when
// it likes.
type liveModel struct {
	clock *hytest.Clock
	s     *Session
	next  int64

	stored    []*message.Message
	events    int // of stored: how many have been offered
	login     int // of stored: how many events nobody held, as the session was not there
	known     int // of stored: what the client has after its last sync, all of it
	syncing   bool
	contained map[int64]int // by id: how many frames there were when a sync had it first
	done      int           // finished syncs
}

func newLiveModel(stored int) *liveModel {
	m := &liveModel{clock: hytest.NewClock(time.Time{}), contained: map[int64]int{}}
	m.next = im.FirstIDAt(m.clock.NowMs())
	m.s = &Session{gw: &Gateway{cfg: Config{Clock: m.clock.Now, SendQueue: 1 << 30}, metrics: newMetrics(nowhere{})}}
	m.s.out = writer{limit: 1 << 30, flushSoon: func() {}}
	for range stored {
		m.commit()
	}
	m.events, m.login = stored, stored // before the login: nobody was there to get them
	return m
}

func (m *liveModel) commit() {
	m.next = max(m.next+1, im.FirstIDAt(m.clock.NowMs()))
	m.stored = append(m.stored, &message.Message{ID: m.next, Conv: "c", Seq: int64(len(m.stored) + 1), Time: int64(len(m.stored) + 1)})
}

// event offers the oldest event that has not come yet.
func (m *liveModel) event() {
	if m.events == len(m.stored) {
		return
	}
	e := m.stored[m.events]
	m.events++
	d := Delivery{ID: e.ID, TimeMs: e.Time, Frame: frameOf([]*message.Message{e})}
	if e.Seq%4 != 0 {
		d.Held = &Held{Msg: e, Join: frameOf}
	}
	m.s.Offer(d)
}

// frameOf is a frame that holds the ids of messages.
func frameOf(msgs []*message.Message) (f []byte) {
	for _, e := range msgs {
		f = binary.BigEndian.AppendUint64(f, uint64(e.ID))
	}
	return f
}

func (m *liveModel) begin() {
	m.s.Hold()
	m.syncing = true
}

// end finishes a sync that read the store when it had upTo messages, and asked
// for those from the given one on.
func (m *liveModel) end(from, upTo int) {
	list := m.stored[from:upTo]
	m.done++
	for _, e := range list {
		if _, again := m.contained[e.ID]; !again {
			m.contained[e.ID] = len(m.s.out.frames)
		}
	}
	m.s.GoLive(list, list, func() { m.s.PutFrame([]byte("synced")) })
	m.known = max(m.known, upTo)
	m.syncing = false
}

// check holds what was sent against what was stored: every message reached the
// client live or in a sync, never live after a sync had it, never live twice,
// live ones in order and none before the first answer of 5-1.
func (m *liveModel) check() error {
	var live []int64
	for i, queued := range m.s.out.frames {
		f := queued.b
		if string(f) == "synced" {
			continue
		}
		if i == 0 || m.done == 0 {
			return fmt.Errorf("a message before the sync was answered")
		}
		for part := range slices.Chunk(f, 8) {
			id := int64(binary.BigEndian.Uint64(part))
			if at, ok := m.contained[id]; ok && at <= i {
				return fmt.Errorf("message %d was in a sync and came live after it", id)
			}
			live = append(live, id)
		}
	}
	if !slices.IsSorted(live) {
		return fmt.Errorf("out of order: %v", live)
	}
	if n := len(slices.Compact(slices.Clone(live))); n != len(live) {
		return fmt.Errorf("delivered twice: %v", live)
	}
	for i, e := range m.stored[:m.events] {
		_, isLive := slices.BinarySearch(live, e.ID)
		if _, inSync := m.contained[e.ID]; !isLive && !inSync {
			return fmt.Errorf("message %d of %d was neither in a sync nor delivered", i, len(m.stored))
		}
	}
	return nil
}

// nowhere is a registerer that keeps nothing.
type nowhere struct{}

func (nowhere) Register(prometheus.Collector) error  { return nil }
func (nowhere) MustRegister(...prometheus.Collector) {}
func (nowhere) Unregister(prometheus.Collector) bool { return true }

func TestLiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newLiveModel(rapid.IntRange(0, 5).Draw(t, "before the login"))
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(*rapid.T) { m.commit() },
			"event":  func(*rapid.T) { m.event() },
			"begin": func(t *rapid.T) {
				if m.syncing {
					t.Skip("a sync is under way")
				}
				m.begin()
			},
			"end": func(t *rapid.T) {
				if !m.syncing {
					t.Skip("no sync is under way")
				}
				// What nobody held must be in the first sync; beyond that it reads as
				// far as it happens to. Later ones ask for what is newer than the last.
				low := m.login
				if m.done > 0 {
					low = m.known
				}
				m.end(m.known, rapid.IntRange(max(low, m.known), len(m.stored)).Draw(t, "read up to"))
			},
			"pass": func(t *rapid.T) {
				// Events are on their way for less than the memory of a sync lasts.
				ms := rapid.IntRange(0, 200_000).Draw(t, "ms")
				if m.events < len(m.stored) {
					oldest := im.IDTimeMs(m.stored[m.events].ID)
					ms = int(min(int64(ms)/100, max(0, oldest+syncedFor-5000-m.clock.NowMs())))
				}
				m.clock.Advance(time.Duration(ms) * time.Millisecond)
			},
		})
		for m.events < len(m.stored) {
			m.event()
		}
		if !m.syncing && m.done == 0 {
			m.begin()
		}
		if m.syncing {
			m.end(m.known, max(m.known, m.login))
		}
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
	})
}

// Messages that waited one behind the other travel together, at most a hundred
// at a time; what is between them keeps its place, and all are acknowledged.
func TestHeldMessagesTravelTogether(t *testing.T) {
	m := newLiveModel(0)
	m.begin()
	at := func(n int64) message.Position { return message.Position{Conv: "t", Seq: n} }
	for i := range int64(203) {
		e := &message.Message{ID: i + 1}
		d := Delivery{ID: e.ID, At: at(e.ID), Frame: frameOf([]*message.Message{e})}
		if i != 1 {
			d.Held = &Held{Msg: e, Join: frameOf}
		}
		m.s.Offer(d)
	}
	m.s.GoLive([]*message.Message{{ID: 3}}, nil, func() {})
	var got []int
	for _, f := range m.s.out.frames {
		got = append(got, len(f.b)/8)
	}
	if want := []int{1, 1, 100, 100}; !slices.Equal(got, want) {
		t.Errorf("messages in the frames: %v, want %v", got, want)
	}
	if known, rest := m.s.live.acknowledge([]int64{1, 2, 203}); len(known) != 3 || len(rest) != 0 {
		t.Errorf("known %v, rest %v", known, rest)
	}
}

// A session that never synchronises does not hold without bound.
func TestHeldEventsAreBounded(t *testing.T) {
	b := newBed(t)
	c := b.login("alice")
	s := b.product.last()
	for i := range maxHeld {
		s.Offer(Delivery{ID: int64(i + 1), Frame: Frame([]byte("x"))})
	}
	c.call(5, 9, 1, "", 200)
	s.Offer(Delivery{ID: 9_999_999, Frame: Frame([]byte("x"))})
	c.expect("")
	b.closedFor(ReasonSyncOverflow)
}

// Their bytes count as well, against half of what may wait for a client.
func TestHeldBytesAreBounded(t *testing.T) {
	const queue = 1 << 20
	b := newBed(t, func(c *Config) { c.SendQueue = queue })
	c := b.login("alice")
	s := b.product.last()
	frame := Frame([]byte(strings.Repeat("x", queue/8)))
	for i := range 3 {
		s.Offer(Delivery{ID: int64(i + 1), Frame: frame})
	}
	c.call(5, 9, 1, "", 200)
	for i := range 2 {
		s.Offer(Delivery{ID: int64(i + 4), Frame: frame})
	}
	c.expect("")
	b.closedFor(ReasonSyncOverflow)

	long := b.login("bob")
	b.product.last().Offer(Delivery{ID: 9, Frame: Frame([]byte(strings.Repeat("y", 2*queue)))})
	long.send(6, 5, 1, "")
	if got := long.next(); len(got) != 2*queue {
		t.Errorf("one event longer than the bound: %.100q", got)
	}
}

// Events do not wait for ever for a client that does not synchronise.
func TestNoSyncInTime(t *testing.T) {
	b := newBed(t)
	idle, waiting := b.login("carol"), b.login("alice")
	b.product.last().Offer(Delivery{ID: 1, Frame: Frame([]byte("x"))})
	for range int(syncLimit/time.Minute) + 1 {
		for _, c := range []*client{idle, waiting} {
			if c.write(beat) == nil {
				c.next() // "" once it is closed
			}
		}
		b.clock.Advance(time.Minute)
	}
	b.closedFor(ReasonNoSync)
	if n := b.count("hongyan_connections", "", ""); n != 1 {
		t.Errorf("%v connections: one that nothing waits for stays", n)
	}
}

// What a client is remembered for when it comes back.
func TestLostClients(t *testing.T) {
	k := lostKey{client: "c"}
	type put struct{ received, trust, at int64 }
	for _, tc := range []struct {
		name            string
		puts            []put
		takenAt         int64
		received, trust int64
	}{
		{name: "nobody", takenAt: 1},
		{name: "received", puts: []put{{100, 0, 1}}, takenAt: 2, received: 100},
		{name: "nothing to remember", puts: []put{{0, 0, 1}}, takenAt: 2},
		{name: "a gap, nothing received", puts: []put{{0, 50, 1}}, takenAt: 2, trust: 50},
		{name: "two alike: the lower times", puts: []put{{100, 70, 1}, {90, 80, 2}}, takenAt: 3, received: 90, trust: 70},
		{name: "two alike, the first with a gap", puts: []put{{100, 70, 1}, {110, 0, 2}}, takenAt: 3, received: 100, trust: 70},
		{name: "two alike, the second with a gap", puts: []put{{100, 0, 1}, {110, 70, 2}}, takenAt: 3, received: 100, trust: 70},
		{name: "long ago", puts: []put{{100, 70, 1}}, takenAt: 2 + lostKeepMs},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLostClients()
			for _, p := range tc.puts {
				l.put(k, p.received, p.trust, p.at)
			}
			if received, trust := l.take(k, tc.takenAt); received != tc.received || trust != tc.trust {
				t.Errorf("received %d, trust %d; want %d and %d", received, trust, tc.received, tc.trust)
			}
			if received, trust := l.take(k, tc.takenAt); received != 0 || trust != 0 {
				t.Error("it is told twice")
			}
		})
	}
}

func TestDistrustKeepsTheEarliestTime(t *testing.T) {
	s := &Session{}
	for _, ms := range []int64{50, 70, 30} {
		s.distrust(ms)
	}
	if got := s.trustMs.Load(); got != 30 {
		t.Errorf("%d", got)
	}
}
