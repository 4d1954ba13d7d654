package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

// takesPartIn is a table of the conversations of an account, whose place holders
// are the two numbered from n and the two after: super teams keep no delivery
// states, and so have no row where the others have one.
func takesPartIn(n int) string {
	at := func(i int) string { return "$" + itoa(n+i) }
	return `(SELECT app, accid, conv FROM conversation_member WHERE app = ` + at(0) + ` AND accid = ` + at(1) + ` UNION ALL
		SELECT app, accid, conv FROM team_member WHERE app = ` + at(2) + ` AND accid = ` + at(3) + ` AND conv LIKE 's|%' AND valid = 1)`
}

// CloudHeads returns an account's conversations and those it said something about.
func (s *Store) CloudHeads(ctx context.Context, app, accid string, minMs int64, limit int) ([]session.CloudHead, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT conv, time, ext, updated, deleted FROM (
			SELECT c.conv AS conv, CASE WHEN COALESCE(x.updated, 0) > c.time THEN x.updated ELSE c.time END AS time, x.ext AS ext, x.updated AS updated, x.deleted AS deleted
			FROM `+takesPartIn(1)+` AS m JOIN conversation c ON c.app = m.app AND c.conv = m.conv
			LEFT JOIN cloud_session x ON x.app = m.app AND x.accid = m.accid AND x.conv = m.conv
			UNION ALL
			SELECT x.conv, x.updated, x.ext, x.updated, x.deleted FROM cloud_session x
			WHERE x.app = $5 AND x.accid = $6 AND NOT EXISTS (SELECT 1 FROM `+takesPartIn(7)+` AS m
				JOIN conversation c ON c.app = m.app AND c.conv = m.conv WHERE m.conv = x.conv)
		) AS heads WHERE time >= $11 ORDER BY time DESC LIMIT `+itoa(limit), no, accid, no, accid, no, accid, no, accid, no, accid, minMs)
	if err != nil {
		return nil, err
	}
	return scanHeads(rows)
}

func scanHeads(rows *sql.Rows) ([]session.CloudHead, error) {
	defer rows.Close()
	var out []session.CloudHead
	for rows.Next() {
		var h session.CloudHead
		var ext sql.NullString
		var updated, deleted sql.NullInt64
		if err := rows.Scan(&h.Conv, &h.TimeMs, &ext, &updated, &deleted); err != nil {
			return nil, err
		}
		if updated.Valid {
			h.Row = &session.CloudRow{Ext: ext.String, UpdatedMs: updated.Int64, DeletedMs: deleted.Int64}
		}
		out = append(out, h)
	}
	return out, rows.Err()
}

// CloudHead returns one conversation as CloudHeads does.
func (s *Store) CloudHead(ctx context.Context, app, accid string, conv im.ConvKey) (*session.CloudHead, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT c.conv, c.time, x.ext, x.updated, x.deleted
		FROM `+takesPartIn(1)+` AS m JOIN conversation c ON c.app = m.app AND c.conv = m.conv
		LEFT JOIN cloud_session x ON x.app = m.app AND x.accid = m.accid AND x.conv = m.conv
		WHERE m.conv = $5
		UNION ALL
		SELECT x.conv, 0, x.ext, x.updated, x.deleted FROM cloud_session x WHERE x.app = $6 AND x.accid = $7 AND x.conv = $8`,
		no, accid, no, accid, string(conv), no, accid, string(conv))
	if err != nil {
		return nil, err
	}
	heads, err := scanHeads(rows)
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	return &heads[0], nil
}

// CloudLast returns what a session shows as its last message.
func (s *Store) CloudLast(ctx context.Context, app, accid string, conv im.ConvKey, afterMs int64) (*message.Message, *message.RecallNotice, error) {
	// Messages that are not stored offline do not move sessions either.
	msgs, err := s.Page(ctx, app, conv, message.PageQuery{FromTime: afterMs + 1, Limit: 1, Without: message.NoSession | message.NoOffline, Viewer: accid})
	if err != nil {
		return nil, nil, err
	}
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, nil, err
	}
	notices, err := s.readRecalls(ctx, `SELECT r.conv, r.id, r.time, r.kind, r.msg_id, r.msg_time, r.sender, r.operator, r.content, 0 FROM recall r
		LEFT JOIN conversation_clear x ON x.app = r.app AND x.accid = $1 AND x.conv = r.conv
		WHERE r.app = $2 AND r.conv = $3 AND r.time > $4 AND r.msg_time > COALESCE(x.cleared, 0) AND NOT (r.kind IN (13, 14) AND r.sender = $5)
		ORDER BY r.msg_time DESC LIMIT 1`, accid, no, string(conv), afterMs, accid)
	if err != nil {
		return nil, nil, err
	}
	return append(msgs, nil)[0], append(notices, nil)[0], nil
}

// PutCloudExt sets an account's text of a session.
func (s *Store) PutCloudExt(ctx context.Context, app, accid string, conv im.ConvKey, ext string, nowMs int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		// A deleted session is made anew by its text, later than its deletion.
		_, err := t.exec(ctx, `INSERT INTO cloud_session (app, accid, conv, ext, updated) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (app, accid, conv) DO UPDATE SET ext = excluded.ext,
				updated = CASE WHEN cloud_session.deleted < cloud_session.updated THEN cloud_session.updated
					WHEN excluded.updated > cloud_session.deleted THEN excluded.updated ELSE cloud_session.deleted + 1 END`,
			no, accid, string(conv), ext, nowMs)
		return err
	})
}

// DeleteCloud removes sessions until something happens in them.
func (s *Store) DeleteCloud(ctx context.Context, app, accid string, convs []im.ConvKey, nowMs int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	convs = slices.Clone(convs)
	slices.Sort(convs)
	return s.write(ctx, func(ctx context.Context, t tx) error {
		for _, conv := range slices.Compact(convs) {
			// Up to the conversation's time, which may be ahead of the clock.
			rows, err := t.query(ctx, `SELECT time FROM conversation WHERE app = $1 AND conv = $2`+s.engine.forUpdate(), no, string(conv))
			if err != nil {
				return err
			}
			at := nowMs
			if rows.Next() {
				var newest int64
				err = rows.Scan(&newest)
				at = max(at, newest)
			}
			if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `UPDATE conversation SET time = $1 WHERE app = $2 AND conv = $3 AND time < $4`, at, no, string(conv), at); err != nil {
				return err
			}
			_, err = t.exec(ctx, `INSERT INTO cloud_session (app, accid, conv, updated, deleted) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (app, accid, conv) DO UPDATE SET ext = '', updated = excluded.updated, deleted = excluded.deleted`, no, accid, string(conv), at, at)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Stick adds or updates a session at the top of an account's list.
func (s *Store) Stick(ctx context.Context, app, accid string, st *session.Stick, update bool, limit int) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	created := int64(0)
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT id, created FROM stick_top WHERE app = $1 AND accid = $2`, no, accid)
		if err != nil {
			return err
		}
		n, found := 0, false
		created = st.UpdatedMs
		for rows.Next() {
			var id string
			var at int64
			if err := rows.Scan(&id, &at); err != nil {
				rows.Close()
				return err
			}
			if n++; id == st.ID {
				found, created = true, at
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		switch {
		case update && !found:
			return im.Errorf(im.CodeNotFound, "no such sticky session")
		case !found && n >= limit:
			return im.Errorf(im.CodeTooMany, "at most %d sticky sessions", limit)
		}
		_, err = t.exec(ctx, `INSERT INTO stick_top (app, accid, id, ext, created, updated) VALUES ($1,$2,$3,$4,$5,$6)
			ON CONFLICT (app, accid, id) DO UPDATE SET ext = excluded.ext, updated = excluded.updated`, no, accid, st.ID, st.Ext, created, st.UpdatedMs)
		return err
	})
	if err == nil {
		st.CreatedMs = created
	}
	return err
}

// Unstick removes a session from the top of an account's list.
func (s *Store) Unstick(ctx context.Context, app, accid, id string) (bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	was := false
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n, err := t.exec(ctx, `DELETE FROM stick_top WHERE app = $1 AND accid = $2 AND id = $3`, no, accid, id)
		was = n > 0
		return err
	})
	return was && err == nil, err
}

// Sticks returns the sessions at the top of an account's list.
func (s *Store) Sticks(ctx context.Context, app, accid string) ([]session.Stick, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id, ext, created, updated FROM stick_top WHERE app = $1 AND accid = $2 ORDER BY created, id`, no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []session.Stick
	for rows.Next() {
		var st session.Stick
		if err := rows.Scan(&st.ID, &st.Ext, &st.CreatedMs, &st.UpdatedMs); err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, rows.Err()
}
