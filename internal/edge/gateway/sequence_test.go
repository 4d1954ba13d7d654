package gateway

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hongyan/internal/im"
)

// TestSequencerOrders holds the sequencer against its promise: whatever order
// the events of two nodes arrive in, and whichever are lost, an account's
// devices get every message once and in order.
func TestSequencerOrders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "messages")
		perm := make([]int64, 0, n)
		for i := 2; i <= n; i++ {
			// Lost ones never arrive; the store has them.
			if rapid.IntRange(0, 9).Draw(t, "lost") > 0 {
				perm = append(perm, int64(i))
			}
		}
		for i := range perm { // local disorder, as of two nodes
			j := min(len(perm)-1, i+rapid.IntRange(0, 5).Draw(t, "swap"))
			perm[i], perm[j] = perm[j], perm[i]
		}
		var got []int64
		deliver := func(ev im.Event) { got = append(got, ev.Seq) }
		missed := func(_ context.Context, ev im.Event, after, before int64) ([]im.Event, error) {
			var out []im.Event
			for s := after + 1; s < before; s++ {
				out = append(out, im.Event{App: ev.App, To: ev.To, Conv: ev.Conv, Seq: s})
			}
			return out, nil
		}
		q := newSequencer(deliver, missed, func(err error) { t.Fatal(err) })
		now := int64(1_000_000)
		take := func(seq int64) {
			q.take(im.Event{App: "a", To: "bob", Conv: "p|alice|bob", Seq: seq}, now)
		}
		take(1)
		for _, s := range perm {
			now += int64(rapid.IntRange(0, 60).Draw(t, "ms"))
			take(s)
			q.tick(now)
		}
		now += gapWait.Milliseconds() + 1
		q.tick(now)
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("delivered %v of %v", got, perm)
		}
		last := int64(1)
		if len(perm) > 0 {
			last = max(1, slices.Max(perm))
		}
		if int64(len(got)) != last {
			t.Fatalf("delivered %d messages, want all %d up to the last that arrived: %v", len(got), last, got)
		}
	})
}

func TestSequencerBeginsAnewAfterSilence(t *testing.T) {
	var got []int64
	q := newSequencer(func(ev im.Event) { got = append(got, ev.Seq) }, func(_ context.Context, ev im.Event, after, before int64) ([]im.Event, error) {
		var out []im.Event // all of long ago
		for s := after + 1; s < before; s++ {
			out = append(out, im.Event{App: ev.App, To: ev.To, Conv: ev.Conv, Seq: s})
		}
		return out, nil
	}, func(err error) { t.Error(err) })
	ev := func(seq int64) im.Event { return im.Event{App: "a", To: "bob", Conv: "p|alice|bob", Seq: seq} }
	now := time.Now().UnixMilli()
	q.take(ev(5), now)
	q.take(ev(90), now+sequenceForget.Milliseconds()+1)
	q.tick(now + (sequenceForget + time.Minute).Milliseconds())
	if !slices.Equal(got, []int64{5, 90}) {
		t.Fatalf("%v", got)
	}
}

// The first events of two nodes may already pass each other.
func TestSequencerWaitsForWhatWasJustSent(t *testing.T) {
	var got []int64
	now := time.Now().UnixMilli()
	ev := func(seq int64) im.Event {
		return im.Event{App: "a", To: "bob", Conv: "p|alice|bob", Seq: seq, ID: im.FirstIDAt(now-100) + seq}
	}
	q := newSequencer(func(ev im.Event) { got = append(got, ev.Seq) }, func(_ context.Context, _ im.Event, after, before int64) ([]im.Event, error) {
		var out []im.Event
		for s := after + 1; s < before; s++ {
			out = append(out, ev(s))
		}
		return out, nil
	}, func(err error) { t.Error(err) })
	q.take(ev(2), now)
	q.take(ev(1), now+1)
	q.take(ev(3), now+2)
	if !slices.Equal(got, []int64{1, 2, 3}) {
		t.Fatalf("%v", got)
	}
}
