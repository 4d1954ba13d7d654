package sqlstore

import (
	"context"
	"errors"

	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
)

// RaiseReceipt raises how far a reader has read.
func (s *Store) RaiseReceipt(ctx context.Context, app string, r *message.Receipt) (bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	stored, rose := *r, false
	var copies []*eventcopy.Copy
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n, err := t.exec(ctx, `INSERT INTO receipt (app, accid, reader, time, id_client) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (app, accid, reader) DO UPDATE SET time = excluded.time, id_client = excluded.id_client WHERE receipt.time < excluded.time`,
			no, r.To, r.Reader, r.TimeMs, r.IDClient)
		rose, copies = n > 0, nil
		switch {
		case err != nil:
			return err
		case rose:
			copies = []*eventcopy.Copy{r.Copy(app)}
			return s.putCopies(ctx, t, copies)
		}
		rows, err := t.query(ctx, `SELECT time, id_client FROM receipt WHERE app = $1 AND accid = $2 AND reader = $3`, no, r.To, r.Reader)
		if err != nil {
			return err
		}
		if rows.Next() {
			err = rows.Scan(&stored.TimeMs, &stored.IDClient)
		}
		return errors.Join(err, rows.Err(), rows.Close())
	})
	if err != nil {
		return false, err // the write may still be under way: its results are its
	}
	*r = stored
	s.tellCopied(copies)
	return rose, nil
}

// Receipts returns how far others have read what an account wrote.
func (s *Store) Receipts(ctx context.Context, app, accid string, sinceMs int64) ([]message.Receipt, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT reader, time, id_client FROM receipt WHERE app = $1 AND accid = $2 AND time >= $3`, no, accid, sinceMs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []message.Receipt
	for rows.Next() {
		r := message.Receipt{To: accid}
		if err := rows.Scan(&r.Reader, &r.TimeMs, &r.IDClient); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
