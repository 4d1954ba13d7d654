package sqlstore

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// Trim deletes old recalls, broadcasts and messages of an app.
func (s *Store) Trim(ctx context.Context, app string, cut message.Trim, limit int) (more bool, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	// Each table has an index by app and id; the oldest come first.
	for _, step := range []struct {
		table  string
		before int64
	}{{"recall", cut.Recalls}, {"recall_ack", cut.Recalls}, {"broadcast", cut.Broadcasts}, {"broadcast_ack", cut.Broadcasts}} {
		expired := ""
		if step.table == "broadcast" {
			expired = ` AND expires < ` + strconv.FormatInt(s.clock.NowMs(), 10)
		}
		err := s.write(ctx, func(ctx context.Context, t tx) error {
			n, err := t.exec(ctx, `DELETE FROM `+step.table+` WHERE app = $1 AND id IN (SELECT id FROM `+step.table+` WHERE app = $2 AND id < $3`+expired+
				` ORDER BY id LIMIT `+itoa(limit)+`)`, no, no, step.before)
			more = more || n >= int64(limit)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	if cut.Messages == 0 {
		return more, nil
	}
	n, err := s.trimMessages(ctx, no, app, cut.Messages, limit)
	return more || n >= limit, err
}

// trimMessages deletes the oldest messages before an id, with their words, their
// places in threads and what accounts hid of them.
func (s *Store) trimMessages(ctx context.Context, no int64, app string, before int64, limit int) (int, error) {
	rows, err := s.read(ctx, `SELECT `+messageColumns+` FROM message WHERE app = $1 AND id < $2 ORDER BY id LIMIT `+itoa(limit), no, before)
	if err != nil {
		return 0, err
	}
	msgs, err := scanMessages(rows, app)
	if err != nil || len(msgs) == 0 {
		return 0, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		for _, m := range msgs {
			if _, err := t.exec(ctx, `DELETE FROM message WHERE app = $1 AND conv = $2 AND time = $3`, no, string(m.Conv), m.Time); err != nil {
				return err
			}
			if err := s.engine.unindex(ctx, t, no, m.ID); err != nil {
				return err
			}
			if root := m.ThreadRoot(); root != 0 {
				if _, err := t.exec(ctx, `DELETE FROM message_thread WHERE app = $1 AND conv = $2 AND root = $3 AND time = $4`, no, string(m.Conv), root, m.Time); err != nil {
					return err
				}
			}
		}
		// Whatever was hidden before this time was sent before it.
		_, err := t.exec(ctx, `DELETE FROM message_hide WHERE app = $1 AND deleted < $2`, no, im.IDTimeMs(msgs[len(msgs)-1].ID))
		return err
	})
	return len(msgs), err
}
