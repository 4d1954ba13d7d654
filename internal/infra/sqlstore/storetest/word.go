package storetest

import (
	"fmt"
	"slices"
	"testing"

	"hongyan/internal/im/moderation"
)

func testWords(t *testing.T, e *env) {
	s, a := e.openApp()
	other := e.putApp(s, "app-two")
	words := []moderation.Word{{List: moderation.Replace, Text: "mild", Replacement: "m"}, {List: moderation.Intercept, Text: "敏感"},
		{List: moderation.Replace, Text: "mild", Replacement: "last"}, {List: moderation.Client, Text: "mild"}}
	for n := range 40 {
		words = append(words, moderation.Word{List: moderation.Client, Text: fmt.Sprintf("w%02d", n)})
	}
	version := func(app string, want int64) {
		t.Helper()
		if got, err := s.WordsVersion(e.ctx(), app); err != nil || got != want {
			t.Errorf("version %d, want %d; %v", got, want, err)
		}
	}
	version(a, 0)
	for n := range 2 {
		if err := s.PutWords(e.ctx(), a, words); err != nil {
			t.Fatal(err)
		}
		version(a, int64(n)+1)
	}
	// Words that are for the server alone change nothing for clients.
	if err := s.PutWords(e.ctx(), a, words[:3]); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DeleteWords(e.ctx(), a, moderation.Client, []string{"none"}); err != nil || n != 0 {
		t.Errorf("deleted %d, %v", n, err)
	}
	version(a, 2)
	got, err := s.Words(e.ctx(), a)
	if err != nil || len(got) != 43 || got[0].Text != "mild" || got[41].Text != "敏感" || got[42] != (moderation.Word{List: moderation.Replace, Text: "mild", Replacement: "last"}) {
		t.Fatalf("%v, %v", got, err)
	}
	if n, err := s.DeleteWords(e.ctx(), a, moderation.Client, []string{"mild", "w00", "none"}); err != nil || n != 2 {
		t.Errorf("deleted %d, %v", n, err)
	}
	version(a, 3)
	version(other, 0)
	got, err = s.Words(e.ctx(), a)
	if err != nil || len(got) != 41 || !slices.Contains(got, moderation.Word{List: moderation.Intercept, Text: "敏感"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.Words(e.ctx(), other); err != nil || len(got) != 0 {
		t.Errorf("the other app has %v, %v", got, err)
	}
}
