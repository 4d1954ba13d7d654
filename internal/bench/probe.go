package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what the server process has used.
type Usage struct {
	CPU time.Duration // user and system, since its start
	RSS int64         // resident bytes
	// Anonymous is the part of RSS that is no file: without the program itself.
	// 0 when unknown.
	Anonymous int64
}

// Probe reads the use of the server: from /proc when PID is given, otherwise
// from its metrics. Forced collections and profiles need Metrics.
type Probe struct {
	PID      int
	Children bool   // the processes that PID has started count as well
	Metrics  string // URL of the private listener, http://host:port
}

// errNoProbe says that nothing was given to measure the server with.
var errNoProbe = errors.New("bench: the server cannot be measured: give --pid or --metrics")

// clockTick is the unit of /proc/N/stat on every Linux there is.
const clockTick = 10 * time.Millisecond

// Usage reads the current figures.
func (p *Probe) Usage(ctx context.Context) (Usage, error) {
	switch {
	case p.PID != 0:
		u, err := procUsage(p.PID)
		for _, pid := range p.children() {
			more, err := procUsage(pid)
			if err != nil {
				return u, err
			}
			u.CPU, u.RSS, u.Anonymous = u.CPU+more.CPU, u.RSS+more.RSS, u.Anonymous+more.Anonymous
		}
		return u, err
	case p.Metrics != "":
		body, err := p.get(ctx, "/metrics")
		if err != nil {
			return Usage{}, err
		}
		return metricsUsage(body)
	}
	return Usage{}, errNoProbe
}

func (p *Probe) children() (out []int) {
	if !p.Children {
		return nil
	}
	dir := "/proc/" + strconv.Itoa(p.PID) + "/task/" + strconv.Itoa(p.PID) + "/children"
	text, err := os.ReadFile(dir)
	if err != nil {
		return nil
	}
	for _, f := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(f); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// ResetPeak makes Peak count from now on, where the kernel lets us.
func (p *Probe) ResetPeak() {
	for _, pid := range append(p.children(), p.PID) {
		_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0)
	}
}

// Peak is the largest resident memory since ResetPeak, of all processes together
// at most; 0 when unknown.
func (p *Probe) Peak() (sum int64) {
	for _, pid := range append(p.children(), p.PID) {
		n, err := kibOf("/proc/"+strconv.Itoa(pid)+"/status", "VmHWM:")
		if err != nil {
			return 0
		}
		sum += n
	}
	return sum
}

func procUsage(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, err
	}
	// The name, in parentheses, may hold blanks. utime and stime are fields 14 and 15.
	rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(rest) < 13 {
		return Usage{}, fmt.Errorf("bench: %s/stat is too short", dir)
	}
	user, err := strconv.ParseInt(rest[11], 10, 64)
	if err != nil {
		return Usage{}, err
	}
	system, err := strconv.ParseInt(rest[12], 10, 64)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{CPU: time.Duration(user+system) * clockTick}
	// smaps_rollup counts pages now; status may lag behind by some per thread.
	for _, at := range []struct{ file, key, anonymous string }{
		{"/smaps_rollup", "Rss:", "Anonymous:"}, {"/status", "VmRSS:", "RssAnon:"},
	} {
		if u.RSS, err = kibOf(dir+at.file, at.key); err == nil {
			u.Anonymous, err = kibOf(dir+at.file, at.anonymous)
			return u, err
		}
	}
	return u, err
}

func kibOf(file, key string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("bench: no %s in %s", key, file)
}

func metricsUsage(body []byte) (Usage, error) {
	var u Usage
	var cpu, rss bool
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		switch name {
		case "process_cpu_seconds_total":
			u.CPU, cpu = time.Duration(value*float64(time.Second)), true
		case "process_resident_memory_bytes":
			u.RSS, rss = int64(value), true
		}
	}
	if !cpu || !rss {
		return u, errors.New("bench: the metrics have no process_cpu_seconds_total and process_resident_memory_bytes")
	}
	return u, lines.Err()
}

// Settle forces collections in the server and waits until its resident memory no
// longer falls, for at most some seconds. Without Metrics it only waits.
func (p *Probe) Settle(ctx context.Context) (Usage, error) {
	const rounds, pause = 20, 500 * time.Millisecond
	var last Usage
	for i := range rounds {
		if p.Metrics != "" && i < 3 {
			if _, err := p.get(ctx, "/debug/pprof/heap?gc=1"); err != nil {
				return Usage{}, err
			}
		}
		now, err := p.Usage(ctx)
		if err != nil {
			return Usage{}, err
		}
		if i > 3 && last.RSS-now.RSS < 256<<10 {
			return now, nil
		}
		last = now
		if err := pauseFor(ctx, pause); err != nil {
			return Usage{}, err
		}
	}
	return last, nil
}

// Memory is where the resident memory of the server is, as its runtime counts it.
type Memory struct {
	Heap     int64 // spans with live objects, after a collection
	Stack    int64
	Retained int64 // free and not returned to the system
	Other    int64 // of the runtime itself
	Routines int64
}

// Memory reads the figures of the runtime; they are 0 without Metrics.
func (p *Probe) Memory(ctx context.Context) (Memory, error) {
	if p.Metrics == "" {
		return Memory{}, nil
	}
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return Memory{}, err
	}
	v := map[string]int64{}
	for line := range strings.Lines(string(body)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, ok := strings.CutPrefix(name, "go_"); ok {
			value, _ := strconv.ParseFloat(text, 64)
			v[strings.TrimPrefix(name, "memstats_")] = int64(value)
		}
	}
	return Memory{Heap: v["heap_inuse_bytes"], Stack: v["stack_inuse_bytes"],
		Retained: v["heap_idle_bytes"] - v["heap_released_bytes"],
		Other:    v["gc_sys_bytes"] + v["other_sys_bytes"] + v["mspan_sys_bytes"] + v["mcache_sys_bytes"] + v["buck_hash_sys_bytes"],
		Routines: v["goroutines"]}, nil
}

// Save writes a profile of the private listener to a file.
func (p *Probe) Save(ctx context.Context, path, file string) error {
	if p.Metrics == "" {
		return errors.New("bench: profiles need --metrics")
	}
	body, err := p.get(ctx, path)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}

func (p *Probe) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.Metrics, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	// A client without idle connections: they would count as connections of the server.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // everything was read
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("bench: GET %s: %s", path, res.Status)
	}
	return body, err
}

// pauseFor waits, or returns why ctx ended.
func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
