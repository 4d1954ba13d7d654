package sqlstore

import (
	"context"

	"hongyan/internal/im/eventcopy"
)

// DeadCopies returns copies that were given up with id > after, by id.
func (s *Store) DeadCopies(ctx context.Context, app string, after int64, limit int) ([]*eventcopy.Dead, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id, lane, event, env, body, attempts, died, cause FROM outbox_dead WHERE app = $1 AND id > $2 ORDER BY id LIMIT $3`, no, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*eventcopy.Dead
	for rows.Next() {
		d := &eventcopy.Dead{Copy: eventcopy.Copy{App: app}}
		if err := scanCopy(rows, &d.Copy, &d.DiedMs, &d.Cause); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// ReplayCopies makes dead copies wait again, under their old ids and with all
// their attempts; ids of others are ignored. It returns how many.
func (s *Store) ReplayCopies(ctx context.Context, app string, ids []int64) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n = 0
		for _, id := range ids {
			k, err := t.exec(ctx, `INSERT INTO outbox (app, id, lane, event, env, body, attempts, due)
				SELECT app, id, lane, event, env, body, 0, 0 FROM outbox_dead WHERE app = $1 AND id = $2 ON CONFLICT DO NOTHING`, no, id)
			if err != nil {
				return err
			}
			n += k
		}
		if err := s.deleteIDs(ctx, t, `outbox_dead`, no, ids); err != nil {
			return err
		}
		// Their ids are old: the nodes that send must look back.
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeCopies})
	})
	return int(n), err
}

// ForgetDead deletes dead copies with id < before, at most limit at once.
func (s *Store) ForgetDead(ctx context.Context, app string, before int64, limit int) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		var err error
		n, err = t.exec(ctx, `DELETE FROM outbox_dead WHERE app = $1 AND id IN (SELECT id FROM outbox_dead WHERE app = $2 AND id < $3 ORDER BY id LIMIT `+itoa(limit)+`)`, no, no, before)
		return err
	})
	return int(n), err
}
