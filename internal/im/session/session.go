// Package session owns an account's view of its conversations apart from their
// messages: how far each has been read (session acks).
//
// It must not know messages' contents, tags or SQL.
package session

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Ack says how far an account has read one conversation.
type Ack struct {
	Scene  im.Scene
	Target string // accid or team id
	TimeMs int64  // messages up to this time are read
}

// Store keeps session acks.
type Store interface {
	// MarkRead raises the account's acks to the given times, never lowers them,
	// and returns those that rose.
	MarkRead(ctx context.Context, app, accid string, acks []Ack) ([]Ack, error)
	// Holdings says in one reading of which kinds the account has anything.
	Holdings(ctx context.Context, app, accid string) (Holdings, error)
	// Acks returns all of the account's acks.
	Acks(ctx context.Context, app, accid string) ([]Ack, error)

	CloudStore // the session lists that the server keeps (cloud.go)
}

// Service marks conversations as read and tells the other devices.
type Service struct {
	store Store
	bus   im.Publisher
	clock im.Clock

	takesPart func(ctx context.Context, app, accid string, conv im.ConvKey) (bool, error)
}

// New returns a Service.
func New(store Store, bus im.Publisher, clock im.Clock) *Service {
	return &Service{store: store, bus: bus, clock: clock}
}

// MaxBatch is the largest number of acks in one request (docs/protocol/nim-core.md section 8).
const MaxBatch = 50

// MarkRead raises acks. A time ahead of the server's clock is cut to it: SDK
// 0.8.5 sends the client's clock (docs/protocol/nim-core.md section 5.17).
func (s *Service) MarkRead(ctx context.Context, a *app.App, accid, origin string, acks []Ack) error {
	if len(acks) > MaxBatch {
		return im.Errorf(im.CodeBadParam, "at most %d sessions", MaxBatch)
	}
	// The newest message may be ahead of the clock by its conversation's drift.
	limit := s.clock.NowMs() + 1000
	for i := range acks {
		if acks[i].TimeMs < 0 {
			return im.Errorf(im.CodeBadParam, "negative time")
		}
		acks[i].TimeMs = min(acks[i].TimeMs, limit)
		if acks[i].Scene == im.SceneP2P {
			to, ok := im.NormalizeAccid(acks[i].Target)
			if !ok {
				return im.Errorf(im.CodeBadParam, "no such session")
			}
			acks[i].Target = to
		}
	}
	rose, err := s.store.MarkRead(ctx, a.Key, accid, acks)
	if err != nil {
		return err
	}
	for _, r := range rose {
		s.bus.Publish(im.Event{Kind: im.EventSessionAck, App: a.Key, To: accid, Origin: origin, Body: r.encode()})
	}
	return nil
}

// Acks returns all of the account's acks, for sync.
func (s *Service) Acks(ctx context.Context, a *app.App, accid string) ([]Ack, error) {
	return s.store.Acks(ctx, a.Key, accid)
}

func (a Ack) encode() []byte {
	b, _ := json.Marshal(a) // strings and numbers only: cannot fail
	return b
}

// DecodeAck reads the body of an im.EventSessionAck.
func DecodeAck(b []byte) (Ack, error) {
	var a Ack
	err := json.Unmarshal(b, &a)
	return a, err
}
