package filegw

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxGuests bounds the forms whose token has not come yet, maxGuestsEach those
	// of one address: their first bytes are there in a moment. They take nothing
	// from uploads whose token is known.
	maxGuests     = 256
	maxGuestsEach = 32
	// guestBytes bounds what a form has before its token is known, in bytes, and
	// besideFile what it has beside its file then: headers are kept in memory.
	guestBytes = 64 << 10
	besideFile = 1 << 20
	// formWait is how long a form may take to show its token and begin its file.
	formWait = 15 * time.Second
	// maxSpool bounds a file that comes before its token, in bytes; maxSpools how
	// many may lie on the disk so, maxSpoolsEach those of one address, and spoolTime
	// how long they may take to come: nobody has vouched for them yet.
	maxSpool      = 32 << 20
	maxSpools     = 16
	maxSpoolsEach = 4
	spoolTime     = 2 * time.Minute
)

// crowd counts who is there, in all and of one address. Loopback has no share of
// its own: proxies live there.
type crowd struct {
	most, each int

	mu  sync.Mutex // guards all, by
	all int
	by  map[netip.Addr]int
}

func newCrowd(most, each int) *crowd { return &crowd{most: most, each: each, by: map[netip.Addr]int{}} }

// enter counts one in, unless there are too many, and returns what counts it out,
// once.
func (c *crowd) enter(a netip.Addr) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := a.IsValid() && !a.IsLoopback()
	if c.all >= c.most || known && c.by[a] >= c.each {
		return nil, false
	}
	c.all++
	c.by[a]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all--
		if c.by[a]--; c.by[a] == 0 {
			delete(c.by, a)
		}
	}), true
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// address is who a request comes from, zero if nobody can say; an IPv6 address
// counts as its /64.
func (h *Handler) address(r *http.Request) netip.Addr {
	a, err := netip.ParseAddr(h.clientIP(r))
	if err != nil {
		return netip.Addr{}
	}
	if a = a.Unmap().WithZone(""); a.Is6() && !a.IsLoopback() {
		p, _ := a.Prefix(64) // 64 fits
		a = p.Addr()
	}
	return a
}

// peerIP is the address of the connection.
func peerIP(r *http.Request) string {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().String()
}
