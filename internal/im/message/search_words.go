package message

import (
	"strings"
	"unicode"
)

// maxWord bounds one word in characters: what is longer is found by its beginning.
const maxWord = 64

// segment is a run of text that search treats alike: a word of a script that
// writes spaces, or characters of one that does not.
type segment struct {
	text  []rune
	dense bool
}

// segments splits text, in lower case, into words and dense runs; everything
// else separates.
func segments(text string) []segment {
	var out []segment
	var run []rune
	dense := false
	end := func() {
		if len(run) > 0 {
			out = append(out, segment{run, dense})
			run = nil
		}
	}
	for _, r := range strings.ToLower(text) {
		isDense, isWord := classify(r)
		if !isDense && !isWord {
			end()
			continue
		}
		if isDense != dense {
			end()
		}
		dense = isDense
		run = append(run, r)
	}
	end()
	return out
}

// classify says whether r is part of a dense run or of a word.
func classify(r rune) (dense, word bool) {
	switch {
	case r < 0x80:
		return false, r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	case unicode.Is(unicode.Co, r): // marks of the index's own
		return false, false
	case unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek):
		return false, true
	default:
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.So, r) || unicode.IsMark(r), false
	}
}

// SearchWords returns what a text is found by, each once: words, and of dense
// runs every character and every pair of neighbours, so that words of one and
// two characters are found exactly.
func SearchWords(text string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(w string) {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	for _, s := range segments(text) {
		if !s.dense {
			add(string(s.text[:min(len(s.text), maxWord)]))
			continue
		}
		for i := range s.text {
			add(string(s.text[i : i+1]))
			if i+2 <= len(s.text) {
				add(string(s.text[i : i+2]))
			}
		}
	}
	return out
}

// SearchTerm is a word that a text must have; Prefix: or one that begins with it.
type SearchTerm struct {
	Text   string
	Prefix bool
}

// searchTerms returns what a text that matches keyword has in the index.
func searchTerms(keyword string) []SearchTerm {
	var out []SearchTerm
	for _, s := range segments(keyword) {
		switch {
		case !s.dense:
			out = append(out, SearchTerm{string(s.text[:min(len(s.text), maxWord)]), true})
		case len(s.text) == 1:
			out = append(out, SearchTerm{string(s.text), false})
		default:
			for i := 0; i+2 <= len(s.text); i++ {
				out = append(out, SearchTerm{string(s.text[i : i+2]), false})
			}
		}
	}
	return out
}

// searchMatches says whether text matches: every run of keyword stands in it, a
// word as a word or the beginning of one.
func searchMatches(text, keyword string) bool {
	have := segments(text)
	for _, want := range segments(keyword) {
		found := false
		w := string(want.text)
		for _, s := range have {
			if s.dense == want.dense && (want.dense && strings.Contains(string(s.text), w) || !want.dense && strings.HasPrefix(string(s.text), w)) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// SearchText returns what of m is searched: the text of a text message, the
// summary of another.
func (m *Message) SearchText() string {
	switch {
	case m.Flags.Has(NoHistory):
		return ""
	case m.Type == Text || m.Type == Tip:
		return m.Content.Body
	default:
		return m.Content.MsgDesc
	}
}
