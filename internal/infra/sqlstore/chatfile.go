package sqlstore

import (
	"context"

	"hongyan/internal/im/file"
)

// readChat returns what a chat file has beyond its row in file.
func readChat(ctx context.Context, query queryFunc, no int64, object string) (*file.Chat, error) {
	rows, err := query(ctx, `SELECT name, restricted, thumb_width, thumb_height, chat_type, chat_target FROM chatfile WHERE app = $1 AND object = $2`, no, object)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out *file.Chat
	for rows.Next() {
		c := &file.Chat{}
		var restricted int64
		if err := rows.Scan(&c.Name, &restricted, &c.ThumbWidth, &c.ThumbHeight, &c.ChatType, &c.ChatTarget); err != nil {
			return nil, err
		}
		c.Restricted = restricted != 0
		out = c
	}
	return out, rows.Err()
}

func putChat(ctx context.Context, t tx, no int64, f *file.File) error {
	c := f.Chat
	if c == nil {
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO chatfile (app, object, name, restricted, thumb_width, thumb_height, chat_type, chat_target, expires) VALUES `+values(1, 9)+`
		ON CONFLICT (app, object) DO UPDATE SET name = excluded.name, restricted = excluded.restricted, thumb_width = excluded.thumb_width,
			thumb_height = excluded.thumb_height, chat_type = excluded.chat_type, chat_target = excluded.chat_target, expires = excluded.expires`,
		no, f.Object, c.Name, flag(c.Restricted), int64(c.ThumbWidth), int64(c.ThumbHeight), c.ChatType, c.ChatTarget, f.ExpiresMs)
	return err
}

// dropChat forgets a chat file that never was complete; one that has expired is
// told of until ForgetChatFiles.
func dropChat(ctx context.Context, t tx, no int64, f *file.File) error {
	if f.Chat == nil || f.Done {
		return nil
	}
	_, err := t.exec(ctx, `DELETE FROM chatfile WHERE app = $1 AND object = $2`, no, f.Object)
	return err
}

// ChatFileKnown says whether a chat file was there.
func (s *Store) ChatFileKnown(ctx context.Context, app, object string) (bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	rows, err := s.read(ctx, `SELECT COUNT(*) FROM chatfile WHERE app = $1 AND object = $2`, no, object)
	if err != nil {
		return false, err
	}
	n, err := oneNumber(rows)
	return n > 0, err
}

// ForgetChatFiles forgets chat files of all apps that expired before a time.
func (s *Store) ForgetChatFiles(ctx context.Context, beforeMs int64, limit int) (int, error) {
	rows, err := s.read(ctx, `SELECT app, object FROM chatfile WHERE expires > 0 AND expires < $1
		AND NOT EXISTS (SELECT 1 FROM file WHERE file.app = chatfile.app AND file.object = chatfile.object) LIMIT $2`, beforeMs, limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	type key struct {
		app    int64
		object string
	}
	var old []key
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.app, &k.object); err != nil {
			return 0, err
		}
		old = append(old, k)
	}
	if err := rows.Err(); err != nil || len(old) == 0 {
		return 0, err
	}
	rows.Close()
	return len(old), s.write(ctx, func(ctx context.Context, t tx) error {
		for _, k := range old {
			if _, err := t.exec(ctx, `DELETE FROM chatfile WHERE app = $1 AND object = $2`, k.app, k.object); err != nil {
				return err
			}
		}
		return nil
	})
}
