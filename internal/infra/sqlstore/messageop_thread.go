package sqlstore

import (
	"context"
	"database/sql"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// indexThreads lists the messages of a batch that belong to threads under their roots.
func (s *Store) indexThreads(ctx context.Context, t tx, msgs []*message.Message) error {
	for _, m := range msgs {
		root := m.ThreadRoot()
		if root == 0 {
			continue
		}
		no, err := s.appNo(ctx, m.App)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO message_thread (app, conv, root, time) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`, no, string(m.Conv), root, m.Time)
		if err != nil {
			return err
		}
	}
	return nil
}

// Count returns how many messages a page without limit has and the newest time.
func (s *Store) Count(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) (n, newestMs int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, 0, err
	}
	where, args := pageWhere(no, conv, q)
	rows, err := s.read(ctx, `SELECT COUNT(*), MAX(time) FROM message WHERE `+where, args...)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	var newest sql.NullInt64
	if rows.Next() {
		if err := rows.Scan(&n, &newest); err != nil {
			return 0, 0, err
		}
	}
	return n, newest.Int64, rows.Err()
}
