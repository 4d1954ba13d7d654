package file

import (
	"context"
	"strings"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	dayMs = 86_400_000
	// jobsPerDay is how many deletions an app may order in a day
	// (docs/api/server-v1.md section 6). The limit of calls has a memory of its own
	// on each node; this one survives a restart.
	jobsPerDay = 5
	// jobKeep is how long jobs that have ended are shown, in ms.
	jobKeep = 90 * dayMs
)

// serverZone is where days begin for job/nos/del (docs/protocol/storage.md section 14.3).
func serverZone() *time.Location { return time.FixedZone("UTC+8", 8*3600) }

// Order stores a job that deletes the files of a time range and returns its id.
// mediaType selects by part of the type, as the uploader said or as the content
// looks, scene exactly; both may be empty.
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
	j := Job{App: a.Key, ID: randomHex(), Type: mediaType, Scene: scene, FromMs: fromMs, ToMs: toMs, DueMs: now.UnixMilli(), CreatedMs: now.UnixMilli()}
	if a.Settings.FileJobs == "friday" {
		j.DueMs = fridayOfNextWeek(now).UnixMilli()
	}
	return j.ID, s.store.AddFileJob(ctx, j, now.UnixMilli()-dayMs, jobsPerDay)
}

// fridayOfNextWeek is when the original runs deletions; weeks begin on Monday.
func fridayOfNextWeek(t time.Time) time.Time {
	sinceMonday := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-sinceMonday+7+4, 3, 0, 0, 0, t.Location())
}

// runJobs runs the jobs that are due. One that is broken off goes on later: what
// it has deleted is gone and counted.
func (s *Service) runJobs(ctx context.Context, nowMs int64) error {
	jobs, err := s.store.DueFileJobs(ctx, nowMs, cleanBatch)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.runJob(ctx, j); err != nil {
			return err
		}
	}
	return s.store.TrimFileJobs(ctx, nowMs-jobKeep)
}

func (s *Service) runJob(ctx context.Context, j Job) error {
	fromMs, after := j.FromMs, ""
	for {
		list, err := s.store.FilesBetween(ctx, j.App, fromMs, j.ToMs, after, cleanBatch)
		if err != nil {
			return err
		}
		var files, bytes, endedMs int64
		for _, f := range list {
			fromMs, after = f.CreatedMs, f.Object
			typed := strings.Contains(f.Type, j.Type) || strings.Contains(f.Announced, j.Type)
			if IsChat(f.Object) || !typed || j.Scene != "" && f.Scene != j.Scene {
				continue
			}
			gone, err := s.remove(ctx, f, func(cur *File) bool { return cur.Done })
			if err != nil {
				return err
			}
			if gone {
				files, bytes = files+1, bytes+f.Size
			}
		}
		j.Files += files
		if len(list) < cleanBatch {
			endedMs = s.clock.NowMs()
		}
		going, err := s.store.AdvanceFileJob(ctx, j.App, j.ID, files, bytes, endedMs)
		if err != nil || !going { // cancelled meanwhile
			return err
		}
		if endedMs != 0 {
			s.log.Info("files deleted by order of the app's server", "app", j.App, "job", j.ID, "files", j.Files)
			return nil
		}
	}
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
