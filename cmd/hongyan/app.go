package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"hongyan/internal/edge/nimapi"
	"hongyan/internal/im/app"
	"hongyan/internal/server"
)

type appCmd struct {
	settingFlags `embed:""`

	Create   appCreateCmd   `cmd:"" help:"Create an app; key and secret are generated unless given."`
	List     appListCmd     `cmd:"" help:"List all apps."`
	Show     appShowCmd     `cmd:"" help:"Print an app's keys and its settings."`
	Set      appSetCmd      `cmd:"" help:"Change settings; NAME= returns one to its default."`
	Name     appNameCmd     `cmd:"" help:"Give an app its Easemob name; - takes it away."`
	Disable  appDisableCmd  `cmd:"" help:"Refuse logins and REST calls of an app with 403."`
	Enable   appEnableCmd   `cmd:"" help:"Undo disable."`
	Settings appSettingsCmd `cmd:"" help:"List every setting with default, unit and meaning."`
}

type (
	appCreateCmd struct {
		Key    string `help:"AppKey, 1 to 64 characters of A-Z a-z 0-9 _ -." placeholder:"KEY"`
		Secret string `help:"AppSecret." placeholder:"SECRET"`
		Name   string `help:"Easemob name." placeholder:"ORG/APP"`
	}
	appListCmd struct{}
	appShowCmd struct {
		Key string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
	}
	appSetCmd struct {
		Key    string   `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		Values []string `arg:"" name:"name=value" help:"Settings to change."`
	}
	appNameCmd struct {
		Key  string `help:"AppKey; may be left out when there is one app." placeholder:"KEY"`
		Name string `arg:"" name:"org/app" help:"Its Easemob name, or -."`
	}
	appDisableCmd struct {
		Key string `help:"AppKey." placeholder:"KEY"`
	}
	appEnableCmd struct {
		Key string `help:"AppKey." placeholder:"KEY"`
	}
	appSettingsCmd struct{}
)

// onStore runs fn on the database of flags.
func onStore(ctx context.Context, flags *settingFlags, fn func(t *server.Tool) error) error {
	cfg, err := flags.load()
	if err != nil {
		return err
	}
	t, err := server.OpenTool(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(t), t.Close())
}

// Run implements the command.
func (c appCreateCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		org, name, ok := strings.Cut(c.Name, "/")
		if c.Name != "" && (!ok || org == "" || name == "") {
			return errWantsName
		}
		a, err := t.Apps.Create(ctx, app.App{Key: c.Key, Secret: c.Secret, Org: org, Name: name})
		if err != nil {
			return err
		}
		printApp(out.Out, a)
		return nil
	})
}

// Run implements the command.
func (appListCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		apps := t.Apps.List()
		sort.Slice(apps, func(i, j int) bool { return apps[i].Key < apps[j].Key })
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tEASEMOB\tSTATE")
		for _, a := range apps {
			name, state := "-", "enabled"
			if a.Org != "" {
				name = a.Org + "/" + a.Name
			}
			if a.Disabled {
				state = "disabled"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", a.Key, name, state)
		}
		return w.Flush()
	})
}

// Run implements the command.
func (c appShowCmd) Run(ctx context.Context, parent *cli, out output) error {
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		printApp(out.Out, a)
		fmt.Fprintln(out.Out)
		w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
		for _, s := range app.AllSettings() {
			v, changed := a.Overrides[s.Name]
			mark := ""
			if !changed {
				v = s.Default
			} else {
				mark = "(default " + s.Default + ")"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, v, mark)
		}
		return w.Flush()
	})
}

// Run implements the command.
func (c appSetCmd) Run(ctx context.Context, parent *cli, _ output) error {
	values := map[string]string{}
	for _, v := range c.Values {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=VALUE", v)
		}
		values[name] = value
	}
	if limits, ok := values["rest_limits"]; ok {
		set, err := app.ParseSettings(map[string]string{"rest_limits": limits})
		if err == nil {
			err = nimapi.CheckLimits(set.RESTLimits)
		}
		if err != nil {
			return err
		}
	}
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		_, err = t.Apps.Set(ctx, a.Key, values)
		return err
	})
}

// errWantsName says how an Easemob name is written.
var errWantsName = errors.New("an Easemob name is ORG/APP")

// Run implements the command.
func (c appNameCmd) Run(ctx context.Context, parent *cli) error {
	org, name, ok := strings.Cut(c.Name, "/")
	switch {
	case c.Name == "-":
		org, name = "", ""
	case !ok || org == "" || name == "":
		return errWantsName
	}
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		a, err := t.App(c.Key)
		if err != nil {
			return err
		}
		_, err = t.Apps.SetName(ctx, a.Key, org, name)
		return err
	})
}

// Run implements the command.
func (c appDisableCmd) Run(ctx context.Context, parent *cli) error {
	return setDisabled(ctx, parent, c.Key, true)
}

// Run implements the command.
func (c appEnableCmd) Run(ctx context.Context, parent *cli) error {
	return setDisabled(ctx, parent, c.Key, false)
}

func setDisabled(ctx context.Context, parent *cli, key string, off bool) error {
	return onStore(ctx, &parent.App.settingFlags, func(t *server.Tool) error {
		a, err := t.App(key)
		if err != nil {
			return err
		}
		_, err = t.Apps.SetDisabled(ctx, a.Key, off)
		return err
	})
}

// Run implements the command.
func (appSettingsCmd) Run(out output) error {
	w := tabwriter.NewWriter(out.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tDEFAULT\tUNIT\tMEANING")
	for _, s := range app.AllSettings() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, s.Default, s.Unit, s.Meaning)
	}
	return w.Flush()
}

func printApp(out io.Writer, a *app.App) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "app key\t%s\napp secret\t%s\n", a.Key, a.Secret)
	if a.Org != "" {
		fmt.Fprintf(w, "easemob name\t%s/%s\n", a.Org, a.Name)
	}
	fmt.Fprintf(w, "easemob client id\t%s\neasemob client secret\t%s\n", a.EasemobID, a.EasemobKey)
	if a.Disabled {
		fmt.Fprintf(w, "state\tdisabled\n")
	}
	w.Flush()
}
