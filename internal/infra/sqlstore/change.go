package sqlstore

import (
	"context"
)

// Change tells the nodes that something cached or connected is affected by a
// write of another process (ARCHITECTURE.md section 3, "tools on a live server").
type Change struct {
	ID   int64
	App  string // app key
	Kind string
	Key  string // accid
	Body string
}

// Kinds of changes.
const (
	ChangeApp     = "app"     // apps are to be read anew
	ChangeAccount = "account" // the account is to be read anew
	ChangeCopies  = "copies"  // dead copies of the app wait again
	ChangeWords   = "words"   // the app's word lists are to be read anew
	ChangeKick    = "kick"    // the account's connections must close; Body is the ext
)

// changeKeepMs is how long changes stay; nodes poll far more often.
const changeKeepMs = 10 * 60 * 1000

func (s *Store) logChange(ctx context.Context, t tx, c Change) error {
	if s.ids == nil { // before the lease: nobody can have cached anything
		return nil
	}
	_, err := t.exec(ctx, `INSERT INTO change_log (id, app, kind, key, body) VALUES ($1,$2,$3,$4,$5)`, s.ids.Next(), c.App, c.Kind, c.Key, c.Body)
	return err
}

// LogChange writes a change of its own.
func (s *Store) LogChange(ctx context.Context, c Change) error {
	return s.write(ctx, func(ctx context.Context, t tx) error { return s.logChange(ctx, t, c) })
}

// Changes returns the changes with id > after, by id. Ids are given before
// commit: a caller that polls must look back a few seconds and skip what it knows.
func (s *Store) Changes(ctx context.Context, after int64) ([]Change, error) {
	rows, err := s.read(ctx, `SELECT id, app, kind, key, body FROM change_log WHERE id > $1 ORDER BY id`, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Change
	for rows.Next() {
		var c Change
		if err := rows.Scan(&c.ID, &c.App, &c.Kind, &c.Key, &c.Body); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// TrimChanges deletes changes that every node has seen long ago.
func (s *Store) TrimChanges(ctx context.Context, before int64) error {
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DELETE FROM change_log WHERE id < $1`, before)
		return err
	})
}
