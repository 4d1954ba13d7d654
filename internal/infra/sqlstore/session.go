package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"hongyan/internal/im/session"
)

// MarkRead raises session acks and returns those that rose.
func (s *Store) MarkRead(ctx context.Context, app, accid string, acks []session.Ack) ([]session.Ack, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	// Key order: two requests for the same sessions must not deadlock.
	acks = slices.SortedStableFunc(slices.Values(acks), func(a, b session.Ack) int {
		return cmp.Or(cmp.Compare(a.Scene, b.Scene), strings.Compare(a.Target, b.Target))
	})
	var rose []session.Ack
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rose = rose[:0]
		for _, a := range acks {
			n, err := t.exec(ctx, `INSERT INTO session_ack (app, accid, scene, target, time) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (app, accid, scene, target) DO UPDATE SET time = excluded.time WHERE session_ack.time < excluded.time`,
				no, accid, int64(a.Scene), a.Target, a.TimeMs)
			if err != nil {
				return err
			}
			if n > 0 {
				rose = append(rose, a)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // the write may still be under way: rose is its
	}
	return rose, nil
}

// Acks returns all session acks of an account.
func (s *Store) Acks(ctx context.Context, app, accid string) ([]session.Ack, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT scene, target, time FROM session_ack WHERE app = $1 AND accid = $2`, no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []session.Ack
	for rows.Next() {
		var a session.Ack
		if err := rows.Scan(&a.Scene, &a.Target, &a.TimeMs); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}
