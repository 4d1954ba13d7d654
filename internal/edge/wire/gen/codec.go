package main

import (
	"fmt"
	"strings"
)

// form is how one parameter type is written in Go and on the wire.
type form struct {
	goType string // type of the struct field
	kind   string // wire.Kind for realigning a short Q
	label  string // type label of a request, "" = the table's own
	decode string // function from raw to goType
	append string // expression appending m.%[1]s as the server sends it
	appQ   string // the same as the client sends it, "" = append
	nilly  bool   // nil means "not there" and is left out at the end of r
}

func (p *param) form(request bool) (form, error) {
	f, ok := p.scalar()
	if !ok {
		return p.compound(request)
	}
	if p.optional {
		// Encoded as the table's scalar, so that a client sees no difference.
		switch f.goType {
		case "int64":
			f.append, f.appQ = "wire.AppendInt(dst, m.%[1]s.Int())", ""
		case "bool":
			f.append = "wire.AppendBool(dst, m.%[1]s.Bool())"
			if f.appQ != "" {
				f.appQ = "wire.AppendBoolText(dst, m.%[1]s.Bool())"
			}
		default:
			f.append = "wire.AppendString(dst, m.%[1]s.String())"
		}
		f.goType, f.decode = "wire.Value", "wire.DecodeValue"
	}
	return f, nil
}

func (p *param) scalar() (form, bool) {
	switch p.Type {
	case "Long", "long", "Int", "int", "Byte", "byte", "Number":
		return form{goType: "int64", kind: "KindInt", decode: "wire.DecodeInt", append: "wire.AppendInt(dst, m.%[1]s)"}, true
	case "String":
		return form{goType: "string", kind: "KindString", decode: "wire.DecodeText", append: "wire.AppendString(dst, m.%[1]s)"}, true
	case "Bool", "bool":
		return form{goType: "bool", kind: "KindBool", decode: "wire.DecodeBool", append: "wire.AppendBool(dst, m.%[1]s)",
			appQ: "wire.AppendBoolText(dst, m.%[1]s)"}, true
	case "Boolean":
		return form{goType: "bool", kind: "KindBool", decode: "wire.DecodeBool", append: "wire.AppendBool(dst, m.%[1]s)"}, true
	}
	return form{}, false
}

func (p *param) compound(request bool) (form, error) {
	switch p.Type {
	case "Property":
		f := form{goType: "*" + p.typ.name, kind: "KindProperty", append: "m.%[1]s.AppendProperty(dst)", nilly: true}
		if request {
			f.goType = p.typ.name
		}
		return f, nil
	case "PropertyArray":
		return form{goType: "[]" + p.typ.name, kind: "KindArray", label: "ArrayMable",
			decode: "wire.DecodeProperties[" + p.typ.name + "]",
			append: "wire.AppendProperties(dst, m.%[1]s)", appQ: "wire.AppendMables(dst, m.%[1]s)", nilly: true}, nil
	}
	simple := map[string][4]string{
		"StrArray":    {"[]string", "KindStrings", "wire.DecodeStrings", "wire.AppendStrings"},
		"LongArray":   {"[]int64", "KindInts", "wire.DecodeInts", "wire.AppendInts"},
		"StrLongMap":  {"map[string]int64", "KindMap", "wire.DecodeIntMap", "wire.AppendIntMap"},
		"LongLongMap": {"map[string]int64", "KindMap", "wire.DecodeMMap", "wire.AppendMMap"},
		"StrStrMap":   {"map[string]string", "KindMap", "wire.DecodeStrMap", "wire.AppendStrMap"},
		"KVArray":     {"[]wire.KV", "KindArray", "wire.DecodeKVs", "wire.AppendKVs"},
		"Object":      {"json.RawMessage", "KindObject", "wire.DecodeObject", "wire.AppendObject"},
	}
	s, ok := simple[p.Type]
	if !ok {
		return form{}, fmt.Errorf("parameter %s: unknown type %q", p.Name, p.Type)
	}
	return form{goType: s[0], kind: s[1], decode: s[2], append: s[3] + "(dst, m.%[1]s)", nilly: true}, nil
}

// emitCommand writes the request and response types of a command.
func emitCommand(b *strings.Builder, c *command) error {
	if len(c.Request) > 0 {
		name := exported(c.name) + "Request"
		fmt.Fprintf(b, "\n// %s are the parameters of %d-%d %s.\n", name, c.SID, c.CID, c.name)
		if err := emitStruct(b, name, c.Request, true); err != nil {
			return err
		}
		if err := emitDecodeQ(b, name, c.Request); err != nil {
			return err
		}
		if err := emitAppendQ(b, name, c.Request); err != nil {
			return err
		}
	}
	if len(c.Response) > 0 {
		name := exported(c.name) + "Response"
		what := "the answer to"
		if !c.fromClient() {
			what = "the push"
		}
		fmt.Fprintf(b, "\n// %s is %s %s %s.\n", name, what, strings.Join(responseIDs(c), ", "), c.name)
		if err := emitStruct(b, name, c.Response, false); err != nil {
			return err
		}
		if err := emitAppendR(b, name, c.Response); err != nil {
			return err
		}
		return emitDecodeR(b, name, c.Response)
	}
	return nil
}

// responseIDs are the ids a response is sent with, for comments.
func responseIDs(c *command) []string {
	if len(c.Arrives) > 0 {
		return c.Arrives
	}
	return []string{fmt.Sprintf("%d-%d", c.SID, c.CID)}
}

func emitStruct(b *strings.Builder, name string, params []*param, request bool) error {
	fmt.Fprintf(b, "type %s struct {\n", name)
	for i, p := range params {
		f, err := p.form(request)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%s %s // %d: %s", exported(p.Name), f.goType, i, p.Type)
		if p.optional {
			b.WriteString(", may be missing")
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n\n")
	return nil
}

func emitDecodeQ(b *strings.Builder, name string, params []*param) error {
	fmt.Fprintf(b, "// DecodeQ implements wire.QCodec.\nfunc (m *%s) DecodeQ(q []wire.Param) error {\n*m = %s{}\n"+
		"c := wire.NewCursor(q, %d)\n", name, name, len(params))
	for _, p := range params {
		f, err := p.form(true)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "if v := c.Next(wire.%s); v != nil {\n", f.kind)
		emitDecode(b, p, f, true)
		b.WriteString("}\n")
	}
	b.WriteString("return nil\n}\n\n")
	return nil
}

func emitDecode(b *strings.Builder, p *param, f form, request bool) {
	field := exported(p.Name)
	if p.Type == "Property" {
		if !request {
			fmt.Fprintf(b, "m.%s = new(%s)\n", field, p.typ.name)
		}
		fmt.Fprintf(b, "if err := m.%s.DecodeProperty(v); err != nil {\nreturn wire.ParamError(%q, err)\n}\n", field, p.Name)
		return
	}
	fmt.Fprintf(b, "x, err := %s(v)\nif err != nil {\nreturn wire.ParamError(%q, err)\n}\nm.%s = x\n", f.decode, p.Name, field)
}

// emitAppendQ leaves out optional parameters that are not set, without a
// placeholder, as the SDK does.
func emitAppendQ(b *strings.Builder, name string, params []*param) error {
	fmt.Fprintf(b, "// AppendQ implements wire.QEncoder.\nfunc (m *%s) AppendQ(dst []byte) []byte {\n", name)
	b.WriteString("if m == nil {\nreturn append(dst, \"[]\"...)\n}\n")
	for i, p := range params {
		f, err := p.form(true)
		if err != nil {
			return err
		}
		field := exported(p.Name)
		label := p.Type
		if f.label != "" {
			label = f.label
		}
		open := "["
		if i > 0 {
			open = ","
		}
		if i == 0 && p.optional {
			return fmt.Errorf("parameter %s: the first cannot be optional", p.Name)
		}
		if p.optional {
			fmt.Fprintf(b, "if m.%s.IsSet() {\n", field)
		}
		fmt.Fprintf(b, "dst = append(dst, `%s{\"t\":\"%s\",\"v\":`...)\n", open, label)
		expr := f.appQ
		if expr == "" {
			expr = f.append
		}
		fmt.Fprintf(b, "dst = "+expr+"\ndst = append(dst, '}')\n", field)
		if p.optional {
			b.WriteString("}\n")
		}
	}
	b.WriteString("return append(dst, ']')\n}\n\n")
	return nil
}

// emitAppendR leaves out trailing elements that are not there; one in the
// middle is sent empty, because null breaks the SDK's list types.
func emitAppendR(b *strings.Builder, name string, params []*param) error {
	forms := make([]form, len(params))
	least := 0 // elements that are always sent
	for i, p := range params {
		f, err := p.form(false)
		if err != nil {
			return err
		}
		forms[i] = f
		if !f.nilly && !p.optional {
			least = i + 1
		}
	}
	fmt.Fprintf(b, "// AppendR implements wire.REncoder.\nfunc (m *%s) AppendR(dst []byte) []byte {\n", name)
	b.WriteString("if m == nil {\nreturn append(dst, \"[]\"...)\n}\n")
	if least < len(params) {
		fmt.Fprintf(b, "n := %d\n", least)
		if least == len(params)-1 {
			fmt.Fprintf(b, "if %s {\nn = %d\n}\n", present(params[least]), least+1)
		} else {
			b.WriteString("switch {\n")
			for i := len(params) - 1; i >= least; i-- {
				fmt.Fprintf(b, "case %s:\nn = %d\n", present(params[i]), i+1)
			}
			b.WriteString("}\n")
		}
	}
	b.WriteString("dst = append(dst, '[')\n")
	for i, p := range params {
		if i >= least {
			fmt.Fprintf(b, "if n > %d {\n", i)
		}
		if i > 0 {
			b.WriteString("dst = append(dst, ',')\n")
		}
		fmt.Fprintf(b, "dst = "+forms[i].append+"\n", exported(p.Name))
		if i >= least {
			b.WriteString("}\n")
		}
	}
	b.WriteString("return append(dst, ']')\n}\n\n")
	return nil
}

// present is the condition under which an element is not left out.
func present(p *param) string {
	if p.optional {
		return "m." + exported(p.Name) + ".IsSet()"
	}
	return "m." + exported(p.Name) + " != nil"
}

func emitDecodeR(b *strings.Builder, name string, params []*param) error {
	fmt.Fprintf(b, "// DecodeR implements wire.RCodec.\nfunc (m *%s) DecodeR(r [][]byte) error {\n*m = %s{}\n", name, name)
	for i, p := range params {
		f, err := p.form(false)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "if v := wire.Elem(r, %d); v != nil {\n", i)
		emitDecode(b, p, f, false)
		b.WriteString("}\n")
	}
	b.WriteString("return nil\n}\n")
	return nil
}
