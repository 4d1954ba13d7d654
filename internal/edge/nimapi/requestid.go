package nimapi

import (
	"crypto/sha256"
	"sync"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// maxRequestIDs bounds the ids remembered per app; the oldest are forgotten
// early when an app sends more inside its window (some 8 MiB).
const maxRequestIDs = 100_000

// requestIDs remembers the RequestIds of calls that were carried out
// (docs/api/server-v1.md section 7). It is kept in memory, and every node tells
// the others what it takes (EventRequest).
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

func hashID(id string) idHash {
	sum := sha256.Sum256([]byte(id))
	return idHash(sum[:16])
}

// EventRequest tells the other nodes of a call that is about to be carried out;
// Body is the hash of its RequestId.
const EventRequest = im.EventAPIBase

// first says whether id is new and tells the other nodes of it. The SDKs repeat a
// call elsewhere once its connection has broken or a balancer has answered 502;
// the event is there before. Two calls at two nodes at the same moment are not
// told apart, and what the bus loses is not known elsewhere.
func (a *API) first(ap *app.App, id string) bool {
	h := hashID(id)
	if !a.ids.first(ap.Key, h, ap.Settings.RequestIDWin) {
		return false
	}
	if a.Clustered {
		a.Bus.Publish(im.Event{Kind: EventRequest, App: ap.Key, Again: true, Body: h[:]}) // nobody has to come again for it
	}
	return true
}

// Observe takes the events of this package and says whether ev is one.
func (a *API) Observe(ev im.Event) bool {
	if ev.Kind != EventRequest {
		return false
	}
	if ap, ok := a.Apps.Get(ev.App); ok && len(ev.Body) == len(idHash{}) {
		a.ids.first(ap.Key, idHash(ev.Body), ap.Settings.RequestIDWin) // this node's own is known
	}
	return true
}

func newRequestIDs(clock im.Clock, max int) *requestIDs {
	return &requestIDs{clock: clock, max: max, apps: map[string]*idLog{}}
}

// first notes an id and says whether it is new within window seconds. Of two
// concurrent calls with one id exactly one is first.
func (r *requestIDs) first(app string, h idHash, window int64) bool {
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
