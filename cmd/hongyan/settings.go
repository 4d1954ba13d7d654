package main

import (
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"

	"hongyan/internal/config"
)

// settingFlags are the flags of rows of the table of settings. They only collect texts; package config reads them
// together with the environment and the file, so that all faults are reported at once. Embed it in a command with the
// tag embed:"", and fill it with newSettingFlags in newCLI.
type settingFlags struct {
	Flags kong.Plugins `embed:""`
	names []string
}

// newStoreFlags makes the flags of commands that work on the store, on a running server too: hongyan app, account.
func newStoreFlags() settingFlags {
	return newSettingFlags("config", "data", "db", "log-level", "log-format")
}

// text is a flag with a value, toggle one that needs none. Both keep what was written.
type (
	text   struct{ given []string }
	toggle struct{ given []string }
)

// Decode implements kong.MapperValue. A flag given twice keeps both; package config says that it takes only one.
func (t *text) Decode(ctx *kong.DecodeContext) error {
	var s string
	if err := ctx.Scan.PopValueInto("value", &s); err != nil {
		return err
	}
	t.given = append(t.given, s)
	return nil
}

// Decode implements kong.MapperValue.
func (t *toggle) Decode(ctx *kong.DecodeContext) error {
	s := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken { // --flag=value
		s = ctx.Scan.Pop().String()
	}
	t.given = append(t.given, s)
	return nil
}

// IsBool implements kong.BoolMapperValue.
func (t *toggle) IsBool() bool { return true }

// newSettingFlags makes the flags of the named settings, or of all. kong reads flags from struct fields, so each row
// becomes a struct type with one field.
func newSettingFlags(names ...string) settingFlags {
	f := settingFlags{}
	for _, s := range config.Settings(names...) {
		typ := reflect.TypeFor[text]()
		if s.Bool() {
			typ = reflect.TypeFor[toggle]()
		}
		field := reflect.StructField{Name: "Value", Type: typ, Tag: settingTag(s)}
		f.Flags = append(f.Flags, reflect.New(reflect.StructOf([]reflect.StructField{field})).Interface())
		f.names = append(f.names, s.Name)
	}
	return f
}

func settingTag(s config.Setting) reflect.StructTag {
	help := s.Help
	if s.Default() != "" && !s.Bool() {
		help += " Default: " + s.Default() + "."
	}
	var b strings.Builder
	for _, kv := range [][2]string{
		{"name", s.Name}, {"help", help}, {"placeholder", s.Placeholder}, {"group", s.Group},
	} {
		if kv[1] != "" {
			b.WriteString(kv[0] + ":" + quoteTag(kv[1]) + " ")
		}
	}
	return reflect.StructTag(strings.TrimSpace(b.String()))
}

// quoteTag quotes like the Go compiler; kong interpolates ${...}, which no help text has.
func quoteTag(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// given returns the flags of the command line.
func (f *settingFlags) given() map[string][]string {
	out := map[string][]string{}
	for i, p := range f.Flags {
		var texts []string
		switch v := reflect.ValueOf(p).Elem().Field(0).Addr().Interface().(type) {
		case *text:
			texts = v.given
		case *toggle:
			texts = v.given
		}
		if texts != nil {
			out[f.names[i]] = texts
		}
	}
	return out
}

// load reads the configuration from the flags, the environment and the file.
func (f *settingFlags) load() (*config.Config, error) {
	return config.Load(config.Sources{Flags: f.given(), Environ: os.Environ()})
}
