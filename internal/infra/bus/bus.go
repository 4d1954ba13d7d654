// Package bus carries im.Events to every node, this one included, over NATS:
// embedded by default, with routes between nodes, or an external server by URL.
// It is the one delivery path, so one node runs the same code as ten.
//
// It may lose events and says when it has (onGap): what NATS reports, and what
// the numbers of frames show. It must not know what an
// event means; only this package imports NATS.
package bus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
)

const (
	// workers deliver events; all events to one account, or to one conversation
	// without an account, go through one of them, in order.
	workers = 8
	// workerQueue bounds what waits for a worker. When it is full the
	// subscription waits, and then NATS's own bound below applies.
	workerQueue = 512
	// pendingBytes and pendingMsgs bound what NATS holds for a slow node; beyond
	// them it drops, which is reported as a gap.
	pendingBytes = 128 << 20
	pendingMsgs  = 1 << 20
	// maxFrame is where a batch of events is split.
	maxFrame = 512 << 10
	// markRoom is what a mark takes at most.
	markRoom = 64
	// overrunAge is how old what NATS drops may be at most when it says so.
	overrunAge = time.Minute
)

// Config says where the bus is.
type Config struct {
	URL       string   // external NATS; empty = embedded
	Cluster   string   // listen address of embedded routes; empty = one node
	Peers     []string // route addresses of other nodes
	Secret    string   // shared by the nodes of an embedded cluster
	Log       *slog.Logger
	Metrics   prometheus.Registerer // nil = none
	ClusterID string                // keeps deployments on one external NATS apart
}

// Bus is a connection to the bus. Start it before publishing.
type Bus struct {
	cfg     Config
	log     *slog.Logger
	subject string
	handle  func(im.Event)
	onGap   func(reason string, since time.Time)

	srv    *server.Server
	conn   *nats.Conn
	queues []chan im.Event // capacity workerQueue each
	wg     sync.WaitGroup
	sub    *nats.Subscription

	published, handled []prometheus.Counter // by worker

	marks *marker // nil where there is one node
	heard senders // of the receiving goroutine

	recvMu  sync.Mutex // held while a frame is taken in; guards stopped
	stopped bool       // the queues are closed; NATS does not wait for its callback

	received atomic.Int64 // when the last frame came, Unix ms
	cutMs    atomic.Int64 // received when the connection was lost
}

// New returns a bus that calls handle for every event, one call at a time per
// addressed account, and onGap when events may have been lost: none that was
// published before since. It must not block.
func New(c Config, handle func(im.Event), onGap func(reason string, since time.Time)) *Bus {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.ClusterID == "" {
		c.ClusterID = "hongyan"
	}
	b := &Bus{cfg: c, log: c.Log, subject: c.ClusterID + ".ev", handle: handle, onGap: onGap}
	if c.URL != "" || c.Cluster != "" {
		b.marks = newMarker()
	}
	b.published, b.handled = counters(c.Metrics)
	return b
}

// Start connects and begins to deliver.
func (b *Bus) Start(ctx context.Context) error {
	b.heard.begun = time.Now()
	b.received.Store(b.heard.begun.UnixMilli())
	opts := []nats.Option{
		nats.Name("hongyan"), nats.MaxReconnects(-1), nats.ReconnectWait(200 * time.Millisecond),
		nats.ReconnectBufSize(64 << 20), nats.RetryOnFailedConnect(false),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Error("bus", "err", err)
			if errors.Is(err, nats.ErrSlowConsumer) {
				b.onGap("bus overrun", time.Now().Add(-overrunAge))
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.cutMs.Store(b.received.Load())
			if err != nil {
				b.log.Warn("bus disconnected", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { b.onGap("bus reconnected", time.UnixMilli(b.cutMs.Load())) }),
	}
	addr := b.cfg.URL
	if addr == "" {
		auth, err := b.embed()
		if err != nil {
			return err
		}
		opts = append(opts, nats.InProcessServer(b.srv), nats.UserInfo("node", auth))
	}
	conn, err := nats.Connect(addr, opts...)
	if err != nil {
		b.shutdownServer()
		return fmt.Errorf("connect the bus: %w", err)
	}
	b.conn = conn
	for i := range workers {
		q := make(chan im.Event, workerQueue)
		b.queues = append(b.queues, q)
		b.wg.Add(1)
		go b.work(q, b.handled[i])
	}
	if b.sub, err = conn.Subscribe(b.subject, b.receive); err == nil {
		err = b.sub.SetPendingLimits(pendingMsgs, pendingBytes)
	}
	if err == nil {
		err = conn.FlushTimeout(5 * time.Second)
	}
	if err != nil {
		b.Stop(ctx)
		return fmt.Errorf("subscribe to the bus: %w", err)
	}
	return nil
}

// Stop delivers what has arrived and closes the connection.
func (b *Bus) Stop(context.Context) error {
	if b.conn == nil || b.conn.IsClosed() {
		return nil
	}
	b.conn.Flush()
	if b.sub != nil {
		b.sub.Unsubscribe()
	}
	b.conn.Close()
	b.recvMu.Lock()
	b.stopped = true
	b.recvMu.Unlock()
	for _, q := range b.queues {
		close(q)
	}
	b.wg.Wait()
	b.shutdownServer()
	return nil
}

func (b *Bus) shutdownServer() {
	if b.srv != nil {
		b.srv.Shutdown()
		b.srv.WaitForShutdown()
	}
}

// Ping says whether the bus carries.
func (b *Bus) Ping(context.Context) error {
	if b.conn == nil || !b.conn.IsConnected() {
		return errors.New("bus not connected")
	}
	return nil
}

// Publish sends events in order.
func (b *Bus) Publish(events ...im.Event) {
	if len(events) == 0 || b.conn == nil {
		return
	}
	buf := make([]byte, 0, 1024)
	counts := false
	limit := int(b.conn.MaxPayload()) - markRoom
	for i := range events {
		start := len(buf)
		buf = appendEvent(buf, &events[i])
		if size := len(buf) - start; size > limit {
			buf = b.tooLarge(buf[:start], &events[i], size)
		} else if len(buf) > limit {
			b.send(buf[:start:start], counts)
			buf, counts = append([]byte(nil), buf[start:]...), false
		}
		counts = counts || !events[i].Again
		b.published[lane(&events[i])].Inc()
		if len(buf) >= maxFrame {
			b.send(buf, counts)
			buf, counts = buf[:0:0], false
		}
	}
	if len(buf) > 0 {
		b.send(buf, counts)
	}
}

// tooLarge is for an event that NATS would refuse. Of a message its number still
// goes: who is online has it after the next sync. To fail would be a gap, and make
// every client of the node come again, at the wish of whoever sent it.
func (b *Bus) tooLarge(buf []byte, e *im.Event, size int) []byte {
	b.log.Error("an event is larger than NATS takes", "kind", e.Kind, "app", e.App, "bytes", size, "max_payload", b.conn.MaxPayload())
	if e.Kind != im.EventMessage {
		return buf
	}
	short := *e
	short.Body = nil
	return appendEvent(buf, &short)
}

// send publishes a frame; counts says that somebody misses it when it is lost.
func (b *Bus) send(buf []byte, counts bool) {
	if b.marks != nil {
		b.marks.mu.Lock()
		defer b.marks.mu.Unlock()
		buf = b.marks.mark(buf, counts)
	}
	if err := b.conn.Publish(b.subject, buf); err != nil {
		b.log.Error("publish", "err", err)
		b.onGap("publish failed", time.Now())
	}
}

func (b *Bus) receive(m *nats.Msg) {
	b.recvMu.Lock()
	defer b.recvMu.Unlock()
	if b.stopped {
		return
	}
	now := time.Now()
	b.received.Store(now.UnixMilli())
	data := m.Data
	for len(data) > 0 {
		e, rest, err := readEvent(data)
		if err != nil {
			b.log.Error("malformed event", "err", err)
			return
		}
		data = rest
		if e.Kind == kindMark {
			if since, missed := b.heard.missed(e, now); missed {
				b.onGap("events of another node are missing", since)
			}
			continue
		}
		b.queues[lane(&e)] <- e
	}
}

func (b *Bus) work(q chan im.Event, handled prometheus.Counter) {
	defer b.wg.Done()
	for e := range q {
		b.handle(e)
		handled.Inc()
	}
}

// counters are the events of each worker: those this node published, and those
// it has handled. Where there is one node the difference is what is under way.
func counters(r prometheus.Registerer) (published, handled []prometheus.Counter) {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hongyan", Name: "bus_events_total", Help: "Events that this node published, and that it handled, by worker."},
		[]string{"worker", "step"})
	if r != nil {
		r.MustRegister(v)
	}
	for i := range workers {
		n := strconv.Itoa(i)
		published, handled = append(published, v.WithLabelValues(n, "published")), append(handled, v.WithLabelValues(n, "handled"))
	}
	return published, handled
}

// lane is the worker of an event.
func lane(e *im.Event) uint32 {
	if e.To == "" {
		return shard(e.App, string(e.Conv))
	}
	return shard(e.App, e.To)
}

func shard(app, to string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(app); i++ {
		h = (h ^ uint32(app[i])) * 16777619
	}
	for i := 0; i < len(to); i++ {
		h = (h ^ uint32(to[i])) * 16777619
	}
	return h % workers
}

// embed starts the embedded server. Without routes it opens no socket; with
// them NATS needs a client listener too, which is loopback and authenticated.
func (b *Bus) embed() (auth string, err error) {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	auth = hex.EncodeToString(raw)
	o := &server.Options{
		ServerName: "hongyan-" + auth[:8], NoSigs: true, NoLog: true, DontListen: true,
		Username: "node", Password: auth, MaxPayload: 8 << 20, MaxPending: pendingBytes,
	}
	if b.cfg.Cluster != "" {
		if err := b.routes(o); err != nil {
			return "", err
		}
	}
	if b.srv, err = server.NewServer(o); err != nil {
		return "", fmt.Errorf("embedded bus: %w", err)
	}
	b.srv.SetLogger(natsLog{b.log}, false, false)
	b.srv.Start()
	if !b.srv.ReadyForConnections(10 * time.Second) {
		b.shutdownServer()
		return "", errors.New("embedded bus did not start: is the --cluster address free?")
	}
	return auth, nil
}

func (b *Bus) routes(o *server.Options) error {
	host, port, err := splitAddr(b.cfg.Cluster)
	if err != nil {
		return err
	}
	tlsConf, err := routeTLS(b.cfg.Secret)
	if err != nil {
		return err
	}
	o.DontListen, o.Host, o.Port = false, "127.0.0.1", server.RANDOM_PORT
	o.Cluster = server.ClusterOpts{Name: b.cfg.ClusterID, Host: host, Port: port, Username: "route", Password: routePassword(b.cfg.Secret), TLSConfig: tlsConf, TLSTimeout: 5, NoAdvertise: true, PoolSize: -1}
	for _, p := range b.cfg.Peers {
		if _, _, err := splitAddr(p); err != nil {
			return err
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", User: url.UserPassword("route", routePassword(b.cfg.Secret)), Host: p})
	}
	return nil
}

func splitAddr(addr string) (string, int, error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("cluster address %q: %w", addr, err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return "", 0, fmt.Errorf("cluster address %q: port is not a number", addr)
	}
	return host, port, nil
}

// natsLog passes on what an operator should see of the embedded server.
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(string, ...any) {}

// Its warnings are about its own configuration, which is ours and fixed.
func (l natsLog) Warnf(format string, v ...any)  { l.log.Debug("bus: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Fatalf(format string, v ...any) { l.log.Error("bus: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Errorf(format string, v ...any) { l.log.Error("bus: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Debugf(string, ...any)          {}
func (l natsLog) Tracef(string, ...any)          {}
