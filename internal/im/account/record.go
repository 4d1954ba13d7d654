package account

import (
	"context"
	"log/slog"
	"time"

	"hongyan/internal/im"
)

// recordQueue bounds login records that wait to be written; when a storm fills
// it the newest are dropped, because a login must not wait for its record.
const recordQueue = 5_000

// LoginLog writes login records behind, in batches.
type LoginLog struct {
	accounts *Service
	ids      *im.IDs
	queue    chan LoginRecord // capacity recordQueue
}

// NewLoginLog returns a log; the caller owns Run.
func NewLoginLog(accounts *Service, ids *im.IDs) *LoginLog {
	return &LoginLog{accounts: accounts, ids: ids, queue: make(chan LoginRecord, recordQueue)}
}

// Add queues a record.
func (l *LoginLog) Add(r LoginRecord) {
	r.ID = l.ids.Next()
	select {
	case l.queue <- r:
	default:
		slog.Warn("login record dropped: too many wait", "app", r.App, "accid", r.Accid)
	}
}

// Run writes records every half second until ctx ends, then the rest.
func (l *LoginLog) Run(ctx context.Context) {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			l.write(final)
			return
		case <-t.C:
			l.write(ctx)
		}
	}
}

func (l *LoginLog) write(ctx context.Context) {
	for {
		batch := l.take(200)
		if len(batch) == 0 {
			return
		}
		if err := l.accounts.AddLoginRecords(ctx, batch); err != nil {
			slog.Error("write login records", "records", len(batch), "err", err)
			return
		}
	}
}

func (l *LoginLog) take(n int) []LoginRecord {
	var out []LoginRecord
	for len(out) < n {
		select {
		case r := <-l.queue:
			out = append(out, r)
		default:
			return out
		}
	}
	return out
}
