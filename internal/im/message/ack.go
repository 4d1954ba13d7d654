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

	mu      sync.Mutex // guards the rest
	pending map[ackAccount]map[im.ConvKey]SeqSet
	count   int                // conversations in pending
	writing map[ackAccount]int // accounts in writes under way

	flushMu sync.Mutex // held while writing, so that a flush returns only after older ones; before mu
}

type ackAccount struct{ app, accid string }

func newAcks(store Store) *Acks {
	return &Acks{store: store, full: make(chan struct{}, 1), pending: map[ackAccount]map[im.ConvKey]SeqSet{}, writing: map[ackAccount]int{}}
}

func (a *Acks) add(app, accid string, conv im.ConvKey, seq int64) {
	a.addAll(app, accid, conv, SeqSet{{seq, seq}})
}

func (a *Acks) addAll(app, accid string, conv im.ConvKey, s SeqSet) {
	a.mu.Lock()
	a.merge(ackAccount{app, accid}, conv, s)
	n := a.count
	a.mu.Unlock()
	if n >= maxPendingMarks {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
}

// merge is called with mu held.
func (a *Acks) merge(k ackAccount, conv im.ConvKey, s SeqSet) {
	convs := a.pending[k]
	if convs == nil {
		convs = map[im.ConvKey]SeqSet{}
		a.pending[k] = convs
	}
	old, ok := convs[conv]
	if !ok {
		a.count++
	}
	convs[conv] = old.Union(s)
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
	a.mu.Lock()
	all := a.pending
	a.pending, a.count = map[ackAccount]map[im.ConvKey]SeqSet{}, 0
	for k := range all {
		a.writing[k]++
	}
	a.mu.Unlock()
	return a.write(ctx, all)
}

// FlushAccount writes what is pending for one account, before it is
// synchronised. It waits for others' writes only if they are about this account.
func (a *Acks) FlushAccount(ctx context.Context, app, accid string) error {
	k := ackAccount{app, accid}
	a.mu.Lock()
	if a.pending[k] == nil && a.writing[k] == 0 {
		a.mu.Unlock()
		return nil
	}
	a.mu.Unlock()
	a.flushMu.Lock()
	defer a.flushMu.Unlock()
	a.mu.Lock()
	convs := a.pending[k]
	if convs == nil {
		a.mu.Unlock()
		return nil
	}
	delete(a.pending, k)
	a.count -= len(convs)
	a.writing[k]++
	a.mu.Unlock()
	return a.write(ctx, map[ackAccount]map[im.ConvKey]SeqSet{k: convs})
}

// write is called with flushMu held.
func (a *Acks) write(ctx context.Context, all map[ackAccount]map[im.ConvKey]SeqSet) error {
	if len(all) == 0 {
		return nil
	}
	var marks []Mark
	for k, convs := range all {
		for conv, s := range convs {
			marks = append(marks, Mark{App: k.app, Accid: k.accid, Conv: conv, Seqs: s})
		}
	}
	err := a.store.MarkDelivered(ctx, marks)
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, convs := range all {
		if a.writing[k]--; a.writing[k] <= 0 {
			delete(a.writing, k)
		}
		if err != nil {
			for conv, s := range convs {
				a.merge(k, conv, s)
			}
		}
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
