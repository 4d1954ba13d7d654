package storetest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/hytest"
	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

func testChanges(t *testing.T, e *env) {
	s, app := e.openApp()
	tool := e.open(func(c *sqlstore.Config) { c.NodeKind = "tool" })
	create(t, tool, app, "bob")
	start, err := s.Changes(e.ctx(), 0)
	if err != nil || len(start) == 0 {
		t.Fatalf("making an app left %v, %v", start, err)
	}
	last := start[len(start)-1].ID
	if _, err := tool.UpdateAccount(e.ctx(), app, "bob", func(a *account.Account) error { a.Blocked = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := tool.LogChange(e.ctx(), sqlstore.Change{App: app, Kind: sqlstore.ChangeKick, Key: "bob", Body: "bye"}); err != nil {
		t.Fatal(err)
	}
	e.putApp(tool, app)
	if _, err := tool.UpdateAccount(e.ctx(), app, "nobody", func(a *account.Account) error { return nil }); err == nil {
		t.Error("nobody was updated")
	}
	got, err := s.Changes(e.ctx(), last)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for i := range got {
		ids = append(ids, got[i].ID)
		if got[i].ID <= last {
			t.Errorf("change %d is not after %d", got[i].ID, last)
		}
		last, got[i].ID = got[i].ID, 0
	}
	want := []sqlstore.Change{{App: app, Kind: sqlstore.ChangeAccount, Key: "bob"}, {App: app, Kind: sqlstore.ChangeKick, Key: "bob", Body: "bye"}, {App: app, Kind: sqlstore.ChangeApp}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if err := s.TrimChanges(e.ctx(), ids[1]); err != nil {
		t.Fatal(err)
	}
	if left, err := s.Changes(e.ctx(), 0); err != nil || len(left) != 2 || left[0].ID != ids[1] {
		t.Errorf("after the trim: %v, %v", left, err)
	}
}

func testNodes(t *testing.T, e *env) {
	a, b := e.open(), e.open()
	if a.IDs().Node() == b.IDs().Node() {
		t.Fatalf("both have node number %d", a.IDs().Node())
	}
	freed := a.IDs().Node()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	c := e.open()
	if c.IDs().Node() != freed {
		t.Errorf("node number %d was given back, the next store got %d", freed, c.IDs().Node())
	}
	for name, s := range map[string]*sqlstore.Store{"b": b, "c": c} {
		select {
		case <-s.Lost():
			t.Errorf("%s lost its lease", name)
		default:
		}
	}
}

func testExpiredNode(t *testing.T, e *env) {
	clock := hytest.NewClock(time.Time{})
	set := func(c *sqlstore.Config) { c.Clock = clock.Now }
	a := e.open(set)
	// A node that is cut off does not renew; here the others' clock runs ahead.
	var b *sqlstore.Store
	for range 5 { // unless a renews just now
		clock.Advance(time.Minute)
		if b = e.open(set); b.IDs().Node() == a.IDs().Node() {
			break
		}
		b.Close()
	}
	if b.IDs().Node() != a.IDs().Node() {
		t.Fatalf("an expired node number was not given out: %d and %d", a.IDs().Node(), b.IDs().Node())
	}
	select {
	case <-a.Lost():
	case <-time.After(hytest.Patience):
		t.Error("a store whose node number is another's does not notice")
	}
	select {
	case <-b.Lost():
		t.Error("the new holder lost it too")
	default:
	}
	a.Close()
	c := e.open(set)
	if c.IDs().Node() == b.IDs().Node() {
		t.Error("closing the store that had lost its number gave the new holder's away")
	}
}

func testAllNodes(t *testing.T, e *env) {
	s := e.open()
	db := e.raw()
	for n := range 32 {
		if n == s.IDs().Node() {
			continue
		}
		if _, err := db.ExecContext(e.ctx(), `INSERT INTO node_lease (node, holder, kind, expires) VALUES ($1, 'x', 'serve', 99999999999999)`, n); err != nil {
			t.Fatal(err)
		}
	}
	if other, err := sqlstore.Open(e.ctx(), e.c); err == nil {
		other.Close()
		t.Errorf("a 33rd store got node number %d", other.IDs().Node())
	}
}

// A store that closes still commits: its node number is not free before.
func testNodeGivenBackLast(t *testing.T, e *env) {
	s, app := e.openApp()
	release, _ := plug(t, s, app, text(app, "alice", "bob", 0))
	waiting := &batch{t: t}
	if err := waiting.add(s, text(app, "alice", "bob", 1), true); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	n := 2
	hytest.Eventually(t, "the store refuses appends", func() bool {
		n++
		return waiting.add(s, text(app, "alice", "bob", n), true) != nil
	})
	other := e.open()
	if other.IDs().Node() == s.IDs().Node() {
		t.Errorf("node number %d is given out while its messages wait for a commit", s.IDs().Node())
	}
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	hytest.Eventually(t, "what was queued is stored", func() bool { return len(history(t, other, app, "p|alice|bob")) >= 2 })
}

func testStartedAtOnce(t *testing.T, e *env) {
	const n = 4
	var mu sync.Mutex
	nodes := map[int]bool{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			s, err := sqlstore.Open(e.ctx(), e.c)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			t.Cleanup(func() { s.Close() })
			mu.Lock()
			defer mu.Unlock()
			nodes[s.IDs().Node()] = true
		})
	}
	wg.Wait()
	if len(nodes) != n {
		t.Errorf("%d stores have node numbers %v", n, nodes)
	}
}

func testTool(t *testing.T, e *env) {
	tool := func(c *sqlstore.Config) { c.NodeKind = "tool" }
	first := e.open(tool) // a tool may make a database
	first.Close()
	server, app := e.openApp()
	s := e.open(tool)
	send(t, s, text(app, "alice", "bob", 1))
	if got := history(t, server, app, "p|alice|bob"); len(got) != 1 {
		t.Errorf("the server sees %d messages of the tool", len(got))
	}
	if _, err := e.raw().ExecContext(e.ctx(), `DELETE FROM goose_db_version WHERE version_id > 0`); err != nil {
		t.Fatal(err)
	}
	c := e.c
	tool(&c)
	if other, err := sqlstore.Open(e.ctx(), c); err == nil {
		other.Close()
		t.Error("a tool migrates under a running server")
	} else if !strings.Contains(err.Error(), "running server") {
		t.Errorf("the refusal does not say why: %v", err)
	}
	send(t, server, &message.Message{App: app, From: "alice", To: "bob", Conv: "p|alice|bob", IDClient: "after"})
}
