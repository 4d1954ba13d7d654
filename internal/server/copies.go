package server

import (
	"crypto/rand"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/hook"
)

// newCourier builds what sends event copies.
func (s *Server) newCourier(hooks *hook.Client, clock im.Clock, registry *prometheus.Registry) *eventcopy.Courier {
	return eventcopy.NewCourier(eventcopy.CourierConfig{Store: s.store, Apps: s.apps, Send: hooks.Copy, Clock: clock, Log: s.log,
		Meter: hook.NewCopyMetrics(registry), Holder: rand.Text()})
}

// review connects what looks at messages before they are stored.
func (s *Server) review(hooks *hook.Client) {
	s.messages.SetReview(message.Review{Callback: hooks, Copies: s.store, IDs: s.store.IDs()})
}
