// Command hongyan is the server and its tools in one binary.
//
// This package is thin: a command reads its flags, calls the package that does the work and prints. It must hold no
// rule of the product. A command is one field of cli and one file.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"hongyan/internal/config"
)

// cli is the tree of commands. To add one, add a field here and a file with its type, whose method is
// Run(ctx context.Context, out output) error. A command that needs settings embeds settingFlags, gets them filled in by
// newCLI (newStoreFlags for what works on the store), and calls load; a subcommand asks for the *cli to reach those of
// its parent. See cert.go.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	App     appCmd     `cmd:"" help:"Create and change apps."`
	Account accountCmd `cmd:"" help:"Create and change accounts."`
	Copies  copiesCmd  `cmd:"" help:"Look at event copies that were given up, and send them again."`
	Jobs    jobsCmd    `cmd:"" help:"Look at the deletions of files that app servers have ordered, run them now or end them."`
	Words   wordsCmd   `cmd:"" help:"Change the lists of the word filter."`
	Import  importCmd  `cmd:"" help:"Bring an app over from another server."`
	Cert    certCmd    `cmd:"" help:"Show and renew the certificate of the TLS listener."`
	Doctor  doctorCmd  `cmd:"" help:"Check whether a server can run here, and say what to do if not."`
	Bench   benchCmd   `cmd:"" help:"Measure a server, or the disk."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// newCLI fills in the flags that come from the table of settings.
func newCLI() *cli {
	return &cli{
		Serve:   serveCmd{settingFlags: newSettingFlags()},
		App:     appCmd{settingFlags: newStoreFlags()},
		Account: accountCmd{settingFlags: newStoreFlags()},
		Copies:  copiesCmd{settingFlags: newStoreFlags()},
		Jobs:    jobsCmd{settingFlags: newStoreFlags()},
		Words:   wordsCmd{settingFlags: newStoreFlags()},
		Import:  importCmd{settingFlags: newStoreFlags()},
		Bench:   benchCmd{Seed: benchSeedCmd{settingFlags: newStoreFlags()}},
		Cert:    certCmd{settingFlags: newSettingFlags(certSettings()...)},
		Doctor:  doctorCmd{settingFlags: newSettingFlags()},
	}
}

// output is where a command prints.
type output struct {
	Out, Err io.Writer
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong flags or configuration: a restart will not help
)

func main() {
	ctx, stop := signalContext()
	code := run(ctx, os.Args[1:], output{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// signalContext returns a context that the first SIGINT or SIGTERM cancels. The second ends the process at once, with
// the code that shells give to a death by that signal.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				if ctx.Err() != nil {
					if s, ok := sig.(syscall.Signal); ok {
						os.Exit(128 + int(s))
					}
					os.Exit(exitFailed)
				}
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// errReported ends a command with exitFailed without a message: it has said everything.
var errReported = errors.New("reported")

// exited carries the code with which kong wanted to exit (after --help) out of its parser.
type exited int

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out output) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	parser, err := kong.New(newCLI(),
		kong.Name("hongyan"),
		kong.Description("Hongyan (鸿雁), a self-hosted instant messaging server. Settings come from flags, HONGYAN_* variables "+
			"and a TOML file (--config), in this order."),
		kong.Writers(out.Out, out.Err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
	)
	if err != nil {
		// A mistake in the command tree, found by any test.
		panic(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(out.Err, "hongyan: %v\nTry hongyan --help.\n", err)
		return exitUsage
	}
	err = command.Run()
	var wrong *config.Error
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &wrong):
		fmt.Fprintln(out.Err, "hongyan:", wrong)
		return exitUsage
	}
	fmt.Fprintln(out.Err, "hongyan:", err)
	return exitFailed
}
