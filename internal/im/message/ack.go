package message

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hongyan/internal/im"
)

// ackFlushEvery bounds how far acknowledgements of delivery trail behind: 4-5
// has no answer, and losing one only delivers again (ARCHITECTURE.md section 2).
const ackFlushEvery = time.Second

// maxPendingMarks bounds the memory of acknowledgements not yet written; when
// it is reached they are written early.
const maxPendingMarks = 50_000

// Acks collects what accounts have received and writes it behind, one update
// per account and conversation and second however many messages there were.
type Acks struct {
	store Store
	full  chan struct{} // capacity 1: "flush now" needs no queue

	mu      sync.Mutex // guards pending
	pending map[ackKey]SeqSet

	flushMu sync.Mutex // held while writing, so that a flush returns only after older ones
}

type ackKey struct {
	app, accid string
	conv       im.ConvKey
}

func newAcks(store Store) *Acks {
	return &Acks{store: store, full: make(chan struct{}, 1), pending: map[ackKey]SeqSet{}}
}

func (a *Acks) add(app, accid string, conv im.ConvKey, seq int64) {
	k := ackKey{app, accid, conv}
	a.mu.Lock()
	a.pending[k] = a.pending[k].Add(seq, seq)
	n := len(a.pending)
	a.mu.Unlock()
	if n >= maxPendingMarks {
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
				slog.Error("write delivery acknowledgements", "err", err)
			}
			return
		case <-t.C:
		case <-a.full:
		}
		if err := a.Flush(ctx); err != nil && ctx.Err() == nil {
			slog.Error("write delivery acknowledgements", "err", err)
		}
	}
}

// Flush writes what is pending. On an error it is kept for the next time.
func (a *Acks) Flush(ctx context.Context) error {
	a.flushMu.Lock()
	defer a.flushMu.Unlock()
	return a.write(ctx, a.take(func(ackKey) bool { return true }))
}

// FlushAccount writes what is pending for one account, before it is synchronised.
func (a *Acks) FlushAccount(ctx context.Context, app, accid string) error {
	a.flushMu.Lock()
	defer a.flushMu.Unlock()
	return a.write(ctx, a.take(func(k ackKey) bool { return k.app == app && k.accid == accid }))
}

func (a *Acks) take(want func(ackKey) bool) []Mark {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Mark
	for k, s := range a.pending {
		if want(k) {
			out = append(out, Mark{App: k.app, Accid: k.accid, Conv: k.conv, Seqs: s})
			delete(a.pending, k)
		}
	}
	return out
}

func (a *Acks) write(ctx context.Context, marks []Mark) error {
	if len(marks) == 0 {
		return nil
	}
	err := a.store.MarkDelivered(ctx, marks)
	if err == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range marks {
		k := ackKey{m.App, m.Accid, m.Conv}
		a.pending[k] = a.pending[k].Union(m.Seqs)
	}
	return err
}

// Delivered records that accid received the messages at these positions.
// Conversations it takes no part in are ignored.
func (s *Service) Delivered(app, accid string, at ...Position) {
	for _, p := range at {
		if p.Conv.Scene() == im.SceneP2P && p.Conv.Peer(accid) == "" {
			continue
		}
		s.acks.add(app, accid, p.Conv, p.Seq)
	}
}

// DeliveredIDs is Delivered for ids whose positions the caller does not know;
// unknown ids are ignored silently (docs/protocol/nim-core.md section 4.5).
func (s *Service) DeliveredIDs(ctx context.Context, app, accid string, ids []int64) error {
	found, err := s.store.Locate(ctx, app, ids)
	if err != nil {
		return err
	}
	for _, p := range found {
		s.Delivered(app, accid, p)
	}
	return nil
}
