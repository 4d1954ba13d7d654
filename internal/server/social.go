package server

import (
	"context"
	"time"

	"hongyan/internal/edge/gateway/nimgw"
	"hongyan/internal/im"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/subscription"
)

// expireEvery is how often expired rows are looked for.
const expireEvery = 10 * time.Second

// newSubscriptions builds online-state subscription on this node's gateway.
func (s *Server) newSubscriptions(dir *presence.Directory) *subscription.Service {
	return subscription.New(subscription.Config{
		Store: s.store, Apps: s.apps, Accounts: s.accounts, Directory: dir, Bus: s.bus, Clock: time.Now, NextID: s.store.IDs().Next,
		Deliver: func(app string, subscribers []string, e *subscription.Event) {
			frame := nimgw.PresenceFrame(e)
			for _, accid := range subscribers {
				s.gateway.Handle(im.Event{Kind: subscription.EventFrame, App: app, To: accid, Body: frame})
			}
		},
		Failed: func(what string, err error) { s.log.Error(what, "err", err) },
	})
}

// expire looks for what has outlived its time, until ctx ends.
func (s *Server) expire(ctx context.Context) {
	t := time.NewTicker(expireEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for _, a := range s.apps.List() {
			if _, err := s.subscriptions.DropExpired(ctx, a, maintainChunk); err != nil && ctx.Err() == nil {
				s.log.Error("delete expired subscriptions", "app", a.Key, "err", err)
			}
			if err := s.signaling.Expire(ctx, a, maintainChunk); err != nil && ctx.Err() == nil {
				s.log.Error("end expired channels", "app", a.Key, "err", err)
			}
		}
	}
}
