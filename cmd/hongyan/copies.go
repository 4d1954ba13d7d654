package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/server"
)

type copiesCmd struct {
	settingFlags `embed:""`

	List   copiesListCmd   `cmd:"" help:"List event copies that were given up, and say what waits."`
	Replay copiesReplayCmd `cmd:"" help:"Send event copies that were given up again."`
}

type (
	copiesListCmd struct {
		Key   string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		After int64  `help:"Start after this id." placeholder:"ID"`
		Limit int    `help:"How many at most." default:"1000"`
		Body  bool   `help:"Print what would be sent, too."`
	}
	copiesReplayCmd struct {
		Key string  `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		All bool    `help:"All of them."`
		ID  []int64 `arg:"" optional:"" help:"Ids, as list prints them."`
	}
)

// countLimit is how far waiting copies are counted.
const countLimit = 100_000

// replayPage is how many dead copies are made to wait again at once.
const replayPage = 500

// Run implements the command.
func (c copiesListCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Copies.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		n, oldest, err := t.WaitingCopies(ctx, a.Key, countLimit)
		if err != nil {
			return err
		}
		fmt.Fprintf(out.Out, "waiting: %d", n)
		if n == countLimit {
			fmt.Fprint(out.Out, " or more")
		}
		if oldest != 0 {
			fmt.Fprintf(out.Out, ", the oldest since %s", stamp(im.IDTimeMs(oldest)))
		}
		fmt.Fprintln(out.Out)
		dead, err := t.DeadCopies(ctx, a.Key, c.After, c.Limit)
		if err != nil || len(dead) == 0 {
			return err
		}
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tEVENT\tLANE\tGIVEN UP\tATTEMPTS\tCAUSE")
		for _, d := range dead {
			fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%d\t%s\n", d.ID, d.Event, d.Lane, stamp(d.DiedMs), d.Attempts, d.Cause)
			if c.Body {
				fmt.Fprintf(w, "%s\n", d.Body)
			}
		}
		return w.Flush()
	})
}

// Run implements the command.
func (c copiesReplayCmd) Run(ctx context.Context, parent *cli, out output) error {
	if c.All == (len(c.ID) > 0) {
		return errors.New("either --all or ids")
	}
	return onStore(ctx, &parent.Copies.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		total, ids := 0, c.ID
		for after := int64(0); ; {
			if c.All {
				dead, err := t.DeadCopies(ctx, a.Key, after, replayPage)
				if err != nil {
					return err
				}
				if ids = nil; len(dead) == 0 {
					break
				}
				for _, d := range dead {
					ids, after = append(ids, d.ID), d.ID
				}
			}
			n, err := t.ReplayCopies(ctx, a.Key, ids)
			if err != nil {
				return err
			}
			if total += n; !c.All {
				break
			}
		}
		fmt.Fprintf(out.Out, "%d wait again\n", total)
		return nil
	})
}

// stamp prints a time of the server, ms since 1970.
func stamp(ms int64) string { return time.UnixMilli(ms).Format("2006-01-02 15:04:05") }
