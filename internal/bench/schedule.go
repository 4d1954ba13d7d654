package bench

import (
	"context"
	"time"
)

// schedule is an open loop: the times at which messages are due, whatever
// happens to those before. Latency is measured from the due time, so a server
// that stalls is charged for everything that would have been sent meanwhile.
type schedule struct {
	rate     float64 // messages a second
	duration time.Duration
}

// due returns when message k is due, after the start; computed from k, so that
// rounding does not add up.
func (s schedule) due(k int64) time.Duration {
	return time.Duration(float64(k) / s.rate * float64(time.Second))
}

// count returns how many messages are due within the duration.
func (s schedule) count() int64 {
	n := int64(s.duration.Seconds() * s.rate)
	for s.due(n) < s.duration {
		n++
	}
	for n > 0 && s.due(n-1) >= s.duration {
		n--
	}
	return n
}

// clock is what run waits with; tests have their own.
type clock struct {
	since func() time.Duration // time since the start
	sleep func(time.Duration)
}

// realClock starts now and sleeps with s.
func realClock(s *sleeper) clock {
	start := time.Now()
	return clock{since: func() time.Duration { return time.Since(start) }, sleep: s.sleep}
}

// run calls send for each message when it is due, late ones at once, in order,
// and returns how late send was called: the generator's own share of the latency.
func (s schedule) run(ctx context.Context, c clock, send func(k int64, due time.Duration) error) (late Histogram, err error) {
	for k := range s.count() {
		due := s.due(k)
		now := c.since()
		for ; now < due; now = c.since() {
			if err := ctx.Err(); err != nil {
				return late, context.Cause(ctx)
			}
			c.sleep(min(due-now, 100*time.Millisecond))
		}
		late.Add(now - due)
		if err := send(k, due); err != nil {
			return late, err
		}
		if k%256 == 0 && ctx.Err() != nil {
			return late, context.Cause(ctx)
		}
	}
	return late, nil
}
