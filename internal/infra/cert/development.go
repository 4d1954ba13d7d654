package cert

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hongyan/internal/config"
)

// watchEvery is how often a running server looks whether its leaf must be replaced.
const watchEvery = 12 * time.Hour

// development serves the leaf of the own CA. It is a files source that renews its files itself; a leaf renewed by
// `hongyan cert renew` is picked up the same way.
type development struct {
	*files
	cfg    *config.Config
	cancel context.CancelFunc
	done   chan struct{}
}

func newDevelopment(cfg *config.Config, log *slog.Logger) (*development, error) {
	if err := EnsureDevelopment(cfg, log, time.Now()); err != nil {
		return nil, err
	}
	dir := cfg.Path("tls")
	f, err := newFiles(filepath.Join(dir, leafFile), filepath.Join(dir, leafKeyFile), log, time.Now)
	if err != nil {
		return nil, err
	}
	return &development{files: f, cfg: cfg}, nil
}

// Start watches the expiry of the leaf in the background.
func (d *development) Start(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel, d.done = cancel, make(chan struct{})
	go func() {
		defer close(d.done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := EnsureDevelopment(d.cfg, d.log, time.Now()); err != nil {
					d.log.Error("development certificate cannot be renewed", "err", err)
				}
			}
		}
	}()
	return nil
}

// Stop ends the watching.
func (d *development) Stop(context.Context) error {
	if d.cancel != nil {
		d.cancel()
		<-d.done
	}
	return nil
}

// EnsureDevelopment makes the CA and the leaf in DATA/tls unless good ones are there.
func EnsureDevelopment(cfg *config.Config, log *slog.Logger, now time.Time) error {
	return ensure(cfg, log, now, false)
}

// RenewDevelopment issues a new leaf even if the present one is good. Clients that trust the CA notice nothing.
func RenewDevelopment(cfg *config.Config, log *slog.Logger, now time.Time) error {
	return ensure(cfg, log, now, true)
}

func ensure(cfg *config.Config, log *slog.Logger, now time.Time, force bool) error {
	dir := cfg.Path("tls")
	hosts := leafHosts(cfg)
	// Another process may write its own leaf between our two files; then the pair does not fit and is made again.
	for range 3 {
		ca, err := openAuthority(dir, now)
		if err != nil {
			return fmt.Errorf("development CA: %w", err)
		}
		why := ca.leafFault(hosts, now)
		if force && why == "" {
			why = "asked for"
		}
		if why == "" {
			return nil
		}
		force = false
		if err := ca.issueLeaf(hosts, now); err != nil {
			return fmt.Errorf("development certificate: %w", err)
		}
		log.Info("development certificate issued", "why", why, "hosts", hosts, "ca", filepath.Join(dir, caFile))
	}
	if ca, err := openAuthority(dir, now); err != nil {
		return fmt.Errorf("development CA: %w", err)
	} else if why := ca.leafFault(hosts, now); why != "" {
		return fmt.Errorf("development certificate: %s, although it was just issued; is another server using %s?", why, dir)
	}
	return nil
}

// leafHosts returns what the leaf must cover. A server that listens on every address is reached by any of them and by
// the name of the machine.
func leafHosts(cfg *config.Config) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	add := func(h string) {
		if ip, err := netip.ParseAddr(h); err == nil {
			h = ip.Unmap().WithZone("").String()
		} else {
			h = strings.ToLower(strings.TrimSuffix(h, "."))
		}
		if h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	for _, addr := range []string{cfg.Listen, cfg.Public} {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			continue
		}
		if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
			add(host)
			continue
		}
		if name, err := os.Hostname(); err == nil && validHost(name) {
			add(name)
		}
		for _, ip := range machineAddresses() {
			add(ip.String())
		}
	}
	return hosts
}

// validHost keeps out machine names that cannot stand in a certificate.
func validHost(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	})
}

func machineAddresses() (ips []netip.Addr) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			ips = append(ips, p.Addr())
		}
	}
	return ips
}
