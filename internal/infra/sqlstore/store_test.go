package sqlstore_test

import (
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/infra/sqlstore/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) sqlstore.Config { return hytest.SQLite(t) })
}

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, func(t *testing.T) sqlstore.Config { return hytest.PostgreSQL(t) })
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			c := config(t)
			hytest.NoLeaks(t)
			s := hytest.Open(t, c)
			a := hytest.App(t, s)
			stored := make(chan error, 1)
			m := &message.Message{App: a.Key, From: "a", To: "b", Conv: "p|a|b", IDClient: "1"}
			if err := s.Append(&message.Pending{Msg: m, Idempotent: true, Done: func(_ bool, err error) { stored <- err }}); err != nil {
				t.Fatal(err)
			}
			if err := <-stored; err != nil {
				t.Fatal(err)
			}
		})
	}
}
