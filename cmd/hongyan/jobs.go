package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"hongyan/internal/im/file"
	"hongyan/internal/server"
)

type jobsCmd struct {
	settingFlags `embed:""`

	List   jobsListCmd   `cmd:"" default:"withargs" help:"List what app servers have ordered to delete (job/nos/del), newest first."`
	Run    jobsRunCmd    `cmd:"" help:"Run jobs that wait now; a running server takes them within a minute."`
	Cancel jobsCancelCmd `cmd:"" help:"End jobs that wait."`
}

type (
	jobsListCmd struct {
		Key   string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		Limit int    `help:"How many at most." default:"100"`
	}
	jobsRunCmd struct {
		Key string   `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		ID  []string `arg:"" help:"Ids, as list prints them."`
	}
	jobsCancelCmd struct {
		Key string   `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		ID  []string `arg:"" help:"Ids, as list prints them."`
	}
)

// Run implements the command.
func (c jobsListCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Jobs.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		jobs, err := t.FileJobs(ctx, a.Key, c.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSTATE\tORDERED\tDUE\tENDED\tFROM\tTO\tTYPE\tSCENE\tFILES\tBYTES")
		for _, j := range jobs {
			ended := "-"
			if j.EndedMs != 0 {
				ended = stamp(j.EndedMs)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", j.ID, jobState(j, time.Now()), stamp(j.CreatedMs), stamp(j.DueMs), ended,
				stamp(j.FromMs), stamp(j.ToMs), orDash(j.Type), orDash(j.Scene), j.Files, j.Bytes)
		}
		return w.Flush()
	})
}

// jobState says in a word where a job stands.
func jobState(j file.Job, now time.Time) string {
	switch {
	case j.EndedMs != 0 && j.EndedMs < j.DueMs:
		return "cancelled"
	case j.EndedMs != 0:
		return "done"
	case j.DueMs > now.UnixMilli():
		return "waits"
	}
	return "due"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Run implements the command.
func (c jobsRunCmd) Run(ctx context.Context, parent *cli, out output) error {
	return eachJob(ctx, parent, out, c.Key, c.ID, "due", (*server.Tool).RunFileJob)
}

// Run implements the command.
func (c jobsCancelCmd) Run(ctx context.Context, parent *cli, out output) error {
	return eachJob(ctx, parent, out, c.Key, c.ID, "cancelled", (*server.Tool).CancelFileJob)
}

func eachJob(ctx context.Context, parent *cli, out output, key string, ids []string, done string, change func(*server.Tool, context.Context, string, string) (bool, error)) error {
	return onStore(ctx, &parent.Jobs.settingFlags, func(t *server.Tool) error {
		a, err := t.App(key)
		if err != nil {
			return err
		}
		for _, id := range ids {
			ok, err := change(t, ctx, a.Key, id)
			switch {
			case err != nil:
				return err
			case !ok:
				return fmt.Errorf("job %s does not wait; `hongyan jobs` shows those that do", id)
			}
			fmt.Fprintln(out.Out, id, done)
		}
		return nil
	})
}
