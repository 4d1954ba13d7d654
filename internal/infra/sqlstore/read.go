package sqlstore

import (
	"context"
	"database/sql"
)

// read runs a query outside any transaction, with its statement prepared once.
func (s *Store) read(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := s.readStmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return s.db.QueryContext(ctx, s.engine.rebind(query), args...)
	}
	return st.QueryContext(ctx, args...)
}

// maxReadStmts bounds the prepared statements; queries built from caller's
// lists come in many shapes.
const maxReadStmts = 100

func (s *Store) readStmt(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	st, n := s.stmts[query], len(s.stmts)
	s.mu.RUnlock()
	if st != nil || n >= maxReadStmts {
		return st, nil
	}
	st, err := s.db.PrepareContext(ctx, s.engine.rebind(query))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.stmts[query]; old != nil {
		st.Close()
		return old, nil
	}
	s.stmts[query] = st
	return st, nil
}
