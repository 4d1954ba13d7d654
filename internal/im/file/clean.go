package file

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// cleanEvery is the time between two looks at expired files and due jobs.
	cleanEvery = time.Minute
	// sweepEvery is the time between two sweeps of orphans; the first is at start.
	sweepEvery = 6 * time.Hour
	// orphanAge is how old a blob without a file is before it is an orphan: its
	// row is written right after it.
	orphanAge = time.Hour
	// cleanBatch bounds one round of the clean-up.
	cleanBatch = 200
)

// Run removes expired files, abandoned uploads and orphans until ctx ends.
func (s *Service) Run(ctx context.Context) {
	clean, sweep := time.NewTicker(cleanEvery), time.NewTicker(sweepEvery)
	defer clean.Stop()
	defer sweep.Stop()
	s.report(ctx, "sweep of orphaned blobs", s.Sweep(ctx))
	s.report(ctx, "sweep of the S3 store", s.SweepDirect(ctx))
	for {
		select {
		case <-ctx.Done():
			return
		case <-clean.C:
			s.report(ctx, "clean-up of files", s.Clean(ctx))
		case <-sweep.C:
			s.report(ctx, "sweep of orphaned blobs", s.Sweep(ctx))
			s.report(ctx, "sweep of the S3 store", s.SweepDirect(ctx))
		}
	}
}

func (s *Service) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.Error(what, "err", err)
	}
}

// Clean removes what has expired and runs the jobs that are due.
func (s *Service) Clean(ctx context.Context) error {
	for {
		now := s.clock.NowMs()
		list, err := s.store.ExpiredFiles(ctx, now, cleanBatch)
		if err != nil {
			return err
		}
		for _, f := range list {
			if _, err := s.remove(ctx, f, func(cur *File) bool { return cur.ExpiresMs > 0 && cur.ExpiresMs <= now }); err != nil {
				return err
			}
		}
		if len(list) < cleanBatch {
			break
		}
	}
	if err := s.forgetChats(ctx); err != nil {
		return err
	}
	return s.runJobs(ctx, s.clock.NowMs())
}

// remove deletes an object that still is as `still` says, row first, and says
// whether it was.
func (s *Service) remove(ctx context.Context, f *File, still func(*File) bool) (removed bool, err error) {
	if err := s.removeDirect(ctx, f, still); err != nil {
		return false, err
	}
	var gone []Part
	err = s.store.ChangeFile(ctx, f.App, f.Object, Quota{}, func(cur *File) (*File, error) {
		gone, removed = nil, false
		if cur == nil || !still(cur) {
			return cur, nil
		}
		gone, removed = cur.Parts, true
		return nil, nil
	})
	if err != nil {
		return false, err
	}
	s.removeBlobs(ctx, gone)
	if removed {
		s.removed(f.Object)
	}
	return removed, nil
}

// Sweep gives the space of orphans back: blobs that no file consists of, left by
// a process that died between a blob and its row.
func (s *Service) Sweep(ctx context.Context) error {
	old := s.clock().Add(-orphanAge)
	pending := map[string][]string{} // app key -> blobs to look up
	count, removed := 0, 0
	flush := func() error {
		for appKey, blobs := range pending {
			n, err := s.sweepApp(ctx, appKey, blobs)
			if err != nil {
				return err
			}
			removed += n
		}
		clear(pending)
		count = 0
		return nil
	}
	err := s.blobs.Walk(ctx, func(key string, modified time.Time) error {
		if modified.After(old) {
			return nil
		}
		appKey, _ := objectOf(key)
		pending[appKey] = append(pending[appKey], key)
		if count++; count < cleanBatch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if removed > 0 {
		s.log.Info("orphaned blobs removed", "blobs", removed)
	}
	return err
}

// sweepApp removes those of an app's old blobs that no file consists of. The
// empty app is temporary files of broken uploads.
func (s *Service) sweepApp(ctx context.Context, appKey string, blobs []string) (removed int, err error) {
	known := map[string]bool{}
	if _, exists := s.apps.Get(appKey); exists {
		var objects []string
		for _, b := range blobs {
			_, o := objectOf(b)
			objects = append(objects, o)
		}
		if known, err = s.store.FileBlobs(ctx, appKey, objects); err != nil {
			return 0, err
		}
	} else if appKey != "" {
		return 0, nil // another database's, or an app this node has not heard of
	}
	var errs []error
	for _, b := range blobs {
		if known[b] || appKey == "" && !leftover(b) {
			continue
		}
		if err := s.blobs.Delete(ctx, b); err != nil {
			errs = append(errs, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// leftover says whether a key is a temporary file beside our blobs: two levels
// down, below an app and two letters.
func leftover(key string) bool {
	part := strings.Split(key, "/")
	return len(part) == 3 && len(part[1]) == 2
}
