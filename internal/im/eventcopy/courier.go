package eventcopy

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	leaseTTL   = 6 * time.Second
	leaseRenew = 2 * time.Second
	// pollEvery is how often a queue looks for copies that other nodes wrote.
	pollEvery = time.Second
	// measureEvery is how often what waits is counted, up to measureLimit.
	measureEvery = 5 * time.Second
	measureLimit = 10_000

	forgetEvery = 10 * time.Minute
	forgetChunk = 500
)

// Meter hears how sending goes.
type Meter interface {
	Tried(app string, took time.Duration, err error)
	Died(app string)
	// Waiting tells what waits for app: at most measureLimit are counted, lagMs
	// is the age of the oldest.
	Waiting(app string, n int, lagMs int64)
}

// CourierConfig is what a Courier needs.
type CourierConfig struct {
	Store  Store
	Apps   *app.Service
	Send   func(ctx context.Context, a *app.App, c *Copy) error // one attempt, within copy_timeout
	Clock  im.Clock
	Log    *slog.Logger
	Meter  Meter
	Holder string // names this process among the nodes
}

// Courier has the copies of all apps sent. It keeps the order inside a lane,
// repeats what fails (copy_retry) and gives it up as dead after the last time.
// Every copy is sent at least once; after a crash the last ones are repeated.
type Courier struct {
	c     CourierConfig
	owned atomic.Uint64 // bit set of shards this node may send for
	until atomic.Int64  // ms; until then the shards are this node's

	mu     sync.Mutex // guards queues
	queues map[string]*queue
	wg     sync.WaitGroup
}

// NewCourier returns a Courier; the caller owns Run.
func NewCourier(c CourierConfig) *Courier {
	k := &Courier{c: c, queues: map[string]*queue{}}
	c.Store.SetCopied(k.wake)
	return k
}

// wake tells the queue of an app that there is something new.
func (k *Courier) wake(app string) {
	k.mu.Lock()
	q := k.queues[app]
	k.mu.Unlock()
	if q != nil {
		q.signal()
	}
}

// Run sends until ctx ends.
func (k *Courier) Run(ctx context.Context) {
	forget := time.NewTicker(forgetEvery)
	defer forget.Stop()
	look := time.NewTicker(pollEvery / 4)
	defer look.Stop()
	for {
		if k.startQueues(ctx) && k.c.Clock.NowMs() > k.until.Load()-(leaseTTL-leaseRenew).Milliseconds() {
			k.lease(ctx)
		}
		select {
		case <-ctx.Done():
			k.wg.Wait()
			k.release()
			return
		case <-look.C:
		case <-forget.C:
			k.Reread("")
			k.forget(ctx)
		}
	}
}

// startQueues starts what is missing and says whether any app copies.
func (k *Courier) startQueues(ctx context.Context) bool {
	some := false
	for _, a := range k.c.Apps.List() {
		if a.Settings.CopyURL == "" || a.Disabled {
			continue
		}
		some = true
		k.mu.Lock()
		if k.queues[a.Key] == nil {
			q := newQueue(k, a.Key)
			k.queues[a.Key] = q
			k.wg.Add(1)
			go func() {
				defer k.wg.Done()
				q.run(ctx)
				k.mu.Lock()
				delete(k.queues, q.app)
				k.mu.Unlock()
			}()
		}
		k.mu.Unlock()
	}
	return some
}

func (k *Courier) lease(ctx context.Context) {
	now := k.c.Clock.NowMs() // before: the lease must not seem longer than it is
	held, err := k.c.Store.LeaseShards(ctx, k.c.Holder, leaseTTL.Milliseconds())
	if err != nil {
		if ctx.Err() == nil {
			k.c.Log.Error("lease of event copies", "err", err)
		}
		return
	}
	var set uint64
	for _, n := range held {
		set |= 1 << n
	}
	lapsed := k.until.Swap(now+leaseTTL.Milliseconds()) < now
	if old := k.owned.Swap(set); old == set && !lapsed {
		return
	}
	k.Reread("")
}

// Reread has everything that waits for an app read again, copies with old ids
// too; an empty name means all apps.
func (k *Courier) Reread(app string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, q := range k.queues {
		if app == "" || app == key {
			q.reset.Store(true)
			q.signal()
		}
	}
}

// mine says whether this node may send for a lane.
func (k *Courier) mine(app, lane string) bool {
	return k.owned.Load()&(1<<shard(app, lane)) != 0 && k.c.Clock.NowMs() < k.until.Load()
}

func (k *Courier) release() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseRenew)
	defer cancel()
	if k.until.Load() == 0 {
		return
	}
	if err := k.c.Store.ReleaseShards(ctx, k.c.Holder); err != nil {
		k.c.Log.Warn("give event copies back", "err", err)
	}
}

// forget deletes the dead that nobody asked for in time.
func (k *Courier) forget(ctx context.Context) {
	for _, a := range k.c.Apps.List() {
		before := im.FirstIDAt(k.c.Clock.NowMs() - a.Settings.CopyDeadDays*24*time.Hour.Milliseconds())
		for ctx.Err() == nil {
			n, err := k.c.Store.ForgetDead(ctx, a.Key, before, forgetChunk)
			if err != nil {
				k.c.Log.Error("delete dead event copies", "app", a.Key, "err", err)
			}
			if err != nil || n < forgetChunk {
				break
			}
		}
	}
}
