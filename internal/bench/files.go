package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// FilesConfig is the workload of uploads and downloads.
type FilesConfig struct {
	Large       int64 // bytes of the one large file; 0: none
	Small       int64 // bytes of each of the many small ones
	Count       int   // of the small ones; 0: none
	Concurrency int   // of the small ones
	Chunk       int64 // bytes of a chunk; SDKs send 4 MiB
	Form        bool  // upload by form, as mini-app and uni-app builds do, instead of in chunks

	Pictures int    // thumbnails made; 0: none
	Picture  string // file of the picture; made there if absent, and thrown away if empty
	Width    int    // pixels of a picture that is made
	Height   int

	Memory     int   // uploads at the same time, to see what memory they take; 0: none
	MemorySize int64 // bytes of each

	// Peer is a server that takes PUT and gives GET below this URL, measured beside
	// ours with the same bytes; PeerPID is its process, whose children count as well.
	Peer    string
	PeerPID int
}

// FileStep is one row of the results.
type FileStep struct {
	Step         string  `json:"step"`
	Server       string  `json:"server"`
	Files        int     `json:"files"`
	Bytes        int64   `json:"bytes_each"`
	Concurrency  int     `json:"at_a_time"`
	Seconds      float64 `json:"seconds"`
	MBps         float64 `json:"mb_per_second"`
	PerSecond    float64 `json:"files_per_second"`
	CPU          float64 `json:"cpu_seconds"`
	GeneratorCPU float64 `json:"generator_cpu_seconds"`
	PeakRSS      int64   `json:"peak_rss_bytes,omitempty"`
	Others       float64 `json:"cpu_share_of_others"`
}

// perUploader is how many uploads of one account run at a time: fewer than the
// server lets one account have.
const perUploader = 24

// filesRun is a run of the workload.
type filesRun struct {
	bed     *bed
	cfg     FilesConfig
	clients []*Client
	http    *http.Client
	steps   []FileStep
	shared  []byte    // the pattern
	buffers sync.Pool // of downloads
}

// Files uploads and downloads and compares every byte that comes back.
func Files(ctx context.Context, cfg Config, w FilesConfig) (_ *Report, err error) {
	accounts := max(w.Concurrency, w.Memory)/perUploader + 1
	b, err := prepare(ctx, cfg, accounts, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	x := &filesRun{bed: b, cfg: w, shared: pattern(), buffers: sync.Pool{New: func() any { return new([256 << 10]byte) }}, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig: b.tls, MaxIdleConnsPerHost: max(w.Concurrency, w.Memory, 4), ReadBufferSize: 256 << 10, WriteBufferSize: 256 << 10, DisableCompression: true,
	}}}
	defer x.http.CloseIdleConnections()
	if x.clients, err = b.enterAll(ctx, accounts, 10, nil); err != nil {
		return nil, err
	}
	defer func() { leaveAll(x.clients) }()
	defer keepAlive(ctx, x.clients)()
	if err := x.run(ctx); err != nil {
		return nil, err
	}
	return x.report(), nil
}

func (x *filesRun) run(ctx context.Context) error {
	w := x.cfg
	sides := []side{&ours{x: x}}
	if w.Peer != "" {
		sides = append(sides, &peerSide{x: x, base: strings.TrimSuffix(w.Peer, "/")})
	}
	for _, s := range sides {
		if w.Large > 0 {
			if err := x.transfer(ctx, s, "one large", 1, w.Large, 1); err != nil {
				return err
			}
		}
		if w.Count > 0 {
			if err := x.transfer(ctx, s, "many small", w.Count, w.Small, w.Concurrency); err != nil {
				return err
			}
		}
	}
	if w.Pictures > 0 {
		if err := x.thumbnails(ctx); err != nil {
			return err
		}
	}
	if w.Memory > 0 {
		_, err := x.upload(ctx, sides[0], "memory", w.Memory, w.MemorySize, w.Memory)
		return err
	}
	return nil
}

// side is a server that files go to and come from.
type side interface {
	name() string
	// put stores content and returns where it is read.
	put(ctx context.Context, i int, size int64) (url string, err error)
	probe() Probe
}

// transfer uploads n files and downloads each of them.
func (x *filesRun) transfer(ctx context.Context, s side, what string, n int, size int64, concurrency int) error {
	urls, err := x.upload(ctx, s, what, n, size, concurrency)
	if err != nil {
		return err
	}
	_, err = x.step(ctx, s, "download, "+what, n, size, concurrency, func(ctx context.Context, i int) error {
		return x.get(ctx, urls[i], i, size)
	})
	return err
}

func (x *filesRun) upload(ctx context.Context, s side, what string, n int, size int64, concurrency int) ([]string, error) {
	urls := make([]string, n)
	_, err := x.step(ctx, s, "upload, "+what, n, size, concurrency, func(ctx context.Context, i int) (err error) {
		urls[i], err = s.put(ctx, i, size)
		return err
	})
	return urls, err
}

// step does one thing n times, some at a time, and measures it.
func (x *filesRun) step(ctx context.Context, s side, what string, n int, size int64, concurrency int, do func(ctx context.Context, i int) error) (*FileStep, error) {
	probe := s.probe()
	probe.ResetPeak()
	defer func(p Probe) { x.bed.probe = p }(x.bed.probe)
	x.bed.probe = probe
	var next atomic.Int64
	used, err := x.bed.span(ctx, func() error {
		g, ctx := errgroup.WithContext(ctx)
		for range min(concurrency, n) {
			g.Go(func() error {
				for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
					if err := do(ctx, i); err != nil {
						return fmt.Errorf("%s %d, %s: %w", what, i, s.name(), err)
					}
				}
				return nil
			})
		}
		return g.Wait()
	})
	if err != nil {
		return nil, err
	}
	t := used.took.Seconds()
	f := FileStep{Step: what, Server: s.name(), Files: n, Bytes: size, Concurrency: concurrency, Seconds: t, MBps: float64(n) * float64(size) / 1e6 / t,
		PerSecond: float64(n) / t, CPU: used.server.Seconds(), GeneratorCPU: used.own.Seconds(), PeakRSS: probe.Peak(), Others: used.others}
	x.steps = append(x.steps, f)
	x.bed.logf("%s, %s: %.1f s", f.Step, f.Server, t)
	return &f, nil
}

func (x *filesRun) report() *Report {
	r := &Report{Figures: x.steps}
	others := 0.0
	for i, f := range x.steps {
		if i > 0 {
			r.next()
		}
		gb := float64(f.Files) * float64(f.Bytes) / 1e9
		r.add("step", "%s", f.Step)
		r.add("server", "%s", f.Server)
		r.add("files × KiB", "%d × %d", f.Files, f.Bytes>>10)
		r.add("at a time", "%d", f.Concurrency)
		r.add("MB/s", "%.0f", f.MBps)
		r.add("files/s", "%.1f", f.PerSecond)
		r.add("server CPU s", "%.2f", f.CPU)
		r.add("per GB", "%.2f", f.CPU/gb)
		r.add("generator CPU s", "%.2f", f.GeneratorCPU)
		r.add("peak RSS MiB", "%.0f", float64(f.PeakRSS)/(1<<20))
		others = max(others, f.Others)
	}
	if others > muchOfOthers {
		r.note("Others took up to %.0f %% of the %d cores meanwhile: compare CPU, not the clock.", others*100, runtime.NumCPU())
	}
	return r
}

// patternBlock is the length of the bytes that every content consists of.
const patternBlock = 1 << 20

// pattern is bytes that do not compress, the same in every run.
func pattern() []byte {
	b := make([]byte, 2*patternBlock)
	state := uint64(0x9e3779b97f4a7c15)
	for i := range patternBlock {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	copy(b[patternBlock:], b[:patternBlock])
	return b
}

// thumbnails uploads one picture several times and asks for a thumbnail of each.
func (x *filesRun) thumbnails(ctx context.Context) error {
	pic, err := samplePicture(x.cfg)
	if err != nil {
		return err
	}
	o := &ours{x: x}
	urls := make([]string, x.cfg.Pictures)
	for i := range urls {
		if urls[i], err = o.store(ctx, i, bytesContent(pic), int64(len(pic))); err != nil {
			return err
		}
	}
	// As many at a time as there are processors, as one would run another program.
	_, err = x.step(ctx, o, "thumbnails", len(urls), int64(len(pic)), runtime.NumCPU(), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		return x.getThumbnail(ctx, urls[i]+"?imageView&thumbnail=256x256")
	})
	return err
}
