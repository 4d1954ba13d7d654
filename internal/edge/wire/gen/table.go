package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// table is one product's commands in the order of its file.
type table struct {
	product  string
	commands []*command
}

type command struct {
	name     string
	Service  string   `json:"service"`
	SID      uint16   `json:"sid"`
	CID      uint16   `json:"cid"`
	Request  []*param `json:"request"`
	Response []*param `json:"response"`
	Arrives  []string `json:"arrives_as"`
	Options  struct {
		HasPacketResponse *bool `json:"hasPacketResponse"`
	} `json:"options"`
}

type param struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Fields json.RawMessage `json:"fields"`

	fields   []field // by ascending tag
	typ      *propType
	optional bool
}

// field is one tag of a Property with all names it has in the table.
type field struct {
	tag   int
	names []string
}

// readTable reads a table. The order of commands and fields matters and is lost
// by a map, so objects are read token by token.
func readTable(path, product string) (*table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := &table{product: product}
	err = members(data, func(name string, raw json.RawMessage) error {
		c := &command{name: name}
		if err := json.Unmarshal(raw, c); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, side := range []struct {
			key  string
			list []*param
		}{{"req", c.Request}, {"res", c.Response}} {
			for _, p := range side.list {
				p.optional = optionalScalars[product+"/"+name+"/"+side.key+"/"+p.Name]
				if err := p.readFields(product + "/" + name); err != nil {
					return fmt.Errorf("%s.%s: %w", name, p.Name, err)
				}
			}
		}
		t.commands = append(t.commands, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (p *param) readFields(command string) error {
	if len(p.Fields) == 0 {
		return nil
	}
	byTag := map[int]*field{}
	err := members(p.Fields, func(name string, raw json.RawMessage) error {
		if n := renamedFields[command+"/"+name]; n != "" {
			name = n
		}
		var tag int
		if err := json.Unmarshal(raw, &tag); err != nil {
			// sendChatroomMsg writes "__clientExt": {"id": 39} for a plain tag.
			var nested struct{ ID *int }
			if err := json.Unmarshal(raw, &nested); err != nil || nested.ID == nil {
				return fmt.Errorf("field %s: neither a tag nor {id}", name)
			}
			tag = *nested.ID
		}
		f := byTag[tag]
		if f == nil {
			f = &field{tag: tag}
			byTag[tag] = f
		}
		// The name of the newest SDK comes first.
		if slices.Contains(preferredNames, name) {
			f.names = append([]string{name}, f.names...)
		} else {
			f.names = append(f.names, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range byTag {
		p.fields = append(p.fields, *f)
	}
	slices.SortFunc(p.fields, func(a, b field) int { return a.tag - b.tag })
	return nil
}

// signature identifies a field set: equal signatures share one Go type.
func (p *param) signature() string {
	var b strings.Builder
	for _, f := range p.fields {
		b.WriteString(strconv.Itoa(f.tag) + "=" + strings.Join(f.names, "|") + " ")
	}
	return b.String()
}

func (p *param) isProperty() bool { return p.Type == "Property" || p.Type == "PropertyArray" }

// members calls f for each member of a JSON object, in order.
func members(data []byte, f func(string, json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return fmt.Errorf("want an object, got %v (%v)", tok, err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		if err := f(key.(string), raw); err != nil {
			return err
		}
	}
	return nil
}

// exported turns a table name into an exported Go name and changes nothing else:
// the product's own spellings (idClient, friendReuqest) stay recognisable.
func exported(name string) string {
	name = strings.TrimLeft(name, "_")
	return strings.ToUpper(name[:1]) + name[1:]
}
