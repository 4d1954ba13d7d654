package chatroom

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"hongyan/internal/im"
)

// Target is a tag expression (标签表达式): it says by their tags which connections
// something is for (docs/protocol/chatroom.md section 12). A nil Target is for all.
type Target struct {
	tag  string
	like *regexp.Regexp // instead of tag
	all  []*Target      // of kids, all have to agree
	some []*Target      // of kids, one has to
}

// ParseTarget reads an expression; an empty one is nil.
//
//	expr = conj { "or" conj } ; conj = prim { "and" prim } ; prim = atom | "(" expr ")"
func ParseTarget(text string) (*Target, error) {
	if text == "" {
		return nil, nil
	}
	p := &targetParser{rest: text}
	t := p.expr()
	if p.space(); p.failed || p.rest != "" {
		return nil, im.Errorf(im.CodeBadParam, "not a tag expression")
	}
	return t, nil
}

// Match says whether a connection with these tags is meant.
func (t *Target) Match(tags []string) bool {
	switch {
	case t == nil:
		return true
	case t.all != nil:
		return !slices.ContainsFunc(t.all, func(k *Target) bool { return !k.Match(tags) })
	case t.some != nil:
		return slices.ContainsFunc(t.some, func(k *Target) bool { return k.Match(tags) })
	case t.like != nil:
		return slices.ContainsFunc(tags, t.like.MatchString)
	}
	return slices.Contains(tags, t.tag)
}

// targetParser reads an expression of bounded length: its depth is bounded too.
type targetParser struct {
	rest   string
	failed bool
}

func (p *targetParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *targetParser) word(w string) bool {
	p.space()
	if len(p.rest) < len(w) || !strings.EqualFold(p.rest[:len(w)], w) {
		return false
	}
	p.rest = p.rest[len(w):]
	return true
}

func (p *targetParser) expr() *Target {
	some := []*Target{p.conj()}
	for !p.failed && p.word("or") {
		some = append(some, p.conj())
	}
	return &Target{some: some}
}

func (p *targetParser) conj() *Target {
	all := []*Target{p.prim()}
	for !p.failed && p.word("and") {
		all = append(all, p.prim())
	}
	return &Target{all: all}
}

func (p *targetParser) prim() *Target {
	if p.word("(") {
		t := p.expr()
		p.failed = p.failed || !p.word(")")
		return t
	}
	var atom struct {
		Tag       string `json:"tag"`
		MatchType string `json:"matchType"`
	}
	if p.space(); !strings.HasPrefix(p.rest, "{") {
		p.failed = true
		return nil
	}
	d := json.NewDecoder(strings.NewReader(p.rest))
	if err := d.Decode(&atom); err != nil || atom.Tag == "" {
		p.failed = true
		return nil
	}
	p.rest = p.rest[d.InputOffset():]
	if !strings.EqualFold(atom.MatchType, "regex") {
		return &Target{tag: atom.Tag}
	}
	like, err := regexp.Compile(`^(?:` + atom.Tag + `)$`)
	p.failed = p.failed || err != nil
	return &Target{like: like}
}

// audience says who hears that a member comes and goes: whom its login names, else
// those who have all of its own tags.
func (m *Member) audience() string {
	if m.Target != "" || len(m.Tags) == 0 {
		return m.Target
	}
	atoms := make([]string, len(m.Tags))
	for i, t := range m.Tags {
		b, _ := json.Marshal(map[string]string{"tag": t}) // a text: cannot fail
		atoms[i] = string(b)
	}
	return strings.Join(atoms, " and ")
}
