package storetest

import (
	"slices"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	imapp "hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

func ids(cs []*eventcopy.Copy) (out []int64) {
	for _, c := range cs {
		out = append(out, c.ID)
	}
	return out
}

func testOutbox(t *testing.T, e *env) {
	s, a := e.openApp()
	other := e.putApp(s, "app-two")
	var told []string
	s.SetCopied(func(app string) { told = append(told, app) })
	var cs []*eventcopy.Copy
	for n := range 20 {
		cs = append(cs, &eventcopy.Copy{App: a, Event: eventcopy.Login, Lane: eventcopy.AccountLane("alice"), Env: "blue", Body: []byte{'{', byte('a' + n), '}'}})
	}
	cs = append(cs, nil, &eventcopy.Copy{App: other, Event: eventcopy.Logout, Body: []byte("{}")})
	cs = slices.DeleteFunc(cs, func(c *eventcopy.Copy) bool { return c == nil })
	if err := s.PutCopies(e.ctx(), cs); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []string{a, other}) {
		t.Errorf("told of %v", told)
	}
	got, err := s.Copies(e.ctx(), a, 0, 100)
	if err != nil || len(got) != 20 || !slices.IsSorted(ids(got)) {
		t.Fatalf("%v, %v", ids(got), err)
	}
	if c := got[1]; c.Event != eventcopy.Login || c.Lane != "account:alice" || c.Env != "blue" || string(c.Body) != "{b}" || c.App != a {
		t.Errorf("%+v", c)
	}
	if page, err := s.Copies(e.ctx(), a, got[4].ID, 3); err != nil || !slices.Equal(ids(page), ids(got[5:8])) {
		t.Errorf("page %v, %v", ids(page), err)
	}
	if n, oldest, err := s.CountCopies(e.ctx(), a, 7); err != nil || n != 7 || oldest != got[0].ID {
		t.Errorf("count %d, oldest %d, %v", n, oldest, err)
	}
	f := eventcopy.Finished{Sent: append([]int64{12345}, ids(got[:15])...)}
	f.Failed = []*eventcopy.Copy{{ID: got[15].ID, Attempts: 2, DueMs: 77}}
	f.Dead = []*eventcopy.Dead{{Copy: *got[16], DiedMs: 9, Cause: "HTTP status 500"}, {Copy: *got[17], DiedMs: 9}}
	for range 2 { // recorded twice: the answer to the first was lost
		if err := s.FinishCopies(e.ctx(), a, f); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := s.Copies(e.ctx(), a, 0, 100)
	if err != nil || len(rest) != 3 || rest[0].Attempts != 2 || rest[0].DueMs != 77 || rest[1].Attempts != 0 {
		t.Fatalf("rest %+v, %v", ids(rest), err)
	}
	dead, err := s.DeadCopies(e.ctx(), a, 0, 10)
	if err != nil || len(dead) != 2 || dead[0].ID != got[16].ID || dead[0].Cause != "HTTP status 500" || string(dead[0].Body) != string(got[16].Body) {
		t.Fatalf("dead %+v, %v", dead, err)
	}
	if n, err := s.ReplayCopies(e.ctx(), other, []int64{dead[0].ID}); err != nil || n != 0 {
		t.Errorf("replayed for another app: %d, %v", n, err)
	}
	if n, err := s.ReplayCopies(e.ctx(), a, []int64{dead[0].ID, 4711}); err != nil || n != 1 {
		t.Errorf("replayed %d, %v", n, err)
	}
	if again, err := s.Copies(e.ctx(), a, 0, 100); err != nil || !slices.Equal(ids(again), []int64{got[15].ID, got[16].ID, got[18].ID, got[19].ID}) {
		t.Errorf("after replay %v, %v", ids(again), err)
	}
	if n, err := s.ForgetDead(e.ctx(), a, im.FirstIDAt(time.Now().Add(time.Hour).UnixMilli()), 10); err != nil || n != 1 {
		t.Errorf("forgot %d, %v", n, err)
	}
	if got, err := s.Copies(e.ctx(), other, 0, 10); err != nil || len(got) != 1 {
		t.Errorf("the other app has %d, %v", len(got), err)
	}
}

// testOutboxMessages: the copy of a message is there when and only when the
// message is.
func testOutboxMessages(t *testing.T, e *env) {
	s, _ := e.openApp()
	set, err := imapp.ParseSettings(map[string]string{"copy_url": "http://receiver.example/", "copy_events": "1"})
	if err != nil {
		t.Fatal(err)
	}
	a := &imapp.App{Key: "copying", Secret: "secret of copying", Settings: set, CreatedMs: 1}
	if err := s.PutApp(e.ctx(), a); err != nil {
		t.Fatal(err)
	}
	var sent []int64
	for n := range 40 {
		m := text(a.Key, "alice", "bob", n/2) // every second one repeats its client id
		if n%10 == 9 {
			m.Flags |= message.NoRoute
		}
		m.WantCopy(a, message.Peer{IP: "192.0.2.1", Port: "5"})
		done := make(chan bool, 1)
		if err := s.Append(&message.Pending{Msg: m, Idempotent: true, Done: func(dup bool, err error) {
			if err != nil {
				t.Error(err)
			}
			done <- dup
		}}); err != nil {
			t.Fatal(err)
		}
		if !<-done {
			sent = append(sent, m.ID)
		}
	}
	got, err := s.Copies(e.ctx(), a.Key, 0, 100)
	if err != nil || !slices.Equal(ids(got), sent) || len(sent) != 20 {
		t.Errorf("copies %v of messages %v, %v", ids(got), sent, err)
	}
}

// testOutboxLogins: the copy of a login is stored with its record, once.
func testOutboxLogins(t *testing.T, e *env) {
	s, a := e.openApp()
	r := account.LoginRecord{App: a, Accid: "alice", ID: s.IDs().Next(), TimeMs: 5, Event: 2, Copy: &eventcopy.Copy{App: a, Event: eventcopy.Login, Lane: "account:alice", Body: []byte("{}")}}
	for range 2 {
		if err := s.AddLoginRecords(e.ctx(), []account.LoginRecord{r, {App: a, Accid: "bob", ID: r.ID + 1, TimeMs: 5, Event: 2}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Copies(e.ctx(), a, 0, 10); err != nil || !slices.Equal(ids(got), []int64{r.ID}) {
		t.Errorf("copies %v, %v", ids(got), err)
	}
}

func testOutboxLease(t *testing.T, e *env) {
	s := e.open()
	one, err := s.LeaseShards(e.ctx(), "one", 60_000)
	if err != nil || len(one) != eventcopy.Shards {
		t.Fatalf("alone: %v, %v", one, err)
	}
	if two, err := s.LeaseShards(e.ctx(), "two", 60_000); err != nil || len(two) != 0 {
		t.Fatalf("everything is taken: %v, %v", two, err)
	}
	second := e.open(func(c *sqlstore.Config) { c.Metrics = nil }) // a second serving process: shares are halves now
	one, err = s.LeaseShards(e.ctx(), "one", 60_000)
	if err != nil || len(one) != eventcopy.Shards/2 {
		t.Fatalf("half: %v, %v", one, err)
	}
	two, err := second.LeaseShards(e.ctx(), "two", 60_000)
	if err != nil || len(two) != eventcopy.Shards/2 || slices.ContainsFunc(two, func(n int) bool { return slices.Contains(one, n) }) {
		t.Fatalf("%v and %v, %v", one, two, err)
	}
	if err := second.ReleaseShards(e.ctx(), "two"); err != nil {
		t.Fatal(err)
	}
	if _, err := second.LeaseShards(e.ctx(), "short", 1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // the lease runs out
	if three, err := s.LeaseShards(e.ctx(), "three", 60_000); err != nil || len(three) != eventcopy.Shards/2 {
		t.Errorf("after expiry: %v, %v", three, err)
	}
}
