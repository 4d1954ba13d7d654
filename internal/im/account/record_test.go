package account_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/account"
	"hongyan/internal/infra/sqlstore"
)

// weak is a store whose first writes of login records fail.
type weak struct {
	*sqlstore.Store
	failures atomic.Int32
}

func (w *weak) AddLoginRecords(ctx context.Context, rs []account.LoginRecord) error {
	if w.failures.Add(-1) >= 0 {
		return errors.New("disk on fire")
	}
	return w.Store.AddLoginRecords(ctx, rs)
}

// TestLoginRecordsOutliveAFailure: what the store refuses is offered again, in
// order; at the end of the process too.
func TestLoginRecordsOutliveAFailure(t *testing.T) {
	store := &weak{Store: hytest.Store(t)}
	store.failures.Store(1)
	a := hytest.App(t, store.Store)
	svc := account.New(account.Config{Store: store, Clock: time.Now, TokenKey: []byte("k")})
	log := account.NewLoginLog(svc, store.IDs())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); log.Run(ctx) }()
	for i := range 3 {
		log.Add(account.LoginRecord{App: a.Key, Accid: "alice", TimeMs: int64(i), Event: 2})
	}
	records := func() []account.LoginRecord {
		t.Helper()
		list, err := store.LoginRecords(t.Context(), a.Key, "alice", account.RecordQuery{Ascending: true, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	hytest.Eventually(t, "the records are written", func() bool { return len(records()) == 3 })
	log.Add(account.LoginRecord{App: a.Key, Accid: "alice", TimeMs: 3, Event: 3})
	stop()
	<-done
	for i, r := range records() {
		if r.TimeMs != int64(i) {
			t.Errorf("record %d is of %d", i, r.TimeMs)
		}
	}
	if n := len(records()); n != 4 {
		t.Errorf("%d records at the end", n)
	}
}
