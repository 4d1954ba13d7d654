package hook

import (
	"errors"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// ErrOpen says that a URL has failed too often and is not asked for a while.
var ErrOpen = errors.New("callbacks are suspended after failures")

// breakers keep URLs that fail from being asked, per app
// (docs/api/callbacks.md section 1): after callback_breaker_failures in a row
// there is nothing for callback_breaker_pause, then one request tries.
type breakers struct {
	clock im.Clock

	mu    sync.Mutex // guards byURL
	byURL map[[2]string]*breaker
}

type breaker struct {
	failures int64
	until    time.Time // closed again after it; zero: closed
	trying   bool      // one request finds out
}

func newBreakers(clock im.Clock) *breakers {
	return &breakers{clock: clock, byURL: map[[2]string]*breaker{}}
}

// enter returns ErrOpen or lets a request go, which must tell its result to leave.
func (bs *breakers) enter(a *app.App, target string) error {
	if a.Settings.BreakerFailures == 0 {
		return nil
	}
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.byURL[[2]string{a.Key, target}]
	if b == nil || b.until.IsZero() {
		return nil
	}
	if b.trying || bs.clock().Before(b.until) {
		return ErrOpen
	}
	b.trying = true
	return nil
}

// leave takes the result of a request; abandoned ones tell nothing.
func (bs *breakers) leave(a *app.App, target string, err error, abandoned bool) {
	limit := a.Settings.BreakerFailures
	bs.mu.Lock()
	defer bs.mu.Unlock()
	key := [2]string{a.Key, target}
	b := bs.byURL[key]
	switch {
	case err == nil:
		delete(bs.byURL, key)
		return
	case abandoned:
		if b != nil {
			b.trying = false
		}
		return
	case limit == 0:
		return
	case b == nil:
		b = &breaker{}
		bs.byURL[key] = b
	}
	b.trying = false
	if b.failures++; b.failures >= limit {
		b.until = bs.clock().Add(time.Duration(a.Settings.BreakerPause) * time.Second)
	}
}
