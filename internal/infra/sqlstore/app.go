package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"hongyan/internal/im"
	imapp "hongyan/internal/im/app"
)

// appNo returns the number that stands for an app in every key: short keys
// make small indexes, and numbers never change.
//
// What is not known yet takes a connection to read. Writers ask before they
// begin: transactions that each wait for a second connection, when there are as
// many of them as connections, wait for ever.
func (s *Store) appNo(ctx context.Context, key string) (int64, error) {
	s.mu.RLock()
	no, ok := s.appNos[key]
	s.mu.RUnlock()
	if ok {
		return no, nil
	}
	err := s.db.QueryRowContext(ctx, s.engine.rebind(`SELECT no FROM app WHERE key = $1`), key).Scan(&no)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, im.Errorf(im.CodeNotFound, "no such app")
	}
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.appNos[key] = no
	s.mu.Unlock()
	return no, nil
}

// Apps returns all apps with their secrets opened.
func (s *Store) Apps(ctx context.Context) ([]*imapp.App, error) {
	rows, err := s.read(ctx, `SELECT key, secret, org, name, easemob_id, easemob_key, disabled, settings, created FROM app ORDER BY key`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*imapp.App
	for rows.Next() {
		a := &imapp.App{}
		var secret, ekey []byte
		var settings string
		var disabled int
		if err := rows.Scan(&a.Key, &secret, &a.Org, &a.Name, &a.EasemobID, &ekey, &disabled, &settings, &a.CreatedMs); err != nil {
			return nil, err
		}
		a.Disabled = disabled != 0
		if a.Secret, err = s.keys.Open(secret, "app secret "+a.Key); err != nil {
			return nil, err
		}
		if a.EasemobKey, err = s.keys.Open(ekey, "easemob key "+a.Key); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(settings), &a.Overrides); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// PutApp creates or replaces an app and tells the nodes.
func (s *Store) PutApp(ctx context.Context, a *imapp.App) error {
	settings, err := json.Marshal(a.Overrides)
	if err != nil {
		return err
	}
	if a.Overrides == nil {
		settings = []byte("{}")
	}
	secret := s.keys.Seal(a.Secret, "app secret "+a.Key)
	ekey := s.keys.Seal(a.EasemobKey, "easemob key "+a.Key)
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO app (no, key, secret, org, name, easemob_id, easemob_key, disabled, settings, created)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)
			ON CONFLICT (key) DO UPDATE SET secret = excluded.secret, org = excluded.org, name = excluded.name,
				easemob_id = excluded.easemob_id, easemob_key = excluded.easemob_key, disabled = excluded.disabled, settings = excluded.settings`,
			s.ids.Next(), a.Key, secret, a.Org, a.Name, a.EasemobID, ekey, flag(a.Disabled), string(settings), a.CreatedMs)
		if err != nil {
			return err
		}
		return s.logChange(ctx, t, Change{App: a.Key, Kind: ChangeApp})
	})
}

// flag stores a boolean: SQLite has none.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
