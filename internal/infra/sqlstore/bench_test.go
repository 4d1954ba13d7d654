package sqlstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hongyan/internal/im"
	imapp "hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
)

// BenchmarkAppend stores one-to-one messages of 100 pairs, 100 at a time.
func BenchmarkAppend(b *testing.B) {
	keys, err := seal.New(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	s, err := sqlstore.Open(context.Background(), sqlstore.Config{Dir: b.TempDir(), Keys: keys, Clock: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.PutApp(context.Background(), &imapp.App{Key: "k", Secret: "s"}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 100)
	n := 0
	for b.Loop() {
		n++
		slots <- struct{}{}
		wg.Add(1)
		from, to := fmt.Sprintf("a%d", n%100), fmt.Sprintf("b%d", n%100)
		m := &message.Message{App: "k", From: from, To: to, Conv: im.P2PKey(from, to), IDClient: fmt.Sprintf("%032x", n), ClientType: 16,
			Content: message.Content{Body: fmt.Sprintf("%0200d", n), FromNick: from}}
		if err := s.Append(&message.Pending{Msg: m, Idempotent: true, Done: func(dup bool, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
			wg.Done()
		}}); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
}
