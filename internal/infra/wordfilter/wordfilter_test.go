package wordfilter

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im/moderation"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ words, text, want string }{
		{"bad", "a bad BAD ｂａｄ b\u200ba\u200bd", "[bad] [BAD] [ｂａｄ] [b\u200ba\u200bd]"},
		{"敏感|敏感词", "这是敏感词，敏感", "[敏感词] [敏感]"},
		{"he|she|hers|his", "ushers", "[she]"},
		{"abcd|bc", "abce", "[bc]"},
		{"a|ab", "aab", "[a] [ab]"},
		{"é", "cafe\u0301", "[e\u0301]"},
		{"fi", "ﬁne", "[ﬁ]"},
		{"", "anything", ""},
		{"x", "", ""},
	} {
		f := New(strings.Split(c.words, "|"))
		var got []string
		for _, m := range f.Find(c.text) {
			got = append(got, "["+c.text[m.Start:m.End]+"]")
		}
		if s := strings.Join(got, " "); s != c.want || f.Contains(c.text) != (c.want != "") {
			t.Errorf("%q in %q: %q, want %q", c.words, c.text, s, c.want)
		}
	}
}

// naive is Find without an automaton.
func naive(words []string, text string) (out []moderation.Match) {
	hay, from := normalise(text)
	last := 0
	for at := 0; at < len(hay); {
		length, word := 0, -1
		for i, w := range words {
			if n, _ := normalise(w); len(n) > length && bytes.HasPrefix(hay[at:], n) {
				length, word = len(n), i
			}
		}
		if length == 0 {
			at++
			continue
		}
		m := moderation.Match{Start: int(from[at].start), End: int(from[at+length-1].end), Word: word}
		at += length
		if m.Start < last {
			continue
		}
		last = m.End
		out = append(out, m)
	}
	return out
}

func FuzzFind(f *testing.F) {
	f.Add("he|she|hers|his", "ushers and his")
	f.Add("aa|a|aaa|ba", "aabaaab")
	f.Add("敏感|感词|ﬁ|i", "敏感词ﬁ\u200bi\xff")
	f.Fuzz(func(t *testing.T, list, text string) {
		words := strings.Split(list, "|")
		filter := New(words)
		got, want := filter.Find(text), naive(words, text)
		if !slices.Equal(got, want) || filter.Contains(text) != (len(want) > 0) {
			t.Fatalf("%q in %q: %v, want %v", words, text, got, want)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var words []string
	for i := range 20_000 {
		words = append(words, fmt.Sprintf("词%d语", i*7919%1_000_000))
	}
	f := New(words)
	text := strings.Repeat("这是一条普通的消息，没有什么问题。", 4)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if f.Contains(text) {
			b.Fatal("found")
		}
	}
}
