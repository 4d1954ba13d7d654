package hook

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// hookMetrics count callbacks per app (docs/api/callbacks.md section 6).
type hookMetrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec

	translations       *prometheus.CounterVec
	translationSeconds prometheus.Histogram

	moderations       *prometheus.CounterVec
	moderationSeconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *hookMetrics {
	f := promauto.With(reg)
	return &hookMetrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "callback", Name: "calls_total",
			Help: "Callbacks by app, event number and result.",
		}, []string{"app", "event", "result"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hongyan", Subsystem: "callback", Name: "seconds",
			Help:    "Time an app's server took to decide.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5},
		}, []string{"event"}),
		translations: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "translation", Name: "calls_total",
			Help: "Requests for a translation by app and result.",
		}, []string{"app", "result"}),
		translationSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Namespace: "hongyan", Subsystem: "translation", Name: "seconds",
			Help:    "Time a provider took to translate.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10},
		}),
		moderations: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "moderation", Name: "calls_total",
			Help: "Questions to services of moderation by app and result.",
		}, []string{"app", "result"}),
		moderationSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Namespace: "hongyan", Subsystem: "moderation", Name: "seconds",
			Help:    "Time a service of moderation took to decide.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 5},
		}),
	}
}

func (m *hookMetrics) count(app string, event int, result string, begun time.Time) {
	e := strconv.Itoa(event)
	m.calls.WithLabelValues(app, e, result).Inc()
	m.seconds.WithLabelValues(e).Observe(time.Since(begun).Seconds())
}
