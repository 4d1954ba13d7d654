package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

const (
	teamColumns = `conv, type, name, owner, level, valid, member_num, intro, announcement, avatar, ext, server_ext,
		join_mode, invited_mode, invite_mode, update_mode, ext_mode, mute_type, member_time, created, updated, last_join`
	teamMemberColumns = `conv, accid, role, nick, ext, bits, muted, inviter, join_time, updated, valid, joined, left_seq, left_time, past`
)

// ChangeTeam runs change on the present state of a team and stores what it
// returns in the same transaction, its notifications included. The transaction
// belongs to the conversation's committer: what it publishes comes in the order
// of the conversation's messages.
func (s *Store) ChangeTeam(ctx context.Context, app string, conv im.ConvKey, named []string, needs team.Needs,
	change func(*team.View) (*team.Change, error), published func(*team.Change)) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	named = slices.Compact(slices.Sorted(slices.Values(named)))
	var done *team.Change
	var copies []*eventcopy.Copy
	run := func(ctx context.Context, t tx) error {
		done = nil
		w := &teamWrite{s: s, t: t, app: app, no: no, conv: conv, kind: kindOf(conv), nowMs: s.clock.NowMs()}
		v, err := w.view(ctx, named, needs)
		if err != nil {
			return err
		}
		c, err := change(v)
		if err != nil || c == nil {
			return err
		}
		if err := w.apply(ctx, v, c); err != nil {
			return err
		}
		done, copies = c, w.copies
		return nil
	}
	return s.committerOf(app, conv).doThen(ctx, run, func() {
		if done != nil {
			published(done)
			s.tellCopied(copies)
		}
	})
}

func (s *Store) committerOf(app string, conv im.ConvKey) *committer {
	if len(s.committers) == 1 {
		return s.committers[0]
	}
	h := fnv.New32a()
	h.Write([]byte(app))
	h.Write([]byte(conv))
	return s.committers[h.Sum32()%uint32(len(s.committers))]
}

func kindOf(conv im.ConvKey) team.Kind {
	if conv.Scene() == im.SceneSuperTeam {
		return team.Super
	}
	return team.Normal
}

// prefixes bound the keys of a kind in an index: "t|" <= conv < "t}".
func prefixes(k team.Kind) (from, to string) {
	if k == team.Super {
		return "s|", "s}"
	}
	return "t|", "t}"
}

// teamWrite is one transaction on one team.
type teamWrite struct {
	s     *Store
	t     tx
	app   string
	no    int64
	conv  im.ConvKey
	kind  team.Kind
	nowMs int64

	copies []*eventcopy.Copy
}

func (w *teamWrite) view(ctx context.Context, named []string, needs team.Needs) (*team.View, error) {
	v := &team.View{NowMs: w.nowMs, Members: map[string]*team.Member{}, Joined: map[string]int64{}}
	rows, err := w.t.query(ctx, `SELECT `+teamColumns+` FROM team WHERE app = $1 AND conv = $2`+w.s.engine.forUpdate(), w.no, string(w.conv))
	if err != nil {
		return nil, err
	}
	teams, err := scanTeams(rows, w.app)
	if err != nil {
		return nil, err
	}
	if len(teams) > 0 {
		v.Team = teams[0]
	}
	for part := range slices.Chunk(named, maxNamed) {
		args := append([]any{w.no, string(w.conv)}, anys(part)...)
		rows, err := w.t.query(ctx, `SELECT `+teamMemberColumns+` FROM team_member WHERE app = $1 AND conv = $2 AND accid IN (`+list(3, len(part))+`)`, args...)
		if err != nil {
			return nil, err
		}
		members, err := scanTeamMembers(rows)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			v.Members[m.Accid] = m
		}
		if needs.Pending {
			if err := w.pending(ctx, v, part, args); err != nil {
				return nil, err
			}
		}
		if needs.Joined {
			if err := w.joined(ctx, v, part); err != nil {
				return nil, err
			}
		}
	}
	return v, w.more(ctx, v, needs)
}

// maxNamed is how many accounts one statement names.
const maxNamed = 50

func (w *teamWrite) pending(ctx context.Context, v *team.View, part []string, args []any) error {
	rows, err := w.t.query(ctx, `SELECT accid, kind, by_, time FROM team_pending WHERE app = $1 AND conv = $2 AND accid IN (`+list(3, len(part))+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p team.Pending
		if err := rows.Scan(&p.Accid, &p.Kind, &p.By, &p.Ms); err != nil {
			return err
		}
		v.Pending = append(v.Pending, p)
	}
	return rows.Err()
}

func (w *teamWrite) joined(ctx context.Context, v *team.View, part []string) error {
	from, to := prefixes(w.kind)
	args := append([]any{w.no, from, to}, anys(part)...)
	rows, err := w.t.query(ctx, `SELECT accid, COUNT(*) FROM team_member WHERE app = $1 AND conv >= $2 AND conv < $3 AND valid = 1 AND accid IN (`+
		list(4, len(part))+`) GROUP BY accid`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var accid string
		var n int64
		if err := rows.Scan(&accid, &n); err != nil {
			return err
		}
		v.Joined[accid] = n
	}
	return rows.Err()
}

func (w *teamWrite) more(ctx context.Context, v *team.View, needs team.Needs) (err error) {
	if needs.Managers {
		v.Managers, err = w.count(ctx, `SELECT COUNT(*) FROM team_member WHERE app = $1 AND conv = $2 AND role = 2 AND valid = 1`, w.no, string(w.conv))
		if err != nil {
			return err
		}
	}
	if needs.Owned != "" {
		from, to := prefixes(w.kind)
		v.Owned, err = w.count(ctx, `SELECT COUNT(*) FROM team WHERE app = $1 AND owner = $2 AND conv >= $3 AND conv < $4 AND valid = 1`, w.no, needs.Owned, from, to)
		if err != nil {
			return err
		}
	}
	if needs.Heads {
		if v.Heads, err = w.names(ctx, `role <> 0`, ``); err != nil {
			return err
		}
	}
	if needs.Roster && (v.Team == nil || v.Team.MemberNum <= team.CopiedMembers) {
		if v.Roster, err = w.names(ctx, `1 = 1`, ` LIMIT `+itoa(team.CopiedMembers)); err != nil {
			return err
		}
	}
	if needs.Heir {
		rows, err := w.t.query(ctx, `SELECT `+teamMemberColumns+` FROM team_member WHERE app = $1 AND conv = $2 AND valid = 1 AND role <> 1 ORDER BY join_time LIMIT 1`, w.no, string(w.conv))
		if err != nil {
			return err
		}
		heirs, err := scanTeamMembers(rows)
		if err != nil {
			return err
		}
		if len(heirs) > 0 {
			v.Heir = heirs[0]
		}
	}
	return nil
}

// names returns present members by join time.
func (w *teamWrite) names(ctx context.Context, which, limit string) (out []string, err error) {
	rows, err := w.t.query(ctx, `SELECT accid FROM team_member WHERE app = $1 AND conv = $2 AND valid = 1 AND `+which+` ORDER BY join_time`+limit, w.no, string(w.conv))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var accid string
		if err := rows.Scan(&accid); err != nil {
			return nil, err
		}
		out = append(out, accid)
	}
	return out, rows.Err()
}

func (w *teamWrite) count(ctx context.Context, query string, args ...any) (n int64, err error) {
	rows, err := w.t.query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&n)
	}
	return n, errors.Join(err, rows.Err())
}

// apply stores a change: the notifications first, for their sequences bound the
// memberships they begin and end.
func (w *teamWrite) apply(ctx context.Context, v *team.View, c *team.Change) error {
	var msgs []*message.Pending
	for _, st := range c.Steps {
		if st.Msg != nil {
			msgs = append(msgs, &message.Pending{Msg: st.Msg})
		}
	}
	if len(msgs) > 0 {
		b := &batch{s: w.s, all: msgs, nowMs: w.nowMs}
		if err := b.write(ctx, w.t); err != nil {
			return err
		}
		w.copies = b.copies
	}
	told, err := w.s.putNotices(ctx, w.t, c.Notices)
	if err != nil {
		return err
	}
	w.copies = append(w.copies, told...)
	write := map[string]*team.Member{}
	for _, m := range c.Members {
		write[m.Accid] = m
	}
	var joined []*team.Member
	for _, st := range c.Steps {
		for _, m := range st.Joined {
			m.Span.Rejoin(seqOf(st.Msg))
			write[m.Accid], joined = m, append(joined, m)
		}
		for _, m := range st.Left {
			m.Span.Left, m.Span.LeftMs = seqOf(st.Msg), w.nowMs
			write[m.Accid] = m
		}
		if st.Dismissed {
			_, err := w.t.exec(ctx, `UPDATE team_member SET valid = 0, updated = $1, left_seq = $2, left_time = $3 WHERE app = $4 AND conv = $5 AND valid = 1`,
				w.nowMs, seqOf(st.Msg), w.nowMs, w.no, string(w.conv))
			if err == nil {
				_, err = w.t.exec(ctx, `DELETE FROM team_pending WHERE app = $1 AND conv = $2`, w.no, string(w.conv))
			}
			if err != nil {
				return err
			}
		}
	}
	// Key order: two transactions that touch the same delivery states must not deadlock.
	if err := w.putMembers(ctx, slices.SortedFunc(maps.Values(write), func(a, b *team.Member) int { return strings.Compare(a.Accid, b.Accid) })); err != nil {
		return err
	}
	if w.kind == team.Normal {
		slices.SortFunc(joined, func(a, b *team.Member) int { return strings.Compare(a.Accid, b.Accid) })
		if err := w.deliverFrom(ctx, joined); err != nil {
			return err
		}
	}
	if err := w.putPending(ctx, c); err != nil {
		return err
	}
	if c.Team == nil {
		return nil
	}
	return w.putTeam(ctx, c.Team)
}

func seqOf(m *message.Message) int64 {
	if m == nil {
		return 1 // the first notification of a team that has none yet
	}
	return m.Seq
}

// deliverFrom begins the delivery states of new members: what was sent before
// they joined, or while they were away, never waits for them.
func (w *teamWrite) deliverFrom(ctx context.Context, joined []*team.Member) error {
	for _, m := range joined {
		gap := message.SeqSet{}.Add(1, m.Span.Joined-1)
		if n := len(m.Span.Past); n > 0 {
			gap = message.SeqSet{}.Add(m.Span.Past[n-1].Last+1, m.Span.Joined-1)
		}
		n, err := w.t.exec(ctx, `INSERT INTO conversation_member (app, accid, conv, delivered) VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING`,
			w.no, m.Accid, string(w.conv), gap.String())
		if err == nil && n == 0 {
			err = w.s.markDelivered(ctx, w.t, message.Mark{App: w.app, Accid: m.Accid, Conv: w.conv, Seqs: gap})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *teamWrite) putMembers(ctx context.Context, members []*team.Member) error {
	for _, m := range members {
		_, err := w.t.exec(ctx, `INSERT INTO team_member (app, `+teamMemberColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)
			ON CONFLICT (app, conv, accid) DO UPDATE SET role = excluded.role, nick = excluded.nick, ext = excluded.ext, bits = excluded.bits,
				muted = excluded.muted, inviter = excluded.inviter, join_time = excluded.join_time, updated = excluded.updated, valid = excluded.valid,
				joined = excluded.joined, left_seq = excluded.left_seq, left_time = excluded.left_time, past = excluded.past`,
			w.no, string(w.conv), m.Accid, int64(m.Role), m.Nick, m.Ext, m.Bits, flag(m.Muted), m.Inviter, m.JoinMs, m.UpdatedMs, flag(m.Valid),
			m.Span.Joined, m.Span.Left, m.Span.LeftMs, m.Span.Past.String())
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *teamWrite) putPending(ctx context.Context, c *team.Change) error {
	for _, accid := range c.DropOf {
		if _, err := w.t.exec(ctx, `DELETE FROM team_pending WHERE app = $1 AND conv = $2 AND accid = $3`, w.no, string(w.conv), accid); err != nil {
			return err
		}
	}
	for _, p := range c.Drop {
		if _, err := w.t.exec(ctx, `DELETE FROM team_pending WHERE app = $1 AND conv = $2 AND accid = $3 AND kind = $4 AND by_ = $5`,
			w.no, string(w.conv), p.Accid, int64(p.Kind), p.By); err != nil {
			return err
		}
	}
	for _, p := range c.Put {
		if _, err := w.t.exec(ctx, `INSERT INTO team_pending (app, conv, accid, kind, by_, time) VALUES ($1,$2,$3,$4,$5,$6)
			ON CONFLICT (app, conv, accid, kind, by_) DO UPDATE SET time = excluded.time`,
			w.no, string(w.conv), p.Accid, int64(p.Kind), p.By, p.Ms); err != nil {
			return err
		}
	}
	return nil
}

func (w *teamWrite) putTeam(ctx context.Context, t *team.Team) error {
	_, err := w.t.exec(ctx, `INSERT INTO team (app, `+teamColumns+`)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23)
		ON CONFLICT (app, conv) DO UPDATE SET name = excluded.name, owner = excluded.owner, level = excluded.level, valid = excluded.valid,
			member_num = excluded.member_num, intro = excluded.intro, announcement = excluded.announcement, avatar = excluded.avatar,
			ext = excluded.ext, server_ext = excluded.server_ext, join_mode = excluded.join_mode, invited_mode = excluded.invited_mode,
			invite_mode = excluded.invite_mode, update_mode = excluded.update_mode, ext_mode = excluded.ext_mode, mute_type = excluded.mute_type,
			member_time = excluded.member_time, updated = excluded.updated, last_join = excluded.last_join`,
		w.no, string(w.conv), typeColumn(t), t.Name, t.Owner, t.Level, flag(t.Valid), t.MemberNum, t.Intro, t.Announcement, t.Avatar, t.Ext, t.ServerExt,
		t.JoinMode, t.BeInviteMode, t.InviteMode, t.UpdateMode, t.ExtMode, t.MuteType, t.MemberMs, t.CreatedMs, t.UpdatedMs, t.LastJoinMs)
	return err
}

// Column type holds what a team is from its creation on: its type and, above it,
// what becomes of its notifications.
const (
	typeMask        = 0xf
	typeQuietOnline = 0x10
	typeQuietStored = 0x20
)

func typeColumn(t *team.Team) int64 {
	n := int64(t.Type)
	if t.QuietOnline {
		n |= typeQuietOnline
	}
	if t.QuietStored {
		n |= typeQuietStored
	}
	return n
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func scanTeam(row scanner, app string, t *team.Team, more ...any) error {
	var conv im.ConvKey
	var typ, valid int64
	dst := append([]any{&conv, &typ, &t.Name, &t.Owner, &t.Level, &valid, &t.MemberNum, &t.Intro, &t.Announcement, &t.Avatar, &t.Ext, &t.ServerExt,
		&t.JoinMode, &t.BeInviteMode, &t.InviteMode, &t.UpdateMode, &t.ExtMode, &t.MuteType, &t.MemberMs, &t.CreatedMs, &t.UpdatedMs, &t.LastJoinMs}, more...)
	if err := row.Scan(dst...); err != nil {
		return err
	}
	t.App, t.Kind, t.TID, t.Valid = app, kindOf(conv), conv.TID(), valid != 0
	t.Type, t.QuietOnline, t.QuietStored = team.Type(typ&typeMask), typ&typeQuietOnline != 0, typ&typeQuietStored != 0
	return nil
}

// scanTeams reads rows of teamColumns and closes them.
func scanTeams(rows *sql.Rows, app string) (out []*team.Team, err error) {
	defer rows.Close()
	for rows.Next() {
		t := &team.Team{}
		if err := scanTeam(rows, app, t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// memberRow collects one row of teamMemberColumns.
type memberRow struct {
	m            team.Member
	conv         im.ConvKey
	muted, valid int64
	past         string
}

func (r *memberRow) dst() []any {
	m := &r.m
	return []any{&r.conv, &m.Accid, &m.Role, &m.Nick, &m.Ext, &m.Bits, &r.muted, &m.Inviter, &m.JoinMs, &m.UpdatedMs, &r.valid,
		&m.Span.Joined, &m.Span.Left, &m.Span.LeftMs, &r.past}
}

func (r *memberRow) member() (*team.Member, error) {
	var err error
	r.m.TID, r.m.Muted, r.m.Valid = r.conv.TID(), r.muted != 0, r.valid != 0
	r.m.Span.Past, err = message.ParseSeqSet(r.past)
	return &r.m, err
}

// scanTeamMembers reads rows of teamMemberColumns and closes them.
func scanTeamMembers(rows *sql.Rows) (out []*team.Member, err error) {
	defer rows.Close()
	for rows.Next() {
		r := &memberRow{}
		if err := rows.Scan(r.dst()...); err != nil {
			return nil, err
		}
		m, err := r.member()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}
