package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vars are what a script has bound, by name, as text.
type vars map[string]string

var (
	wildcard = regexp.MustCompile(`^\*(|digits|number|hex|any)$`)
	variable = regexp.MustCompile(`^([$#])([a-z]\w*)$`)
	digits   = regexp.MustCompile(`^-?[0-9]+$`)
	hexed    = regexp.MustCompile(`^[0-9a-f]+$`)

	quotedVar = regexp.MustCompile(`"([$#])([a-z]\w*)"`)
	bareVar   = regexp.MustCompile(`\$([a-z]\w*)`)
	repeated  = regexp.MustCompile(`%(\S{1,3})\*(\d+)%`)
)

// parse reads JSON with its numbers as they are written.
func parse(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w in %.200s", err, text)
	}
	if d.More() {
		return nil, fmt.Errorf("something follows the value in %.200s", text)
	}
	return v, nil
}

// match holds what arrived against a pattern and binds the pattern's variables.
// Nothing is bound unless all of it matches.
func (v vars) match(pattern, got any) error {
	bound := maps.Clone(v)
	if err := bound.compare(pattern, got, "$"); err != nil {
		return err
	}
	maps.Copy(v, bound)
	return nil
}

func (v vars) compare(pattern, got any, at string) error {
	switch p := pattern.(type) {
	case string:
		return v.compareText(p, got, at)
	case map[string]any:
		return v.compareObject(p, got, at)
	case []any:
		g, ok := got.([]any)
		if !ok {
			return fmt.Errorf("%s: got %s, want an array", at, show(got))
		}
		if len(g) != len(p) {
			return fmt.Errorf("%s: %d elements, want %d", at, len(g), len(p))
		}
		for i := range p {
			if err := v.compare(p[i], g[i], at+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	default: // number, boolean, null
		if pattern != got {
			return fmt.Errorf("%s: got %s, want %s", at, show(got), show(pattern))
		}
		return nil
	}
}

func (v vars) compareText(p string, got any, at string) error {
	mismatch := func(want string) error { return fmt.Errorf("%s: got %s, want %s", at, show(got), want) }
	text, isText := got.(string)
	if w := wildcard.FindStringSubmatch(p); w != nil {
		_, isNumber := got.(json.Number)
		switch w[1] {
		case "any":
			return nil
		case "number":
			if !isNumber {
				return mismatch("a number")
			}
		case "digits":
			if !isText || !digits.MatchString(text) {
				return mismatch("a text of digits")
			}
		case "hex":
			if !isText || !hexed.MatchString(text) {
				return mismatch("a text of hexadecimal digits")
			}
		default:
			if !isText {
				return mismatch("a text")
			}
		}
		return nil
	}
	if m := variable.FindStringSubmatch(p); m != nil {
		if m[1] == "#" {
			n, ok := got.(json.Number)
			if !ok {
				return mismatch("a number")
			}
			text = n.String()
		} else if !isText {
			return mismatch("a text")
		}
		if old, ok := v[m[2]]; ok && old != text {
			return mismatch(p + ", which is " + old)
		}
		v[m[2]] = text
		return nil
	}
	if !isText || text != p {
		return mismatch(show(p))
	}
	return nil
}

// compareObject wants exactly the pattern's keys, unless it has the key "...".
func (v vars) compareObject(p map[string]any, got any, at string) error {
	g, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: got %s, want an object", at, show(got))
	}
	_, open := p["..."]
	for _, k := range slices.Sorted(maps.Keys(g)) {
		if _, ok := p[k]; !ok && !open {
			return fmt.Errorf("%s: key %q is not expected: %s", at, k, show(g[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(p)) {
		if k == "..." {
			continue
		}
		e, ok := g[k]
		if !ok {
			return fmt.Errorf("%s: key %q is missing", at, k)
		}
		if err := v.compare(p[k], e, at+"."+k); err != nil {
			return err
		}
	}
	return nil
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// refresh returns the pattern changed as little as possible so that got matches it.
func (v vars) refresh(pattern, got any) any {
	if v.match(pattern, got) == nil {
		return pattern
	}
	switch p := pattern.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		if open, ok := p["..."]; ok {
			out["..."] = open
		}
		for k, e := range g {
			if old, ok := p[k]; ok {
				out[k] = v.refresh(old, e)
			} else if _, open := p["..."]; !open {
				out[k] = e
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok {
			return got
		}
		out := make([]any, len(g))
		for i := range g {
			if out[i] = g[i]; i < len(p) {
				out[i] = v.refresh(p[i], g[i])
			}
		}
		return out
	}
	return got
}

// fill puts bound variables into JSON text that is to be sent: "$x" becomes the
// text, "#x" the number; %x*5000% is x five thousand times.
func (v vars) fill(text string) (string, error) {
	var missing []error
	text = quotedVar.ReplaceAllStringFunc(text, func(s string) string {
		m := quotedVar.FindStringSubmatch(s)
		val, ok := v[m[2]]
		if !ok {
			missing = append(missing, fmt.Errorf("%s is not bound", s))
		}
		if m[1] == "#" {
			return val
		}
		return show(val)
	})
	return repeat(text), errors.Join(missing...)
}

// plain puts variables into text that is no JSON.
func (v vars) plain(text string) (string, error) {
	var missing []error
	text = bareVar.ReplaceAllStringFunc(text, func(s string) string {
		val, ok := v[s[1:]]
		if !ok {
			missing = append(missing, fmt.Errorf("%s is not bound", s))
		}
		return val
	})
	return repeat(text), errors.Join(missing...)
}

func repeat(text string) string {
	return repeated.ReplaceAllStringFunc(text, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[2]) // digits
		return strings.Repeat(m[1], n)
	})
}

// check evaluates `A OP B`: numbers if both are, texts otherwise.
func (v vars) check(expr string) error {
	filled, err := v.plain(expr)
	if err != nil {
		return err
	}
	f := strings.Fields(filled)
	if len(f) != 3 {
		return fmt.Errorf("check wants A OP B: %q", expr)
	}
	c := strings.Compare(f[0], f[2])
	a, err1 := strconv.ParseInt(f[0], 10, 64)
	b, err2 := strconv.ParseInt(f[2], 10, 64)
	if err1 == nil && err2 == nil {
		c = int(min(max(a-b, -1), 1))
	}
	if ok := map[string]bool{"<": c < 0, "<=": c <= 0, "=": c == 0, "!=": c != 0, ">": c > 0, ">=": c >= 0}[f[1]]; !ok {
		return fmt.Errorf("%s does not hold: %s", expr, filled)
	}
	return nil
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ name, pattern, got, wrong string }{
		{"key order is irrelevant", `{"a":"1","b":[1,true,null]}`, `{"b":[1,true,null],"a":"1"}`, ""},
		{"a number is no text", `{"7":"1"}`, `{"7":1}`, "got 1"},
		{"a text is no number", `{"ser":1}`, `{"ser":"1"}`, `got "1"`},
		{"a key too many", `{"a":"1"}`, `{"a":"1","b":"2"}`, `key "b" is not expected`},
		{"a key missing", `{"a":"1","b":"2"}`, `{"a":"1"}`, `key "b" is missing`},
		{"an open object", `{"a":"1","...":1}`, `{"a":"1","b":"2"}`, ""},
		{"a longer array", `[1]`, `[1,2]`, "2 elements, want 1"},
		{"any text", `"*"`, `"x"`, ""},
		{"any text is not any number", `"*"`, `1`, "want a text"},
		{"digits", `"*digits"`, `"17"`, ""},
		{"digits are a text", `"*digits"`, `17`, "want a text of digits"},
		{"any number", `"*number"`, `17`, ""},
		{"anything", `["*any","*any"]`, `[null,{"a":1}]`, ""},
		{"a variable twice", `["$x","$x"]`, `["1","1"]`, ""},
		{"a variable twice, differently", `["$x","$x"]`, `["1","2"]`, "which is 1"},
		{"a variable as text and number", `["$x","#x"]`, `["1",1]`, ""},
		{"a number variable wants a number", `"#x"`, `"1"`, "want a number"},
		{"all members is no variable", `"#%@all@%#"`, `"#%@all@%#"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parse(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			g, err := parse(c.got)
			if err != nil {
				t.Fatal(err)
			}
			v := vars{}
			err = v.match(p, g)
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Fatalf("%v, want %q", err, c.wrong)
			}
			if err != nil && len(v) != 0 {
				t.Fatalf("bound %v by a mismatch", v)
			}
			if again := (vars{}).refresh(p, g); (vars{}).match(again, g) != nil {
				t.Fatalf("the refreshed pattern %s does not match", show(again))
			}
		})
	}
}
