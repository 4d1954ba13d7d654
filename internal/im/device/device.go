// Package device owns where a device can be reached by push: its tokens and
// whether its app is in the background (docs/protocol/nim-social.md section 13.4).
//
// It stores them and never pushes: no provider is attached. It must not know
// connections.
package device

import (
	"context"
	"unicode/utf8"

	"hongyan/internal/im"
)

// Device is what is known of one device of an account.
type Device struct {
	App, Accid string
	ID         string // presence.Device.DeviceID
	ClientType int
	TokenName  string // certificate or provider the token is for
	Token      string // never logged
	Pushkit    int64
	Background bool
	Badge      int64 // unread count the device shows
	UpdatedMs  int64
}

// Store keeps devices. Every method is one durable unit of work.
type Store interface {
	// PutPushToken sets the token of a device, PutBackground its state; each
	// leaves the other's fields alone.
	PutPushToken(ctx context.Context, d Device) error
	PutBackground(ctx context.Context, d Device) error
	// DropPushTokens takes the tokens of all devices of an account back and leaves
	// their state alone.
	DropPushTokens(ctx context.Context, app, accid string, nowMs int64) error
	// PushDevices returns an account's devices by id.
	PushDevices(ctx context.Context, app, accid string) ([]Device, error)
}

const (
	maxTokenName = 256
	maxToken     = 4096
	maxBadge     = 1 << 31
)

// Service has the rules.
type Service struct {
	store Store
	clock im.Clock
}

// New returns a Service.
func New(store Store, clock im.Clock) *Service { return &Service{store, clock} }

// SetToken records a push token; an empty one takes it back.
func (s *Service) SetToken(ctx context.Context, d Device) error {
	if utf8.RuneCountInString(d.TokenName) > maxTokenName || utf8.RuneCountInString(d.Token) > maxToken || d.Pushkit < 0 || d.Pushkit > maxBadge {
		return im.Errorf(im.CodeBadParam, "push token too long")
	}
	d.UpdatedMs = s.clock.NowMs()
	return s.store.PutPushToken(ctx, d)
}

// DropTokens takes back the tokens of all devices of an account.
func (s *Service) DropTokens(ctx context.Context, app, accid string) error {
	return s.store.DropPushTokens(ctx, app, accid, s.clock.NowMs())
}

// SetBackground records whether the app is in the background.
func (s *Service) SetBackground(ctx context.Context, d Device) error {
	if d.Badge < 0 || d.Badge > maxBadge {
		return im.Errorf(im.CodeBadParam, "badge")
	}
	d.UpdatedMs = s.clock.NowMs()
	return s.store.PutBackground(ctx, d)
}
