package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// P2PConfig is the workload of one-to-one messages.
type P2PConfig struct {
	Pairs       int
	Size        int     // bytes of a text
	Rate        float64 // messages a second; 0: as many as possible
	Window      int     // messages in flight of each pair when Rate is 0
	Duration    time.Duration
	Warmup      time.Duration // of the same, not measured
	History     int           // messages sent before
	Concurrency int           // logins at a time
}

// P2PFigures are the results of P2P.
type P2PFigures struct {
	Pairs        int         `json:"pairs"`
	Size         int         `json:"size"`
	Rate         float64     `json:"rate"`
	Window       int         `json:"window,omitempty"`
	History      int         `json:"history"`
	Seconds      float64     `json:"seconds"`
	Sent         int         `json:"sent"`
	Acked        int         `json:"acked"`
	Delivered    int         `json:"delivered"`
	SentRate     float64     `json:"acked_per_second"`
	Deliveries   float64     `json:"delivered_per_second"`
	Ack          Latency     `json:"ack"`
	Delivery     Latency     `json:"delivery"`
	Late         Latency     `json:"generator_late"`
	CPU          float64     `json:"cpu_seconds_per_1000"`
	GeneratorCPU float64     `json:"generator_cpu_seconds_per_1000"`
	RSS          int64       `json:"rss_bytes"`
	Others       float64     `json:"cpu_share_of_others"`
	Refused      map[int]int `json:"refused,omitempty"`
	Unanswered   int         `json:"unanswered"`
	Missing      int         `json:"missing"`
	Duplicate    int         `json:"duplicate"`
	Disorder     int         `json:"out_of_order"`
	Foreign      int         `json:"foreign"`
}

// exchange is a run of the workload.
type exchange struct {
	traffic
	bed     *bed
	cfg     P2PConfig
	pairs   []*pair
	clients []*Client // sender, receiver, sender, ...
}

// P2P sends messages between pairs of accounts and checks that each arrives once
// and in order.
func P2P(ctx context.Context, cfg Config, w P2PConfig) (_ *Report, err error) {
	b, err := prepare(ctx, cfg, 2*w.Pairs, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	x, err := newExchange(ctx, b, w)
	if err != nil {
		return nil, err
	}
	defer func() { leaveAll(x.clients) }()
	defer keepAlive(ctx, x.clients)()
	if w.History > 0 {
		began := time.Now()
		if err := x.preload(ctx, w.History); err != nil {
			return nil, err
		}
		b.logf("%d messages of history in %s", w.History, time.Since(began).Round(10*time.Millisecond))
	}
	if w.Warmup > 0 {
		if err := x.run(ctx, w.Warmup); err != nil {
			return nil, err
		}
	}
	return x.measure(ctx)
}

func newExchange(ctx context.Context, b *bed, w P2PConfig) (*exchange, error) {
	x := &exchange{bed: b, cfg: w, traffic: traffic{rate: w.Rate, window: w.Window}}
	run := newRun()
	for i := range w.Pairs {
		p := newPair(i, run, w.Size)
		x.pairs = append(x.pairs, p)
		x.talks = append(x.talks, p)
	}
	var err error
	x.clients, err = b.enterAll(ctx, 2*w.Pairs, w.Concurrency, func(i int) func(*Packet) {
		if p := x.pairs[i/2]; i%2 == 0 {
			return p.onSender
		} else {
			return p.onReceiver
		}
	})
	for i, p := range x.pairs {
		if err == nil {
			p.sender, p.receiver = x.clients[2*i], x.clients[2*i+1]
		}
	}
	return x, err
}

// preload sends n messages as fast as the server takes them.
func (x *exchange) preload(ctx context.Context, n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	return x.flood(ctx, 8, func() bool { return left.Add(-1) >= 0 })
}

func (x *exchange) measure(ctx context.Context) (*Report, error) {
	b := x.bed
	if b.cfg.Profile != "" {
		wait := b.profile(ctx, "p2p-cpu", x.cfg.Duration)
		if err := errors.Join(x.run(ctx, x.cfg.Duration), wait()); err != nil {
			return nil, err
		}
	}
	used, err := b.span(ctx, func() error { return x.run(ctx, x.cfg.Duration) })
	if err != nil {
		return nil, err
	}
	f := x.figures()
	f.Seconds, f.RSS, f.Others = used.took.Seconds(), used.rss, used.others
	f.SentRate, f.Deliveries = float64(f.Acked)/f.Seconds, float64(f.Delivered)/f.Seconds
	n := float64(max(f.Delivered, 1)) / 1000
	f.CPU, f.GeneratorCPU = used.server.Seconds()/n, used.own.Seconds()/n
	r := f.report()
	used.note(r)
	return r, nil
}

// figures sums up what the pairs have counted in the last phase.
func (x *exchange) figures() P2PFigures {
	f := P2PFigures{Pairs: x.cfg.Pairs, Size: x.cfg.Size, Rate: x.cfg.Rate, History: x.cfg.History, Refused: map[int]int{}}
	if f.Rate <= 0 {
		f.Window = x.cfg.Window
	}
	var ack, delivery Histogram
	for _, p := range x.pairs {
		unanswered, missing := p.open()
		p.mu.Lock()
		ph := p.phase
		ack.Merge(&ph.ack)
		delivery.Merge(&ph.delivery)
		f.Sent += ph.sent
		f.Acked += ph.acked
		f.Delivered += ph.delivered
		f.Duplicate += ph.duplicate
		f.Disorder += ph.disorder
		f.Foreign += ph.foreign
		f.Unanswered += unanswered
		f.Missing += missing
		for code, n := range ph.refused {
			f.Refused[code] += n
		}
		p.mu.Unlock()
	}
	f.Ack, f.Delivery, f.Late = ack.Latency(), delivery.Latency(), x.late.Latency()
	return f
}

func (f P2PFigures) report() *Report {
	r := &Report{Figures: f}
	mode := fmt.Sprintf("%.0f/s", f.Rate)
	if f.Rate <= 0 {
		mode = fmt.Sprintf("saturation, window %d", f.Window)
	}
	r.add("pairs × bytes", "%d × %d", f.Pairs, f.Size)
	r.add("load", "%s", mode)
	r.add("history", "%d", f.History)
	r.add("acked/s", "%.0f", f.SentRate)
	r.add("delivered/s", "%.0f", f.Deliveries)
	r.latency("ack", f.Ack)
	r.latency("delivery", f.Delivery)
	r.add("CPU s per 1,000", "%.3f", f.CPU)
	r.add("generator CPU s per 1,000", "%.3f", f.GeneratorCPU)
	r.add("missing / duplicate / out of order", "%d / %d / %d", f.Missing, f.Duplicate, f.Disorder)
	if f.Late.Count > 0 {
		r.note("The generator sent p50 %.2f ms, p99 %.2f ms, at most %.1f ms after the intended time; the latencies contain it.",
			f.Late.P50, f.Late.P99, f.Late.Max)
	}
	for code, n := range f.Refused {
		r.note("%d messages were refused with %d.", n, code)
	}
	if f.Unanswered+f.Foreign > 0 {
		r.note("%d messages got no answer, %d deliveries were foreign.", f.Unanswered, f.Foreign)
	}
	r.Failed = len(f.Refused) > 0 || f.Unanswered+f.Foreign+f.Missing+f.Duplicate+f.Disorder > 0 || f.Acked == 0
	return r
}
