package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/infra/cert"
	"hongyan/internal/infra/film"
)

// Bounds of the checks.
const (
	diskFail     = 256 << 20
	diskWarn     = 2 << 30
	syncWarn     = 20 * time.Millisecond
	syncRounds   = 20
	filesWarn    = 16384
	clockSlack   = 5 * time.Second // file systems on other machines have clocks of their own
	certWarnDays = 14
)

// machineChecks look at this machine only: nothing in them needs a package of the server.
func machineChecks(cfg *config.Config) []Check {
	checks := []Check{
		{"data directory", func(context.Context) (string, error, string) { return checkData(cfg.Data) }},
		{"disk space", func(context.Context) (string, error, string) { return checkSpace(cfg.Data) }},
		{"disk sync", func(ctx context.Context) (string, error, string) { return checkSync(ctx, cfg.Data) }},
		{"open files", func(context.Context) (string, error, string) { return checkFiles() }},
		{"clock", func(context.Context) (string, error, string) { return checkClock(cfg.Data, time.Now()) }},
	}
	for _, l := range []struct{ name, addr, scheme string }{
		{"listen", cfg.Listen, "https"}, {"http", cfg.HTTP, "http"}, {"metrics", cfg.Metrics, "http"}, {"cluster", cfg.Cluster, ""},
	} {
		if l.addr != "" {
			checks = append(checks, Check{"address of " + l.name, func(ctx context.Context) (string, error, string) {
				return checkAddress(ctx, l.addr, l.scheme, "--"+l.name, l.name == "metrics" && !cfg.IsSet("metrics"))
			}})
		}
	}
	checks = append(checks, Check{"ffmpeg", func(ctx context.Context) (string, error, string) { return checkFFmpeg(ctx, cfg) }})
	if cfg.Listen != "" {
		checks = append(checks, Check{"certificate", func(context.Context) (string, error, string) {
			return checkCertificate(cfg, time.Now())
		}})
	}
	return checks
}

// existing returns the directory, or the nearest one above it that exists.
func existing(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	for {
		if _, err := os.Stat(abs); err == nil || filepath.Dir(abs) == abs {
			return abs
		}
		abs = filepath.Dir(abs)
	}
}

// probe makes a file where the data directory is or would be, and removes it again.
func probe(dir string, use func(*os.File) error) error {
	f, err := os.CreateTemp(existing(dir), ".hongyan-doctor-*")
	if err != nil {
		return err
	}
	err = use(f)
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func checkData(dir string) (string, error, string) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir, err, "give --data as an absolute path"
	}
	if err := probe(dir, func(*os.File) error { return nil }); err != nil {
		return abs, err, "make it writable for the user that runs the server, or give --data"
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return abs + " will be made at the first start", nil, ""
	}
	if err != nil {
		return abs, err, "make it readable for the user that runs the server"
	}
	if info.Mode().Perm()&0o002 != 0 {
		return abs, warn("anybody on this machine can write to it"), "chmod o-w " + abs
	}
	return abs, nil, ""
}

func checkSpace(dir string) (string, error, string) {
	free, err := freeSpace(existing(dir))
	if err != nil {
		return "", warn("cannot be measured here: %w", err), ""
	}
	detail := fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))
	const advice = "free some space, or move the data directory to a larger disk"
	switch {
	case free < diskFail:
		return detail, errors.New("too little to run"), advice
	case free < diskWarn:
		return detail, warn("it will not last long"), advice
	}
	return detail, nil, ""
}

// checkSync measures what every commit costs: the sender of a message waits for it.
func checkSync(ctx context.Context, dir string) (string, error, string) {
	var took []time.Duration
	err := probe(dir, func(f *os.File) error {
		block := make([]byte, 4096)
		for range syncRounds {
			began := time.Now()
			if _, err := f.Write(block); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
			took = append(took, time.Since(began))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err, "the disk cannot keep what is written; look at the system log"
	}
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	detail := fmt.Sprintf("4 KiB in %s (median), %s (worst)", median.Round(time.Microsecond), worst.Round(time.Microsecond))
	if median > syncWarn {
		return detail, warn("slow: every message waits for this"),
			"use a local SSD; --commit-sync normal is faster and may lose the last messages when the power fails"
	}
	return detail, nil, ""
}

func checkFiles() (string, error, string) {
	limit, err := openFileLimit()
	if err != nil {
		return "", warn("cannot be read here: %w", err), ""
	}
	detail := fmt.Sprintf("at most %d", limit)
	if limit < filesWarn {
		return detail, warn("every connection needs one"), "raise the limit: ulimit -n, or LimitNOFILE= in the systemd unit"
	}
	return detail, nil, ""
}

// checkFFmpeg: the server runs without it, so its absence is only told of.
func checkFFmpeg(ctx context.Context, cfg *config.Config) (string, error, string) {
	if cfg.FFmpeg == "off" {
		return "off: no pictures of films (vframe)", nil, ""
	}
	t, err := film.Find(cfg.FFmpeg)
	if err != nil && cfg.IsSet("ffmpeg") {
		return "", err, "install ffmpeg and ffprobe, or give --ffmpeg the right path"
	}
	if err != nil {
		return "not installed: no pictures of films (vframe is answered 415), durations of MP4 and WAV only", nil, ""
	}
	version, err := t.Version(ctx)
	return version, err, "install ffmpeg anew, or give --ffmpeg off"
}

// checkClock cannot know the right time, but it sees a clock that must be wrong: one before the ids begin, before this
// program was built, or before something in the data directory was written.
func checkClock(dir string, now time.Time) (string, error, string) {
	const advice = "set the clock and keep it with NTP (chrony, systemd-timesyncd) before the server starts"
	detail := now.UTC().Format(time.RFC3339)
	if now.Before(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) {
		return detail, errors.New("before 2024: ids cannot be made"), advice
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if built, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil && now.Before(built) {
				return detail, fmt.Errorf("before this program was made, %s", s.Value), advice
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return detail, warn("the data directory cannot be read: %w", err), ""
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().After(now.Add(clockSlack)) {
			return detail, fmt.Errorf("%s was written in the future, %s: the clock was set back", e.Name(),
				info.ModTime().UTC().Format(time.RFC3339)), advice
		}
	}
	return detail, nil, ""
}

// checkAddress tries to listen. An address in use is right if a server like this one answers there.
func checkAddress(ctx context.Context, addr, scheme, flag string, optional bool) (string, error, string) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err == nil {
		return addr + " is free", ln.Close(), ""
	}
	reason := err
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		reason = op.Err
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && scheme == "":
		return addr, warn("in use; fine if by a running server"), "if by something else, give another " + flag
	case errors.Is(err, syscall.EADDRINUSE) && healthy(ctx, scheme, addr):
		return addr + " is served by a running server", nil, ""
	case errors.Is(err, syscall.EADDRINUSE) && optional:
		return addr, warn("in use by something else; the server would run without metrics"), "give another " + flag
	case errors.Is(err, syscall.EADDRINUSE):
		return addr, errors.New("in use by something else"), "stop it (ss -ltnp shows what it is), or give another " + flag
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return addr, errors.New("this machine does not have the address"), "give " + flag + " an address of this machine, or :PORT for all"
	case errors.Is(err, syscall.EACCES):
		return addr, errors.New("not allowed"),
			"ports below 1024 need a right: AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, or setcap cap_net_bind_service=+ep"
	}
	return addr, reason, "give another " + flag
}

// healthy asks /healthz. The certificate does not matter: nothing secret is sent, and only "ok" is believed.
func healthy(ctx context.Context, scheme, addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64))
	return err == nil && res.StatusCode == http.StatusOK && strings.TrimSpace(string(body)) == "ok"
}

func checkCertificate(cfg *config.Config, now time.Time) (string, error, string) {
	advice := "run hongyan cert renew"
	if cfg.TLS.CertFile != "" {
		advice = "replace " + cfg.TLS.CertFile + "; a running server uses the new one within seconds"
		if _, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile); err != nil {
			return cfg.TLS.CertFile, err, "give --tls-cert and --tls-key a PEM pair that fits"
		}
	}
	if len(cfg.TLS.ACMEDomains) > 0 {
		advice = "see that --listen is reachable as port 443 (or --http as port 80) under " + strings.Join(cfg.TLS.ACMEDomains, ", ")
	}
	infos, err := cert.Describe(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return "will be made at the first start", nil, ""
	}
	if err != nil {
		return "", err, advice
	}
	host, _, _ := net.SplitHostPort(cfg.PublicAddr())
	covered := false
	for _, i := range infos {
		left := i.NotAfter.Sub(now)
		detail := fmt.Sprintf("%s of %s", i.Role, i.Path)
		switch {
		case i.Expired(now):
			return detail, fmt.Errorf("expired on %s", i.NotAfter.Format(time.DateOnly)), advice
		case i.NotBefore.After(now):
			return detail, errors.New("not valid yet"), "set the clock"
		case left < certWarnDays*24*time.Hour:
			return detail, warn("expires on %s", i.NotAfter.Format(time.DateOnly)), advice
		}
		covered = covered || covers(i.Names, host)
	}
	detail := fmt.Sprintf("valid until %s", infos[len(infos)-1].NotAfter.Format(time.DateOnly))
	switch own := cfg.TLS.CertFile == "" && len(cfg.TLS.ACMEDomains) == 0; {
	case own && !covered:
		return detail + "; will be issued again for " + host, nil, ""
	case own:
		return detail + "; clients must trust " + infos[0].Path, nil, ""
	case !covered:
		return detail, warn("does not cover %s, which clients are told", host), "give --public the host that the certificate is for"
	}
	return detail, nil, ""
}

// covers reports whether one of the names, which may begin with a wildcard, is for the host.
func covers(names []string, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(names, func(n string) bool {
		return strings.EqualFold(n, host) || parent != "" && strings.EqualFold(n, "*."+parent)
	})
}
