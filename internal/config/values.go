package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/obs"
)

// value connects a row of the table with its field.
type value interface {
	set(c *Config, texts []string) []error // replaces the field; leaves it alone on error
	text(c *Config) []string
	check(c *Config) []error // of the field, which a test or a caller may have edited
	allowed() string
	repeatable() bool
	boolean() bool
}

// codec is the type of a setting: how its text is read, written and bounded.
type codec[T any] struct {
	allow  string
	parse  func(string) (T, error)
	format func(T) string
	bound  func(T) error // nil: parse is all there is to check
	bool   bool
}

type scalar[T any] struct {
	at func(*Config) *T
	codec[T]
}

func (v scalar[T]) allowed() string  { return v.allow }
func (v scalar[T]) repeatable() bool { return false }
func (v scalar[T]) boolean() bool    { return v.codec.bool }

func (v scalar[T]) text(c *Config) []string { return []string{v.format(*v.at(c))} }

func (v scalar[T]) set(c *Config, texts []string) []error {
	if len(texts) != 1 {
		return []error{fmt.Errorf("%d values where one is expected", len(texts))}
	}
	t, err := v.parse(texts[0])
	if err != nil {
		return []error{err}
	}
	*v.at(c) = t
	return nil
}

func (v scalar[T]) check(c *Config) []error {
	if v.bound == nil {
		return nil
	}
	if err := v.bound(*v.at(c)); err != nil {
		return []error{err}
	}
	return nil
}

type list[T any] struct {
	at func(*Config) *[]T
	codec[T]
}

func (v list[T]) allowed() string  { return v.allow }
func (v list[T]) repeatable() bool { return true }
func (v list[T]) boolean() bool    { return false }

func (v list[T]) text(c *Config) []string {
	var out []string
	for _, t := range *v.at(c) {
		out = append(out, v.format(t))
	}
	return out
}

func (v list[T]) set(c *Config, texts []string) (errs []error) {
	var ts []T
	for _, text := range texts {
		t, err := v.parse(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		ts = append(ts, t)
	}
	if errs == nil {
		*v.at(c) = ts
	}
	return errs
}

func (v list[T]) check(c *Config) (errs []error) {
	if v.bound == nil {
		return nil
	}
	for _, t := range *v.at(c) {
		if err := v.bound(t); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func identity(s string) string { return s }

// textOf is any string within the bound, which may be nil.
func textOf(allow string, bound func(string) error) codec[string] {
	return codec[string]{allow: allow, parse: func(s string) (string, error) { return s, nil }, format: identity, bound: bound}
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	return nil
}

func secret() codec[obs.Secret] {
	return codec[obs.Secret]{
		allow:  "text",
		parse:  func(s string) (obs.Secret, error) { return obs.Secret(s), nil },
		format: obs.Secret.String,
	}
}

func boolean() codec[bool] {
	return codec[bool]{allow: "true or false", parse: parseBool, format: strconv.FormatBool, bool: true}
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, errors.New("is neither true nor false")
}

func integer(low, high int) codec[int] {
	return codec[int]{
		allow: fmt.Sprintf("a whole number from %d to %d", low, high),
		parse: func(s string) (int, error) {
			n, err := strconv.Atoi(s)
			if err != nil {
				return 0, errors.New("is not a whole number")
			}
			return n, nil
		},
		format: strconv.Itoa,
		bound:  between(low, high),
	}
}

func number(low, high float64) codec[float64] {
	return codec[float64]{
		allow: fmt.Sprintf("a number from %g to %g", low, high),
		parse: func(s string) (float64, error) {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil || math.IsNaN(f) {
				return 0, errors.New("is not a number")
			}
			return f, nil
		},
		format: func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) },
		bound:  between(low, high),
	}
}

func duration(low, high time.Duration) codec[time.Duration] {
	return codec[time.Duration]{
		allow: fmt.Sprintf("a duration with unit from %s to %s, such as 1m30s", low, high),
		parse: func(s string) (time.Duration, error) {
			d, err := time.ParseDuration(s)
			if err != nil {
				return 0, errors.New("is not a duration")
			}
			return d, nil
		},
		format: time.Duration.String,
		bound:  between(low, high),
	}
}

func between[T int | float64 | time.Duration](low, high T) func(T) error {
	return func(t T) error {
		if t < low || t > high {
			return errors.New("is out of range")
		}
		return nil
	}
}

var units = []struct {
	name string
	size int
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func size(low, high int) codec[int] {
	return codec[int]{
		allow: fmt.Sprintf("a size from %s to %s, such as 512KiB", formatSize(low), formatSize(high)),
		parse: func(s string) (int, error) {
			factor := 1
			for _, u := range units {
				if rest, ok := strings.CutSuffix(s, u.name); ok {
					s, factor = strings.TrimSpace(rest), u.size
					break
				}
			}
			n, err := strconv.Atoi(s)
			if err != nil || n > math.MaxInt/factor || n < math.MinInt/factor {
				return 0, errors.New("is not a size")
			}
			return n * factor, nil
		},
		format: formatSize,
		bound:  between(low, high),
	}
}

func formatSize(n int) string {
	for _, u := range units {
		if n != 0 && n%u.size == 0 {
			return strconv.Itoa(n/u.size) + u.name
		}
	}
	return strconv.Itoa(n)
}

func oneOf[T ~string](words ...T) codec[T] {
	var names []string
	for _, w := range words {
		names = append(names, string(w))
	}
	known := func(t T) error {
		if !slices.Contains(words, t) {
			return errors.New("is not known")
		}
		return nil
	}
	return codec[T]{
		allow:  strings.Join(names, ", "),
		parse:  func(s string) (T, error) { return T(s), known(T(s)) },
		format: func(t T) string { return string(t) },
		bound:  known,
	}
}

func level() codec[slog.Level] {
	return codec[slog.Level]{
		allow: "debug, info, warn, error",
		parse: func(s string) (l slog.Level, err error) {
			if err := l.UnmarshalText([]byte(s)); err != nil {
				return l, errors.New("is not a level")
			}
			return l, nil
		},
		format: func(l slog.Level) string { return strings.ToLower(l.String()) },
	}
}
