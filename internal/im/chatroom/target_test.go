package chatroom_test

import (
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/chatroom"
)

func TestTarget(t *testing.T) {
	for _, c := range []struct {
		name, text string
		tags       []string
		want       bool
	}{
		{"none is for all", ``, nil, true},
		{"a tag", `{"tag":"a"}`, []string{"b", "a"}, true},
		{"another tag", `{"tag":"a"}`, []string{"ab"}, false},
		{"both", `{"tag":"a"} and {"tag":"b"}`, []string{"a", "b"}, true},
		{"not both", `{"tag":"a"}and{"tag":"b"}`, []string{"a"}, false},
		{"one of them", `{"tag":"a"} OR {"tag":"b"}`, []string{"b"}, true},
		{"and binds closer", `{"tag":"a"} or {"tag":"b"} and {"tag":"c"}`, []string{"a"}, true},
		{"in brackets", `({"tag":"a"} or {"tag":"b"}) and {"tag":"c"}`, []string{"a"}, false},
		{"a pattern", `{"tag":"ab.*","matchType":"regex"}`, []string{"abc"}, true},
		{"a pattern is of a whole tag", `{"tag":"b","matchType":"regex"}`, []string{"abc"}, false},
		{"any tag", `{"tag":".*","matchType":"regex"}`, nil, false},
		{"a tag with brackets", `{"tag":"(or)"}`, []string{"(or)"}, true},
	} {
		target, err := chatroom.ParseTarget(c.text)
		if err != nil || target.Match(c.tags) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, bad := range []string{`a`, `{}`, `{"tag":""}`, `{"tag":1}`, `{"tag":"a"`, `{"tag":"a"} {"tag":"b"}`, `{"tag":"a"} and`, `({"tag":"a"}`, `()`, `{"tag":"(","matchType":"regex"}`,
		`[{"tag":"a"}]`, `and {"tag":"a"}`, ` `} {
		if _, err := chatroom.ParseTarget(bad); im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	f.Add(`({"tag":"a"} or {"tag":"b.*","matchType":"regex"}) and {"tag":"c"}`, "a")
	f.Fuzz(func(_ *testing.T, text, tag string) {
		if t, err := chatroom.ParseTarget(text); err == nil {
			t.Match([]string{tag})
		}
	})
}
