package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/eventcopy"
)

const accountColumns = `accid, token_hash, name, icon, sign, email, birth, mobile, ex, gender, card_time, blocked, mutes, donnop, created, password, deleted`

type scanner interface{ Scan(dst ...any) error }

func scanAccount(row scanner, app string) (*account.Account, error) {
	a := &account.Account{App: app}
	c := &a.Card
	var blocked, mutes, donnop, deleted int64
	err := row.Scan(&a.Accid, &a.TokenHash, &c.Name, &c.Icon, &c.Sign, &c.Email, &c.Birth, &c.Mobile, &c.Ex,
		&c.Gender, &c.UpdatedMs, &blocked, &mutes, &donnop, &a.CreatedMs, &a.Password, &deleted)
	if err != nil {
		return nil, err
	}
	a.Blocked, a.Donnop, a.Mute, c.CreatedMs, a.Deleted = blocked != 0, donnop != 0, unpackMutes(mutes), a.CreatedMs, deleted != 0
	return a, nil
}

func accountArgs(a *account.Account) []any {
	c := &a.Card
	return []any{a.TokenHash, c.Name, c.Icon, c.Sign, c.Email, c.Birth, c.Mobile, c.Ex,
		int64(c.Gender), c.UpdatedMs, flag(a.Blocked), packMutes(a.Mute), flag(a.Donnop), a.CreatedMs, a.Password, flag(a.Deleted)}
}

func muteBits(m *account.Mutes) []*bool {
	return []*bool{&m.All, &m.P2P, &m.Team, &m.Room, &m.QChat, &m.AV}
}

func packMutes(m account.Mutes) (bits int64) {
	for i, b := range muteBits(&m) {
		if *b {
			bits |= 1 << i
		}
	}
	return bits
}

func unpackMutes(bits int64) (m account.Mutes) {
	for i, b := range muteBits(&m) {
		*b = bits&(1<<i) != 0
	}
	return m
}

// Account returns one account.
func (s *Store) Account(ctx context.Context, app, accid string) (*account.Account, error) {
	found, err := s.Accounts(ctx, app, []string{accid})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, im.Errorf(im.CodeNotFound, "no such account")
	}
	return found[0], nil
}

// Accounts returns those of accids that exist.
func (s *Store) Accounts(ctx context.Context, app string, accids []string) ([]*account.Account, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var out []*account.Account
	for len(accids) > 0 {
		n := min(len(accids), 100)
		args := []any{no}
		for _, id := range accids[:n] {
			args = append(args, id)
		}
		accids = accids[n:]
		rows, err := s.read(ctx, `SELECT `+accountColumns+` FROM account WHERE app = $1 AND accid IN (`+list(2, n)+`)`, args...)
		if err != nil {
			return nil, err
		}
		if out, err = appendAccounts(out, rows, app); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ListAccounts returns up to limit accounts after one, in order.
func (s *Store) ListAccounts(ctx context.Context, app, after string, limit int) ([]*account.Account, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT `+accountColumns+` FROM account WHERE app = $1 AND accid > $2 ORDER BY accid LIMIT $3`, no, after, limit)
	if err != nil {
		return nil, err
	}
	return appendAccounts(nil, rows, app)
}

func appendAccounts(out []*account.Account, rows *sql.Rows, app string) ([]*account.Account, error) {
	defer rows.Close()
	for rows.Next() {
		a, err := scanAccount(rows, app)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// CreateAccount inserts an account; an existing one is im.CodeRepeated.
func (s *Store) CreateAccount(ctx context.Context, a *account.Account) error {
	no, err := s.appNo(ctx, a.App)
	if err != nil {
		return err
	}
	args := append([]any{no, a.Accid}, accountArgs(a)...)
	var inserted int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		var err error
		inserted, err = t.exec(ctx, `INSERT INTO account (app, accid, token_hash, name, icon, sign, email, birth, mobile, ex, gender, card_time, blocked, mutes, donnop, created, password, deleted)
			VALUES `+values(1, 18)+` ON CONFLICT DO NOTHING`, args...)
		return err
	})
	if err == nil && inserted == 0 {
		return im.Errorf(im.CodeRepeated, "account exists")
	}
	return err
}

// UpdateAccount changes an account in one transaction and tells the nodes.
func (s *Store) UpdateAccount(ctx context.Context, app, accid string, change func(*account.Account) error) (*account.Account, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var out *account.Account
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		rows, err := t.query(ctx, `SELECT `+accountColumns+` FROM account WHERE app = $1 AND accid = $2`+s.engine.forUpdate(), no, accid)
		if err != nil {
			return err
		}
		found, err := appendAccounts(nil, rows, app)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return im.Errorf(im.CodeNotFound, "no such account")
		}
		out = found[0]
		if err := change(out); err != nil {
			return err
		}
		args := append(accountArgs(out), no, accid)
		_, err = t.exec(ctx, `UPDATE account SET token_hash = $1, name = $2, icon = $3, sign = $4, email = $5, birth = $6, mobile = $7, ex = $8,
			gender = $9, card_time = $10, blocked = $11, mutes = $12, donnop = $13, created = $14, password = $15, deleted = $16 WHERE app = $17 AND accid = $18`, args...)
		if err != nil {
			return err
		}
		return s.logChange(ctx, t, Change{App: app, Kind: ChangeAccount, Key: accid})
	})
	var known *im.Error
	if err != nil && !errors.As(err, &known) {
		return nil, im.Errorf(im.CodeInternal, "update account: %w", err)
	}
	return out, err
}

// AddLoginRecords writes login and logout records.
func (s *Store) AddLoginRecords(ctx context.Context, records []account.LoginRecord) error {
	for _, r := range records { // outside the transaction: see appNo
		if _, err := s.appNo(ctx, r.App); err != nil {
			return err
		}
	}
	var copies []*eventcopy.Copy
	for _, r := range records {
		if r.Copy != nil {
			r.Copy.ID = r.ID // a batch may be stored again when its first outcome is unknown
			copies = append(copies, r.Copy)
		}
	}
	err := s.write(ctx, func(ctx context.Context, t tx) error {
		if err := s.putCopies(ctx, t, copies); err != nil {
			return err
		}
		logins := slices.DeleteFunc(slices.Clone(records), func(r account.LoginRecord) bool { return r.Event == account.RecordFailed })
		return inChunks(logins, func(part []account.LoginRecord) error {
			args := make([]any, 0, 10*len(part))
			for _, r := range part {
				no, err := s.appNo(ctx, r.App)
				if err != nil {
					return err
				}
				args = append(args, no, r.Accid, r.ID, r.TimeMs, int64(r.Event), int64(r.ClientType), r.IP, r.Device, int64(r.SDKVersion), r.CustomTag)
			}
			_, err := t.exec(ctx, `INSERT INTO login_record (app, accid, id, time, event, client_type, ip, device, sdk, tag) VALUES `+values(len(part), 10)+` ON CONFLICT DO NOTHING`, args...)
			return err
		})
	})
	if err == nil {
		s.tellCopied(copies)
	}
	return err
}

// LoginRecords returns records of an account in the order of their ids, which
// are in the order of time.
func (s *Store) LoginRecords(ctx context.Context, app, accid string, q account.RecordQuery) ([]account.LoginRecord, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	order, to := " DESC", q.ToMs
	if q.Ascending {
		order = ""
	}
	if to == 0 {
		to = math.MaxInt64
	}
	rows, err := s.read(ctx, `SELECT id, time, event, client_type, ip, device, sdk, tag FROM login_record
		WHERE app = $1 AND accid = $2 AND time >= $3 AND time <= $4 ORDER BY id`+order+` LIMIT $5`, no, accid, q.FromMs, to, q.Limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []account.LoginRecord
	for rows.Next() {
		r := account.LoginRecord{App: app, Accid: accid}
		if err := rows.Scan(&r.ID, &r.TimeMs, &r.Event, &r.ClientType, &r.IP, &r.Device, &r.SDKVersion, &r.CustomTag); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// TrimLoginRecords deletes the oldest records of an app with ids below before.
func (s *Store) TrimLoginRecords(ctx context.Context, app string, before int64, limit int) (int64, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		var err error
		n, err = t.exec(ctx, `DELETE FROM login_record WHERE app = $1 AND id IN (SELECT id FROM login_record WHERE app = $2 AND id < $3 ORDER BY id LIMIT `+itoa(limit)+`)`, no, no, before)
		return err
	})
	return n, err
}
