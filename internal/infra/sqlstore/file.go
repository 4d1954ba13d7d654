package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"hongyan/internal/im/file"
)

const fileColumns = `object, owner, scene, type, size, md5, context, done, created, expires, announced`

func scanFile(row scanner, app string, more ...any) (*file.File, error) {
	f := &file.File{App: app}
	var done int64
	err := row.Scan(append([]any{&f.Object, &f.Owner, &f.Scene, &f.Type, &f.Size, &f.MD5, &f.Context, &done, &f.CreatedMs, &f.ExpiresMs, &f.Announced}, more...)...)
	f.Done = done != 0
	return f, err
}

// File returns an object with its parts.
func (s *Store) File(ctx context.Context, app, object string) (*file.File, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	f, err := readFile(ctx, s.read, no, app, object, "")
	if err == nil && f == nil {
		err = file.ErrUnknown
	}
	return f, err
}

type queryFunc func(ctx context.Context, query string, args ...any) (*sql.Rows, error)

func readFile(ctx context.Context, query queryFunc, no int64, app, object, lock string) (*file.File, error) {
	rows, err := query(ctx, `SELECT `+fileColumns+` FROM file WHERE app = $1 AND object = $2`+lock, no, object)
	if err != nil {
		return nil, err
	}
	found, err := appendFiles(nil, rows, app)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	f := found[0]
	if file.IsChat(object) {
		if f.Chat, err = readChat(ctx, query, no, object); err != nil {
			return nil, err
		}
	}
	rows, err = query(ctx, `SELECT start, size, blob, hash FROM file_part WHERE app = $1 AND object = $2 ORDER BY n`, no, object)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p file.Part
		if err := rows.Scan(&p.Start, &p.Size, &p.Blob, &p.Hash); err != nil {
			return nil, err
		}
		f.Parts = append(f.Parts, p)
	}
	return f, rows.Err()
}

func appendFiles(out []*file.File, rows *sql.Rows, app string) ([]*file.File, error) {
	defer rows.Close()
	for rows.Next() {
		f, err := scanFile(rows, app)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// ChangeFile changes an object, its parts and what its owner uses in one
// transaction.
func (s *Store) ChangeFile(ctx context.Context, app, object string, q file.Quota, change func(*file.File) (*file.File, error)) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		cur, err := readFile(ctx, t.query, no, app, object, s.engine.forUpdate())
		if err != nil {
			return err
		}
		var old file.File
		if cur != nil {
			old = *cur
			old.Parts = append([]file.Part(nil), cur.Parts...)
		}
		next, err := change(cur)
		if err != nil {
			return err
		}
		if next == nil {
			if cur == nil {
				return nil
			}
			if _, err := t.exec(ctx, `DELETE FROM file WHERE app = $1 AND object = $2`, no, object); err != nil {
				return err
			}
			if err := dropChat(ctx, t, no, &old); err != nil {
				return err
			}
			next = &file.File{Owner: old.Owner}
		} else if err := putFile(ctx, t, no, next, cur == nil); err != nil {
			return err
		}
		if err := putChat(ctx, t, no, next); err != nil {
			return err
		}
		if err := putParts(ctx, t, no, object, old.Parts, next.Parts); err != nil {
			return err
		}
		return addUsage(ctx, t, no, next.Owner, next.Size-old.Size, q)
	})
	if s.engine.full(err) {
		s.log.Error("no space left for the database", "err", err)
		return fmt.Errorf("%w: %w", file.ErrFull, err)
	}
	return err
}

func putFile(ctx context.Context, t tx, no int64, f *file.File, isNew bool) error {
	if !isNew {
		_, err := t.exec(ctx, `UPDATE file SET owner = $1, scene = $2, type = $3, size = $4, md5 = $5, context = $6, done = $7, created = $8, expires = $9, announced = $10
			WHERE app = $11 AND object = $12`, f.Owner, f.Scene, f.Type, f.Size, f.MD5, f.Context, flag(f.Done), f.CreatedMs, f.ExpiresMs, f.Announced, no, f.Object)
		return err
	}
	n, err := t.exec(ctx, `INSERT INTO file (app, `+fileColumns+`) VALUES `+values(1, 12)+` ON CONFLICT DO NOTHING`,
		no, f.Object, f.Owner, f.Scene, f.Type, f.Size, f.MD5, f.Context, flag(f.Done), f.CreatedMs, f.ExpiresMs, f.Announced)
	if err == nil && n == 0 {
		return file.ErrConflict
	}
	return err
}

// putParts writes the parts that differ: those after the first difference.
func putParts(ctx context.Context, t tx, no int64, object string, old, next []file.Part) error {
	same := 0
	for same < len(old) && same < len(next) && old[same].Blob == next[same].Blob && old[same].Start == next[same].Start {
		same++
	}
	if same < len(old) {
		if _, err := t.exec(ctx, `DELETE FROM file_part WHERE app = $1 AND object = $2 AND n >= $3`, no, object, int64(same)); err != nil {
			return err
		}
	}
	for i := same; i < len(next); i++ {
		p := next[i]
		if p.Hash == nil {
			p.Hash = []byte{}
		}
		if _, err := t.exec(ctx, `INSERT INTO file_part (app, object, n, start, size, blob, hash) VALUES `+values(1, 7),
			no, object, int64(i), p.Start, p.Size, p.Blob, p.Hash); err != nil {
			return err
		}
	}
	return nil
}

// addUsage counts bytes for the app and the account, in this order everywhere:
// transactions must not wait for each other in a circle.
func addUsage(ctx context.Context, t tx, no int64, owner string, bytes int64, q file.Quota) error {
	if bytes == 0 {
		return nil
	}
	owners := []string{"", owner}
	if owner == "" {
		owners = owners[:1]
	}
	for i, o := range owners {
		if _, err := t.exec(ctx, `INSERT INTO file_usage (app, owner, bytes) VALUES ($1,$2,$3)
			ON CONFLICT (app, owner) DO UPDATE SET bytes = file_usage.bytes + excluded.bytes`, no, o, bytes); err != nil {
			return err
		}
		limit := q.App
		if i == 1 {
			limit = q.Account
		}
		if bytes < 0 || limit == 0 {
			continue
		}
		rows, err := t.query(ctx, `SELECT bytes FROM file_usage WHERE app = $1 AND owner = $2`, no, o)
		if err != nil {
			return err
		}
		used, err := oneNumber(rows)
		if err != nil {
			return err
		}
		if used > limit {
			return file.ErrQuota
		}
	}
	return nil
}

// oneNumber returns the only number of a result, 0 if there is none.
func oneNumber(rows *sql.Rows) (n int64, err error) {
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}
