package move_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/move"
	"hongyan/internal/server"
)

// odd are names and texts that break what is not careful.
var odd = []string{"王小明 🦢", `quote " back \ slash`, "new\nline\ttab", "<script>&amp;</script>", "👨‍👩‍👧‍👦 e\u0301 \u202e rtl", "'; DROP TABLE account; --", "{\"json\":1}", "  blanks  "}

// people makes the accounts p0, p1, ... with odd cards.
func (s *source) people(n int) []string {
	s.t.Helper()
	var out []string
	for i := range n {
		accid := fmt.Sprintf("p%d", i)
		s.call("user/create", "accid", accid, "name", odd[i%len(odd)], "sign", odd[(i+1)%len(odd)], "ex", odd[(i+2)%len(odd)], "gender", fmt.Sprint(i%3), "icon", "https://example.com/i.png")
		out = append(out, accid)
	}
	return out
}

// talk fills the source with relations and one-to-one history.
func (s *source) talk(accids []string) (messages int) {
	s.t.Helper()
	a, b, c := accids[0], accids[1], accids[2]
	s.call("friend/add", "accid", a, "faccid", b, "type", "1", "serverex", odd[0])
	s.call("friend/update", "accid", a, "faccid", b, "alias", odd[4], "ex", odd[1])
	s.call("friend/add", "accid", a, "faccid", c, "type", "1")
	s.call("user/setSpecialRelation", "accid", a, "targetAcc", accids[3], "relationType", "1", "value", "1")
	s.call("user/setSpecialRelation", "accid", a, "targetAcc", accids[3], "relationType", "2", "value", "1")
	s.call("user/setSpecialRelation", "accid", b, "targetAcc", a, "relationType", "2", "value", "1")
	s.call("user/mute", "accid", c, "mute", "true")
	s.call("user/block", "accid", accids[4])
	for i := range 130 { // more than a page
		from, to := a, b
		if i%3 == 0 {
			from, to = b, a
		}
		s.say(from, to, fmt.Sprintf("%d: %s", i, odd[i%len(odd)]), "ext", odd[(i+3)%len(odd)])
	}
	s.say(a, a, "to myself")
	s.say(b, c, "hello")
	for typ, body := range map[string]string{"1": `{"name":"图.png","md5":"0cc175b9c0f1b6a831c399e269772661","url":"https://x/<a>&b.png","ext":"png","w":1,"h":2,"size":3}`,
		"4": `{"title":"杭州","lng":120.20,"lat":30.25}`, "100": `{"tid":"7","tinfo":{"1":"7"},"n":1.0,"big":12345678901234567890}`} {
		s.call("msg/sendMsg", "from", a, "ope", "0", "to", c, "type", typ, "body", body)
	}
	s.say(a, c, "only for the sender", "msgReceiverNoSense", "1")
	s.say(a, c, "only for the receiver", "msgSenderNoSense", "1")
	return 130 + 2 + 3 + 2
}

func TestAccountsRelationsAndOneToOneHistoryComeOver(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(9)
	want := s.talk(accids)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams}
	rep := g.mustEqual(c)
	if n := count(t, rep, "messages"); n != int64(want) || rep.Stored != n {
		t.Errorf("%d messages, %d new, want %d", n, rep.Stored, want)
	}
	if n := count(t, rep, "accounts"); n != int64(len(accids)) {
		t.Errorf("%d accounts", n)
	}
	if len(rep.LeftOut)+len(rep.Unlisted) > 0 {
		t.Errorf("left out %q, not listed %q", rep.LeftOut, rep.Unlisted)
	}
	conv := im.P2PKey("p0", "p1")
	g.with(func(tool *server.Tool) {
		dst := tool.Bulk()
		msgs, err := dst.Page(t.Context(), targetKey, conv, message.PageQuery{Ascending: true, Limit: 1000})
		if err != nil || len(msgs) != 130 {
			t.Fatalf("%d messages, %v", len(msgs), err)
		}
		for i, m := range msgs {
			if m.Seq != int64(i+1) || m.Content.Body != fmt.Sprintf("%d: %s", i, odd[i%len(odd)]) || m.Content.Ext != odd[(i+3)%len(odd)] {
				t.Fatalf("message %d: %+v", i, m)
			}
		}
		// What one side never saw it does not see now.
		for who, want := range map[string]string{"p0": "only for the sender", "p2": "only for the receiver"} {
			msgs, err := dst.Page(t.Context(), targetKey, im.P2PKey("p0", "p2"), message.PageQuery{Ascending: true, Limit: 1000, Viewer: who})
			if err != nil || len(msgs) != 4 || msgs[3].Content.Body != want {
				t.Errorf("%s sees %d messages, %v", who, len(msgs), err)
			}
		}
		friends, err := dst.Friends(t.Context(), targetKey, "p0", -1, false)
		if err != nil || len(friends) != 2 || friends[0].Alias != odd[4] || friends[0].Ext != odd[1] || friends[0].ServerExt != odd[0] {
			t.Errorf("friends %+v, %v", friends, err)
		}
		accounts, err := dst.Accounts(t.Context(), targetKey, []string{"p0", "p2", "p4"})
		if err != nil || len(accounts) != 3 {
			t.Fatalf("%d accounts, %v", len(accounts), err)
		}
		for _, a := range accounts {
			if a.Blocked != (a.Accid == "p4") || a.Mute.All != (a.Accid == "p2") {
				t.Errorf("%+v", a)
			}
		}
	})

	// Again: nothing is doubled; then only what is new comes.
	if rep := g.mustEqual(c); rep.Stored != 0 || count(t, rep, "messages") != int64(want) {
		t.Errorf("the second run stored %d", rep.Stored)
	}
	s.say("p1", "p0", "later")
	s.call("user/updateUinfo", "accid", "p0", "name", "renamed")
	s.call("friend/delete", "accid", "p0", "faccid", "p2")
	if rep := g.mustEqual(c); rep.Stored != 1 || count(t, rep, "messages") != int64(want+1) {
		t.Errorf("the third run stored %d", rep.Stored)
	}
	if !strings.Contains(g.out.String(), "run 3: fetching what has changed") {
		t.Errorf("it said\n%s", g.out)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(6)
	s.talk(accids)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams}
	g.mustEqual(c)
	// Somebody writes to the app here, and the source changes.
	g.with(func(tool *server.Tool) {
		if err := tool.Accounts.SetBlocked(t.Context(), targetKey, "p5", true); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		m := &message.Message{App: targetKey, Conv: im.P2PKey("p0", "p1"), From: "p0", To: "p1", IDClient: "x", Content: message.Content{Body: "too early"}}
		if err := tool.Bulk().(interface {
			Append(*message.Pending) error
		}).Append(&message.Pending{Msg: m, Done: func(_ bool, err error) { done <- err }}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
	s.call("user/setSpecialRelation", "accid", "p0", "targetAcc", "p2", "relationType", "1", "value", "1")
	c.CompareOnly = true
	rep, err := g.bring(t.Context(), c)
	if err != nil || rep.Equal() {
		t.Fatalf("equal: %v, %v", rep, err)
	}
	for _, want := range []string{"account p5: source", "conversation p|p0|p1: 130 messages in the source, 131 here", "lists of p0: source"} {
		if !slices.ContainsFunc(rep.Differences, func(d string) bool { return strings.HasPrefix(d, want) }) {
			t.Errorf("%q is not among\n%s", want, strings.Join(rep.Differences, "\n"))
		}
	}
	if len(rep.Differences) != 3 || rep.Stored != 0 {
		t.Errorf("%d differences, %d stored", len(rep.Differences), rep.Stored)
	}
	// What was written here stays, and the conversation is left alone.
	c.CompareOnly = false
	s.say("p0", "p1", "in the source")
	rep, err = g.bring(t.Context(), c)
	if err != nil || rep.Equal() || !slices.ContainsFunc(rep.LeftOut, func(l string) bool { return strings.Contains(l, "p|p0|p1 ends at 131 here and not at 130") }) {
		t.Errorf("%+v, %v", rep, err)
	}
}
