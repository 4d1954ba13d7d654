package nimapi

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
)

// Values are the parameters of a call by lower-case name: names are compared
// without regard to case (docs/api/server-v1.md section 1.1). Of several values
// the first counts.
type Values map[string]string

// parseForm reads a form body and a query string; the body wins. A body that
// is too large or malformed is 414, one that does not arrive is 408.
func parseForm(body io.Reader, query string) (Values, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, im.Errorf(im.CodeBadParam, "body too large")
		}
		return nil, im.Errorf(im.CodeTimeout, "request body incomplete")
	}
	out := Values{}
	for _, part := range []string{string(text), query} {
		found, err := url.ParseQuery(part)
		if err != nil {
			return nil, im.Errorf(im.CodeBadParam, "malformed form")
		}
		for name, values := range found {
			name = strings.ToLower(name)
			if _, ok := out[name]; ok {
				continue
			}
			// A NUL cannot be stored by every database; no field has a use for it.
			if !utf8.ValidString(values[0]) || strings.IndexByte(values[0], 0) >= 0 {
				return nil, im.Errorf(im.CodeBadParam, "%s is not UTF-8 text", clip(name))
			}
			out[name] = values[0]
		}
	}
	return out, nil
}

// Param describes one parameter of an endpoint, as its form tag declares it.
type Param struct {
	Name     string
	Aliases  []string // other names, apart from case
	Kind     string   // accid, string, json, json-object, bool, int, long, json-array, csv-int
	Required bool
	Zero     bool    // required by the documentation, but absent means 0
	Max      int     // characters, bytes (Bytes) or elements; 0 = not limited here
	Bytes    bool    // Max counts bytes
	Min      *int64  // smallest number
	Enum     []int64 // allowed numbers; empty = all
	Refusal  string  // what a number outside Enum is told, where the documents say it
	Default  string  // value of an absent number
}

// binder fills the fields of one parameter struct. Fields carry
// `form:"name,option,..."`; their Go type chooses the syntax:
//
//	string    text; options accid (normalised), json, object, objects, double (checked)
//	*string   text, nil when absent: an empty text is a value that clears
//	bool      exactly true or false; *bool is nil when absent
//	int       32-bit number, int64 a 64-bit one; *int is nil when absent
//	[]string  JSON array of texts or numbers; with accid normalised where legal
//	[]int64   comma separated numbers; with array a JSON array of numbers or
//	          texts of digits
//
// Options: required, zero, max=N, bytes, min=N, enum=A|B, refusal=TEXT,
// default=N, alias=NAME.
type binder struct {
	params []Param
	index  [][]int // of the fields, embedded structs included
}

// newBinder reads the tags of a struct type. It panics on a tag it does not
// understand: tags are part of the program.
func newBinder(t reflect.Type) *binder {
	b := &binder{}
	for _, f := range reflect.VisibleFields(t) {
		tag, ok := f.Tag.Lookup("form")
		if !ok {
			continue
		}
		b.params = append(b.params, readTag(t, f, tag))
		b.index = append(b.index, f.Index)
	}
	return b
}

func readTag(t reflect.Type, f reflect.StructField, tag string) Param {
	fault := func(why string) { panic("nimapi: " + t.Name() + "." + f.Name + ": " + why) }
	kinds := map[string]string{
		"string": "string", "*string": "string", "bool": "bool", "*bool": "bool", "int": "int", "*int": "int",
		"int64": "long", "[]string": "json-array", "[]int64": "csv-int",
	}
	name, options, _ := strings.Cut(tag, ",")
	p := Param{Name: name, Kind: kinds[f.Type.String()]}
	if p.Name == "" || p.Kind == "" {
		fault("no name, or a type that cannot be bound")
	}
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch key {
		case "":
			continue
		case "required":
			p.Required = true
		case "zero":
			p.Required, p.Zero = true, true
		case "bytes":
			p.Bytes = true
		case "accid":
			if p.Kind == "string" {
				p.Kind = "accid"
			} else {
				p.Kind = "json-array<accid>"
			}
		case "json":
			p.Kind = "json"
		case "object":
			p.Kind = "json-object"
		case "double":
			p.Kind = "double"
		case "objects":
			p.Kind = "json-array<object>"
		case "array":
			p.Kind = "json-array<long>"
		case "alias":
			p.Aliases = append(p.Aliases, value)
		case "default":
			p.Default = value
		case "refusal":
			p.Refusal = value
		case "max":
			p.Max = int(n)
		case "min":
			p.Min = &n
		case "enum":
			for v := range strings.SplitSeq(value, "|") {
				n, err = strconv.ParseInt(v, 10, 64)
				p.Enum = append(p.Enum, n)
			}
		default:
			fault("option " + key)
		}
		if err != nil && (key == "max" || key == "min" || key == "enum") {
			fault("number in " + option)
		}
	}
	return p
}

// bind fills dst from v; the first fault is returned as a 414.
func (b *binder) bind(v Values, dst reflect.Value) error {
	for i := range b.params {
		p := &b.params[i]
		text, ok := v.find(p)
		if err := p.set(dst.FieldByIndex(b.index[i]), text, ok); err != nil {
			return err
		}
	}
	return nil
}

func (v Values) find(p *Param) (string, bool) {
	if text, ok := v[strings.ToLower(p.Name)]; ok {
		return text, true
	}
	for _, a := range p.Aliases {
		if text, ok := v[strings.ToLower(a)]; ok {
			return text, true
		}
	}
	return "", false
}

// set reads one parameter into its field. An empty text counts as absent,
// except for a *string and for booleans (docs/api/server-v1.md section 1.1).
func (p *Param) set(dst reflect.Value, text string, given bool) error {
	switch dst.Interface().(type) {
	case bool, *bool:
		return p.setBool(dst, text, given)
	case *string:
		if given {
			if err := p.checkText(text); err != nil {
				return err
			}
			dst.Set(reflect.ValueOf(&text))
			return nil
		}
	}
	if text == "" {
		if p.Required && !p.Zero {
			return im.Errorf(im.CodeBadParam, "%s missing", p.Name)
		}
		if text = p.Default; text == "" {
			return nil
		}
	}
	switch dst.Interface().(type) {
	case string:
		return p.setText(dst, text)
	case []string:
		return p.setList(dst, text)
	case []int64:
		return p.setNumbers(dst, text)
	default:
		return p.setNumber(dst, text)
	}
}
