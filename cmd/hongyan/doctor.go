package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/server"
)

type doctorCmd struct {
	settingFlags `embed:""`
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return "Give it the settings of the server. It changes nothing and may run beside a running server. " +
		"Exit code 1 means that at least one check failed."
}

// Check is one line of the report. Run returns what was found; an error makes the line FAIL, or WARN if it was made with
// warn, and the advice says what to do then.
type Check struct {
	Name string
	Run  func(ctx context.Context) (detail string, err error, advice string)
}

// checkTimeout bounds one check.
const checkTimeout = 10 * time.Second

// warning is an error that a server can run with.
type warning struct{ error }

func warn(format string, args ...any) error { return warning{fmt.Errorf(format, args...)} }

// Run implements the command.
func (c *doctorCmd) Run(ctx context.Context, out output) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings() {
		fmt.Fprintf(out.Out, "note: %s\n", w)
	}
	checks := append(machineChecks(cfg), storeChecks(cfg)...)
	if failed := examine(ctx, out.Out, checks); failed > 0 {
		return errReported
	}
	return nil
}

// storeChecks look at what the server would open first. A tool may open the
// database beside a running server.
func storeChecks(cfg *config.Config) []Check {
	return []Check{{Name: "database", Run: func(ctx context.Context) (string, error, string) {
		facts, err := server.StoreFacts(ctx, cfg)
		return facts, err, "check --db or the rights on --data; a wrong master key means that DATA/master.key was replaced: put the old one back"
	}}}
}

// examine runs the checks, prints the table and returns how many failed.
func examine(ctx context.Context, w io.Writer, checks []Check) (failed int) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var advices []string
	warned := 0
	for _, c := range checks {
		if ctx.Err() != nil {
			break
		}
		detail, err, advice := runCheck(ctx, c)
		state := "OK"
		if err != nil {
			state = "FAIL"
			if errors.As(err, new(warning)) {
				state = "WARN"
				warned++
			} else {
				failed++
			}
			if detail != "" {
				detail += ": "
			}
			detail += err.Error()
			if advice != "" {
				advices = append(advices, c.Name+": "+advice)
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", state, c.Name, strings.ReplaceAll(detail, "\n", "; "))
	}
	_ = table.Flush()
	for i, a := range advices {
		if i == 0 {
			fmt.Fprintln(w, "\nWhat to do:")
		}
		fmt.Fprintf(w, "  %s\n", a)
	}
	if err := ctx.Err(); err != nil {
		fmt.Fprintln(w, "\ninterrupted")
		return failed + 1
	}
	fmt.Fprintf(w, "\n%d checks, %d warnings, %d failures\n", len(checks), warned, failed)
	return failed
}

func runCheck(ctx context.Context, c Check) (detail string, err error, advice string) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return c.Run(ctx)
}
