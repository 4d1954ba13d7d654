package nimapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
)

func (p *Param) setBool(dst reflect.Value, text string, given bool) error {
	if !given && !p.Required {
		return nil
	}
	on := text == "true"
	if !on && text != "false" {
		return im.Errorf(im.CodeBadParam, "%s not boolean", p.Name)
	}
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.ValueOf(&on))
	} else {
		dst.SetBool(on)
	}
	return nil
}

func (p *Param) setNumber(dst reflect.Value, text string) error {
	bits := 64
	if p.Kind == "int" {
		bits = 32
	}
	if err := p.checkText(text); err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, bits)
	switch {
	case err != nil:
		return im.Errorf(im.CodeBadParam, "%s not a number", p.Name)
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, n) && p.Refusal != "":
		return im.Errorf(im.CodeBadParam, "%s", p.Refusal)
	case len(p.Enum) > 0 && !slices.Contains(p.Enum, n):
		return im.Errorf(im.CodeBadParam, "%s has no value %d", p.Name, n)
	case p.Min != nil && n < *p.Min:
		return im.Errorf(im.CodeBadParam, "%s less than %d", p.Name, *p.Min)
	}
	if dst.Kind() == reflect.Pointer {
		v := int(n)
		dst.Set(reflect.ValueOf(&v))
	} else {
		dst.SetInt(n)
	}
	return nil
}

func (p *Param) setText(dst reflect.Value, text string) error {
	if p.Kind != "json-array<object>" { // Max counts elements there
		if err := p.checkText(text); err != nil {
			return err
		}
	}
	switch p.Kind {
	case "accid":
		id, ok := im.NormalizeAccid(text)
		if !ok {
			return im.Errorf(im.CodeBadParam, "%s: 1 to 32 characters of A-Z a-z 0-9 _ @ . -", p.Name)
		}
		text = id
	case "json":
		if !json.Valid([]byte(text)) {
			return im.Errorf(im.CodeBadParam, "%s not JSON", p.Name)
		}
	case "json-object":
		if !isObject(text) {
			return im.Errorf(im.CodeBadParam, "%s not a JSON object", p.Name)
		}
	case "double":
		if n, err := strconv.ParseFloat(text, 64); err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
			return im.Errorf(im.CodeBadParam, "%s not a number", p.Name)
		}
	case "json-array<object>":
		var list []struct{}
		if json.Unmarshal([]byte(text), &list) != nil {
			return im.Errorf(im.CodeBadParam, "%s not a JSON array of objects", p.Name)
		}
		if len(list) > p.Max {
			return im.Errorf(im.CodeBadParam, "%s has more than %d elements", p.Name, p.Max)
		}
	}
	dst.SetString(text)
	return nil
}

func (p *Param) checkText(text string) error {
	switch {
	case p.Max == 0 || len(text) <= p.Max:
		return nil
	case p.Bytes:
		return im.Errorf(im.CodeBadParam, "%s longer than %d bytes", p.Name, p.Max)
	case utf8.RuneCountInString(text) > p.Max:
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters", p.Name, p.Max)
	}
	return nil
}

func (p *Param) setList(dst reflect.Value, text string) error {
	list, err := parseList(text)
	switch {
	case err != nil:
		return im.Errorf(im.CodeBadParam, "%s not a JSON array", p.Name)
	case p.Max > 0 && len(list) > p.Max:
		return im.Errorf(im.CodeBadParam, "%s has more than %d elements", p.Name, p.Max)
	}
	if p.Kind == "json-array<accid>" {
		// What cannot be an accid stays as it is: the caller is told about an
		// unknown account by the name he used.
		for i, id := range list {
			if n, ok := im.NormalizeAccid(id); ok {
				list[i] = n
			}
		}
	}
	dst.Set(reflect.ValueOf(list))
	return nil
}

func (p *Param) setNumbers(dst reflect.Value, text string) error {
	items, fault := strings.Split(text, ","), "comma separated numbers"
	if p.Kind == "json-array<long>" {
		var err error
		fault = "a JSON array of numbers"
		if items, err = parseList(text); err != nil || len(items) == 0 {
			return im.Errorf(im.CodeBadParam, "%s not %s", p.Name, fault)
		}
		if p.Max > 0 && len(items) > p.Max {
			return im.Errorf(im.CodeBadParam, "%s has more than %d elements", p.Name, p.Max)
		}
	}
	var out []int64
	for _, item := range items {
		n, err := strconv.ParseInt(strings.TrimSpace(item), 10, 64)
		if err != nil {
			return im.Errorf(im.CodeBadParam, "%s not %s", p.Name, fault)
		}
		out = append(out, n)
	}
	dst.Set(reflect.ValueOf(out))
	return nil
}

var errList = errors.New("not a JSON array of texts and whole numbers")

// parseList reads a JSON array whose elements are texts or whole numbers; a
// number becomes its text. Ids arrive in both forms (docs/api/server-v1.md
// section 1.1).
func parseList(text string) ([]string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errList
	}
	out := []string{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errList
		}
		switch v := t.(type) {
		case string:
			out = append(out, v)
		case json.Number:
			if strings.ContainsAny(v.String(), ".eE") {
				return nil, errList
			}
			out = append(out, v.String())
		default:
			return nil, errList
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return nil, errList
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errList
	}
	return out, nil
}

// isObject says whether text is one JSON object.
func isObject(text string) bool {
	b := bytes.TrimSpace([]byte(text))
	return len(b) > 0 && b[0] == '{' && json.Valid(b)
}

// clip shortens a caller's text for an error message.
func clip(s string) string {
	const most = 64
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return cut(s, most)
}

// cut returns the first n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
