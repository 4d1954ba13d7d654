package nimapi

import (
	"crypto/sha256"
	"sync"

	"hongyan/internal/im"
)

// maxRequestIDs bounds the ids remembered per app; the oldest are forgotten
// early when an app sends more inside its window (some 8 MiB).
const maxRequestIDs = 100_000

// requestIDs remembers the RequestIds of calls that were carried out
// (docs/api/server-v1.md section 7). It is kept per node: a caller that repeats
// itself at another node is not recognised there.
type requestIDs struct {
	clock im.Clock
	max   int

	mu   sync.Mutex // guards apps and what it holds
	apps map[string]*idLog
}

// idLog holds one app's ids: when each was seen (ms) and in which order.
type idLog struct {
	seen  map[idHash]int64
	order []idHash // oldest first; every key of seen once
}

// idHash stands for an id of any length.
type idHash [16]byte

func newRequestIDs(clock im.Clock, max int) *requestIDs {
	return &requestIDs{clock: clock, max: max, apps: map[string]*idLog{}}
}

// first notes id and says whether it is new within window seconds. Of two
// concurrent calls with one id exactly one is first.
func (r *requestIDs) first(app, id string, window int64) bool {
	sum := sha256.Sum256([]byte(id))
	h := idHash(sum[:16])
	now := r.clock.NowMs()
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.apps[app]
	if log == nil {
		log = &idLog{seen: map[idHash]int64{}}
		r.apps[app] = log
	}
	expired := func(h idHash) bool { return now-log.seen[h] >= window*1000 }
	for len(log.order) > 0 && expired(log.order[0]) {
		log.drop()
	}
	if _, known := log.seen[h]; known {
		if !expired(h) {
			return false
		}
		log.seen[h] = now // behind an entry that a stepped-back clock keeps
		return true
	}
	if len(log.order) >= r.max {
		log.drop()
	}
	log.seen[h] = now
	log.order = append(log.order, h)
	return true
}

func (l *idLog) drop() {
	delete(l.seen, l.order[0])
	l.order = l.order[1:]
}
