package wire

import "fmt"

// Kind is the class of a parameter type. Labels differ in case and width
// between SDK versions ("int" and "Int" for the same parameter), so only the
// class is compared.
type Kind uint8

// The classes of parameter types (docs/protocol/nim-core.md section 2.4).
const (
	KindUnknown  Kind = iota // a label that is not known fits everywhere
	KindProperty             // Property
	KindArray                // ArrayMable, PropertyArray
	KindStrings              // StrArray
	KindInts                 // LongArray
	KindInt                  // Long, Int, Byte, Number in either case
	KindString               // String
	KindBool                 // Bool, Boolean in either case
	KindMap                  // StrStrMap, StrLongMap, LongLongMap
	KindObject               // Object
)

// KindOf returns the class of a type label.
func KindOf(t string) Kind {
	switch t {
	case "Property", "property":
		return KindProperty
	case "ArrayMable", "PropertyArray", "KVArray":
		return KindArray
	case "StrArray":
		return KindStrings
	case "LongArray":
		return KindInts
	case "Long", "long", "Int", "int", "Byte", "byte", "Number", "number":
		return KindInt
	case "String", "string":
		return KindString
	case "Bool", "bool", "Boolean", "boolean":
		return KindBool
	case "StrStrMap", "StrLongMap", "LongLongMap":
		return KindMap
	case "Object", "object":
		return KindObject
	}
	return KindUnknown
}

// label returns the text of a "t" without an allocation for known labels.
func label(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' || len(raw) > 34 {
		return ""
	}
	raw = raw[1 : len(raw)-1]
	switch string(raw) {
	case "Property":
		return "Property"
	case "ArrayMable":
		return "ArrayMable"
	case "StrArray":
		return "StrArray"
	case "LongArray":
		return "LongArray"
	case "Long":
		return "Long"
	case "long":
		return "long"
	case "Int":
		return "Int"
	case "int":
		return "int"
	case "Byte":
		return "Byte"
	case "byte":
		return "byte"
	case "String":
		return "String"
	case "Bool":
		return "Bool"
	case "bool":
		return "bool"
	case "Boolean":
		return "Boolean"
	}
	return string(raw)
}

// Cursor walks Q in the order of a command's table. A client leaves out
// undefined parameters without a placeholder, which moves later ones forward
// (docs/protocol/nim-core.md section 2.4, nim-social.md section 1.1). As long
// as Q is complete the position alone decides, whatever the labels say; if it
// is short, a parameter whose label does not fit is the missing one.
type Cursor struct {
	q    []Param
	i    int // next entry of q
	left int // parameters of the table still to come
}

// NewCursor starts a walk over q for a table of n parameters.
func NewCursor(q []Param, n int) Cursor { return Cursor{q: q, left: n} }

// Next returns the raw value of the next parameter of the table, nil if it is
// missing or null.
func (c *Cursor) Next(k Kind) []byte {
	left := c.left
	c.left--
	have := len(c.q) - c.i
	if have <= 0 {
		return nil
	}
	p := &c.q[c.i]
	if have < left {
		if got := KindOf(p.T); got != k && got != KindUnknown {
			return nil
		}
	}
	c.i++
	if IsNull(p.V) {
		return nil
	}
	return p.V
}

// IsNull reports whether raw is empty or null.
func IsNull(raw []byte) bool { return len(raw) == 0 || string(raw) == "null" }

// ParamError names the parameter a decoding error belongs to.
func ParamError(name string, err error) error { return fmt.Errorf("wire: parameter %s: %w", name, err) }

// Elem returns element i of a response, nil if it is missing or null.
func Elem(r [][]byte, i int) []byte {
	if i >= len(r) || IsNull(r[i]) {
		return nil
	}
	return r[i]
}
