package move

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Answers of different servers and versions hold the same value in different
// dress: numbers as texts, null for nothing, arrays as JSON texts
// (docs/api/server-v1.md section 3). These types take all of it.

// number is an integer, given as a number, a text or null.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil {
			return err
		}
		v = int64(f)
	}
	*n = number(v)
	return nil
}

// truth is a boolean, given as such, as 0 or 1, as a text or null.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	switch strings.Trim(string(b), `"`) {
	case "true", "1":
		*t = true
	default:
		*t = false
	}
	return nil
}

// text is a text, given as such, as a number or null. NULs, which no database
// keeps, and broken UTF-8 are replaced.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("null")):
		*t = ""
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(storable(s))
	default:
		*t = text(storable(string(b)))
	}
	return nil
}

// storable replaces what cannot be stored in a text.
func storable(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", string(utf8.RuneError))
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}

// list is an array, given as such, as a JSON text of one, or null. It is nil
// only if it was not there at all.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		if b = []byte(s); len(b) == 0 {
			b = []byte("null")
		}
	}
	if err := json.Unmarshal(b, (*[]T)(l)); err != nil {
		return err
	}
	if *l == nil {
		*l = list[T]{}
	}
	return nil
}
