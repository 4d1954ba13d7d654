package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"hongyan/internal/move"
	"hongyan/internal/server"
)

type benchSeedCmd struct {
	settingFlags `embed:""`

	Key      string `help:"AppKey; may be left out when there is one app. Use an empty app." placeholder:"KEY"`
	Accounts int    `default:"10000" help:"Default: ${default}." placeholder:"N"`
	Teams    int    `default:"1000" help:"With 20 members each; every tenth is a super team. Default: ${default}." placeholder:"N"`
	Messages int    `default:"1000000" help:"Half of them one-to-one. Default: ${default}." placeholder:"N"`
	List     string `help:"Write accid,token of the accounts to this file." placeholder:"FILE"`
}

// Run implements the command.
func (c *benchSeedCmd) Run(ctx context.Context) error {
	if c.Accounts < 0 || c.Teams < 0 || c.Messages < 0 {
		return errors.New("--accounts, --teams and --messages are not negative")
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	t, err := server.OpenBulkTool(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(c.seed(ctx, t), t.Close())
}

func (c *benchSeedCmd) seed(ctx context.Context, t *server.Tool) error {
	a, err := t.App(c.Key)
	if err != nil {
		return err
	}
	if t.Bulk().ServerRuns(ctx) {
		return errors.New("a server runs on this database: stop it first")
	}
	err = move.Seed(ctx, move.SeedConfig{Target: t.Bulk(), App: a.Key, TokenHash: t.Accounts.TokenHash, Accounts: c.Accounts, Teams: c.Teams, Messages: c.Messages})
	if err != nil || c.List == "" {
		return err
	}
	f, err := os.OpenFile(c.List, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i := range c.Accounts {
		accid := fmt.Sprintf("u%d", i)
		fmt.Fprintf(w, "%s,%s\n", accid, move.SeedToken(accid))
	}
	return errors.Join(w.Flush(), f.Close())
}
