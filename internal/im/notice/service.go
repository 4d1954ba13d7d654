package notice

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const dayMs = 24 * 3600 * 1000

// Service delivers notifications and keeps those that wait.
type Service struct {
	store Store
	ids   *im.IDs
	bus   im.Publisher
	clock im.Clock
	acks  *Acks
}

// New returns a Service. ids are the node's own.
func New(store Store, ids *im.IDs, bus im.Publisher, clock im.Clock) *Service {
	return &Service{store: store, ids: ids, bus: bus, clock: clock, acks: newAcks(store)}
}

// Acks returns the writer of acknowledgements, whose Run the caller owns.
func (s *Service) Acks() *Acks { return s.acks }

// Prepare gives notifications their ids and time. Who stores them in a
// transaction of his own calls it before, and Publish after.
func (s *Service) Prepare(ns ...*Notice) {
	now := s.clock.NowMs()
	for _, n := range ns {
		n.ID, n.Time = s.ids.Next(), now
	}
}

// Publish tells the nodes of notifications that are stored, or need not be.
func (s *Service) Publish(ns ...*Notice) {
	if len(ns) == 0 {
		return
	}
	events := make([]im.Event, len(ns))
	for i, n := range ns {
		events[i] = n.event()
	}
	s.bus.Publish(events...)
}

// Send delivers notifications: those that must survive are stored in one
// transaction first, and all are published after it. Receivers must exist.
func (s *Service) Send(ctx context.Context, ns ...*Notice) error {
	if len(ns) == 0 {
		return nil
	}
	s.Prepare(ns...)
	if err := s.store.PutNotices(ctx, ns); err != nil {
		return err
	}
	s.Publish(ns...)
	return nil
}

// Pending returns what waits for an account, newest first, one list per class
// (docs/protocol/nim-social.md section 8: at most 30 days). What is too old or
// too much is deleted.
func (s *Service) Pending(ctx context.Context, a *app.App, accid string) (map[Class][]*Notice, error) {
	if err := s.acks.FlushAccount(ctx, a.Key, accid); err != nil {
		return nil, err
	}
	limit := int(a.Settings.NoticeOfflineMax)
	oldest := im.FirstIDAt(s.clock.NowMs() - a.Settings.NoticeOfflineDays*dayMs)
	list, err := s.store.Notices(ctx, a.Key, accid, 0, limit+1)
	if err != nil {
		return nil, err
	}
	out := map[Class][]*Notice{}
	for i, n := range list {
		if i == limit || n.ID < oldest {
			if err := s.store.TrimNotices(ctx, a.Key, accid, n.ID); err != nil {
				return nil, err
			}
			break
		}
		out[n.Class()] = append(out[n.Class()], n)
	}
	return out, nil
}

// Acknowledge records that the account received notifications. It is written
// behind; unknown ids are ignored (docs/protocol/nim-core.md section 4.5).
func (s *Service) Acknowledge(app, accid string, ids []int64) {
	s.acks.add(app, accid, ids)
}
