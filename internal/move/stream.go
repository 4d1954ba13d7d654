package move

import (
	"cmp"
	"context"
	"math"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/transfer"
)

// seen is a message of the source and in which of the views it was.
type seen struct {
	sourceMsg
	views uint64 // bit i: the i-th view has it
}

// stream reads a conversation of the source, oldest first, each message once:
// what one account deleted for itself, or was never shown, the view of another
// still has.
type stream struct {
	views []*view
	queue []seen
}

// newStream begins after the place that from names. views are at most 64
// accounts.
func newStream(c *client, conv im.ConvKey, views []string, from transfer.Progress, untilMs int64) *stream {
	s := &stream{}
	for _, who := range views {
		s.views = append(s.views, &view{c: c, page: historyPage{conv: conv, tid: from.OldTID, view: who, fromMs: from.LastMs, untilMs: untilMs, exclude: from.LastID},
			last: map[text]bool{text(from.LastID): true}})
	}
	return s
}

// next returns the next message; false: there is none.
func (s *stream) next(ctx context.Context) (seen, bool, error) {
	if len(s.queue) == 0 {
		if err := s.block(ctx); err != nil || len(s.queue) == 0 {
			return seen{}, false, err
		}
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	return m, true, nil
}

// block queues all messages of the next moment that has any: inside it the
// order is that of the first view which has the message.
func (s *stream) block(ctx context.Context) error {
	at := number(math.MaxInt64)
	for _, v := range s.views {
		if err := v.fill(ctx); err != nil {
			return err
		}
		if len(v.queue) > 0 {
			at = min(at, v.queue[0].Time)
		}
	}
	place := map[text]int{}
	s.queue = s.queue[:0]
	for i, v := range s.views {
		for {
			if err := v.fill(ctx); err != nil {
				return err
			}
			if len(v.queue) == 0 || v.queue[0].Time != at {
				break
			}
			m := v.queue[0]
			v.queue = v.queue[1:]
			if n, ok := place[m.ID]; ok {
				s.queue[n].views |= 1 << i
				continue
			}
			place[m.ID] = len(s.queue)
			s.queue = append(s.queue, seen{m, 1 << i})
		}
	}
	return nil
}

// view reads a conversation as one account sees it.
type view struct {
	c     *client
	page  historyPage
	queue []sourceMsg
	last  map[text]bool // messages of page.fromMs that were read
	ended bool
}

// fill reads pages until something is queued or there is nothing more. Pages
// begin at the time of the last message: others may have the same one.
func (v *view) fill(ctx context.Context) error {
	for len(v.queue) == 0 && !v.ended {
		if v.page.fromMs >= v.page.untilMs {
			v.ended = true
			return nil
		}
		msgs, err := v.c.history(ctx, v.page)
		if err != nil {
			return err
		}
		slices.SortStableFunc(msgs, func(a, b sourceMsg) int { return cmp.Compare(a.Time, b.Time) })
		before := v.page.fromMs
		for _, m := range msgs {
			if m.ID == "" || int64(m.Time) < v.page.fromMs || int64(m.Time) > v.page.untilMs || int64(m.Time) == v.page.fromMs && v.last[m.ID] {
				continue
			}
			if int64(m.Time) > v.page.fromMs {
				v.page.fromMs = int64(m.Time)
				clear(v.last)
			}
			v.last[m.ID] = true
			v.page.exclude = string(m.ID)
			v.queue = append(v.queue, m)
		}
		switch {
		case len(msgs) < pageSize-1: // the excluded message may count
			v.ended = true
		case len(v.queue) == 0 && v.page.fromMs == before:
			// More of one moment than a page holds: what comes later is still read.
			v.page.fromMs++
			clear(v.last)
			v.page.exclude = ""
		}
	}
	return nil
}
