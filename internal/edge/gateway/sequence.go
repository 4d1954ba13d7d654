package gateway

import (
	"context"
	"sync"
	"time"

	"hongyan/internal/im"
)

const (
	sequenceShards = 16
	// sequencePerGen bounds the conversations one shard follows, twice.
	sequencePerGen = 4096
	// gapWait is how long an event waits for the one before it, which another
	// node has committed earlier but published later.
	gapWait = 100 * time.Millisecond
	gapTick = 25 * time.Millisecond
	// sequenceForget is when a quiet conversation begins anew. It must not be
	// longer than sessions remember what their sync contained (syncedFor): what
	// is read to fill a gap then is never delivered a second time.
	sequenceForget = syncedFor * time.Millisecond
	maxParked      = 256
	// baseAge is how old a message must be to have arrived from every node, and
	// baseLook how many before the first one are looked at.
	baseAge  = 2 * time.Second
	baseLook = 32
)

// sequencer puts the messages of a conversation in order where several nodes
// commit them: each node's events arrive in order, but those of two nodes may
// pass each other. What does not come in time is read from the store, because a
// message with a number was committed after all smaller ones
// (ARCHITECTURE.md section 2).
type sequencer struct {
	deliver func(im.Event)
	missed  func(ctx context.Context, ev im.Event, after, before int64) ([]im.Event, error)
	failed  func(error)
	shards  [sequenceShards]sequenceShard
}

type sequenceKey struct{ app, to, conv string }

type sequenceShard struct {
	mu         sync.Mutex // guards the rest; held while delivering, and while the store is asked for what is missing (1 s at most)
	young, old map[sequenceKey]*sequence
	waiting    map[sequenceKey]*sequence // those with parked events
}

// sequence is one conversation as seen by one account.
type sequence struct {
	last   int64 // all up to it were delivered, as far as this node followed
	atMs   int64
	parked map[int64]im.Event
	since  int64              // ms; when the oldest was parked
	filled map[int64]struct{} // numbers that were read from the store: their events come too late
}

func newSequencer(deliver func(im.Event), missed func(context.Context, im.Event, int64, int64) ([]im.Event, error), failed func(error)) *sequencer {
	q := &sequencer{deliver: deliver, missed: missed, failed: failed}
	for i := range q.shards {
		q.shards[i].young, q.shards[i].waiting = map[sequenceKey]*sequence{}, map[sequenceKey]*sequence{}
	}
	return q
}

func (q *sequencer) shard(k sequenceKey) *sequenceShard {
	x := uint32(2166136261)
	for i := 0; i < len(k.conv); i++ {
		x = (x ^ uint32(k.conv[i])) * 16777619
	}
	return &q.shards[x%sequenceShards]
}

// take delivers an event in its turn.
func (q *sequencer) take(ev im.Event, nowMs int64) {
	k := sequenceKey{ev.App, ev.To, string(ev.Conv)}
	sh := q.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.get(k)
	if s.atMs == 0 || nowMs-s.atMs > sequenceForget.Milliseconds() && len(s.parked) == 0 {
		*s = sequence{last: q.base(ev, nowMs)}
	}
	q.place(s, ev, nowMs)
	s.atMs = nowMs
	if len(s.parked) > 0 {
		sh.waiting[k] = s
	} else {
		delete(sh.waiting, k)
	}
}

// base says up to where a conversation that this node begins to follow with ev
// has surely been delivered: messages that were committed a moment ago may
// still be on their way from another node.
func (q *sequencer) base(ev im.Event, nowMs int64) int64 {
	last := max(0, ev.Seq-1-baseLook)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	before, err := q.missed(ctx, ev, last, ev.Seq)
	if err != nil {
		q.failed(err)
		return ev.Seq - 1
	}
	recent := false
	for _, b := range before {
		if recent = im.IDTimeMs(b.ID) > nowMs-baseAge.Milliseconds(); recent {
			break
		}
		last = b.Seq
	}
	if !recent {
		return ev.Seq - 1
	}
	return last
}

// place delivers ev if it is next, keeps it if one before it is missing.
func (q *sequencer) place(s *sequence, ev im.Event, nowMs int64) {
	switch {
	case ev.Seq <= s.last:
		if _, done := s.filled[ev.Seq]; !done {
			q.deliver(ev) // older than what this node followed from
		}
		delete(s.filled, ev.Seq)
	case ev.Seq == s.last+1:
		s.last = ev.Seq
		q.deliver(ev)
		q.drain(s)
	default:
		if s.parked == nil {
			s.parked, s.since = map[int64]im.Event{}, nowMs
		}
		s.parked[ev.Seq] = ev
		if len(s.parked) >= maxParked {
			q.fill(s)
		}
	}
}

func (sh *sequenceShard) get(k sequenceKey) *sequence {
	if s := sh.young[k]; s != nil {
		return s
	}
	s := sh.old[k]
	if s == nil {
		s = &sequence{}
	}
	if len(sh.young) >= sequencePerGen {
		sh.old, sh.young = sh.young, map[sequenceKey]*sequence{}
	}
	sh.young[k] = s
	return s
}

// drain delivers parked events that follow without a gap.
func (q *sequencer) drain(s *sequence) {
	for {
		ev, ok := s.parked[s.last+1]
		if !ok {
			if len(s.parked) == 0 {
				s.parked = nil
			}
			return
		}
		delete(s.parked, ev.Seq)
		s.last = ev.Seq
		q.deliver(ev)
	}
}

// fill reads what is missing before the first parked event from the store, and
// delivers it and what follows.
func (q *sequencer) fill(s *sequence) {
	for len(s.parked) > 0 {
		first := int64(0)
		for n := range s.parked {
			if first == 0 || n < first {
				first = n
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		events, err := q.missed(ctx, s.parked[first], s.last, first)
		cancel()
		if err != nil {
			q.failed(err)
		}
		if s.filled == nil || len(s.filled) > 4*maxParked {
			s.filled = map[int64]struct{}{}
		}
		for _, ev := range events {
			s.filled[ev.Seq] = struct{}{}
			q.deliver(ev)
		}
		s.last = first - 1
		q.drain(s)
	}
}

// tick fills the gaps that have waited long enough.
func (q *sequencer) tick(nowMs int64) {
	for i := range q.shards {
		sh := &q.shards[i]
		sh.mu.Lock()
		for k, s := range sh.waiting {
			if nowMs-s.since < gapWait.Milliseconds() {
				continue
			}
			q.fill(s)
			delete(sh.waiting, k)
		}
		sh.mu.Unlock()
	}
}

// order runs the ticks until the gateway stops.
func (g *Gateway) order() {
	defer g.wg.Done()
	t := time.NewTicker(gapTick)
	defer t.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-t.C:
			g.sequencer.tick(g.nowMs())
		}
	}
}
