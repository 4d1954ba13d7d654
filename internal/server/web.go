package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/edge/filegw"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/cert"
	"hongyan/internal/obs"
)

// router chooses the façade by the first path segment, before any mux: bucket
// and org names live at the root, reserved segments never do (ARCHITECTURE.md
// section 3).
type router struct {
	health             *obs.Health
	gateway, lbs, rest http.Handler
	files, s3, easemob http.Handler
}

// ServeHTTP implements http.Handler.
func (r router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	switch first {
	case "socket.io":
		r.gateway.ServeHTTP(w, req)
	case "lbs":
		r.lbs.ServeHTTP(w, req)
	case "nimserver", "srv-sdk":
		r.rest.ServeHTTP(w, req)
	case "healthz":
		r.health.ServeHealthz(w, req)
	case "readyz":
		r.health.ServeReadyz(w, req)
	case file.Bucket:
		r.files.ServeHTTP(w, req)
	case file.S3Bucket:
		r.s3.ServeHTTP(w, req)
	default:
		if filegw.IsObject(first) {
			r.files.ServeHTTP(w, req)
			return
		}
		r.easemob.ServeHTTP(w, req)
	}
}

// web owns the public listeners.
type web struct {
	cfg    *config.Config
	log    *slog.Logger
	certs  cert.Source
	router http.Handler

	open   []opened
	wg     sync.WaitGroup
	failed chan error // capacity 2: one per listener
}

type opened struct {
	name, addr string
	srv        *http.Server
}

func newWeb(cfg *config.Config, log *slog.Logger, certs cert.Source, r http.Handler) *web {
	return &web{cfg: cfg, log: log, certs: certs, router: r, failed: make(chan error, 2)}
}

func (w *web) addrs() []opened { return w.open }

// Start implements lifecycle.Service.
func (w *web) Start(ctx context.Context) error {
	if w.cfg.Listen != "" {
		if err := w.listen(ctx, "listen", w.cfg.Listen, w.certs.TLSConfig(), w.router); err != nil {
			return err
		}
	}
	if w.cfg.HTTP != "" {
		if err := w.listen(ctx, "http", w.cfg.HTTP, nil, w.certs.HTTPHandler(w.router)); err != nil {
			return errors.Join(err, w.Stop(ctx))
		}
	}
	return nil
}

func (w *web) listen(ctx context.Context, name, addr string, tlsConf *tls.Config, h http.Handler) error {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
	}
	w.open = append(w.open, opened{name, ln.Addr().String(), srv})
	if tlsConf != nil {
		ln = tls.NewListener(ln, tlsConf)
	}
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			w.failed <- fmt.Errorf("--%s: %w", name, err)
		}
	}()
	return nil
}

// Stop implements lifecycle.Service: requests under way finish.
func (w *web) Stop(ctx context.Context) error {
	var errs []error
	for _, o := range w.open {
		if err := o.srv.Shutdown(ctx); err != nil {
			errs = append(errs, err, o.srv.Close())
		}
	}
	w.wg.Wait()
	return errors.Join(errs...)
}

// clientAddr tells whose request it is: X-Forwarded-For is believed from
// trusted proxies only, and of it the last address that is no proxy.
type clientAddr struct{ cfg *config.Config }

func (c clientAddr) of(r *http.Request) netip.AddrPort {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.AddrPort{}
	}
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	if !c.cfg.TrustsProxy(peer.Addr()) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if a = a.Unmap(); !c.cfg.TrustsProxy(a) {
			return netip.AddrPortFrom(a, 0)
		}
	}
	return peer
}

func (c clientAddr) ip(r *http.Request) string { return c.of(r).Addr().String() }
