package server

import (
	"crypto/rand"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/im/moderation"
	"hongyan/internal/infra/hook"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/infra/wordfilter"
)

// newCourier builds what sends event copies.
func (s *Server) newCourier(hooks *hook.Client, clock im.Clock, registry *prometheus.Registry) *eventcopy.Courier {
	return eventcopy.NewCourier(eventcopy.CourierConfig{Store: s.store, Apps: s.apps, Send: hooks.Copy, Clock: clock, Log: s.log,
		Meter: hook.NewCopyMetrics(registry), Holder: rand.Text()})
}

// review connects what looks at messages before they are stored.
func (s *Server) review(hooks *hook.Client) {
	s.words = newModeration(s.store)
	s.words.SetExaminer(hooks)
	s.messages.SetReview(message.Review{Callback: hooks, Moderator: s.words, Copies: s.store, IDs: s.store.IDs()})
}

// newModeration builds the word filter.
func newModeration(store *sqlstore.Store) *moderation.Service {
	return moderation.New(store, func(words []string) moderation.Matcher { return wordfilter.New(words) })
}
