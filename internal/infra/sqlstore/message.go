package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

const messageColumns = `conv, time, seq, id, sender, id_client, type, flags, client_type, content`

// Conversations returns the account's conversations, newest first.
func (s *Store) Conversations(ctx context.Context, app, accid string, limit int) ([]message.ConvState, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT c.conv, c.seq, c.time, m.delivered FROM conversation_member m
		JOIN conversation c ON c.app = m.app AND c.conv = m.conv
		WHERE m.app = $1 AND m.accid = $2 ORDER BY c.time DESC LIMIT `+itoa(limit), no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []message.ConvState
	for rows.Next() {
		var c message.ConvState
		var delivered string
		if err := rows.Scan(&c.Conv, &c.LastSeq, &c.LastTime, &delivered); err != nil {
			return nil, err
		}
		if c.Delivered, err = message.ParseSeqSet(delivered); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// Page returns messages of one conversation.
func (s *Store) Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	where, args := pageWhere(no, conv, q)
	order := ` ORDER BY time DESC`
	if q.Ascending {
		order = ` ORDER BY time`
	}
	// Written out: SQLite prepares a statement anew for every value of a bound
	// LIMIT, which costs more than running it.
	rows, err := s.read(ctx, `SELECT `+messageColumns+` FROM message WHERE `+where+order+` LIMIT `+itoa(q.Limit), args...)
	if err != nil {
		return nil, err
	}
	return scanMessages(rows, app)
}

// pageWhere is the condition of a page and its arguments: the one place that
// says what an account sees of a conversation (message.OpStore).
func pageWhere(no int64, conv im.ConvKey, q message.PageQuery) (string, []any) {
	var w strings.Builder
	args := []any{no, string(conv)}
	w.WriteString(`app = $1 AND conv = $2`)
	condAll := func(text string, vs []any) {
		for _, v := range vs {
			args = append(args, v)
			text = strings.Replace(text, "?", "$"+itoa(len(args)), 1)
		}
		w.WriteString(text)
	}
	cond := func(text string, v any) { condAll(text, []any{v}) }
	if q.FromTime > 0 {
		cond(` AND time >= ?`, q.FromTime)
	}
	if q.ToTime > 0 {
		cond(` AND time <= ?`, q.ToTime)
	}
	if q.MinSeq > 0 {
		cond(` AND seq > ?`, q.MinSeq)
	}
	if q.MaxSeq > 0 {
		cond(` AND seq < ?`, q.MaxSeq)
	}
	if q.MinID > 0 {
		cond(` AND id > ?`, q.MinID)
	}
	if q.Without != 0 {
		cond(` AND (flags & ?) = 0`, int64(q.Without))
	}
	if q.Viewer != "" {
		// The masks are constants of ours: PostgreSQL would take placeholders here for texts.
		cond(` AND (flags & CASE WHEN sender = ? THEN `+itoa(int(message.SenderNoSense))+` ELSE `+itoa(int(message.Refused|message.ReceiverNoSense))+` END) = 0`, q.Viewer)
		until := `cleared`
		if q.Login {
			until = `roamed`
		}
		where := []any{no, q.Viewer, string(conv)}
		condAll(` AND time > COALESCE((SELECT `+until+` FROM conversation_clear WHERE app = ? AND accid = ? AND conv = ?), 0)`, where)
		condAll(` AND NOT EXISTS (SELECT 1 FROM message_hide h WHERE h.app = ? AND h.accid = ? AND h.conv = ? AND h.msg_time = message.time)`, where)
	}
	if len(q.Types) > 0 {
		w.WriteString(` AND type IN (`)
		for i, t := range q.Types {
			if i > 0 {
				w.WriteByte(',')
			}
			cond(`?`, t)
		}
		w.WriteByte(')')
	}
	if q.Thread != 0 {
		condAll(` AND time IN (SELECT time FROM message_thread WHERE app = ? AND conv = ? AND root = ?)`, []any{no, string(conv), q.Thread})
	}
	return w.String(), args
}

// scanMessages reads rows of messageColumns and closes them.
func scanMessages(rows *sql.Rows, app string) ([]*message.Message, error) {
	defer rows.Close()
	var out []*message.Message
	for rows.Next() {
		m := &message.Message{App: app}
		var content []byte
		if err := rows.Scan(&m.Conv, &m.Time, &m.Seq, &m.ID, &m.From, &m.IDClient, &m.Type, &m.Flags, &m.ClientType, &content); err != nil {
			return nil, err
		}
		if err := m.SetContentJSON(content); err != nil {
			return nil, err
		}
		m.Scene = m.Conv.Scene()
		if m.To = m.Conv.Peer(m.From); m.Scene != im.SceneP2P {
			m.To = string(m.Conv[2:])
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Locate finds messages by id.
func (s *Store) Locate(ctx context.Context, app string, ids []int64) (map[int64]message.Position, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]message.Position, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), 100)
		args := []any{no}
		for _, id := range ids[:n] {
			args = append(args, id)
		}
		ids = ids[n:]
		rows, err := s.read(ctx, `SELECT id, conv, seq FROM message WHERE app = $1 AND id IN (`+list(2, n)+`)`, args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id int64
			var p message.Position
			if err := rows.Scan(&id, &p.Conv, &p.Seq); err != nil {
				rows.Close()
				return nil, err
			}
			out[id] = p
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// list returns "$from,$from+1,..." with n items.
func list(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(itoa(from + i))
	}
	return b.String()
}

// marksPerWrite keeps a write of delivery states short: messages wait behind it.
const marksPerWrite = 50

// MarkDelivered merges acknowledged sequences into delivery states.
func (s *Store) MarkDelivered(ctx context.Context, marks []message.Mark) error {
	// Key order: two nodes that write the same states must not deadlock.
	marks = slices.SortedStableFunc(slices.Values(marks), func(a, b message.Mark) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Accid, b.Accid), strings.Compare(string(a.Conv), string(b.Conv)))
	})
	for _, m := range marks { // outside the transaction: see appNo
		if _, err := s.appNo(ctx, m.App); err != nil {
			return err
		}
	}
	for len(marks) > 0 {
		part := marks[:min(len(marks), marksPerWrite)]
		marks = marks[len(part):]
		err := s.write(ctx, func(ctx context.Context, t tx) error {
			for _, m := range part {
				if err := s.markDelivered(ctx, t, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) markDelivered(ctx context.Context, t tx, m message.Mark) error {
	no, err := s.appNo(ctx, m.App)
	if err != nil {
		return err
	}
	old, err := queryText(ctx, t, `SELECT delivered FROM conversation_member WHERE app = $1 AND accid = $2 AND conv = $3`+s.engine.forUpdate(), no, m.Accid, string(m.Conv))
	if errors.Is(err, sql.ErrNoRows) {
		return nil // no member of this conversation: nothing was ever delivered
	}
	if err != nil {
		return err
	}
	set, err := message.ParseSeqSet(old)
	if err != nil {
		return err
	}
	next := set.Union(m.Seqs).String()
	if next == old {
		return nil
	}
	_, err = t.exec(ctx, `UPDATE conversation_member SET delivered = $1 WHERE app = $2 AND accid = $3 AND conv = $4`, next, no, m.Accid, string(m.Conv))
	return err
}

// queryText reads one text value, or sql.ErrNoRows.
func queryText(ctx context.Context, t tx, query string, args ...any) (string, error) {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", errors.Join(rows.Err(), sql.ErrNoRows)
	}
	var v string
	if err := rows.Scan(&v); err != nil {
		return "", err
	}
	return v, rows.Err()
}
