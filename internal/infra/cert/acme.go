package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"go.uber.org/zap"

	"hongyan/internal/config"
)

// acme gets and renews certificates by the ACME protocol. Challenges are answered on our own listeners: TLS-ALPN-01 on
// --listen, which must be reachable as port 443 from outside, and HTTP-01 on --http (as port 80) if that is on. Accounts,
// keys and certificates are in DATA/acme.
type acme struct {
	cfg     *config.Config
	log     *slog.Logger
	running atomic.Pointer[acmeRun]
}

// acmeRun exists between Start and Stop, because the library's cache owns a goroutine from its creation on.
type acmeRun struct {
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	cancel context.CancelFunc
	jobs   sync.WaitGroup
}

func newACME(cfg *config.Config, log *slog.Logger) *acme { return &acme{cfg: cfg, log: log} }

func (a *acme) TLSConfig() *tls.Config {
	c := baseTLS(func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		run := a.running.Load()
		if run == nil {
			return nil, errors.New("certificate source is not running")
		}
		return run.magic.GetCertificate(hello)
	})
	c.NextProtos = append(c.NextProtos, acmez.ACMETLS1Protocol)
	return c
}

func (a *acme) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if run := a.running.Load(); run != nil && run.issuer.HandleHTTPChallenge(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Start loads what is in the storage and gets what is missing in the background: the server comes up even if the
// authority is away, and handshakes fail until the first certificate is there.
func (a *acme) Start(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	run := &acmeRun{cancel: cancel}
	quiet := zap.NewNop() // the library's events say what an operator needs, see event
	run.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return run.magic, nil },
		Logger:           quiet,
	})
	domains := a.cfg.TLS.ACMEDomains
	run.magic = certmagic.New(run.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: a.cfg.Path("acme")},
		Logger:  quiet,
		OnEvent: a.event,
		// Clients without SNI, such as health checks by address, get the first name's certificate.
		DefaultServerName:  domains[0],
		FallbackServerName: domains[0],
	})
	run.issuer = certmagic.NewACMEIssuer(run.magic, certmagic.ACMEIssuer{
		CA:                   a.cfg.TLS.ACMECA,
		TestCA:               a.cfg.TLS.ACMECA, // retries go to the same authority, which may be a private one
		Email:                a.cfg.TLS.ACMEEmail,
		Agreed:               true,
		DisableHTTPChallenge: a.cfg.HTTP == "",
		AltHTTPPort:          port(a.cfg.HTTP),
		AltTLSALPNPort:       port(a.cfg.Listen),
		Logger:               quiet,
	})
	run.magic.Issuers = []certmagic.Issuer{run.issuer}
	a.running.Store(run)
	for _, name := range domains {
		run.jobs.Go(func() {
			if err := run.obtain(ctx, name); err != nil && ctx.Err() == nil {
				a.log.Error("acme: given up until the next start", "name", name, "err", err)
			}
		})
	}
	return nil
}

// obtain gets a certificate, with retries for weeks, unless the storage has one. This is what the library's ManageAsync
// does, but in a goroutine that Stop can wait for. Once loaded, the library's cache keeps it renewed.
func (r *acmeRun) obtain(ctx context.Context, name string) error {
	if err := r.magic.ObtainCertAsync(ctx, name); err != nil {
		return err
	}
	_, err := r.magic.CacheManagedCertificate(ctx, name)
	return err
}

// Stop ends renewals. What is under way is continued at the next start, from the storage.
func (a *acme) Stop(ctx context.Context) error {
	run := a.running.Swap(nil)
	if run == nil {
		return nil
	}
	run.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		run.jobs.Wait()
		run.cache.Stop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("acme: requests under way do not end: %w", context.Cause(ctx))
	}
}

func (a *acme) event(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtaining":
		a.log.Info("acme: getting a certificate", "name", data["identifier"])
	case "cert_obtained":
		a.log.Info("acme: got a certificate", "name", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		a.log.Error("acme: no certificate; it will be tried again", "name", data["identifier"], "err", data["error"])
	}
	return nil
}

func port(addr string) int {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(p)
	return n
}

// acmeFiles returns the certificates in the storage.
func acmeFiles(cfg *config.Config) ([]string, error) {
	storage := &certmagic.FileStorage{Path: cfg.Path("acme")}
	keys, err := storage.List(context.Background(), "certificates", true)
	if err != nil {
		return nil, fmt.Errorf("acme: no certificate yet: %w", err)
	}
	var paths []string
	for _, k := range keys {
		if path := storage.Filename(k); len(path) > 4 && path[len(path)-4:] == ".crt" {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths, nil
}
