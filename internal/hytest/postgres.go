package hytest

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx", to make and drop databases
)

// EnvPostgres names a running server on which tests may make databases: the
// postgres:// URL of a superuser. `make test` sets it through tools/pg; without
// it every package starts a server of its own.
const EnvPostgres = "HONGYAN_TEST_POSTGRES"

// Postgres returns the URL of a fresh, empty database on a real PostgreSQL; it
// is dropped with the test. Where no PostgreSQL can be started the test is left
// out.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := startPostgres()
	if err != nil {
		LeaveOut(t, "PostgreSQL: "+err.Error())
	}
	base := server.url
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: not a URL", EnvPostgres)
	}
	name := "t_" + randomHex(8)
	if err := admin(base, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`); err != nil {
		t.Fatalf("create a test database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(base, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the test database: %v", err)
		}
	})
	u.Path = "/" + name
	return u.String()
}

func admin(base, statement string) error {
	db, err := sql.Open("pgx", base)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// postgres is a running server.
type postgres struct {
	url string
	// The server lives until this process ends, however it ends: then the pipe
	// closes, and tools/pg removes what it has made.
	alive io.WriteCloser
}

// startPostgres starts the server of this process, once.
var startPostgres = sync.OnceValues(func() (postgres, error) {
	if base := os.Getenv(EnvPostgres); base != "" {
		return postgres{url: base}, nil
	}
	none := postgres{}
	tool, err := toolsPg()
	if err != nil {
		return none, err
	}
	if out, err := exec.Command(tool, "have").CombinedOutput(); err != nil {
		return none, errors.New(strings.TrimSpace(string(out)))
	}
	cmd := exec.Command(tool, "hold")
	alive, err := cmd.StdinPipe()
	if err != nil {
		return none, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return none, err
	}
	if err := cmd.Start(); err != nil {
		return none, err
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	select {
	case base := <-line:
		if base == "" {
			return none, fmt.Errorf("it does not start, see what `tools/pg hold` says: %w", cmd.Wait())
		}
		return postgres{base, alive}, nil
	case <-time.After(2 * Patience):
		return none, errors.New("it does not start in time")
	}
})

// toolsPg finds tools/pg from the package directory in which a test runs.
func toolsPg() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "tools", "pg"), nil
}

// Root returns the repository's root: the nearest directory with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}
