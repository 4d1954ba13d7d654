package message

import (
	"context"
	"encoding/json"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Broadcast is a message to every user of an app (docs/protocol/nim-core.md
// section 5.15).
type Broadcast struct {
	ID        int64    `json:"i"`
	From      string   `json:"f,omitempty"`
	Body      string   `json:"b"`
	TargetOS  []string `json:"o,omitempty"` // ios, aos, pc, web, mac; empty = all
	Stored    bool     `json:"s"`           // later logins get it too, until ExpiresMs
	CreatedMs int64    `json:"c"`
	ExpiresMs int64    `json:"e"`
}

// Encode packs b into the body of an EventBroadcast, which names no account.
func (b *Broadcast) Encode() []byte {
	out, _ := json.Marshal(b) // strings and numbers only: cannot fail
	return out
}

// DecodeBroadcast reads the body of an EventBroadcast.
func DecodeBroadcast(body []byte) (*Broadcast, error) {
	b := &Broadcast{}
	return b, json.Unmarshal(body, b)
}

// For says whether clients of a type get b.
func (b *Broadcast) For(clientType int) bool {
	if len(b.TargetOS) == 0 {
		return true
	}
	os := map[int]string{1: "aos", 2: "ios", 4: "pc", 16: "web", 64: "mac"}[clientType]
	return slices.Contains(b.TargetOS, os)
}

// BroadcastStore keeps broadcasts and who has them.
type BroadcastStore interface {
	// PutBroadcast keeps b and sets its ID.
	PutBroadcast(ctx context.Context, app string, b *Broadcast) error
	// Broadcasts returns broadcasts with ids up to maxID (0 = open), newest first;
	// stored: only those stored for later logins, or only those that are not.
	Broadcasts(ctx context.Context, app string, maxID int64, stored *bool, limit int) ([]*Broadcast, error)
	// Broadcast returns one; nil if there is none.
	Broadcast(ctx context.Context, app string, id int64) (*Broadcast, error)
	// DeleteBroadcast removes one; false: there is none.
	DeleteBroadcast(ctx context.Context, app string, id int64) (bool, error)
	// WaitingBroadcasts returns the stored ones that have not expired and that the
	// account has not acknowledged, oldest first.
	WaitingBroadcasts(ctx context.Context, app, accid string, nowMs int64, limit int) ([]*Broadcast, error)
	// AckBroadcasts records that the account has them; unknown ids are ignored.
	AckBroadcasts(ctx context.Context, app, accid string, ids []int64) error
}

const (
	// maxBroadcastHours is the longest and the default life of a stored broadcast
	// (docs/api/server-v1.md section 12.5).
	maxBroadcastHours = 168
	// maxWaiting bounds the broadcasts one login gets.
	maxWaiting = 100
)

// BroadcastSystems are the kinds of clients a broadcast may be restricted to.
func BroadcastSystems() []string { return []string{"ios", "aos", "pc", "web", "mac"} }

// SendBroadcast sends b to every client of the app. b gets ID, CreatedMs and
// ExpiresMs. Code 414: hours out of range or an unknown system.
func (s *Service) SendBroadcast(ctx context.Context, a *app.App, b *Broadcast, hours int) error {
	if hours < 1 || hours > maxBroadcastHours {
		return im.Errorf(im.CodeBadParam, "ttl must be 1 to %d", maxBroadcastHours)
	}
	for _, os := range b.TargetOS {
		if !slices.Contains(BroadcastSystems(), os) {
			return im.Errorf(im.CodeBadParam, "unknown targetOs")
		}
	}
	b.CreatedMs = s.clock.NowMs()
	b.ExpiresMs = b.CreatedMs + int64(hours)*3600*1000
	if err := s.store.PutBroadcast(ctx, a.Key, b); err != nil {
		return err
	}
	s.bus.Publish(im.Event{Kind: EventBroadcast, App: a.Key, ID: b.ID, Body: b.Encode()})
	return nil
}

// WaitingBroadcasts returns what a login of a client of this type gets.
func (s *Service) WaitingBroadcasts(ctx context.Context, a *app.App, accid string, clientType int) ([]*Broadcast, error) {
	all, err := s.store.WaitingBroadcasts(ctx, a.Key, accid, s.clock.NowMs(), maxWaiting)
	return slices.DeleteFunc(all, func(b *Broadcast) bool { return !b.For(clientType) }), err
}

// AckBroadcasts records that the account has received broadcasts.
func (s *Service) AckBroadcasts(ctx context.Context, a *app.App, accid string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return s.store.AckBroadcasts(ctx, a.Key, accid, ids)
}

// Broadcast returns one. Code 404: there is none.
func (s *Service) Broadcast(ctx context.Context, a *app.App, id int64) (*Broadcast, error) {
	b, err := s.store.Broadcast(ctx, a.Key, id)
	if err == nil && b == nil {
		return nil, im.Errorf(im.CodeNotFound, "no such broadcast")
	}
	return b, err
}

// Broadcasts lists them by BroadcastStore.Broadcasts.
func (s *Service) Broadcasts(ctx context.Context, a *app.App, maxID int64, stored *bool, limit int) ([]*Broadcast, error) {
	return s.store.Broadcasts(ctx, a.Key, maxID, stored, limit)
}

// DeleteBroadcast ends the delivery of one. Code 404: there is none.
func (s *Service) DeleteBroadcast(ctx context.Context, a *app.App, id int64) error {
	was, err := s.store.DeleteBroadcast(ctx, a.Key, id)
	if err == nil && !was {
		return im.Errorf(im.CodeNotFound, "no such broadcast")
	}
	return err
}
