package sqlstore

import (
	"context"
	"errors"

	"hongyan/internal/im"
	"hongyan/internal/im/qchat"
)

var errServersFull = im.Errorf(im.CodeTooMany, "in too many servers")

// CreateQChatServer stores a server with its owner as member.
func (s *Store) CreateQChatServer(ctx context.Context, v *qchat.Server, most int) error {
	no, err := s.appNo(ctx, v.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		if _, err := t.exec(ctx, `INSERT INTO qchat_server (app, id, name, icon, ext, owner, invite_mode, apply_mode, search_type, search, members, channels,
			created, updated) VALUES `+values(1, 14), no, v.ID, v.Name, v.Icon, v.Ext, v.Owner, v.InviteMode, v.ApplyMode, v.SearchType, flag(v.Searchable),
			v.Members, v.Channels, v.CreatedMs, v.UpdatedMs); err != nil {
			return err
		}
		_, err := joinQChat(ctx, t, no, qchat.Member{Server: v.ID, Accid: v.Owner, JoinedMs: v.CreatedMs}, most)
		return err
	})
}

// joinQChat adds a member and says whether it was none before.
func joinQChat(ctx context.Context, t tx, no int64, m qchat.Member, most int) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO qchat_member (app, server, accid, inviter, joined) VALUES `+values(1, 5)+` ON CONFLICT DO NOTHING`,
		no, m.Server, m.Accid, m.Inviter, m.JoinedMs)
	if err != nil || n == 0 {
		return false, err
	}
	rows, err := t.query(ctx, `SELECT COUNT(*) FROM qchat_member WHERE app = $1 AND accid = $2`, no, m.Accid)
	if err != nil {
		return false, err
	}
	in, err := oneNumber(rows)
	if err == nil && in > int64(most) {
		err = errServersFull
	}
	return true, err
}

// JoinQChatServer adds a member to a server that exists.
func (s *Store) JoinQChatServer(ctx context.Context, app string, m qchat.Member, most int) (isNew bool, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return false, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		if isNew, err = joinQChat(ctx, t, no, m, most); err != nil || !isNew {
			return err
		}
		n, err := t.exec(ctx, `UPDATE qchat_server SET members = members + 1 WHERE app = $1 AND id = $2`, no, m.Server)
		if err == nil && n == 0 {
			err = im.Errorf(im.CodeNotFound, "no such server")
		}
		return err
	})
	return isNew, err
}

// QChatServers returns those of the servers that exist, in the order asked for.
func (s *Store) QChatServers(ctx context.Context, app string, ids []int64) ([]*qchat.Server, error) {
	no, err := s.appNo(ctx, app)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id, name, icon, ext, owner, invite_mode, apply_mode, search_type, search, members, channels, created, updated
		FROM qchat_server WHERE app = $1 AND id IN (`+list(2, len(ids))+`)`, idArgs(no, ids)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]*qchat.Server{}
	for rows.Next() {
		v := &qchat.Server{App: app}
		var search int64
		if err := rows.Scan(&v.ID, &v.Name, &v.Icon, &v.Ext, &v.Owner, &v.InviteMode, &v.ApplyMode, &v.SearchType, &search, &v.Members, &v.Channels,
			&v.CreatedMs, &v.UpdatedMs); err != nil {
			return nil, err
		}
		v.Searchable = search != 0
		found[v.ID] = v
	}
	return inOrder(ids, found), rows.Err()
}

func idArgs(no int64, ids []int64) []any {
	args := []any{no}
	for _, id := range ids {
		args = append(args, id)
	}
	return args
}

// inOrder returns what was found of ids, each once.
func inOrder[T any](ids []int64, found map[int64]*T) (out []*T) {
	for _, id := range ids {
		if v, ok := found[id]; ok {
			out = append(out, v)
			delete(found, id)
		}
	}
	return out
}

// QChatServersOf returns the ids of the servers that an account is in.
func (s *Store) QChatServersOf(ctx context.Context, app, accid string) (out []int64, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT server FROM qchat_member WHERE app = $1 AND accid = $2 ORDER BY server`, no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// QChatMember returns a member, or nil.
func (s *Store) QChatMember(ctx context.Context, app string, server int64, accid string) (*qchat.Member, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT inviter, joined FROM qchat_member WHERE app = $1 AND server = $2 AND accid = $3`, no, server, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	m := &qchat.Member{Server: server, Accid: accid}
	return m, errors.Join(rows.Scan(&m.Inviter, &m.JoinedMs), rows.Err())
}

// CreateQChatChannel stores a channel and counts it.
func (s *Store) CreateQChatChannel(ctx context.Context, c *qchat.Channel, most int64) error {
	no, err := s.appNo(ctx, c.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		n, err := t.exec(ctx, `UPDATE qchat_server SET channels = channels + 1 WHERE app = $1 AND id = $2 AND channels < $3`, no, c.Server, most)
		if err != nil {
			return err
		}
		if n == 0 {
			return im.Errorf(im.CodeTooMany, "the server has too many channels")
		}
		_, err = t.exec(ctx, `INSERT INTO qchat_channel (app, id, server, name, topic, ext, type, visitor_mode, owner, last_time, created, updated) VALUES `+values(1, 12),
			no, c.ID, c.Server, c.Name, c.Topic, c.Ext, c.Type, c.VisitorMode, c.Owner, int64(0), c.CreatedMs, c.UpdatedMs)
		return err
	})
}

// QChatChannels returns those of the channels that exist, in the order asked for.
func (s *Store) QChatChannels(ctx context.Context, app string, ids []int64) ([]*qchat.Channel, error) {
	no, err := s.appNo(ctx, app)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id, server, name, topic, ext, type, visitor_mode, owner, created, updated
		FROM qchat_channel WHERE app = $1 AND id IN (`+list(2, len(ids))+`)`, idArgs(no, ids)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]*qchat.Channel{}
	for rows.Next() {
		c := &qchat.Channel{App: app}
		if err := rows.Scan(&c.ID, &c.Server, &c.Name, &c.Topic, &c.Ext, &c.Type, &c.VisitorMode, &c.Owner, &c.CreatedMs, &c.UpdatedMs); err != nil {
			return nil, err
		}
		found[c.ID] = c
	}
	return inOrder(ids, found), rows.Err()
}

// AppendQChat stores a message at the next time of its channel.
func (s *Store) AppendQChat(ctx context.Context, m *qchat.Message) (stored *qchat.Message, repeated bool, err error) {
	no, err := s.appNo(ctx, m.App)
	if err != nil {
		return nil, false, err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		next := *m
		if stored, repeated, err = sameClientID(ctx, t, no, m, &next); err != nil || repeated {
			return err
		}
		// The row of the channel is the lock that keeps its times ascending.
		if n, err := t.exec(ctx, `UPDATE qchat_channel SET last_time = CASE WHEN last_time >= $1 THEN last_time + 1 ELSE $1 END WHERE app = $2 AND id = $3`,
			m.TimeMs, no, m.Channel); err != nil || n == 0 {
			if err == nil {
				err = im.Errorf(im.CodeNotFound, "no such channel")
			}
			return err
		}
		rows, err := t.query(ctx, `SELECT last_time FROM qchat_channel WHERE app = $1 AND id = $2`, no, m.Channel)
		if err != nil {
			return err
		}
		if next.TimeMs, err = oneNumber(rows); err != nil {
			return err
		}
		n, err := t.exec(ctx, `INSERT INTO qchat_message (app, channel, time, id, sender, client_id, history, badge, body) VALUES `+values(1, 9)+` ON CONFLICT DO NOTHING`,
			no, next.Channel, next.TimeMs, next.ID, next.From, next.ClientID, flag(!next.NoHistory), flag(!next.NoBadge), next.Encode())
		if err != nil || n == 1 {
			return err
		}
		// Another request with the client id was faster.
		if stored, repeated, err = sameClientID(ctx, t, no, m, nil); err == nil && !repeated {
			err = errors.New("a message that is neither new nor stored")
		}
		return err
	})
	return stored, repeated, err
}

// sameClientID returns the message that the sender has stored under the client
// id of m, else the one given.
func sameClientID(ctx context.Context, t tx, no int64, m, otherwise *qchat.Message) (*qchat.Message, bool, error) {
	rows, err := t.query(ctx, `SELECT body FROM qchat_message WHERE app = $1 AND sender = $2 AND client_id = $3`, no, m.From, m.ClientID)
	if err != nil {
		return nil, false, err
	}
	list, err := scanQChat(m.App, rows)
	if err != nil || len(list) == 0 {
		return otherwise, false, err
	}
	return list[0], true, nil
}

// messageRows are rows of one column or more.
type messageRows interface {
	scanner
	Next() bool
	Err() error
	Close() error
}

func scanQChat(app string, rows messageRows) (out []*qchat.Message, err error) {
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		m, err := qchat.DecodeMessage(app, body)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// QChatHistory returns messages of a channel.
func (s *Store) QChatHistory(ctx context.Context, app string, channel int64, q qchat.History) ([]*qchat.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	if q.ToMs == 0 {
		q.ToMs = 1 << 53
	}
	order := "DESC"
	if q.Ascending {
		order = "ASC"
	}
	rows, err := s.read(ctx, `SELECT body FROM qchat_message WHERE app = $1 AND channel = $2 AND time >= $3 AND time <= $4 AND id <> $5 AND history = 1
		ORDER BY time `+order+` LIMIT $6`, no, channel, q.FromMs, q.ToMs, q.Exclude, int64(q.Limit))
	if err != nil {
		return nil, err
	}
	return scanQChat(app, rows)
}

// MarkQChatRead moves a read mark forward.
func (s *Store) MarkQChatRead(ctx context.Context, app string, channel int64, accid string, ms int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO qchat_read (app, channel, accid, time) VALUES `+values(1, 4)+`
			ON CONFLICT (app, channel, accid) DO UPDATE SET time = CASE WHEN excluded.time > qchat_read.time THEN excluded.time ELSE qchat_read.time END`,
			no, channel, accid, ms)
		return err
	})
}

// QChatUnread returns what an account has not read of a channel.
func (s *Store) QChatUnread(ctx context.Context, app string, channel int64, accid string, sinceMs int64) (ackMs, lastMs int64, unread []*qchat.Message, err error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, 0, nil, err
	}
	for _, q := range []struct {
		to   *int64
		text string
		args []any
	}{
		{&ackMs, `SELECT time FROM qchat_read WHERE app = $1 AND channel = $2 AND accid = $3`, []any{no, channel, accid}},
		{&lastMs, `SELECT last_time FROM qchat_channel WHERE app = $1 AND id = $2`, []any{no, channel}},
	} {
		rows, err := s.read(ctx, q.text, q.args...)
		if err != nil {
			return 0, 0, nil, err
		}
		if *q.to, err = oneNumber(rows); err != nil {
			return 0, 0, nil, err
		}
	}
	ackMs = max(ackMs, sinceMs)
	rows, err := s.read(ctx, `SELECT body FROM qchat_message WHERE app = $1 AND channel = $2 AND time > $3 AND sender <> $4 AND history = 1 AND badge = 1
		ORDER BY time DESC LIMIT $5`, no, channel, ackMs, accid, int64(qchat.UnreadMax))
	if err != nil {
		return 0, 0, nil, err
	}
	unread, err = scanQChat(app, rows)
	return ackMs, lastMs, unread, err
}
