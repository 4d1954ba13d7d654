package sqlstore

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/chatroom"
)

const chatroomColumns = `id, creator, name, announcement, broadcast, ext, queue_level, open, muted, in_out, created, updated`

var errNoRoom = im.Errorf(im.CodeNotFound, "no such chat room")

// CreateChatroom stores a room.
func (s *Store) CreateChatroom(ctx context.Context, r *chatroom.Room) error {
	no, err := s.appNo(ctx, r.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO chatroom (app, `+chatroomColumns+`, last_time) VALUES `+values(1, 14), no, r.ID, r.Creator, r.Name, r.Announcement,
			r.BroadcastURL, r.Ext, r.QueueLevel, flag(r.Open), flag(r.Muted), flag(r.InOut), r.CreatedMs, r.UpdatedMs, int64(0))
		return err
	})
}

func scanChatrooms(app string, rows messageRows) (out []*chatroom.Room, err error) {
	defer rows.Close()
	for rows.Next() {
		r := &chatroom.Room{App: app}
		var open, muted, inOut int64
		if err := rows.Scan(&r.ID, &r.Creator, &r.Name, &r.Announcement, &r.BroadcastURL, &r.Ext, &r.QueueLevel, &open, &muted, &inOut,
			&r.CreatedMs, &r.UpdatedMs); err != nil {
			return nil, err
		}
		r.Open, r.Muted, r.InOut = open != 0, muted != 0, inOut != 0
		out = append(out, r)
	}
	return out, rows.Err()
}

// Chatrooms returns those of the rooms that exist, in the order asked for.
func (s *Store) Chatrooms(ctx context.Context, app string, ids []int64) ([]*chatroom.Room, error) {
	no, err := s.appNo(ctx, app)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+chatroomColumns+` FROM chatroom WHERE app = $1 AND id IN (`+list(2, len(ids))+`)`, idArgs(no, ids)...)
	if err != nil {
		return nil, err
	}
	all, err := scanChatrooms(app, rows)
	found := map[int64]*chatroom.Room{}
	for _, r := range all {
		found[r.ID] = r
	}
	return inOrder(ids, found), err
}

// ChangeChatroom changes a room and stores the notification of it.
func (s *Store) ChangeChatroom(ctx context.Context, app string, id int64, change func(*chatroom.Room) (*chatroom.Message, error)) (
	room *chatroom.Room, note *chatroom.Message, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, nil, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT `+chatroomColumns+` FROM chatroom WHERE app = $1 AND id = $2`+s.engine.forUpdate(), no, id)
		if err != nil {
			return err
		}
		found, err := scanChatrooms(app, rows)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return errNoRoom
		}
		room = found[0]
		tell, err := change(room)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `UPDATE chatroom SET name = $1, announcement = $2, broadcast = $3, ext = $4, queue_level = $5, open = $6, muted = $7, in_out = $8,
			updated = $9 WHERE app = $10 AND id = $11`, room.Name, room.Announcement, room.BroadcastURL, room.Ext, room.QueueLevel, flag(room.Open),
			flag(room.Muted), flag(room.InOut), room.UpdatedMs, no, id); err != nil || tell == nil {
			note = nil
			return err
		}
		next := *tell
		note = &next
		if next.TimeMs, _, err = nextChatroomTime(ctx, t, no, id, next.TimeMs); err != nil {
			return err
		}
		return insertChatroom(ctx, t, no, note)
	})
	return room, note, err
}

// nextChatroomTime takes the room's next time, not before ms, and says whether it
// is open. The room's row is the lock that keeps its times ascending.
func nextChatroomTime(ctx context.Context, t tx, no, room, ms int64) (next int64, open bool, err error) {
	n, err := t.exec(ctx, `UPDATE chatroom SET last_time = CASE WHEN last_time >= $1 THEN last_time + 1 ELSE $1 END WHERE app = $2 AND id = $3`, ms, no, room)
	if err == nil && n == 0 {
		err = errNoRoom
	}
	if err != nil {
		return 0, false, err
	}
	rows, err := t.query(ctx, `SELECT last_time, open FROM chatroom WHERE app = $1 AND id = $2`, no, room)
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	var isOpen int64
	for rows.Next() {
		if err := rows.Scan(&next, &isOpen); err != nil {
			return 0, false, err
		}
	}
	return next, isOpen != 0, rows.Err()
}

func insertChatroom(ctx context.Context, t tx, no int64, m *chatroom.Message) error {
	_, err := t.exec(ctx, `INSERT INTO chatroom_message (app, room, time, sender, client_id, type, body) VALUES `+values(1, 7),
		no, m.Room, m.TimeMs, m.From, m.ClientID, m.Type, m.Encode())
	return err
}

// AppendChatroom stores a message at the next time of its room.
func (s *Store) AppendChatroom(ctx context.Context, m *chatroom.Message, sinceMs int64) (stored *chatroom.Message, repeated bool, err error) {
	no, err := s.appNo(ctx, m.App)
	if err != nil {
		return nil, false, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		next := *m
		stored, repeated = &next, false
		ms, open, err := nextChatroomTime(ctx, t, no, m.Room, m.TimeMs)
		switch {
		case err != nil:
			return err
		case !open:
			return im.Errorf(im.CodeRoomClosed, "the chat room is closed")
		}
		next.TimeMs = ms
		if sinceMs > 0 { // after the room's row was locked: of two at a time one finds the other
			rows, err := t.query(ctx, `SELECT body FROM chatroom_message WHERE app = $1 AND room = $2 AND client_id = $3 AND sender = $4 AND time > $5
				ORDER BY time LIMIT 1`, no, m.Room, m.ClientID, m.From, sinceMs)
			if err != nil {
				return err
			}
			old, err := scanChatroom(m.App, rows)
			if err != nil {
				return err
			}
			if len(old) > 0 {
				stored, repeated = old[0], true
				return nil
			}
		}
		if m.NoHistory {
			return nil
		}
		return insertChatroom(ctx, t, no, &next)
	})
	return stored, repeated, err
}

func scanChatroom(app string, rows messageRows) (out []*chatroom.Message, err error) {
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		m, err := chatroom.DecodeMessage(app, body)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// ChatroomHistory returns messages of a room.
func (s *Store) ChatroomHistory(ctx context.Context, app string, room int64, q chatroom.History) ([]*chatroom.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	if q.BeforeMs == 0 {
		q.BeforeMs = 1 << 53
	}
	args, types, order := []any{no, room, q.AfterMs, q.BeforeMs}, "", "DESC"
	if len(q.Types) > 0 {
		types = ` AND type IN (` + list(5, len(q.Types)) + `)`
		for _, n := range q.Types {
			args = append(args, n)
		}
	}
	if q.Ascending {
		order = "ASC"
	}
	rows, err := s.read(ctx, `SELECT body FROM chatroom_message WHERE app = $1 AND room = $2 AND time > $3 AND time < $4`+types+
		` ORDER BY time `+order+` LIMIT `+itoa(q.Limit), args...)
	if err != nil {
		return nil, err
	}
	return scanChatroom(app, rows)
}

// DeleteChatroomMessage removes a message and stores the notification of it.
func (s *Store) DeleteChatroomMessage(ctx context.Context, app string, room int64, from string, timeMs int64,
	note func(*chatroom.Message) (*chatroom.Message, error)) (told *chatroom.Message, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT body FROM chatroom_message WHERE app = $1 AND room = $2 AND time = $3 AND sender = $4`+s.engine.forUpdate(),
			no, room, timeMs, from)
		if err != nil {
			return err
		}
		found, err := scanChatroom(app, rows)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return im.Errorf(im.CodeNotFound, "no such message")
		}
		tell, err := note(found[0])
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `DELETE FROM chatroom_message WHERE app = $1 AND room = $2 AND time = $3`, no, room, timeMs); err != nil || tell == nil {
			told = nil
			return err
		}
		next := *tell
		told = &next
		if next.TimeMs, _, err = nextChatroomTime(ctx, t, no, room, next.TimeMs); err != nil {
			return err
		}
		return insertChatroom(ctx, t, no, told)
	})
	return told, err
}

// TrimChatrooms deletes the oldest messages of an app's rooms.
func (s *Store) TrimChatrooms(ctx context.Context, app string, beforeMs int64, limit int) (n int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		n, err = t.exec(ctx, `DELETE FROM chatroom_message WHERE app = $1 AND (room, time) IN (SELECT room, time FROM chatroom_message
			WHERE app = $2 AND time < $3 ORDER BY time LIMIT `+itoa(limit)+`)`, no, no, beforeMs)
		return err
	})
	return n, err
}
