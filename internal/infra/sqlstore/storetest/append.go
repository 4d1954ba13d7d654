package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

// same compares what a message says, not how it is kept in memory.
var same = cmpopts.IgnoreUnexported(message.Message{})

func testAppend(t *testing.T, e *env) {
	s, app := e.openApp()
	var committed []*message.Message
	s.SetCommitted(func(b []*message.Message) { committed = append(committed, b...) })
	before := time.Now().UnixMilli()
	const n = 40
	var msgs []*message.Message
	for i := range n {
		from, to := "alice", "bob"
		if i%3 == 0 {
			from, to = to, from
		}
		m := text(app, from, to, i)
		send(t, s, m)
		msgs = append(msgs, m)
	}
	after := time.Now().UnixMilli()
	checkOrder(t, msgs, n)
	checkIDs(t, msgs)
	for _, m := range msgs {
		if m.Time < before || m.Time > after+n || im.IDNode(m.ID) != s.IDs().Node() {
			t.Errorf("time %d not in %d..%d, or id of node %d", m.Time, before, after+n, im.IDNode(m.ID))
		}
	}
	stored := history(t, s, app, "p|alice|bob")
	if d := cmp.Diff(msgs, stored, same); d != "" {
		t.Errorf("answered and stored differ: %s", d)
	}
	s.Close() // the committed function runs on another goroutine until here
	if d := cmp.Diff(msgs, committed, same); d != "" {
		t.Errorf("answered and published differ: %s", d)
	}
}

func testConcurrentAppend(t *testing.T, e *env) {
	s, app := e.openApp()
	var mu sync.Mutex
	published := map[im.ConvKey][]*message.Message{}
	s.SetCommitted(func(b []*message.Message) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range b {
			published[m.Conv] = append(published[m.Conv], m)
		}
	})
	const workers, each, convs = 24, 50, 5
	all := &batch{t: t}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := all.add(s, text(app, fmt.Sprintf("w%02d", w), fmt.Sprintf("peer%d", i%convs), i), true); err != nil {
					t.Error(err)
				}
				// And all of them into one conversation.
				m := text(app, "alice", "bob", w*1000+i)
				m.Content.Body = fmt.Sprint(w)
				if err := all.add(s, m, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	conv := im.ConvKey("p|alice|bob")
	for i, o := range all.wait() {
		if o.err != nil || o.duplicate {
			t.Fatalf("append %d: %v, duplicate %v", i, o.err, o.duplicate)
		}
	}
	msgs := history(t, s, app, conv)
	checkOrder(t, msgs, workers*each)
	checkIDs(t, msgs)
	mine := map[string]string{} // of each worker, the last client id
	for _, m := range msgs {
		if m.IDClient <= mine[m.Content.Body] {
			t.Fatalf("messages of one caller out of order: %s after %s", m.IDClient, mine[m.Content.Body])
		}
		mine[m.Content.Body] = m.IDClient
	}
	for w := range workers {
		for p := range convs {
			conv := im.P2PKey(fmt.Sprintf("w%02d", w), fmt.Sprintf("peer%d", p))
			checkOrder(t, history(t, s, app, conv), each/convs)
		}
	}
	s.Close()
	for conv, p := range published {
		checkOrder(t, p, len(p)) // published in sequence order
		if conv == "p|alice|bob" && len(p) != workers*each {
			t.Errorf("%d published", len(p))
		}
	}
}

func checkTwin(t testing.TB, what string, o *outcome, first *message.Message) {
	t.Helper()
	if o.err != nil || !o.duplicate {
		t.Errorf("%s: duplicate %v, %v", what, o.duplicate, o.err)
	}
	if o.msg.ID != first.ID || o.msg.Time != first.Time || o.msg.Seq != first.Seq {
		t.Errorf("%s: answer %d/%d/%d, the first got %d/%d/%d", what, o.msg.ID, o.msg.Time, o.msg.Seq, first.ID, first.Time, first.Seq)
	}
}

func testTwins(t *testing.T, e *env) {
	s, app := e.openApp()
	release, batches := plug(t, s, app, text(app, "alice", "bob", 0))
	var msgs []*message.Message
	for _, n := range []int{1, 2, 1, 3, 1, 2} {
		msgs = append(msgs, text(app, "alice", "bob", n))
	}
	b := &batch{t: t}
	for _, m := range msgs {
		if err := b.add(s, m, true); err != nil {
			t.Fatal(err)
		}
	}
	release()
	out := b.wait()
	for _, i := range []int{0, 1, 3} {
		if out[i].err != nil || out[i].duplicate {
			t.Errorf("first use %d: %v, duplicate %v", i, out[i].err, out[i].duplicate)
		}
	}
	for i, first := range map[int]int{2: 0, 4: 0, 5: 1} {
		checkTwin(t, fmt.Sprintf("inside the batch, %d", i), out[i], msgs[first])
	}
	checkTwin(t, "in a later batch", sendAll(t, s, text(app, "alice", "bob", 2))[0], msgs[1])
	send(t, s, text(app, "alice", "carol", 3)) // SDKs forward a resent message under its old client id
	other := text(app, "bob", "alice", 1)
	other.IDClient = msgs[0].IDClient
	send(t, s, other) // another sender's ids are his own
	checkOrder(t, history(t, s, app, "p|alice|bob"), 5)
	checkOrder(t, history(t, s, app, "p|alice|carol"), 1)
	s.Close()
	n := 0
	for _, b := range batches() {
		n += len(b)
	}
	if n != 6 {
		t.Errorf("%d published, want the 6 that were stored", n)
	}
}

func testReopened(t *testing.T, e *env) {
	s, app := e.openApp()
	first := text(app, "alice", "bob", 1)
	send(t, s, first, text(app, "alice", "bob", 2))
	s.Close()
	s = e.open()
	checkTwin(t, "after a restart", sendAll(t, s, text(app, "alice", "bob", 1))[0], first)
	send(t, s, text(app, "alice", "bob", 3))
	msgs := history(t, s, app, "p|alice|bob")
	checkOrder(t, msgs, 3)
	checkIDs(t, msgs)
}

func testNotIdempotent(t *testing.T, e *env) {
	s, app := e.openApp()
	b := &batch{t: t}
	for range 3 {
		if err := b.add(s, text(app, "alice", "bob", 1), false); err != nil {
			t.Fatal(err)
		}
	}
	for i, o := range b.wait() {
		if o.err != nil || o.duplicate {
			t.Errorf("%d: duplicate %v, %v", i, o.duplicate, o.err)
		}
	}
	checkOrder(t, history(t, s, app, "p|alice|bob"), 3)
}

func testBadRow(t *testing.T, e *env) {
	s, app := e.openApp()
	release, _ := plug(t, s, app, text(app, "alice", "bob", 0))
	b := &batch{t: t}
	bad := map[int]bool{1: true, 4: true}
	for i := range 6 {
		m := text(app, "alice", "bob", 1+i)
		if bad[i] {
			m.App = "no-such-app"
		}
		if err := b.add(s, m, i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	release()
	for i, o := range b.wait() {
		if bad[i] != (o.err != nil) {
			t.Errorf("%d: %v", i, o.err)
		}
		if o.err != nil && im.CodeOf(o.err) == im.CodeOK {
			t.Errorf("%d: a refusal without a code: %v", i, o.err)
		}
	}
	msgs := history(t, s, app, "p|alice|bob")
	checkOrder(t, msgs, 5)
	checkIDs(t, msgs)
}

func testQueueLimit(t *testing.T, e *env) {
	s, app := e.openApp(func(c *sqlstore.Config) { c.QueueLimit = 10 })
	release, _ := plug(t, s, app, text(app, "alice", "bob", 0))
	b := &batch{t: t}
	for i := range 10 {
		if err := b.add(s, text(app, "alice", "bob", 1+i), true); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	if err := b.add(s, text(app, "alice", "bob", 99), true); im.CodeOf(err) != im.CodeBusy {
		t.Errorf("a full queue says %v", err)
	}
	release()
	for i, o := range b.wait()[:10] {
		if o.err != nil {
			t.Errorf("%d: %v", i, o.err)
		}
	}
	checkOrder(t, history(t, s, app, "p|alice|bob"), 11)
}

func testClockBack(t *testing.T, e *env) {
	clock := hytest.NewClock(time.Time{})
	s, app := e.openApp(func(c *sqlstore.Config) { c.Clock = clock.Now })
	for i := range 6 {
		send(t, s, text(app, "alice", "bob", i))
		clock.Advance(time.Duration(1-2*(i%2)) * 30 * time.Millisecond)
	}
	msgs := history(t, s, app, "p|alice|bob")
	checkOrder(t, msgs, 6)
	checkIDs(t, msgs)
}

func testCloseCommits(t *testing.T, e *env) {
	s, app := e.openApp()
	b := &batch{t: t}
	for i := range 300 {
		if err := b.add(s, text(app, "alice", fmt.Sprintf("peer%d", i%7), i), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	for i, o := range b.wait() {
		if o.err != nil {
			t.Errorf("%d: %v", i, o.err)
		}
	}
	if err := s.Append(&message.Pending{Msg: text(app, "alice", "bob", 1)}); im.CodeOf(err) != im.CodeBusy {
		t.Errorf("append after close: %v", err)
	}
	s = e.open()
	n := 0
	for i := range 7 {
		n += len(history(t, s, app, im.P2PKey("alice", fmt.Sprintf("peer%d", i))))
	}
	if n != 300 {
		t.Errorf("%d stored", n)
	}
}

func testMessageTenants(t *testing.T, e *env) {
	s, one := e.openApp()
	two := e.putApp(s, "app-two")
	a, b := text(one, "alice", "bob", 1), text(two, "alice", "bob", 1)
	send(t, s, a, text(one, "alice", "bob", 2), b) // the same client id in another app is no duplicate
	for app, n := range map[string]int{one: 2, two: 1} {
		msgs := history(t, s, app, "p|alice|bob")
		checkOrder(t, msgs, n)
		for _, m := range msgs {
			if m.App != app {
				t.Errorf("a message of %s in %s", m.App, app)
			}
		}
	}
	if at, err := s.Locate(e.ctx(), two, []int64{a.ID}); err != nil || len(at) != 0 {
		t.Errorf("another app's message is found: %v, %v", at, err)
	}
	if err := s.MarkDelivered(e.ctx(), []message.Mark{{App: two, Accid: "bob", Conv: a.Conv, Seqs: message.SeqSet{{First: 1, Last: 1}}}}); err != nil {
		t.Fatal(err)
	}
	for app, want := range map[string]string{one: "", two: "1"} {
		convs, err := s.Conversations(e.ctx(), app, "bob", 10)
		if err != nil || len(convs) != 1 || convs[0].Delivered.String() != want {
			t.Errorf("conversations in %s: %+v, %v", app, convs, err)
		}
	}
	if _, err := s.Page(e.ctx(), "no-such-app", a.Conv, message.PageQuery{Limit: 1}); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("an app that does not exist: %v", err)
	}
}

func testContents(t *testing.T, e *env) {
	s, app := e.openApp()
	ref := &message.Ref{From: "a", To: "b", Time: 5, IDServer: "6", IDClient: "7"}
	full := &message.Message{App: app, From: "alice", To: "bob", Conv: "p|alice|bob", IDClient: "c1", Type: message.Custom, ClientType: 32,
		Flags: message.NoHistory | message.PushNickSet,
		Content: message.Content{Body: "正文 \" ' \\ \u2028 🦢 \x00", Attach: "{}", Ext: strings.Repeat("x", 5000), FromDevice: "d", FromNick: "n", CardTime: 1,
			PushPayload: "p", PushContent: "q", ForceList: "l", ForceContent: "m", ForcePush: "1", SubType: 3, Env: "e", CallbackExt: "x", IsReply: "1",
			Reply: ref, Thread: ref, Robot: &message.RobotCall{Account: "r", Topic: "t", Function: "f", Custom: "c"},
			Spam: &message.Spam{Enabled: "1", Content: "c", BusinessID: "b", UseYidun: "0", AntiCheating: "a", Ext: "e"}, AckSnapshot: 2, MsgDesc: "d"}}
	empty := &message.Message{App: app, From: "bob", To: "alice", Conv: "p|alice|bob", IDClient: "c2"}
	self := &message.Message{App: app, From: "alice", To: "alice", Conv: "p|alice|alice", IDClient: "c3"}
	team := &message.Message{App: app, Scene: im.SceneTeam, From: "alice", To: "77", Conv: im.TeamKey(77), IDClient: "c4"}
	super := &message.Message{App: app, Scene: im.SceneSuperTeam, From: "alice", To: "78", Conv: im.SuperTeamKey(78), IDClient: "c5"}
	send(t, s, full, empty, self, team, super)
	for conv, want := range map[im.ConvKey][]*message.Message{full.Conv: {full, empty}, self.Conv: {self}, team.Conv: {team}, super.Conv: {super}} {
		if d := cmp.Diff(want, history(t, s, app, conv), same); d != "" {
			t.Errorf("%s: %s", conv, d)
		}
	}
}

// Two nodes append into the same conversations at the same time.
func testTwoStores(t *testing.T, e *env) {
	a, app := e.openApp()
	b := e.open()
	const workers, each = 6, 25
	all := &batch{t: t}
	var wg sync.WaitGroup
	for w := range workers {
		for i, s := range []*sqlstore.Store{a, b} {
			wg.Go(func() {
				for n := range each {
					to := []string{"bob", "carol"}[n%2]
					if err := all.add(s, text(app, "alice", to, (2*w+i)*1000+n), true); err != nil {
						t.Error(err)
					}
					// Both nodes get the same message, as when a client reconnects elsewhere.
					if err := all.add(s, text(app, "dora", "bob", w*1000+n), true); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	fresh := map[string]int{}
	for i, o := range all.wait() {
		if o.err != nil {
			t.Fatalf("append %d: %v", i, o.err)
		}
		if !o.duplicate {
			fresh[o.msg.IDClient]++
		}
	}
	for id, n := range fresh {
		if n != 1 {
			t.Errorf("%s was stored %d times", id, n)
		}
	}
	bob := history(t, a, app, "p|alice|bob")
	checkOrder(t, bob, 2*workers*(each/2+each%2))
	checkOrder(t, history(t, b, app, "p|alice|carol"), 2*workers*(each/2))
	checkOrder(t, history(t, b, app, "p|bob|dora"), workers*each)
	byNode := map[int][]*message.Message{}
	for _, m := range bob {
		byNode[im.IDNode(m.ID)] = append(byNode[im.IDNode(m.ID)], m)
	}
	if len(byNode) != 2 {
		t.Errorf("ids of %d nodes", len(byNode))
	}
	for _, msgs := range byNode {
		checkIDs(t, msgs)
	}
}

// The database drops every connection again and again. What was acknowledged
// is stored exactly once, and the store finds its way back.
func testLostConnections(t *testing.T, e *env) {
	if !e.postgres() {
		t.Skip("SQLite has no connections to lose")
	}
	s, app := e.openApp()
	db := e.raw()
	db.SetMaxOpenConns(1)
	const n = 400
	all := &batch{t: t}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				one := &batch{t: t}
				m := text(app, fmt.Sprintf("w%d", w), "bob", i)
				if err := one.add(s, m, w%2 == 0); err != nil {
					t.Error(err)
					return
				}
				all.mu.Lock()
				if all.outs == nil {
					all.outs = map[int]*outcome{}
				}
				all.outs[all.n] = one.wait()[0]
				all.n++
				all.mu.Unlock()
			}
		})
	}
	stop := make(chan struct{})
	go func() { wg.Wait(); close(stop) }()
	cut := 0
	for tick := time.NewTicker(15 * time.Millisecond); ; {
		select {
		case <-stop:
			tick.Stop()
		case <-tick.C:
			if cut < 20 {
				if _, err := db.ExecContext(e.ctx(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
					t.Error(err)
				}
				cut++
			}
			continue
		}
		break
	}
	stored := map[string]int{}
	for w := range 4 {
		msgs := history(t, s, app, im.P2PKey(fmt.Sprintf("w%d", w), "bob"))
		checkOrder(t, msgs, len(msgs))
		for _, m := range msgs {
			stored[m.IDClient]++
		}
	}
	failed := 0
	for _, o := range all.wait() {
		switch k := stored[o.msg.IDClient]; {
		case o.err == nil && k != 1:
			t.Errorf("%s was acknowledged and is stored %d times", o.msg.IDClient, k)
		case o.err != nil:
			failed++
		}
	}
	t.Logf("%d of %d failed in %d cuts", failed, n, cut)
	if failed > n/20 {
		t.Errorf("%d of %d failed in %d cuts: the store does not reconnect", failed, n, cut)
	}
}

// sampleWatermark watches one conversation while messages are stored into it:
// what may be read up to a watermark never grows.
func sampleWatermark(t *testing.T, s *sqlstore.Store, app string, conv im.ConvKey, done <-chan struct{}) {
	t.Helper()
	type sample struct {
		mark int64
		seen int
	}
	upTo := func(msgs []*message.Message, mark int64) (n int) {
		for _, m := range msgs {
			if m.ID <= mark {
				n++
			}
		}
		return n
	}
	var samples []sample
	for {
		mark := s.Watermark()
		samples = append(samples, sample{mark, upTo(history(t, s, app, conv), mark)})
		select {
		case <-done:
		default:
			continue
		}
		break
	}
	final := history(t, s, app, conv)
	for i, x := range samples {
		if n := upTo(final, x.mark); n != x.seen {
			t.Fatalf("sample %d of %d: %d messages up to watermark %d, later %d", i, len(samples), x.seen, x.mark, n)
		}
	}
}

// checkMarkAtRest says whether all is below the watermark when nothing is under way.
func checkMarkAtRest(t *testing.T, s *sqlstore.Store, msgs []*message.Message) {
	t.Helper()
	if newest := msgs[len(msgs)-1].ID; s.Watermark() < newest {
		t.Errorf("at rest the watermark is %d, the newest message %d", s.Watermark(), newest)
	}
}

func testWatermark(t *testing.T, e *env) {
	s, app := e.openApp(func(c *sqlstore.Config) { c.CommitDelay = 3 * time.Millisecond })
	done := make(chan struct{})
	all := &batch{t: t}
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 30 {
					one := &batch{t: t}
					if err := one.add(s, text(app, "alice", "bob", w*1000+i), true); err != nil {
						t.Error(err)
						return
					}
					one.wait()
					// Other conversations, hence other committers, use ids meanwhile.
					_ = all.add(s, text(app, "alice", fmt.Sprint(w), w*1000+500+i), true)
				}
			})
		}
		wg.Wait()
	}()
	sampleWatermark(t, s, app, "p|alice|bob", done)
	all.wait()
	checkMarkAtRest(t, s, history(t, s, app, "p|alice|bob"))
}

// A batch that is taken apart because of one bad row keeps the promise too.
func testWatermarkBadRow(t *testing.T, e *env) {
	s, app := e.openApp(func(c *sqlstore.Config) { c.CommitDelay = 10 * time.Millisecond })
	release, _ := plug(t, s, app, text(app, "alice", "bob", 0))
	b := &batch{t: t}
	for i := range 30 {
		m := text(app, "alice", "bob", 1+i)
		if i == 2 {
			m.App = "no-such-app"
		}
		if err := b.add(s, m, true); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); b.wait() }()
	release()
	sampleWatermark(t, s, app, "p|alice|bob", done)
	msgs := history(t, s, app, "p|alice|bob")
	checkOrder(t, msgs, 30)
	checkMarkAtRest(t, s, msgs)
}
