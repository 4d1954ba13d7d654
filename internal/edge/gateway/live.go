package gateway

import (
	"maps"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

const (
	// maxHeld bounds the events that wait while a device is between login and the
	// end of its sync. Half the send queue, into which they go then, bounds their
	// bytes.
	maxHeld = 2000
	// maxUnacked bounds the delivered messages whose acknowledgement is awaited
	// in memory; older ones are looked up in the store.
	maxUnacked = 1000
	// syncedFor is how long a session remembers which recent messages its sync
	// contained: events of them that arrive later are not delivered again.
	syncedFor = 60_000
	// maxTogether bounds the messages of one frame.
	maxTogether = 100
)

// liveState decides, for one session, whether an event reaches it now, later or
// never: between login and the answer of 5-1 events wait, and what the sync has
// delivered is not delivered again (docs/protocol/nim-core.md section 4.3).
type liveState struct {
	mu      sync.Mutex // guards the rest
	on      bool
	held    []Delivery
	heldLen int                // bytes of their frames
	waitMs  int64              // since when events wait, 0 = they do not
	listed  map[int64]struct{} // ids beside messages that the sync under way contains
	synced  map[int64]struct{} // ids of recent messages that the sync contained
	untilMs int64              // when synced may be forgotten

	unacked map[int64]sent // delivered, acknowledgement awaited
	order   int64          // deliveries so far
	acked   int64          // order of the latest that was acknowledged
	ackedMs int64          // time of that message
}

// Delivery is an event on its way to a session.
type Delivery struct {
	ID     int64            // message id, 0 = none
	TimeMs int64            // its time
	At     message.Position // where it is; set for messages the client acknowledges
	Frame  []byte
	// Held is set for messages that travel together when they had to wait: what
	// one packet holds of them.
	Held *Held
}

// Held is a message that may travel with others of its kind in one packet.
type Held struct {
	Msg  *message.Message
	Join func([]*message.Message) []byte // their frame
}

// sent is a delivery whose acknowledgement is awaited.
type sent struct {
	at     message.Position
	order  int64
	timeMs int64
}

// offer passes an event to send now, keeps it, or drops it. It says false when
// too much is held; one event may be longer than maxBytes.
func (l *liveState) offer(e Delivery, nowMs int64, maxBytes int, send func([]byte)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		if len(l.held) >= maxHeld || l.heldLen > 0 && l.heldLen+len(e.Frame) > maxBytes {
			return false
		}
		l.held, l.heldLen = append(l.held, e), l.heldLen+len(e.Frame)
		if l.waitMs == 0 {
			l.waitMs = nowMs
		}
		return true
	}
	if l.synced != nil {
		if nowMs > l.untilMs {
			l.synced = nil
		} else if _, ok := l.synced[e.ID]; ok && e.ID != 0 {
			return true
		}
	}
	l.deliver(e, send)
	return true
}

func (l *liveState) deliver(e Delivery, send func([]byte)) {
	l.track(e)
	// Under the lock: two events must not overtake each other.
	send(e.Frame)
}

func (l *liveState) track(e Delivery) {
	l.order++
	if e.At.Conv == "" {
		return
	}
	if l.unacked == nil {
		l.unacked = map[int64]sent{}
	}
	if len(l.unacked) < maxUnacked {
		l.unacked[e.ID] = sent{at: e.At, order: l.order, timeMs: e.TimeMs}
	}
}

// GoLive ends a sync: contained are the messages it delivered, offline those
// of them that the client will acknowledge. What was held and is not contained
// is sent after finish, which queues the answer of 5-1.
func (s *Session) GoLive(contained, offline []*message.Message, finish func()) {
	l := &s.live
	now := s.gw.nowMs()
	l.mu.Lock()
	defer l.mu.Unlock()
	// Of old messages nothing is on its way any more, unless it waits right here.
	old := now - syncedFor
	if len(l.held) > 0 {
		old = 0
	}
	// What an earlier sync contained may still be.
	maps.DeleteFunc(l.synced, func(id int64, _ struct{}) bool { return im.IDTimeMs(id) <= old })
	if len(l.synced) == 0 {
		l.synced = l.listed
	} else {
		maps.Copy(l.synced, l.listed)
	}
	l.listed, l.untilMs = nil, now+syncedFor
	for _, m := range contained {
		if im.IDTimeMs(m.ID) > old {
			if l.synced == nil {
				l.synced = map[int64]struct{}{}
			}
			l.synced[m.ID] = struct{}{}
		}
	}
	for _, m := range offline {
		l.track(Delivery{ID: m.ID, TimeMs: m.Time, At: message.Position{Conv: m.Conv, Seq: m.Seq}})
	}
	finish()
	l.on = true
	var together []Delivery
	flush := func() {
		if len(together) > 0 {
			s.PutFrame(joined(together))
		}
		together = together[:0]
	}
	for _, e := range l.held {
		if _, ok := l.synced[e.ID]; ok && e.ID != 0 {
			continue
		}
		if e.Held == nil || len(together) == maxTogether {
			flush()
		}
		if e.Held == nil {
			l.deliver(e, s.PutFrame)
			continue
		}
		l.track(e)
		together = append(together, e)
	}
	flush()
	l.held, l.heldLen, l.waitMs = nil, 0, 0
}

// waitsSince says for how long events have been waiting, 0 if they are not.
func (l *liveState) waitsSince(nowMs int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waitMs == 0 {
		return 0
	}
	return time.Duration(nowMs-l.waitMs) * time.Millisecond
}

// joined is the frame of messages that waited one behind the other.
func joined(ds []Delivery) []byte {
	if len(ds) == 1 {
		return ds[0].Frame
	}
	msgs := make([]*message.Message, len(ds))
	for i, d := range ds {
		msgs[i] = d.Held.Msg
	}
	return ds[0].Held.Join(msgs)
}

// Listed says that the sync under way contains something that is no message, a
// system notification say, under its id: its event is not delivered again.
func (s *Session) Listed(ids ...int64) {
	l := &s.live
	now := s.gw.nowMs()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if im.IDTimeMs(id) > now-syncedFor || len(l.held) > 0 {
			if l.listed == nil {
				l.listed = map[int64]struct{}{}
			}
			l.listed[id] = struct{}{}
		}
	}
}

// Hold makes events wait again: another sync begins on the same connection.
func (s *Session) Hold() {
	s.live.mu.Lock()
	s.live.on, s.live.waitMs = false, s.gw.nowMs()
	s.live.mu.Unlock()
}

// acknowledge takes acknowledged ids off and returns their positions and the
// ids whose position is not known here.
func (l *liveState) acknowledge(ids []int64) (known []message.Position, rest []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		d, ok := l.unacked[id]
		if !ok {
			rest = append(rest, id)
			continue
		}
		known = append(known, d.at)
		delete(l.unacked, id)
		if d.order > l.acked {
			l.acked, l.ackedMs = d.order, d.timeMs
		}
	}
	// An empty map keeps its buckets: an idle session should not.
	if len(l.unacked) == 0 {
		l.unacked = nil
	}
	return known, rest
}

// received returns a time up to which the client has got every message that
// was delivered live, 0 if it is not known. Frames arrive in the order they
// were sent: an acknowledged one proves all before it.
func (l *liveState) received() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.ackedMs
	for _, d := range l.unacked {
		if d.order > l.acked {
			t = min(t, d.timeMs-1)
		}
	}
	return t
}
