package move_test

import (
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/move"
)

func TestListsOfAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []move.Account
		err  string
	}{
		"names":                   {"alice\nBob\n", []move.Account{{Accid: "alice"}, {Accid: "bob"}}, ""},
		"tokens":                  {"alice, secret \r\nbob,\"a,b\"\n", []move.Account{{Accid: "alice", Token: "secret"}, {Accid: "bob", Token: "a,b"}}, ""},
		"heading and comments":    {"\ufeffAccid,Token\n# people\n\nalice,x\n", []move.Account{{Accid: "alice", Token: "x"}}, ""},
		"accid as the only field": {"accid\nalice", []move.Account{{Accid: "alice"}}, ""},
		"an account called so":    {"accid1\n", []move.Account{{Accid: "accid1"}}, ""},
		"twice":                   {"alice\nALICE,x\nalice\n", []move.Account{{Accid: "alice", Token: "x"}}, ""},
		"two tokens":              {"alice,x\nalice,y\n", nil, "line 2: alice is there twice"},
		"bad names":               {"ok\na b\n王小明\n" + strings.Repeat("x", 33) + "\n", nil, "line 2: \"a b\" is no accid"},
		"three fields":            {"a,b,c\n", nil, "line 1: more than 2 fields"},
		"a broken quote":          {"\"a,b\n", nil, "line 1"},
		"nothing":                 {"\n# none\n", nil, "no account"},
		"many faults":             {strings.Repeat("a b\n", 50), nil, "and 40 more"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := move.ReadAccounts(strings.NewReader(c.in))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want %q", err, c.err)
				}
				return
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	pairs, err := move.ReadPairs(strings.NewReader("Bob,alice\nalice,alice\n"))
	if err != nil || !slices.Equal(pairs, []im.ConvKey{"p|alice|bob", "p|alice|alice"}) {
		t.Errorf("%v, %v", pairs, err)
	}
	if _, err := move.ReadPairs(strings.NewReader("alice\n")); err == nil {
		t.Error("half a pair is accepted")
	}
}
