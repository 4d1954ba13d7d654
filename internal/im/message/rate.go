package message

import (
	"sync"

	"hongyan/internal/im"
)

// sendRate counts client messages per account and second.
type sendRate struct {
	clock im.Clock

	mu     sync.Mutex // guards second, counts
	second int64
	counts map[string]int64
}

func newSendRate(clock im.Clock) *sendRate {
	return &sendRate{clock: clock, counts: map[string]int64{}}
}

// allow says whether one more message fits; limit 0 is no limit.
func (r *sendRate) allow(app, accid string, limit int64) bool {
	if limit == 0 {
		return true
	}
	sec := r.clock().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	if sec != r.second {
		r.second = sec
		clear(r.counts)
	}
	k := app + "\x00" + accid
	if r.counts[k] >= limit {
		return false
	}
	r.counts[k]++
	return true
}
