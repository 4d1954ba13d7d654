// Package storetest says what a store must do, as one suite that every database
// runs. It is the only test of behaviour that SQL text can get wrong.
//
// It may look into tables where a promise is about what lies on disk; it must
// not know which engine it runs on, except where a test says so.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	imapp "hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

// Run runs the suite. fresh returns the configuration of a new, empty database
// each time it is called; the suite opens it as often as it needs.
func Run(t *testing.T, fresh func(t *testing.T) sqlstore.Config) {
	for name, test := range map[string]func(*testing.T, *env){
		"apps": testApps, "app secrets are sealed": testSecretsSealed, "another master key is refused": testMasterKey,
		"accounts": testAccounts, "accounts: every field": testAccountFields, "accounts: list": testAccountList,
		"accounts: concurrent updates": testAccountUpdates, "accounts: tenants": testAccountTenants,
		"accounts: abandoned update": testAbandonedUpdate, "login records": testLoginRecords,
		"login records: many at once": testManyColdWrites,

		"append": testAppend, "append: concurrent": testConcurrentAppend, "append: twins": testTwins,
		"append: reopened": testReopened, "append: bad row": testBadRow, "append: queue limit": testQueueLimit,
		"append: not idempotent": testNotIdempotent, "append: clock stepping back": testClockBack,
		"append: close commits": testCloseCommits, "append: tenants": testMessageTenants,
		"append: contents": testContents, "append: two stores": testTwoStores, "append: lost connections": testLostConnections,
		"watermark": testWatermark, "watermark: bad row": testWatermarkBadRow,

		"page": testPage, "locate": testLocate, "conversations": testConversations,
		"delivered": testDelivered, "delivered: of no member": testDeliveredNoMember, "session acks": testSessionAcks,
		"change log": testChanges,

		"teams: one order": testTeamOrder, "teams: rows": testTeamRow, "teams: refused change": testTeamRefused, "teams: tenants": testTeamTenants, "teams: trimmed": testTeamTrim,

		"message operations": testOpModel, "recalls": testRecalls, "client id": testFindClientID, "threads": testThreads, "trimmed": testTrim,
		"sticky sessions": testSticks, "cloud sessions": testCloudSessions,
		"search index": testSearchIndex, "broadcasts": testBroadcasts,

		"files": testFiles, "files: usage": testFileUsage, "files: lists": testFileLists, "files: jobs": testFileJobs,
		"chat files": testChatFiles, "accounts of the Easemob API": testEasemobAccounts, "qchat": testQChat, "chat rooms": testChatrooms,

		"outbox": testOutbox, "outbox: messages": testOutboxMessages, "outbox: leases": testOutboxLease, "outbox: logins": testOutboxLogins, "outbox: teams": testOutboxTeams, "outbox: other events": testOutboxEvents,
		"words":            testWords,
		"import: messages": testImportMessages, "import: teams": testImportTeam, "import: accounts": testImportAccounts, "import: ids": testImportIDs,

		"notices": testNotices, "notices: tenants": testNoticeTenants, "notices: bound": testNoticeBound,
		"friends": testFriends, "friends: refused": testFriendRefused, "friends: concurrent": testFriendsConcurrent, "relations": testRelations,

		"nodes": testNodes, "nodes: expired": testExpiredNode, "nodes: all taken": testAllNodes,
		"nodes: given back last": testNodeGivenBackLast, "started at once": testStartedAtOnce, "tool": testTool,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &env{t: t, c: fresh(t)})
		})
	}
	for name, test := range socialTests() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &env{t: t, c: fresh(t)})
		})
	}
}

// env is one database under test.
type env struct {
	t *testing.T
	c sqlstore.Config
}

func (e *env) postgres() bool { return e.c.URL != "" }

// open opens the database with the changes to its configuration.
func (e *env) open(change ...func(*sqlstore.Config)) *sqlstore.Store {
	e.t.Helper()
	c := e.c
	for _, f := range change {
		f(&c)
	}
	return hytest.Open(e.t, c)
}

// openApp opens the database and makes an app in it.
func (e *env) openApp(change ...func(*sqlstore.Config)) (*sqlstore.Store, string) {
	e.t.Helper()
	s := e.open(change...)
	return s, e.putApp(s, "app-one")
}

func (e *env) putApp(s *sqlstore.Store, key string) string {
	e.t.Helper()
	if err := s.PutApp(e.ctx(), &imapp.App{Key: key, Secret: "secret of " + key, CreatedMs: 1}); err != nil {
		e.t.Fatal(err)
	}
	return key
}

func (e *env) ctx() context.Context { return hytest.Context(e.t) }

// raw opens the tables themselves.
func (e *env) raw() *sql.DB {
	e.t.Helper()
	driver, dsn := "pgx", e.c.URL
	if !e.postgres() {
		driver, dsn = "sqlite", "file:"+filepath.Join(e.c.Dir, "hongyan.db")+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { db.Close() })
	return db
}

// outcome is the answer to one append.
type outcome struct {
	msg       *message.Message
	duplicate bool
	err       error
}

// text makes a message; n tells it apart.
func text(app, from, to string, n int) *message.Message {
	return &message.Message{App: app, From: from, To: to, Conv: im.P2PKey(from, to), IDClient: fmt.Sprintf("%s-%08d", from, n),
		ClientType: 16, Content: message.Content{Body: fmt.Sprintf("body %d", n)}}
}

// batch collects the answers to appends.
type batch struct {
	t    testing.TB
	wg   sync.WaitGroup
	mu   sync.Mutex
	outs map[int]*outcome
	n    int
}

func (b *batch) add(s *sqlstore.Store, m *message.Message, idempotent bool) error {
	b.mu.Lock()
	if b.outs == nil {
		b.outs = map[int]*outcome{}
	}
	i := b.n
	b.n++
	b.mu.Unlock()
	b.wg.Add(1)
	err := s.Append(&message.Pending{Msg: m, Idempotent: idempotent, Done: func(dup bool, err error) {
		b.mu.Lock()
		if b.outs[i] != nil {
			b.t.Errorf("append %d answered twice", i)
		}
		b.outs[i] = &outcome{m, dup, err}
		b.mu.Unlock()
		b.wg.Done()
	}})
	if err != nil {
		b.wg.Done()
	}
	return err
}

// wait returns the answers in order of the appends.
func (b *batch) wait() []*outcome {
	b.t.Helper()
	all := make(chan struct{})
	go func() { b.wg.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(hytest.Patience):
		b.t.Fatal("an append was not answered")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*outcome, b.n)
	for i, o := range b.outs {
		out[i] = o
	}
	return out
}

// sendAll appends messages and waits for the answers.
func sendAll(t testing.TB, s *sqlstore.Store, msgs ...*message.Message) []*outcome {
	t.Helper()
	b := &batch{t: t}
	for _, m := range msgs {
		if err := b.add(s, m, true); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	return b.wait()
}

// send appends messages that must be stored as new ones.
func send(t testing.TB, s *sqlstore.Store, msgs ...*message.Message) {
	t.Helper()
	for i, o := range sendAll(t, s, msgs...) {
		if o.err != nil || o.duplicate {
			t.Fatalf("append %d: duplicate %v, %v", i, o.duplicate, o.err)
		}
	}
}

// history returns the whole conversation, oldest first.
func history(t testing.TB, s *sqlstore.Store, app string, conv im.ConvKey) []*message.Message {
	t.Helper()
	msgs, err := s.Page(hytest.Context(t), app, conv, message.PageQuery{Ascending: true, Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return msgs
}

// checkOrder says whether msgs, oldest first, are a whole and well-ordered
// conversation of n messages.
func checkOrder(t testing.TB, msgs []*message.Message, n int) {
	t.Helper()
	if len(msgs) != n {
		t.Errorf("%d messages, want %d", len(msgs), n)
	}
	for i, m := range msgs {
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d has sequence %d", i, m.Seq)
		}
		if i > 0 && m.Time <= msgs[i-1].Time {
			t.Fatalf("sequence %d: time %d after %d", m.Seq, m.Time, msgs[i-1].Time)
		}
	}
}

// checkIDs says whether ids increase along msgs, as they must on one node.
func checkIDs(t testing.TB, msgs []*message.Message) {
	t.Helper()
	for i := 1; i < len(msgs); i++ {
		if msgs[i].ID <= msgs[i-1].ID {
			t.Fatalf("sequence %d: id %d after %d", msgs[i].Seq, msgs[i].ID, msgs[i-1].ID)
		}
	}
}

// plug stops the committer of one conversation after its next commit, so that
// what is appended until release is called makes one batch. It returns when the
// committer is stopped. It takes the store's committed function.
func plug(t testing.TB, s *sqlstore.Store, app string, conv *message.Message) (release func(), batches func() [][]*message.Message) {
	t.Helper()
	gate, stopped := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var mu sync.Mutex
	var seen [][]*message.Message
	s.SetCommitted(func(b []*message.Message) {
		mu.Lock()
		seen = append(seen, append([]*message.Message(nil), b...))
		mu.Unlock()
		once.Do(func() { close(stopped) })
		<-gate
	})
	if err := s.Append(&message.Pending{Msg: conv, Done: func(bool, error) {}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stopped:
	case <-time.After(hytest.Patience):
		t.Fatal("nothing was committed")
	}
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return release, func() [][]*message.Message {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}
