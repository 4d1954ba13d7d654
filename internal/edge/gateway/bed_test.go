package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/wire"
	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
)

// bed is a gateway on a real listener with a product made for tests.
type bed struct {
	t       *testing.T
	g       *Gateway
	addr    string
	http    *httptest.Server
	clock   *hytest.Clock
	bus     *hytest.Bus
	dir     *presence.Directory
	metrics *prometheus.Registry
	product *fakeProduct
	stopped bool
}

func newBed(t *testing.T, change ...func(*Config)) *bed {
	t.Helper()
	hytest.NoLeaks(t)
	b := &bed{t: t, clock: hytest.NewClock(time.Time{}), bus: &hytest.Bus{}, metrics: prometheus.NewRegistry()}
	b.dir = presence.NewDirectory(1, b.clock.Now)
	b.product = &fakeProduct{started: make(chan struct{}, 10_000)}
	c := Config{Directory: b.dir, Bus: b.bus, Clock: b.clock.Now, Log: hytest.Quiet(), Metrics: b.metrics,
		ClientAddr: func(r *http.Request) netip.AddrPort { return netip.MustParseAddrPort(r.RemoteAddr) },
		MaxFrame:   64 << 10, LoginTimeout: 30 * time.Second, SendQueue: 1 << 20}
	for _, f := range change {
		f(&c)
	}
	b.g = New(c, b.product)
	if err := b.g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.http = httptest.NewServer(b.g)
	b.addr = b.http.Listener.Addr().String()
	t.Cleanup(func() { b.stop() })
	return b
}

// stop ends the gateway and says how long that took.
func (b *bed) stop() time.Duration {
	if b.stopped {
		return 0
	}
	b.stopped = true
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), hytest.Patience)
	defer cancel()
	if err := b.g.Stop(ctx); err != nil {
		b.t.Errorf("stop: %v", err)
	}
	took := time.Since(began)
	b.http.Close()
	return took
}

// count returns a counter with one label.
func (b *bed) count(name, label, value string) float64 {
	b.t.Helper()
	families, err := b.metrics.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label && l.GetValue() == value {
					return m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
			if label == "" {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func (b *bed) closedFor(r Reason) {
	b.t.Helper()
	hytest.Eventually(b.t, "a connection is closed for: "+string(r), func() bool {
		return b.count("hongyan_connections_closed_total", "reason", string(r)) > 0
	})
}

func (b *bed) get(method, path string) (status int, body string, header http.Header) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.addr+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: hytest.Patience}
	res, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

// client is a client connection; its deadline is in its socket.
type client struct {
	t  *testing.T
	nc net.Conn
	r  io.Reader
}

func (b *bed) dial() *client {
	b.t.Helper()
	nc, early, _, err := ws.Dialer{}.Dial(b.t.Context(), "ws://"+b.addr+"/socket.io/1/websocket/x")
	if err != nil {
		b.t.Fatal(err)
	}
	c := &client{b.t, nc, nc}
	if early != nil {
		c.r = early
	}
	b.t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(hytest.Patience)); err != nil {
		b.t.Fatal(err)
	}
	c.expect("1::")
	return c
}

// login opens a connection of an account; not yet live.
func (b *bed) login(accid string) *client {
	b.t.Helper()
	c := b.dial()
	c.call(1, 2, 3, accid, 200)
	return c
}

// online opens a connection of an account that gets events.
func (b *bed) online(accid string) *client {
	b.t.Helper()
	c := b.login(accid)
	c.call(2, 5, 1, "", 200)
	return c
}

func (c *client) write(text string) error {
	return ws.WriteFrame(c.nc, ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
}

func (c *client) send(ser, sid, cid int, param string) {
	c.t.Helper()
	p, _ := json.Marshal(param) // a text: cannot fail
	if err := c.write(fmt.Sprintf(`3:::{"SER":%d,"SID":%d,"CID":%d,"Q":[{"t":"String","v":%s}]}`, ser, sid, cid, p)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next text, "" at the end of the connection.
func (c *client) next() string {
	c.t.Helper()
	f, err := ws.ReadFrame(c.r)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		c.t.Fatal("nothing arrived in time")
	}
	if err != nil || f.Header.OpCode != ws.OpText {
		return ""
	}
	return string(f.Payload)
}

func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.next(); got != want {
		c.t.Fatalf("got %.300q, want %q", got, want)
	}
}

func (c *client) answer(ser, sid, cid, code int) {
	c.t.Helper()
	c.expect(fmt.Sprintf(`3:::{"sid":%d,"cid":%d,"ser":%d,"code":%d,"r":[]}`, sid, cid, ser, code))
}

func (c *client) call(ser, sid, cid int, param string, code int) {
	c.t.Helper()
	c.send(ser, sid, cid, param)
	c.answer(ser, sid, cid, code)
}

const beat = `3:::{"SER":0,"SID":1,"CID":2,"Q":[]}`

// text is a request of one text.
type text struct{ S string }

func (q *text) AppendQ(dst []byte) []byte { return append(dst, "[]"...) }

func (q *text) AppendR(dst []byte) []byte { return fmt.Appendf(dst, "[%q]", q.S) }

func (q *text) DecodeQ(params []wire.Param) error {
	if len(params) == 0 {
		return nil
	}
	return json.Unmarshal(params[0].V, &q.S)
}

// fakeProduct has a command for everything a gateway must cope with.
type fakeProduct struct {
	started chan struct{} // one for every request that begins to wait
	mu      sync.Mutex    // guards the rest
	gate    chan struct{} // requests that wait do so until it is closed
	handled []string
	closed  []Reason
	entered []*Session
}

func (p *fakeProduct) Name() string { return "fake" }

// hold makes requests wait until the returned function is called.
func (p *fakeProduct) hold() (release func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	p.gate = gate
	p.mu.Unlock()
	return sync.OnceFunc(func() { close(gate) })
}

func (p *fakeProduct) wait() {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	p.started <- struct{}{}
	if gate != nil {
		<-gate
	}
}

func (p *fakeProduct) note(s string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handled = append(p.handled, s)
}

// last returns the session that logged in last.
func (p *fakeProduct) last() *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.entered[len(p.entered)-1]
}

func (p *fakeProduct) ended() []Reason {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Reason(nil), p.closed...)
}

func command(name string, sid, cid uint16) wire.Command {
	return wire.Command{Name: name, Product: "fake", SID: sid, CID: cid, FromClient: true}
}

func (p *fakeProduct) enter(s *Session, accid string) {
	d := &presence.Device{App: "app", Accid: accid, ConnectionID: s.ID, DeviceID: s.ID, Node: 1, LoginMs: 1}
	s.LogIn(&Login{App: &app.App{Key: "app"}, Device: d, Product: "fake"})
	p.mu.Lock()
	p.entered = append(p.entered, s)
	p.mu.Unlock()
}

func (p *fakeProduct) Rows() []Row {
	handle := func(name string, sid, cid uint16, fn func(s *Session, q string) error) Row {
		return Handle(command(name, sid, cid), func(_ context.Context, s *Session, q *text) (*None, error) { return nil, fn(s, q.S) })
	}
	return []Row{
		First(handle("login", 2, 3, func(s *Session, q string) error { p.enter(s, q); return nil })),
		First(handle("slowLogin", 2, 4, func(s *Session, q string) error { p.wait(); p.enter(s, q); return nil })),
		handle("live", 5, 1, func(s *Session, _ string) error { s.GoLive(nil, nil, func() {}); return nil }),
		handle("echo", 9, 1, func(_ *Session, q string) error { p.note(q); return nil }),
		handle("wait", 9, 2, func(_ *Session, q string) error { p.wait(); p.note(q); return nil }),
		handle("panic", 9, 3, func(*Session, string) error { panic("on purpose") }),
		handle("flood", 9, 4, func(s *Session, q string) error {
			for i := range 64 {
				s.PutFrame(Frame([]byte(fmt.Sprint(i, " ", strings.Repeat("f", 10_000)))))
			}
			if q == "finish" {
				s.Finish(ReasonKicked)
			}
			return nil
		}),
		handle("unknownError", 9, 5, func(*Session, string) error { return fmt.Errorf("secret detail") }),
		Submit(command("submit", 9, 6), func(_ context.Context, s *Session, q *text, reply func(wire.REncoder, error)) error {
			go func() { p.wait(); p.note(q.S); reply(nil, nil) }()
			return nil
		}),
		Submit(command("submitPanic", 9, 7), func(context.Context, *Session, *text, func(wire.REncoder, error)) error { panic("on purpose") }),
		Handle(command("refusedWithBody", 9, 10), func(context.Context, *Session, *text) (*text, error) {
			return &text{S: "body"}, im.Errorf(im.CodeBlacklisted, "no")
		}),
		Submit(command("refusedLaterWithBody", 9, 11), func(_ context.Context, _ *Session, _ *text, reply func(wire.REncoder, error)) error {
			reply(&text{S: "body"}, im.Errorf(im.CodeBlacklisted, "no"))
			return nil
		}),
		Handle(command("long", 9, 12), func(_ context.Context, _ *Session, q *text) (*text, error) {
			n, err := strconv.Atoi(q.S)
			return &text{S: strings.Repeat("l", n)}, err
		}),
		Submit(command("asked", 9, 13), func(_ context.Context, s *Session, q *text, reply func(wire.REncoder, error)) error {
			n, err := strconv.Atoi(q.S)
			for i := 0; i < n && err == nil; i++ {
				err = s.PushAsked(wire.ID{SID: 9, CID: 8}, &text{S: strings.Repeat("a", 100_000)})
			}
			p.note(fmt.Sprint("asked ", err == nil))
			reply(nil, err)
			return nil
		}),
		Push(wire.Command{Name: "push", Product: "fake", SID: 9, CID: 8, FromServer: true}),
		Unsupported(command("later", 9, 9), "not made yet"),
	}
}

func (p *fakeProduct) Event(ev im.Event, sessions []*Session) {
	for _, s := range sessions {
		if s.ID != ev.Origin {
			s.PutFrame(Frame(ev.Body))
		}
	}
}

func (p *fakeProduct) Closed(_ *Session, r Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = append(p.closed, r)
}
