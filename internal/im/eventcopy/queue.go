package eventcopy

import (
	"context"
	"sync/atomic"
	"time"

	"hongyan/internal/im"
)

const (
	readPage = 500
	// readPause and recordPause bound how often the store is asked: what comes
	// in between is read and recorded together.
	readPause   = 10 * time.Millisecond
	recordPause = 20 * time.Millisecond
	// overlap is how far a read looks back: ids are given before their
	// transaction commits, so an older one can appear later.
	overlap = 15 * time.Second
	// rewindPause keeps a lane with a long tail from having everything read again
	// and again.
	rewindPause = 200 * time.Millisecond
)

// queue sends the copies of one app. Its fields are its goroutine's alone,
// except wake and reset.
type queue struct {
	k     *Courier
	app   string
	wake  chan struct{} // capacity 1
	reset atomic.Bool   // the shards have changed: read everything again

	lanes    *lanes
	sending  int
	retrying int
	results  chan result

	want     bool // there may be something to read
	cursor   int64
	fin      Finished
	finSince time.Time // of the first in fin
	stored   chan storeResult
	busy     bool // a store operation is under way: at most one at a time

	nextRead, nextRewind, nextPoll, nextMeasure time.Time
}

// result is what came of one attempt.
type result struct {
	lane *lane
	c    *Copy
	err  error
}

// storeResult is what came of one operation of the store.
type storeResult struct {
	read     []*Copy
	full     bool
	recorded *Finished // what was to be recorded; nil: it was a read
	took     time.Duration
	err      error
}

func newQueue(k *Courier, app string) *queue {
	return &queue{k: k, app: app, wake: make(chan struct{}, 1), lanes: newLanes(), want: true,
		results: make(chan result), stored: make(chan storeResult)}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run sends until ctx ends or the app has no copy URL any more; then what is
// being sent is answered or abandoned, and what was sent is recorded.
func (q *queue) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		a, ok := q.k.c.Apps.Get(q.app)
		if !ok || a.Settings.CopyURL == "" || a.Disabled || ctx.Err() != nil {
			break
		}
		if q.reset.Swap(false) {
			q.lanes.drop(func(lane string) bool { return q.k.mine(q.app, lane) })
			q.cursor, q.want = 0, true
		}
		pause := q.turn(ctx)
		timer.Reset(pause)
		select {
		case <-ctx.Done():
		case r := <-q.results:
			q.settle(r)
		case r := <-q.stored:
			q.apply(ctx, r)
		case <-q.wake:
			q.want = true
		case <-timer.C:
		}
	}
	q.end(ctx)
}

// turn does what is due and returns when to look again.
func (q *queue) turn(ctx context.Context) time.Duration {
	now := time.Now()
	if now.After(q.nextPoll) {
		q.want, q.nextPoll = true, now.Add(pollEvery)
	}
	pause := pollEvery
	ms := q.k.c.Clock.NowMs()
	if next := q.lanes.rouse(ms); next != 0 {
		pause = min(pause, time.Duration(next-ms)*time.Millisecond)
	}
	a, ok := q.k.c.Apps.Get(q.app)
	if !ok {
		return pause
	}
	limit := int(a.Settings.CopyConcurrency)
	for q.sending < limit {
		l := q.lanes.next(q.retrying < max(1, limit/2))
		if l == nil {
			break
		}
		if !q.k.mine(q.app, l.name) {
			// Read again when the lease is there: nothing is lost by forgetting.
			for _, c := range l.rows {
				delete(q.lanes.known, c.ID)
			}
			delete(q.lanes.byName, l.name)
			q.reset.Store(true)
			pause = min(pause, readPause)
			continue
		}
		l.busy = true
		q.sending++
		c := l.rows[0]
		if c.Attempts > 0 {
			q.retrying++
		}
		go func() {
			begun := time.Now()
			err := q.k.c.Send(ctx, a, c)
			if ctx.Err() == nil {
				q.k.c.Meter.Tried(q.app, time.Since(begun), err)
			}
			q.results <- result{l, c, err}
		}()
	}
	if q.busy {
		return pause
	}
	return min(pause, max(time.Millisecond, q.useStore(ctx, now)))
}

// useStore begins the operation that is most due and returns when to look again.
func (q *queue) useStore(ctx context.Context, now time.Time) time.Duration {
	pause := pollEvery
	if n := len(q.fin.Sent) + len(q.fin.Failed) + len(q.fin.Dead); n > 0 {
		if wait := recordPause - now.Sub(q.finSince); wait > 0 && n < readPage {
			pause = min(pause, wait)
		} else {
			q.record()
			return pause
		}
	}
	if q.lanes.rewind && now.After(q.nextRewind) && !q.want {
		q.want = true
	}
	if q.want && len(q.lanes.known) < held && q.k.owned.Load() != 0 {
		if wait := q.nextRead.Sub(now); wait > 0 {
			return min(pause, wait)
		}
		if q.lanes.rewind && now.After(q.nextRewind) {
			q.cursor = q.lanes.back(q.cursor)
			q.nextRewind = now.Add(rewindPause)
		}
		q.read(ctx)
		return pause
	}
	if now.After(q.nextMeasure) {
		q.nextMeasure = now.Add(measureEvery)
		q.measure(ctx)
		return pause
	}
	if q.lanes.rewind {
		pause = min(pause, q.nextRewind.Sub(now)+time.Millisecond)
	}
	return pause
}

func (q *queue) read(ctx context.Context) {
	q.busy, q.want = true, false
	after := q.cursor
	go func() {
		cs, err := q.k.c.Store.Copies(ctx, q.app, after, readPage)
		q.stored <- storeResult{read: cs, full: len(cs) == readPage, err: err}
	}()
}

func (q *queue) record() {
	q.busy = true
	f := q.fin
	q.fin = Finished{}
	go func() {
		// Not ctx: what was sent must not be sent again because the process ends.
		ctx, cancel := context.WithTimeout(context.Background(), leaseTTL)
		defer cancel()
		err := q.k.c.Store.FinishCopies(ctx, q.app, f)
		q.stored <- storeResult{recorded: &f, err: err}
	}()
}

func (q *queue) measure(ctx context.Context) {
	q.busy = true
	go func() {
		n, oldest, err := q.k.c.Store.CountCopies(ctx, q.app, measureLimit)
		if err == nil {
			q.k.c.Meter.Waiting(q.app, n, ageMs(oldest, q.k.c.Clock.NowMs()))
		}
		q.stored <- storeResult{recorded: &Finished{}, err: err}
	}()
}

// apply takes what the store answered.
func (q *queue) apply(ctx context.Context, r storeResult) {
	q.busy = false
	if r.err != nil && ctx.Err() == nil {
		q.k.c.Log.Error("event copies", "app", q.app, "err", r.err)
	}
	if f := r.recorded; f != nil {
		if r.err != nil { // again, with what came since
			q.fin.Sent = append(f.Sent, q.fin.Sent...)
			q.fin.Failed = append(f.Failed, q.fin.Failed...)
			q.fin.Dead = append(f.Dead, q.fin.Dead...)
			q.finSince = time.Now()
			return
		}
		q.lanes.forget(f.Sent)
		for _, d := range f.Dead {
			delete(q.lanes.known, d.ID)
		}
		return
	}
	q.nextRead = time.Now().Add(readPause)
	if r.err != nil {
		q.want = true
		return
	}
	now := q.k.c.Clock.NowMs()
	for _, c := range r.read {
		q.cursor = max(q.cursor, c.ID)
		if q.k.mine(q.app, c.Lane) {
			q.lanes.add(c, now)
		}
	}
	if r.full {
		q.want = true
		return
	}
	q.cursor = min(q.cursor, im.FirstIDAt(now-overlap.Milliseconds()))
}

// settle takes the result of an attempt.
func (q *queue) settle(r result) {
	q.sending--
	if r.c.Attempts > 0 {
		q.retrying--
	}
	now := q.k.c.Clock.NowMs()
	if len(q.fin.Sent)+len(q.fin.Failed)+len(q.fin.Dead) == 0 {
		q.finSince = time.Now()
	}
	if r.err == nil {
		q.fin.Sent = append(q.fin.Sent, r.c.ID)
		q.lanes.done(r.lane, now)
		return
	}
	var delays []int64
	if a, ok := q.k.c.Apps.Get(q.app); ok {
		delays = a.Settings.CopyRetry
	}
	next := *r.c // the goroutine of the store may still read the old one
	next.Attempts++
	r.lane.rows[0] = &next
	if next.Attempts > len(delays) {
		q.fin.Dead = append(q.fin.Dead, &Dead{Copy: next, DiedMs: now, Cause: r.err.Error()})
		q.k.c.Meter.Died(q.app)
		q.k.c.Log.Warn("event copy given up", "app", q.app, "id", next.ID, "event", int(next.Event), "attempts", next.Attempts, "err", r.err)
		q.lanes.done(r.lane, now)
		return
	}
	next.DueMs = now + delays[next.Attempts-1]*1000
	q.fin.Failed = append(q.fin.Failed, &next)
	q.lanes.failed(r.lane, now)
}

// end waits for what is under way and records it. Attempts that the end of ctx
// broke off do not count.
func (q *queue) end(ctx context.Context) {
	for q.sending > 0 || q.busy {
		select {
		case r := <-q.results:
			if r.err != nil && ctx.Err() != nil {
				q.sending--
				continue
			}
			q.settle(r)
		case r := <-q.stored:
			q.apply(ctx, r)
		}
	}
	if len(q.fin.Sent)+len(q.fin.Failed)+len(q.fin.Dead) == 0 {
		return
	}
	q.record()
	if r := <-q.stored; r.err != nil {
		q.k.c.Log.Warn("record event copies", "app", q.app, "err", r.err)
	}
}
