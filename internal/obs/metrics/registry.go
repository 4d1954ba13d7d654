// Package metrics owns the metrics registry and the private listener that shows it, the profiler and the health answers
// to operators.
//
// It is apart from package obs so that those who only log, or only keep secrets out of logs, do not depend on the metrics
// library. It must not know which metrics there are: every package registers its own.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Namespace is the prefix of the names of all metrics of this program.
const Namespace = "hongyan"

// NewRegistry returns a registry with the collectors of the Go runtime, the process and the build. It is not the
// library's global one: two servers in one test process must not share counters.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return reg
}
