package sqlstore

import (
	"context"
	"slices"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// Teams returns those of the teams that exist.
func (s *Store) Teams(ctx context.Context, app string, convs []im.ConvKey) (map[im.ConvKey]*team.Team, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := map[im.ConvKey]*team.Team{}
	for part := range slices.Chunk(convs, maxNamed) {
		args := []any{no}
		for _, c := range part {
			args = append(args, string(c))
		}
		rows, err := s.read(ctx, `SELECT `+teamColumns+` FROM team WHERE app = $1 AND conv IN (`+list(2, len(part))+`)`, args...)
		if err != nil {
			return nil, err
		}
		teams, err := scanTeams(rows, app)
		if err != nil {
			return nil, err
		}
		for _, t := range teams {
			out[t.Conv()] = t
		}
	}
	return out, nil
}

// TeamsOf returns an account's teams of one kind. An ended membership shows
// once, by the time it ended: what the team did later is not its business.
func (s *Store) TeamsOf(ctx context.Context, app, accid string, kind team.Kind, sinceMs int64) ([]team.Entry, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	from, to := prefixes(kind)
	query := `SELECT ` + prefixed("t.", teamColumns) + `, ` + prefixed("m.", teamMemberColumns) + ` FROM team_member m JOIN team t ON t.app = m.app AND t.conv = m.conv
		WHERE m.app = $1 AND m.accid = $2 AND m.conv >= $3 AND m.conv < $4`
	args := []any{no, accid, from, to}
	if sinceMs > 0 {
		query += ` AND (m.updated > $5 OR m.valid = 1 AND (t.member_time > $6 OR t.updated > $7))`
		args = append(args, sinceMs, sinceMs, sinceMs)
	} else {
		query += ` AND m.valid = 1`
	}
	rows, err := s.read(ctx, query+` ORDER BY m.conv`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []team.Entry
	for rows.Next() {
		t, r := &team.Team{}, &memberRow{}
		if err := scanTeam(rows, app, t, r.dst()...); err != nil {
			return nil, err
		}
		m, err := r.member()
		if err != nil {
			return nil, err
		}
		out = append(out, team.Entry{Team: t, Member: m})
	}
	return out, rows.Err()
}

// prefixed puts a table's name before each of its columns.
func prefixed(prefix, columns string) string {
	var b strings.Builder
	for i, c := range strings.Split(columns, ",") {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(prefix + strings.TrimSpace(c))
	}
	return b.String()
}

// Members returns members of a team by join time.
func (s *Store) Members(ctx context.Context, app string, conv im.ConvKey, q team.MemberQuery) ([]*team.Member, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var w strings.Builder
	args := []any{no, string(conv)}
	w.WriteString(`SELECT ` + teamMemberColumns + ` FROM team_member WHERE app = $1 AND conv = $2`)
	if !q.Past {
		w.WriteString(` AND valid = 1`)
	}
	if q.Managers {
		w.WriteString(` AND role <> 0`)
	}
	if q.Muted {
		w.WriteString(` AND muted = 1`)
	}
	if q.AfterMs > 0 {
		args = append(args, q.AfterMs)
		w.WriteString(` AND join_time > $` + itoa(len(args)))
	}
	if q.BeforeMs > 0 {
		args = append(args, q.BeforeMs)
		w.WriteString(` AND join_time < $` + itoa(len(args)))
	}
	if q.Accids != nil {
		if len(q.Accids) == 0 {
			return nil, nil
		}
		w.WriteString(` AND accid IN (` + list(len(args)+1, len(q.Accids)) + `)`)
		args = append(args, anys(q.Accids)...)
	}
	w.WriteString(` ORDER BY join_time`)
	if q.Descending {
		w.WriteString(` DESC`)
	}
	if q.Limit > 0 {
		w.WriteString(` LIMIT ` + itoa(q.Limit))
	}
	rows, err := s.read(ctx, w.String(), args...)
	if err != nil {
		return nil, err
	}
	return scanTeamMembers(rows)
}

// Memberships returns the account's view of the conversations of its teams,
// ended memberships included, newest message first.
func (s *Store) Memberships(ctx context.Context, app, accid string) ([]message.Membership, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT m.conv, m.joined, m.left_seq, m.left_time, m.past, c.seq, c.time FROM team_member m
		JOIN conversation c ON c.app = m.app AND c.conv = m.conv WHERE m.app = $1 AND m.accid = $2 ORDER BY c.time DESC`, no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []message.Membership
	for rows.Next() {
		var m message.Membership
		var past string
		if err := rows.Scan(&m.Conv, &m.Span.Joined, &m.Span.Left, &m.Span.LeftMs, &past, &m.LastSeq, &m.LastTime); err != nil {
			return nil, err
		}
		if m.Span.Past, err = message.ParseSeqSet(past); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// PutReceipts notes who read messages and returns the ids that are new to it.
func (s *Store) PutReceipts(ctx context.Context, app string, conv im.ConvKey, reader string, ids []int64, nowMs int64) ([]int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	var fresh []int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		fresh = fresh[:0]
		for _, id := range ids {
			n, err := t.exec(ctx, `INSERT INTO team_receipt (app, conv, id, reader, time) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING`, no, string(conv), id, reader, nowMs)
			if err != nil {
				return err
			}
			if n > 0 {
				fresh = append(fresh, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

// Readers returns who has read each message.
func (s *Store) Readers(ctx context.Context, app string, conv im.ConvKey, ids []int64) (map[int64][]string, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := map[int64][]string{}
	for part := range slices.Chunk(ids, maxNamed) {
		rows, err := s.read(ctx, `SELECT id, reader FROM team_receipt WHERE app = $1 AND conv = $2 AND id IN (`+list(3, len(part))+`) ORDER BY id, time, reader`,
			append([]any{no, string(conv)}, anys(part)...)...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id int64
			var reader string
			if err := rows.Scan(&id, &reader); err != nil {
				rows.Close()
				return nil, err
			}
			out[id] = append(out[id], reader)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// MembersAt returns who was a member at each sequence, by join time.
func (s *Store) MembersAt(ctx context.Context, app string, conv im.ConvKey, seqs []int64) (map[int64][]string, error) {
	all, err := s.Members(ctx, app, conv, team.MemberQuery{Past: true})
	if err != nil {
		return nil, err
	}
	out := make(map[int64][]string, len(seqs))
	for _, seq := range seqs {
		for _, m := range all {
			if m.Span.Contains(seq) {
				out[seq] = append(out[seq], m.Accid)
			}
		}
	}
	return out, nil
}

// TeamMessages returns messages of a conversation by id; unknown ones are left out.
func (s *Store) TeamMessages(ctx context.Context, app string, conv im.ConvKey, ids []int64) ([]*message.Message, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var out []*message.Message
	for part := range slices.Chunk(ids, maxNamed) {
		rows, err := s.read(ctx, `SELECT `+messageColumns+` FROM message WHERE app = $1 AND id IN (`+list(2, len(part))+`)`, append([]any{no}, anys(part)...)...)
		if err != nil {
			return nil, err
		}
		msgs, err := scanMessages(rows, app)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			if m.Conv == conv {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// TrimTeams deletes memberships that ended before a time and applications and
// invitations made before it.
func (s *Store) TrimTeams(ctx context.Context, beforeMs int64) error {
	return s.write(ctx, func(ctx context.Context, t tx) error {
		if _, err := t.exec(ctx, `DELETE FROM team_member WHERE valid = 0 AND updated < $1`, beforeMs); err != nil {
			return err
		}
		_, err := t.exec(ctx, `DELETE FROM team_pending WHERE time < $1`, beforeMs)
		return err
	})
}
