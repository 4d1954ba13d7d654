package server

import (
	"context"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/presence"
	"hongyan/internal/infra/sqlstore"
)

const (
	changePoll = 500 * time.Millisecond
	// changeOverlap is how far each poll looks back: ids are given before their
	// transaction commits, so an older id can appear later.
	changeOverlap = 15 * time.Second
	changeKeep    = 10 * time.Minute
	changeTrim    = time.Minute
)

// changes applies what tools and other nodes have written to this node's
// caches and connections.
type changes struct {
	s    *Server
	seen map[int64]bool
}

func newChanges(s *Server) *changes { return &changes{s: s, seen: map[int64]bool{}} }

func (c *changes) run(ctx context.Context) {
	// What was written before this start is in no cache.
	if old, err := c.s.store.Changes(ctx, idAt(time.Now().Add(-changeOverlap))); err == nil {
		for _, ch := range old {
			c.seen[ch.ID] = true
		}
	}
	poll, trim := time.NewTicker(changePoll), time.NewTicker(changeTrim)
	defer poll.Stop()
	defer trim.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			if err := c.poll(ctx); err != nil && ctx.Err() == nil {
				c.s.log.Error("read the change log", "err", err)
			}
		case <-trim.C:
			if err := c.s.store.TrimChanges(ctx, idAt(time.Now().Add(-changeKeep))); err != nil && ctx.Err() == nil {
				c.s.log.Error("trim the change log", "err", err)
			}
		}
	}
}

func (c *changes) poll(ctx context.Context) error {
	from := idAt(time.Now().Add(-changeOverlap))
	list, err := c.s.store.Changes(ctx, from)
	if err != nil {
		return err
	}
	reload := false
	for _, ch := range list {
		if c.seen[ch.ID] {
			continue
		}
		c.seen[ch.ID] = true
		switch ch.Kind {
		case sqlstore.ChangeApp:
			reload = true
		case sqlstore.ChangeAccount:
			c.s.accounts.Forget(ch.App, ch.Key)
		case sqlstore.ChangeRelation:
			c.s.friends.Forget(ch.App, ch.Key)
		case sqlstore.ChangeCopies:
			c.s.copies.Reread(ch.App)
		case sqlstore.ChangeWords:
			c.s.words.Forget(ch.App)
		case sqlstore.ChangeKick:
			k := presence.Kick{Reason: presence.KickServer, ByClient: presence.ClientServer, Ext: ch.Body, BeforeMs: im.IDTimeMs(ch.ID) + 1}
			c.s.gateway.Handle(im.Event{Kind: im.EventKick, App: ch.App, To: ch.Key, Body: k.Encode()})
		}
	}
	for id := range c.seen {
		if id < from {
			delete(c.seen, id)
		}
	}
	if reload {
		return c.s.apps.Reload(ctx)
	}
	return nil
}

// idAt is the smallest id of a moment.
func idAt(t time.Time) int64 { return im.FirstIDAt(t.UnixMilli()) }
