package sqlstore

import (
	"context"

	"hongyan/internal/im/device"
)

// PutPushToken sets the push token of a device.
func (s *Store) PutPushToken(ctx context.Context, d device.Device) error {
	no, err := s.appNo(ctx, d.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO push_device (app, accid, device, client_type, token_name, token, pushkit, updated) VALUES `+values(1, 8)+`
			ON CONFLICT (app, accid, device) DO UPDATE SET client_type = excluded.client_type, token_name = excluded.token_name, token = excluded.token,
			pushkit = excluded.pushkit, updated = excluded.updated`, no, d.Accid, d.ID, int64(d.ClientType), d.TokenName, d.Token, d.Pushkit, d.UpdatedMs)
		return err
	})
}

// DropPushTokens takes the tokens of an account's devices back.
func (s *Store) DropPushTokens(ctx context.Context, app, accid string, nowMs int64) error {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `UPDATE push_device SET token_name = '', token = '', pushkit = 0, updated = $3 WHERE app = $1 AND accid = $2`, no, accid, nowMs)
		return err
	})
}

// PutBackground sets whether a device's app is in the background.
func (s *Store) PutBackground(ctx context.Context, d device.Device) error {
	no, err := s.appNo(ctx, d.App)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO push_device (app, accid, device, client_type, background, badge, updated) VALUES `+values(1, 7)+`
			ON CONFLICT (app, accid, device) DO UPDATE SET client_type = excluded.client_type, background = excluded.background, badge = excluded.badge,
			updated = excluded.updated`, no, d.Accid, d.ID, int64(d.ClientType), flag(d.Background), d.Badge, d.UpdatedMs)
		return err
	})
}

// PushDevices returns an account's devices by id.
func (s *Store) PushDevices(ctx context.Context, app, accid string) ([]device.Device, error) {
	no, err := s.appNo(ctx, app)
	if err != nil {
		return nil, err
	}
	rows, err := s.read(ctx, `SELECT device, client_type, token_name, token, pushkit, background, badge, updated FROM push_device
		WHERE app = $1 AND accid = $2 ORDER BY device`, no, accid)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []device.Device
	for rows.Next() {
		d := device.Device{App: app, Accid: accid}
		var background int64
		if err := rows.Scan(&d.ID, &d.ClientType, &d.TokenName, &d.Token, &d.Pushkit, &background, &d.Badge, &d.UpdatedMs); err != nil {
			return nil, err
		}
		d.Background = background != 0
		out = append(out, d)
	}
	return out, rows.Err()
}
