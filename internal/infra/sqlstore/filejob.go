package sqlstore

import (
	"context"

	"hongyan/internal/im/file"
)

const fileJobColumns = `j.id, j.type, j.scene, j.since, j.until, j.due, j.created, j.files, j.bytes, j.ended`

// AddFileJob stores a deletion job unless the app has ordered `most` since sinceMs.
func (s *Store) AddFileJob(ctx context.Context, j file.Job, sinceMs int64, most int) error {
	no, err := s.appNo(ctx, j.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		// The app's row makes orders wait for each other.
		rows, err := t.query(ctx, `SELECT no FROM app WHERE no = $1`+s.engine.forUpdate(), no)
		if err != nil {
			return err
		}
		if _, err := oneNumber(rows); err != nil {
			return err
		}
		if rows, err = t.query(ctx, `SELECT count(*) FROM file_job WHERE app = $1 AND created > $2`, no, sinceMs); err != nil {
			return err
		}
		n, err := oneNumber(rows)
		if err != nil {
			return err
		}
		if n >= int64(most) {
			return file.ErrTooManyJobs
		}
		_, err = t.exec(ctx, `INSERT INTO file_job (app, id, type, scene, since, until, due, created) VALUES `+values(1, 8)+` ON CONFLICT DO NOTHING`,
			no, j.ID, j.Type, j.Scene, j.FromMs, j.ToMs, j.DueMs, j.CreatedMs)
		return err
	})
}

// DueFileJobs returns deletion jobs of all apps that shall run now.
func (s *Store) DueFileJobs(ctx context.Context, nowMs int64, limit int) ([]file.Job, error) {
	return s.fileJobs(ctx, `WHERE j.ended = 0 AND j.due <= $1 ORDER BY j.due, j.id LIMIT $2`, nowMs, limit)
}

// FileJobs returns the newest deletion jobs of an app.
func (s *Store) FileJobs(ctx context.Context, app string, limit int) ([]file.Job, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	return s.fileJobs(ctx, `WHERE j.app = $1 ORDER BY j.created DESC, j.id LIMIT $2`, no, limit)
}

func (s *Store) fileJobs(ctx context.Context, where string, args ...any) ([]file.Job, error) {
	rows, err := s.read(ctx, `SELECT app.key, `+fileJobColumns+` FROM file_job AS j JOIN app ON app.no = j.app `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []file.Job
	for rows.Next() {
		var j file.Job
		if err := rows.Scan(&j.App, &j.ID, &j.Type, &j.Scene, &j.FromMs, &j.ToMs, &j.DueMs, &j.CreatedMs, &j.Files, &j.Bytes, &j.EndedMs); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// AdvanceFileJob adds to what a job has deleted, ends it when endedMs is not 0,
// and says whether it had not ended before.
func (s *Store) AdvanceFileJob(ctx context.Context, app, id string, files, bytes, endedMs int64) (bool, error) {
	n, err := s.changeFileJob(ctx, app, `UPDATE file_job SET files = files + $3, bytes = bytes + $4, ended = $5 WHERE app = $1 AND id = $2 AND ended = 0`,
		id, files, bytes, endedMs)
	return n > 0, err
}

// HastenFileJob makes a job that waits due at dueMs and says whether it did.
func (s *Store) HastenFileJob(ctx context.Context, app, id string, dueMs int64) (bool, error) {
	n, err := s.changeFileJob(ctx, app, `UPDATE file_job SET due = $3 WHERE app = $1 AND id = $2 AND ended = 0`, id, dueMs)
	return n > 0, err
}

// CancelFileJob ends a job that waits and says whether it did.
func (s *Store) CancelFileJob(ctx context.Context, app, id string, endedMs int64) (bool, error) {
	n, err := s.changeFileJob(ctx, app, `UPDATE file_job SET ended = $3 WHERE app = $1 AND id = $2 AND ended = 0`, id, endedMs)
	return n > 0, err
}

// changeFileJob runs one statement whose first parameter is the app.
func (s *Store) changeFileJob(ctx context.Context, app, statement string, args ...any) (n int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n, err = t.exec(ctx, statement, append([]any{no}, args...)...)
		return err
	})
	return n, err
}

// TrimFileJobs forgets jobs of all apps that ended before beforeMs.
func (s *Store) TrimFileJobs(ctx context.Context, beforeMs int64) error {
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DELETE FROM file_job WHERE ended > 0 AND ended < $1`, beforeMs)
		return err
	})
}
