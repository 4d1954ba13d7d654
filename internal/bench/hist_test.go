package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<22; v++ {
		b := bucketOf(v)
		if b != last && b != last+1 {
			t.Fatalf("value %d is in bucket %d after bucket %d", v, b, last)
		}
		if top := topOf(b); top < v || top-v > v/subCount {
			t.Fatalf("bucket %d of value %d ends at %d", b, v, top)
		}
		last = b
	}
}

func TestQuantilesAgainstSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 999, 1000, 50000} {
		var parts [3]Histogram
		var all []time.Duration
		for i := range n {
			d := time.Duration(r.ExpFloat64() * float64(3*time.Millisecond))
			if i%97 == 0 {
				d *= 100
			}
			parts[i%3].Add(d)
			all = append(all, d)
		}
		slices.Sort(all)
		var h Histogram
		for i := range parts {
			h.Merge(&parts[i])
		}
		if h.Count() != uint64(n) || h.Max() != all[n-1] {
			t.Fatalf("n=%d: count %d, max %s, want %s", n, h.Count(), h.Max(), all[n-1])
		}
		for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
			rank := max(int(q*float64(n)+0.999999), 1) - 1
			want := all[min(rank, n-1)]
			got := h.Quantile(q)
			if got < want.Truncate(histUnit) || got > want+want/subCount+2*histUnit {
				t.Errorf("n=%d q=%v: %s, want %s", n, q, got, want)
			}
		}
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	if l := h.Latency(); l != (Latency{}) || h.Mean() != 0 {
		t.Errorf("%+v", l)
	}
	h.Add(-time.Second)
	if h.Quantile(0.5) != 0 || h.Count() != 1 {
		t.Errorf("a negative duration: %s", h.Quantile(0.5))
	}
}
