package sqlstore

import (
	"context"
	"database/sql"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/friend"
)

// ChangeRelation says that an account's friends or lists are to be read anew.
const ChangeRelation = "relation"

// tombstoneMs is how long ended friendships without an alias and entries taken
// off a list are kept: longer than an incremental sync reaches back.
const tombstoneMs = 32 * 24 * 3600 * 1000

const friendColumns = `accid, friend, valid, origin, alias, ext, serverex, created, updated`

func appendFriends(out []*friend.Friend, rows *sql.Rows) ([]*friend.Friend, error) {
	defer rows.Close()
	for rows.Next() {
		f := &friend.Friend{}
		var valid int64
		if err := rows.Scan(&f.Owner, &f.Accid, &valid, &f.Origin, &f.Alias, &f.Ext, &f.ServerExt, &f.CreatedMs, &f.UpdatedMs); err != nil {
			return nil, err
		}
		f.Valid = valid != 0
		out = append(out, f)
	}
	return out, rows.Err()
}

// Friends returns an owner's records changed after a time.
func (s *Store) Friends(ctx context.Context, app, owner string, afterMs int64, ended bool) ([]*friend.Friend, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	live := int64(1)
	if ended {
		live = 0
	}
	rows, err := s.read(ctx, `SELECT `+friendColumns+` FROM friend WHERE app = $1 AND accid = $2 AND updated > $3 AND valid >= $4 ORDER BY friend`, no, owner, afterMs, live)
	if err != nil {
		return nil, err
	}
	return appendFriends(nil, rows)
}

// Friend returns one record, nil if there never was one.
func (s *Store) Friend(ctx context.Context, app, owner, accid string) (*friend.Friend, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+friendColumns+` FROM friend WHERE app = $1 AND accid = $2 AND friend = $3`, no, owner, accid)
	if err != nil {
		return nil, err
	}
	found, err := appendFriends(nil, rows)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// FriendNames returns the accids of an owner's friends.
func (s *Store) FriendNames(ctx context.Context, app, owner string) ([]string, error) {
	return s.names(ctx, `SELECT friend FROM friend WHERE app = $1 AND accid = $2 AND valid = 1`, app, owner)
}

// BlackNames returns the accids on an owner's black list.
func (s *Store) BlackNames(ctx context.Context, app, owner string) ([]string, error) {
	return s.names(ctx, `SELECT other FROM relation WHERE app = $1 AND accid = $2 AND black = 1`, app, owner)
}

func (s *Store) names(ctx context.Context, query, app, owner string) ([]string, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, query, no, owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

// UpdatePair changes what two accounts are to each other, in one transaction
// with the notifications of it.
func (s *Store) UpdatePair(ctx context.Context, app, mine, theirs string, max int64, change friend.Change) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	var copies []*eventcopy.Copy
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		if err := s.lockAccounts(ctx, t, no, mine, theirs); err != nil {
			return err
		}
		p, err := s.pair(ctx, t, no, mine, theirs)
		if err != nil {
			return err
		}
		before, were := copyPair(p), p.Friends()
		ns, err := change(p)
		if err != nil {
			return err
		}
		if err := s.putPair(ctx, t, no, mine, theirs, before, p); err != nil {
			return err
		}
		if p.Friends() && !were {
			for _, who := range []string{mine, theirs} {
				if err := within(ctx, t, max, `SELECT COUNT(*) FROM friend WHERE app = $1 AND accid = $2 AND valid = 1`, no, who); err != nil {
					return err
				}
			}
		}
		if copies, err = s.putNotices(ctx, t, ns); err != nil {
			return err
		}
		if p.Friends() == were {
			return nil
		}
		for _, who := range []string{mine, theirs} {
			if err := s.logChange(ctx, t, Change{App: app, Kind: ChangeRelation, Key: who}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.tellCopied(copies)
	}
	return err
}

// lockAccounts makes changes of two accounts wait for each other: rows that are
// not there yet cannot be locked. In key order, or two would deadlock.
func (s *Store) lockAccounts(ctx context.Context, t tx, no int64, a, b string) error {
	rows, err := t.query(ctx, `SELECT accid FROM account WHERE app = $1 AND accid IN ($2, $3) ORDER BY accid`+s.engine.forUpdate(), no, a, b)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n < 2 {
		return im.Errorf(im.CodeNotFound, "no such account")
	}
	return nil
}

func (s *Store) pair(ctx context.Context, t tx, no int64, mine, theirs string) (*friend.Pair, error) {
	rows, err := t.query(ctx, `SELECT `+friendColumns+` FROM friend WHERE app = $1 AND (accid = $2 AND friend = $3 OR accid = $4 AND friend = $5)`, no, mine, theirs, theirs, mine)
	if err != nil {
		return nil, err
	}
	found, err := appendFriends(nil, rows)
	if err != nil {
		return nil, err
	}
	p := &friend.Pair{}
	for _, f := range found {
		if f.Owner == mine {
			p.Mine = f
		} else {
			p.Theirs = f
		}
	}
	rows, err = t.query(ctx, `SELECT sender, time FROM friend_request WHERE app = $1 AND (accid = $2 AND sender = $3 OR accid = $4 AND sender = $5)`, no, mine, theirs, theirs, mine)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var sender string
		var at int64
		if err := rows.Scan(&sender, &at); err != nil {
			return nil, err
		}
		if sender == mine {
			p.Asking = at
		} else {
			p.AskedMe = at
		}
	}
	return p, rows.Err()
}

func copyPair(p *friend.Pair) *friend.Pair {
	out := *p
	for _, f := range []**friend.Friend{&out.Mine, &out.Theirs} {
		if *f != nil {
			copied := **f
			*f = &copied
		}
	}
	return &out
}

// putPair writes what a change left of a pair.
func (s *Store) putPair(ctx context.Context, t tx, no int64, mine, theirs string, before, p *friend.Pair) error {
	for _, side := range [][2]*friend.Friend{{before.Mine, p.Mine}, {before.Theirs, p.Theirs}} {
		f := side[1]
		if f == nil || side[0] != nil && *side[0] == *f {
			continue
		}
		_, err := t.exec(ctx, `INSERT INTO friend (app, accid, friend, valid, origin, alias, ext, serverex, created, updated) VALUES `+values(1, 10)+`
			ON CONFLICT (app, accid, friend) DO UPDATE SET valid = excluded.valid, origin = excluded.origin, alias = excluded.alias,
				ext = excluded.ext, serverex = excluded.serverex, created = excluded.created, updated = excluded.updated`,
			no, f.Owner, f.Accid, flag(f.Valid), int64(f.Origin), f.Alias, f.Ext, f.ServerExt, f.CreatedMs, f.UpdatedMs)
		if err != nil {
			return err
		}
		if f.Valid {
			continue
		}
		_, err = t.exec(ctx, `DELETE FROM friend WHERE app = $1 AND accid = $2 AND valid = 0 AND alias = '' AND updated < $3`, no, f.Owner, s.clock.NowMs()-tombstoneMs)
		if err != nil {
			return err
		}
	}
	if p.Asking != before.Asking {
		if err := s.putRequest(ctx, t, no, theirs, mine, p.Asking); err != nil {
			return err
		}
	}
	if p.AskedMe != before.AskedMe {
		return s.putRequest(ctx, t, no, mine, theirs, p.AskedMe)
	}
	return nil
}

func (s *Store) putRequest(ctx context.Context, t tx, no int64, accid, sender string, at int64) error {
	if at == 0 {
		_, err := t.exec(ctx, `DELETE FROM friend_request WHERE app = $1 AND accid = $2 AND sender = $3`, no, accid, sender)
		return err
	}
	if _, err := t.exec(ctx, `DELETE FROM friend_request WHERE app = $1 AND accid = $2 AND time < $3`, no, accid, at-tombstoneMs); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO friend_request (app, accid, sender, time) VALUES ($1,$2,$3,$4)
		ON CONFLICT (app, accid, sender) DO UPDATE SET time = excluded.time`, no, accid, sender, at)
	return err
}

// within refuses with 419 when the count that query gives is above max.
func within(ctx context.Context, t tx, max int64, query string, args ...any) error {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var n int64
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return err
		}
	}
	if n > max {
		return im.Errorf(im.CodeTooMany, "at most %d", max)
	}
	return rows.Err()
}
