package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// IdleConfig is the workload of connections that do nothing but heartbeats.
type IdleConfig struct {
	Connections int
	Concurrency int           // logins at a time
	Hold        time.Duration // how long they are idle before and during the measurement of CPU
}

// IdleFigures are the results of Idle.
type IdleFigures struct {
	Connections  int     `json:"connections"`
	RSSBefore    int64   `json:"rss_before_bytes"`
	RSSAfter     int64   `json:"rss_after_bytes"`
	FilesAfter   int64   `json:"rss_after_files_bytes"` // part of it: pages of the program
	KiBPerLogin  float64 `json:"kib_per_login"`
	KiBTotal     float64 `json:"kib_total_per_login"`
	KiBHeap      float64 `json:"kib_heap_per_login"`
	KiBStack     float64 `json:"kib_stack_per_login"`
	KiBRetained  float64 `json:"kib_retained_per_login"` // free, not yet returned to the system
	Goroutines   float64 `json:"goroutines_per_login"`
	CPUPerSecond float64 `json:"cpu_ms_per_second"`
	LoginCPU     float64 `json:"cpu_seconds_per_1000_logins"`
	Lost         int     `json:"lost"`
}

// idleWarmup is how many logins come and go before the memory is measured first.
const idleWarmup = 100

// Idle logs in many connections, forces a collection in the server and reports
// its resident memory for each of them.
func Idle(ctx context.Context, cfg Config, w IdleConfig) (_ *Report, err error) {
	b, err := prepare(ctx, cfg, w.Connections, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	// The first logins load parts of the program; what is asked is what one more costs.
	if warm := b.comeAndGo(ctx, min(idleWarmup, w.Connections), w.Concurrency); len(warm.errors) > 0 {
		return nil, fmt.Errorf("bench: logins fail: %v", warm.errors)
	}
	before, err := b.probe.Settle(ctx)
	if err != nil {
		return nil, err
	}
	memBefore, err := b.probe.Memory(ctx)
	if err != nil {
		return nil, err
	}
	entering, err := b.probe.Usage(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := b.enterAll(ctx, w.Connections, w.Concurrency, nil)
	if err != nil {
		return nil, err
	}
	defer func() { leaveAll(clients) }()
	entered, err := b.probe.Usage(ctx)
	if err != nil {
		return nil, err
	}
	defer keepAlive(ctx, clients)()
	after, err := b.probe.Settle(ctx)
	if err != nil {
		return nil, err
	}
	memAfter, err := b.probe.Memory(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.Profile != "" {
		for path, name := range map[string]string{"/debug/pprof/heap": "idle-heap", "/debug/pprof/goroutine": "idle-goroutines"} {
			if err := b.probe.Save(ctx, path, b.profileFile(name)); err != nil {
				return nil, err
			}
		}
	}
	cpu, err := b.holdIdle(ctx, w.Hold)
	if err != nil {
		return nil, err
	}
	n := float64(w.Connections)
	f := IdleFigures{Connections: w.Connections, RSSBefore: before.RSS, RSSAfter: after.RSS,
		KiBPerLogin: float64(after.RSS-before.RSS) / 1024 / n, KiBTotal: float64(after.RSS) / 1024 / n,
		KiBHeap: float64(memAfter.Heap-memBefore.Heap) / 1024 / n, KiBStack: float64(memAfter.Stack-memBefore.Stack) / 1024 / n,
		KiBRetained: float64(memAfter.Retained-memBefore.Retained) / 1024 / n, Goroutines: float64(memAfter.Routines-memBefore.Routines) / n,
		CPUPerSecond: cpu,
		LoginCPU:     (entered.CPU - entering.CPU).Seconds() / n * 1000}
	if after.Anonymous > 0 {
		f.FilesAfter = after.RSS - after.Anonymous
	}
	for _, c := range clients {
		if c.Err() != nil {
			if f.Lost == 0 {
				err = c.Err()
			}
			f.Lost++
		}
	}
	return f.report(err), nil
}

// holdIdle returns the processor milliseconds per second while nothing but
// heartbeats happens.
func (b *bed) holdIdle(ctx context.Context, d time.Duration) (float64, error) {
	if d <= 0 {
		return 0, nil
	}
	from, err := b.probe.Usage(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := pauseFor(ctx, d); err != nil {
		return 0, err
	}
	to, err := b.probe.Usage(ctx)
	if err != nil {
		return 0, err
	}
	return float64((to.CPU - from.CPU).Milliseconds()) / time.Since(began).Seconds(), nil
}

func (f IdleFigures) report(first error) *Report {
	r := &Report{Figures: f}
	r.add("idle logins", "%d", f.Connections)
	r.add("KiB per login (RSS after − before)", "%.2f", f.KiBPerLogin)
	r.add("KiB per login (total RSS)", "%.2f", f.KiBTotal)
	r.add("of these heap / stacks / free", "%.2f / %.2f / %.2f", f.KiBHeap, f.KiBStack, f.KiBRetained)
	r.add("goroutines per login", "%.2f", f.Goroutines)
	r.add("RSS before MiB", "%.1f", float64(f.RSSBefore)/(1<<20))
	r.add("RSS after MiB (of it program)", "%.1f (%.1f)", float64(f.RSSAfter)/(1<<20), float64(f.FilesAfter)/(1<<20))
	r.add("CPU ms/s while idle", "%.1f", f.CPUPerSecond)
	r.add("CPU s per 1,000 logins", "%.3f", f.LoginCPU)
	if f.Lost > 0 {
		r.Failed = true
		r.note("%d connections were lost, the first: %v", f.Lost, first)
	}
	return r
}
