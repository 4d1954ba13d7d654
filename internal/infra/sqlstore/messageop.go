package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
)

// maxIn bounds the list of one IN (...).
const maxIn = 100

// Get returns messages by id.
func (s *Store) Get(ctx context.Context, app string, ids []int64) (map[int64]*message.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*message.Message, len(ids))
	for part := range slices.Chunk(ids, maxIn) {
		args := []any{no}
		for _, id := range part {
			args = append(args, id)
		}
		rows, err := s.read(ctx, `SELECT `+messageColumns+` FROM message WHERE app = $1 AND id IN (`+list(2, len(part))+`)`, args...)
		if err != nil {
			return nil, err
		}
		msgs, err := scanMessages(rows, app)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			out[m.ID] = m
		}
	}
	return out, nil
}

// recentMessages is how far FindClientID looks back in a conversation for a
// client id that was not claimed.
const recentMessages = 1000

// FindClientID finds a recent message by its sender's client id.
func (s *Store) FindClientID(ctx context.Context, app string, conv im.ConvKey, sender, idClient string) (*message.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{
		`SELECT ` + messageColumnsOf("m") + ` FROM message_client c JOIN message m ON m.app = c.app AND m.id = c.id
			WHERE c.app = $1 AND c.conv = $2 AND c.sender = $3 AND c.id_client = $4`,
		// REST messages claim no client id.
		`SELECT ` + messageColumns + ` FROM (SELECT ` + messageColumns + ` FROM message WHERE app = $1 AND conv = $2 ORDER BY time DESC LIMIT ` + itoa(recentMessages) + `) AS r
			WHERE sender = $3 AND id_client = $4 ORDER BY time DESC LIMIT 1`,
	} {
		rows, err := s.read(ctx, query, no, string(conv), sender, idClient)
		if err != nil {
			return nil, err
		}
		msgs, err := scanMessages(rows, app)
		if err != nil || len(msgs) > 0 {
			return append(msgs, nil)[0], err
		}
	}
	return nil, nil
}

// messageColumnsOf is messageColumns of a table that is called alias.
func messageColumnsOf(alias string) string {
	return alias + "." + strings.ReplaceAll(messageColumns, ", ", ", "+alias+".")
}

// Erase removes a message for everybody and keeps the notice.
func (s *Store) Erase(ctx context.Context, m *message.Message, n *message.RecallNotice) (bool, error) {
	return s.takeBack(ctx, m, n, func(ctx context.Context, t tx, no int64) (int64, error) {
		count, err := t.exec(ctx, `DELETE FROM message WHERE app = $1 AND conv = $2 AND time = $3 AND id = $4`, no, string(m.Conv), m.Time, m.ID)
		if err != nil || count == 0 {
			return 0, err
		}
		if err := s.engine.unindex(ctx, t, no, m.ID); err != nil {
			return 0, err
		}
		if root := m.ThreadRoot(); root != 0 {
			_, err = t.exec(ctx, `DELETE FROM message_thread WHERE app = $1 AND conv = $2 AND root = $3 AND time = $4`, no, string(m.Conv), root, m.Time)
		}
		return count, err
	})
}

// HideFromReceivers hides a message from everybody but its sender.
func (s *Store) HideFromReceivers(ctx context.Context, m *message.Message, n *message.RecallNotice) (bool, error) {
	return s.takeBack(ctx, m, n, func(ctx context.Context, t tx, no int64) (int64, error) {
		// The mask is written out: PostgreSQL would take a placeholder for a text.
		mask := itoa(int(message.ReceiverNoSense))
		return t.exec(ctx, `UPDATE message SET flags = flags | `+mask+` WHERE app = $1 AND conv = $2 AND time = $3 AND id = $4 AND (flags & `+mask+`) = 0`,
			no, string(m.Conv), m.Time, m.ID)
	})
}

// takeBack runs change on a message and, if it was there, stores the notice and
// counts a p2p message as delivered to both sides: nobody will acknowledge it any
// more, and it must not hold their delivery states back. Members of a team are too
// many to be written to; each one's next sync settles it (message/settle.go).
func (s *Store) takeBack(ctx context.Context, m *message.Message, n *message.RecallNotice, change func(context.Context, tx, int64) (int64, error)) (bool, error) {
	no, err := s.appNo(ctx, m.App)
	if err != nil {
		return false, err
	}
	type result struct {
		done     bool
		id, time int64
	}
	var res result
	var copied *eventcopy.Copy
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		res, copied = result{}, nil
		count, err := change(ctx, t, no)
		if err != nil || count == 0 {
			return err
		}
		res.done = true
		if n != nil {
			res.id, res.time = s.ids.Next(), s.clock.NowMs()
			_, err := t.exec(ctx, `INSERT INTO recall (app, conv, id, time, kind, msg_id, msg_time, sender, operator, content) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
				no, string(m.Conv), res.id, res.time, int64(n.Kind), n.MsgID, n.MsgTime, n.From, n.Operator, string(n.ContentJSON()))
			if err != nil {
				return err
			}
			if copied = n.Copy(res.time); copied != nil {
				if err := s.putCopies(ctx, t, []*eventcopy.Copy{copied}); err != nil {
					return err
				}
			}
			// A recall moves the session up: lists are read in the order of this time.
			if _, err := t.exec(ctx, `UPDATE conversation SET time = $1 WHERE app = $2 AND conv = $3 AND time < $4`, res.time, no, string(m.Conv), res.time); err != nil {
				return err
			}
		}
		if m.Scene != im.SceneP2P {
			return nil
		}
		for _, who := range slices.Compact([]string{min(m.From, m.To), max(m.From, m.To)}) { // key order
			if err := s.markDelivered(ctx, t, message.Mark{App: m.App, Accid: who, Conv: m.Conv, Seqs: message.SeqSet{{First: m.Seq, Last: m.Seq}}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err // the write may still be under way: res is its
	}
	if n != nil {
		n.ID, n.TimeMs = res.id, res.time
		s.tellCopied([]*eventcopy.Copy{copied})
	}
	return res.done, nil
}

// Recalls returns recall notices in the account's conversations.
func (s *Store) Recalls(ctx context.Context, app, accid string, sinceMs int64) ([]*message.RecallNotice, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	return s.readRecalls(ctx, `SELECT r.conv, r.id, r.time, r.kind, r.msg_id, r.msg_time, r.sender, r.operator, r.content, CASE WHEN k.id IS NULL THEN 0 ELSE 1 END
		FROM `+takesPartIn(1)+` AS m JOIN recall r ON r.app = m.app AND r.conv = m.conv
		LEFT JOIN recall_ack k ON k.app = m.app AND k.accid = m.accid AND k.id = r.id
		WHERE r.id >= $5 ORDER BY r.id`, no, accid, no, accid, im.FirstIDAt(sinceMs))
}

func (s *Store) readRecalls(ctx context.Context, query string, args ...any) ([]*message.RecallNotice, error) {
	rows, err := s.read(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*message.RecallNotice
	for rows.Next() {
		n, acked := &message.RecallNotice{}, 0
		var content []byte
		if err := rows.Scan(&n.Conv, &n.ID, &n.TimeMs, &n.Kind, &n.MsgID, &n.MsgTime, &n.From, &n.Operator, &content, &acked); err != nil {
			return nil, err
		}
		if err := n.SetContentJSON(content); err != nil {
			return nil, err
		}
		n.Acked = acked != 0
		out = append(out, n)
	}
	return out, rows.Err()
}

// AckRecalls records notices as received by an account.
func (s *Store) AckRecalls(ctx context.Context, app, accid string, ids []int64) error {
	return s.acknowledge(ctx, app, accid, "recall", "", ids)
}

// acknowledge records rows of a table, those that meet the condition, as received
// by an account, in the table's _ack.
func (s *Store) acknowledge(ctx context.Context, app, accid, table, condition string, ids []int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), maxIn) {
		args := []any{no}
		for _, id := range part {
			args = append(args, id)
		}
		// Most acknowledged ids are of other things: no write without need.
		known, err := s.readIDs(ctx, `SELECT id FROM `+table+` WHERE app = $1`+condition+` AND id IN (`+list(2, len(part))+`) ORDER BY id`, args...)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			continue
		}
		err = s.write(ctx, func(ctx context.Context, t tx) error {
			for _, id := range known {
				if _, err := t.exec(ctx, `INSERT INTO `+table+`_ack (app, accid, id) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`, no, accid, id); err != nil {
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

func (s *Store) readIDs(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := s.read(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			rows.Close()
			return nil, err
		}
		out = append(out, id)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// Hide hides messages from one account.
func (s *Store) Hide(ctx context.Context, app, accid string, items []message.Deleted) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	items = slices.Clone(items)
	slices.SortFunc(items, func(a, b message.Deleted) int { return strings.Compare(string(a.Conv), string(b.Conv)) })
	return s.write(ctx, func(ctx context.Context, t tx) error {
		for _, d := range items {
			content, err := json.Marshal(d)
			if err != nil {
				return err
			}
			_, err = t.exec(ctx, `INSERT INTO message_hide (app, accid, conv, msg_time, deleted, content) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT DO NOTHING`,
				no, accid, string(d.Conv), d.TimeMs, d.DeletedMs, string(content))
			if err != nil {
				return err
			}
			mark := message.Mark{App: app, Accid: accid, Conv: d.Conv, Seqs: message.SeqSet{{First: d.Seq, Last: d.Seq}}}
			if err := s.markDelivered(ctx, t, mark); err != nil {
				return err
			}
		}
		return nil
	})
}

// Hidden returns what an account deleted for itself.
func (s *Store) Hidden(ctx context.Context, app, accid string, afterMs int64, limit int) ([]message.Deleted, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT content, conv FROM message_hide WHERE app = $1 AND accid = $2 AND deleted > $3 ORDER BY deleted, msg_time LIMIT `+itoa(limit), no, accid, afterMs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []message.Deleted
	for rows.Next() {
		var d message.Deleted
		var content []byte
		if err := rows.Scan(&content, &d.Conv); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(content, &d); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// Clear hides everything up to now in conversations of an account.
func (s *Store) Clear(ctx context.Context, app, accid string, convs []im.ConvKey, c message.ClearMode) (map[im.ConvKey]int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	convs = slices.Clone(convs)
	slices.Sort(convs)
	var out map[im.ConvKey]int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		out = map[im.ConvKey]int64{}
		for _, conv := range slices.Compact(convs) {
			at, ok, err := s.clearOne(ctx, t, no, app, accid, conv, c)
			if err != nil {
				return err
			}
			if ok {
				out[conv] = at
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // the write may still be under way: out is its
	}
	return out, nil
}

func (s *Store) clearOne(ctx context.Context, t tx, no int64, app, accid string, conv im.ConvKey, c message.ClearMode) (at int64, ok bool, err error) {
	rows, err := t.query(ctx, `SELECT c.seq, c.time FROM conversation c JOIN conversation_member m ON m.app = c.app AND m.conv = c.conv
		WHERE c.app = $1 AND c.conv = $2 AND m.accid = $3`+s.engine.forUpdate(), no, string(conv), accid)
	if err != nil {
		return 0, false, err
	}
	var seq int64
	if ok = rows.Next(); ok {
		err = rows.Scan(&seq, &at)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil || !ok {
		return 0, false, err
	}
	// The next message is later than this, whatever the clock does.
	at = max(at, s.clock.NowMs())
	if _, err := t.exec(ctx, `UPDATE conversation SET time = $1 WHERE app = $2 AND conv = $3 AND time < $4`, at, no, string(conv), at); err != nil {
		return 0, false, err
	}
	cleared, roamed, synced := int64(0), int64(0), int64(0)
	if c.History {
		cleared = at
	}
	if c.Roaming {
		roamed = at
	}
	if c.Sync {
		synced = at
	}
	_, err = t.exec(ctx, `INSERT INTO conversation_clear (app, accid, conv, cleared, roamed, synced, ext) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (app, accid, conv) DO UPDATE SET
			cleared = CASE WHEN excluded.cleared > conversation_clear.cleared THEN excluded.cleared ELSE conversation_clear.cleared END,
			roamed = CASE WHEN excluded.roamed > conversation_clear.roamed THEN excluded.roamed ELSE conversation_clear.roamed END,
			ext = CASE WHEN excluded.synced > conversation_clear.synced THEN excluded.ext ELSE conversation_clear.ext END,
			synced = CASE WHEN excluded.synced > conversation_clear.synced THEN excluded.synced ELSE conversation_clear.synced END`,
		no, accid, string(conv), cleared, roamed, synced, c.Ext)
	if err != nil {
		return 0, false, err
	}
	if c.Roaming && seq > 0 {
		err = s.markDelivered(ctx, t, message.Mark{App: app, Accid: accid, Conv: conv, Seqs: message.SeqSet{{First: 1, Last: seq}}})
	}
	return at, true, err
}

// ClearedSessions returns the clearings that other devices hear of.
func (s *Store) ClearedSessions(ctx context.Context, app, accid string, afterMs int64) ([]message.Cleared, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT conv, synced, CASE WHEN roamed >= synced THEN 1 ELSE 0 END, ext FROM conversation_clear WHERE app = $1 AND accid = $2 AND synced > $3 ORDER BY synced`, no, accid, afterMs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []message.Cleared
	for rows.Next() {
		var c message.Cleared
		var roaming int
		if err := rows.Scan(&c.Conv, &c.TimeMs, &roaming, &c.Ext); err != nil {
			return nil, err
		}
		c.Roaming = roaming != 0
		out = append(out, c)
	}
	return out, rows.Err()
}

// Visible returns messages that an account has not hidden.
func (s *Store) Visible(ctx context.Context, app, accid string, ids []int64) (map[int64]*message.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]*message.Message, len(ids))
	for part := range slices.Chunk(ids, maxIn) {
		args := []any{no, accid, accid}
		for _, id := range part {
			args = append(args, id)
		}
		rows, err := s.read(ctx, `SELECT `+messageColumnsOf("m")+` FROM message m
			LEFT JOIN conversation_clear x ON x.app = m.app AND x.accid = $2 AND x.conv = m.conv
			LEFT JOIN message_hide h ON h.app = m.app AND h.accid = $3 AND h.conv = m.conv AND h.msg_time = m.time
			WHERE m.app = $1 AND h.deleted IS NULL AND m.time > COALESCE(x.cleared, 0) AND m.id IN (`+list(4, len(part))+`)`, args...)
		if err != nil {
			return nil, err
		}
		msgs, err := scanMessages(rows, app)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			if m.VisibleTo(accid) {
				out[m.ID] = m
			}
		}
	}
	return out, nil
}
