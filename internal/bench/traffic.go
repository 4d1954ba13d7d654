package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// talk is one conversation under load.
type talk interface {
	// begin starts a phase with counters of its own. again decides after each
	// answer whether the next message follows at once; nil: never.
	begin(again func() bool)
	// send writes the next message, whose latency counts from due.
	send(due time.Time) error
	// progress returns how many answers and deliveries of the phase there were,
	// and whether no more are to come.
	progress() (n int, done bool)
	// broken says why the conversation cannot go on, nil if it can.
	broken() error
}

// traffic drives conversations: at a rate, or with a number of messages of each
// in flight.
type traffic struct {
	talks  []talk
	rate   float64 // messages a second over all; 0: as many as possible
	window int     // in flight of each when rate is 0
	late   Histogram
}

// drainTime is how long answers and deliveries may lag behind the last message.
const drainTime = 15 * time.Second

// newRun names a run: eight characters.
func newRun() string { return strings.ToLower(rand.Text()[:8]) }

// run is the workload itself for some time, until everything has arrived.
func (t *traffic) run(ctx context.Context, d time.Duration) error {
	if t.rate <= 0 {
		end := time.Now().Add(d)
		return t.flood(ctx, t.window, func() bool { return time.Now().Before(end) })
	}
	for _, k := range t.talks {
		k.begin(nil)
	}
	s := schedule{rate: t.rate, duration: d}
	sleeper, err := newSleeper()
	if err != nil {
		return err
	}
	defer sleeper.close() //nolint:errcheck // a timer
	c := realClock(sleeper)
	start := time.Now()
	late, err := s.run(ctx, c, func(k int64, due time.Duration) error {
		return t.talks[k%int64(len(t.talks))].send(start.Add(due))
	})
	if err != nil {
		return err
	}
	t.late = late
	return t.drain(ctx)
}

// flood keeps window messages of each conversation in flight while again allows more.
func (t *traffic) flood(ctx context.Context, window int, again func() bool) error {
	for _, k := range t.talks {
		k.begin(again)
	}
	for range window {
		for _, k := range t.talks {
			if again() {
				if err := k.send(time.Now()); err != nil {
					return err
				}
			}
		}
	}
	return t.drain(ctx)
}

// drain waits until every message has its answer and has arrived, or until none
// has for a while.
func (t *traffic) drain(ctx context.Context) error {
	progress, last := time.Now(), -1
	for {
		total, open := 0, false
		for _, k := range t.talks {
			if err := k.broken(); err != nil {
				return err
			}
			n, done := k.progress()
			total += n
			open = open || !done
		}
		if !open {
			return nil
		}
		if total != last {
			progress, last = time.Now(), total
		} else if time.Since(progress) > drainTime {
			return nil // what is open is reported
		}
		if err := pauseFor(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// firstLost says which of the connections has ended first in the list, and why.
func firstLost(clients ...*Client) error {
	for _, c := range clients {
		if err := c.Err(); err != nil {
			return fmt.Errorf("bench: connection of %s lost: %w", c.opts.Account, err)
		}
	}
	return nil
}
