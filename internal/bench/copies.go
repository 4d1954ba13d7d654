package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// CopiesConfig is the workload of event copies.
type CopiesConfig struct {
	Pairs       int
	Size        int           // bytes of a text
	Backlog     int           // copies that wait before the receiver takes any; 0: no such step
	Rate        float64       // messages a second while the receiver takes everything
	Duration    time.Duration // of that
	Parallel    int           // copy_concurrency
	Concurrency int           // logins at a time
}

// CopiesStep is one row of the results.
type CopiesStep struct {
	Step         string  `json:"step"`
	Rate         float64 `json:"rate,omitempty"`
	Parallel     int     `json:"requests_at_a_time"`
	Seconds      float64 `json:"seconds"`
	Copies       int     `json:"copies"`
	PerSecond    float64 `json:"copies_per_second"`
	Lag          Latency `json:"lag"` // from the time of the message to the receiver
	Ack          Latency `json:"ack"` // of the messages
	CPU          float64 `json:"cpu_seconds_per_1000"`
	GeneratorCPU float64 `json:"generator_cpu_seconds_per_1000"`
	RSS          int64   `json:"rss_bytes"`
	Others       float64 `json:"cpu_share_of_others"`
	Missing      int     `json:"missing"`
	Duplicate    int     `json:"duplicate"`
	Disorder     int     `json:"out_of_order"`
	Foreign      int     `json:"foreign"`
}

// Copies measures event copies of one-to-one messages with a receiver inside
// this process: how fast a backlog is drained, and how far copies lag behind
// messages at a rate. It starts its own server, whose app it configures.
func Copies(ctx context.Context, cfg Config, w CopiesConfig) (_ *Report, err error) {
	if !cfg.Spawn {
		return nil, errors.New("bench: copies needs --spawn: it sets the app's copy_url")
	}
	cfg.ServeArgs = append(cfg.ServeArgs, "--hook-private")
	b, err := prepare(ctx, cfg, 2*w.Pairs, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	x, err := newExchange(ctx, b, P2PConfig{Pairs: w.Pairs, Size: w.Size, Rate: w.Rate, Window: 4, Concurrency: w.Concurrency})
	if err != nil {
		return nil, err
	}
	defer func() { leaveAll(x.clients) }()
	defer keepAlive(ctx, x.clients)()
	r, err := newCopyReceiver(x.pairs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	// While the receiver takes nothing, requests hang: their time-out is the longest.
	if err := b.server.SetApp(ctx, "copy_url="+r.url(), "copy_events=1", "copy_timeout=60000", fmt.Sprint("copy_concurrency=", w.Parallel)); err != nil {
		return nil, err
	}
	var steps []CopiesStep
	var notes []span
	step := func(s CopiesStep, run func() error) error {
		used, err := b.span(ctx, run)
		if err != nil {
			return err
		}
		s.Parallel, s.Seconds, s.RSS, s.Others = w.Parallel, used.took.Seconds(), used.rss, used.others
		r.figures(&s, x.pairs)
		n := float64(max(s.Copies, 1)) / 1000
		s.PerSecond, s.CPU, s.GeneratorCPU = float64(s.Copies)/s.Seconds, used.server.Seconds()/n, used.own.Seconds()/n
		steps, notes = append(steps, s), append(notes, used)
		return nil
	}
	if w.Backlog > 0 {
		r.hold()
		began := time.Now()
		if err := x.preload(ctx, w.Backlog); err != nil {
			return nil, err
		}
		b.logf("%d messages wait to be copied after %s", w.Backlog, time.Since(began).Round(10*time.Millisecond))
		if err := step(CopiesStep{Step: "backlog"}, func() error { r.release(); return r.wait(ctx, x.pairs) }); err != nil {
			return nil, err
		}
	}
	if w.Duration > 0 {
		// Connections and caches first.
		if err := errors.Join(x.run(ctx, time.Second), r.wait(ctx, x.pairs)); err != nil {
			return nil, err
		}
		r.begin()
		if err := step(CopiesStep{Step: "steady", Rate: w.Rate}, func() error { return errors.Join(x.run(ctx, w.Duration), r.wait(ctx, x.pairs)) }); err != nil {
			return nil, err
		}
		steps[len(steps)-1].Ack = x.figures().Ack
	}
	return copiesReport(w, steps, notes), nil
}

func copiesReport(w CopiesConfig, steps []CopiesStep, notes []span) *Report {
	r := &Report{Figures: steps}
	for i, s := range steps {
		r.next()
		load := fmt.Sprintf("%d waiting", s.Copies)
		if s.Rate > 0 {
			load = fmt.Sprintf("%.0f/s", s.Rate)
		}
		r.add("pairs × bytes", "%d × %d", w.Pairs, w.Size)
		r.add("load", "%s", load)
		r.add("at a time", "%d", s.Parallel)
		r.add("copies/s", "%.0f", s.PerSecond)
		for _, l := range []struct {
			name string
			of   Latency
		}{{"lag", s.Lag}, {"ack", s.Ack}} {
			if s.Rate > 0 {
				r.latency(l.name, l.of)
			} else {
				r.add(latencyColumn(l.name), "-") // how long the receiver was held says nothing
			}
		}
		r.add("CPU s per 1,000", "%.3f", s.CPU)
		r.add("generator CPU s per 1,000", "%.3f", s.GeneratorCPU)
		r.add("missing / duplicate / out of order", "%d / %d / %d", s.Missing, s.Duplicate, s.Disorder)
		if s.Foreign > 0 {
			r.note("%d copies were of no message of this run.", s.Foreign)
		}
		notes[i].note(r)
		r.Failed = r.Failed || s.Missing+s.Duplicate+s.Disorder+s.Foreign > 0 || s.Copies == 0
	}
	r.note("The CPU of the steady row is that of the messages and their copies; that of the backlog is of copies alone.")
	return r
}
