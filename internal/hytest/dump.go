package hytest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Dump returns the rows of one app in a SQLite database of SQLite(t), a text
// per row, by table: of every table with a column app, and of the app's own
// row. Tables without rows of the app are left out.
func Dump(t testing.TB, dir, appKey string) map[string][]string {
	t.Helper()
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "hongyan.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var no int64
	if err := db.QueryRowContext(ctx, `SELECT no FROM app WHERE key = ?`, appKey).Scan(&no); err != nil {
		t.Fatal(err)
	}
	tables, err := texts(ctx, db, `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'app'`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, table := range append(tables, "app") {
		where := "app IN (?, ?)"
		if table == "app" {
			where = "no = ? OR key = ?"
		}
		rows, err := texts(ctx, db, `SELECT * FROM "`+table+`" WHERE `+where, no, appKey)
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		if len(rows) > 0 {
			slices.Sort(rows)
			out[table] = rows
		}
	}
	return out
}

// texts reads rows, each as one text.
func texts(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	values, at := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		at[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		var b strings.Builder
		for i, v := range values {
			if i > 0 {
				b.WriteByte('|')
			}
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprint(&b, v)
		}
		out = append(out, b.String())
	}
	return out, rows.Err()
}
