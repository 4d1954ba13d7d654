package gateway

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds the memory of AddressLimit; when it is reached the
// counts start anew, which favours nobody for longer than a moment.
const maxAddresses = 100_000

// AddressLimit limits new connections per address; an IPv6 address counts as
// its /64. Loopback is exempt: proxies and load tools live there.
type AddressLimit struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex // guards seen
	seen  map[netip.Addr]*rate.Limiter
	clock func() time.Time
}

// NewAddressLimit allows perSecond connections and a burst; 0 is no limit.
func NewAddressLimit(perSecond float64, burst int, clock func() time.Time) *AddressLimit {
	return &AddressLimit{rate: rate.Limit(perSecond), burst: burst, seen: map[netip.Addr]*rate.Limiter{}, clock: clock}
}

// Allow says whether one more connection from a fits.
func (l *AddressLimit) Allow(a netip.Addr) bool {
	if l.rate <= 0 || !a.IsValid() || a.IsLoopback() {
		return true
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64)
		a = p.Addr()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lim := l.seen[a]
	if lim == nil {
		if len(l.seen) >= maxAddresses {
			clear(l.seen)
		}
		lim = rate.NewLimiter(l.rate, l.burst)
		l.seen[a] = lim
	}
	return lim.AllowN(l.clock(), 1)
}
