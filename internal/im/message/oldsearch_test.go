package message_test

import (
	"context"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

// newestOnly is a store whose accounts have more conversations than are looked
// through: all but the newest are beyond the bound.
type newestOnly struct{ *sqlstore.Store }

func (s newestOnly) Conversations(ctx context.Context, app, accid string, _ int) ([]message.ConvState, error) {
	return s.Store.Conversations(ctx, app, accid, 1)
}

func TestSearchInNamedConversations(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	accounts := account.New(account.Config{Store: store, Clock: time.Now, TokenKey: hytest.Keys(t).TokenKey()})
	for _, id := range []string{"alice", "bob", "carol"} {
		if _, _, err := accounts.Register(t.Context(), a.Key, id, "t", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	svc := message.New(newestOnly{store}, accounts, &hytest.Bus{}, time.Now)
	for _, from := range []string{"bob", "carol"} { // bob's conversation is the older one
		done := make(chan error, 1)
		m := &message.Message{From: from, To: "alice", IDClient: from, Content: message.Content{Body: "needle"}}
		if err := svc.SendP2P(t.Context(), message.Send{App: a, Msg: m}, func(_ *message.Message, err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.IndexMessages(t.Context(), a.Key, 1<<62, 100); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    message.SearchQuery
		want int
	}{
		{"everything", message.SearchQuery{}, 2},
		{"an old conversation", message.SearchQuery{Peers: []string{"bob"}}, 1},
		{"an old conversation, its name in another spelling", message.SearchQuery{Peers: []string{"Bob"}}, 1},
		{"a sender in another spelling", message.SearchQuery{Senders: []string{"BOB"}}, 1},
		{"no conversation of that name", message.SearchQuery{Peers: []string{"dave"}}, 0},
		{"a team of others", message.SearchQuery{Teams: []string{"4711"}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.q.App, c.q.Accid, c.q.Keyword, c.q.Limit = a, "alice", "needle", 10
			if got, err := svc.Search(t.Context(), c.q); err != nil || len(got) != c.want {
				t.Errorf("%d found, %v, want %d", len(got), err, c.want)
			}
		})
	}
}
