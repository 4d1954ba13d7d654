package obs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	checkTimeout = 2 * time.Second
	// checkTTL lets anybody ask /readyz without giving him a way to load the database.
	checkTTL = 500 * time.Millisecond
)

// Names of the two states that are not checks.
const (
	starting = "starting"
	draining = "draining"
)

// Health answers whether the process lives and whether it should get traffic. A new one is starting: not ready until
// SetReady.
type Health struct {
	log *slog.Logger

	mu       sync.Mutex // guards the fields below
	checks   []check
	ready    bool
	draining bool

	asking  sync.Mutex // held while checks run: concurrent questions wait for one round
	asked   time.Time
	failing []string
}

type check struct {
	name string
	run  func(context.Context) error
}

// NewHealth returns a Health without checks.
func NewHealth(log *slog.Logger) *Health { return &Health{log: log} }

// AddCheck adds a readiness check. It must return when its context ends (after 2 s). Its error is logged; only its
// name is shown to whoever asks, because an error may tell addresses and accounts.
func (h *Health) AddCheck(name string, run func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check{name, run})
}

// SetReady ends the state of starting.
func (h *Health) SetReady() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready = true
}

// SetDraining makes the process not ready for good, so that load balancers send clients elsewhere. It stays healthy.
func (h *Health) SetDraining() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Failing returns the names of what keeps the process from being ready, sorted; none means ready. Results of checks
// are kept for half a second.
func (h *Health) Failing(ctx context.Context) []string {
	h.mu.Lock()
	checks, isReady, isDraining := slices.Clone(h.checks), h.ready, h.draining
	h.mu.Unlock()
	switch {
	case isDraining:
		return []string{draining}
	case !isReady:
		return []string{starting}
	}
	h.asking.Lock()
	defer h.asking.Unlock()
	if now := time.Now(); h.asked.IsZero() || now.Sub(h.asked) >= checkTTL {
		// A client that goes away must not turn the answer that others get as well into a failure.
		failing := h.run(context.WithoutCancel(ctx), checks)
		h.report(failing)
		h.failing, h.asked = failing, time.Now()
	}
	return slices.Clone(h.failing)
}

func (h *Health) run(ctx context.Context, checks []check) []string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { errs[i] = c.run(ctx) })
	}
	wg.Wait()
	var failing []string
	for i, err := range errs {
		if err != nil {
			failing = append(failing, checks[i].name)
			if !slices.Contains(h.failing, checks[i].name) {
				h.log.Warn("readiness check failed", "check", checks[i].name, "err", err)
			}
		}
	}
	slices.Sort(failing)
	return failing
}

// report logs recoveries; failures are logged where their cause is known.
func (h *Health) report(now []string) {
	for _, name := range h.failing {
		if !slices.Contains(now, name) {
			h.log.Info("readiness check passes again", "check", name)
		}
	}
}

// Register adds GET /healthz and GET /readyz to a mux.
func (h *Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", h.ServeHealthz)
	mux.HandleFunc("GET /readyz", h.ServeReadyz)
}

// ServeHealthz answers 200 "ok" as long as the process answers at all.
func (h *Health) ServeHealthz(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, "ok")
}

// ServeReadyz answers 200 "ready", or 503 with the names of the failing checks.
func (h *Health) ServeReadyz(w http.ResponseWriter, r *http.Request) {
	if failing := h.Failing(r.Context()); len(failing) > 0 {
		answer(w, http.StatusServiceUnavailable, fmt.Sprintf("not ready: %s", strings.Join(failing, ", ")))
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n")
}
