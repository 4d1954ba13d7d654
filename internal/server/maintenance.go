package server

import (
	"context"
	"time"

	"hongyan/internal/im"
)

const (
	maintainEvery = 10 * time.Minute
	// maintainChunk keeps each deletion short: messages wait behind it.
	maintainChunk = 500
	maintainPause = 20 * time.Millisecond
	// teamTombstones is how long ended memberships are told of
	// (docs/protocol/nim-social.md section 4.2).
	teamTombstones = 30 * 24 * time.Hour
)

// maintain deletes what has outlived its purpose, until ctx ends.
func (s *Server) maintain(ctx context.Context) {
	t := time.NewTicker(maintainEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		var hours int64 // of the app that remembers longest
		for _, a := range s.apps.List() {
			hours = max(hours, a.Settings.DedupHours)
		}
		if err := s.forgetClientIDs(ctx, hours); err != nil && ctx.Err() == nil {
			s.log.Error("delete old client ids", "err", err)
		}
		if err := s.store.TrimTeams(ctx, time.Now().Add(-teamTombstones).UnixMilli()); err != nil && ctx.Err() == nil {
			s.log.Error("delete ended team memberships", "err", err)
		}
		for _, a := range s.apps.List() {
			if err := s.accounts.TrimLoginRecords(ctx, a); err != nil && ctx.Err() == nil {
				s.log.Error("delete old login records", "app", a.Key, "err", err)
			}
			if err := s.messages.Trim(ctx, a); err != nil && ctx.Err() == nil {
				s.log.Error("delete old messages and notices", "app", a.Key, "err", err)
			}
			if err := s.rooms.Trim(ctx, a); err != nil && ctx.Err() == nil {
				s.log.Error("delete old messages of chat rooms", "app", a.Key, "err", err)
			}
		}
	}
}

func (s *Server) forgetClientIDs(ctx context.Context, hours int64) error {
	before := im.FirstIDAt(time.Now().Add(-time.Duration(hours) * time.Hour).UnixMilli())
	for {
		n, err := s.store.ForgetClientIDs(ctx, before, maintainChunk)
		if err != nil || n < maintainChunk {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(maintainPause):
		}
	}
}
