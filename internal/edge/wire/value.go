package wire

import (
	"strconv"
	"strings"
)

// Value is an optional scalar inside a Property: absent, or a text. The native
// protocol stores every Property value as a string, therefore a Value is always
// encoded as a JSON string (docs/protocol/nim-core.md section 2.5), while
// clients send numbers, strings, booleans and null for the same field (section
// 2.4). The zero Value is absent. An empty text is present: it means "clear the
// field" (docs/protocol/nim-social.md section 1.1).
//
// The text of a decoded Value is a part of one copy of the whole Property;
// clone it before keeping a small one for a long time.
type Value struct {
	s   string
	set bool
}

// Str returns a present Value with the text s.
func Str(s string) Value { return Value{s: s, set: true} }

// Int returns a present Value with the decimal text of n.
func Int(n int64) Value { return Value{s: strconv.FormatInt(n, 10), set: true} }

// Bool returns a present Value "1" or "0", the form the SDK compares with.
func Bool(b bool) Value {
	if b {
		return Value{s: "1", set: true}
	}
	return Value{s: "0", set: true}
}

// IsSet reports whether the field was present.
func (v Value) IsSet() bool { return v.set }

// String returns the text, "" when absent.
func (v Value) String() string { return v.s }

// Int returns the number, 0 when absent or not numeric.
func (v Value) Int() int64 {
	n, _ := parseInt(v.s)
	return n
}

// IntOK returns the number and whether the Value is present and numeric.
func (v Value) IntOK() (int64, bool) { return parseInt(v.s) }

// Bool reports whether the Value is "true" or a number greater than 0, which is
// how the SDK itself reads boolean fields.
func (v Value) Bool() bool { return parseBool(v.s) }

// Or returns the text, or def when absent.
func (v Value) Or(def string) string {
	if v.set {
		return v.s
	}
	return def
}

// IntOr returns the number, or def when absent or not numeric.
func (v Value) IntOr(def int64) int64 {
	if n, ok := parseInt(v.s); ok {
		return n
	}
	return def
}

// BoolOr returns the boolean, or def when absent.
func (v Value) BoolOr(def bool) bool {
	if v.set {
		return parseBool(v.s)
	}
	return def
}

// Strings reads a list that travels as the JSON text of an array, or as a real
// array inside a Property (docs/protocol/qchat.md section 2, lenient parsing).
// ok is false when the Value is present but not such a list.
func (v Value) Strings() (list []string, ok bool) {
	return ParseStringList(v.s)
}

// ParseStringList reads the JSON text of an array of strings or numbers, the
// form of most QChat lists. An empty text is an empty list.
func ParseStringList(text string) (list []string, ok bool) {
	if text == "" {
		return nil, true
	}
	list, err := DecodeStrings([]byte(text))
	return list, err == nil
}

// FormatStringList returns the JSON text of an array of strings, the inverse of
// ParseStringList.
func FormatStringList(list []string) string {
	return string(AppendStrings(make([]byte, 0, 2+16*len(list)), list))
}

// parseInt reads a decimal number. Fractions and exponents occur when an
// application computed the number in JavaScript; they are truncated as a
// conversion to a long does.
func parseInt(s string) (int64, bool) {
	if s == "" || len(s) > 64 {
		return 0, false
	}
	if n, ok := parseShortInt(s); ok {
		return n, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	// ParseFloat also knows hexadecimal, "inf" and underscores, which are not
	// numbers here.
	if strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && r != '.' && r != 'e' && r != 'E' && r != '+' && r != '-'
	}) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	// The bounds are exact powers of two, hence exact floats.
	if err != nil || f < -(1<<63) || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// parseShortInt is the common case: plain digits that cannot overflow.
func parseShortInt(s string) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

func parseBool(s string) bool {
	switch s {
	case "1", "true":
		return true
	case "", "0", "false":
		return false
	}
	if n, ok := parseInt(s); ok && n != 0 {
		return n > 0
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f > 0
}
