package sqlstore

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// storeMetrics tell how commits go: how many messages share one, how long it
// takes, what waits.
type storeMetrics struct {
	messages prometheus.Counter
	writes   prometheus.Counter
	commits  prometheus.Counter
	seconds  prometheus.Histogram
}

// newStoreMetrics registers with reg; without one nothing is counted anywhere.
func newStoreMetrics(reg prometheus.Registerer, waiting func() float64) *storeMetrics {
	m := &storeMetrics{
		messages: prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_store_messages_total", Help: "Messages given to commits, repeated ones included."}),
		writes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_store_writes_total", Help: "Other writes that shared a commit."}),
		commits:  prometheus.NewCounter(prometheus.CounterOpts{Name: "hongyan_store_commits_total", Help: "Transactions of the committers."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hongyan_store_commit_seconds", Help: "Time from begin to durable, retries included.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, 1, 5}}),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.writes, m.commits, m.seconds,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hongyan_store_waiting", Help: "Messages and writes that wait for a commit."}, waiting))
	}
	return m
}

func (m *storeMetrics) committed(messages, writes int, took time.Duration) {
	m.messages.Add(float64(messages))
	m.writes.Add(float64(writes))
	m.commits.Inc()
	m.seconds.Observe(took.Seconds())
}

// waiting counts what waits for a commit.
func (s *Store) waiting() float64 {
	n := 0
	for _, c := range s.committers {
		c.mu.Lock()
		n += len(c.appends) + len(c.jobs)
		c.mu.Unlock()
	}
	return float64(n)
}
