package notice

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// ackFlushEvery bounds how far acknowledgements trail behind: 4-5 has no
// answer, and losing one only delivers again.
const ackFlushEvery = time.Second

// maxPendingAcks bounds the memory of acknowledgements not yet written; when it
// is reached they are written early.
const maxPendingAcks = 20_000

// maxKeptAcks bounds them while the store fails: what is beyond is forgotten,
// and delivered again.
const maxKeptAcks = 10 * maxPendingAcks

// Acks collects acknowledged notifications and deletes them behind.
type Acks struct {
	store Store
	full  chan struct{} // capacity 1: "flush now" needs no queue

	mu      sync.Mutex // guards pending
	pending map[Key]struct{}

	flushMu sync.Mutex // held while writing, so that a flush returns only after older ones
}

func newAcks(store Store) *Acks {
	return &Acks{store: store, full: make(chan struct{}, 1), pending: map[Key]struct{}{}}
}

func (a *Acks) add(app, accid string, ids []int64) {
	a.mu.Lock()
	for _, id := range ids {
		if len(a.pending) >= maxKeptAcks {
			break
		}
		a.pending[Key{app, accid, id}] = struct{}{}
	}
	n := len(a.pending)
	a.mu.Unlock()
	if n >= maxPendingAcks {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
}

// Run writes acknowledgements until ctx ends, then once more.
func (a *Acks) Run(ctx context.Context) {
	t := time.NewTicker(ackFlushEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := a.Flush(final); err != nil {
				slog.Error("write acknowledgements of notifications", "err", err)
			}
			return
		case <-t.C:
		case <-a.full:
		}
		if err := a.Flush(ctx); err != nil && ctx.Err() == nil {
			slog.Error("write acknowledgements of notifications", "err", err)
		}
	}
}

// Flush writes what is pending. On an error it is kept for the next time.
func (a *Acks) Flush(ctx context.Context) error {
	return a.flush(ctx, func(Key) bool { return true })
}

// FlushAccount writes what is pending for one account, before it is synchronised.
func (a *Acks) FlushAccount(ctx context.Context, app, accid string) error {
	return a.flush(ctx, func(k Key) bool { return k.App == app && k.Accid == accid })
}

func (a *Acks) flush(ctx context.Context, want func(Key) bool) error {
	a.flushMu.Lock()
	defer a.flushMu.Unlock()
	keys := a.take(want)
	if len(keys) == 0 {
		return nil
	}
	err := a.store.DeleteNotices(ctx, keys)
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, k := range keys {
			a.pending[k] = struct{}{}
		}
	}
	return err
}

func (a *Acks) take(want func(Key) bool) []Key {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Key
	for k := range a.pending {
		if want(k) {
			out = append(out, k)
			delete(a.pending, k)
		}
	}
	return out
}
