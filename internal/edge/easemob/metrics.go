package easemob

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what an operator sees of the Easemob API. Labels come from the
// table of rows, never from a caller.
type metrics struct{ requests *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{requests: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Namespace: "hongyan", Subsystem: "easemob", Name: "requests_total",
		Help: "Calls of the Easemob API by call and HTTP status.",
	}, []string{"call", "status"})}
}

func (m *metrics) count(call string, status int) {
	m.requests.WithLabelValues(call, strconv.Itoa(status)).Inc()
}
