package gateway

import (
	"sync"
	"time"

	"hongyan/internal/im"
)

// A login with its sync costs about half a millisecond of processor time:
// resyncStep sessions every resyncTick leave most of the node to the others.
const (
	resyncTick = 20 * time.Millisecond
	resyncStep = 10
)

// resyncs are the sessions that are to come again. A session that may have
// missed events cannot be told what they were; its SDK reconnects and syncs.
type resyncs struct {
	wake chan struct{} // capacity 1

	mu      sync.Mutex // guards the rest
	waiting []*Session // at most those of this node
	reason  Reason
}

// Resync closes the connections of all that are logged in now, spread over time,
// and returns how many they are. They have got everything that was published
// before sinceMs; what they got afterwards does not prove what was before it. It
// does not wait.
func (g *Gateway) Resync(r Reason, sinceMs int64) int {
	var list []*Session
	for _, s := range g.all() {
		if s.login.Load() != nil { // others read when they sync
			s.distrust(sinceMs - im.OverlapMs)
			list = append(list, s)
		}
	}
	q := &g.resyncs
	q.mu.Lock()
	// Those that waited already are among them, or have ended.
	q.waiting, q.reason = list, r
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(list)
}

// distrust notes the time from which the client may have missed messages.
func (s *Session) distrust(ms int64) {
	for {
		old := s.trustMs.Load()
		if old != 0 && old <= ms || s.trustMs.CompareAndSwap(old, ms) {
			return
		}
	}
}

// resync closes what waits, until the gateway stops.
func (g *Gateway) resync() {
	defer g.wg.Done()
	q := &g.resyncs
	for {
		q.mu.Lock()
		n := min(len(q.waiting), resyncStep)
		now, reason := q.waiting[:n:n], q.reason
		if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
			q.waiting = nil
		}
		more := len(q.waiting) > 0
		q.mu.Unlock()
		for _, s := range now {
			s.Finish(reason)
		}
		if more {
			select {
			case <-g.ctx.Done():
				return
			case <-time.After(resyncTick):
			}
			continue
		}
		select {
		case <-g.ctx.Done():
			return
		case <-q.wake:
		}
	}
}
