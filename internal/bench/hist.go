package bench

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets of at most 1/64 of their size. The zero
// value is empty and usable by one goroutine.
type Histogram struct {
	counts []uint32
	n      uint64
	sum    time.Duration
	max    time.Duration
}

const (
	histUnit = time.Microsecond
	subBits  = 6 // 64 buckets for each power of two
	subCount = 1 << subBits
)

// bucketOf returns the bucket of a value in units.
func bucketOf(v uint64) int {
	if v < subCount {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)*subCount + int(v>>shift) - subCount
}

// topOf returns the largest value of a bucket, in units.
func topOf(bucket int) uint64 {
	if bucket < subCount {
		return uint64(bucket)
	}
	shift := bucket/subCount - 1
	return (uint64(bucket%subCount+subCount)+1)<<shift - 1
}

// Add counts one duration; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	i := bucketOf(uint64(d / histUnit))
	if i >= len(h.counts) {
		h.counts = append(h.counts, make([]uint32, i+1-len(h.counts))...)
	}
	h.counts[i]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge adds the counts of another histogram.
func (h *Histogram) Merge(o *Histogram) {
	if len(o.counts) > len(h.counts) {
		h.counts = append(h.counts, make([]uint32, len(o.counts)-len(h.counts))...)
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest duration.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the average.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile returns the smallest recorded duration, to the resolution of the
// buckets and rounded up, that at least the share q of all durations do not exceed.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := min(max(uint64(q*float64(h.n)+0.999999), 1), h.n)
	var seen uint64
	for i, n := range h.counts {
		seen += uint64(n)
		if seen >= rank {
			return min(time.Duration(topOf(i)+1)*histUnit, h.max)
		}
	}
	return h.max
}

// Latency is a histogram in milliseconds, as it is printed.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Latency returns the figures that are reported.
func (h *Histogram) Latency() Latency {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Latency{Count: h.n, P50: ms(h.Quantile(.5)), P90: ms(h.Quantile(.9)), P99: ms(h.Quantile(.99)),
		P999: ms(h.Quantile(.999)), Max: ms(h.max)}
}
