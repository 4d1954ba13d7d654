package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/transfer"
)

// conversation is one that is read.
type conversation struct {
	conv im.ConvKey
	p    transfer.Progress
}

// views are the accounts whose view of the conversation is read.
func (c *conversation) views() []string {
	if c.conv.Scene() != im.SceneP2P {
		return c.p.Views
	}
	a, b := c.conv.Pair()
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

func (c *conversation) skip() string {
	switch c.conv.Scene() {
	case im.SceneTeam:
		return SkipTeams
	case im.SceneSuperTeam:
		return SkipSuperTeams
	default:
		return SkipHistory
	}
}

// conversations lists those that this run reads.
func (r *run) conversations(ctx context.Context) ([]*conversation, error) {
	var out []*conversation
	seen, err := r.done(ctx, markSeen)
	if err != nil {
		return nil, err
	}
	err = r.eachMark(ctx, markConv, func(m transfer.Mark) error {
		p, err := transfer.DecodeProgress(m.Value)
		if err != nil {
			return fmt.Errorf("state of %s: %w", m.Key, err)
		}
		c := &conversation{im.ConvKey(m.Key), p}
		if r.skips(c.skip()) || r.skips(SkipHistory) {
			return nil
		}
		if c.conv.Scene() != im.SceneP2P && !seen[m.Key[:2]+p.OldTID] {
			return nil // dismissed: nobody may read it any more
		}
		for _, who := range c.views() {
			if !r.listed[who] {
				return nil
			}
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// history brings the messages over.
func (r *run) history(ctx context.Context) error {
	if r.skips(SkipHistory) {
		return nil
	}
	if err := r.loadTeams(ctx); err != nil {
		return err
	}
	all, err := r.conversations(ctx)
	if err != nil {
		return err
	}
	if err := sleep(ctx, time.Until(time.UnixMilli(r.state.CalmMs))); err != nil {
		return err
	}
	var left []*conversation
	for _, c := range all {
		if c.p.Run != r.state.N {
			left = append(left, c)
		}
	}
	r.show.begin("history", "conversations", len(all))
	r.show.step(len(all) - len(left))
	err = workers(ctx, r.c.Concurrency, left, func(ctx context.Context, c *conversation) error {
		if err := r.bringHistory(ctx, c); err != nil {
			return r.explain(err, c.skip())
		}
		r.show.step(1)
		return nil
	})
	r.show.end()
	return err
}

// bringHistory brings over what a conversation has beyond its progress.
func (r *run) bringHistory(ctx context.Context, c *conversation) error {
	s := newStream(r.src, c.conv, c.views(), c.p, r.state.UntilMs)
	for {
		var part []transfer.Message
		next := c.p
		for len(part) < writeMessages {
			m, ok, err := s.next(ctx)
			if err != nil {
				return r.unreadable(c, err)
			}
			if !ok {
				break
			}
			next.LastMs, next.LastID = int64(m.Time), string(m.ID)
			in, err := toMessage(c.conv, &m, c.views(), r.teamIDs[c.conv.Scene()])
			if err != nil {
				r.leftOut.add("message %s of %s: %v", m.ID, c.conv, err)
				continue
			}
			part = append(part, transfer.Message{OldID: string(m.ID), Msg: in})
		}
		if len(part) == 0 {
			break
		}
		stop, err := r.store(ctx, c, part, next)
		if err != nil || stop {
			return err
		}
	}
	c.p.Run = r.state.N
	return r.dst.SettleConversation(ctx, r.c.App, c.conv, []transfer.Mark{{Kind: markConv, Key: string(c.conv), Value: c.p.Encode()}})
}

// store writes part of a conversation and how far it has come with it. True:
// the conversation is not ours to write.
func (r *run) store(ctx context.Context, c *conversation, part []transfer.Message, next transfer.Progress) (bool, error) {
	// What is new is counted before: the mark says where the conversation ends,
	// and is written with it.
	olds := make([]string, len(part))
	for i, m := range part {
		olds[i] = m.OldID
	}
	known, err := r.dst.Map(ctx, r.c.App, transfer.MapMessage, olds)
	if err != nil {
		return false, err
	}
	fresh := part[:0]
	have := map[string]bool{}
	for _, m := range part {
		if _, ok := known[m.OldID]; !ok && !have[m.OldID] {
			have[m.OldID] = true
			fresh = append(fresh, m)
		}
	}
	next.LastSeq = c.p.LastSeq + int64(len(fresh))
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// A write that has begun ends: an interruption between the commit and its
	// answer would leave messages that no report counts.
	_, stored, err := r.dst.ImportMessages(context.WithoutCancel(ctx), r.c.App, &transfer.Page{Conv: c.conv, LastSeq: c.p.LastSeq, Messages: fresh,
		Marks: []transfer.Mark{{Kind: markConv, Key: string(c.conv), Value: next.Encode()}}})
	if im.CodeOf(err) == im.CodeRepeated {
		r.leftOut.add("%s", im.PublicText(err))
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if stored != len(fresh) {
		return false, fmt.Errorf("%s: %d of %d new messages were stored: is another import running?", c.conv, stored, len(fresh))
	}
	c.p = next
	r.stored.Add(int64(stored))
	return false, nil
}

// unreadable notes a conversation that the source refuses alone; other errors end the import.
func (r *run) unreadable(c *conversation, err error) error {
	var refused *apiError
	if !errors.As(err, &refused) {
		return err
	}
	r.leftOut.add("%s cannot be read: %v", c.conv, err)
	return nil
}

// targetMessages reads a conversation here, oldest first.
type targetMessages struct {
	dst   Target
	app   string
	conv  im.ConvKey
	queue []*message.Message
	last  int64
	ended bool
}

func (t *targetMessages) next(ctx context.Context) (*message.Message, error) {
	if len(t.queue) == 0 && !t.ended {
		page, err := t.dst.Page(ctx, t.app, t.conv, message.PageQuery{FromTime: t.last + 1, Ascending: true, Limit: writeMessages})
		if err != nil {
			return nil, err
		}
		t.queue, t.ended = page, len(page) < writeMessages
	}
	if len(t.queue) == 0 {
		return nil, nil
	}
	m := t.queue[0]
	t.queue, t.last = t.queue[1:], m.Time
	return m, nil
}
