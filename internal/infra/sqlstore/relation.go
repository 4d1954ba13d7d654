package sqlstore

import (
	"context"
	"database/sql"

	"hongyan/internal/im/friend"
)

const relationColumns = `other, black, muted, created, updated`

func appendRelations(rows *sql.Rows, owner string) ([]*friend.Relation, error) {
	defer rows.Close()
	var out []*friend.Relation
	for rows.Next() {
		r := &friend.Relation{Owner: owner}
		var black, muted int64
		if err := rows.Scan(&r.Accid, &black, &muted, &r.CreatedMs, &r.UpdatedMs); err != nil {
			return nil, err
		}
		r.Black, r.Muted = black != 0, muted != 0
		out = append(out, r)
	}
	return out, rows.Err()
}

// Relations returns an owner's list entries, those taken off included.
func (s *Store) Relations(ctx context.Context, app, owner string) ([]*friend.Relation, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+relationColumns+` FROM relation WHERE app = $1 AND accid = $2 ORDER BY other`, no, owner)
	if err != nil {
		return nil, err
	}
	return appendRelations(rows, owner)
}

// UpdateRelation changes one entry of an owner's lists.
func (s *Store) UpdateRelation(ctx context.Context, app, owner, accid string, max int64, change func(*friend.Relation) bool) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		if err := s.lockAccounts(ctx, t, no, owner, accid); err != nil {
			return err
		}
		rows, err := t.query(ctx, `SELECT `+relationColumns+` FROM relation WHERE app = $1 AND accid = $2 AND other = $3`, no, owner, accid)
		if err != nil {
			return err
		}
		found, err := appendRelations(rows, owner)
		if err != nil {
			return err
		}
		r := &friend.Relation{Owner: owner, Accid: accid}
		if len(found) > 0 {
			r = found[0]
		}
		old := *r
		if !change(r) {
			return nil
		}
		_, err = t.exec(ctx, `INSERT INTO relation (app, accid, other, black, muted, created, updated) VALUES `+values(1, 7)+`
			ON CONFLICT (app, accid, other) DO UPDATE SET black = excluded.black, muted = excluded.muted, created = excluded.created, updated = excluded.updated`,
			no, owner, accid, flag(r.Black), flag(r.Muted), r.CreatedMs, r.UpdatedMs)
		if err != nil {
			return err
		}
		if r.Black && !old.Black {
			err = within(ctx, t, max, `SELECT COUNT(*) FROM relation WHERE app = $1 AND accid = $2 AND black = 1`, no, owner)
		}
		if err == nil && r.Muted && !old.Muted {
			err = within(ctx, t, max, `SELECT COUNT(*) FROM relation WHERE app = $1 AND accid = $2 AND muted = 1`, no, owner)
		}
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `DELETE FROM relation WHERE app = $1 AND accid = $2 AND black = 0 AND muted = 0 AND updated < $3`, no, owner, s.clock.NowMs()-tombstoneMs)
		if err != nil {
			return err
		}
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeRelation, Key: owner})
	})
}
