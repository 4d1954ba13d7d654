package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Sources is where settings are given. The zero value gives none.
type Sources struct {
	Flags   map[string][]string // by name of the setting: the values of each flag that was given
	Environ []string            // NAME=VALUE, as of os.Environ
}

// given is one setting in one source.
type given struct {
	origin string
	texts  []string
}

// loader collects the problems of all sources, so that the operator sees them at once.
type loader struct {
	cfg      *Config
	rows     []Setting
	problems []Problem
	faulty   map[string]bool // settings with a problem: rules about them would only repeat it
}

// Load reads all sources and validates the result. The error is an *Error.
func Load(src Sources) (*Config, error) {
	cfg := Default()
	cfg.origins = map[string]string{}
	l := &loader{cfg: cfg, rows: table(), faulty: map[string]bool{}}

	flags := l.fromFlags(src.Flags)
	env := l.fromEnviron(src.Environ)
	path := ""
	for _, source := range []map[string]given{env, flags} {
		if g, ok := source["config"]; ok {
			path = g.texts[len(g.texts)-1]
		}
	}
	file := l.fromFile(path)

	for _, row := range l.rows {
		// Lower sources are read too: a wrong value is a fault even where another one covers it.
		for _, source := range []map[string]given{file, env, flags} {
			if g, ok := source[row.Name]; ok {
				l.apply(row, g)
			}
		}
	}
	l.problems = append(l.problems, cfg.problems(l.faulty)...)
	if l.problems != nil {
		return nil, &Error{Problems: l.problems}
	}
	return cfg, nil
}

func (l *loader) names() (names []string) {
	for _, row := range l.rows {
		names = append(names, row.Name)
	}
	return names
}

func (l *loader) apply(row Setting, g given) {
	errs := row.value.set(l.cfg, g.texts)
	for _, err := range errs {
		l.problems = append(l.problems, row.problem(g.origin, strings.Join(g.texts, ","), err))
	}
	if errs != nil {
		l.faulty[row.Name] = true
		return
	}
	l.cfg.origins[row.Name] = g.origin
}

// problem describes a wrong value of this setting.
func (s Setting) problem(origin, value string, err error) Problem {
	p := Problem{Setting: s.Name, Origin: origin, Value: value, Reason: err.Error(), Allowed: s.Allowed()}
	if s.Secret {
		p.Value = ""
	}
	return p
}

func (l *loader) fromFlags(flags map[string][]string) map[string]given {
	out := map[string]given{}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		origin := "flag --" + name
		if !slices.Contains(l.names(), name) {
			l.unknown(origin, name, l.names(), "--")
			continue
		}
		if texts := flags[name]; len(texts) > 0 {
			out[name] = given{origin, texts}
		}
	}
	return out
}

// fromEnviron treats an empty variable as not set: container tools pass on variables that nobody has filled in.
func (l *loader) fromEnviron(environ []string) map[string]given {
	byEnv := map[string]Setting{}
	for _, row := range l.rows {
		byEnv[row.Env()] = row
	}
	out := map[string]given{}
	for _, kv := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) || strings.HasPrefix(name, envTest) || name == EnvMasterKey {
			continue
		}
		origin := "environment " + name
		row, ok := byEnv[name]
		switch {
		case !ok:
			// Without the prefix, which all have in common and which would make any two names similar.
			var known []string
			for env := range byEnv {
				known = append(known, strings.TrimPrefix(env, EnvPrefix))
			}
			slices.Sort(known)
			l.unknown(origin, strings.TrimPrefix(name, EnvPrefix), known, EnvPrefix)
		case text == "":
		case row.Repeatable():
			out[row.Name] = given{origin, splitList(text)}
		default:
			out[row.Name] = given{origin, []string{text}}
		}
	}
	return out
}

func splitList(text string) (out []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (l *loader) unknown(origin, name string, known []string, prefix string) {
	p := Problem{Origin: origin, Reason: "there is no such setting"}
	if near := nearest(name, known); near != "" {
		p.Reason += "; did you mean " + prefix + near + "?"
	}
	l.problems = append(l.problems, p)
}

func (l *loader) fromFile(path string) map[string]given {
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		l.problems = append(l.problems, Problem{Setting: "config", Origin: path, Reason: "cannot be read: " + err.Error()})
		return nil
	}
	var doc map[string]any
	if _, err := toml.Decode(string(raw), &doc); err != nil {
		p := Problem{Setting: "config", Origin: path, Reason: "is not TOML"}
		// Message only: the long form quotes the line, which may hold a secret.
		if pe := (toml.ParseError{}); errors.As(err, &pe) {
			p.Origin = fmt.Sprintf("%s:%d", path, pe.Position.Line)
			p.Reason += ": " + pe.Message
		}
		l.problems = append(l.problems, p)
		return nil
	}
	lines := keyLines(string(raw))
	out := map[string]given{}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		origin := fmt.Sprintf("%s:%d %s", path, lines[key], key)
		i := slices.IndexFunc(l.rows, func(s Setting) bool { return s.Name == key && !s.flagEnv })
		if i < 0 {
			l.unknown(origin, key, l.names(), "")
			continue
		}
		texts, err := l.rows[i].texts(doc[key])
		if err != nil {
			l.problems = append(l.problems, l.rows[i].problem(origin, "", err))
			l.faulty[key] = true
			continue
		}
		out[key] = given{origin, texts}
	}
	return out
}

// texts returns the texts of a TOML value; types are checked by the setting when it reads them.
func (s Setting) texts(v any) ([]string, error) {
	if items, ok := v.([]any); ok {
		if !s.Repeatable() {
			return nil, errors.New("has an array where one value is expected")
		}
		texts := []string{}
		for _, item := range items {
			t, ok := tomlText(item)
			if !ok {
				return nil, errors.New("has an array with something else than plain values")
			}
			texts = append(texts, t)
		}
		return texts, nil
	}
	t, ok := tomlText(v)
	if !ok {
		return nil, errors.New("has a table or a date where a plain value is expected")
	}
	return []string{t}, nil
}

func tomlText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// keyLines finds the line of each top-level key or table; the TOML library does not tell. A line inside a multi-line
// string can mislead it, which costs a wrong line number in a message and nothing else.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		key, _, ok := strings.Cut(line, "=")
		if strings.HasPrefix(line, "[") {
			key, _, _ = strings.Cut(strings.TrimLeft(line, "["), "]")
			ok = true
		}
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		key = strings.Trim(strings.TrimSpace(key), `"'`)
		if _, seen := lines[key]; !seen {
			lines[key] = n
		}
		// The first part of a dotted key is the top-level one.
		if first, _, dotted := strings.Cut(key, "."); dotted {
			if _, seen := lines[first]; !seen {
				lines[first] = n
			}
		}
	}
	return lines
}
