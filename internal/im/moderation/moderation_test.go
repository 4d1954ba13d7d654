package moderation_test

import (
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
	if text, err := s.Thesaurus(t.Context(), a.Key); err != nil || text != `{"thesaurus":[{"keys":[{"key":"client"}],"match":1,"operate":2}]}` {
		t.Errorf("%s, %v", text, err)
	}
	for _, w := range []moderation.Word{{List: "other", Text: "x"}, {List: moderation.Replace, Text: " "}, {List: moderation.Client, Text: strings.Repeat("x", 129)},
		{List: moderation.Replace, Text: "a\x00b"}} {
		if err := s.Add(t.Context(), a.Key, []moderation.Word{w}); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%+v: %v", w, err)
		}
	}
}
