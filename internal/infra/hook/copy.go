package hook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// CopyIDHeader names the copy: the same in every attempt, so that a receiver
// can tell a repetition of any kind of event.
const CopyIDHeader = "X-Copy-Id"

// maxCopyAnswer is how much of an answer is read, in bytes: enough to use the
// connection again.
const maxCopyAnswer = 8 << 10

// Copy makes one attempt to send a copy (docs/api/copy.md section 1). Only
// status 200 within copy_timeout is success.
func (c *Client) Copy(ctx context.Context, a *app.App, e *eventcopy.Copy) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.Settings.CopyTimeout)*time.Millisecond)
	defer cancel()
	target := a.Settings.CopyURL
	if other := a.Settings.CopyEnv[e.Env]; other != "" {
		target = other
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(e.Body))
	if err != nil {
		return fmt.Errorf("%w: not a URL", ErrRefused)
	}
	sign(req.Header, a, c.clock.NowMs(), e.Body)
	req.Header[CopyIDHeader] = []string{strconv.FormatInt(e.ID, 10)}
	res, err := c.http.Do(req)
	if err != nil {
		return failure(err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxCopyAnswer)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d", res.StatusCode)
	}
	return nil
}

// CopyMetrics count copies per app; it is an eventcopy.Meter.
type CopyMetrics struct {
	sent, failed, dead *prometheus.CounterVec
	waiting, lag       *prometheus.GaugeVec
	seconds            prometheus.Histogram
}

// NewCopyMetrics registers with reg, which may be nil.
func NewCopyMetrics(reg prometheus.Registerer) *CopyMetrics {
	f := promauto.With(reg)
	counter := func(name, help string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "hongyan", Subsystem: "copies", Name: name, Help: help}, []string{"app"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "hongyan", Subsystem: "copies", Name: name, Help: help}, []string{"app"})
	}
	return &CopyMetrics{
		sent:    counter("delivered_total", "Event copies the app's server has taken."),
		failed:  counter("failed_total", "Attempts to send an event copy that failed."),
		dead:    counter("dead_total", "Event copies that were given up."),
		waiting: gauge("waiting", "Event copies that wait, at most 10000 are counted."),
		lag:     gauge("lag_seconds", "Age of the oldest event copy that waits."),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Namespace: "hongyan", Subsystem: "copies", Name: "seconds", Help: "Time an attempt took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
	}
}

// Tried implements eventcopy.Meter.
func (m *CopyMetrics) Tried(app string, took time.Duration, err error) {
	m.seconds.Observe(took.Seconds())
	if err != nil {
		m.failed.WithLabelValues(app).Inc()
		return
	}
	m.sent.WithLabelValues(app).Inc()
}

// Died implements eventcopy.Meter.
func (m *CopyMetrics) Died(app string) { m.dead.WithLabelValues(app).Inc() }

// Waiting implements eventcopy.Meter.
func (m *CopyMetrics) Waiting(app string, n int, lagMs int64) {
	m.waiting.WithLabelValues(app).Set(float64(n))
	m.lag.WithLabelValues(app).Set(float64(lagMs) / 1000)
}
