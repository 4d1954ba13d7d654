package message

import (
	"context"
	"log/slog"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// indexEvery is how often the index is brought up to date.
	indexEvery = 2 * time.Second
	// indexLagMs keeps the index behind what other nodes may still be committing
	// with older ids; a search reads what lies between.
	indexLagMs = 10_000
	// indexChunk keeps each write short: messages wait behind it.
	indexChunk = 200
	// indexPause leaves room for messages while the index catches up.
	indexPause = 5 * time.Millisecond
)

// Indexer keeps the search index behind the messages.
type Indexer struct {
	store Store
	apps  func() []*app.App
	clock im.Clock
}

// NewIndexer returns the indexer of the apps that apps lists. The caller owns Run.
func NewIndexer(store Store, apps func() []*app.App, clock im.Clock) *Indexer {
	return &Indexer{store: store, apps: apps, clock: clock}
}

// Run indexes until ctx ends.
func (x *Indexer) Run(ctx context.Context) {
	t := time.NewTicker(indexEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		until := min(x.store.Watermark(), im.FirstIDAt(x.clock.NowMs()-indexLagMs))
		for _, a := range x.apps() {
			if !a.Settings.CloudSearch {
				continue
			}
			if err := x.catchUp(ctx, a.Key, until); err != nil && ctx.Err() == nil {
				slog.Error("index messages for search", "app", a.Key, "err", err)
			}
		}
	}
}

func (x *Indexer) catchUp(ctx context.Context, app string, until int64) error {
	for {
		n, err := x.store.IndexMessages(ctx, app, until, indexChunk)
		if err != nil || n < indexChunk {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(indexPause):
		}
	}
}
