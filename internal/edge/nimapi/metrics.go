package nimapi

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// apiMetrics are what an operator sees of the server API. Labels come from the
// route table, the code table and the apps, never from a caller.
type apiMetrics struct {
	requests *prometheus.CounterVec
	limited  *prometheus.CounterVec
	blocks   *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *apiMetrics {
	f := promauto.With(reg)
	return &apiMetrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "rest", Name: "requests_total",
			Help: "REST calls by endpoint and result code.",
		}, []string{"endpoint", "code"}),
		limited: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "rest", Name: "limited_total",
			Help: "REST calls refused because an app called an endpoint too often.",
		}, []string{"endpoint"}),
		blocks: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "hongyan", Subsystem: "rest", Name: "blocks_total",
			Help: "Blocks of an endpoint, or a group of them, that began because an app called it too often.",
		}, []string{"app", "limit"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "hongyan", Subsystem: "rest", Name: "seconds",
			Help:    "Time from the headers of a REST call to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"endpoint"}),
	}
}

func (m *apiMetrics) count(endpoint string, code int, begun time.Time) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(code)).Inc()
	m.seconds.WithLabelValues(endpoint).Observe(time.Since(begun).Seconds())
}
