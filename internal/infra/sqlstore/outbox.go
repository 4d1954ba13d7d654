package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"hongyan/internal/im/eventcopy"
)

const outboxColumns = `id, lane, event, env, body, attempts, due`

// SetCopied names who is told of an app whose copies were committed here.
func (s *Store) SetCopied(f func(app string)) { s.copied.Store(&f) }

// tellCopied tells of the apps of committed copies, each once.
func (s *Store) tellCopied(cs []*eventcopy.Copy) {
	f := s.copied.Load()
	if f == nil {
		return
	}
	last := ""
	for _, c := range cs {
		if c != nil && c.App != last {
			(*f)(c.App)
			last = c.App
		}
	}
}

// PutCopies stores copies for events that have no other transaction.
func (s *Store) PutCopies(ctx context.Context, cs []*eventcopy.Copy) error {
	for _, c := range cs { // outside the transaction: see appNo
		if _, err := s.appNo(ctx, c.App); err != nil {
			return err
		}
	}
	if err := s.write(ctx, func(ctx context.Context, t tx) error { return s.putCopies(ctx, t, cs) }); err != nil {
		return err
	}
	s.tellCopied(cs)
	return nil
}

// putCopies stores copies inside the transaction of their event; nil ones are
// skipped, and those without an id get one. The caller has asked appNo for their
// apps, and calls tellCopied after the commit.
func (s *Store) putCopies(ctx context.Context, t tx, cs []*eventcopy.Copy) error {
	cs = slices.DeleteFunc(slices.Clone(cs), func(c *eventcopy.Copy) bool { return c == nil })
	return inChunks(cs, func(part []*eventcopy.Copy) error {
		args := make([]any, 0, 8*len(part))
		for _, c := range part {
			no, err := s.appNo(ctx, c.App)
			if err != nil {
				return err
			}
			if c.ID == 0 {
				c.ID = s.ids.Next()
			}
			args = append(args, no, c.ID, c.Lane, int64(c.Event), c.Env, string(c.Body), int64(c.Attempts), c.DueMs)
		}
		_, err := t.exec(ctx, `INSERT INTO outbox (app, id, lane, event, env, body, attempts, due) VALUES `+s.values(len(part), 8)+` ON CONFLICT DO NOTHING`, args...)
		return err
	})
}

// Copies returns waiting copies with id > after, by id.
func (s *Store) Copies(ctx context.Context, app string, after int64, limit int) ([]*eventcopy.Copy, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+outboxColumns+` FROM outbox WHERE app = $1 AND id > $2 ORDER BY id LIMIT $3`, no, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*eventcopy.Copy
	for rows.Next() {
		c := &eventcopy.Copy{App: app}
		if err := scanCopy(rows, c, &c.DueMs); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func scanCopy(row scanner, c *eventcopy.Copy, more ...any) error {
	return row.Scan(append([]any{&c.ID, &c.Lane, &c.Event, &c.Env, &c.Body, &c.Attempts}, more...)...)
}

// CountCopies counts waiting copies, up to limit, and returns the oldest id.
func (s *Store) CountCopies(ctx context.Context, app string, limit int) (n int, oldest int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, 0, err
	}
	rows, err := s.read(ctx, `SELECT COUNT(*), COALESCE(MIN(id), 0) FROM (SELECT id FROM outbox WHERE app = $1 ORDER BY id LIMIT $2) AS w`, no, limit)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&n, &oldest)
	}
	if err == nil {
		err = rows.Err()
	}
	return n, oldest, err
}

// FinishCopies records what became of copies.
func (s *Store) FinishCopies(ctx context.Context, app string, f eventcopy.Finished) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	gone := slices.Clone(f.Sent)
	for _, d := range f.Dead {
		gone = append(gone, d.ID)
	}
	slices.Sort(gone) // key order: two transactions must not deadlock
	return s.write(ctx, func(ctx context.Context, t tx) error {
		for _, c := range f.Failed {
			if _, err := t.exec(ctx, `UPDATE outbox SET attempts = $1, due = $2 WHERE app = $3 AND id = $4`, int64(c.Attempts), c.DueMs, no, c.ID); err != nil {
				return err
			}
		}
		err := inChunks(f.Dead, func(part []*eventcopy.Dead) error {
			args := make([]any, 0, 9*len(part))
			for _, d := range part {
				args = append(args, no, d.ID, d.Lane, int64(d.Event), d.Env, string(d.Body), int64(d.Attempts), d.DiedMs, d.Cause)
			}
			_, err := t.exec(ctx, `INSERT INTO outbox_dead (app, id, lane, event, env, body, attempts, died, cause) VALUES `+s.values(len(part), 9)+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
		if err != nil {
			return err
		}
		return s.deleteIDs(ctx, t, `outbox`, no, gone)
	})
}

// deleteIDs deletes rows of a table that is keyed by app and id.
func (s *Store) deleteIDs(ctx context.Context, t tx, table string, no int64, ids []int64) error {
	for part := range slices.Chunk(ids, maxIn) {
		args := []any{no}
		for _, id := range part {
			args = append(args, id)
		}
		for len(args) < 1+maxIn && len(part) > 10 { // few texts of statements: fill up with what is there already
			args = append(args, part[0])
		}
		if _, err := t.exec(ctx, `DELETE FROM `+table+` WHERE app = $1 AND id IN (`+list(2, len(args)-1)+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

// LeaseShards renews and takes this holder's fair share of the shards.
func (s *Store) LeaseShards(ctx context.Context, holder string, ttlMs int64) ([]int, error) {
	var held []int
	err := s.write(ctx, func(ctx context.Context, t tx) error {
		held = nil
		now := s.clock.NowMs()
		nodes := int64(0)
		if err := scanOne(ctx, t, []any{&nodes}, `SELECT COUNT(*) FROM node_lease WHERE kind = 'serve' AND expires > $1`, now); err != nil {
			return err
		}
		share := (eventcopy.Shards + max(nodes, 1) - 1) / max(nodes, 1)
		rows, err := t.query(ctx, `SELECT shard FROM outbox_lease WHERE holder = $1 ORDER BY shard`+s.engine.forUpdate(), holder)
		if err != nil {
			return err
		}
		mine := map[int]bool{}
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				rows.Close()
				return err
			}
			mine[n] = true
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		for n := range eventcopy.Shards {
			if int64(len(held)) == share {
				if mine[n] { // more than its share: another node has come
					if _, err := t.exec(ctx, `DELETE FROM outbox_lease WHERE shard = $1 AND holder = $2`, n, holder); err != nil {
						return err
					}
				}
				continue
			}
			k, err := t.exec(ctx, `INSERT INTO outbox_lease (shard, holder, expires) VALUES ($1,$2,$3)
				ON CONFLICT (shard) DO UPDATE SET holder = excluded.holder, expires = excluded.expires
				WHERE outbox_lease.holder = $4 OR outbox_lease.expires < $5`, n, holder, now+ttlMs, holder, now)
			if err != nil {
				return err
			}
			if k > 0 {
				held = append(held, n)
			}
		}
		return nil
	})
	return held, err
}

func scanOne(ctx context.Context, t tx, into []any, query string, args ...any) error {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	return rows.Scan(into...)
}

// ReleaseShards gives all shards of a holder back.
func (s *Store) ReleaseShards(ctx context.Context, holder string) error {
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DELETE FROM outbox_lease WHERE holder = $1`, holder)
		return err
	})
}
