package sqlstore

import (
	"context"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
)

// importRows is how many rows one statement of a bulk write has at most; unlike
// appends, these come in full statements.
const importRows = 64

// inBulk calls fn with parts of at most importRows items.
func inBulk[T any](items []T, fn func([]T) error) error {
	for part := range slices.Chunk(items, importRows) {
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}

// ServerRuns says whether a server holds a lease on this database.
func (s *Store) ServerRuns(ctx context.Context) bool { return s.serverRuns(ctx) }

// NewID returns an id for something moved.
func (s *Store) NewID() int64 { return s.ids.Next() }

// Marks returns marks of a kind, by key.
func (s *Store) Marks(ctx context.Context, app, kind, after string, limit int) ([]transfer.Mark, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT key, value FROM import_mark WHERE app = $1 AND kind = $2 AND key > $3 ORDER BY key LIMIT `+itoa(limit), no, kind, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []transfer.Mark
	for rows.Next() {
		m := transfer.Mark{Kind: kind}
		if err := rows.Scan(&m.Key, &m.Value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// MarkOf returns one mark.
func (s *Store) MarkOf(ctx context.Context, app, kind, key string) (string, bool, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return "", false, err
	}
	rows, err := s.read(ctx, `SELECT value FROM import_mark WHERE app = $1 AND kind = $2 AND key = $3`, no, kind, key)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	var value string
	found := rows.Next()
	if found {
		if err := rows.Scan(&value); err != nil {
			return "", false, err
		}
	}
	return value, found, rows.Err()
}

// PutMarks writes marks.
func (s *Store) PutMarks(ctx context.Context, app string, marks []transfer.Mark) error {
	return s.importing(ctx, app, marks, func(context.Context, tx, int64) error { return nil })
}

// AddMarks writes those of the marks that are not there yet.
func (s *Store) AddMarks(ctx context.Context, app string, marks []transfer.Mark) error {
	return s.importing(ctx, app, nil, func(ctx context.Context, t tx, no int64) error {
		return putMarks(ctx, t, no, marks, `DO NOTHING`)
	})
}

// importing runs fn in a transaction and writes marks with it.
func (s *Store) importing(ctx context.Context, app string, marks []transfer.Mark, fn func(ctx context.Context, t tx, no int64) error) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		if err := fn(ctx, t, no); err != nil {
			return err
		}
		return putMarks(ctx, t, no, marks, `(app, kind, key) DO UPDATE SET value = excluded.value`)
	})
}

func putMarks(ctx context.Context, t tx, no int64, marks []transfer.Mark, conflict string) error {
	return inBulk(marks, func(part []transfer.Mark) error {
		args := make([]any, 0, 4*len(part))
		for _, m := range part {
			args = append(args, no, m.Kind, m.Key, m.Value)
		}
		_, err := t.exec(ctx, `INSERT INTO import_mark (app, kind, key, value) VALUES `+values(len(part), 4)+` ON CONFLICT `+conflict, args...)
		return err
	})
}

// Map returns what ids of the source have become.
func (s *Store) Map(ctx context.Context, app, kind string, old []string) (map[string]int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64, len(old))
	err = inBulk(old, func(part []string) error {
		rows, err := s.read(ctx, `SELECT old, new FROM import_map WHERE app = $1 AND kind = $2 AND old IN (`+list(3, len(part))+`)`, append([]any{no, kind}, anys(part)...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var now int64
			if err := rows.Scan(&id, &now); err != nil {
				return err
			}
			out[id] = now
		}
		return rows.Err()
	})
	return out, err
}

// Mappings returns mappings of a kind, by old id.
func (s *Store) Mappings(ctx context.Context, app, kind, after string, limit int) ([]transfer.Mapping, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT old, new FROM import_map WHERE app = $1 AND kind = $2 AND old > $3 ORDER BY old LIMIT `+itoa(limit), no, kind, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []transfer.Mapping
	for rows.Next() {
		m := transfer.Mapping{Kind: kind}
		if err := rows.Scan(&m.Old, &m.New); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

func putMappings(ctx context.Context, t tx, no int64, all []transfer.Mapping) error {
	return inBulk(all, func(part []transfer.Mapping) error {
		args := make([]any, 0, 4*len(part))
		for _, m := range part {
			args = append(args, no, m.Kind, m.Old, m.New)
		}
		_, err := t.exec(ctx, `INSERT INTO import_map (app, kind, old, new) VALUES `+values(len(part), 4)+` ON CONFLICT DO NOTHING`, args...)
		return err
	})
}

// accountChanged is true where an imported card differs from what is stored.
const accountChanged = `(account.name <> excluded.name OR account.icon <> excluded.icon OR account.sign <> excluded.sign OR account.email <> excluded.email
	OR account.birth <> excluded.birth OR account.mobile <> excluded.mobile OR account.ex <> excluded.ex OR account.gender <> excluded.gender)`

// importKept are the mutes that no source tells of: an import leaves them.
const importKept = `32` // account.Mutes.AV, see muteBits

// ImportAccounts makes accounts and changes existing ones.
func (s *Store) ImportAccounts(ctx context.Context, app string, accounts []*account.Account, marks []transfer.Mark) error {
	return s.importing(ctx, app, marks, func(ctx context.Context, t tx, no int64) error {
		err := inBulk(accounts, func(part []*account.Account) error {
			args := make([]any, 0, 18*len(part))
			for _, a := range part {
				args = append(append(args, no, a.Accid), accountArgs(a)...)
			}
			_, err := t.exec(ctx, `INSERT INTO account (app, accid, token_hash, name, icon, sign, email, birth, mobile, ex, gender, card_time, blocked, mutes, donnop, created, password, deleted)
				VALUES `+values(len(part), 18)+` ON CONFLICT (app, accid) DO UPDATE SET
				token_hash = CASE WHEN excluded.token_hash = '' THEN account.token_hash ELSE excluded.token_hash END,
				card_time = CASE WHEN `+accountChanged+` THEN excluded.card_time ELSE account.card_time END,
				name = excluded.name, icon = excluded.icon, sign = excluded.sign, email = excluded.email, birth = excluded.birth, mobile = excluded.mobile,
				ex = excluded.ex, gender = excluded.gender, blocked = excluded.blocked, deleted = excluded.deleted, mutes = (account.mutes & `+importKept+`) | excluded.mutes`, args...)
			return err
		})
		if err != nil {
			return err
		}
		changes := make([]Change, len(accounts))
		for i, a := range accounts {
			changes[i] = Change{App: app, Kind: ChangeAccount, Key: a.Accid}
		}
		return s.tellImported(ctx, t, changes...)
	})
}

// tellImported tells a running server of changes; without one there is nobody
// to tell, and millions of changes need not be written.
func (s *Store) tellImported(ctx context.Context, t tx, changes ...Change) error {
	if !s.serverRuns(ctx) {
		return nil
	}
	for _, c := range changes {
		if err := s.logChange(ctx, t, c); err != nil {
			return err
		}
	}
	return nil
}

// ImportRelations makes these an owner's friends and list entries.
func (s *Store) ImportRelations(ctx context.Context, app, owner string, friends []*friend.Friend, relations []*friend.Relation, marks []transfer.Mark) error {
	return s.importing(ctx, app, marks, func(ctx context.Context, t tx, no int64) error {
		for _, query := range []string{`DELETE FROM friend WHERE app = $1 AND accid = $2`, `DELETE FROM relation WHERE app = $1 AND accid = $2`} {
			if _, err := t.exec(ctx, query, no, owner); err != nil {
				return err
			}
		}
		err := inBulk(friends, func(part []*friend.Friend) error {
			args := make([]any, 0, 10*len(part))
			for _, f := range part {
				args = append(args, no, owner, f.Accid, flag(f.Valid), int64(f.Origin), f.Alias, f.Ext, f.ServerExt, f.CreatedMs, f.UpdatedMs)
			}
			_, err := t.exec(ctx, `INSERT INTO friend (app, accid, friend, valid, origin, alias, ext, serverex, created, updated) VALUES `+
				values(len(part), 10)+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
		if err != nil {
			return err
		}
		err = inBulk(relations, func(part []*friend.Relation) error {
			args := make([]any, 0, 7*len(part))
			for _, r := range part {
				args = append(args, no, owner, r.Accid, flag(r.Black), flag(r.Muted), r.CreatedMs, r.UpdatedMs)
			}
			_, err := t.exec(ctx, `INSERT INTO relation (app, accid, other, black, muted, created, updated) VALUES `+values(len(part), 7)+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
		if err != nil {
			return err
		}
		return s.tellImported(ctx, t, Change{App: app, Kind: ChangeRelation, Key: owner})
	})
}

// ImportTeam makes or changes a team with its members.
func (s *Store) ImportTeam(ctx context.Context, app string, in *transfer.Team, marks []transfer.Mark) error {
	conv := in.Team.Conv()
	return s.importing(ctx, app, marks, func(ctx context.Context, t tx, no int64) error {
		w := &teamWrite{s: s, t: t, app: app, no: no, conv: conv, kind: in.Team.Kind}
		kind := transfer.MapTeam
		if in.Team.Kind == team.Super {
			kind = transfer.MapSuperTeam
		}
		if err := putMappings(ctx, t, no, []transfer.Mapping{{Kind: kind, Old: in.OldID, New: in.Team.TID}}); err != nil {
			return err
		}
		n, err := queryNumber(ctx, t, `SELECT new FROM import_map WHERE app = $1 AND kind = $2 AND old = $3`, no, kind, in.OldID)
		if err != nil {
			return err
		}
		if n != in.Team.TID {
			return im.Errorf(im.CodeRepeated, "team %s is %d already: is another import running?", in.OldID, n)
		}
		if err := w.putTeam(ctx, in.Team); err != nil {
			return err
		}
		for _, query := range []string{
			`DELETE FROM conversation_member WHERE app = $1 AND conv = $2 AND accid IN (SELECT accid FROM team_member WHERE app = $3 AND conv = $4)`,
			`DELETE FROM team_member WHERE app = $1 AND conv = $2 AND app = $3 AND conv = $4`,
		} {
			if _, err := t.exec(ctx, query, no, string(conv), no, string(conv)); err != nil {
				return err
			}
		}
		err = inBulk(in.Members, func(part []*team.Member) error {
			args := make([]any, 0, 16*len(part))
			for _, m := range part {
				args = append(args, no, string(conv), m.Accid, int64(m.Role), m.Nick, m.Ext, m.Bits, flag(m.Muted), m.Inviter, m.JoinMs, m.UpdatedMs, int64(1),
					int64(1), int64(0), int64(0), "")
			}
			_, err := t.exec(ctx, `INSERT INTO team_member (app, `+teamMemberColumns+`) VALUES `+values(len(part), 16)+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
		if err != nil {
			return err
		}
		return settle(ctx, t, no, conv)
	})
}

// DismissTeam ends a team.
func (s *Store) DismissTeam(ctx context.Context, app string, conv im.ConvKey, nowMs int64, marks []transfer.Mark) error {
	return s.importing(ctx, app, marks, func(ctx context.Context, t tx, no int64) error {
		_, err := t.exec(ctx, `UPDATE team SET valid = 0, member_num = 0, updated = $1 WHERE app = $2 AND conv = $3 AND valid = 1`, nowMs, no, string(conv))
		if err != nil {
			return err
		}
		last, err := queryNumber(ctx, t, `SELECT COALESCE(MAX(seq), 1) FROM conversation WHERE app = $1 AND conv = $2`, no, string(conv))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE team_member SET valid = 0, updated = $1, left_seq = $2, left_time = $3 WHERE app = $4 AND conv = $5 AND valid = 1`,
			nowMs, last, nowMs, no, string(conv))
		return err
	})
}
