package message

import (
	"context"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Trim says what has outlived its purpose: everything with a smaller id.
type Trim struct {
	Recalls    int64 // notices of recalls, and who has had them
	Broadcasts int64 // broadcasts that have also expired
	Messages   int64 // messages and what accounts did to them; 0 = none
}

// TrimStore deletes what nobody asks for any more.
type TrimStore interface {
	// Trim deletes up to limit rows of each kind and says whether there may be more.
	Trim(ctx context.Context, app string, t Trim, limit int) (more bool, err error)
}

const (
	// trimChunk and trimPause keep each deletion short: messages wait behind it.
	trimChunk = 500
	trimPause = 20 * time.Millisecond
	// broadcastDays is how long the server API finds a broadcast
	// (docs/api/server-v1.md gives no figure).
	broadcastDays = 365
)

// Trim deletes old rows of an app: recalls that no login is told of, broadcasts,
// and, where message_keep_days says so, messages.
func (s *Service) Trim(ctx context.Context, a *app.App) error {
	set, now := &a.Settings, s.clock.NowMs()
	days := func(n int64) int64 { return max(0, im.FirstIDAt(now-n*dayMs)) }
	t := Trim{Recalls: days(max(set.OfflineDays, set.RoamingDays) + 1), Broadcasts: days(broadcastDays)}
	if set.MessageKeepDays > 0 {
		// What is still told of must not lose its message.
		t.Messages = days(max(set.MessageKeepDays, set.OfflineDays+1, set.RoamingDays+1))
	}
	for {
		more, err := s.store.Trim(ctx, a.Key, t, trimChunk)
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(trimPause):
		}
	}
}
