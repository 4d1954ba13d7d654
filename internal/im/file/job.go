package file

import (
	"context"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const dayMs = 86_400_000

// serverZone is where days begin for job/nos/del (docs/protocol/storage.md section 14.3).
func serverZone() *time.Location { return time.FixedZone("UTC+8", 8*3600) }

// Order stores a job that deletes the files of a time range and returns its id.
// mediaType selects by part of the type, scene exactly; both may be empty.
func (s *Service) Order(ctx context.Context, a *app.App, fromMs, toMs int64, mediaType, scene string) (string, error) {
	now := s.clock().In(serverZone())
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()).UnixMilli()
	switch {
	case fromMs <= 0 || toMs <= fromMs:
		return "", im.Errorf(im.CodeBadParam, "startTime must be positive and before endTime")
	case toMs-fromMs < dayMs || toMs-fromMs > 7*dayMs:
		return "", im.Errorf(im.CodeBadParam, "the time range must be one to seven days")
	case toMs >= today:
		return "", im.Errorf(im.CodeBadParam, "endTime must be before today")
	}
	j := Job{App: a.Key, ID: randomHex(), Type: mediaType, Scene: scene, FromMs: fromMs, ToMs: toMs, DueMs: now.UnixMilli()}
	if a.Settings.FileJobs == "friday" {
		j.DueMs = fridayOfNextWeek(now).UnixMilli()
	}
	return j.ID, s.store.AddFileJob(ctx, j)
}

// fridayOfNextWeek is when the original runs deletions; weeks begin on Monday.
func fridayOfNextWeek(t time.Time) time.Time {
	sinceMonday := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-sinceMonday+7+4, 3, 0, 0, 0, t.Location())
}

// Upload is a file that the app's server sends (docs/protocol/storage.md section 14).
type Upload struct {
	Source
	Scene     string
	ExpireSec int64 // s; 0 = what the scene says
}

// Put stores a file of the app's server and returns its URL.
func (s *Service) Put(ctx context.Context, a *app.App, u Upload) (string, error) {
	p, err := s.policy(a, Ask{Scene: u.Scene, ExpireSec: u.ExpireSec})
	if err != nil {
		return "", err
	}
	f, err := s.PutWhole(ctx, p, u.Source)
	if err != nil {
		return "", err
	}
	return s.Link(a, f.Object), nil
}
