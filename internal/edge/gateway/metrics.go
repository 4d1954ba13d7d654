package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
)

type metrics struct {
	connections prometheus.Gauge
	logins      prometheus.Gauge
	handshakes  *prometheus.CounterVec
	closed      *prometheus.CounterVec
	requests    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	delivered   prometheus.Counter
	malformed   prometheus.Counter
	limited     prometheus.Counter
	panics      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "hongyan_connections", Help: "Open client connections."}),
		logins:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "hongyan_sessions", Help: "Logged-in client connections."}),
		handshakes:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_handshakes_total", Help: "Handshakes by result."}, []string{"result"}),
		closed:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_connections_closed_total", Help: "Closed connections by reason."}, []string{"reason"}),
		requests:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_requests_total", Help: "Client requests by command; unknown and early ones by code."}, []string{"command", "code"}),
		refused:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hongyan_requests_refused_total", Help: "Client requests answered with an error."}, []string{"command", "code"}),
		delivered:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_messages_delivered_total", Help: "Messages queued to connections."}),
		malformed:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_malformed_packets_total", Help: "Packets that could not be parsed."}),
		limited:     prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_packets_limited_total", Help: "Packets over the rate of their connection."}),
		panics:      prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_handler_panics_total", Help: "Handlers that panicked; each is a bug."}),
	}
	reg.MustRegister(m.connections, m.logins, m.handshakes, m.closed, m.requests, m.refused, m.delivered, m.malformed, m.limited, m.panics)
	return m
}

func codeText(c im.Code) string { return strconv.Itoa(int(c)) }
