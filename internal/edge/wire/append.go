package wire

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. It escapes what JSON requires, does
// not HTML-escape, turns invalid UTF-8 into U+FFFD, and escapes U+2028 and
// U+2029 because they are line ends for older JavaScript parsers.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[from:i]...)
			dst = append(dst, "\uFFFD"...)
			from = i + n
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xF])
			from = i + n
		}
		i += n
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xF])
}

// AppendInt appends a JSON number.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// AppendBool appends true or false.
func AppendBool(dst []byte, b bool) []byte { return strconv.AppendBool(dst, b) }

// AppendBoolText appends "true" or "false" with quotes, as clients send a
// positional Bool (docs/protocol/nim-core.md section 2.4).
func AppendBoolText(dst []byte, b bool) []byte {
	if b {
		return append(dst, `"true"`...)
	}
	return append(dst, `"false"`...)
}

// AppendTag appends one field of a Property, with a comma unless it is the
// first; an absent Value appends nothing. key is the quoted tag with its colon.
func AppendTag(dst []byte, key string, v Value) []byte {
	if !v.set {
		return dst
	}
	return appendTag(dst, key, v.s)
}

func appendTag(dst []byte, key, s string) []byte {
	// A field always ends with a quote, so the opening brace marks the first.
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, key...)
	return AppendString(dst, s)
}

// AppendStrings appends an array of strings; nil is [].
func AppendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, s)
	}
	return append(dst, ']')
}

// AppendInts appends an array of numbers; nil is [].
func AppendInts(dst []byte, list []int64) []byte {
	dst = append(dst, '[')
	for i, n := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendInt(dst, n)
	}
	return append(dst, ']')
}

// AppendIntMap appends a StrLongMap: a plain object of numbers, keys in order.
func AppendIntMap(dst []byte, m map[string]int64) []byte {
	dst = append(dst, '{')
	for i, k := range sortedKeys(m) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, k)
		dst = append(dst, ':')
		dst = AppendInt(dst, m[k])
	}
	return append(dst, '}')
}

// AppendMMap appends a LongLongMap: {"m_map":{…}}, which the SDK dereferences
// without a check (docs/protocol/nim-core.md section 2.5).
func AppendMMap(dst []byte, m map[string]int64) []byte {
	dst = append(dst, `{"m_map":`...)
	dst = AppendIntMap(dst, m)
	return append(dst, '}')
}

// AppendStrMap appends a StrStrMap: a plain object of strings, keys in order.
func AppendStrMap(dst []byte, m map[string]string) []byte {
	dst = append(dst, '{')
	for i, k := range sortedKeys(m) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, k)
		dst = append(dst, ':')
		dst = AppendString(dst, m[k])
	}
	return append(dst, '}')
}

// KV is one element of a KVArray.
type KV struct {
	Key   string
	Value string
}

// AppendKVs appends a KVArray: an array of objects with a single member each
// (docs/protocol/chatroom.md section 13.1).
func AppendKVs(dst []byte, list []KV) []byte {
	dst = append(dst, '[')
	for i, kv := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		dst = AppendString(dst, kv.Key)
		dst = append(dst, ':')
		dst = AppendString(dst, kv.Value)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// AppendObject appends raw JSON as it is, {} when empty.
func AppendObject(dst []byte, raw []byte) []byte {
	if len(raw) == 0 {
		return append(dst, '{', '}')
	}
	return append(dst, raw...)
}

// propertyAppender is the encoding half of a generated Property type.
type propertyAppender[T any] interface {
	*T
	AppendProperty(dst []byte) []byte
}

// AppendProperties appends a PropertyArray as the server sends it: a plain
// array of Property objects; nil is [].
func AppendProperties[T any, P propertyAppender[T]](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = P(&list[i]).AppendProperty(dst)
	}
	return append(dst, ']')
}

// AppendMables appends a PropertyArray as the client sends it, each element
// wrapped in {"t":"Property","v":…} (docs/protocol/nim-core.md section 2.4).
func AppendMables[T any, P propertyAppender[T]](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"t":"Property","v":`...)
		dst = P(&list[i]).AppendProperty(dst)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// sortedKeys makes the encoding of maps deterministic.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
