package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/wire"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/team"
)

// Product is what one SDK product (NIM, QChat, Chatroom) adds to the gateway.
type Product interface {
	Name() string
	Rows() []Row
	// Event sends what an event means to the sessions of the account it is
	// addressed to, on this node and of this product.
	Event(ev im.Event, sessions []*Session)
	// Closed tells that a logged-in session has ended.
	Closed(s *Session, r Reason)
}

// Config is what a Gateway needs. Times are durations, sizes bytes.
type Config struct {
	Apps           *app.Service
	Directory      *presence.Directory
	Bus            im.Publisher
	Clock          im.Clock
	Log            *slog.Logger
	Metrics        prometheus.Registerer
	ClientAddr     func(*http.Request) netip.AddrPort // behind trusted proxies too
	MaxFrame       int
	LoginTimeout   time.Duration
	PacketRate     float64 // packets per second and connection, 0 = no limit
	PacketBurst    int
	MaxConnections int                   // 0 = no limit
	SendQueue      int                   // bytes
	AllowConnect   func(netip.Addr) bool // asked at the handshake
	// AllowUpgrade is asked when the socket opens, which nothing ties to a
	// handshake; it must let through whom AllowConnect did, because the SDK waits
	// for ever for a refused upgrade.
	AllowUpgrade func(netip.Addr) bool
	// Missed reads the messages between two numbers of a conversation as events
	// like ev; set where several nodes commit (see sequencer).
	Missed func(ctx context.Context, ev im.Event, after, before int64) ([]im.Event, error)
}

// Silence and heartbeat of the socket (docs/protocol/nim-core.md section 2.8):
// the client closes after silenceTold without a frame, we send one every
// heartbeatEvery and close a client that was silent for silenceLimit.
const (
	silenceTold    = 60
	heartbeatEvery = 25 * time.Second
	silenceLimit   = 90 * time.Second
	writeLimit     = 15 * time.Second
	leaveLimit     = 3 * time.Second
	sweepEvery     = time.Second
	// syncLimit is how long events wait for the end of a sync. Ten minutes carry
	// 15 MB at the 200 kbit/s of a bad mobile connection.
	syncLimit = 10 * time.Minute
)

// Gateway accepts and owns all client connections of a node.
type Gateway struct {
	cfg       Config
	log       *slog.Logger
	metrics   *metrics
	buffers   *bufferPool
	packets   *packetPool
	pool      *pool
	deadlines deadlines
	hub       *hub
	rooms     *rooms
	lost      *lostClients
	resyncs   resyncs
	sequencer *sequencer // nil where one node commits everything
	products  []Product
	tables    map[string]map[wire.ID]*boundRow
	firsts    map[wire.ID]*boundRow

	ctx      context.Context // ends when the gateway stops
	stop     context.CancelFunc
	patient  context.Context // ends when the gateway begins to stop: nobody waits for slow clients then
	hurry    context.CancelFunc
	wg       sync.WaitGroup // every goroutine of every session
	draining atomic.Bool
	stopping atomic.Bool // requests that come now are not handled any more

	mu       sync.Mutex // guards sessions
	sessions map[*Session]struct{}
}

type boundRow struct {
	Row
	count prometheus.Counter
}

// New returns a gateway; Start it before it serves.
func New(c Config, products ...Product) *Gateway {
	ctx, stop := context.WithCancel(context.Background())
	patient, hurry := context.WithCancel(ctx)
	g := &Gateway{cfg: c, log: c.Log, metrics: newMetrics(c.Metrics), buffers: newBufferPool(), packets: newPacketPool(),
		hub: newHub(), rooms: newRooms(), lost: newLostClients(), products: products, tables: map[string]map[wire.ID]*boundRow{}, firsts: map[wire.ID]*boundRow{},
		ctx: ctx, stop: stop, patient: patient, hurry: hurry, sessions: map[*Session]struct{}{}, resyncs: resyncs{wake: make(chan struct{}, 1)}}
	if c.Missed != nil {
		g.sequencer = newSequencer(g.deliver, c.Missed, func(err error) { g.log.Error("read missed messages", "err", err) })
	}
	g.pool = &pool{tasks: make(chan task), gw: g}
	g.deadlines.renew(ctx)
	for _, p := range products {
		t := map[wire.ID]*boundRow{}
		for _, r := range p.Rows() {
			b := &boundRow{Row: r, count: g.metrics.requests.WithLabelValues(r.Command.Name, "")}
			if old := t[r.Command.ID()]; old == nil || old.Push {
				t[r.Command.ID()] = b
			}
			if old := g.firsts[r.Command.ID()]; old == nil || old.Push || !old.BeforeLogin && !b.Push {
				g.firsts[r.Command.ID()] = b
			}
		}
		g.tables[p.Name()] = t
	}
	return g
}

func (g *Gateway) row(s *Session, id wire.ID) (*boundRow, bool) {
	table := g.firsts
	if l := s.login.Load(); l != nil {
		table = g.tables[l.Product]
	}
	r, ok := table[id]
	return r, ok
}

func (g *Gateway) nowMs() int64 { return g.cfg.Clock.NowMs() }

// Start begins to look after connections.
func (g *Gateway) Start(context.Context) error {
	g.wg.Add(2)
	go g.sweep()
	go g.resync()
	if g.sequencer != nil {
		g.wg.Add(1)
		go g.order()
	}
	return nil
}

// ServeHTTP serves /socket.io/1/: the handshake and the WebSocket upgrade.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, "/socket.io/1")
	switch {
	case strings.HasPrefix(rest, "/websocket/"):
		g.upgrade(w, r)
	case rest == "" || rest == "/":
		g.handshake(w, r)
	default:
		http.NotFound(w, r)
	}
}

// handshake answers `<id>:<silence>:<close>:<transports>`. It is the place to
// refuse: a refused upgrade leaves the SDK's connect() pending for ever
// (docs/protocol/nim-core.md rule 9).
func (g *Gateway) handshake(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "content-type")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if reason := g.refuse(r); reason != "" {
		g.metrics.handshakes.WithLabelValues(reason).Inc()
		h.Set("Retry-After", "5")
		http.Error(w, "busy: "+reason, http.StatusServiceUnavailable)
		return
	}
	g.metrics.handshakes.WithLabelValues("ok").Inc()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(newID() + ":" + strconv.Itoa(silenceTold) + ":" + strconv.Itoa(silenceTold) + ":websocket"))
}

func (g *Gateway) refuse(r *http.Request) string {
	switch {
	case g.draining.Load():
		return "draining"
	case g.full():
		return "full"
	case g.cfg.AllowConnect != nil && !g.cfg.AllowConnect(g.cfg.ClientAddr(r).Addr()):
		return "too many connections from this address"
	}
	return ""
}

func (g *Gateway) full() bool {
	if g.cfg.MaxConnections == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions) >= g.cfg.MaxConnections
}

// insert adds a session where there is room for it.
func (g *Gateway) insert(s *Session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cfg.MaxConnections > 0 && len(g.sessions) >= g.cfg.MaxConnections {
		return false
	}
	g.sessions[s] = struct{}{}
	return true
}

// upgrade turns the request into a session and returns: the session's reader
// is a goroutine of its own, so that nothing of net/http stays behind.
func (g *Gateway) upgrade(w http.ResponseWriter, r *http.Request) {
	if g.draining.Load() || g.full() {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	peer := g.cfg.ClientAddr(r)
	if g.cfg.AllowUpgrade != nil && !g.cfg.AllowUpgrade(peer.Addr()) {
		g.metrics.handshakes.WithLabelValues("too many sockets from this address").Inc()
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	conn, rw, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
	if err != nil {
		return // the upgrader has answered
	}
	var early []byte
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ = rw.Reader.Peek(n)
	}
	c := newWSConn(conn, g.buffers, g.cfg.MaxFrame, early)
	now := g.nowMs()
	s := &Session{ID: newID(), gw: g, conn: c, Peer: peer, openedMs: now, beatMs: now}
	s.out = writer{conn: c, limit: g.cfg.SendQueue, pool: g.buffers, flushSoon: s.flushSoon}
	s.lastRead.Store(now)
	if !g.insert(s) {
		_ = conn.Close() // others were faster; the client's next handshake is told so
		return
	}
	g.metrics.connections.Inc()
	s.PutFrame(connectFrame)
	g.wg.Add(1)
	go s.wait()
}

var (
	connectFrame   = Frame([]byte(wire.ConnectFrame))
	heartbeatFrame = Frame([]byte(wire.HeartbeatFrame))
)

func (s *Session) flushSoon() {
	s.gw.wg.Add(1)
	s.gw.pool.do(task{s, taskFlush})
}

// LogIn makes s a session of its account: from now on it is found by events.
func (s *Session) LogIn(l *Login) {
	g := s.gw
	if l.Auto {
		l.ResumeMs, l.TrustMs = g.lost.take(lostKey{l.Device.Key(), l.Client}, g.nowMs())
	}
	s.inMu.Lock()
	s.login.Store(l)
	g.hub.add(l.Device.Key(), s)
	g.cfg.Directory.Put(l.Device)
	g.metrics.logins.Inc()
	over := s.over
	s.inMu.Unlock()
	g.cfg.Bus.Publish(im.Event{Kind: im.EventDeviceUp, App: l.Device.App, To: l.Device.Accid, Origin: s.ID, Body: l.Device.Encode()})
	if over { // the connection ended while its login was decided
		g.offline(s, s.ending())
	}
}

// closed ends a session whose reader has ended.
func (g *Gateway) closed(s *Session) {
	g.mu.Lock()
	delete(g.sessions, s)
	g.mu.Unlock()
	g.metrics.connections.Dec()
	r := s.ending()
	g.metrics.closed.WithLabelValues(string(r)).Inc()
	s.inMu.Lock()
	s.over = true
	s.inMu.Unlock()
	g.offline(s, r)
}

// ending says why the connection ends or has ended.
func (s *Session) ending() Reason {
	if p := s.reason.Load(); p != nil {
		return *p
	}
	return ReasonConnectionLost
}

// Leave takes a session that logged out offline at once. The client closes the
// socket when it has the answer; one that does not is closed by the sweep.
func (s *Session) Leave(r Reason) {
	s.reason.CompareAndSwap(nil, &r)
	s.leaveMs.Store(s.gw.nowMs())
	s.gw.offline(s, r)
}

// offline ends the login of a session, once.
func (g *Gateway) offline(s *Session, r Reason) {
	l := s.login.Load()
	if l == nil || !s.gone.CompareAndSwap(false, true) {
		return
	}
	if r.lost() {
		g.lost.put(lostKey{l.Device.Key(), l.Client}, s.live.received(), s.trustMs.Load(), g.nowMs())
	}
	g.hub.remove(l.Device.Key(), s)
	s.leaveRooms()
	g.metrics.logins.Dec()
	if g.cfg.Directory.Remove(l.Device) {
		down := *l.Device
		down.Lost = r.lost()
		g.cfg.Bus.Publish(im.Event{Kind: im.EventDeviceDown, App: down.App, To: down.Accid, Origin: s.ID, Body: down.Encode()})
	}
	for _, p := range g.products {
		if p.Name() == l.Product {
			p.Closed(s, r)
		}
	}
}

// Handle delivers an event of the bus to the sessions it is addressed to: those
// of an account, or those in a conversation when it names no account.
func (g *Gateway) Handle(ev im.Event) {
	if ev.Kind == team.EventRoom {
		g.roomChanged(ev)
		return
	}
	if g.sequencer != nil && ev.Kind == im.EventMessage && ev.Seq > 0 {
		if len(g.addressed(ev)) > 0 {
			g.sequencer.take(ev, g.nowMs())
		}
		return
	}
	g.deliver(ev)
}

// addressed returns the sessions an event is for.
func (g *Gateway) addressed(ev im.Event) []*Session {
	if ev.Kind == message.EventBroadcast {
		return g.everyone(ev.App)
	}
	if ev.To == "" && ev.Conv != "" {
		return g.rooms.of(ev.App, ev.Conv)
	}
	return g.hub.of(ev.App, ev.To)
}

// deliver hands an event to the products of the sessions it is for. A message
// event without a body only keeps the numbers of its conversation complete.
func (g *Gateway) deliver(ev im.Event) {
	sessions := g.addressed(ev)
	if len(sessions) == 0 || len(sessions) == 1 && sessions[0].ID == ev.Origin || ev.Kind == im.EventMessage && len(ev.Body) == 0 {
		return
	}
	if device, ok := im.OriginDevice(ev.Origin); ok {
		sessions = slices.DeleteFunc(slices.Clone(sessions), func(s *Session) bool {
			l := s.login.Load()
			return l.Device.Accid == ev.From && l.Device.DeviceID == device
		})
	}
	for _, p := range g.products {
		mine := sessions
		for i, s := range sessions {
			if s.login.Load().Product == p.Name() {
				continue
			}
			mine = append([]*Session(nil), sessions[:i]...)
			for _, s := range sessions[i+1:] {
				if s.login.Load().Product == p.Name() {
					mine = append(mine, s)
				}
			}
			break
		}
		if len(mine) > 0 {
			p.Event(ev, mine)
		}
	}
}

// Offer delivers a message to a session according to its sync state.
func (s *Session) Offer(d Delivery) {
	s.gw.metrics.delivered.Inc()
	if !s.live.offer(d, s.gw.nowMs(), s.gw.cfg.SendQueue/2, s.PutFrame) {
		s.Close(ReasonSyncOverflow)
	}
}

// CloseAll ends every connection at once for a reason; the SDKs reconnect and sync.
func (g *Gateway) CloseAll(r Reason) {
	for _, s := range g.all() {
		s.Finish(r)
	}
}

func (g *Gateway) all() []*Session {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*Session, 0, len(g.sessions))
	for s := range g.sessions {
		out = append(out, s)
	}
	return out
}

// Drain refuses new connections from now on.
func (g *Gateway) Drain() { g.draining.Store(true) }

// Stop lets requests under way finish, closes all connections and waits for
// their goroutines, as long as ctx allows.
func (g *Gateway) Stop(ctx context.Context) error {
	g.Drain()
	g.stopping.Store(true)
	g.hurry()
	g.waitIdle(ctx)
	g.CloseAll(ReasonDraining)
	done := make(chan struct{})
	go func() { g.wg.Wait(); g.pool.stop(); close(done) }()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	g.stop()
	select {
	case <-done:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	// Peers that do not read keep their writers: cut them off.
	for _, s := range g.all() {
		s.Close(ReasonDraining)
	}
	<-done
	return nil
}

// waitIdle waits until no session has a request under way.
func (g *Gateway) waitIdle(ctx context.Context) {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		busy := false
		for _, s := range g.all() {
			s.inMu.Lock()
			busy = busy || s.running || len(s.inbox) > 0 || s.submitted > 0
			s.inMu.Unlock()
		}
		if !busy {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sweep looks after time-outs and heartbeats once a second: one goroutine
// instead of timers per connection.
func (g *Gateway) sweep() {
	defer g.wg.Done()
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-t.C:
		}
		g.deadlines.renew(g.ctx)
		g.pool.trim()
		now := g.nowMs()
		for _, s := range g.all() {
			g.sweepOne(s, now)
		}
	}
}

func (g *Gateway) sweepOne(s *Session, now int64) {
	switch busy := s.out.busySince.Load(); {
	case s.login.Load() == nil && now-s.openedMs > g.cfg.LoginTimeout.Milliseconds():
		s.Close(ReasonNoLogin)
	case now-s.lastRead.Load() > silenceLimit.Milliseconds():
		s.Close(ReasonSilent)
	case busy != 0 && now-busy > writeLimit.Milliseconds():
		s.Close(ReasonSlowClient)
	case s.leaveMs.Load() != 0 && now-s.leaveMs.Load() > leaveLimit.Milliseconds():
		s.Close(ReasonLogout)
	case s.live.waitsSince(now) > syncLimit:
		s.Close(ReasonNoSync)
	default:
		if now-s.beatMs > heartbeatEvery.Milliseconds() {
			s.beatMs = now
			s.PutFrame(heartbeatFrame)
		}
	}
}

func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
