package im

import (
	"sync"
	"time"
)

// Ids are 53 bits: 41 bits of milliseconds since 2024-01-01 UTC, 5 bits of
// node number, 7 bits of counter. Official SDKs pass ids through float64, which
// is exact up to 2^53 (ARCHITECTURE.md section 3).
const (
	idEpochMs  = 1704067200000
	idNodeBits = 5
	idSeqBits  = 7

	// MaxNode is the highest node number.
	MaxNode = 1<<idNodeBits - 1
)

// Clock tells the time; tests inject their own.
type Clock func() time.Time

// NowMs returns the time in milliseconds since 1970.
func (c Clock) NowMs() int64 { return c().UnixMilli() }

// IDs hands out ids of one node in strictly increasing order.
type IDs struct {
	clock Clock
	node  int64

	mu   sync.Mutex
	last int64 // last id handed out
}

// NewIDs returns the generator of node number node (0 to MaxNode). The number
// must be leased: two generators with one number at a time make equal ids.
func NewIDs(node int, clock Clock) *IDs {
	return &IDs{clock: clock, node: int64(node) & MaxNode}
}

// Next returns a new id. When a millisecond is full, or the clock has stepped
// back, it waits: ids never run ahead of the clock by more than one unit.
func (g *IDs) Next() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		ms := g.clock.NowMs() - idEpochMs
		lastMs := g.last >> (idNodeBits + idSeqBits)
		switch {
		case ms > lastMs:
			g.last = ms<<(idNodeBits+idSeqBits) | g.node<<idSeqBits
			return g.last
		case ms == lastMs && g.last&(1<<idSeqBits-1) < 1<<idSeqBits-1:
			g.last++
			return g.last
		}
		// A stepped-back clock is waited for too; NTP slews, it does not jump by hours.
		time.Sleep(100 * time.Microsecond)
	}
}

// Last returns the last id handed out.
func (g *IDs) Last() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// Node returns this generator's node number.
func (g *IDs) Node() int { return int(g.node) }

// IDNode returns the node number inside an id.
func IDNode(id int64) int { return int(id >> idSeqBits & MaxNode) }

// oldestMs is the first moment that ids can tell of, 2014-01-01 UTC. Messages
// that were moved here from another server may be older than the epoch: each
// millisecond before it has one id, and all of these fit into the ids of the
// first day of 2024, on which no server gave any.
const oldestMs = 1388534400000

// IDTimeMs returns the creation time inside an id, in ms since 1970.
func IDTimeMs(id int64) int64 {
	if id < idEpochMs-oldestMs {
		return oldestMs + id
	}
	return id>>(idNodeBits+idSeqBits) + idEpochMs
}

// FirstIDAt returns the smallest id of a moment given in ms since 1970.
func FirstIDAt(ms int64) int64 {
	if ms < idEpochMs {
		return max(0, ms-oldestMs)
	}
	return (ms - idEpochMs) << (idNodeBits + idSeqBits)
}

// MovedID returns the first id for a message of another time than now, as this
// node would have given it then. The caller checks that nobody has it.
func (g *IDs) MovedID(ms int64) int64 {
	if ms < idEpochMs {
		return max(1, FirstIDAt(ms))
	}
	return FirstIDAt(ms) | g.node<<idSeqBits
}
