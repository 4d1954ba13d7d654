package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting of arrays and objects the scanner follows.
// The protocol itself needs four levels; applications nest JSON as text.
const MaxDepth = 32

var (
	// ErrSyntax is the error for bytes that are not JSON.
	ErrSyntax = errors.New("wire: invalid JSON")
	// ErrDepth is the error for JSON nested deeper than MaxDepth.
	ErrDepth = errors.New("wire: JSON nested too deeply")
	// ErrType is the error for a JSON value of the wrong type.
	ErrType = errors.New("wire: unexpected JSON type")
	// ErrTooMany is the error for more parameters or list elements than allowed.
	ErrTooMany = errors.New("wire: too many elements")
)

// Decoder scans one JSON text. It is written by hand because the request path
// needs neither reflection nor a token per value: it walks the bytes once and
// hands out tag numbers and Values. All methods are safe on arbitrary input and
// linear in its size; after the first error every method does nothing.
//
// Use: Open…, then NextTag/NextKey/NextElem until it reports false, reading or
// skipping exactly one value for each step, then Err.
type Decoder struct {
	b     []byte
	s     string // copy of b that decoded strings are cut from, "" if none
	i     int
	err   error
	end   byte // closing byte of the open array or object
	first bool
	done  bool
	inner bool // part of a larger text, see inside
}

// OpenProperty starts decoding raw as a Property. null is an empty Property.
// The raw text is copied once and decoded Values are parts of the copy, which
// costs one allocation for a Property instead of one for each field.
func (d *Decoder) OpenProperty(raw []byte) {
	d.OpenObject(raw)
	if d.err == nil && !d.done {
		d.s = string(raw)
	}
}

// OpenObject starts decoding raw as an object. null is an empty object.
func (d *Decoder) OpenObject(raw []byte) { d.open(raw, '{', '}') }

// OpenArray starts decoding raw as an array. null is an empty array.
func (d *Decoder) OpenArray(raw []byte) { d.open(raw, '[', ']') }

func (d *Decoder) open(raw []byte, start, end byte) {
	*d = Decoder{b: raw, end: end, first: true}
	d.space()
	switch c := d.peek(); {
	case c == start:
		d.i++
	case c == 'n':
		d.literal("null")
		d.close()
	case c == 0:
		d.fail(ErrSyntax)
	default:
		d.fail(ErrType)
	}
}

// inside returns a Decoder for the array or object that is the next value, so
// that an envelope is scanned once and not once for each level. Continue with
// resume when it is used up.
func (d *Decoder) inside(start byte) Decoder {
	in := Decoder{b: d.b, i: d.i, end: start + 2, first: true, inner: true}
	switch c := in.peek(); {
	case c == start:
		in.i++
	case c == 'n':
		in.literal("null")
		in.close()
	default:
		in.fail(ErrType)
	}
	return in
}

// resume continues behind the value in has read.
func (d *Decoder) resume(in *Decoder) error {
	d.i = in.i
	if err := in.Err(); err != nil && d.err == nil {
		d.err = err
	}
	return d.err
}

// Err returns the first error. It is nil only if the whole input was one valid
// value followed by nothing but white space.
func (d *Decoder) Err() error {
	if d.err == nil && !d.done {
		return ErrSyntax
	}
	return d.err
}

// NextTag advances to the next field of a Property and returns its tag, or -1
// for a key that is not a tag number.
func (d *Decoder) NextTag() (tag int, ok bool) {
	if !d.next() {
		return 0, false
	}
	if d.peek() != '"' {
		d.fail(ErrSyntax)
		return 0, false
	}
	from := d.i + 1
	to, _ := d.scanString()
	if d.err != nil || !d.colon() {
		return 0, false
	}
	// "08" or "+8" would be unknown to the SDK as well, they are not tags.
	if n := to - from; n == 0 || n > 6 || (n > 1 && d.b[from] == '0') {
		return -1, true
	}
	for _, c := range d.b[from:to] {
		c -= '0'
		if c > 9 {
			return -1, true
		}
		tag = tag*10 + int(c)
	}
	return tag, true
}

// NextKey advances to the next member of an object and returns its key.
func (d *Decoder) NextKey() (key string, ok bool) {
	if !d.next() {
		return "", false
	}
	if d.peek() != '"' {
		d.fail(ErrSyntax)
		return "", false
	}
	key = d.str()
	if d.err != nil || !d.colon() {
		return "", false
	}
	return key, true
}

// nextKeyBytes is NextKey without the allocation, for envelope keys. The key is
// returned as written; the protocol never escapes its own keys.
func (d *Decoder) nextKeyBytes() (key []byte, ok bool) {
	if !d.next() {
		return nil, false
	}
	if d.peek() != '"' {
		d.fail(ErrSyntax)
		return nil, false
	}
	from := d.i + 1
	to, _ := d.scanString()
	if d.err != nil || !d.colon() {
		return nil, false
	}
	return d.b[from:to], true
}

// NextElem advances to the next element of an array.
func (d *Decoder) NextElem() bool { return d.next() }

// Raw consumes one value and returns its text, a part of the input.
func (d *Decoder) Raw() []byte {
	from := d.i
	d.skip(0)
	if d.err != nil {
		return nil
	}
	return d.b[from:d.i]
}

// Skip consumes one value.
func (d *Decoder) Skip() { d.skip(0) }

// Value consumes one value leniently: number and string as their text, booleans
// as "1" and "0", null as absent, an array or object as its JSON text.
func (d *Decoder) Value() Value {
	switch d.peek() {
	case '"':
		s := d.str()
		if d.err != nil {
			return Value{}
		}
		return Value{s: s, set: true}
	case 't':
		d.literal("true")
		return Value{s: "1", set: d.err == nil}
	case 'f':
		d.literal("false")
		return Value{s: "0", set: d.err == nil}
	case 'n':
		d.literal("null")
		return Value{}
	}
	from := d.i
	d.skip(0)
	if d.err != nil {
		return Value{}
	}
	s := d.cut(from, d.i)
	if !utf8.ValidString(s) {
		s = toValid(s)
	}
	return Value{s: s, set: true}
}

// next moves to the next element or member, or closes the value.
func (d *Decoder) next() bool {
	if d.err != nil || d.done {
		return false
	}
	d.space()
	switch c := d.peek(); {
	case c == d.end:
		d.i++
		d.close()
		return false
	case d.first:
		d.first = false
		return true
	case c == ',':
		d.i++
		d.space()
		// A value must follow the comma: "[1,]" fails when the caller reads it.
		return true
	}
	d.fail(ErrSyntax)
	return false
}

// close accepts only white space behind the value.
func (d *Decoder) close() {
	if d.err != nil {
		return
	}
	if d.inner {
		d.done = true
		return
	}
	d.space()
	if d.i != len(d.b) {
		d.fail(ErrSyntax)
		return
	}
	d.done = true
}

func (d *Decoder) fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("%w at byte %d", err, d.i)
	}
	d.i = len(d.b)
}

// peek returns the current byte, 0 at the end; 0 is not valid anywhere in JSON.
func (d *Decoder) peek() byte {
	if d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

func (d *Decoder) space() {
	for d.i < len(d.b) {
		switch d.b[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

func (d *Decoder) colon() bool {
	d.space()
	if d.peek() != ':' {
		d.fail(ErrSyntax)
		return false
	}
	d.i++
	d.space()
	return true
}

func (d *Decoder) literal(word string) {
	if len(d.b)-d.i < len(word) || string(d.b[d.i:d.i+len(word)]) != word {
		d.fail(ErrSyntax)
		return
	}
	d.i += len(word)
}

func (d *Decoder) cut(from, to int) string {
	if d.s != "" {
		return d.s[from:to]
	}
	return string(d.b[from:to])
}

// skip validates and passes one value.
func (d *Decoder) skip(depth int) {
	if d.err != nil {
		return
	}
	switch c := d.peek(); c {
	case '"':
		d.scanString()
	case '{', '[':
		if depth >= MaxDepth {
			d.fail(ErrDepth)
			return
		}
		d.skipNested(c, depth)
	case 't':
		d.literal("true")
	case 'f':
		d.literal("false")
	case 'n':
		d.literal("null")
	default:
		d.number()
	}
}

func (d *Decoder) skipNested(start byte, depth int) {
	d.i++
	end := start + 2 // '{' and '[' are two below their closing bytes
	for first := true; ; first = false {
		d.space()
		c := d.peek()
		if c == end {
			if !first {
				// Reached only through a comma, see below.
				d.fail(ErrSyntax)
				return
			}
			d.i++
			return
		}
		if start == '{' {
			if c != '"' {
				d.fail(ErrSyntax)
				return
			}
			d.scanString()
			if d.err != nil || !d.colon() {
				return
			}
		}
		d.skip(depth + 1)
		if d.err != nil {
			return
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
		case end:
			d.i++
			return
		default:
			d.fail(ErrSyntax)
			return
		}
	}
}

// number validates the JSON number grammar.
func (d *Decoder) number() {
	if d.peek() == '-' {
		d.i++
	}
	if d.peek() == '0' {
		d.i++
	} else if !d.digits() {
		d.fail(ErrSyntax)
		return
	}
	if d.peek() == '.' {
		d.i++
		if !d.digits() {
			d.fail(ErrSyntax)
			return
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.i++
		if c := d.peek(); c == '+' || c == '-' {
			d.i++
		}
		if !d.digits() {
			d.fail(ErrSyntax)
		}
	}
}

func (d *Decoder) digits() bool {
	from := d.i
	for d.i < len(d.b) && d.b[d.i]-'0' <= 9 {
		d.i++
	}
	return d.i > from
}

// scanString passes a string and returns the index of its closing quote and
// whether its text needs work: escapes or bytes outside ASCII.
func (d *Decoder) scanString() (to int, dirty bool) {
	b := d.b
	i := d.i + 1
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			d.i = i + 1
			return i, dirty
		case c == '\\':
			dirty = true
			n := escapeLen(b[i:])
			if n == 0 {
				d.i = i
				d.fail(ErrSyntax)
				return i, false
			}
			i += n
		case c < ' ':
			d.i = i
			d.fail(ErrSyntax)
			return i, false
		default:
			if c >= utf8.RuneSelf {
				dirty = true
			}
			i++
		}
	}
	d.fail(ErrSyntax)
	return d.i, false
}

// escapeLen returns the length of the escape sequence at the start of b, 0 if
// it is not one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(b) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 returns the code unit of the \uXXXX escape at the start of b, or -1.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// str consumes a string and returns its text, always valid UTF-8.
func (d *Decoder) str() string {
	from := d.i + 1
	to, dirty := d.scanString()
	if d.err != nil {
		return ""
	}
	if !dirty {
		return d.cut(from, to)
	}
	raw := d.b[from:to]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' {
			return unescape(raw)
		}
	}
	s := d.cut(from, to)
	if !utf8.ValidString(s) {
		return toValid(s)
	}
	return s
}

// unescape resolves escapes. Lone surrogates become U+FFFD because they have no
// UTF-8 form; JavaScript clients produce them when they cut a text.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		switch e := raw[i+1]; e {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hex4(raw[i:])
			if utf16.IsSurrogate(r) {
				// The second half is consumed only if it completes a pair.
				if p := utf16.DecodeRune(r, hex4(raw[i+6:])); p != utf8.RuneError {
					r = p
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			out = utf8.AppendRune(out, r)
			i += 6
			continue
		default:
			out = append(out, e)
		}
		i += 2
	}
	if !utf8.Valid(out) {
		return toValid(string(out))
	}
	return string(out)
}

// toValid replaces every byte that is not part of valid UTF-8 by U+FFFD.
func toValid(s string) string {
	var out strings.Builder
	out.Grow(len(s) + 16)
	for _, r := range s {
		out.WriteRune(r)
	}
	return out.String()
}
