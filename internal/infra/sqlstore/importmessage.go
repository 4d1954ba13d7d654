package sqlstore

import (
	"context"
	"database/sql"

	"hongyan/internal/im"
	"hongyan/internal/im/transfer"
)

// queryNumber reads one number; 0 if there is no row.
func queryNumber(ctx context.Context, t tx, query string, args ...any) (n int64, err error) {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// ImportMessages appends a page to a conversation.
func (s *Store) ImportMessages(ctx context.Context, app string, p *transfer.Page) (last int64, stored int, err error) {
	err = s.importing(ctx, app, p.Marks, func(ctx context.Context, t tx, no int64) error {
		stored = 0
		rows, err := t.query(ctx, `SELECT seq, time FROM conversation WHERE app = $1 AND conv = $2`+s.engine.forUpdate(), no, string(p.Conv))
		if err != nil {
			return err
		}
		var seq, time int64
		for rows.Next() {
			if err := rows.Scan(&seq, &time); err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		if last = seq; seq != p.LastSeq {
			return im.Errorf(im.CodeRepeated, "%s ends at %d here and not at %d: somebody else wrote to it", p.Conv, seq, p.LastSeq)
		}
		w := &importWrite{s: s, t: t, app: app, no: no}
		fresh, err := w.unknown(ctx, p.Messages)
		if err != nil || len(fresh) == 0 {
			return err
		}
		for _, m := range fresh {
			// Inside a conversation times are strictly increasing and sequences dense.
			seq, time = seq+1, max(time+1, m.Msg.Time)
			m.Msg.App, m.Msg.Conv, m.Msg.Seq, m.Msg.Time = app, p.Conv, seq, time
			m.Msg.Scene = p.Conv.Scene()
		}
		if err := w.giveIDs(ctx, fresh); err != nil {
			return err
		}
		if err := w.insert(ctx, fresh); err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO conversation (app, conv, seq, time) VALUES ($1,$2,$3,$4)
			ON CONFLICT (app, conv) DO UPDATE SET seq = excluded.seq, time = excluded.time`, no, string(p.Conv), seq, time)
		last, stored = seq, len(fresh)
		return err
	})
	return last, stored, err
}

// importWrite is one transaction that stores messages of another server.
type importWrite struct {
	s   *Store
	t   tx
	app string
	no  int64
}

// unknown returns those of the messages that are not stored yet, each once.
func (w *importWrite) unknown(ctx context.Context, all []transfer.Message) ([]transfer.Message, error) {
	known := map[string]bool{}
	err := inBulk(all, func(part []transfer.Message) error {
		args := []any{w.no, transfer.MapMessage}
		for _, m := range part {
			args = append(args, m.OldID)
		}
		rows, err := w.t.query(ctx, `SELECT old FROM import_map WHERE app = $1 AND kind = $2 AND old IN (`+list(3, len(part))+`)`, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			known[id] = true
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	var out []transfer.Message
	for _, m := range all {
		if !known[m.OldID] {
			known[m.OldID] = true
			out = append(out, m)
		}
	}
	return out, nil
}

// giveIDs gives messages ids of their time, which are nobody else's: the search
// index of SQLite has one space of ids for all apps, so all are asked.
func (w *importWrite) giveIDs(ctx context.Context, msgs []transfer.Message) error {
	taken := map[int64]bool{}
	open := msgs
	for len(open) > 0 {
		ids := make(map[int64]bool, len(open))
		for _, m := range open {
			id := w.s.ids.MovedID(m.Msg.Time)
			for taken[id] {
				id++
			}
			taken[id], ids[id], m.Msg.ID = true, true, id
		}
		err := inBulk(open, func(part []transfer.Message) error {
			args := make([]any, len(part))
			for i, m := range part {
				args[i] = m.Msg.ID
			}
			rows, err := w.t.query(ctx, `SELECT id FROM message WHERE app IN (SELECT no FROM app) AND id IN (`+list(1, len(part))+`)`, args...)
			if err != nil {
				return err
			}
			return eachID(rows, func(id int64) { ids[id] = false })
		})
		if err != nil {
			return err
		}
		var again []transfer.Message
		for _, m := range open {
			if !ids[m.Msg.ID] {
				again = append(again, m)
			}
		}
		open = again
	}
	return nil
}

// eachID reads rows of one number and closes them.
func eachID(rows *sql.Rows, fn func(int64)) error {
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		fn(id)
	}
	return rows.Err()
}

func (w *importWrite) insert(ctx context.Context, msgs []transfer.Message) error {
	maps := make([]transfer.Mapping, len(msgs))
	for i, m := range msgs {
		maps[i] = transfer.Mapping{Kind: transfer.MapMessage, Old: m.OldID, New: m.Msg.ID}
	}
	if err := putMappings(ctx, w.t, w.no, maps); err != nil {
		return err
	}
	err := inBulk(msgs, func(part []transfer.Message) error {
		args := make([]any, 0, 11*len(part))
		for _, p := range part {
			m := p.Msg
			args = append(args, w.no, string(m.Conv), m.Time, m.Seq, m.ID, m.From, m.IDClient, int64(m.Type), int64(m.Flags), int64(m.ClientType), string(m.ContentJSON()))
		}
		_, err := w.t.exec(ctx, `INSERT INTO message (app, conv, time, seq, id, sender, id_client, type, flags, client_type, content) VALUES `+values(len(part), 11), args...)
		return err
	})
	if err != nil {
		return err
	}
	// The index follows ids upwards: what is older than its place it never meets.
	cursor, err := queryNumber(ctx, w.t, `SELECT id FROM search_cursor WHERE app = $1`+w.s.engine.forUpdate(), w.no)
	if err != nil {
		return err
	}
	for _, m := range msgs {
		if m.Msg.ID > cursor {
			continue
		}
		words := indexWords(w.no, m.Msg)
		if words == "" {
			continue
		}
		if err := w.s.engine.index(ctx, w.t, w.no, m.Msg.ID, words); err != nil {
			return err
		}
	}
	return nil
}

// SettleConversation says that a conversation is complete.
func (s *Store) SettleConversation(ctx context.Context, app string, conv im.ConvKey, marks []transfer.Mark) error {
	return s.importing(ctx, app, marks, func(ctx context.Context, t tx, no int64) error { return settle(ctx, t, no, conv) })
}

// settle puts the members of a conversation where its messages have them: all
// is delivered, and a team is seen from the join time on.
func settle(ctx context.Context, t tx, no int64, conv im.ConvKey) error {
	last, err := queryNumber(ctx, t, `SELECT seq FROM conversation WHERE app = $1 AND conv = $2`, no, string(conv))
	if err != nil {
		return err
	}
	delivered := ""
	if last > 0 {
		delivered = "1-" + itoa(int(last))
		if last == 1 {
			delivered = "1"
		}
	}
	put := `INSERT INTO conversation_member (app, accid, conv, delivered) `
	conflict := ` ON CONFLICT (app, accid, conv) DO UPDATE SET delivered = excluded.delivered`
	if conv.Scene() == im.SceneP2P {
		if last == 0 {
			return nil
		}
		a, b := conv.Pair()
		if _, err = t.exec(ctx, put+`VALUES ($1,$2,$3,$4)`+conflict, no, a, string(conv), delivered); err != nil || a == b {
			return err
		}
		_, err = t.exec(ctx, put+`VALUES ($1,$2,$3,$4)`+conflict, no, b, string(conv), delivered)
		return err
	}
	// The notification of joining belongs to what a member sees. It is not of the
	// very time of joining where many joined at once, since join times are unique,
	// or where messages ran ahead of the clock.
	_, err = t.exec(ctx, `UPDATE team_member SET joined = COALESCE(
			(SELECT m.seq FROM message m WHERE m.app = team_member.app AND m.conv = team_member.conv AND m.time >= team_member.join_time - 1000
				AND m.time <= team_member.join_time + 1000 AND m.type = 5 AND m.content LIKE '%"' || team_member.accid || '_"%' ORDER BY m.time LIMIT 1),
			(SELECT m.seq FROM message m WHERE m.app = team_member.app AND m.conv = team_member.conv AND m.time >= team_member.join_time ORDER BY m.time LIMIT 1), $1)
		WHERE app = $2 AND conv = $3 AND valid = 1`, last+1, no, string(conv))
	if err != nil || conv.Scene() == im.SceneSuperTeam {
		return err // super teams keep no delivery state
	}
	_, err = t.exec(ctx, put+`SELECT app, accid, conv, CAST($1 AS TEXT) FROM team_member WHERE app = $2 AND conv = $3 AND valid = 1`+conflict, delivered, no, string(conv))
	return err
}

// ConversationsAfter returns conversations that have messages, by key.
func (s *Store) ConversationsAfter(ctx context.Context, app string, after im.ConvKey, limit int) ([]transfer.Extent, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT conv, seq FROM conversation WHERE app = $1 AND conv > $2 AND seq > 0 ORDER BY conv LIMIT `+itoa(limit), no, string(after))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []transfer.Extent
	for rows.Next() {
		var e transfer.Extent
		if err := rows.Scan(&e.Conv, &e.LastSeq); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
