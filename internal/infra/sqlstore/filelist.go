package sqlstore

import (
	"context"

	"hongyan/internal/im/file"
)

// ExpiredFiles returns objects of all apps whose time is over, without parts.
func (s *Store) ExpiredFiles(ctx context.Context, nowMs int64, limit int) ([]*file.File, error) {
	rows, err := s.read(ctx, `SELECT `+fileColumns+`, (SELECT key FROM app WHERE no = file.app) FROM file
		WHERE expires > 0 AND expires <= $1 ORDER BY expires, object LIMIT $2`, nowMs, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*file.File
	for rows.Next() {
		var key string
		f, err := scanFile(rows, "", &key)
		if err != nil {
			return nil, err
		}
		f.App = key
		out = append(out, f)
	}
	return out, rows.Err()
}

// FilesBetween returns finished objects by time of creation, without parts.
func (s *Store) FilesBetween(ctx context.Context, app string, fromMs, toMs int64, after string, limit int) ([]*file.File, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+fileColumns+` FROM file WHERE app = $1 AND created >= $2 AND created < $3 AND done = 1 AND object > $4
		ORDER BY object LIMIT $5`, no, fromMs, toMs, after, limit)
	if err != nil {
		return nil, err
	}
	return appendFiles(nil, rows, app)
}

// FileBlobs returns the blobs of objects.
func (s *Store) FileBlobs(ctx context.Context, app string, objects []string) (map[string]bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for len(objects) > 0 {
		n := min(len(objects), 100)
		args := []any{no}
		for _, o := range objects[:n] {
			args = append(args, o)
		}
		objects = objects[n:]
		rows, err := s.read(ctx, `SELECT blob FROM file_part WHERE app = $1 AND object IN (`+list(2, n)+`)`, args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var b string
			if err := rows.Scan(&b); err != nil {
				rows.Close()
				return nil, err
			}
			out[b] = true
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// FileUsage returns the bytes stored by an account, or by all with owner "".
func (s *Store) FileUsage(ctx context.Context, app, owner string) (int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	rows, err := s.read(ctx, `SELECT bytes FROM file_usage WHERE app = $1 AND owner = $2`, no, owner)
	if err != nil {
		return 0, err
	}
	return oneNumber(rows)
}

// AddFileJob stores a deletion job.
func (s *Store) AddFileJob(ctx context.Context, j file.Job) error {
	no, err := s.appNo(ctx, j.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO file_job (app, id, type, scene, since, until, due) VALUES `+values(1, 7)+` ON CONFLICT DO NOTHING`,
			no, j.ID, j.Type, j.Scene, j.FromMs, j.ToMs, j.DueMs)
		return err
	})
}

// DueFileJobs returns deletion jobs of all apps whose time has come.
func (s *Store) DueFileJobs(ctx context.Context, nowMs int64, limit int) ([]file.Job, error) {
	rows, err := s.read(ctx, `SELECT app.key, j.id, j.type, j.scene, j.since, j.until, j.due FROM file_job AS j JOIN app ON app.no = j.app
		WHERE j.due <= $1 ORDER BY j.due LIMIT $2`, nowMs, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []file.Job
	for rows.Next() {
		var j file.Job
		if err := rows.Scan(&j.App, &j.ID, &j.Type, &j.Scene, &j.FromMs, &j.ToMs, &j.DueMs); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// RemoveFileJob forgets a job that has been done.
func (s *Store) RemoveFileJob(ctx context.Context, app, id string) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DELETE FROM file_job WHERE app = $1 AND id = $2`, no, id)
		return err
	})
}
