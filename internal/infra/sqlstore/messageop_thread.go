package sqlstore

import (
	"context"

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
