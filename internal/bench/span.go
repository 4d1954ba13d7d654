package bench

import (
	"context"
	"runtime"
	"time"
)

// span is what was used while something ran.
type span struct {
	took   time.Duration
	server time.Duration // processor time of the server
	own    time.Duration // of this process
	others float64       // share of all cores that went to anybody else
	rss    int64         // of the server, at the end
}

// muchOfOthers is the share of the machine from which on a result needs a remark.
const muchOfOthers = 0.05

// span measures what run uses.
func (b *bed) span(ctx context.Context, run func() error) (span, error) {
	from, err := b.probe.Usage(ctx)
	if err != nil {
		return span{}, err
	}
	all, known := busy()
	own, began := ownCPU(), time.Now()
	if err := run(); err != nil {
		return span{}, err
	}
	s := span{took: time.Since(began), own: ownCPU() - own}
	allEnd, _ := busy()
	to, err := b.probe.Usage(ctx)
	if err != nil {
		return span{}, err
	}
	s.server, s.rss = to.CPU-from.CPU, to.RSS
	if known && (b.probe.PID != 0 || loopback(b.cfg.Addr)) {
		others := allEnd - all - s.server - s.own
		s.others = max(0, others.Seconds()/s.took.Seconds()/float64(runtime.NumCPU()))
	}
	return s, nil
}

// note says so if the machine had other things to do.
func (s span) note(r *Report) {
	if s.others > muchOfOthers {
		r.note("Others took %.0f %% of the cores meanwhile. Latencies and rates are worse than they would be alone, and a server that "+
			"waits makes larger batches, which cost less: compare only with runs beside the same load.", s.others*100)
	}
}
