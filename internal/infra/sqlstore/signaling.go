package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/signaling"
)

const channelColumns = `id, name, state`

func scanChannels(rows *sql.Rows, app string) ([]*signaling.Channel, error) {
	defer rows.Close()
	var out []*signaling.Channel
	for rows.Next() {
		c := &signaling.Channel{App: app}
		var state string
		if err := rows.Scan(&c.ID, &c.Name, &state); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(state), c); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

func oneChannel(found []*signaling.Channel, err error) (*signaling.Channel, error) {
	if err == nil && len(found) == 0 {
		err = im.Errorf(signaling.CodeNoChannel, "no such channel")
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func channelState(c *signaling.Channel) string {
	b, _ := json.Marshal(c) // texts and numbers only: cannot fail
	return string(b)
}

// CreateChannel inserts a channel and keeps notes.
func (s *Store) CreateChannel(ctx context.Context, c *signaling.Channel, out signaling.Outcome, keepMax int, nowMs int64) error {
	no, err := s.appNo(ctx, c.App)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT `+channelColumns+` FROM signal_channel WHERE app = $1 AND name = $2`+s.engine.forUpdate(), no, c.Name)
		if err != nil {
			return err
		}
		old, err := scanChannels(rows, c.App)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			if old[0].Live(nowMs) {
				return im.Errorf(signaling.CodeNameTaken, "a channel of that name is open")
			}
			if err := deleteChannel(ctx, t, no, old[0]); err != nil {
				return err
			}
		}
		n, err := t.exec(ctx, `INSERT INTO signal_channel (app, id, name, due, state) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING`, no, c.ID, c.Name, c.DueMs(), channelState(c))
		if err != nil {
			return err
		}
		if n == 0 {
			return im.Errorf(signaling.CodeNameTaken, "a channel of that name is open")
		}
		if err := syncMembers(ctx, t, no, c.ID, nil, c.Members); err != nil {
			return err
		}
		if err := s.putCopies(ctx, t, out.Copies); err != nil {
			return err
		}
		return keepNotes(ctx, t, no, out, keepMax)
	})
	if err == nil {
		s.tellCopied(out.Copies)
	}
	return err
}

// UpdateChannel changes a channel in one transaction.
func (s *Store) UpdateChannel(ctx context.Context, app string, id int64, keepMax int, change func(*signaling.Channel) (signaling.Outcome, error)) (*signaling.Channel, signaling.Outcome, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, signaling.Outcome{}, err
	}
	var c *signaling.Channel
	var out signaling.Outcome
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT `+channelColumns+` FROM signal_channel WHERE app = $1 AND id = $2`+s.engine.forUpdate(), no, id)
		if err != nil {
			return err
		}
		if c, err = oneChannel(scanChannels(rows, app)); err != nil {
			return err
		}
		before := slices.Clone(c.Members)
		if out, err = change(c); err != nil {
			return err
		}
		if c.Closed {
			c.Members, before = before, nil
			err = deleteChannel(ctx, t, no, c)
		} else if _, err = t.exec(ctx, `UPDATE signal_channel SET due = $1, state = $2 WHERE app = $3 AND id = $4`, c.DueMs(), channelState(c), no, id); err == nil {
			err = syncMembers(ctx, t, no, id, before, c.Members)
		}
		if err != nil {
			return err
		}
		if err := s.putCopies(ctx, t, out.Copies); err != nil {
			return err
		}
		return keepNotes(ctx, t, no, out, keepMax)
	})
	if err != nil {
		return nil, signaling.Outcome{}, err // the write may still be under way: c and out are its
	}
	s.tellCopied(out.Copies)
	return c, out, nil
}

func deleteChannel(ctx context.Context, t tx, no int64, c *signaling.Channel) error {
	if err := syncMembers(ctx, t, no, c.ID, c.Members, nil); err != nil {
		return err
	}
	if err := withdrawNotes(ctx, t, no, c.Unanswered()); err != nil {
		return err
	}
	_, err := t.exec(ctx, `DELETE FROM signal_channel WHERE app = $1 AND id = $2`, no, c.ID)
	return err
}

// syncMembers keeps the index of members in step with a channel's state.
func syncMembers(ctx context.Context, t tx, no, id int64, before, after []signaling.Member) error {
	has := func(list []signaling.Member, accid string) bool {
		return slices.ContainsFunc(list, func(m signaling.Member) bool { return m.Accid == accid })
	}
	for _, m := range after {
		if !has(before, m.Accid) {
			if _, err := t.exec(ctx, `INSERT INTO signal_member (app, accid, channel) VALUES ($1,$2,$3) ON CONFLICT DO NOTHING`, no, m.Accid, id); err != nil {
				return err
			}
		}
	}
	for _, m := range before {
		if !has(after, m.Accid) {
			if _, err := t.exec(ctx, `DELETE FROM signal_member WHERE app = $1 AND accid = $2 AND channel = $3`, no, m.Accid, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepNotes forgets what is withdrawn and keeps what is to be kept, the newest
// keepMax of each account.
func keepNotes(ctx context.Context, t tx, no int64, out signaling.Outcome, keepMax int) error {
	if err := withdrawNotes(ctx, t, no, out.Withdraw); err != nil {
		return err
	}
	for _, x := range out.Sends {
		if !x.Keep {
			continue
		}
		body := string(x.Note.Encode())
		for _, to := range slices.Sorted(slices.Values(x.To)) {
			if _, err := t.exec(ctx, `INSERT INTO signal_event (app, accid, id, body) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`, no, to, x.Note.ID, body); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `DELETE FROM signal_event WHERE app = $1 AND accid = $2 AND id <=
				(SELECT id FROM signal_event WHERE app = $3 AND accid = $4 ORDER BY id DESC LIMIT 1 OFFSET `+itoa(keepMax)+`)`, no, to, no, to); err != nil {
				return err
			}
		}
	}
	return nil
}

func withdrawNotes(ctx context.Context, t tx, no int64, stored []signaling.Stored) error {
	for _, w := range stored {
		if _, err := t.exec(ctx, `DELETE FROM signal_event WHERE app = $1 AND accid = $2 AND id = $3`, no, w.Accid, w.ID); err != nil {
			return err
		}
	}
	return nil
}

// Channel returns a channel by id.
func (s *Store) Channel(ctx context.Context, app string, id int64) (*signaling.Channel, error) {
	return oneChannel(s.channels(ctx, app, `id = $2`, id))
}

// ChannelNamed returns a channel by name.
func (s *Store) ChannelNamed(ctx context.Context, app, name string) (*signaling.Channel, error) {
	return oneChannel(s.channels(ctx, app, `name = $2`, name))
}

// ChannelsOf returns the channels an account is a member of, oldest first.
func (s *Store) ChannelsOf(ctx context.Context, app, accid string) ([]*signaling.Channel, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	return s.channels(ctx, app, `id IN (SELECT channel FROM signal_member WHERE app = $2 AND accid = $3) ORDER BY id`, no, accid)
}

func (s *Store) channels(ctx context.Context, app, where string, args ...any) ([]*signaling.Channel, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+channelColumns+` FROM signal_channel WHERE app = $1 AND `+where, append([]any{no}, args...)...)
	if err != nil {
		return nil, err
	}
	return scanChannels(rows, app)
}

// DueChannels returns at most limit channels that have to be looked at.
func (s *Store) DueChannels(ctx context.Context, app string, nowMs int64, limit int) ([]int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id FROM signal_channel WHERE app = $1 AND due <= $2 ORDER BY due, id LIMIT $3`, no, nowMs, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// Kept returns an account's notes from an id on, oldest first.
func (s *Store) Kept(ctx context.Context, app, accid string, fromID int64) ([]*signaling.Note, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT body FROM signal_event WHERE app = $1 AND accid = $2 AND id >= $3 ORDER BY id`, no, accid, fromID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*signaling.Note
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		n, err := signaling.DecodeNote([]byte(body))
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// AcknowledgeNotes forgets notes of an account.
func (s *Store) AcknowledgeNotes(ctx context.Context, app, accid string, ids []int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil || len(ids) == 0 {
		return err
	}
	ids = slices.Sorted(slices.Values(ids))
	return s.write(ctx, func(ctx context.Context, t tx) error {
		return inChunks(ids, func(part []int64) error {
			args := []any{no, accid}
			for _, id := range part {
				args = append(args, id)
			}
			_, err := t.exec(ctx, `DELETE FROM signal_event WHERE app = $1 AND accid = $2 AND id IN (`+list(3, len(part))+`)`, args...)
			return err
		})
	})
}

// DropNotes forgets at most limit notes with ids below beforeID.
func (s *Store) DropNotes(ctx context.Context, app string, beforeID int64, limit int) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		var err error
		n, err = t.exec(ctx, `DELETE FROM signal_event WHERE app = $1 AND (accid, id) IN
			(SELECT accid, id FROM signal_event WHERE app = $2 AND id < $3 ORDER BY id LIMIT `+itoa(limit)+`)`, no, no, beforeID)
		return err
	})
	return int(n), err
}
