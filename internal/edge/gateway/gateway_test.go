package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/presence"
)

func TestHandshake(t *testing.T) {
	refuse := func(c *Config) { c.AllowConnect = func(netip.Addr) bool { return false } }
	for _, c := range []struct {
		name, method, path string
		change             func(*Config)
		prepare            func(*bed)
		status             int
	}{
		{"ok", "GET", "/socket.io/1/?t=1", nil, nil, 200},
		{"without the slash", "GET", "/socket.io/1", nil, nil, 200},
		{"preflight", "OPTIONS", "/socket.io/1/", nil, nil, 204},
		{"unknown transport", "GET", "/socket.io/1/xhr-polling/x", nil, nil, 404},
		{"unknown version", "GET", "/socket.io/2/", nil, nil, 404},
		{"too many of one address", "GET", "/socket.io/1/", refuse, nil, 503},
		{"full", "GET", "/socket.io/1/", func(c *Config) { c.MaxConnections = 1 }, func(b *bed) { b.dial() }, 503},
		{"not yet full", "GET", "/socket.io/1/", func(c *Config) { c.MaxConnections = 2 }, func(b *bed) { b.dial() }, 200},
		{"draining", "GET", "/socket.io/1/", nil, func(b *bed) { b.g.Drain() }, 503},
		{"too many sockets of one address", "GET", "/socket.io/1/websocket/x", func(c *Config) { c.AllowUpgrade = func(netip.Addr) bool { return false } }, nil, 503},
		{"upgrade while draining", "GET", "/socket.io/1/websocket/x", nil, func(b *bed) { b.g.Drain() }, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			var change []func(*Config)
			if c.change != nil {
				change = append(change, c.change)
			}
			b := newBed(t, change...)
			if c.prepare != nil {
				c.prepare(b)
			}
			status, body, h := b.get(c.method, c.path)
			if status != c.status {
				t.Fatalf("status %d %q, want %d", status, body, c.status)
			}
			if strings.HasPrefix(c.path, "/socket.io/1/websocket") || status == 404 {
				return
			}
			if h.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no Access-Control-Allow-Origin")
			}
			if status != http.StatusOK {
				return
			}
			parts := strings.Split(body, ":")
			if len(parts) != 4 || len(parts[0]) < 16 || parts[1] != "60" || parts[2] != "60" || parts[3] != "websocket" {
				t.Errorf("body %q", body)
			}
			if _, again, _ := b.get(c.method, c.path); again == body {
				t.Error("the same session id twice")
			}
		})
	}
}

func TestDispatch(t *testing.T) {
	b := newBed(t)
	c := b.dial()
	for _, step := range []struct {
		name           string
		sid, cid, code int
	}{
		{"before login", 9, 1, 403},
		{"unknown before login", 99, 1, 404},
		{"login", 2, 3, 200},
		{"handler", 9, 1, 200},
		{"unknown", 99, 1, 404},
		{"a push of the server", 9, 8, 404},
		{"unsupported", 9, 9, 514},
		{"an error without code", 9, 5, 500},
		{"a panic", 9, 3, 500},
		{"a panic of one that answers later", 9, 7, 500},
		{"after the panics", 9, 1, 200},
	} {
		c.call(7, step.sid, step.cid, "alice", step.code)
	}
	if n := b.count("hongyan_handler_panics_total", "", ""); n != 2 {
		t.Errorf("%v panics counted", n)
	}
	// A request that panicked is not under way any more.
	if took := b.stop(); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestParametersOfAWrongType(t *testing.T) {
	b := newBed(t)
	c := b.online("alice")
	if err := c.write(`3:::{"SER":4,"SID":9,"CID":1,"Q":[{"t":"String","v":{"a":1}}]}`); err != nil {
		t.Fatal(err)
	}
	c.answer(4, 9, 1, 414)
}

// Requests of one connection are handled in their order, and a heartbeat never
// waits for them.
func TestOrderAndHeartbeats(t *testing.T) {
	b := newBed(t)
	c := b.online("alice")
	release := b.product.hold()
	defer release()
	c.send(10, 9, 2, "first")
	for i := range 50 {
		c.send(11+i, 9, 1, fmt.Sprint(i))
	}
	<-b.product.started
	for range 3 {
		if err := c.write(beat); err != nil {
			t.Fatal(err)
		}
		c.answer(0, 1, 2, 200)
	}
	release()
	c.answer(10, 9, 2, 200)
	want := []string{"first"}
	for i := range 50 {
		c.answer(11+i, 9, 1, 200)
		want = append(want, fmt.Sprint(i))
	}
	if b.product.mu.Lock(); !slices.Equal(b.product.handled, want) {
		t.Errorf("handled %v", b.product.handled)
	}
	b.product.mu.Unlock()
}

func TestTooManyPendingRequests(t *testing.T) {
	b := newBed(t)
	c := b.online("alice")
	release := b.product.hold()
	defer release()
	c.send(1, 9, 2, "")
	<-b.product.started
	for i := range maxPendingRequests + 1 {
		if err := c.write(fmt.Sprintf(`3:::{"SER":%d,"SID":9,"CID":1,"Q":[]}`, i+2)); err != nil {
			break // closed already
		}
	}
	b.closedFor(ReasonTooManyRequests)
}

func TestPacketRate(t *testing.T) {
	b := newBed(t, func(c *Config) { c.PacketRate, c.PacketBurst = 1, 5 })
	c := b.online("alice") // two packets
	for i := range 3 {
		c.call(10+i, 9, 1, "", 200)
	}
	c.call(20, 9, 1, "", 416)
	if err := c.write(beat); err != nil {
		t.Fatal(err)
	}
	c.answer(0, 1, 2, 200)
	b.clock.Advance(2 * time.Second)
	c.call(21, 9, 1, "", 200)
	c.call(22, 9, 1, "", 200)
	c.call(23, 9, 1, "", 416)
	if n := b.count("hongyan_packets_limited_total", "", ""); n != 2 {
		t.Errorf("%v packets counted as limited", n)
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name   string
		open   func(*bed) *client
		pass   time.Duration
		reason Reason
	}{
		{"no login in time", (*bed).dial, 31 * time.Second, ReasonNoLogin},
		{"silent", func(b *bed) *client { return b.login("alice") }, 91 * time.Second, ReasonSilent},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			cl := c.open(b)
			b.clock.Advance(c.pass)
			for cl.next() != "" { // a heartbeat may come before
			}
			b.closedFor(c.reason)
		})
	}
	t.Run("heartbeats, echoed", func(t *testing.T) {
		b := newBed(t)
		cl := b.online("alice")
		for range 5 { // 150 s altogether
			b.clock.Advance(30 * time.Second)
			cl.expect("2::")
			if err := cl.write("2::"); err != nil {
				t.Fatal(err)
			}
			cl.call(3, 9, 1, "", 200) // the echo was read before this
		}
	})
	t.Run("logged out and not gone", func(t *testing.T) {
		b := newBed(t)
		cl := b.online("alice")
		b.product.last().Leave(ReasonLogout)
		if n := len(b.dir.Devices("app", "alice")); n != 0 {
			t.Fatalf("%d devices right after logout", n)
		}
		cl.call(3, 9, 1, "", 403)
		b.clock.Advance(4 * time.Second)
		cl.expect("")
		b.closedFor(ReasonLogout)
		if got := b.product.ended(); len(got) != 1 || got[0] != ReasonLogout {
			t.Fatalf("closed %v", got)
		}
	})
}

// A login that is still being decided when its connection ends must not leave
// a session behind: nothing would ever remove it.
func TestLoginOutlivesItsConnection(t *testing.T) {
	b := newBed(t)
	release := b.product.hold()
	defer release()
	c := b.dial()
	c.send(1, 2, 4, "ghost")
	<-b.product.started
	c.nc.Close()
	hytest.Eventually(t, "the connection is gone", func() bool { return b.count("hongyan_connections", "", "") == 0 })
	release()
	hytest.Eventually(t, "the login is over", func() bool { return len(b.product.ended()) == 1 })
	if n := len(b.dir.Devices("app", "ghost")); n != 0 {
		t.Errorf("%d devices in the directory", n)
	}
	if n := len(b.g.hub.of("app", "ghost")); n != 0 {
		t.Errorf("%d sessions in the hub", n)
	}
	if n := b.count("hongyan_sessions", "", ""); n != 0 {
		t.Errorf("%v sessions counted", n)
	}
}

// A client that does not read is closed with its reason; whoever sends to it
// and to others does not wait, and what is kept for it is bounded.
func TestSlowClient(t *testing.T) {
	const queue = 256 << 10
	b := newBed(t, func(c *Config) { c.SendQueue = queue })
	slow, quick := b.online("alice"), b.online("alice")
	slowSession := b.product.entered[0]
	got := make(chan int, 1)
	const events = 4000
	go func() {
		n := 0
		for text := quick.next(); strings.HasPrefix(text, "event"); text = quick.next() {
			if n++; n == events {
				break
			}
		}
		got <- n
	}()
	body := []byte("event " + strings.Repeat("e", 4<<10))
	var longest time.Duration
	for range events {
		began := time.Now()
		b.g.Handle(im.Event{App: "app", To: "alice", Body: body})
		longest = max(longest, time.Since(began))
		slowSession.out.mu.Lock()
		held := slowSession.out.bytes
		slowSession.out.mu.Unlock()
		if held > queue {
			t.Fatalf("%d bytes wait for a client, the bound is %d", held, queue)
		}
		// The quick one must not be outrun by this loop.
		for quickBytes := queue; quickBytes > queue/2; {
			s := b.product.entered[1]
			s.out.mu.Lock()
			quickBytes = s.out.bytes
			s.out.mu.Unlock()
		}
	}
	if n := <-got; n != events {
		t.Errorf("the quick client got %d of %d", n, events)
	}
	if longest > time.Second {
		t.Errorf("an event took %v", longest)
	}
	b.closedFor(ReasonSlowClient)
	slow.nc.Close()
}

// Finish writes what is queued before it closes.
func TestFinishFlushes(t *testing.T) {
	b := newBed(t)
	c := b.online("alice")
	c.send(1, 9, 4, "finish")
	for i := range 64 {
		if got := c.next(); !strings.HasPrefix(got, fmt.Sprint(i, " ")) {
			t.Fatalf("frame %d is %.20q", i, got)
		}
	}
	c.expect("")
	c.nc.Close()
	b.closedFor(ReasonKicked)
}

// Stopping answers what is under way before it closes the connections, and
// refuses new ones meanwhile.
func TestStopAnswersFirst(t *testing.T) {
	for _, c := range []struct {
		name string
		cid  int
	}{{"handler", 2}, {"answered later", 6}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			cl, idle := b.online("alice"), b.online("bob")
			release := b.product.hold()
			defer release()
			cl.send(5, 9, c.cid, "late")
			<-b.product.started
			done := make(chan struct{})
			go func() { b.stop(); close(done) }()
			hytest.Eventually(t, "handshakes are refused", func() bool {
				status, _, _ := b.get("GET", "/socket.io/1/")
				return status == http.StatusServiceUnavailable
			})
			if err := cl.write(beat); err != nil {
				t.Fatal(err)
			}
			cl.answer(0, 1, 2, 200) // still served
			select {
			case <-done:
				t.Fatal("stopped with a request under way")
			default:
			}
			release()
			cl.answer(5, 9, c.cid, 200)
			for _, c := range []*client{cl, idle} {
				c.expect("")
				c.nc.Close()
			}
			<-done
			b.closedFor(ReasonDraining)
		})
	}
}

// Clients that go on sending do not keep the gateway from stopping; whatever
// was handled was answered, and the answers arrive.
func TestStopUnderLoad(t *testing.T) {
	b := newBed(t)
	var wg sync.WaitGroup
	const clients, window = 8, 30
	answered := make([]int, clients)
	go func() {
		for range b.product.started {
		}
	}()
	for i := range clients {
		c := b.online(fmt.Sprint("user", i))
		free := make(chan struct{}, window)
		for range window {
			free <- struct{}{}
		}
		wg.Go(func() {
			ser := 0
			for range free {
				ser++
				// Writing goes on until the server has really gone.
				if c.write(fmt.Sprintf(`3:::{"SER":%d,"SID":9,"CID":6,"Q":[{"t":"String","v":"%d"}]}`, ser, i)) != nil {
					return
				}
			}
		})
		wg.Go(func() {
			defer c.nc.Close()
			defer close(free)
			for c.next() != "" {
				answered[i]++
				free <- struct{}{}
			}
		})
	}
	hytest.Eventually(t, "there is load", func() bool {
		b.product.mu.Lock()
		defer b.product.mu.Unlock()
		return len(b.product.handled) > 2000
	})
	took := b.stop()
	wg.Wait()
	close(b.product.started)
	if took > 3*time.Second {
		t.Errorf("stopping took %v", took)
	}
	total := 0
	for _, n := range answered {
		total += n
	}
	if handled := len(b.product.handled); handled != total {
		t.Errorf("%d requests handled, %d answered", handled, total)
	}
}

// What a client sends right before its good-bye is handled: mostly the
// acknowledgement of what it has received.
func TestRequestsBeforeTheEndAreHandled(t *testing.T) {
	bye := string(clientFrame(ws.OpText, true, "0::"))
	for _, c := range []struct{ name, end string }{
		{"good-bye", bye},
		{"close frame", string(clientFrame(ws.OpClose, true, "\x03\xe8"))},
		{"both", bye + string(clientFrame(ws.OpClose, true, "\x03\xe8"))},
		{"cut", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			cl := b.online("alice")
			var all string
			for i := range 3 {
				all += string(clientFrame(ws.OpText, true, fmt.Sprintf(`3:::{"SER":%d,"SID":9,"CID":1,"Q":[{"t":"String","v":"%d"}]}`, i+5, i)))
			}
			if _, err := cl.nc.Write([]byte(all + c.end)); err != nil {
				t.Fatal(err)
			}
			if c.end == "" {
				cl.nc.Close()
			}
			hytest.Eventually(t, "all three are handled", func() bool {
				b.product.mu.Lock()
				defer b.product.mu.Unlock()
				return slices.Equal(b.product.handled, []string{"0", "1", "2"})
			})
			hytest.Eventually(t, "the session has ended", func() bool { return len(b.product.ended()) == 1 })
		})
	}
}

// A client that is told to leave and goes on sending still gets the reason.
func TestFinishReachesAClientThatSends(t *testing.T) {
	b := newBed(t)
	c := b.online("alice")
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		pace := time.NewTicker(100 * time.Microsecond)
		defer pace.Stop()
		for c.write(`3:::{"SER":9,"SID":9,"CID":1,"Q":[]}`) == nil {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
		}
	}()
	c.next() // the sender is at work
	s := b.product.last()
	s.PutFrame(Frame([]byte("good-bye")))
	s.Finish(ReasonKicked)
	if n := len(b.dir.Devices("app", "alice")); n != 0 {
		t.Errorf("%d devices after the end", n)
	}
	last := ""
	for got := c.next(); got != ""; got = c.next() {
		last = got
	}
	if last != "good-bye" {
		t.Errorf("the last frame is %q", last)
	}
	// A client that does not close is closed.
	b.clock.Advance(4 * time.Second)
	b.closedFor(ReasonKicked)
	close(stop)
	<-done
}

// A client that reads nothing cannot hold up the stop.
func TestStopWithASlowClient(t *testing.T) {
	b := newBed(t, func(c *Config) { c.SendQueue = 64 << 20 })
	b.online("alice")
	body := []byte(strings.Repeat("e", 1<<20))
	for range 32 {
		b.g.Handle(im.Event{App: "app", To: "alice", Body: body})
	}
	if took := b.stop(); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func TestEventsReachTheirAccountAlone(t *testing.T) {
	b := newBed(t)
	a1, a2, other := b.online("alice"), b.online("alice"), b.online("bob")
	b.g.Handle(im.Event{App: "app", To: "alice", Body: []byte("to both")})
	b.g.Handle(im.Event{App: "app", To: "alice", Origin: b.product.entered[0].ID, Body: []byte("to the second")})
	b.g.Handle(im.Event{App: "other app", To: "alice", Body: []byte("to nobody")})
	b.g.Handle(im.Event{App: "app", To: "bob", Body: []byte("to bob")})
	a1.expect("to both")
	a2.expect("to both")
	a2.expect("to the second")
	other.expect("to bob")
	for _, c := range []*client{a1, a2, other} {
		c.call(9, 9, 1, "", 200) // nothing else was queued before this
	}
}

func TestHubUnderConcurrency(t *testing.T) {
	h := newHub()
	keys := make([]presence.Key, 40)
	for i := range keys {
		keys[i] = presence.Key{App: "app", Accid: fmt.Sprint("user", i%7)}
	}
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				for _, k := range keys {
					seen := map[*Session]bool{}
					for _, s := range h.of(k.App, k.Accid) {
						if s == nil || seen[s] {
							t.Error("a session twice, or none")
						}
						seen[s] = true
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for _, k := range keys {
		writers.Go(func() {
			s := &Session{}
			for range 300 {
				h.add(k, s)
				if !slices.Contains(h.of(k.App, k.Accid), s) {
					t.Error("added and not there")
				}
				h.remove(k, s)
				if slices.Contains(h.of(k.App, k.Accid), s) {
					t.Error("removed and still there")
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	for i := range h.shards {
		if n := len(h.shards[i].accounts); n != 0 {
			t.Errorf("%d accounts left over", n)
		}
	}
}

func TestAddressLimit(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name         string
		rate         float64
		first, other netip.Addr
		exempt, same bool
	}{
		{"no limit", 0, addr("203.0.113.9"), addr("203.0.113.9"), true, true},
		{"one IPv4 address", 1, addr("203.0.113.9"), addr("203.0.113.9"), false, true},
		{"another IPv4 address", 1, addr("203.0.113.9"), addr("203.0.113.10"), false, false},
		{"IPv4 written as IPv6", 1, addr("203.0.113.9"), addr("::ffff:203.0.113.9"), false, true},
		{"one IPv6 network", 1, addr("2001:db8:1:2::1"), addr("2001:db8:1:2:ffff::9"), false, true},
		{"another IPv6 network", 1, addr("2001:db8:1:2::1"), addr("2001:db8:1:3::1"), false, false},
		{"zones do not count", 1, addr("fe80::1%eth0"), addr("fe80::2%eth1"), false, true},
		{"loopback", 1, addr("127.0.0.1"), addr("127.0.0.1"), true, true},
		{"IPv6 loopback", 1, addr("::1"), addr("::1"), true, true},
		{"IPv4 loopback written as IPv6", 1, addr("::ffff:127.0.0.1"), addr("::ffff:127.0.0.1"), true, true},
		{"unknown", 1, netip.Addr{}, netip.Addr{}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := hytest.NewClock(time.Time{})
			l := NewAddressLimit(c.rate, 3, clock.Now)
			for i := range 3 {
				if !l.Allow(c.first) {
					t.Fatalf("connection %d of the burst refused", i)
				}
			}
			if got := l.Allow(c.first); got != c.exempt {
				t.Errorf("beyond the burst: %v", got)
			}
			if got, want := l.Allow(c.other), c.exempt || !c.same; got != want {
				t.Errorf("from %s: %v, want %v", c.other, got, want)
			}
			clock.Advance(1500 * time.Millisecond)
			if !l.Allow(c.first) {
				t.Error("refused after a second")
			}
		})
	}
	t.Run("memory is bounded", func(t *testing.T) {
		l := NewAddressLimit(1, 1, time.Now)
		for i := range maxAddresses + 10 {
			l.Allow(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		if n := len(l.seen); n > maxAddresses {
			t.Errorf("%d addresses kept", n)
		}
	})
}
