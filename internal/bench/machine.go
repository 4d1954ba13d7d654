package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// FsyncConfig says how the disk is measured.
type FsyncConfig struct {
	Dir      string
	Count    int
	Duration time.Duration // at most
}

// FsyncFigures are the results of Fsync.
type FsyncFigures struct {
	Dir   string  `json:"dir"`
	Block int     `json:"block_bytes"`
	Fsync Latency `json:"fsync"`
}

// Fsync appends blocks of 4 KiB to a file and waits for the disk after each: what
// a commit costs at least.
func Fsync(w FsyncConfig) (_ *Report, err error) {
	const block = 4096
	f, err := os.CreateTemp(w.Dir, ".hongyan-fsync-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	var h Histogram
	data := make([]byte, block)
	for began := time.Now(); int(h.Count()) < w.Count && time.Since(began) < w.Duration; {
		at := time.Now()
		if _, err := f.Write(data); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		h.Add(time.Since(at))
	}
	l := h.Latency()
	r := &Report{Figures: FsyncFigures{Dir: w.Dir, Block: block, Fsync: l}}
	r.add("fsync of 4 KiB appends", "%d", l.Count)
	r.add("p50 ms", "%.2f", l.P50)
	r.add("p90 ms", "%.2f", l.P90)
	r.add("p99 ms", "%.2f", l.P99)
	r.add("max ms", "%.1f", l.Max)
	if l.P50 < 0.1 {
		r.note("So fast a sync does not reach a disk: compare by CPU seconds, and measure with --serve-arg=--fault=commit-delay=2ms as well.")
	}
	return r, nil
}

// Machine returns what must be known about this machine to read a result, as one
// line of Markdown.
func Machine() string {
	model := firstOf("/proc/cpuinfo", "model name")
	if model == "" {
		model = runtime.GOARCH
	}
	line := fmt.Sprintf("Machine: %s, %d cores, %s, ", model, runtime.NumCPU(), kernel())
	if kib := firstOf("/proc/meminfo", "MemTotal"); kib != "" {
		var n float64
		if _, err := fmt.Sscanf(kib, "%f", &n); err == nil {
			line += fmt.Sprintf("%.1f GiB of memory, ", n/(1<<20))
		}
	}
	return line + runtime.Version()
}

// firstOf returns the first value of a key in a file of lines "key : value".
func firstOf(file, key string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
