package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"hongyan/internal/obs"
)

var (
	appKey  = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)
	appName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$`)
)

func app() codec[AppSpec] {
	bound := func(a AppSpec) error {
		switch {
		case !appKey.MatchString(a.Key):
			return errors.New("has a KEY that is not 1 to 64 letters, digits, dots, dashes or underscores")
		case a.Secret == "":
			return fmt.Errorf("of app %s has no SECRET", a.Key)
		case a.Org == "" && a.App == "":
			return nil
		case !appName.MatchString(a.Org) || !appName.MatchString(a.App):
			return fmt.Errorf("of app %s has no valid ORG/APP", a.Key)
		}
		return nil
	}
	return codec[AppSpec]{
		allow: "KEY:SECRET or KEY:SECRET:ORG/APP",
		parse: func(s string) (AppSpec, error) {
			parts := strings.Split(s, ":")
			if len(parts) != 2 && len(parts) != 3 {
				return AppSpec{}, errors.New("does not have two or three parts between colons")
			}
			a := AppSpec{Key: parts[0], Secret: obs.Secret(parts[1])}
			if len(parts) == 3 {
				org, app, ok := strings.Cut(parts[2], "/")
				if !ok {
					return a, fmt.Errorf("of app %s has no valid ORG/APP", a.Key)
				}
				a.Org, a.App = org, app
			}
			return a, bound(a)
		},
		format: func(a AppSpec) string {
			s := a.Key + ":" + a.Secret.String()
			if a.Org != "" {
				s += ":" + a.Org + "/" + a.App
			}
			return s
		},
		bound: bound,
	}
}
