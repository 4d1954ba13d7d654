// Package wordfilter finds words in texts: all of them in one pass
// (Aho–Corasick), whatever their width, case and invisible characters
// (docs/api/security.md section 6).
//
// It must not know whose words they are or what becomes of a text.
package wordfilter

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"hongyan/internal/im/moderation"
)

// node is one state of the automaton. Children are a list: words have few
// branches, and a table per node would take a hundred times the memory.
type node struct {
	label   byte
	child   int32 // first child, 0 = none
	sibling int32 // next child of the parent, 0 = none
	fail    int32 // longest proper suffix that is a state
	out     int32 // nearest state on the way of fail that ends a word, 0 = none
	word    int32 // index of the word that ends here, -1 = none
	depth   int32 // bytes
}

// Filter is the automaton of some words. It is never changed: safe for
// concurrent use.
type Filter struct {
	nodes []node
	root  [256]int32
}

// New returns a Filter of words; of words that are equal after normalising the
// first counts.
func New(words []string) *Filter {
	f := &Filter{nodes: []node{{word: -1}}}
	for i, w := range words {
		text, _ := normalise(w)
		at := int32(0)
		for _, b := range text {
			next := f.childOf(at, b)
			if next == 0 {
				next = int32(len(f.nodes))
				n := node{label: b, word: -1, depth: f.nodes[at].depth + 1}
				if at == 0 {
					f.root[b] = next
				} else {
					n.sibling = f.nodes[at].child
					f.nodes[at].child = next
				}
				f.nodes = append(f.nodes, n)
			}
			at = next
		}
		if at != 0 && f.nodes[at].word < 0 {
			f.nodes[at].word = int32(i)
		}
	}
	f.link()
	return f
}

func (f *Filter) childOf(at int32, b byte) int32 {
	if at == 0 {
		return f.root[b]
	}
	for c := f.nodes[at].child; c != 0; c = f.nodes[c].sibling {
		if f.nodes[c].label == b {
			return c
		}
	}
	return 0
}

// link sets fail and out, level by level.
func (f *Filter) link() {
	queue := make([]int32, 0, len(f.nodes))
	for _, c := range f.root {
		if c != 0 {
			queue = append(queue, c)
		}
	}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		for c := f.nodes[at].child; c != 0; c = f.nodes[c].sibling {
			n := &f.nodes[c]
			n.fail = f.step(f.nodes[at].fail, n.label)
			if n.out = n.fail; f.nodes[n.fail].word < 0 {
				n.out = f.nodes[n.fail].out
			}
			queue = append(queue, c)
		}
	}
}

func (f *Filter) step(at int32, b byte) int32 {
	for {
		if c := f.childOf(at, b); c != 0 {
			return c
		}
		if at == 0 {
			return 0
		}
		at = f.nodes[at].fail
	}
}

// Contains says whether any word occurs in text.
func (f *Filter) Contains(text string) bool {
	found := false
	f.scan(text, func(int, int, int32) bool { found = true; return false })
	return found
}

// Find returns the words in text from left to right, where several begin the
// longest, without overlaps.
func (f *Filter) Find(text string) []moderation.Match {
	type span struct {
		end  int
		word int32
	}
	best := map[int]span{} // by start in the normalised text
	spans := f.scan(text, func(start, end int, word int32) bool {
		if s, ok := best[start]; !ok || end > s.end {
			best[start] = span{end, word}
		}
		return true
	})
	if len(best) == 0 {
		return nil
	}
	var out []moderation.Match
	last := 0
	for at := 0; at < len(spans); at++ {
		s, ok := best[at]
		if !ok {
			continue
		}
		m := moderation.Match{Start: int(spans[at].start), End: int(spans[s.end-1].end), Word: int(s.word)}
		at = s.end - 1
		if m.Start < last { // half of a character that was wider before normalising
			continue
		}
		last = m.End
		out = append(out, m)
	}
	return out
}

// scan calls found for every occurrence, in the normalised text, until it
// returns false. It returns where the normalised bytes come from.
func (f *Filter) scan(text string, found func(start, end int, word int32) bool) []origin {
	bytes, from := normalise(text)
	at := int32(0)
	for i, b := range bytes {
		at = f.step(at, b)
		hit := at
		if f.nodes[at].word < 0 {
			hit = f.nodes[at].out
		}
		for ; hit != 0; hit = f.nodes[hit].out {
			if !found(i+1-int(f.nodes[hit].depth), i+1, f.nodes[hit].word) {
				return from
			}
		}
	}
	return from
}

// origin is the bytes of a text that a normalised byte comes from.
type origin struct{ start, end int32 }

// normalise makes equal what looks equal: NFKC, lower case, no invisible
// characters (docs/api/security.md section 6).
func normalise(text string) ([]byte, []origin) {
	out, from := make([]byte, 0, len(text)), make([]origin, 0, len(text))
	put := func(r rune, o origin) {
		before := len(out)
		out = utf8.AppendRune(out, unicode.ToLower(r))
		for range len(out) - before {
			from = append(from, o)
		}
	}
	var it norm.Iter
	it.InitString(norm.NFKC, text)
	for start := 0; !it.Done(); start = it.Pos() {
		segment := it.Next()
		o := origin{int32(start), int32(it.Pos())}
		for len(segment) > 0 {
			r, n := utf8.DecodeRune(segment)
			segment = segment[n:]
			if !invisible(r) {
				put(r, o)
			}
		}
	}
	return out, from
}

// invisible says whether r has no width: such characters are put between others
// to hide words.
func invisible(r rune) bool {
	switch {
	case r == 0x00AD, r == 0x034F, r == 0x061C, r == 0x180E, r == 0xFEFF, r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x2064:
		return true
	}
	return false
}
