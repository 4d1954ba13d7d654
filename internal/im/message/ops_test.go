package message_test

import (
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
)

func TestOperationsOnMessages(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	off := hytest.App(t, store, "cloud_search", "false")
	clock := hytest.NewClock(time.Time{})
	accounts := account.New(account.Config{Store: store, Clock: clock.Now, TokenKey: hytest.Keys(t).TokenKey()})
	for _, id := range []string{"alice", "bob", "eve"} {
		if _, _, err := accounts.Register(t.Context(), a.Key, id, "t", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	svc := message.New(store, accounts, &hytest.Bus{}, clock.Now)
	n := 0
	send := func(from, to, body string) *message.Message {
		t.Helper()
		n++
		done := make(chan error, 1)
		m := &message.Message{From: from, To: to, IDClient: body + string(rune('a'+n)), Content: message.Content{Body: body}}
		if err := svc.SendP2P(t.Context(), message.Send{App: a, Msg: m}, func(_ *message.Message, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return m
	}
	count := func(who, keyword string) int {
		t.Helper()
		got, err := svc.Search(t.Context(), message.SearchQuery{App: a, Accid: who, Keyword: keyword, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	one, two := send("alice", "bob", "你好一"), send("bob", "alice", "你好二")
	for _, indexed := range []bool{false, true} {
		if indexed {
			if _, err := store.IndexMessages(t.Context(), a.Key, 1<<62, 100); err != nil {
				t.Fatal(err)
			}
		}
		if count("alice", "你好") != 2 || count("bob", "好") != 2 || count("eve", "你好") != 0 {
			t.Errorf("indexed %v: %d, %d, %d", indexed, count("alice", "你好"), count("bob", "好"), count("eve", "你好"))
		}
	}
	if _, err := svc.DeleteForSelf(t.Context(), a, "alice", "", []message.Deleted{{ID: two.ID}, {ID: 5}}); err != nil {
		t.Fatal(err)
	}
	if count("alice", "你好") != 1 || count("bob", "你好") != 2 {
		t.Error("a one-way deletion hides from one side")
	}
	recall := func(who string, m *message.Message, from, to string) im.Code {
		return im.CodeOf(svc.Recall(t.Context(), message.Recall{App: a, Operator: who, Kind: message.RecallP2P, From: from, To: to, ID: m.ID}))
	}
	for _, c := range []struct {
		name, who, from, to string
		want                im.Code
	}{
		{"a stranger", "eve", "alice", "bob", 403}, {"the receiver", "bob", "alice", "bob", 403},
		{"claimed as one's own", "bob", "bob", "alice", 403}, {"of another conversation", "eve", "eve", "bob", 200},
	} {
		if got := recall(c.who, one, c.from, c.to); got != c.want || count("bob", "你好") != 2 {
			t.Errorf("%s: %d", c.name, got)
		}
	}
	if got := recall("alice", one, "Alice", "bob"); got != 200 || count("bob", "你好") != 1 {
		t.Errorf("recall: %d", got)
	}
	old := send("alice", "bob", "旧")
	clock.Advance(121 * time.Second)
	if got := recall("alice", old, "alice", "bob"); got != 508 {
		t.Errorf("too old: %d", got)
	}
	if at, err := svc.ClearHistory(t.Context(), a, "bob", "", im.SceneP2P, "alice", message.ClearMode{Roaming: true}); err != nil || at < old.Time || count("bob", "旧") != 0 {
		t.Errorf("clear: %d, %v", at, err)
	}
	for _, c := range []struct {
		name string
		q    message.SearchQuery
		want im.Code
	}{
		{"off", message.SearchQuery{App: off, Keyword: "x", Limit: 1}, 403}, {"no keyword", message.SearchQuery{App: a, Limit: 1}, 414},
		{"limit", message.SearchQuery{App: a, Keyword: "x", Limit: 101}, 414}, {"times", message.SearchQuery{App: a, Keyword: "x", Limit: 1, FromMs: 2, ToMs: 1}, 414},
		{"senders", message.SearchQuery{App: a, Keyword: "x", Limit: 1, Senders: make([]string, 21)}, 414}, {"punctuation", message.SearchQuery{App: a, Keyword: "?!", Limit: 1}, 200},
	} {
		c.q.Accid = "alice"
		if _, err := svc.Search(t.Context(), c.q); im.CodeOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	r := message.Receipt{To: "Alice", Reader: "bob", TimeMs: clock.NowMs() + 10*dayMs}
	if err := svc.MarkReceipt(t.Context(), a, &r); err != nil || r.To != "alice" || r.TimeMs > clock.NowMs()+1000 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []message.Receipt{{To: "ghost", TimeMs: 1}, {To: "a b", TimeMs: 1}, {To: "alice"}} {
		bad.Reader = "bob"
		if err := svc.MarkReceipt(t.Context(), a, &bad); err == nil {
			t.Errorf("%+v", bad)
		}
	}
	for _, who := range []string{"alice", "eve"} {
		got, err := svc.ByID(t.Context(), a, who, []int64{old.ID, old.ID, one.ID, 7})
		if err != nil || len(got) != map[string]int{"alice": 1, "eve": 0}[who] {
			t.Errorf("%s: %d, %v", who, len(got), err)
		}
	}
}

const dayMs = 24 * 3600 * 1000
