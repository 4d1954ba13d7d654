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

// recordTries is how often a batch is offered to a store that fails: half a
// minute. Then it is given up, so that the later ones are not.
const recordTries = 60

// LoginLog writes login records behind, in batches.
type LoginLog struct {
	accounts *Service
	ids      *im.IDs
	queue    chan LoginRecord // capacity recordQueue

	again []LoginRecord // Run's: the store has refused them so far
	tries int           // how often
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
		if len(l.again) == 0 {
			l.again, l.tries = l.take(200), 0
		}
		if len(l.again) == 0 {
			return
		}
		if err := l.accounts.AddLoginRecords(ctx, l.again); err != nil {
			l.tries++
			slog.Error("write login records", "records", len(l.again), "tries", l.tries, "err", err)
			if l.tries < recordTries {
				return
			}
		}
		l.again = nil
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
