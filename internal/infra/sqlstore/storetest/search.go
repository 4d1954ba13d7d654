package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

func testSearchIndex(t *testing.T, e *env) {
	s, app := e.openApp()
	var msgs []*message.Message
	for i, b := range []struct{ from, to, body string }{
		{"alice", "bob", "你好世界"}, {"bob", "alice", "世界杯 it's O'Neil \\ done"}, {"alice", "carol", "你好, Hello"},
		{"dora", "carol", "你好"}, {"alice", "alice", "界"}, {"alice", "bob", "好你"}, {"alice", "bob", ""},
	} {
		m := text(app, b.from, b.to, i)
		m.Content.Body = b.body
		send(t, s, m) // one at a time: ids in order
		msgs = append(msgs, m)
	}
	index := func() {
		t.Helper()
		for {
			n, err := s.IndexMessages(e.ctx(), app, 1<<62, 3)
			if err != nil {
				t.Fatal(err)
			}
			if n < 3 {
				return
			}
		}
	}
	index()
	if c, err := s.SearchCursor(e.ctx(), app); err != nil || c != msgs[6].ID {
		t.Errorf("cursor %d, %v", c, err)
	}
	term := func(words ...string) []message.SearchTerm {
		var out []message.SearchTerm
		for _, w := range words {
			out = append(out, message.SearchTerm{Text: w})
		}
		return out
	}
	alice := message.SearchProbe{Accid: "alice", MaxID: 1 << 62, Limit: 10}
	for _, c := range []struct {
		name   string
		change func(*message.SearchProbe)
		want   []int
	}{
		{"two characters", func(q *message.SearchProbe) { q.Terms = term("你好") }, []int{2, 0}},
		{"one character", func(q *message.SearchProbe) { q.Terms = term("界") }, []int{4, 1, 0}},
		{"ascending", func(q *message.SearchProbe) { q.Terms, q.Ascending = term("界"), true }, []int{0, 1, 4}},
		{"limit", func(q *message.SearchProbe) { q.Terms, q.Limit = term("界"), 2 }, []int{4, 1}},
		{"ids", func(q *message.SearchProbe) { q.Terms, q.MinID, q.MaxID = term("界"), msgs[1].ID, msgs[4].ID }, []int{1}},
		{"both", func(q *message.SearchProbe) { q.Terms = term("世界", "界杯") }, []int{1}},
		{"beginning of a word", func(q *message.SearchProbe) { q.Terms = []message.SearchTerm{{Text: "hel", Prefix: true}} }, []int{2}},
		{"no beginning", func(q *message.SearchProbe) { q.Terms = term("hel") }, nil},
		{"sender", func(q *message.SearchProbe) { q.Terms, q.Senders = term("世界"), []string{"bob", "carol"} }, []int{1}},
		{"conversations", func(q *message.SearchProbe) {
			q.Terms, q.Accid, q.Convs = term("你好"), "", []im.ConvKey{msgs[0].Conv, "t|5"}
		}, []int{0}},
		{"nobody's", func(q *message.SearchProbe) { q.Terms, q.Accid = term("你好"), "" }, nil},
		{"hostile", func(q *message.SearchProbe) { q.Terms = term(`"' OR \ :* (`) }, nil},
	} {
		q := alice
		c.change(&q)
		var want []int64
		for _, i := range c.want {
			want = append(want, msgs[i].ID)
		}
		got, err := s.SearchIDs(e.ctx(), app, q)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
	}
	q := alice
	q.Terms = term("你好")
	if got, err := s.SearchIDs(e.ctx(), e.putApp(s, "app-two"), q); err != nil || len(got) != 0 {
		t.Errorf("another app: %v, %v", got, err)
	}
	if done, err := s.Erase(e.ctx(), msgs[0], nil); !done || err != nil {
		t.Fatal(err)
	}
	if got, err := s.SearchIDs(e.ctx(), app, q); err != nil || len(got) != 1 {
		t.Errorf("after a recall: %v, %v", got, err)
	}
}
