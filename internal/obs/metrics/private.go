package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hongyan/internal/obs"
)

// PrivateOptions configure the private listener.
type PrivateOptions struct {
	Addr string // empty: no listener
	// Optional makes an address in use a warning. It is meant for the default address, which a second server on the
	// same machine cannot have and did not ask for.
	Optional bool
	Gatherer prometheus.Gatherer
	Health   *obs.Health
	Log      *slog.Logger
}

// Private is the listener for operators: /metrics, /debug/pprof/, /healthz and /readyz. It is a lifecycle component and
// must never be reachable by clients: a profile shows what is in memory.
type Private struct {
	opts PrivateOptions
	srv  *http.Server
	ln   net.Listener
	done chan struct{} // closed when the serving goroutine has ended
}

// NewPrivate returns a listener that is not started.
func NewPrivate(opts PrivateOptions) *Private {
	mux := http.NewServeMux()
	opts.Health.Register(mux)
	mux.Handle("GET /metrics", promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(opts.Log.Handler(), slog.LevelWarn),
	}))
	// No command line: it may carry an app's secret.
	mux.HandleFunc("GET /debug/pprof/", direct(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound)
	mux.HandleFunc("GET /debug/pprof/profile", direct(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/symbol", direct(pprof.Symbol))
	mux.HandleFunc("POST /debug/pprof/symbol", direct(pprof.Symbol))
	mux.HandleFunc("GET /debug/pprof/trace", direct(pprof.Trace))
	return &Private{
		opts: opts,
		// No write timeout: a profile takes as long as it was asked to.
		srv: &http.Server{
			Handler:           mux,
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       time.Minute,
			ErrorLog:          slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
		},
	}
}

// direct serves who named the server by its address or as localhost. A web page
// that points a name of its own at loopback, in the browser of somebody who may
// reach this listener, gets nothing of the memory.
func direct(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
			http.Error(w, "profiles are served under an address or localhost", http.StatusForbidden)
			return
		}
		h(w, r)
	}
}

// Start listens and serves in the background.
func (p *Private) Start(ctx context.Context) error {
	if p.opts.Addr == "" {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", p.opts.Addr)
	if err != nil {
		if p.opts.Optional {
			p.opts.Log.Warn("no metrics: the default address cannot be had", "addr", p.opts.Addr, "err", err)
			return nil
		}
		return err
	}
	p.ln, p.done = ln, make(chan struct{})
	go func() {
		defer close(p.done)
		if err := p.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			p.opts.Log.Error("private listener ended", "err", err)
		}
	}()
	return nil
}

// Stop closes the listener and waits for requests under way; a profile that outlasts ctx is cut off.
func (p *Private) Stop(ctx context.Context) error {
	if p.ln == nil {
		return nil
	}
	err := p.srv.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, p.srv.Close())
	}
	<-p.done
	return err
}

// Addr returns the address that is listened on, empty if none is.
func (p *Private) Addr() string {
	if p.ln == nil {
		return ""
	}
	return p.ln.Addr().String()
}
