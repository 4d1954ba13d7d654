package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says which server is measured, and how it is looked at.
type Config struct {
	Addr   string // host:port
	TLS    bool
	CA     string // file; empty: the authorities of the system
	Key    string // of the app
	Secret string

	Metrics string // URL of the private listener
	PID     int    // of the server, 0: unknown

	Remote bool // the server may be on another machine

	Spawn     bool     // start a server; Addr, Key, Secret, Metrics and PID are then its own
	Binary    string   // what to start
	Dir       string   // where its data goes; empty: the directory for temporary files
	ServeArgs []string // further flags of serve

	Create   bool    // make the accounts
	Silent   bool    // clients acknowledge nothing
	RESTRate float64 // REST calls a second, 0: no limit

	Profile string    // directory for profiles of the server, empty: none
	Log     io.Writer // progress
}

// bed is a server that is ready to be measured.
type bed struct {
	cfg    Config
	tls    *tls.Config
	probe  Probe
	server *Server // nil unless spawned
}

// perSource is how many connections leave from one loopback address: fewer than
// there are ephemeral ports.
const perSource = 20000

// prepare starts the server if asked to, and makes the accounts. With restart a
// spawned server is started again afterwards, so that the making of accounts has
// left nothing in its memory.
func prepare(ctx context.Context, cfg Config, accounts int, restart bool) (_ *bed, err error) {
	b := &bed{cfg: cfg}
	if !cfg.Spawn && !cfg.Remote && !loopback(cfg.Addr) {
		return nil, fmt.Errorf("bench: %s is not on this machine: a load generator aimed at others is an attack; give --remote if it is yours", cfg.Addr)
	}
	if cfg.Spawn {
		if b.server, err = Spawn(ctx, cfg.Binary, cfg.Dir, cfg.ServeArgs); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, b.server.Stop())
			}
		}()
		b.adopt()
	}
	if b.tls, err = tlsConfig(&b.cfg); err != nil {
		return nil, err
	}
	b.probe = Probe{PID: b.cfg.PID, Metrics: b.cfg.Metrics}
	if _, err := b.probe.Usage(ctx); err != nil {
		return nil, err
	}
	if cfg.Create {
		if err := b.accounts(ctx, accounts); err != nil {
			return nil, err
		}
	}
	if restart {
		if err := b.restart(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// restart starts a spawned server anew.
func (b *bed) restart(ctx context.Context) error {
	if b.server == nil {
		return nil
	}
	if err := b.server.Restart(ctx); err != nil {
		return err
	}
	b.probe.PID = b.server.PID()
	return nil
}

// adopt takes the addresses of the spawned server.
func (b *bed) adopt() {
	s := b.server
	b.cfg.Addr = s.Addr
	if b.cfg.TLS {
		b.cfg.Addr, b.cfg.CA = s.TLSAddr, s.CA
	}
	b.cfg.Key, b.cfg.Secret, b.cfg.Metrics, b.cfg.PID = s.Key, s.Secret, s.Metrics, s.PID()
}

func (b *bed) accounts(ctx context.Context, n int) error {
	rate := b.cfg.RESTRate
	if b.server != nil {
		if err := b.server.SetApp(ctx, "rest_rate=100000"); err != nil {
			b.logf("%v; creating accounts slowly", err)
		} else {
			rate = 0
		}
	}
	began := time.Now()
	r := NewREST(b.cfg.Addr, b.tls, b.cfg.Key, b.cfg.Secret)
	if err := r.CreateAccounts(ctx, n, rate); err != nil {
		return err
	}
	b.logf("%d accounts in %s", n, time.Since(began).Round(10*time.Millisecond))
	return nil
}

// close stops a spawned server.
func (b *bed) close() error {
	if b.server == nil {
		return nil
	}
	return b.server.Stop()
}

func (b *bed) logf(format string, args ...any) {
	if b.cfg.Log != nil {
		_, _ = fmt.Fprintf(b.cfg.Log, format+"\n", args...)
	}
}

// options are those of connection i of account accid.
func (b *bed) options(i int, accid string) Options {
	o := Options{Addr: b.cfg.Addr, TLS: b.tls, AppKey: b.cfg.Key, Account: accid, Token: tokenOf(accid), Acknowledge: !b.cfg.Silent}
	if loopback4(b.cfg.Addr) {
		o.Source = net.IPv4(127, 0, 0, byte(1+i/perSource))
	}
	return o
}

// enterTimeout bounds one login.
const enterTimeout = 30 * time.Second

// enter connects, logs in and synchronises.
func enter(ctx context.Context, o Options, onPush func(*Packet)) (_ *Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, enterTimeout)
	defer cancel()
	c, err := Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	c.OnPush(onPush)
	if _, err = c.Login(ctx); err == nil {
		_, err = c.Sync(ctx)
	}
	if err != nil {
		c.Drop()
		return nil, fmt.Errorf("login of %s: %w", o.Account, err)
	}
	return c, nil
}

// enterAll logs in accounts u0 to u(n-1), some at a time. After an error none is left.
func (b *bed) enterAll(ctx context.Context, n, concurrency int, onPush func(i int) func(*Packet)) ([]*Client, error) {
	if limit, err := openFiles(); err == nil && uint64(n)+64 > limit {
		return nil, fmt.Errorf("bench: %d connections need more open files than the limit of %d allows", n, limit)
	}
	clients := make([]*Client, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	began := time.Now()
	for i := range n {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			var fn func(*Packet)
			if onPush != nil {
				fn = onPush(i)
			}
			c, err := enter(gctx, b.options(i, account(i)), fn)
			clients[i] = c
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		leaveAll(clients)
		return nil, err
	}
	b.logf("%d logins in %s", n, time.Since(began).Round(10*time.Millisecond))
	return clients, nil
}

// leaveAll closes all connections without waiting for answers.
func leaveAll(clients []*Client) {
	for _, c := range clients {
		if c != nil {
			c.Drop()
		}
	}
}

// pingEvery is the heartbeat interval of the SDK.
const pingEvery = 30 * time.Second

// keepAlive sends the heartbeats of all clients, spread over the interval, until
// stop is called.
func keepAlive(ctx context.Context, clients []*Client) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		began := time.Now()
		for k := 0; ; k++ {
			due := time.Duration(float64(k) / float64(len(clients)) * float64(pingEvery))
			if pauseFor(ctx, due-time.Since(began)) != nil {
				return
			}
			// A lost connection is noticed by whoever uses it.
			_ = clients[k%len(clients)].Ping()
		}
	})
	return func() { cancel(); wg.Wait() }
}

// profile saves a processor profile of the server while it is measured, if asked to.
func (b *bed) profile(ctx context.Context, name string, d time.Duration) (wait func() error) {
	if b.cfg.Profile == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		seconds := max(int(d.Seconds()), 1)
		done <- b.probe.Save(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), b.profileFile(name))
	}()
	return func() error { return <-done }
}

func (b *bed) profileFile(name string) string { return filepath.Join(b.cfg.Profile, name+".pprof") }

func tlsConfig(cfg *Config) (*tls.Config, error) {
	if !cfg.TLS {
		return nil, nil //nolint:nilnil // no TLS
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CA != "" {
		pem, err := os.ReadFile(cfg.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("bench: no certificate in %s", cfg.CA)
		}
	}
	return conf, nil
}

// loopback reports whether an address is on this machine, without looking names up.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// loopback4 reports whether further loopback addresses can be used as sources.
func loopback4(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Is4() && ip.IsLoopback()
}
