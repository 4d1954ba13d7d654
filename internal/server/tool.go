package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/file"
	"hongyan/internal/im/moderation"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/move"
)

// Tool is what administration commands work on: the database, beside a server
// that runs on it or not. A running server follows within a second.
type Tool struct {
	Apps     *app.Service
	Accounts *account.Service
	Words    *moderation.Service
	store    *sqlstore.Store
}

// OpenTool opens the database of cfg.
func OpenTool(ctx context.Context, cfg *config.Config) (*Tool, error) {
	return openTool(ctx, cfg, false)
}

// OpenBulkTool opens the database of cfg for writing much: the last commits may
// go with the power, not with the process. What is written must be able to begin
// again where the database ends.
func OpenBulkTool(ctx context.Context, cfg *config.Config) (*Tool, error) {
	return openTool(ctx, cfg, true)
}

func openTool(ctx context.Context, cfg *config.Config, relaxed bool) (*Tool, error) {
	keys, err := seal.Load(cfg.Data)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.DB, Dir: cfg.Data, Keys: keys, Clock: time.Now, Log: slog.Default(), NodeKind: "tool", Relaxed: relaxed})
	if err != nil {
		return nil, err
	}
	t := &Tool{store: store, Words: newModeration(store), Apps: app.New(store, time.Now),
		Accounts: account.New(account.Config{Store: store, Clock: time.Now, TokenKey: keys.TokenKey()})}
	if err := t.Apps.Reload(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return t, nil
}

// Close gives the database back.
func (t *Tool) Close() error { return t.store.Close() }

// App returns the app with this key; an empty key means the only app there is.
func (t *Tool) App(key string) (*app.App, error) {
	if key == "" {
		if all := t.Apps.List(); len(all) == 1 {
			return all[0], nil
		}
		return nil, errors.New("--key is needed: there is not exactly one app")
	}
	a, ok := t.Apps.Get(key)
	if !ok {
		return nil, fmt.Errorf("app %s does not exist; `hongyan app list` shows those that do", key)
	}
	return a, nil
}

// Bulk is the way of imports into the database.
func (t *Tool) Bulk() move.Target { return t.store }

// Lost is closed when this process may write no more.
func (t *Tool) Lost() <-chan struct{} { return t.store.Lost() }

// Kick closes the account's connections on every node, with ext for the clients.
func (t *Tool) Kick(ctx context.Context, appKey, accid, ext string) error {
	return t.store.LogChange(ctx, sqlstore.Change{App: appKey, Kind: sqlstore.ChangeKick, Key: accid, Body: ext})
}

// DeadCopies returns event copies that were given up, by id.
func (t *Tool) DeadCopies(ctx context.Context, appKey string, after int64, limit int) ([]*eventcopy.Dead, error) {
	return t.store.DeadCopies(ctx, appKey, after, limit)
}

// WaitingCopies counts event copies that wait, up to limit, and returns the id
// of the oldest; 0 when there is none.
func (t *Tool) WaitingCopies(ctx context.Context, appKey string, limit int) (n int, oldest int64, err error) {
	return t.store.CountCopies(ctx, appKey, limit)
}

// ReplayCopies makes dead event copies wait again and returns how many.
func (t *Tool) ReplayCopies(ctx context.Context, appKey string, ids []int64) (int, error) {
	return t.store.ReplayCopies(ctx, appKey, ids)
}

// StoreFacts tells of the database for `hongyan doctor`.
func StoreFacts(ctx context.Context, cfg *config.Config) (string, error) {
	t, err := OpenTool(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer t.Close()
	engine := "SQLite in " + cfg.Data
	if cfg.DB != "" {
		engine = "PostgreSQL"
	}
	return fmt.Sprintf("%s, writable, %d apps, master key fits", engine, len(t.Apps.List())), nil
}

// FileJobs returns the newest deletion jobs of an app (job/nos/del).
func (t *Tool) FileJobs(ctx context.Context, appKey string, limit int) ([]file.Job, error) {
	return t.store.FileJobs(ctx, appKey, limit)
}

// RunFileJob makes a deletion job that waits due now and says whether it waited.
func (t *Tool) RunFileJob(ctx context.Context, appKey, id string) (bool, error) {
	return t.store.HastenFileJob(ctx, appKey, id, time.Now().UnixMilli())
}

// CancelFileJob ends a deletion job that waits and says whether it waited.
func (t *Tool) CancelFileJob(ctx context.Context, appKey, id string) (bool, error) {
	return t.store.CancelFileJob(ctx, appKey, id, time.Now().UnixMilli())
}
