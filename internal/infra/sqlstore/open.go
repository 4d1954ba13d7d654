// Package sqlstore is the only package with SQL. It implements the domain's
// Store interfaces on SQLite (the embedded default) and PostgreSQL with one SQL
// text, and it owns the commit: batching, retries, ids and times of messages.
//
// It must not know rules: what may be stored is decided before it is called.
package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	_ "modernc.org/sqlite" // driver "sqlite"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/seal"
)

//go:embed migrations
var migrations embed.FS

// Config says which database to open and how to commit.
type Config struct {
	URL         string // postgres://...; empty = SQLite in Dir
	Dir         string // data directory, for SQLite
	Keys        *seal.Keyring
	Clock       im.Clock
	Log         *slog.Logger
	NodeKind    string        // "serve" or "tool"; who holds the node lease
	Relaxed     bool          // SQLite: no fsync before the acknowledgement
	CommitDelay time.Duration // fault: every commit takes this much longer
	Metrics     prometheus.Registerer
	QueueLimit  int // appends waiting for a commit; 0 = 65,536
}

// Store is an open database. Close it after everything that uses it has ended.
type Store struct {
	db            *sql.DB // reads; and transactions on PostgreSQL
	engine        engine
	keys          *seal.Keyring
	clock         im.Clock
	log           *slog.Logger
	ids           *im.IDs
	lease         *lease
	metrics       *storeMetrics
	valueLists    valueLists
	holdingsQuery string
	cfg           Config

	writer     *writer      // SQLite: every write
	committers []*committer // message appends, by conversation

	mu     sync.RWMutex         // guards appNos, stmts
	appNos map[string]int64     // app key -> number
	stmts  map[string]*sql.Stmt // prepared reads

	committed func([]*message.Message)
	copied    atomic.Pointer[func(app string)]
}

// Open connects, migrates the schema, leases a node number and starts the
// commit goroutines. A tool (NodeKind "tool") never migrates a database that a
// running server holds.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.QueueLimit == 0 {
		c.QueueLimit = 65_536
	}
	if c.NodeKind == "" {
		c.NodeKind = "serve"
	}
	s := &Store{keys: c.Keys, clock: c.Clock, log: c.Log, cfg: c, appNos: map[string]int64{}, stmts: map[string]*sql.Stmt{}}
	s.committed = func([]*message.Message) {}
	s.holdingsQuery = holdingsQuery()
	s.metrics = newStoreMetrics(c.Metrics, s.waiting)
	var err error
	if c.URL == "" {
		s.engine = sqliteEngine{}
		s.db, err = openSQLite(c)
	} else {
		s.engine = postgresEngine{}
		s.db, err = openPostgres(c.URL)
	}
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.startWriters(ctx); err != nil {
		return err
	}
	if err := s.checkMasterKey(ctx); err != nil {
		s.stopWriters()
		return err
	}
	l, err := s.acquireLease(ctx)
	if err != nil {
		s.stopWriters()
		return err
	}
	s.lease = l
	s.ids = im.NewIDs(l.node, s.clock)
	return nil
}

// IDs returns this process's id generator.
func (s *Store) IDs() *im.IDs { return s.ids }

// Lost is closed when the node lease could not be renewed: the process must
// stop, another may get its number.
func (s *Store) Lost() <-chan struct{} { return s.lease.lost }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// Close commits what is queued, gives the node number back and closes the database.
func (s *Store) Close() error {
	s.stopCommitters()
	s.lease.release() // not before: the last messages still carry the number
	s.closeWriter()
	return s.db.Close()
}

func openSQLite(c Config) (*sql.DB, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	db, err := sql.Open("sqlite", sqliteDSN(c, false))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// Readers only: the one writer has a connection of its own.
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	return db, nil
}

func sqliteDSN(c Config, write bool) string {
	sync := "FULL"
	if c.Relaxed {
		sync = "NORMAL"
	}
	v := url.Values{}
	for _, p := range []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(" + sync + ")", "temp_store(MEMORY)", "foreign_keys(OFF)"} {
		v.Add("_pragma", p)
	}
	if write {
		// Checkpoints copy the log into the file; fewer, larger ones touch each
		// page once instead of many times.
		v.Add("_pragma", "wal_autocheckpoint(4000)")
		v.Add("_pragma", "cache_size(-32768)")
	} else {
		v.Add("_pragma", "cache_size(-8192)")
	}
	file := filepath.Join(c.Dir, "hongyan.db")
	return "file:" + (&url.URL{Path: file}).EscapedPath() + "?" + v.Encode()
}

func openPostgres(dsn string) (*sql.DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, errors.New("open database: malformed PostgreSQL URL") // the text may hold the password
	}
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	return db, nil
}

// migrate brings the schema up to date. Several processes may start at once:
// already the first connection to a new SQLite database, and the look at its
// version, write to it and would find it busy.
func (s *Store) migrate(ctx context.Context) error {
	unlock, err := s.engine.lockMigrations(ctx, s)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer unlock()
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	dir, err := fs.Sub(migrations, "migrations/"+s.engine.name())
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.engine.goose(), s.db, dir, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	if !pending {
		return nil
	}
	if s.cfg.NodeKind != "serve" && s.serverRuns(ctx) {
		return errors.New("the running server uses another schema version: use the tool of the same version")
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// serverRuns says whether a server holds a lease on this database.
func (s *Store) serverRuns(ctx context.Context) bool {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM node_lease WHERE kind = 'serve' AND expires > $1`, s.clock.NowMs()).Scan(&n)
	return err == nil && n > 0
}

// checkMasterKey refuses a database that was written under another master key,
// instead of failing later at every secret.
func (s *Store) checkMasterKey(ctx context.Context) error {
	want := s.keys.Check()
	err := s.write(ctx, func(ctx context.Context, t tx) error {
		_, err := t.exec(ctx, `INSERT INTO meta (key, value) VALUES ('master_key_check', $1) ON CONFLICT DO NOTHING`, want)
		return err
	})
	if err != nil {
		return err
	}
	var got string
	if err := s.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'master_key_check'`).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return errors.New("this database was written under another master key (DATA/master.key or " + seal.EnvMasterKey + ")")
	}
	return nil
}

// engine is what differs between the databases.
type engine interface {
	name() string
	goose() goose.Dialect
	// rebind adapts a statement with $1 placeholders to the driver.
	rebind(query string) string
	// retryable says whether the whole transaction may be run again.
	retryable(error) bool
	// full says whether the disk of the database is.
	full(error) bool
	forUpdate() string
	// index and unindex add a message to the search index and take it out, and
	// searchQuery asks it (search.go).
	index(ctx context.Context, t tx, app, id int64, words string) error
	unindex(ctx context.Context, t tx, app, id int64) error
	searchQuery(app int64, all [][]message.SearchTerm, p message.SearchProbe) (string, []any)
	// forgetClientIDs begins the deletion of the oldest client ids below $1; a
	// number and a parenthesis complete it. On SQLite rows are in order of age by
	// rowid, which saves an index.
	forgetClientIDs() string
	// lockMigrations keeps other processes from migrating at the same time: nodes
	// of a cluster start together, a tool may run while the server starts.
	lockMigrations(ctx context.Context, s *Store) (unlock func(), err error)
}

type sqliteEngine struct{}

func (sqliteEngine) name() string         { return "sqlite" }
func (sqliteEngine) goose() goose.Dialect { return goose.DialectSQLite3 }
func (sqliteEngine) forUpdate() string    { return "" }
func (sqliteEngine) forgetClientIDs() string {
	return `DELETE FROM message_client WHERE rowid IN (SELECT rowid FROM message_client WHERE id < $1 ORDER BY rowid LIMIT `
}
func (sqliteEngine) retryable(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "SQLITE_BUSY") || strings.Contains(err.Error(), "database is locked"))
}

func (sqliteEngine) full(err error) bool {
	return err != nil && strings.Contains(err.Error(), "disk is full")
}

// lockMigrations locks a database of its own, which lasts as long as the
// process at most and needs no system calls.
func (sqliteEngine) lockMigrations(ctx context.Context, s *Store) (func(), error) {
	file := filepath.Join(s.cfg.Dir, "migrate.lock")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(60000)")
	if err != nil {
		return nil, err
	}
	return lockOn(ctx, db, "BEGIN EXCLUSIVE", "ROLLBACK", func() { db.Close() })
}

// lockOn runs lock on a connection of its own and returns what runs unlock there.
func lockOn(ctx context.Context, db *sql.DB, lock, unlock string, after func()) (func(), error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		after()
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, lock); err != nil {
		conn.Close()
		after()
		return nil, err
	}
	return func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), unlock); err != nil {
			conn.Raw(func(any) error { return driver.ErrBadConn }) // closing it unlocks
		}
		conn.Close()
		after()
	}, nil
}

type postgresEngine struct{}

func (postgresEngine) name() string               { return "postgres" }
func (postgresEngine) goose() goose.Dialect       { return goose.DialectPostgres }
func (postgresEngine) rebind(query string) string { return query }
func (postgresEngine) forUpdate() string          { return " FOR UPDATE" }
func (postgresEngine) forgetClientIDs() string {
	return `DELETE FROM message_client WHERE ctid IN (SELECT ctid FROM message_client WHERE id < $1 ORDER BY id LIMIT `
}
func (postgresEngine) lockMigrations(ctx context.Context, s *Store) (func(), error) {
	const key = "7526411029" // any number nobody else uses
	return lockOn(ctx, s.db, "SELECT pg_advisory_lock("+key+")", "SELECT pg_advisory_unlock("+key+")", func() {})
}
func (postgresEngine) full(err error) bool {
	var s interface{ SQLState() string }
	return errors.As(err, &s) && s.SQLState() == "53100"
}
func (postgresEngine) retryable(err error) bool {
	var s interface{ SQLState() string }
	if !errors.As(err, &s) {
		return false
	}
	switch s.SQLState() {
	case "40001", "40P01", "55P03", "57P01", "08006", "08003":
		return true
	}
	return false
}
