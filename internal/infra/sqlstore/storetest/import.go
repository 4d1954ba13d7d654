package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
	"hongyan/internal/infra/sqlstore"
)

// moved makes messages of the source from a to b at the given times.
func moved(first int, times ...int64) []transfer.Message {
	var out []transfer.Message
	for i, ms := range times {
		n := first + i
		out = append(out, transfer.Message{OldID: fmt.Sprint("old-", n), Msg: &message.Message{From: "alice", To: "bob", Time: ms,
			IDClient: fmt.Sprint("client-", n), Content: message.Content{Body: fmt.Sprintf("moved 第%d", n)}}})
	}
	return out
}

func importPage(e *env, s *sqlstore.Store, app string, last int64, msgs []transfer.Message, marks ...transfer.Mark) (int64, int) {
	e.t.Helper()
	last, stored, err := s.ImportMessages(e.ctx(), app, &transfer.Page{Conv: im.P2PKey("alice", "bob"), LastSeq: last, Messages: msgs, Marks: marks})
	if err != nil {
		e.t.Fatal(err)
	}
	return last, stored
}

func testImportMessages(t *testing.T, e *env) {
	s, app := e.openApp()
	conv := im.P2PKey("alice", "bob")
	at := time.Now().Add(-48 * time.Hour).UnixMilli()
	old := time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	if last, n := importPage(e, s, app, 0, moved(0, old, old, old+1, at, at)); last != 5 || n != 5 {
		t.Fatalf("the first page: %d, %d", last, n)
	}
	// The page again, with one more message: what is known stays as it is.
	if last, n := importPage(e, s, app, 5, moved(0, old, old, old+1, at, at, at+5), transfer.Mark{Kind: "conv", Key: string(conv), Value: "x"}); last != 6 || n != 1 {
		t.Fatalf("the page again: %d, %d", last, n)
	}
	msgs := history(t, s, app, conv)
	checkOrder(t, msgs, 6)
	var times []int64
	for i, m := range msgs {
		times = append(times, m.Time)
		if m.Content.Body != fmt.Sprintf("moved 第%d", i) || m.IDClient != fmt.Sprint("client-", i) || m.ID <= 0 || m.ID >= 1<<53 {
			t.Errorf("message %d: %+v", i, m)
		}
		if d := im.IDTimeMs(m.ID) - m.Time; d < -10 || d > 10 {
			t.Errorf("message %d of %d has an id of %d", i, m.Time, im.IDTimeMs(m.ID))
		}
	}
	// A conversation cannot hold two messages of one moment.
	if want := []int64{old, old + 1, old + 2, at, at + 1, at + 5}; !slices.Equal(times, want) {
		t.Errorf("times %d, want %d", times, want)
	}
	checkIDs(t, msgs)
	ids, err := s.Map(e.ctx(), app, transfer.MapMessage, []string{"old-0", "old-5", "old-6"})
	if err != nil || len(ids) != 2 || ids["old-0"] != msgs[0].ID || ids["old-5"] != msgs[5].ID {
		t.Errorf("mapping %v, %v", ids, err)
	}
	if list, err := s.Mappings(e.ctx(), app, transfer.MapMessage, "old-1", 3); err != nil || len(list) != 3 || list[0].Old != "old-2" {
		t.Errorf("mappings %v, %v", list, err)
	}
	if v, ok, err := s.MarkOf(e.ctx(), app, "conv", string(conv)); v != "x" || !ok || err != nil {
		t.Errorf("mark %q, %v, %v", v, ok, err)
	}

	if _, _, err := s.ImportMessages(e.ctx(), app, &transfer.Page{Conv: conv, LastSeq: 5, Messages: moved(9, at+9), Marks: []transfer.Mark{{Kind: "conv", Key: string(conv), Value: "y"}}}); im.CodeOf(err) != im.CodeRepeated {
		t.Errorf("a page behind what somebody else wrote: %v", err)
	}
	if v, _, _ := s.MarkOf(e.ctx(), app, "conv", string(conv)); v != "x" {
		t.Errorf("a refused page left the mark %q", v)
	}

	if err := s.SettleConversation(e.ctx(), app, conv, nil); err != nil {
		t.Fatal(err)
	}
	for _, accid := range []string{"alice", "bob"} {
		c, err := s.Conversations(e.ctx(), app, accid, 10)
		if err != nil || len(c) != 1 || c[0].Delivered.Prefix() != 6 || c[0].LastSeq != 6 || c[0].LastTime != at+5 {
			t.Errorf("%s: %+v, %v", accid, c, err)
		}
	}
	// Live messages go on behind them.
	send(t, s, text(app, "bob", "alice", 1))
	checkOrder(t, history(t, s, app, conv), 7)
	if list, err := s.ConversationsAfter(e.ctx(), app, "", 10); err != nil || len(list) != 1 || list[0] != (transfer.Extent{Conv: conv, LastSeq: 7}) {
		t.Errorf("conversations %v, %v", list, err)
	}
	other := e.putApp(s, "other")
	if ids, err := s.Map(e.ctx(), other, transfer.MapMessage, []string{"old-0"}); err != nil || len(ids) != 0 {
		t.Errorf("another app has %v, %v", ids, err)
	}
}

// Ids of one moment are unique over all apps, and an index that has gone on
// learns of them.
func testImportIDs(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "other")
	at := time.Now().Add(-time.Hour).UnixMilli()
	send(t, s, text(app, "carol", "dave", 1))
	if _, err := s.IndexMessages(e.ctx(), app, s.IDs().Next(), 100); err != nil {
		t.Fatal(err)
	}
	times := make([]int64, 300)
	for i := range times {
		times[i] = at
	}
	seen := map[int64]bool{}
	for _, a := range []string{app, other} {
		importPage(e, s, a, 0, moved(0, times...))
		for _, m := range history(t, s, a, im.P2PKey("alice", "bob")) {
			if seen[m.ID] {
				t.Fatalf("id %d twice", m.ID)
			}
			seen[m.ID] = true
		}
	}
	ids, err := s.SearchIDs(e.ctx(), app, message.SearchProbe{Accid: "bob", Terms: []message.SearchTerm{{Text: "moved"}}, Limit: 1000, MaxID: 1 << 53})
	if err != nil || len(ids) != len(times) {
		t.Errorf("%d found, %v", len(ids), err)
	}
}

func testImportTeam(t *testing.T, e *env) {
	s, app := e.openApp()
	const base = int64(1_700_000_000_000)
	in := &transfer.Team{OldID: "4711", Team: &team.Team{App: app, Kind: team.Normal, TID: 77, Type: team.Advanced, Name: "队伍", Owner: "owner", Level: 200, Valid: true,
		MemberNum: 3, CreatedMs: base, UpdatedMs: base}}
	for i, accid := range []string{"owner", "early", "late"} {
		in.Members = append(in.Members, &team.Member{Accid: accid, JoinMs: base + int64(i)*1000, UpdatedMs: base, Nick: "nick of " + accid})
	}
	put := func() {
		t.Helper()
		if err := s.ImportTeam(e.ctx(), app, in, nil); err != nil {
			t.Fatal(err)
		}
	}
	put()
	page := &transfer.Page{Conv: teamConv}
	for i, ms := range []int64{base, base + 500, base + 1500, base + 2500} {
		page.Messages = append(page.Messages, transfer.Message{OldID: fmt.Sprint(i), Msg: &message.Message{From: "owner", To: "77", Time: ms, IDClient: fmt.Sprint(i)}})
	}
	page.Messages[1].Msg.Type = message.Notification // of early, who joined with others
	page.Messages[1].Msg.Content.Attach = `{"data":{"ids":["early"],"id":0}}`
	if _, _, err := s.ImportMessages(e.ctx(), app, page); err != nil {
		t.Fatal(err)
	}
	if err := s.SettleConversation(e.ctx(), app, teamConv, nil); err != nil {
		t.Fatal(err)
	}
	joined := func() map[string]int64 {
		t.Helper()
		out := map[string]int64{}
		members, err := s.Members(e.ctx(), app, teamConv, team.MemberQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if !m.Valid || m.Nick != "nick of "+m.Accid {
				t.Errorf("member %+v", m)
			}
			out[m.Accid] = m.Span.Joined
		}
		return out
	}
	if diff := cmp.Diff(map[string]int64{"owner": 1, "early": 2, "late": 4}, joined()); diff != "" {
		t.Error(diff)
	}
	if c, err := s.Conversations(e.ctx(), app, "late", 10); err != nil || len(c) != 1 || c[0].Delivered.Prefix() != 4 {
		t.Errorf("conversations %+v, %v", c, err)
	}
	if ids, err := s.Map(e.ctx(), app, transfer.MapTeam, []string{"4711"}); err != nil || ids["4711"] != 77 {
		t.Errorf("mapping %v, %v", ids, err)
	}
	// Later the team has lost a member and won another.
	in.Members = append(in.Members[:2], &team.Member{Accid: "newest", JoinMs: base + 9000, Nick: "nick of newest"})
	put()
	if diff := cmp.Diff(map[string]int64{"owner": 1, "early": 2, "newest": 5}, joined()); diff != "" {
		t.Error(diff)
	}
	if c, err := s.Conversations(e.ctx(), app, "late", 10); err != nil || len(c) != 0 {
		t.Errorf("a former member has %+v, %v", c, err)
	}
	if err := s.DismissTeam(e.ctx(), app, teamConv, base+10_000, nil); err != nil {
		t.Fatal(err)
	}
	teams, err := s.Teams(e.ctx(), app, []im.ConvKey{teamConv})
	if err != nil || teams[teamConv] == nil || teams[teamConv].Valid || len(joined()) != 0 {
		t.Errorf("a dismissed team: %+v, %v", teams[teamConv], err)
	}
}

func testImportAccounts(t *testing.T, e *env) {
	s, app := e.openApp()
	var all []*account.Account
	for i := range 130 {
		all = append(all, &account.Account{App: app, Accid: fmt.Sprintf("user%03d", i), TokenHash: fmt.Sprint("hash", i), CreatedMs: 5,
			Card: account.Card{Name: fmt.Sprintf("名字%d 🦢", i), UpdatedMs: 5}, Blocked: i == 3, Mute: account.Mutes{P2P: i == 4}})
	}
	put := func(marks ...transfer.Mark) {
		t.Helper()
		if err := s.ImportAccounts(e.ctx(), app, all, marks); err != nil {
			t.Fatal(err)
		}
	}
	put(transfer.Mark{Kind: "done", Key: "a", Value: "1"}, transfer.Mark{Kind: "done", Key: "b", Value: "1"})
	get := func(accid string) *account.Account {
		t.Helper()
		a, err := s.Account(context.Background(), app, accid)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := get("user129"); a.Card.Name != "名字129 🦢" || a.TokenHash != "hash129" {
		t.Errorf("%+v", a)
	}
	if !get("user003").Blocked || !get("user004").Mute.P2P {
		t.Error("block or mute is lost")
	}
	if _, err := s.UpdateAccount(e.ctx(), app, "user000", func(a *account.Account) error { a.Mute.AV, a.Donnop = true, true; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		a.TokenHash, a.Card.UpdatedMs = "", 9
	}
	all[1].Card.Sign = "new"
	put()
	if a := get("user000"); a.TokenHash != "hash0" || a.Card.UpdatedMs != 5 || !a.Mute.AV || !a.Donnop {
		t.Errorf("an unchanged account: %+v", a)
	}
	if a := get("user001"); a.TokenHash != "hash1" || a.Card.UpdatedMs != 9 || a.Card.Sign != "new" {
		t.Errorf("a changed card: %+v", a)
	}
	if marks, err := s.Marks(e.ctx(), app, "done", "a", 10); err != nil || len(marks) != 1 || marks[0].Key != "b" {
		t.Errorf("marks %v, %v", marks, err)
	}
	if err := s.AddMarks(e.ctx(), app, []transfer.Mark{{Kind: "done", Key: "a", Value: "2"}, {Kind: "done", Key: "c", Value: "2"}}); err != nil {
		t.Fatal(err)
	}
	if marks, err := s.Marks(e.ctx(), app, "done", "", 10); err != nil || len(marks) != 3 || marks[0].Value != "1" || marks[2].Value != "2" {
		t.Errorf("marks %v, %v", marks, err)
	}

	friends := []*friend.Friend{{Accid: "user002", Valid: true, Origin: friend.Direct, Alias: "二", CreatedMs: 1, UpdatedMs: 2}, {Accid: "user003", Valid: true, Origin: friend.Direct}}
	relations := []*friend.Relation{{Accid: "user005", Black: true, Muted: true, CreatedMs: 3, UpdatedMs: 3}}
	for _, f := range [][]*friend.Friend{friends, friends[:1]} {
		if err := s.ImportRelations(e.ctx(), app, "user001", f, relations, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Friends(e.ctx(), app, "user001", 0, true)
	if err != nil || len(got) != 1 || got[0].Alias != "二" || !got[0].Valid {
		t.Errorf("friends %+v, %v", got, err)
	}
	if r, err := s.Relations(e.ctx(), app, "user001"); err != nil || len(r) != 1 || !r[0].Black || !r[0].Muted {
		t.Errorf("relations %+v, %v", r, err)
	}
}
