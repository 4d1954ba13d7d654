package cluster

import (
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// cable is what lies between the nodes: it can be cut and mended.
type cable struct {
	t  *testing.T
	wg sync.WaitGroup

	mu    sync.Mutex // guards the rest
	ends  []net.Listener
	conns map[net.Conn]struct{}
	cut   bool
}

func newCable(t *testing.T) *cable {
	return &cable{t: t, conns: map[net.Conn]struct{}{}}
}

func (c *cable) close() {
	c.setCut(true)
	c.mu.Lock()
	for _, l := range c.ends {
		l.Close()
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// to returns an address that leads to another one through the cable.
func (c *cable) to(addr string) string {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(c.close) // here: before the bed looks for leaks
	c.mu.Lock()
	c.ends = append(c.ends, l)
	c.mu.Unlock()
	c.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.carry(in, addr) })
		}
	})
	return l.Addr().String()
}

func (c *cable) carry(in net.Conn, addr string) {
	defer in.Close()
	out, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer out.Close()
	c.mu.Lock()
	if c.cut {
		c.mu.Unlock()
		return
	}
	c.conns[in], c.conns[out] = struct{}{}, struct{}{}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		wg.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			way[0].Close()
		})
	}
	wg.Wait()
	c.mu.Lock()
	delete(c.conns, in)
	delete(c.conns, out)
	c.mu.Unlock()
}

// setCut breaks the cable, or mends it.
func (c *cable) setCut(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	if cut {
		for conn := range c.conns {
			conn.Close()
		}
	}
}

// broken is a cluster with a cable between its nodes.
type broken struct {
	*bed
	line *cable
}

func TestBrokenRoute(t *testing.T) {
	line := newCable(t)
	b := broken{newBedVia(t, line.to, nil, nil), line}
	b.n[0].Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=1000") // it is asked again and again who is there
	t.Run("news", b.news)
	t.Run("messages", b.messages)
}

// The route between the nodes breaks while a card changes, a device comes and
// another goes. When it is mended, the devices that may have missed something are
// made to come again, those of the other node are not, and both nodes agree on
// who is there.
func (k broken) news(t *testing.T) {
	b := k.on(t)
	b.account("alice", "bob", "leaver", "comer")
	here, there := b.online(0, "alice", "here"), b.online(1, "alice", "there")
	here.wait(2, 7, "2", `"13":"there"`)
	bystander := b.online(0, "bob", "d")
	leaver := b.online(0, "leaver", "d")
	hytest.Eventually(t, "node 1 knows the device", func() bool { return b.devices(1, "leaver") == 1 })

	k.line.setCut(true)
	b.call(0, "user/updateUinfo", url.Values{"accid": {"alice"}, "name": {"New"}})
	here.wait(3, 110, `"3":"New"`)
	leaver.c.Drop()
	hytest.Eventually(t, "the device is gone where it was", func() bool { return b.devices(0, "leaver") == 0 })
	b.online(0, "comer", "d")
	if n := len(there.all(3, 110)); n != 0 {
		t.Fatal("the news came over the broken route: nothing is shown")
	}
	k.line.setCut(false)

	there.gone(hytest.Patience)
	again, err := b.dial(1, "alice", "there")
	if err != nil {
		t.Fatal(err)
	}
	again.call(nimwire.Sync.ID(), &nimwire.SyncRequest{Sync: nimwire.SyncParams{MyInfo: wire.Int(1)}})
	again.wait(3, 109, `"3":"New"`)
	hytest.Eventually(t, "node 1 knows who came and who went", func() bool { return b.devices(1, "leaver") == 0 && b.devices(1, "comer") == 1 })
	for _, p := range []*peer{here, bystander} {
		select {
		case <-p.c.Done():
			t.Errorf("%s had to leave, and its node missed nothing", p.name)
		default:
		}
	}
	// What is said now arrives, and nobody has to leave once more.
	b.call(0, "user/updateUinfo", url.Values{"accid": {"alice"}, "name": {"Newer"}})
	again.wait(3, 110, `"3":"Newer"`)
}

// While the route is broken one device acknowledges a message that the other does
// not get, and messages of other conversations move the other's time tag beyond
// it. It gets the message when it comes again.
func (k broken) messages(t *testing.T) {
	b := k.on(t)
	b.account("anna", "ben", "carol")
	here, there := b.online(0, "anna", "here"), b.online(1, "anna", "there")
	ben, carol := b.online(0, "ben", "d"), b.online(1, "carol", "d")

	k.line.setCut(true)
	ben.send("anna", "while-cut")
	here.wait(7, 2, `"9":"while-cut"`)
	here.call(nimwire.GetServerTime.ID(), noParams{}) // its acknowledgement has arrived
	sent := carol.send("anna", "beyond").Time
	there.wait(7, 2, `"9":"beyond"`)
	k.line.setCut(false)

	there.gone(hytest.Patience)
	again, err := b.dialWith(1, bench.Options{AppKey: proc.Key, Account: "anna", Token: "token", Device: "there", Reconnect: true, Acknowledge: true})
	if err != nil {
		t.Fatal(err)
	}
	// The tag is as if the break had been longer than what any sync looks behind.
	const later = 60_000
	again.call(nimwire.Sync.ID(), &nimwire.SyncRequest{Sync: nimwire.SyncParams{OfflineMsgs: wire.Int(1), RoamingMsgs: wire.Int(sent + later)}})
	if got := again.synced(); !slices.Contains(got, "while-cut") {
		t.Errorf("after the gap the sync has %v", got)
	}
}

type noParams struct{}

func (noParams) AppendQ(dst []byte) []byte { return append(dst, "[]"...) }

// synced are the bodies of the messages that 4-4 and 4-9 brought.
func (p *peer) synced() (bodies []string) {
	p.t.Helper()
	for _, k := range slices.Concat(p.all(4, 4), p.all(4, 9)) {
		var r nimwire.SyncRoamingMsgsResponse
		if err := r.DecodeR(k.r); err != nil {
			p.t.Fatal(err)
		}
		for _, m := range r.Msgs {
			bodies = append(bodies, m.Body.String())
		}
	}
	return bodies
}
