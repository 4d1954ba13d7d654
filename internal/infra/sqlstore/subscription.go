package sqlstore

import (
	"context"
	"slices"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/subscription"
)

// PutSubscriptions makes or renews subscriptions of one subscriber.
func (s *Store) PutSubscriptions(ctx context.Context, subs []subscription.Subscription, limit int, refuse bool, nowMs int64) (map[string]int64, error) {
	app, accid := subs[0].App, subs[0].Accid
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	// Key order: two requests for the same publishers must not deadlock.
	subs = slices.SortedFunc(slices.Values(subs), func(a, b subscription.Subscription) int { return strings.Compare(a.Publisher, b.Publisher) })
	var before map[string]int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		before = map[string]int64{}
		rows, err := t.query(ctx, `SELECT publisher, created FROM subscription WHERE app = $1 AND accid = $2 AND expires > $3 ORDER BY created, publisher`, no, accid, nowMs)
		if err != nil {
			return err
		}
		defer rows.Close()
		var oldest []string
		for rows.Next() {
			var p string
			var created int64
			if err := rows.Scan(&p, &created); err != nil {
				return err
			}
			before[p] = created
			oldest = append(oldest, p)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		n := len(before)
		for _, b := range subs {
			if _, ok := before[b.Publisher]; !ok {
				n++
			}
		}
		if n > limit && refuse {
			return im.Errorf(im.CodeTooMany, "at most %d subscriptions", limit)
		}
		renewed := map[string]bool{}
		for _, b := range subs {
			renewed[b.Publisher] = true
			if _, err := t.exec(ctx, `INSERT INTO subscription (app, accid, publisher, created, expires) VALUES ($1,$2,$3,$4,$5)
				ON CONFLICT (app, accid, publisher) DO UPDATE SET created = excluded.created, expires = excluded.expires`,
				no, accid, b.Publisher, b.CreatedMs, b.ExpiresMs); err != nil {
				return err
			}
		}
		for _, p := range oldest {
			if n <= limit {
				break
			}
			if renewed[p] {
				continue
			}
			if _, err := t.exec(ctx, `DELETE FROM subscription WHERE app = $1 AND accid = $2 AND publisher = $3`, no, accid, p); err != nil {
				return err
			}
			n--
		}
		return nil
	})
	if err != nil {
		return nil, err // the write may still be under way: before is its
	}
	return before, nil
}

// DeleteSubscriptions ends subscriptions; no publishers means all.
func (s *Store) DeleteSubscriptions(ctx context.Context, app, accid string, publishers []string) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	publishers = slices.Sorted(slices.Values(publishers))
	return s.write(ctx, func(ctx context.Context, t tx) error {
		if len(publishers) == 0 {
			_, err := t.exec(ctx, `DELETE FROM subscription WHERE app = $1 AND accid = $2`, no, accid)
			return err
		}
		for _, p := range publishers {
			if _, err := t.exec(ctx, `DELETE FROM subscription WHERE app = $1 AND accid = $2 AND publisher = $3`, no, accid, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Subscriptions returns an account's subscriptions that are valid at nowMs, by
// publisher.
func (s *Store) Subscriptions(ctx context.Context, app, accid string, nowMs int64) ([]subscription.Subscription, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT publisher, created, expires FROM subscription WHERE app = $1 AND accid = $2 AND expires > $3 ORDER BY publisher`, no, accid, nowMs)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []subscription.Subscription
	for rows.Next() {
		b := subscription.Subscription{App: app, Accid: accid}
		if err := rows.Scan(&b.Publisher, &b.CreatedMs, &b.ExpiresMs); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// PutPublished replaces the value of one client type of an account.
func (s *Store) PutPublished(ctx context.Context, p subscription.Published) error {
	no, err := s.appNo(ctx, p.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO presence_value (app, accid, client_type, device, value, ext, id, id_client, time, expires, broadcast)
			VALUES `+values(1, 11)+` ON CONFLICT (app, accid, client_type) DO UPDATE SET device = excluded.device, value = excluded.value, ext = excluded.ext,
			id = excluded.id, id_client = excluded.id_client, time = excluded.time, expires = excluded.expires, broadcast = excluded.broadcast`,
			no, p.Accid, int64(p.ClientType), p.Device, p.Value, p.Ext, p.ID, p.IDClient, p.TimeMs, p.ExpiresMs, int64(p.Broadcast))
		return err
	})
}

// PublishedBy returns what accounts have published and is valid at nowMs.
func (s *Store) PublishedBy(ctx context.Context, app string, accids []string, nowMs int64) ([]subscription.Published, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	var out []subscription.Published
	for len(accids) > 0 {
		n := min(len(accids), 100)
		args := []any{no, nowMs}
		for _, id := range accids[:n] {
			args = append(args, id)
		}
		accids = accids[n:]
		rows, err := s.read(ctx, `SELECT accid, client_type, device, value, ext, id, id_client, time, expires, broadcast FROM presence_value
			WHERE app = $1 AND expires > $2 AND accid IN (`+list(3, n)+`) ORDER BY accid, time`, args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			p := subscription.Published{App: app}
			if err := rows.Scan(&p.Accid, &p.ClientType, &p.Device, &p.Value, &p.Ext, &p.ID, &p.IDClient, &p.TimeMs, &p.ExpiresMs, &p.Broadcast); err != nil {
				rows.Close()
				return nil, err
			}
			out = append(out, p)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// DropExpired deletes at most limit rows of each kind that expired before nowMs.
func (s *Store) DropExpired(ctx context.Context, app string, nowMs int64, limit int) (int, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return 0, err
	}
	var total int64
	err = s.write(ctx, func(ctx context.Context, t tx) error {
		total = 0
		for _, q := range []string{
			`DELETE FROM subscription WHERE app = $1 AND (accid, publisher) IN
				(SELECT accid, publisher FROM subscription WHERE app = $2 AND expires <= $3 ORDER BY expires LIMIT `,
			`DELETE FROM presence_value WHERE app = $1 AND (accid, client_type) IN
				(SELECT accid, client_type FROM presence_value WHERE app = $2 AND expires <= $3 ORDER BY expires LIMIT `,
		} {
			n, err := t.exec(ctx, q+itoa(limit)+`)`, no, no, nowMs)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return int(total), nil
}
