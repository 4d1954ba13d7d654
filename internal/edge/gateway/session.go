package gateway

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"hongyan/internal/edge/wire"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/presence"
)

// maxPendingRequests bounds the requests of one session that wait for their
// turn; a client that has more outstanding is broken or hostile.
const maxPendingRequests = 1024

// Bytes of requests that wait for their turn; when there are more the session
// is not read until some have been handled. One request may be longer.
const (
	maxPendingBytes = 2 << 20
	maxEarlyBytes   = 64 << 10 // before login
)

// roomLimit is how long a request waits for its client to take what it asked
// for before. A client that takes nothing is closed sooner (writeLimit).
const roomLimit = 2 * time.Minute

// Session is one connection, before and after login. The gateway keeps it to a
// reader, a writer and a queue; what a product remembers about it is in Product.
type Session struct {
	ID   string // connection id; the handshake's session id
	gw   *Gateway
	conn Conn
	out  writer
	Peer netip.AddrPort // of the client, behind trusted proxies too

	lastRead atomic.Int64 // ms
	openedMs int64
	beatMs   int64 // last heartbeat of ours; the sweep's
	rate     packetRate
	reason   atomic.Pointer[Reason]
	leaveMs  atomic.Int64 // when the client logged out or was told to leave, 0 = has not
	gone     atomic.Bool  // its login has ended
	trustMs  atomic.Int64 // messages from this time on may be missing at the client, 0 = none are

	background atomic.Int32 // requests that wait for somebody else's server

	inMu      sync.Mutex // guards the rest of this block
	inbox     []*packet
	inBytes   int           // of inbox
	inRoom    chan struct{} // closed when a request was taken off; nil: the reader does not wait
	running   bool
	submitted int  // requests whose answer waits for a commit
	over      bool // the connection has ended

	// Set once by Login, read by handlers afterwards.
	login atomic.Pointer[Login]

	live  liveState
	rooms sessionRooms
}

// Login is what a session is after its login.
type Login struct {
	App     *app.App // as it was at login; handlers use Session.App for current settings
	Device  *presence.Device
	Product string
	Auto    bool     // the login was a reconnect by the SDK
	SDK     string   // human version of the SDK, "0.17.2"
	SDKNo   int      // its protocol number, 91200
	Others  []string // connection ids of the account's devices that its answer named
	// Client tells one client of the account from the others across connections:
	// its device id, or what else is known of it.
	Client string
	// Data is what the product remembers of the connection.
	Data any
	// ResumeMs is set by LogIn for reconnects: messages up to this time reached
	// the client on the connection it lost.
	ResumeMs int64
	// TrustMs is set by LogIn for reconnects after events were lost: the client may
	// have missed messages from this time on, whatever it has got of later ones; 0:
	// it has not.
	TrustMs int64
}

// Login returns the session's login, nil before it.
func (s *Session) Login() *Login { return s.login.Load() }

// App returns the app with its current settings.
func (s *Session) App() *app.App {
	l := s.login.Load()
	if a, ok := s.gw.cfg.Apps.Get(l.App.Key); ok {
		return a
	}
	return l.App
}

// Accid returns the logged-in account.
func (s *Session) Accid() string { return s.login.Load().Device.Accid }

// Push sends a push of this session alone.
func (s *Session) Push(id wire.ID, r wire.REncoder) {
	s.PutFrame(Frame(wire.AppendPush(nil, id.SID, id.CID, r)))
}

// PutFrame queues a prepared frame.
func (s *Session) PutFrame(frame []byte) {
	if !s.out.put(frame) {
		s.Close(ReasonSlowClient)
	}
}

// PushAsked sends a push that the client waits for, as at sync: when it has
// taken most of what it was sent before. An error says that it does not, or
// that the connection has ended.
func (s *Session) PushAsked(id wire.ID, r wire.REncoder) error {
	if err := s.room(); err != nil {
		return err
	}
	s.out.putAsked(Frame(wire.AppendPush(nil, id.SID, id.CID, r)))
	return nil
}

// room waits until the client has taken most of what waits for it. It is called
// by the session's worker alone: a client can have much sent to itself, but one
// thing after the other.
func (s *Session) room() error {
	if !s.out.crowded() {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.gw.patient, roomLimit)
	defer cancel()
	// A client that is busy reading need not send anything (silenceLimit).
	err := s.out.wait(ctx, func() { s.lastRead.Store(s.gw.nowMs()) })
	switch {
	case err == nil:
	case s.gw.patient.Err() != nil:
		s.Close(ReasonDraining)
	default:
		s.Close(ReasonSlowClient)
	}
	return err
}

// answer answers a request from the session's worker, which has waited for room.
func (s *Session) answer(id wire.ID, ser int64, code im.Code, r wire.REncoder) {
	s.out.putAsked(Frame(wire.AppendResponse(nil, id.SID, id.CID, ser, int(code), r)))
}

// Reply answers a request.
func (s *Session) Reply(id wire.ID, ser int64, code im.Code, r wire.REncoder) {
	s.PutFrame(Frame(wire.AppendResponse(nil, id.SID, id.CID, ser, int(code), r)))
}

// Close ends the connection at once for a named reason.
func (s *Session) Close(r Reason) {
	s.reason.CompareAndSwap(nil, &r)
	s.out.close()
}

// Finish ends the connection after what is queued has been written. The session
// is offline at once, however long its client takes to leave.
func (s *Session) Finish(r Reason) {
	s.reason.CompareAndSwap(nil, &r)
	s.leaveMs.CompareAndSwap(0, s.gw.nowMs()) // commands get no further, and a peer that stays is closed
	s.out.finish()
	s.gw.offline(s, s.ending())
}

// wait sleeps until the connection has something to read and hands it to a
// worker. It is a goroutine of its own each time and does nothing else: its
// stack must not grow, because ten thousand sleeping stacks are most of what
// idle connections cost.
func (s *Session) wait() {
	if s.conn.Wait() {
		s.gw.pool.do(task{s, taskRead}) // the wait group's count goes with it
		return
	}
	defer s.gw.wg.Done()
	for s.read() {
		s.startWork()
		s.conn.Wait()
	}
	s.gw.closed(s)
	s.startWork() // what came before the end is handled
}

// readTask reads what has arrived, lets the next wait begin, and then handles
// what is queued.
func (s *Session) readTask() {
	if s.read() {
		s.gw.wg.Add(1)
		go s.wait()
	} else {
		s.gw.closed(s)
	}
	if s.claimWork() {
		s.work()
	}
}

// read handles what has arrived; false ends the connection. It answers
// heartbeats itself, so that they never wait for anything, and queues the rest
// in order.
func (s *Session) read() bool {
	for {
		msg, err := s.conn.ReadMessage()
		if err != nil {
			s.ended(err)
			return false
		}
		s.lastRead.Store(s.gw.nowMs())
		if !s.received(msg) {
			return false
		}
		if !s.conn.Pending() {
			return true
		}
	}
}

// heartbeat is the answer to 1-2: ser is always 0 (docs/protocol/nim-core.md section 2.8).
var heartbeat = Frame(wire.AppendResponse(nil, 1, 2, 0, 200, nil))

func (s *Session) received(msg []byte) bool {
	typ, payload, err := wire.SplitFrame(msg)
	if err != nil {
		s.Close(ReasonBadFrame)
		return false
	}
	switch typ {
	case wire.FrameHeartbeat, wire.FrameNoop:
		return true
	case wire.FrameDisconnect:
		s.Close(ReasonClientLeft)
		return false
	case wire.FrameMessage:
	default:
		s.Close(ReasonBadFrame)
		return false
	}
	p := s.gw.packets.get()
	p.data = append(p.data[:0], payload...)
	if err := wire.ParseRequest(p.data, &p.req); err != nil {
		s.gw.packets.put(p)
		s.gw.metrics.malformed.Inc()
		s.Close(ReasonBadFrame)
		return false
	}
	if p.req.SID == 1 && p.req.CID == 2 {
		s.gw.packets.put(p)
		s.PutFrame(heartbeat)
		return true
	}
	if !s.rate.allow(s.gw.nowMs(), s.gw.cfg.PacketRate, s.gw.cfg.PacketBurst) {
		s.Reply(p.req.ID(), p.req.SER, im.CodeTooFrequent, nil)
		s.gw.packets.put(p)
		s.gw.metrics.limited.Inc()
		return true
	}
	return s.queue(p)
}

// queue keeps a packet for the session's worker.
func (s *Session) queue(p *packet) bool {
	limit := maxPendingBytes
	if s.login.Load() == nil {
		limit = maxEarlyBytes
	}
	s.inMu.Lock()
	defer s.inMu.Unlock()
	for s.inBytes > 0 && s.inBytes+len(p.data) > limit {
		if s.inRoom == nil {
			s.inRoom = make(chan struct{})
		}
		room := s.inRoom
		s.inMu.Unlock()
		s.startWork()
		<-room // the worker always comes to an end: handlers have deadlines
		s.inMu.Lock()
	}
	// Under the lock: whoever waits for sessions to be idle sees what was queued,
	// or nothing is queued any more.
	if s.gw.stopping.Load() {
		s.gw.packets.put(p) // unanswered: the connection ends in a moment
		return true
	}
	if len(s.inbox) >= maxPendingRequests {
		s.Close(ReasonTooManyRequests)
		return false
	}
	s.inbox = append(s.inbox, p)
	s.inBytes += len(p.data)
	return true
}

// claimWork says whether there are packets that nobody handles; the caller then
// must call work. A session has at most one worker, which keeps its order.
func (s *Session) claimWork() bool {
	s.inMu.Lock()
	defer s.inMu.Unlock()
	if s.running || len(s.inbox) == 0 {
		return false
	}
	s.running = true
	return true
}

func (s *Session) startWork() {
	if s.claimWork() {
		s.gw.wg.Add(1)
		s.gw.pool.do(task{s, taskWork})
	}
}

func (s *Session) work() {
	for {
		s.inMu.Lock()
		if len(s.inbox) == 0 {
			s.running = false
			s.inbox = nil
			s.inMu.Unlock()
			return
		}
		p := s.inbox[0]
		s.inbox[0] = nil
		s.inbox = s.inbox[1:]
		s.inBytes -= len(p.data)
		if s.inRoom != nil {
			close(s.inRoom)
			s.inRoom = nil
		}
		s.inMu.Unlock()
		s.gw.dispatch(s, p)
		s.gw.packets.put(p)
	}
}

func (s *Session) ended(err error) {
	r := ReasonConnectionLost
	switch err {
	case errTooLarge:
		r = ReasonFrameTooLarge
	case errProtocol:
		r = ReasonBadFrame
	case errPeerClosed:
		r = ReasonClientLeft
	}
	s.Close(r)
}

// log returns a logger with who the session is; never its token.
func (s *Session) log() *slog.Logger {
	l := s.gw.log.With("conn", s.ID, "peer", s.Peer)
	if login := s.login.Load(); login != nil {
		l = l.With("app", login.App.Key, "accid", login.Device.Accid)
	}
	return l
}

// Context is done when the server stops; handlers set their own deadlines on it.
func (s *Session) Context() context.Context { return s.gw.ctx }

// packet is a request with the bytes its parameters point into.
type packet struct {
	data []byte
	req  wire.Request
}

type packetPool struct{ p sync.Pool }

func newPacketPool() *packetPool {
	return &packetPool{p: sync.Pool{New: func() any { return new(packet) }}}
}

func (p *packetPool) get() *packet { return p.p.Get().(*packet) }

func (p *packetPool) put(k *packet) {
	if cap(k.data) > 16<<10 {
		k.data = nil
	}
	p.p.Put(k)
}

// packetRate is a token bucket in 24 bytes; it is used by one goroutine.
type packetRate struct {
	tokens float64
	lastMs int64
}

func (r *packetRate) allow(nowMs int64, rate float64, burst int) bool {
	if rate <= 0 {
		return true
	}
	if r.lastMs == 0 {
		r.tokens = float64(burst)
	} else {
		r.tokens = min(float64(burst), r.tokens+float64(nowMs-r.lastMs)*rate/1000)
	}
	r.lastMs = nowMs
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// Reason says why the server ended a connection; it is logged and counted.
type Reason string

// lost says whether the client is expected back: nobody meant the connection to end.
func (r Reason) lost() bool { return r != ReasonLogout && r != ReasonKicked && r != ReasonKickedByOwn }

// Reasons.
const (
	ReasonClientLeft      Reason = "client left"
	ReasonConnectionLost  Reason = "connection lost"
	ReasonBadFrame        Reason = "bad frame"
	ReasonFrameTooLarge   Reason = "frame too large"
	ReasonTooManyRequests Reason = "too many requests pending"
	ReasonSlowClient      Reason = "slow client"
	ReasonSilent          Reason = "silent"
	ReasonNoLogin         Reason = "no login in time"
	ReasonLoginRefused    Reason = "login refused"
	ReasonKicked          Reason = "kicked"
	ReasonKickedByOwn     Reason = "kicked by another own device"
	ReasonLogout          Reason = "logout"
	ReasonDraining        Reason = "draining"
	ReasonBusGap          Reason = "events may have been lost"
	ReasonSyncOverflow    Reason = "too much happened during sync"
	ReasonNoSync          Reason = "no sync in time"
)

// Delivered resolves acknowledged message ids and records them.
func (s *Session) Delivered(ctx context.Context, messages *message.Service, ids []int64) error {
	l := s.login.Load()
	known, rest := s.live.acknowledge(ids)
	messages.Delivered(l.App.Key, l.Device.Accid, known...)
	if len(rest) == 0 {
		return nil
	}
	return messages.DeliveredIDs(ctx, l.App.Key, l.Device.Accid, rest)
}
