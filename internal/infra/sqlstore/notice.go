package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/notice"
)

// maxNotices bounds what one account can have waiting, whatever its app allows:
// an account that never comes back must not grow for ever.
const maxNotices = 5000

// PutNotices stores notifications in one transaction.
func (s *Store) PutNotices(ctx context.Context, ns []*notice.Notice) error {
	if !slices.ContainsFunc(ns, func(n *notice.Notice) bool { return stored(n) || n.Copied() }) {
		return nil
	}
	for _, n := range ns { // outside the transaction: see appNo
		if _, err := s.appNo(ctx, n.App); err != nil {
			return err
		}
	}
	var copies []*eventcopy.Copy
	err := s.write(ctx, func(ctx context.Context, t tx) (err error) {
		copies, err = s.putNotices(ctx, t, ns)
		return err
	})
	if err == nil {
		s.tellCopied(copies)
	}
	return err
}

func stored(n *notice.Notice) bool { return !n.Flags.Has(notice.NoOffline) }

// putNotices stores those notifications that must survive, inside the
// transaction of the change they tell of, and what the app's server is told of
// them: the caller calls tellCopied with it after the commit. They have their
// ids; the caller has asked appNo for their apps.
func (s *Store) putNotices(ctx context.Context, t tx, ns []*notice.Notice) (copies []*eventcopy.Copy, err error) {
	keep := make([]*notice.Notice, 0, len(ns))
	for _, n := range ns {
		if stored(n) {
			keep = append(keep, n)
		}
		if c := n.Copy(); c != nil {
			copies = append(copies, c)
		}
	}
	if err := s.putCopies(ctx, t, copies); err != nil {
		return nil, err
	}
	// Key order: two transactions for the same receivers must not deadlock.
	slices.SortFunc(keep, func(a, b *notice.Notice) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Receiver, b.Receiver), cmp.Compare(a.ID, b.ID))
	})
	err = inChunks(keep, func(part []*notice.Notice) error {
		args := make([]any, 0, 6*len(part))
		for _, n := range part {
			no, err := s.appNo(ctx, n.App)
			if err != nil {
				return err
			}
			args = append(args, no, n.Receiver, n.ID, n.Time, int64(n.Type), string(n.Body()))
		}
		_, err := t.exec(ctx, `INSERT INTO notice (app, accid, id, time, type, body) VALUES `+values(len(part), 6), args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range keep {
		// Now and then: a few rows too many do no harm. A prime, because the low
		// bits of ids are mostly equal.
		if n.ID%61 != 0 {
			continue
		}
		no, err := s.appNo(ctx, n.App)
		if err != nil {
			return nil, err
		}
		_, err = t.exec(ctx, `DELETE FROM notice WHERE app = $1 AND accid = $2 AND id <=
			(SELECT id FROM notice WHERE app = $3 AND accid = $4 ORDER BY id DESC LIMIT 1 OFFSET `+itoa(maxNotices)+`)`, no, n.Receiver, no, n.Receiver)
		if err != nil {
			return nil, err
		}
	}
	return copies, nil
}

// Notices returns an account's notifications with id > after, newest first.
func (s *Store) Notices(ctx context.Context, app, accid string, after int64, limit int) ([]*notice.Notice, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT id, time, type, body FROM notice WHERE app = $1 AND accid = $2 AND id > $3 ORDER BY id DESC LIMIT `+itoa(limit), no, accid, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*notice.Notice
	for rows.Next() {
		n := &notice.Notice{App: app, Receiver: accid}
		var body string
		if err := rows.Scan(&n.ID, &n.Time, &n.Type, &body); err != nil {
			return nil, err
		}
		if err := n.SetBody([]byte(body)); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// DeleteNotices deletes acknowledged notifications; unknown ones are ignored.
func (s *Store) DeleteNotices(ctx context.Context, keys []notice.Key) error {
	// Key order: two transactions for the same account must not deadlock.
	keys = slices.SortedFunc(slices.Values(keys), func(a, b notice.Key) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Accid, b.Accid), cmp.Compare(a.ID, b.ID))
	})
	nos := map[string]int64{}
	for _, k := range keys { // outside the transaction: see appNo
		if _, ok := nos[k.App]; ok {
			continue
		}
		no, err := s.appNo(ctx, k.App)
		if err != nil {
			return err
		}
		nos[k.App] = no
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		for _, k := range keys {
			if _, err := t.exec(ctx, `DELETE FROM notice WHERE app = $1 AND accid = $2 AND id = $3`, nos[k.App], k.Accid, k.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// TrimNotices deletes an account's notifications with id <= upTo.
func (s *Store) TrimNotices(ctx context.Context, app, accid string, upTo int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `DELETE FROM notice WHERE app = $1 AND accid = $2 AND id <= $3`, no, accid, upTo)
		return err
	})
}
