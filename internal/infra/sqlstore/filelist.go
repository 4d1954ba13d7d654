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
	rows, err := s.read(ctx, `SELECT `+fileColumns+` FROM file WHERE app = $1 AND created >= $2 AND created < $3 AND done = 1
		AND (created > $2 OR object > $4) ORDER BY created, object LIMIT $5`, no, fromMs, toMs, after, limit)
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
