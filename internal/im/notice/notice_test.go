package notice_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/notice"
	"hongyan/internal/infra/sqlstore"
)

type world struct {
	*testing.T
	app   *app.App
	store *sqlstore.Store
	clock *hytest.Clock
	bus   *hytest.Bus
	s     *notice.Service
}

func newWorld(t *testing.T, overrides ...string) *world {
	w := &world{T: t, clock: hytest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), bus: &hytest.Bus{}}
	w.store = hytest.Store(t, func(c *sqlstore.Config) { c.Clock = w.clock.Now })
	w.app = hytest.App(t, w.store, overrides...)
	w.s = notice.New(w.store, w.store.IDs(), w.bus, w.clock.Now)
	return w
}

func (w *world) send(ns ...*notice.Notice) {
	w.Helper()
	for _, n := range ns {
		n.App = w.app.Key
	}
	if err := w.s.Send(hytest.Context(w), ns...); err != nil {
		w.Fatal(err)
	}
}

func (w *world) pending(accid string) map[notice.Class][]*notice.Notice {
	w.Helper()
	got, err := w.s.Pending(hytest.Context(w), w.app, accid)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

func attaches(ns []*notice.Notice) (out []string) {
	for _, n := range ns {
		out = append(out, n.Attach)
	}
	return out
}

func TestSendPublishesAndKeeps(t *testing.T) {
	w := newWorld(t)
	plain := &notice.Notice{Receiver: "bob", Type: notice.FriendRequest, From: "alice", Content: "hi", Attach: `{"vt":2}`, Origin: "conn"}
	w.send(plain,
		&notice.Notice{Receiver: "bob", Type: notice.SuperTeamInvite, From: "alice", To: "77", Attach: "s"},
		&notice.Notice{Receiver: "bob", Type: notice.CustomP2P, From: "alice", Attach: "online", Flags: notice.NoOffline},
		&notice.Notice{Receiver: "bob", Type: notice.RecallP2P, From: "alice", Attach: "r"})
	got := w.pending("bob")
	if !reflect.DeepEqual(attaches(got[notice.Plain]), []string{`{"vt":2}`}) || len(got[notice.SuperTeam]) != 1 || len(got[notice.Recall]) != 1 {
		t.Errorf("what waits: %v", got)
	}
	events := w.bus.Events()
	if len(events) != 4 {
		t.Fatalf("%d events", len(events))
	}
	for i, ev := range events {
		n, err := notice.Decode(ev)
		if err != nil || n.ID == 0 || n.Time == 0 || n.Time > w.clock.NowMs() || n.Receiver != "bob" || n.App != w.app.Key {
			t.Errorf("event %d: %+v, %v", i, n, err)
		}
	}
	first, _ := notice.Decode(events[0])
	want := *plain
	want.Origin = "" // the event carries it
	if !reflect.DeepEqual(first, &want) || events[0].Origin != "conn" || first.Target() != "bob" {
		t.Errorf("event %+v is not the notice %+v", first, plain)
	}
}

func TestAcknowledged(t *testing.T) {
	w := newWorld(t)
	a := &notice.Notice{Receiver: "bob", Type: notice.CustomP2P, Attach: "a"}
	b := &notice.Notice{Receiver: "bob", Type: notice.CustomP2P, Attach: "b"}
	w.send(a, b)
	w.s.Acknowledge(w.app.Key, "carol", []int64{a.ID, b.ID})
	w.s.Acknowledge(w.app.Key, "bob", []int64{a.ID, 1, 2})
	if got := attaches(w.pending("carol")[notice.Plain]); got != nil {
		t.Errorf("of nobody: %v", got)
	}
	if got := attaches(w.pending("bob")[notice.Plain]); !reflect.DeepEqual(got, []string{"b"}) {
		t.Errorf("what is not acknowledged: %v", got)
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t, "notice_offline_days", "2", "notice_offline_max", "3")
	for i := range 2 {
		w.send(&notice.Notice{Receiver: "bob", Type: notice.CustomP2P, Attach: fmt.Sprint("old", i)})
	}
	w.clock.Advance(49 * time.Hour)
	if got := w.pending("bob"); len(got) != 0 {
		t.Errorf("too old: %v", attaches(got[notice.Plain]))
	}
	for i := range 5 {
		w.send(&notice.Notice{Receiver: "bob", Type: notice.CustomP2P, Attach: fmt.Sprint(i)})
	}
	for range 2 {
		if got := attaches(w.pending("bob")[notice.Plain]); !reflect.DeepEqual(got, []string{"4", "3", "2"}) {
			t.Errorf("newest three: %v", got)
		}
	}
	if list, _ := w.store.Notices(hytest.Context(t), w.app.Key, "bob", 0, 100); len(list) != 3 {
		t.Errorf("%d rows are kept", len(list))
	}
}

// failing is a store whose deletions fail at will.
type failing struct {
	notice.Store
	err error
}

func (f *failing) DeleteNotices(ctx context.Context, keys []notice.Key) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.DeleteNotices(ctx, keys)
}

func TestAcknowledgementsSurviveAFailure(t *testing.T) {
	w := newWorld(t)
	f := &failing{Store: w.store, err: errors.New("disk full")}
	w.s = notice.New(f, w.store.IDs(), w.bus, w.clock.Now)
	n := &notice.Notice{Receiver: "bob", Type: notice.CustomP2P, Attach: "a"}
	w.send(n)
	w.s.Acknowledge(w.app.Key, "bob", []int64{n.ID})
	if err := w.s.Acks().Flush(hytest.Context(t)); !errors.Is(err, f.err) {
		t.Fatal(err)
	}
	f.err = nil
	ctx, cancel := context.WithCancel(hytest.Context(t))
	cancel()
	w.s.Acks().Run(ctx) // writes once more when it ends
	if list, _ := w.store.Notices(hytest.Context(t), w.app.Key, "bob", 0, 10); len(list) != 0 {
		t.Error("the acknowledgement was lost")
	}
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		types []notice.Type
		want  notice.Class
	}{
		{[]notice.Type{0, 1, 2, 3, 5, 6, 100, 101}, notice.Plain},
		{[]notice.Type{15, 16, 17, 18, 103}, notice.SuperTeam},
		{[]notice.Type{7, 8, 12, 13, 14}, notice.Recall},
	} {
		for _, typ := range c.types {
			if typ.Class() != c.want {
				t.Errorf("type %d has class %d", typ, typ.Class())
			}
		}
	}
}

func TestDecodeRefusesNonsense(t *testing.T) {
	for _, body := range []string{"", "{", `{"b":7}`} {
		if _, err := notice.Decode(im.Event{Body: []byte(body)}); err == nil {
			t.Errorf("%q is taken", body)
		}
	}
}
