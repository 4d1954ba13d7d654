package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"hongyan/internal/im/app"
	"hongyan/internal/im/transfer"
	"hongyan/internal/move"
	"hongyan/internal/server"
)

type importCmd struct {
	settingFlags `embed:""`

	Yunxin importYunxinCmd `cmd:"" help:"From any server with the REST API of NetEase Yunxin, version 1: Yunxin itself, or another Hongyan."`
}

type importYunxinCmd struct {
	Key         string        `help:"AppKey of the app here, which exists; may be left out when there is one app." placeholder:"KEY"`
	From        string        `required:"" help:"Address of the source, for example https://api.yunxinapi.com." placeholder:"URL"`
	FromKey     string        `required:"" help:"AppKey there." placeholder:"KEY"`
	FromSecret  string        `env:"YUNXIN_APP_SECRET" help:"AppSecret there; better given as the variable YUNXIN_APP_SECRET, which no list of processes shows." placeholder:"SECRET"`
	FromCA      string        `name:"from-ca" help:"Authority to trust, where the source has a certificate of its own." placeholder:"FILE"`
	Accounts    string        `required:"" help:"File of accounts, accid or accid,token, one a line." placeholder:"FILE"`
	Pairs       string        `help:"File of accounts that may have talked, accid,accid, one a line, besides those that session lists and friends tell of." placeholder:"FILE"`
	Tokens      string        `help:"File for the tokens of accounts that come without one, accid,token, for the app's server. Mode 0600; tokens that are in it already are used." placeholder:"FILE"`
	Mapping     string        `help:"Write what the ids of teams and messages have become to this file: kind,old,new." placeholder:"FILE"`
	Skip        []string      `enum:"relations,friend-details,sessions,teams,superteams,history" help:"Leave out (comma separated): relations, friend-details, sessions, teams, superteams, history." placeholder:"WHAT"`
	Concurrency int           `default:"8" help:"Calls under way at a time. Default: ${default}." placeholder:"N"`
	Rate        float64       `default:"80" help:"Calls a second to each counter of the source, which allows 100. Default: ${default}." placeholder:"N"`
	Block       time.Duration `default:"11s" help:"How long a counter is left alone when the source answers 416. Default: ${default}." placeholder:"DURATION"`
	Compare     bool          `default:"true" negatable:"" help:"Read the source again in the end and compare."`
	CompareOnly bool          `help:"Import nothing, compare."`
	Limit       int           `default:"20" help:"How many differences are named. Default: ${default}." placeholder:"N"`
}

// Help implements kong.HelpProvider.
func (importYunxinCmd) Help() string {
	return "Accounts, relations, teams and history are read over the network and written to the database. An interrupted import goes on when the " +
		"command is started again; a finished one fetches what has changed. Exit code 1 also means that the two sides are not equal. See docs/move.md."
}

// Run implements the command.
func (c *importYunxinCmd) Run(ctx context.Context, parent *cli, out output) error {
	in, err := c.config()
	if err != nil {
		return err
	}
	in.Out, in.Terminal = out.Err, isTerminal(out.Err)
	cfg, err := parent.Import.load()
	if err != nil {
		return err
	}
	t, err := server.OpenBulkTool(ctx, cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		select {
		case <-t.Lost():
			cancel(errors.New("the node number was lost to another process: is the clock sound?"))
		case <-ended:
		}
	}()
	err = c.run(ctx, t, in, out)
	close(ended)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("interrupted (%w); the same command goes on from here", cause)
	}
	cancel(nil)
	return errors.Join(err, t.Close())
}

func (c *importYunxinCmd) run(ctx context.Context, t *server.Tool, in *move.Config, out output) error {
	a, err := t.App(c.Key)
	if err != nil {
		return err
	}
	in.Target, in.App, in.TokenHash = t.Bulk(), a.Key, t.Accounts.TokenHash
	if !c.CompareOnly {
		if err := mayImport(ctx, a, in.Target); err != nil {
			return err
		}
	}
	rep, err := move.Import(ctx, *in)
	if err != nil {
		return err
	}
	rep.Print(out.Out)
	if peak := move.PeakMemory(); peak > 0 {
		fmt.Fprintf(out.Out, "peak resident memory: %d MiB\n", peak>>20)
	}
	if c.Mapping != "" {
		if err := writeMapping(ctx, c.Mapping, in.Target, a.Key); err != nil {
			return err
		}
	}
	if rep.Compared && !rep.Equal() {
		return errReported
	}
	return nil
}

// mayImport refuses an app that somebody else may write to: history can only be
// appended, so nobody may talk before it is complete.
func mayImport(ctx context.Context, a *app.App, dst move.Target) error {
	if dst.ServerRuns(ctx) && !a.Disabled {
		return fmt.Errorf("a server runs on this database and app %s is in use: stop the server, or `hongyan app disable --key %s` until the import is complete "+
			"(a server that was killed counts as running for 10 seconds)", a.Key, a.Key)
	}
	return nil
}

// config reads the files and flags.
func (c *importYunxinCmd) config() (*move.Config, error) {
	switch {
	case c.FromSecret == "":
		return nil, errors.New("the AppSecret of the source is needed: YUNXIN_APP_SECRET")
	case c.Concurrency < 1 || c.Concurrency > 256:
		return nil, errors.New("--concurrency is from 1 to 256")
	case c.Rate <= 0 || c.Rate > 100_000:
		return nil, errors.New("--rate is above 0 and at most 100000")
	case c.Limit < 1 || c.Block < 0:
		return nil, errors.New("--limit is at least 1, --block not negative")
	}
	in := &move.Config{Tokens: c.Tokens, Skip: c.Skip, Concurrency: c.Concurrency, Compare: c.Compare, CompareOnly: c.CompareOnly, Limit: c.Limit,
		Source: move.SourceConfig{URL: c.From, Key: c.FromKey, Secret: c.FromSecret, Rate: c.Rate, Block: c.Block}}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.MaxIdleConnsPerHost = c.Concurrency
	if c.FromCA != "" {
		pem, err := os.ReadFile(c.FromCA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", c.FromCA)
		}
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	in.Source.HTTP = &http.Client{Transport: tr}
	var err error
	if in.Accounts, err = readFile(c.Accounts, move.ReadAccounts); err != nil {
		return nil, err
	}
	if c.Pairs != "" {
		if in.Pairs, err = readFile(c.Pairs, move.ReadPairs); err != nil {
			return nil, err
		}
	}
	if c.Tokens == "" && !c.CompareOnly && slices.ContainsFunc(in.Accounts, func(a move.Account) bool { return a.Token == "" }) {
		return nil, fmt.Errorf("%s has accounts without a token: --tokens FILE takes those that are issued", c.Accounts)
	}
	return in, nil
}

// readFile reads a list from a file.
func readFile[T any](name string, read func(io.Reader) ([]T, error)) ([]T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

// isTerminal says whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// mappingPage is how many mappings are read at a time.
const mappingPage = 10_000

// writeMapping writes what ids have become.
func writeMapping(ctx context.Context, name string, dst move.Target, appKey string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = func() error {
		if _, err := fmt.Fprintln(w, "kind,old,new"); err != nil {
			return err
		}
		for _, kind := range []string{transfer.MapTeam, transfer.MapSuperTeam, transfer.MapMessage} {
			for after := ""; ; {
				page, err := dst.Mappings(ctx, appKey, kind, after, mappingPage)
				if err != nil {
					return err
				}
				if len(page) == 0 {
					break
				}
				for _, m := range page {
					if _, err := fmt.Fprintf(w, "%s,%s,%d\n", kind, m.Old, m.New); err != nil {
						return err
					}
					after = m.Old
				}
			}
		}
		return nil
	}()
	return errors.Join(err, w.Flush(), f.Close())
}
