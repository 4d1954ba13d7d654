package im

import (
	"net/netip"
	"sync"
)

// maxFailureSources bounds the memory that one minute of attacks can take; what
// comes beyond is not counted until the next.
const maxFailureSources = 100_000

// Failures counts what failed by source and minute, on this node. Whoever fails
// too often is refused before anything is checked: that slows guessing, and
// spares the store what an SDK repeats for ever (docs/protocol/nim-core.md
// section 2.9). It is safe for concurrent use.
type Failures struct {
	clock Clock

	mu     sync.Mutex // guards minute, counts
	minute int64
	counts map[string]int64
}

// NewFailures returns an empty count.
func NewFailures(clock Clock) *Failures {
	return &Failures{clock: clock, counts: map[string]int64{}}
}

// Over says whether a source has failed limit times in this minute.
func (f *Failures) Over(source string, limit int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roll()
	return f.counts[source] >= limit
}

// Add counts one failure.
func (f *Failures) Add(source string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.roll()
	if _, known := f.counts[source]; known || len(f.counts) < maxFailureSources {
		f.counts[source]++
	}
}

// Left is how long what failed still counts, in seconds, at least 1.
func (f *Failures) Left() int64 { return 60 - f.clock().Unix()%60 }

func (f *Failures) roll() {
	if m := f.clock().Unix() / 60; m != f.minute {
		f.minute, f.counts = m, map[string]int64{}
	}
}

// Neighbourhood is the address that failures are counted by: of IPv6 the /64,
// which one caller has whole.
func Neighbourhood(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64)
		return p.String()
	}
	return a.String()
}

// Loopback says whether an address is this machine's: proxies and tools live
// there, and whoever is behind them cannot be told apart.
func Loopback(ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && a.Unmap().IsLoopback()
}
