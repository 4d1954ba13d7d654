package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// faults is the one setting whose field is not a list of its texts: NAME=VALUE each.
type faults struct{}

func faultFields() map[string]func(*Faults) *time.Duration {
	return map[string]func(*Faults) *time.Duration{
		"commit-delay": func(f *Faults) *time.Duration { return &f.CommitDelay },
	}
}

func (faults) allowed() string  { return "commit-delay=DURATION" }
func (faults) repeatable() bool { return true }
func (faults) boolean() bool    { return false }

func (faults) text(c *Config) (out []string) {
	for name, at := range faultFields() {
		if d := *at(&c.Faults); d != 0 {
			out = append(out, name+"="+d.String())
		}
	}
	slices.Sort(out)
	return out
}

func (faults) set(c *Config, texts []string) (errs []error) {
	var f Faults
	for _, text := range texts {
		name, arg, _ := strings.Cut(text, "=")
		at, ok := faultFields()[name]
		if !ok {
			errs = append(errs, fmt.Errorf("names the unknown fault %q", name))
			continue
		}
		d, err := time.ParseDuration(arg)
		if err != nil || d < 0 {
			errs = append(errs, fmt.Errorf("gives %s no duration", name))
			continue
		}
		*at(&f) = d
	}
	if errs == nil {
		c.Faults = f
	}
	return errs
}

func (faults) check(c *Config) (errs []error) {
	for name, at := range faultFields() {
		if *at(&c.Faults) < 0 {
			errs = append(errs, fmt.Errorf("gives %s no duration", name))
		}
	}
	return errs
}
