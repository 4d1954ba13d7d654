package eventcopy

import (
	"math"
	"slices"
)

const (
	// laneRows bounds what is held of one lane in memory, held what is held of one
	// app; the rest stays in the store.
	laneRows = 512
	held     = 10_000
)

// lane is the copies of one conversation or account that are in memory, by id.
type lane struct {
	name   string
	rows   []*Copy
	busy   bool // the first one is being sent
	queued bool // in queue.fresh or queue.retry
	more   bool // the store has later ones that were passed over
}

// lanes is the memory of one app's queue.
type lanes struct {
	byName  map[string]*lane
	known   map[int64]bool // in rows, or finished and not yet recorded
	fresh   []*lane        // the first copy was never tried
	retry   []*lane        // the first copy has failed and is due
	resting []*lane        // the first copy has failed and is not due
	skipped int64          // the smallest id that was passed over
	rewind  bool           // a lane wants what was passed over
}

func newLanes() *lanes {
	return &lanes{byName: map[string]*lane{}, known: map[int64]bool{}, skipped: math.MaxInt64}
}

// add takes a copy that was read from the store.
func (ls *lanes) add(c *Copy, nowMs int64) {
	if ls.known[c.ID] {
		return
	}
	l := ls.byName[c.Lane]
	if l == nil {
		l = &lane{name: c.Lane}
		ls.byName[c.Lane] = l
	}
	if l.more || len(l.rows) >= laneRows || len(l.rows) > 0 && l.rows[0].Attempts > 0 {
		// Behind a failing copy only the failing one needs memory.
		l.more, ls.skipped = true, min(ls.skipped, c.ID)
		return
	}
	ls.known[c.ID] = true
	l.rows = append(l.rows, c)
	if n := len(l.rows); n > 1 && l.rows[n-2].ID > c.ID { // it was committed after a later one
		from := 0
		if l.busy {
			from = 1
		}
		slices.SortFunc(l.rows[from:], func(a, b *Copy) int { return int(max(-1, min(1, a.ID-b.ID))) })
	}
	ls.offer(l, nowMs)
}

// offer puts a lane where its first copy belongs.
func (ls *lanes) offer(l *lane, nowMs int64) {
	switch {
	case l.busy || l.queued:
		return
	case len(l.rows) == 0:
		if l.more {
			ls.rewind = true
			return
		}
		delete(ls.byName, l.name)
		return
	}
	l.queued = true
	switch c := l.rows[0]; {
	case c.Attempts == 0:
		ls.fresh = append(ls.fresh, l)
	case c.DueMs <= nowMs:
		ls.retry = append(ls.retry, l)
	default:
		ls.resting = append(ls.resting, l)
	}
}

// rouse moves lanes that are due and returns when the next one is, 0 = none rests.
func (ls *lanes) rouse(nowMs int64) (next int64) {
	rest := ls.resting[:0]
	for _, l := range ls.resting {
		if due := l.rows[0].DueMs; due <= nowMs {
			ls.retry = append(ls.retry, l)
		} else {
			rest = append(rest, l)
			if next == 0 || due < next {
				next = due
			}
		}
	}
	clear(ls.resting[len(rest):])
	ls.resting = rest
	return next
}

// next takes the lane whose first copy is to be sent; those that have never
// failed come first, and copies that have failed only if retries are allowed.
func (ls *lanes) next(retries bool) *lane {
	from := &ls.fresh
	if len(*from) == 0 {
		if from = &ls.retry; !retries || len(*from) == 0 {
			return nil
		}
	}
	l := (*from)[0]
	(*from)[0] = nil
	*from = (*from)[1:]
	l.queued = false
	return l
}

// done takes the first copy, which was sent or given up, out of its lane. Its
// id stays known until forget.
func (ls *lanes) done(l *lane, nowMs int64) {
	l.busy = false
	l.rows[0] = nil
	l.rows = l.rows[1:]
	ls.offer(l, nowMs)
}

// failed keeps the first copy for later and forgets those behind it.
func (ls *lanes) failed(l *lane, nowMs int64) {
	l.busy = false
	for _, c := range l.rows[1:] {
		delete(ls.known, c.ID)
		l.more, ls.skipped = true, min(ls.skipped, c.ID)
	}
	l.rows = l.rows[:1]
	ls.offer(l, nowMs)
}

// forget ends the memory of ids whose end is recorded.
func (ls *lanes) forget(ids []int64) {
	for _, id := range ids {
		delete(ls.known, id)
	}
}

// back returns where reading must go on so that what was passed over is read
// again.
func (ls *lanes) back(cursor int64) int64 {
	ls.rewind = false
	for name, l := range ls.byName {
		l.more = false
		if len(l.rows) == 0 && !l.busy {
			delete(ls.byName, name)
		}
	}
	cursor = min(cursor, ls.skipped-1)
	ls.skipped = math.MaxInt64
	return cursor
}

// drop forgets lanes that are another node's now.
func (ls *lanes) drop(mine func(lane string) bool) {
	out := map[*lane]bool{}
	for name, l := range ls.byName {
		if l.busy || mine(name) {
			continue
		}
		for _, c := range l.rows {
			delete(ls.known, c.ID)
		}
		out[l] = true
		delete(ls.byName, name)
	}
	gone := func(l *lane) bool { return out[l] }
	ls.fresh = slices.DeleteFunc(ls.fresh, gone)
	ls.retry = slices.DeleteFunc(ls.retry, gone)
	ls.resting = slices.DeleteFunc(ls.resting, gone)
}
