package message

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSearchMatches(t *testing.T) {
	for _, c := range []struct {
		text, keyword string
		want          bool
	}{
		{"你好世界", "你好", true}, {"你好世界", "好", true}, {"你好世界", "好世界", true}, {"你 好", "你好", false}, {"好你", "你好", false},
		{"Hello World", "world", true}, {"Hello World", "wor hel", true}, {"Hello World", "orld", false},
		{"v2发布了", "发布", true}, {"v2发布了", "V2发布", true}, {"x", "😀", false}, {"a😀b", "😀", true}, {"こんにちは", "にち", true}, {"Привет мир", "прив", true},
		{"99%", "%", true}, // nothing to look for: refused before it comes here
	} {
		if got := searchMatches(c.text, c.keyword); got != c.want {
			t.Errorf("%q in %q: %v", c.keyword, c.text, got)
		}
	}
}

// TestSearchTermsAreIndexed: whatever matches a text is found by its words.
func TestSearchTermsAreIndexed(t *testing.T) {
	alphabet := rapid.SampledFrom([]rune("你好世界ab1 ,😀é\ue000"))
	rapid.Check(t, func(r *rapid.T) {
		text := string(rapid.SliceOfN(alphabet, 0, 30).Draw(r, "text"))
		keyword := string(rapid.SliceOfN(alphabet, 1, 4).Draw(r, "keyword"))
		if !searchMatches(text, keyword) {
			return
		}
		words := SearchWords(text)
		for _, term := range searchTerms(keyword) {
			if !slices.ContainsFunc(words, func(w string) bool { return w == term.Text || term.Prefix && strings.HasPrefix(w, term.Text) }) {
				r.Fatalf("%q matches %q, but %q is not in %q", keyword, text, term.Text, words)
			}
		}
	})
}
