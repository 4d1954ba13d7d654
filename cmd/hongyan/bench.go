package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"hongyan/internal/bench"
)

type benchCmd struct {
	Idle   benchIdleCmd   `cmd:"" help:"Memory of connections that do nothing but heartbeats."`
	Login  benchLoginCmd  `cmd:"" help:"Logins per second and what they cost."`
	P2P    benchP2PCmd    `cmd:"" name:"p2p" help:"One-to-one messages: latency, rate and cost; checks that each arrives once and in order."`
	Group  benchGroupCmd  `cmd:"" help:"Team and super team messages: what a delivery costs and when it arrives."`
	Copies benchCopiesCmd `cmd:"" help:"Event copies: how fast a backlog is drained, how far they lag behind messages."`
	Files  benchFilesCmd  `cmd:"" help:"Uploads, downloads and thumbnails, each byte compared; beside another server if asked to."`
	Seed   benchSeedCmd   `cmd:"" help:"Fill an app with made-up accounts, teams and history, to try an import."`
	Fsync  benchFsyncCmd  `cmd:"" help:"How long the disk takes to sync."`
	Env    benchEnvCmd    `cmd:"" help:"What this machine is, as a line of Markdown."`
}

// Help implements kong.HelpProvider.
func (benchCmd) Help() string {
	return "All runs end by themselves and print a row of a Markdown table. Exit code 1 also means that something was lost, " +
		"repeated or out of order."
}

// benchTarget are the flags of commands that measure a server.
type benchTarget struct {
	Addr     string        `default:"127.0.0.1:7443" placeholder:"HOST:PORT" help:"The server. Default: ${default}."`
	TLS      *bool         `name:"tls" negatable:"" help:"Speak TLS; on, unless with --spawn."`
	CA       string        `name:"ca" placeholder:"FILE" help:"Authority to trust, for example DATA/tls/ca.pem."`
	App      string        `placeholder:"KEY:SECRET" help:"The app to use."`
	Metrics  string        `placeholder:"URL" help:"Private listener of the server, for collections, profiles and its use of CPU and memory."`
	PID      int           `name:"pid" placeholder:"N" help:"Process of the server, on this machine: CPU and memory from /proc."`
	Remote   bool          `help:"The server may be on another machine. Only aim at your own."`
	Spawn    bool          `help:"Start a server for this run, with an empty database, and stop it."`
	SpawnDir string        `placeholder:"DIR" help:"Where its database goes; the directory for temporary files if not given."`
	ServeArg []string      `sep:"none" placeholder:"FLAG" help:"Further flag of the started server (repeatable): --serve-arg=--fault=commit-delay=2ms."`
	Create   bool          `default:"true" negatable:"" help:"Make the accounts u0, u1, ... first; existing ones of an earlier run are used."`
	RESTRate float64       `name:"rest-rate" default:"90" placeholder:"N" help:"Accounts made per second when the server was not started by --spawn; 0: no limit. Default: ${default}."`
	Profile  string        `placeholder:"DIR" help:"Save profiles of the server there, taken before the measurement."`
	JSON     bool          `name:"json" help:"Print the figures as a line of JSON too."`
	Limit    time.Duration `default:"30m" placeholder:"DURATION" help:"The whole run may take this long. Default: ${default}."`
}

// run reads the flags, measures and prints.
func (t *benchTarget) run(ctx context.Context, out output, measure func(context.Context, bench.Config) (*bench.Report, error)) error {
	key, secret, ok := strings.Cut(t.App, ":")
	if !ok && !t.Spawn {
		return errors.New("give --app KEY:SECRET, or --spawn")
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	useTLS := !t.Spawn
	if t.TLS != nil {
		useTLS = *t.TLS
	}
	// The generator takes its time from the server: memory is cheaper than collections, and one processor is enough
	// and never looks for work on the other.
	debug.SetGCPercent(400)
	runtime.GOMAXPROCS(1)
	ctx, cancel := context.WithTimeoutCause(ctx, t.Limit, fmt.Errorf("not done after --limit %s", t.Limit))
	defer cancel()
	report, err := measure(ctx, bench.Config{
		Addr: t.Addr, TLS: useTLS, CA: t.CA, Key: key, Secret: secret, Metrics: t.Metrics, PID: t.PID, Remote: t.Remote,
		Spawn: t.Spawn, Binary: binary, Dir: t.SpawnDir, ServeArgs: t.ServeArg,
		Create: t.Create, RESTRate: t.RESTRate, Profile: t.Profile, Log: out.Err,
	})
	return printReport(out, report, err, t.JSON)
}

func printReport(out output, report *bench.Report, err error, withJSON bool) error {
	if report != nil {
		err = errors.Join(err, report.Write(out.Out, withJSON))
	}
	if err == nil && report.Failed {
		return errReported
	}
	return err
}

type benchIdleCmd struct {
	benchTarget `embed:""`
	Connections int           `default:"10000" placeholder:"N" help:"Default: ${default}."`
	Concurrency int           `default:"50" placeholder:"N" help:"Logins at a time. Default: ${default}."`
	Hold        time.Duration `default:"5s" placeholder:"DURATION" help:"How long to measure the CPU of doing nothing. Default: ${default}."`
}

// Run implements the command.
func (c *benchIdleCmd) Run(ctx context.Context, out output) error {
	if c.Connections < 1 || c.Connections > 200000 || c.Concurrency < 1 {
		return errors.New("--connections is from 1 to 200000, --concurrency at least 1")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		return bench.Idle(ctx, cfg, bench.IdleConfig{Connections: c.Connections, Concurrency: c.Concurrency, Hold: c.Hold})
	})
}

type benchLoginCmd struct {
	benchTarget `embed:""`
	Count       int `default:"2000" placeholder:"N" help:"Logins. Default: ${default}."`
	Concurrency int `default:"50" placeholder:"N" help:"At a time. Default: ${default}."`
	Warmup      int `default:"200" placeholder:"N" help:"Logins before the measurement. Default: ${default}."`
}

// Run implements the command.
func (c *benchLoginCmd) Run(ctx context.Context, out output) error {
	if c.Count < 1 || c.Count > 1000000 || c.Concurrency < 1 {
		return errors.New("--count is from 1 to 1000000, --concurrency at least 1")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		return bench.Logins(ctx, cfg, bench.LoginConfig{Count: c.Count, Concurrency: c.Concurrency, Warmup: c.Warmup})
	})
}

type benchP2PCmd struct {
	benchTarget `embed:""`
	Pairs       int           `default:"100" placeholder:"N" help:"Senders, each with a receiver. Default: ${default}."`
	Size        int           `default:"200" placeholder:"BYTES" help:"Length of a text. Default: ${default}."`
	Rate        float64       `default:"0" placeholder:"N" help:"Messages a second at fixed times, whatever the server does; 0: saturation."`
	Window      int           `default:"4" placeholder:"N" help:"Messages in flight of each pair at saturation. Default: ${default}."`
	Duration    time.Duration `default:"20s" placeholder:"DURATION" help:"Default: ${default}."`
	Warmup      time.Duration `default:"2s" placeholder:"DURATION" help:"The same before, not measured. Default: ${default}."`
	History     int           `default:"0" placeholder:"N" help:"Messages sent before, over all pairs."`
}

// Run implements the command.
func (c *benchP2PCmd) Run(ctx context.Context, out output) error {
	switch {
	case c.Pairs < 1 || c.Pairs > 50000:
		return errors.New("--pairs is from 1 to 50000")
	case c.Size < 20 || c.Size > 5000:
		return errors.New("--size is from 20 to 5000")
	case c.Rate < 0 || c.Rate > 1e6 || c.Window < 1 || c.Window > 1000:
		return errors.New("--rate is from 0 to 1000000, --window from 1 to 1000")
	case c.Duration < time.Second || c.Duration > time.Hour || c.History < 0:
		return errors.New("--duration is from 1s to 1h, --history at least 0")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		return bench.P2P(ctx, cfg, bench.P2PConfig{Pairs: c.Pairs, Size: c.Size, Rate: c.Rate, Window: c.Window,
			Duration: c.Duration, Warmup: c.Warmup, History: c.History, Concurrency: 50})
	})
}

type benchGroupCmd struct {
	benchTarget `embed:""`
	Groups      int           `default:"20" placeholder:"N" help:"Default: ${default}."`
	Members     int           `default:"100" placeholder:"N" help:"Of each group. Default: ${default}."`
	Online      int           `default:"0" placeholder:"N" help:"Members of each group that are here; 0: all."`
	Super       bool          `help:"Super teams instead of teams."`
	Acknowledge bool          `default:"true" negatable:"" help:"Receivers acknowledge messages as the SDK does; those of super teams never are."`
	Size        int           `default:"200" placeholder:"BYTES" help:"Length of a text. Default: ${default}."`
	Rate        float64       `default:"0" placeholder:"N" help:"Messages a second over all groups, at fixed times; 0: saturation."`
	Window      int           `default:"2" placeholder:"N" help:"Messages in flight of each group at saturation. Default: ${default}."`
	Duration    time.Duration `default:"20s" placeholder:"DURATION" help:"Default: ${default}."`
	Warmup      time.Duration `default:"2s" placeholder:"DURATION" help:"The same before, not measured. Default: ${default}."`
}

// Run implements the command.
func (c *benchGroupCmd) Run(ctx context.Context, out output) error {
	if c.Online == 0 {
		c.Online = c.Members
	}
	switch {
	case c.Groups < 1 || c.Members < 2 || c.Groups*c.Members > 200000:
		return errors.New("--groups is at least 1, --members at least 2, and there are at most 200000 in all")
	case c.Members > 200 && !c.Super:
		return errors.New("--members is at most 200 without --super")
	case c.Online < 2 || c.Online > c.Members:
		return errors.New("--online is from 2 to --members")
	case c.Size < 20 || c.Size > 5000:
		return errors.New("--size is from 20 to 5000")
	case c.Rate < 0 || c.Rate > 1e6 || c.Window < 1 || c.Window > 1000:
		return errors.New("--rate is from 0 to 1000000, --window from 1 to 1000")
	case c.Duration < time.Second || c.Duration > time.Hour:
		return errors.New("--duration is from 1s to 1h")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		cfg.Silent = !c.Acknowledge
		return bench.Groups(ctx, cfg, bench.GroupConfig{Groups: c.Groups, Members: c.Members, Online: c.Online, Super: c.Super, Size: c.Size, Rate: c.Rate,
			Window: c.Window, Duration: c.Duration, Warmup: c.Warmup, Concurrency: 50})
	})
}

type benchCopiesCmd struct {
	benchTarget `embed:""`
	Pairs       int           `default:"100" placeholder:"N" help:"Senders, each with a receiver. Default: ${default}."`
	Size        int           `default:"200" placeholder:"BYTES" help:"Length of a text. Default: ${default}."`
	Backlog     int           `default:"20000" placeholder:"N" help:"Copies that wait before the app's server takes any; 0: no such row. Default: ${default}."`
	Rate        float64       `default:"1000" placeholder:"N" help:"Messages a second of the other row. Default: ${default}."`
	Duration    time.Duration `default:"20s" placeholder:"DURATION" help:"Of the other row; 0: no such row. Default: ${default}."`
	Parallel    int           `default:"32" placeholder:"N" help:"Setting copy_concurrency of the app. Default: ${default}."`
}

// Run implements the command.
func (c *benchCopiesCmd) Run(ctx context.Context, out output) error {
	switch {
	case c.Pairs < 1 || c.Pairs > 10000:
		return errors.New("--pairs is from 1 to 10000")
	case c.Size < 20 || c.Size > 5000:
		return errors.New("--size is from 20 to 5000")
	case c.Rate < 1 || c.Rate > 1e6 || c.Parallel < 1 || c.Parallel > 1000:
		return errors.New("--rate is from 1 to 1000000, --parallel from 1 to 1000")
	case c.Backlog < 0 || c.Backlog > 200000 || c.Duration < 0 || c.Duration > time.Hour || c.Backlog == 0 && c.Duration == 0:
		return errors.New("--backlog is from 0 to 200000, --duration from 0 to 1h, and one of them is not 0")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		return bench.Copies(ctx, cfg, bench.CopiesConfig{Pairs: c.Pairs, Size: c.Size, Backlog: c.Backlog, Rate: c.Rate, Duration: c.Duration,
			Parallel: c.Parallel, Concurrency: 50})
	})
}

type benchFilesCmd struct {
	benchTarget `embed:""`
	Large       int64  `default:"1024" placeholder:"MIB" help:"Size of one large file; 0: none. Default: ${default}."`
	Small       int64  `default:"100" placeholder:"KIB" help:"Size of each of many small files. Default: ${default}."`
	Count       int    `default:"2000" placeholder:"N" help:"How many small files; 0: none. Default: ${default}."`
	Concurrency int    `default:"8" placeholder:"N" help:"Small files at a time. Default: ${default}."`
	Chunk       int64  `default:"4" placeholder:"MIB" help:"Size of a chunk; SDKs send 4. Default: ${default}."`
	Form        bool   `help:"Upload by form, as mini-app and uni-app builds do, not in chunks."`
	Pictures    int    `default:"0" placeholder:"N" help:"Thumbnails to make, of a picture of 12 million pixels."`
	Picture     string `placeholder:"FILE" help:"Use this picture; if there is none, it is made."`
	Memory      int    `default:"0" placeholder:"N" help:"In the end, uploads at the same time, for the memory they take."`
	MemorySize  int64  `default:"50" placeholder:"MIB" help:"Size of each. Default: ${default}."`
	Peer        string `placeholder:"URL" help:"Do the same with PUT and GET below this URL."`
	PeerPID     int    `name:"peer-pid" placeholder:"N" help:"Process of that server."`
}

// Run implements the command.
func (c *benchFilesCmd) Run(ctx context.Context, out output) error {
	switch {
	case c.Large < 0 || c.Large > 1024 || c.Small < 1 || c.Small > 1<<20:
		return errors.New("--large is from 0 to 1024, --small at least 1")
	case c.Count < 0 || c.Concurrency < 1 || c.Concurrency > 200 || c.Memory < 0 || c.Memory > 250:
		return errors.New("--concurrency is from 1 to 200, --memory from 0 to 250")
	case c.Chunk < 1 || c.Chunk > 16 || c.MemorySize < 1 || c.MemorySize > 1024 || c.Pictures < 0:
		return errors.New("--chunk is from 1 to 16, --memory-size from 1 to 1024")
	case c.Peer != "" && c.PeerPID == 0:
		return errors.New("--peer needs --peer-pid")
	}
	return c.run(ctx, out, func(ctx context.Context, cfg bench.Config) (*bench.Report, error) {
		return bench.Files(ctx, cfg, bench.FilesConfig{Large: c.Large << 20, Small: c.Small << 10, Count: c.Count, Concurrency: c.Concurrency,
			Chunk: c.Chunk << 20, Form: c.Form, Pictures: c.Pictures, Picture: c.Picture, Width: 4000, Height: 3000,
			Memory: c.Memory, MemorySize: c.MemorySize << 20, Peer: c.Peer, PeerPID: c.PeerPID})
	})
}

type benchFsyncCmd struct {
	Dir   string `default:"." placeholder:"DIR" help:"Where: the disk of the database. Default: ${default}."`
	Count int    `default:"1000" placeholder:"N" help:"Default: ${default}."`
	JSON  bool   `name:"json" help:"Print the figures as a line of JSON too."`
}

// Run implements the command.
func (c *benchFsyncCmd) Run(out output) error {
	report, err := bench.Fsync(bench.FsyncConfig{Dir: c.Dir, Count: c.Count, Duration: 20 * time.Second})
	return printReport(out, report, err, c.JSON)
}

type benchEnvCmd struct{}

// Run implements the command.
func (benchEnvCmd) Run(out output) error {
	_, err := fmt.Fprintln(out.Out, bench.Machine())
	return err
}
