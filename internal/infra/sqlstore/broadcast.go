package sqlstore

import (
	"context"
	"strings"

	"hongyan/internal/im/message"
)

const broadcastColumns = `id, sender, body, os, stored, created, expires`

// PutBroadcast keeps a broadcast and sets its ID.
func (s *Store) PutBroadcast(ctx context.Context, app string, b *message.Broadcast) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	id := s.ids.Next()
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO broadcast (app, `+broadcastColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			no, id, b.From, b.Body, strings.Join(b.TargetOS, ","), flagNumber(b.Stored), b.CreatedMs, b.ExpiresMs)
		return err
	})
	if err == nil {
		b.ID = id
	}
	return err
}

func flagNumber(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Broadcasts lists broadcasts, newest first.
func (s *Store) Broadcasts(ctx context.Context, app string, maxID int64, stored *bool, limit int) ([]*message.Broadcast, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	if maxID == 0 {
		maxID = 1<<63 - 1
	}
	query, args := `SELECT `+broadcastColumns+` FROM broadcast WHERE app = $1 AND id <= $2`, []any{no, maxID}
	if stored != nil {
		query, args = query+` AND stored = $3`, append(args, flagNumber(*stored))
	}
	return s.readBroadcasts(ctx, query+` ORDER BY id DESC LIMIT `+itoa(limit), args...)
}

// Broadcast returns one broadcast.
func (s *Store) Broadcast(ctx context.Context, app string, id int64) (*message.Broadcast, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	list, err := s.readBroadcasts(ctx, `SELECT `+broadcastColumns+` FROM broadcast WHERE app = $1 AND id = $2`, no, id)
	return append(list, nil)[0], err
}

// WaitingBroadcasts returns what an account has not acknowledged.
func (s *Store) WaitingBroadcasts(ctx context.Context, app, accid string, nowMs int64, limit int) ([]*message.Broadcast, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	return s.readBroadcasts(ctx, `SELECT `+broadcastColumns+` FROM broadcast b WHERE app = $1 AND stored = 1 AND expires > $2
		AND NOT EXISTS (SELECT 1 FROM broadcast_ack k WHERE k.app = b.app AND k.accid = $3 AND k.id = b.id) ORDER BY id LIMIT `+itoa(limit), no, nowMs, accid)
}

func (s *Store) readBroadcasts(ctx context.Context, query string, args ...any) ([]*message.Broadcast, error) {
	rows, err := s.read(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*message.Broadcast
	for rows.Next() {
		b := &message.Broadcast{}
		var os string
		var stored int64
		if err := rows.Scan(&b.ID, &b.From, &b.Body, &os, &stored, &b.CreatedMs, &b.ExpiresMs); err != nil {
			return nil, err
		}
		if os != "" {
			b.TargetOS = strings.Split(os, ",")
		}
		b.Stored = stored != 0
		out = append(out, b)
	}
	return out, rows.Err()
}

// DeleteBroadcast removes a broadcast.
func (s *Store) DeleteBroadcast(ctx context.Context, app string, id int64) (bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	was := false
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n, err := t.exec(ctx, `DELETE FROM broadcast WHERE app = $1 AND id = $2`, no, id)
		was = n > 0
		return err
	})
	return was && err == nil, err
}

// AckBroadcasts records broadcasts as received by an account.
func (s *Store) AckBroadcasts(ctx context.Context, app, accid string, ids []int64) error {
	return s.acknowledge(ctx, app, accid, "broadcast", ` AND stored = 1`, ids)
}
