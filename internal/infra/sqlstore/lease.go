package sqlstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"hongyan/internal/im"
)

const (
	leaseTTL   = 10 * time.Second
	leaseRenew = 3 * time.Second
)

// lease holds this process's node number: ids carry it, so two processes must
// never have the same one at a time.
type lease struct {
	s      *Store
	node   int
	holder string
	lost   chan struct{}

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// acquireLease takes the lowest free node number and keeps it.
func (s *Store) acquireLease(ctx context.Context) (*lease, error) {
	raw := make([]byte, 8)
	_, _ = rand.Read(raw)
	l := &lease{s: s, holder: hex.EncodeToString(raw), node: -1, lost: make(chan struct{})}
	err := s.write(ctx, func(ctx context.Context, t tx) error {
		l.node = -1
		now := s.clock.NowMs()
		for n := 0; n <= im.MaxNode; n++ {
			k, err := t.exec(ctx, `INSERT INTO node_lease (node, holder, kind, expires) VALUES ($1,$2,$3,$4)
				ON CONFLICT (node) DO UPDATE SET holder = excluded.holder, kind = excluded.kind, expires = excluded.expires WHERE node_lease.expires < $5`,
				n, l.holder, s.cfg.NodeKind, now+leaseTTL.Milliseconds(), now)
			if err != nil {
				return err
			}
			if k > 0 {
				l.node = n
				return nil
			}
		}
		return errors.New("all node numbers are taken: more than 32 servers and tools on one database")
	})
	if err != nil {
		return nil, err
	}
	rctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.wg.Add(1)
	go l.keep(rctx)
	return l, nil
}

func (l *lease) keep(ctx context.Context) {
	defer l.wg.Done()
	t := time.NewTicker(leaseRenew)
	defer t.Stop()
	good := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		var k int64
		wctx, cancel := context.WithTimeout(ctx, leaseRenew)
		err := l.s.write(wctx, func(ctx context.Context, t tx) error {
			var err error
			k, err = t.exec(ctx, `UPDATE node_lease SET expires = $1 WHERE node = $2 AND holder = $3`,
				l.s.clock.NowMs()+leaseTTL.Milliseconds(), l.node, l.holder)
			return err
		})
		cancel()
		switch {
		case err == nil && k == 1:
			good = time.Now()
		case err == nil || time.Since(good) > leaseTTL-leaseRenew:
			if ctx.Err() == nil {
				l.s.log.Error("node lease lost", "node", l.node, "err", err)
				close(l.lost)
			}
			return
		}
	}
}

// release gives the number back. It is called when the committers have ended.
func (l *lease) release() {
	l.stop()
	l.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	sess := &dbSession{s: l.s, db: l.s.writer.db}
	defer sess.close()
	// Best effort: an unreleased lease expires.
	_ = sess.transaction(ctx, func(t tx) error {
		_, err := t.exec(ctx, `DELETE FROM node_lease WHERE node = $1 AND holder = $2`, l.node, l.holder)
		return err
	})
}
