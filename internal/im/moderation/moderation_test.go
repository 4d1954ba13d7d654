package moderation_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/moderation"
	"hongyan/internal/infra/wordfilter"
)

func TestCheck(t *testing.T) {
	store := hytest.Open(t, hytest.SQLite(t))
	a := hytest.App(t, store, "moderation", "local")
	off := hytest.App(t, store)
	s := moderation.New(store, func(words []string) moderation.Matcher { return wordfilter.New(words) })
	if res, err := s.Check(t.Context(), a, "nothing is forbidden"); err != nil || res.Hit || res.Replaced {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, key := range []string{a.Key, off.Key} {
		if err := s.Add(t.Context(), key, []moderation.Word{{List: moderation.Replace, Text: " mild "}, {List: moderation.Replace, Text: "abc", Replacement: "x"},
			{List: moderation.Intercept, Text: "bcd"}, {List: moderation.Client, Text: "client"}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Forget(a.Key)
	for _, c := range []struct {
		text, want string
		hit        bool
	}{
		{"fine, client", "fine, client", false}, {"so MILD and mild", "so ** and **", false}, {"abc!", "x!", false}, {"abcd", "abcd", true}, {"", "", false},
	} {
		res, err := s.Check(t.Context(), a, c.text)
		if err != nil || res.Text != c.want || res.Hit != c.hit || res.Replaced != (c.text != c.want) || c.hit != strings.Contains(res.JSON, `"action":2`) {
			t.Errorf("%q: %+v, %v", c.text, res, err)
		}
	}
	if res, err := s.Check(t.Context(), off, "bcd"); err != nil || res.Hit {
		t.Errorf("moderation is off: %+v, %v", res, err)
	}
	for _, w := range []moderation.Word{{List: "other", Text: "x"}, {List: moderation.Replace, Text: " "}, {List: moderation.Client, Text: strings.Repeat("x", 129)},
		{List: moderation.Replace, Text: "a\x00b"}} {
		if err := s.Add(t.Context(), a.Key, []moderation.Word{w}); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// TestVocabulary: the list for clients, its version and what bounds it.
func TestVocabulary(t *testing.T) {
	store := hytest.Open(t, hytest.SQLite(t))
	a := hytest.App(t, store) // moderation is off: the list is the clients' affair
	s := moderation.New(store, func(words []string) moderation.Matcher { return wordfilter.New(words) })
	becomes := func(what string, version int64, text string) {
		t.Helper()
		s.Forget(a.Key)
		v, err := s.Vocabulary(t.Context(), a.Key)
		if sum := fmt.Sprintf("%x", md5.Sum([]byte(text))); err != nil || v.Version != version || v.Text != text || version > 0 && v.MD5 != sum || version == 0 && v.MD5 != "" {
			t.Errorf("%s: %+v, %v", what, v, err)
		}
	}
	add := func(list moderation.List, words ...string) error {
		var ws []moderation.Word
		for _, w := range words {
			ws = append(ws, moderation.Word{List: list, Text: w})
		}
		return s.Add(t.Context(), a.Key, ws)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	becomes("no list", 0, "")
	must(add(moderation.Intercept, "server"))
	becomes("words of the server", 0, "")
	must(add(moderation.Client, "b", "a"))
	becomes("intercepted", 1, `{"thesaurus":[{"match":1,"operate":2,"keys":[{"key":"a"},{"key":"b"}]}]}`)
	must(add(moderation.ClientReplace, "c", "b"))
	must(add(moderation.ClientFlag, "d"))
	becomes("all operations, a word once", 3, `{"thesaurus":[{"match":1,"operate":2,"keys":[{"key":"a"},{"key":"b"}]},`+
		`{"match":1,"operate":3,"keys":[{"key":"d"}]},{"match":1,"operate":1,"keys":[{"key":"c"}]}]}`)
	for list, words := range map[moderation.List][]string{moderation.Client: {"a", "b"}, moderation.ClientReplace: {"b", "c"}, moderation.ClientFlag: {"d"}} {
		if _, err := s.Remove(t.Context(), a.Key, list, words); err != nil {
			t.Fatal(err)
		}
	}
	becomes("emptied: clients must hear of it", 6, `{"thesaurus":[]}`)

	many := make([]string, 8000)
	for i := range many {
		many[i] = fmt.Sprintf("%0128d", i)
	}
	if err := add(moderation.Client, many...); im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("a list of more than 1 MiB: %v", err)
	}
	must(add(moderation.Intercept, many...))
}
