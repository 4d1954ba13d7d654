package easemob

import (
	"sync"
	"time"

	"hongyan/internal/im"
)

// limiter holds a bucket of calls per app and group, on this node; a bucket is
// what a second allows. Its memory is bounded by the number of apps.
type limiter struct {
	clock im.Clock

	mu      sync.Mutex // guards buckets
	buckets map[bucketKey]*bucket
}

type bucketKey struct{ app, group string }

type bucket struct {
	left float64
	at   time.Time // when left was true
}

func newLimiter(clock im.Clock) *limiter {
	return &limiter{clock: clock, buckets: map[bucketKey]*bucket{}}
}

// allow counts one call and says whether it may go on; rate is calls per second,
// 0 = no limit.
func (l *limiter) allow(app, group string, rate int64) bool {
	if rate == 0 {
		return true
	}
	now := l.clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	k := bucketKey{app, group}
	b := l.buckets[k]
	if b == nil {
		b = &bucket{left: float64(rate), at: now}
		l.buckets[k] = b
	}
	// A clock that steps back gives nothing and takes nothing.
	b.left = min(float64(rate), b.left+max(0, now.Sub(b.at).Seconds())*float64(rate))
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
