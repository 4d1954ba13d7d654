package bench

import (
	"context"
	"errors"
	"testing"
	"time"
)

// fakeClock advances only by sleeping and by work.
type fakeClock struct{ now time.Duration }

func (f *fakeClock) clock() clock {
	return clock{since: func() time.Duration { return f.now }, sleep: func(d time.Duration) { f.now += d }}
}

func TestScheduleTimes(t *testing.T) {
	for _, rate := range []float64{1, 3, 500, 2000, 7777.7} {
		s := schedule{rate: rate, duration: 20 * time.Second}
		n := s.count()
		if want := rate * 20; float64(n) < want-1 || float64(n) > want+1 {
			t.Errorf("rate %v: %d messages", rate, n)
		}
		if s.due(n-1) >= s.duration || s.due(n) < s.duration {
			t.Errorf("rate %v: the last of %d is due at %s", rate, n, s.due(n-1))
		}
	}
}

func TestScheduleOnTime(t *testing.T) {
	f := &fakeClock{}
	var at []time.Duration
	late, err := schedule{rate: 100, duration: time.Second}.run(t.Context(), f.clock(), func(_ int64, due time.Duration) error {
		if f.now != due {
			t.Errorf("sent at %s, due at %s", f.now, due)
		}
		at = append(at, f.now)
		return nil
	})
	if err != nil || len(at) != 100 || late.Max() != 0 || at[99] != 990*time.Millisecond {
		t.Errorf("%v, %d sent, at most %s late, last %v", err, len(at), late.Max(), at[len(at)-1])
	}
}

// A stall makes the following messages late, and none is left out.
func TestScheduleCountsAStall(t *testing.T) {
	f := &fakeClock{}
	var waits []time.Duration
	late, err := schedule{rate: 100, duration: time.Second}.run(t.Context(), f.clock(), func(k int64, due time.Duration) error {
		waits = append(waits, f.now-due)
		if k == 10 {
			f.now += 200 * time.Millisecond
		}
		return nil
	})
	if err != nil || len(waits) != 100 {
		t.Fatalf("%v, %d sent", err, len(waits))
	}
	if waits[11] != 190*time.Millisecond || waits[20] != 100*time.Millisecond || waits[31] != 0 {
		t.Errorf("waits after the stall: %v", waits[10:32])
	}
	if late.Max() != 190*time.Millisecond {
		t.Errorf("at most %s late", late.Max())
	}
}

func TestScheduleEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	f := &fakeClock{}
	_, err := schedule{rate: 1000, duration: time.Hour}.run(ctx, f.clock(), func(k int64, _ time.Duration) error {
		if k == 100 {
			cancel(why)
		}
		return nil
	})
	if !errors.Is(err, why) {
		t.Errorf("after a cancel: %v", err)
	}
	_, err = schedule{rate: 1000, duration: time.Hour}.run(t.Context(), f.clock(), func(int64, time.Duration) error { return why })
	if !errors.Is(err, why) {
		t.Errorf("after a failed send: %v", err)
	}
}

func TestSleeper(t *testing.T) {
	s, err := newSleeper()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		began := time.Now()
		s.sleep(2 * time.Millisecond)
		if took := time.Since(began); took < 2*time.Millisecond {
			t.Errorf("2 ms took %s", took)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	s.sleep(time.Millisecond) // after a fault: the timer of the runtime
}
