package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// LoginConfig is the workload of devices that come and go.
type LoginConfig struct {
	Count       int
	Concurrency int
	Warmup      int // logins before the measurement, of the same accounts
}

// LoginFigures are the results of Logins.
type LoginFigures struct {
	Count        int            `json:"count"`
	Concurrency  int            `json:"concurrency"`
	Seconds      float64        `json:"seconds"`
	PerSecond    float64        `json:"logins_per_second"`
	Login        Latency        `json:"login"` // first byte to the end of the sync
	CPU          float64        `json:"cpu_seconds_per_1000"`
	GeneratorCPU float64        `json:"generator_cpu_seconds_per_1000"`
	Others       float64        `json:"cpu_share_of_others"`
	Errors       map[string]int `json:"errors,omitempty"`
}

// Logins connects, logs in, synchronises and logs out, many times.
func Logins(ctx context.Context, cfg Config, w LoginConfig) (_ *Report, err error) {
	b, err := prepare(ctx, cfg, w.Count, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if w.Warmup > 0 {
		if warm := b.comeAndGo(ctx, min(w.Warmup, w.Count), w.Concurrency); len(warm.errors) > 0 {
			return nil, fmt.Errorf("bench: logins fail: %v", warm.errors)
		}
	}
	if cfg.Profile != "" {
		if err := b.profileLogins(ctx, w); err != nil {
			return nil, err
		}
	}
	var run loginRun
	used, err := b.span(ctx, func() error {
		run = b.comeAndGo(ctx, w.Count, w.Concurrency)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	n := float64(max(run.latency.Count(), 1))
	f := LoginFigures{Count: w.Count, Concurrency: w.Concurrency, Seconds: used.took.Seconds(), PerSecond: n / used.took.Seconds(),
		Login: run.latency.Latency(), CPU: used.server.Seconds() / n * 1000,
		GeneratorCPU: used.own.Seconds() / n * 1000, Others: used.others, Errors: run.errors}
	r := f.report()
	used.note(r)
	return r, nil
}

// profileLogins keeps the server busy for as long as a profile takes, before the
// measurement, which a profile would disturb.
func (b *bed) profileLogins(ctx context.Context, w LoginConfig) error {
	const length = 10 * time.Second
	wait := b.profile(ctx, "login-cpu", length)
	for began := time.Now(); time.Since(began) < length && ctx.Err() == nil; {
		b.comeAndGo(ctx, w.Count, w.Concurrency)
	}
	return wait()
}

type loginRun struct {
	latency Histogram
	errors  map[string]int
}

// comeAndGo logs in and out n times, with different accounts at any time.
func (b *bed) comeAndGo(ctx context.Context, n, concurrency int) loginRun {
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		next atomic.Int64
		all  = loginRun{errors: map[string]int{}}
	)
	for range concurrency {
		wg.Go(func() {
			mine := loginRun{errors: map[string]int{}}
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					break
				}
				if err := b.visit(ctx, i, &mine.latency); err != nil {
					mine.errors[err.Error()]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.latency.Merge(&mine.latency)
			for text, count := range mine.errors {
				if len(all.errors) < 20 {
					all.errors[text] += count
				}
			}
		})
	}
	wg.Wait()
	return all
}

func (b *bed) visit(ctx context.Context, i int, latency *Histogram) error {
	began := time.Now()
	c, err := enter(ctx, b.options(i, account(i)), nil)
	if err != nil {
		return err
	}
	latency.Add(time.Since(began))
	ctx, cancel := context.WithTimeout(ctx, enterTimeout)
	defer cancel()
	return c.Logout(ctx)
}

func (f LoginFigures) report() *Report {
	r := &Report{Figures: f}
	r.add("logins", "%d", f.Count)
	r.add("at a time", "%d", f.Concurrency)
	r.add("logins/s", "%.0f", f.PerSecond)
	r.latency("login", f.Login)
	r.add("CPU s per 1,000", "%.3f", f.CPU)
	r.add("generator CPU s per 1,000", "%.3f", f.GeneratorCPU)
	for text, n := range f.Errors {
		r.Failed = true
		r.note("%d times: %s", n, text)
	}
	return r
}
