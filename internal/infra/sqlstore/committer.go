package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// maxBatch bounds one transaction, and with it the time a commit can take.
const maxBatch = 512

// maxRetries bounds how often a transaction that may be retried is.
const maxRetries = 8

// rollbackWait bounds a rollback; after it the connection is thrown away.
const rollbackWait = 2 * time.Second

// tx runs statements inside the transaction of a committer.
type tx interface {
	// exec returns the number of rows changed.
	exec(ctx context.Context, query string, args ...any) (int64, error)
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// job is a write that is no message append. run may be called again when the
// transaction is retried.
type job struct {
	run   func(ctx context.Context, t tx) error
	after func()     // called after the commit, before done; nil = nothing to do
	done  chan error // capacity 1
}

// committer turns what is queued into transactions, one at a time: while one
// commits, the next batch gathers (group commit). On SQLite the only committer
// takes every write; on PostgreSQL each takes the appends of its conversations.
type committer struct {
	s    *Store
	conn *dbSession
	wake chan struct{} // capacity 1: "there is work" needs no queue

	mu      sync.Mutex // guards the rest
	appends []*message.Pending
	jobs    []*job
	first   int64 // smallest id of the batch under way, 0 = none
	closed  bool  // takes no more appends
	ended   bool  // takes nothing: the goroutine ends

	done chan struct{} // closed when the goroutine has ended
}

func newCommitter(s *Store, conn *dbSession) *committer {
	c := &committer{s: s, conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run()
	return c
}

func (c *committer) append(p *message.Pending) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return im.Errorf(im.CodeBusy, "shutting down")
	}
	if len(c.appends) >= c.s.cfg.QueueLimit {
		return im.Errorf(im.CodeBusy, "too many messages wait for a commit")
	}
	c.appends = append(c.appends, p)
	c.signal()
	return nil
}

func (c *committer) do(ctx context.Context, run func(ctx context.Context, t tx) error) error {
	return c.doThen(ctx, run, nil)
}

// doThen is do with something to publish: after runs on the committer's
// goroutine, so that it keeps the order of what this committer commits.
func (c *committer) doThen(ctx context.Context, run func(ctx context.Context, t tx) error, after func()) error {
	j := &job{run: run, after: after, done: make(chan error, 1)}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return im.Errorf(im.CodeBusy, "shutting down")
	}
	if len(c.jobs) >= c.s.cfg.QueueLimit {
		c.mu.Unlock()
		return im.Errorf(im.CodeBusy, "too many writes wait for a commit")
	}
	c.jobs = append(c.jobs, j)
	c.signal()
	c.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // the write may still happen: the caller must not say that it did not
	}
}

func (c *committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close commits what is queued and ends the goroutine.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.signal()
	c.mu.Unlock()
	<-c.done
}

func (c *committer) run() {
	defer close(c.done)
	defer c.conn.close()
	var pace pacer
	for {
		pace.wait()
		appends, jobs, ended := c.take()
		if len(appends)+len(jobs) == 0 {
			if ended {
				return
			}
			<-c.wake
			continue
		}
		start := time.Now()
		c.commit(appends, jobs, false)
		c.s.metrics.committed(len(appends), len(jobs), time.Since(start))
		pace.done(len(appends))
	}
}

func (c *committer) take() ([]*message.Pending, []*job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.appends), maxBatch)
	appends := c.appends[:n:n]
	if c.appends = c.appends[n:]; len(c.appends) == 0 {
		c.appends = nil
	}
	k := min(len(c.jobs), maxBatch)
	jobs := c.jobs[:k:k]
	if c.jobs = c.jobs[k:]; len(c.jobs) == 0 {
		c.jobs = nil
	}
	if n > 0 {
		// Under the lock: a watermark read later is below every id of this batch.
		c.first = c.s.ids.Next()
	}
	// Other writes go on while appends are drained: the node lease is one of them.
	c.ended = c.closed && n+k == 0
	return appends, jobs, c.ended
}

// commit makes one batch durable and answers everyone in it. more says that
// further appends of what was taken follow.
func (c *committer) commit(appends []*message.Pending, jobs []*job, more bool) {
	ctx := context.Background() // a commit is not abandoned half-way
	b := &batch{s: c.s, all: appends, nowMs: c.s.clock.NowMs()}
	jobErrs := make([]error, len(jobs))
	err := c.transaction(ctx, func(t tx) error {
		if len(appends) > 0 {
			if err := b.write(ctx, t); err != nil {
				return err
			}
		}
		for i, j := range jobs {
			// A job alone fails with the transaction; one among others must not.
			if len(jobs) == 1 && len(appends) == 0 {
				jobErrs[i] = j.run(ctx, t)
				return jobErrs[i]
			}
			if _, err := t.exec(ctx, "SAVEPOINT job"); err != nil {
				return err
			}
			if jobErrs[i] = j.run(ctx, t); jobErrs[i] != nil {
				if c.s.engine.retryable(jobErrs[i]) {
					return jobErrs[i]
				}
				if _, err := t.exec(ctx, "ROLLBACK TO job"); err != nil {
					return err
				}
			}
			if _, err := t.exec(ctx, "RELEASE job"); err != nil {
				return err
			}
		}
		return nil
	})
	err, unknown := c.outcome(ctx, b, err)
	if err != nil && !unknown && len(appends)+len(jobs) > 1 {
		// One bad row must not fail its batch: everyone on his own.
		for i := range appends {
			c.commit(appends[i:i+1], nil, i+1 < len(appends))
		}
		for i := range jobs {
			c.commit(nil, jobs[i:i+1], false)
		}
		return
	}
	if len(appends) > 0 {
		// Before it is published: who hears of it no more must find it in the store.
		c.mu.Lock()
		if c.first = 0; more {
			c.first = c.s.ids.Next()
		}
		c.mu.Unlock()
		if err != nil {
			c.s.log.Error("commit messages", "err", err)
			err = im.Errorf(im.CodeInternal, "commit: %w", err)
		} else if len(b.fresh) > 0 {
			c.s.committed(b.fresh)
			c.s.tellCopied(b.copies)
		}
		for i, p := range appends {
			p.Done(err == nil && b.duplicate[i], err)
		}
	}
	for i, j := range jobs {
		switch {
		case err != nil:
			j.done <- err
			continue
		case jobErrs[i] == nil && j.after != nil:
			j.after()
		}
		j.done <- jobErrs[i]
	}
}

// outcome finds out what became of a batch whose connection was lost while it
// committed; unknown says that it may still be stored and must not be again.
func (c *committer) outcome(ctx context.Context, b *batch, err error) (_ error, unknown bool) {
	var lost *lostError
	if !errors.As(err, &lost) || !lost.committing || len(b.fresh) == 0 {
		return err, false
	}
	// The ids are of this very try: where the first is, there are all.
	ctx, cancel := context.WithTimeout(ctx, rollbackWait)
	defer cancel()
	first := b.fresh[0]
	at, lerr := c.s.Locate(ctx, first.App, []int64{first.ID})
	switch {
	case lerr != nil:
		return err, true
	case len(at) > 0:
		return nil, false
	default:
		return err, false
	}
}

// lostError says that the connection broke inside a transaction. Unless it was
// committing, nothing of it is stored.
type lostError struct {
	cause      error
	committing bool
}

func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// transaction runs fn between BEGIN and COMMIT and again while the engine says so.
func (c *committer) transaction(ctx context.Context, fn func(t tx) error) error {
	return c.conn.transaction(ctx, fn)
}

// dbSession is one database connection with its prepared statements.
type dbSession struct {
	s     *Store
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (s *dbSession) transaction(ctx context.Context, fn func(t tx) error) error {
	var err error
	for try := 0; try < maxRetries; try++ {
		if try > 0 {
			time.Sleep(time.Duration(1<<try) * time.Millisecond)
		}
		err = s.once(ctx, fn)
		var lost *lostError
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case errors.As(err, &lost):
			if lost.committing {
				return err
			}
		case !s.s.engine.retryable(err):
			return err
		}
	}
	return fmt.Errorf("gave up after %d tries: %w", maxRetries, err)
}

func (s *dbSession) once(ctx context.Context, fn func(t tx) error) error {
	if s.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return err
		}
		s.conn, s.stmts = conn, map[string]*sql.Stmt{}
	}
	begin := "BEGIN"
	if s.s.engine.name() == "sqlite" {
		begin = "BEGIN IMMEDIATE" // a lock upgrade inside a transaction cannot be waited for
	}
	if _, err := s.exec(ctx, begin); err != nil {
		s.drop()
		if s.s.engine.retryable(err) {
			return err
		}
		return &lostError{cause: err}
	}
	err, committing := fn(s), false
	if err == nil {
		committing = true
		if d := s.s.cfg.CommitDelay; d > 0 {
			time.Sleep(d)
		}
		if _, err = s.exec(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	// The caller may have given up: the locks must go all the same.
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
	defer cancel()
	if _, rerr := s.exec(rctx, "ROLLBACK"); rerr != nil {
		s.drop()
		return &lostError{err, committing}
	}
	return err
}

func (s *dbSession) drop() {
	if s.conn == nil {
		return
	}
	for _, st := range s.stmts {
		st.Close()
	}
	s.conn.Raw(func(any) error { return driver.ErrBadConn }) // never reuse it
	s.conn.Close()
	s.conn, s.stmts = nil, nil
}

func (s *dbSession) close() {
	if s.conn == nil {
		return
	}
	for _, st := range s.stmts {
		st.Close()
	}
	s.conn.Close()
	s.conn = nil
}

func (s *dbSession) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, s.s.engine.rebind(query))
	if err != nil {
		return nil, err
	}
	if len(s.stmts) < 200 {
		s.stmts[query] = st
	}
	return st, nil
}

func (s *dbSession) exec(ctx context.Context, query string, args ...any) (int64, error) {
	// BEGIN and COMMIT too are prepared once on SQLite; PostgreSQL would prepare
	// them on the server for nothing.
	if len(args) == 0 && s.s.engine.name() != "sqlite" {
		_, err := s.conn.ExecContext(ctx, query)
		return 0, err
	}
	st, err := s.stmt(ctx, query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *dbSession) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}
