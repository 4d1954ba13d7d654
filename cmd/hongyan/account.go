package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/server"
)

type accountCmd struct {
	settingFlags `embed:""`

	Create  accountCreateCmd  `cmd:"" help:"Create accounts; prints each with its token, which cannot be read again."`
	List    accountListCmd    `cmd:"" help:"List accounts."`
	Token   accountTokenCmd   `cmd:"" help:"Issue a new static token; connections stay."`
	Block   accountBlockCmd   `cmd:"" help:"Refuse an account's logins with 422."`
	Unblock accountUnblockCmd `cmd:"" help:"Undo block."`
}

// ofAccount names one account.
type ofAccount struct {
	Key   string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
	Accid string `required:"" help:"Account." placeholder:"ACCID"`
}

type (
	accountCreateCmd struct {
		Key   string   `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		Accid []string `required:"" help:"Account; repeatable." placeholder:"ACCID"`
		Token string   `help:"Static token; generated unless given." placeholder:"TOKEN"`
		Name  string   `help:"Nickname." placeholder:"NAME"`
	}
	accountListCmd struct {
		Key   string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		After string `help:"Start after this account." placeholder:"ACCID"`
		Limit int    `help:"How many at most." default:"1000"`
	}
	accountTokenCmd struct {
		ofAccount
		Token string `help:"Static token; generated unless given." placeholder:"TOKEN"`
	}
	accountBlockCmd struct {
		ofAccount
		Kick bool   `help:"Close the account's connections too."`
		Ext  string `help:"Text for the clients that are closed." placeholder:"TEXT"`
	}
	accountUnblockCmd struct{ ofAccount }
)

// Run implements the command.
func (c accountCreateCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Account.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		card := account.CardUpdate{}
		if c.Name != "" {
			card.Name = &c.Name
		}
		for _, id := range c.Accid {
			acc, token, err := t.Accounts.Register(ctx, a.Key, id, c.Token, card)
			if err != nil {
				return fmt.Errorf("%s: %s", id, im.PublicText(err))
			}
			fmt.Fprintf(out.Out, "%s\t%s\n", acc.Accid, token)
		}
		return nil
	})
}

// Run implements the command.
func (c accountListCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Account.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		list, err := t.Accounts.List(ctx, a.Key, c.After, c.Limit)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ACCID\tNAME\tSTATE")
		for _, acc := range list {
			state := "enabled"
			if acc.Blocked {
				state = "blocked"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", acc.Accid, acc.Card.Name, state)
		}
		return w.Flush()
	})
}

// on resolves the app and the canonical accid.
func (o ofAccount) on(t *server.Tool) (app, accid string, err error) {
	a, err := t.App(o.Key)
	if err != nil {
		return "", "", err
	}
	id, ok := im.NormalizeAccid(o.Accid)
	if !ok {
		return "", "", fmt.Errorf("%q is no accid", o.Accid)
	}
	return a.Key, id, nil
}

// Run implements the command.
func (c accountTokenCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.Account.settingFlags, func(t *server.Tool) error {
		app, accid, err := c.on(t)
		if err != nil {
			return err
		}
		token, err := t.Accounts.SetToken(ctx, app, accid, c.Token)
		if err != nil {
			return err
		}
		fmt.Fprintf(out.Out, "%s\t%s\n", accid, token)
		return nil
	})
}

// Run implements the command.
func (c accountBlockCmd) Run(ctx context.Context, parent *cli) error {
	return onStore(ctx, &parent.Account.settingFlags, func(t *server.Tool) error {
		app, accid, err := c.on(t)
		if err != nil {
			return err
		}
		if err := t.Accounts.SetBlocked(ctx, app, accid, true); err != nil || !c.Kick {
			return err
		}
		return t.Kick(ctx, app, accid, c.Ext)
	})
}

// Run implements the command.
func (c accountUnblockCmd) Run(ctx context.Context, parent *cli) error {
	return onStore(ctx, &parent.Account.settingFlags, func(t *server.Tool) error {
		app, accid, err := c.on(t)
		if err != nil {
			return err
		}
		return t.Accounts.SetBlocked(ctx, app, accid, false)
	})
}
