package sqlstore

import (
	"context"
	"database/sql"
	"hash/fnv"
	"strings"
	"sync"

	"hongyan/internal/im/message"
)

// pgCommitters is how many transactions of appends PostgreSQL commits at a time.
const pgCommitters = 4

// writer gives writes that are no appends a transaction of their own.
type writer struct {
	db  *sql.DB
	own bool // db is not the readers' and is closed with the writer
}

func (s *Store) startWriters(ctx context.Context) error {
	n, db, own := pgCommitters, s.db, false
	if s.engine.name() == "sqlite" {
		var err error
		if db, err = sql.Open("sqlite", sqliteDSN(s.cfg, true)); err != nil {
			return err
		}
		db.SetMaxOpenConns(1)
		n, own = 1, true
	}
	s.writer = &writer{db: db, own: own}
	for range n {
		s.committers = append(s.committers, newCommitter(s, &dbSession{s: s, db: db}))
	}
	return nil
}

func (s *Store) stopWriters() {
	s.stopCommitters()
	s.closeWriter()
}

// stopCommitters commits what is queued and refuses everything later.
func (s *Store) stopCommitters() {
	for _, c := range s.committers {
		c.close()
	}
}

func (s *Store) closeWriter() {
	if s.writer.own {
		s.writer.db.Close()
	}
}

// write runs fn in a transaction and returns after it is durable. fn may run
// more than once; it must set its results, not add to them.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, t tx) error) error {
	if s.engine.name() == "sqlite" {
		return s.committers[0].do(ctx, fn)
	}
	sess := &dbSession{s: s, db: s.db}
	defer sess.close()
	return sess.transaction(ctx, func(t tx) error { return fn(ctx, t) })
}

// SetCommitted names who is told of every committed batch.
func (s *Store) SetCommitted(f func([]*message.Message)) { s.committed = f }

// Append queues a message for the next commit of its conversation's committer.
func (s *Store) Append(p *message.Pending) error {
	if len(s.committers) == 1 {
		return s.committers[0].append(p)
	}
	h := fnv.New32a()
	h.Write([]byte(p.Msg.App))
	h.Write([]byte(p.Msg.Conv))
	return s.committers[h.Sum32()%uint32(len(s.committers))].append(p)
}

// Watermark returns an id below which nothing of this node is under way.
func (s *Store) Watermark() int64 {
	w := s.ids.Last()
	for _, c := range s.committers {
		c.mu.Lock()
		if c.first != 0 {
			w = min(w, c.first-1)
		}
		c.mu.Unlock()
	}
	return w
}

// rebind turns $1, $2 ... into plain ? where they stand in order, each once:
// the driver finds a numbered parameter by comparing texts, a plain one by
// position.
func (sqliteEngine) rebind(query string) string {
	var b strings.Builder
	want := 1
	for i := 0; i < len(query); i++ {
		if query[i] != '$' {
			b.WriteByte(query[i])
			continue
		}
		n, j := 0, i+1
		for j < len(query) && query[j] >= '0' && query[j] <= '9' {
			n = n*10 + int(query[j]-'0')
			j++
		}
		if n != want {
			return query
		}
		want++
		b.WriteByte('?')
		i = j - 1
	}
	return b.String()
}

// valueLists caches what values returns: the text of a statement is its key.
type valueLists struct {
	mu    sync.RWMutex // guards texts
	texts map[[2]int]string
}

// values returns "($1,$2),($3,$4)" for rows rows of cols columns.
func (s *Store) values(rows, cols int) string {
	v := &s.valueLists
	k := [2]int{rows, cols}
	v.mu.RLock()
	text, ok := v.texts[k]
	v.mu.RUnlock()
	if ok {
		return text
	}
	text = values(rows, cols)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.texts == nil {
		v.texts = map[[2]int]string{}
	}
	v.texts[k] = text
	return text
}

// values returns "($1,$2),($3,$4)" for rows rows of cols columns.
func values(rows, cols int) string {
	var b strings.Builder
	n := 1
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range cols {
			if c > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('$')
			b.WriteString(itoa(n))
			n++
		}
		b.WriteByte(')')
	}
	return b.String()
}
