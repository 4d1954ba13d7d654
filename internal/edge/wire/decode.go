package wire

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// MaxProperties is the longest PropertyArray that is decoded. An element costs
// three bytes on the wire and up to 1.5 KiB in memory, so without a limit one
// frame could claim hundreds of megabytes.
const MaxProperties = 4096

// DecodeValue decodes a lone value by the rules of Decoder.Value.
func DecodeValue(raw []byte) (Value, error) {
	d := Decoder{b: raw}
	d.space()
	v := d.Value()
	d.close()
	return v, d.err
}

// DecodeText decodes a positional String: a string, or whatever else was sent
// as its text; null is "".
func DecodeText(raw []byte) (string, error) {
	v, err := DecodeValue(raw)
	return v.s, err
}

// DecodeInt decodes a positional Long, Int, Byte or Number sent as a number or
// a numeric string; null and "" are 0, anything else is ErrType.
func DecodeInt(raw []byte) (int64, error) {
	v, err := scalarText(raw)
	if err != nil || v.s == "" {
		return 0, err
	}
	n, ok := parseInt(v.s)
	if !ok {
		return 0, ErrType
	}
	return n, nil
}

// DecodeBool decodes a positional Bool: "true", "false", a JSON boolean or 1/0.
func DecodeBool(raw []byte) (bool, error) {
	v, err := scalarText(raw)
	return parseBool(v.s), err
}

// scalarText is DecodeValue without the copy for plain numbers.
func scalarText(raw []byte) (Value, error) {
	if len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		return Value{}, ErrType
	}
	return DecodeValue(raw)
}

// DecodeStrings decodes a StrArray. Numbers become their text, null elements
// are skipped.
func DecodeStrings(raw []byte) ([]string, error) {
	var d Decoder
	d.OpenArray(raw)
	if d.err == nil && !d.done {
		// One copy for all elements, as for a Property.
		d.s = string(raw)
	}
	list := []string{}
	for d.NextElem() {
		if v := d.Value(); v.set {
			list = append(list, v.s)
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// DecodeInts decodes a LongArray of numbers or numeric strings. null elements
// occur (docs/protocol/nim-core.md section 2.6) and are skipped, like texts
// that are no numbers: such ids cannot exist.
func DecodeInts(raw []byte) ([]int64, error) {
	var d Decoder
	d.OpenArray(raw)
	if d.err == nil && !d.done {
		d.s = string(raw)
	}
	list := []int64{}
	for d.NextElem() {
		if n, ok := d.Value().IntOK(); ok {
			list = append(list, n)
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// DecodeIntMap decodes a StrLongMap; members that are no numbers are skipped.
func DecodeIntMap(raw []byte) (map[string]int64, error) {
	var d Decoder
	d.OpenObject(raw)
	m := map[string]int64{}
	for key, ok := d.NextKey(); ok; key, ok = d.NextKey() {
		if n, ok := d.Value().IntOK(); ok {
			m[key] = n
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeMMap decodes a LongLongMap {"m_map":{…}}.
func DecodeMMap(raw []byte) (map[string]int64, error) {
	var d Decoder
	d.OpenObject(raw)
	m := map[string]int64{}
	for key, ok := d.NextKey(); ok; key, ok = d.NextKey() {
		inner := d.Raw()
		if key != "m_map" || inner == nil {
			continue
		}
		var err error
		if m, err = DecodeIntMap(inner); err != nil {
			return nil, err
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeStrMap decodes a StrStrMap; null members are skipped.
func DecodeStrMap(raw []byte) (map[string]string, error) {
	var d Decoder
	d.OpenObject(raw)
	m := map[string]string{}
	for key, ok := d.NextKey(); ok; key, ok = d.NextKey() {
		if v := d.Value(); v.set {
			m[key] = v.s
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeKVs decodes a KVArray, in order.
func DecodeKVs(raw []byte) ([]KV, error) {
	var d Decoder
	d.OpenArray(raw)
	list := []KV{}
	for d.NextElem() {
		elem := d.Raw()
		if elem == nil {
			break
		}
		var o Decoder
		o.OpenObject(elem)
		for key, ok := o.NextKey(); ok; key, ok = o.NextKey() {
			list = append(list, KV{Key: key, Value: o.Value().s})
		}
		if err := o.Err(); err != nil {
			return nil, err
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// DecodeObject validates an Object and returns a copy of its text in
// valid UTF-8.
func DecodeObject(raw []byte) (json.RawMessage, error) {
	d := Decoder{b: raw}
	d.space()
	d.Skip()
	d.close()
	if d.err != nil {
		return nil, d.err
	}
	if !utf8.Valid(raw) {
		return json.RawMessage(toValid(string(raw))), nil
	}
	return append(json.RawMessage(nil), raw...), nil
}

// propertyDecoder is the decoding half of a generated Property type.
type propertyDecoder[T any] interface {
	*T
	DecodeProperty(raw []byte) error
}

// DecodeProperties decodes a PropertyArray, with or without the {"t","v"}
// wrapper a client puts around each element. null elements are skipped.
func DecodeProperties[T any, P propertyDecoder[T]](raw []byte) ([]T, error) {
	var d Decoder
	d.OpenArray(raw)
	list := []T{}
	for d.NextElem() {
		elem := d.Raw()
		if elem == nil {
			break
		}
		if elem[0] == 'n' {
			continue
		}
		if len(list) == MaxProperties {
			return nil, ErrTooMany
		}
		inner, err := unwrap(elem)
		if err != nil {
			return nil, err
		}
		list = append(list, *new(T))
		if err := P(&list[len(list)-1]).DecodeProperty(inner); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(list)-1, err)
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// unwrap returns v of {"t":"Property","v":{…}}, or elem itself if it has no v.
// Tags are numbers, so a member v cannot be a field.
func unwrap(elem []byte) ([]byte, error) {
	var d Decoder
	d.OpenObject(elem)
	for key, ok := d.nextKeyBytes(); ok; key, ok = d.nextKeyBytes() {
		if string(key) == "v" {
			v := d.Raw()
			return v, d.err
		}
		d.Skip()
	}
	return elem, d.Err()
}
