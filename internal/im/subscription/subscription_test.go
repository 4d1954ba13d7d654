package subscription

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
)

// memory is a Store for one bubble of time.
type memory struct {
	mu    sync.Mutex
	subs  []Subscription
	pubs  []Published
	reads int
}

func (m *memory) PutSubscriptions(_ context.Context, subs []Subscription, _ int, _ bool, _ int64) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subs = append(m.subs, subs...)
	return nil, nil
}

func (m *memory) DeleteSubscriptions(_ context.Context, app, accid string, publishers []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subs = slices.DeleteFunc(m.subs, func(b Subscription) bool {
		return b.App == app && b.Accid == accid && (len(publishers) == 0 || slices.Contains(publishers, b.Publisher))
	})
	return nil
}

func (m *memory) Subscriptions(_ context.Context, app, accid string, nowMs int64) (out []Subscription, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.subs {
		if b.App == app && b.Accid == accid && b.ExpiresMs > nowMs {
			out = append(out, b)
		}
	}
	return out, nil
}

func (m *memory) PutPublished(_ context.Context, p Published) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pubs = append(m.pubs, p)
	return nil
}

func (m *memory) PublishedBy(_ context.Context, app string, accids []string, nowMs int64) (out []Published, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	for _, p := range m.pubs {
		if p.App == app && slices.Contains(accids, p.Accid) && p.ExpiresMs > nowMs {
			out = append(out, p)
		}
	}
	return out, nil
}

func (m *memory) DropExpired(context.Context, string, int64, int) (int, error) { return 0, nil }

type appStore struct{}

func (appStore) Apps(context.Context) ([]*app.App, error) {
	return []*app.App{{Key: "one", Overrides: map[string]string{"presence_grace": "5"}}, {Key: "two"}}, nil
}
func (appStore) PutApp(context.Context, *app.App) error { return nil }

type noBus struct{}

func (noBus) Publish(...im.Event) {}

// bed is a service of one node in a bubble of time.
type bed struct {
	t     *testing.T
	s     *Service
	dir   *presence.Directory
	store *memory
	mu    sync.Mutex
	told  []string
}

func run(t *testing.T, fn func(*bed)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bed{t: t, store: &memory{}, dir: presence.NewDirectory(0, time.Now)}
		apps := app.New(appStore{}, time.Now)
		if err := apps.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := int64(0)
		b.s = New(Config{Store: b.store, Apps: apps, Directory: b.dir, Bus: noBus{}, Clock: time.Now, NextID: func() int64 { id++; return id },
			Deliver: func(app string, to []string, e *Event) {
				b.mu.Lock()
				defer b.mu.Unlock()
				slices.Sort(to)
				b.told = append(b.told, fmt.Sprintf("%s/%s %s=%d %v %v", app, strings.Join(to, ","), e.Accid, e.Value, e.Online, e.Exts))
			},
			Failed: func(what string, err error) { t.Errorf("%s: %v", what, err) }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); b.s.Run(ctx) }()
		fn(b)
		stop()
		<-done
	})
}

func (b *bed) device(app, accid, conn string, clientType int) *presence.Device {
	return &presence.Device{App: app, Accid: accid, ConnectionID: conn, DeviceID: "d-" + conn[:1], ClientType: clientType, LoginMs: time.Now().UnixMilli()}
}

func (b *bed) up(d *presence.Device) {
	b.dir.Put(d)
	b.s.Observe(im.Event{Kind: im.EventDeviceUp, App: d.App, To: d.Accid, Body: d.Encode()})
}

func (b *bed) down(d *presence.Device, lost bool) {
	b.dir.Remove(d)
	gone := *d
	gone.Lost = lost
	b.s.Observe(im.Event{Kind: im.EventDeviceDown, App: d.App, To: d.Accid, Body: gone.Encode()})
}

// listen logs a subscriber in and returns what it is told at once.
func (b *bed) listen(app, accid, conn string) (got []*Event) {
	d := b.device(app, accid, conn, 16)
	b.dir.Put(d)
	b.s.Listen(d)
	if err := b.s.Online(b.t.Context(), d, func(e []*Event) { got = e }); err != nil {
		b.t.Fatal(err)
	}
	return got
}

func (b *bed) subscribe(app, accid, publisher string, seconds int64) {
	now := time.Now().UnixMilli()
	b.store.subs = append(b.store.subs, Subscription{App: app, Accid: accid, Publisher: publisher, CreatedMs: now, ExpiresMs: now + seconds*1000})
}

func (b *bed) want(want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.told, want) {
		b.t.Errorf("told %q, want %q", b.told, want)
	}
	b.told = nil
}

// A device of an account without subscriptions reads none when it logs in: what
// is subscribed later, on another node too, it hears of all the same.
func TestListenersHearOfLaterSubscriptions(t *testing.T) {
	run(t, func(b *bed) {
		d := b.device("one", "alice", "a1", 16)
		b.dir.Put(d)
		b.s.Listen(d)
		b.subscribe("one", "alice", "bob", 3600)
		b.s.Observe(im.Event{Kind: EventChanged, App: "one", To: "alice"})
		synctest.Wait()
		b.up(b.device("one", "bob", "b1", 1))
		b.want("one/alice bob=1 [1] map[]")
		b.s.Offline(d)
		b.up(b.device("one", "bob", "b2", 1))
		b.want()
	})
}

func TestLostConnectionsHaveGrace(t *testing.T) {
	run(t, func(b *bed) {
		b.subscribe("one", "alice", "bob", 3600)
		b.listen("one", "alice", "a1")
		d := b.device("one", "bob", "b1", 1)
		b.up(d)
		b.want("one/alice bob=1 [1] map[]")
		b.down(d, true)
		time.Sleep(4 * time.Second)
		b.want()
		again := b.device("one", "bob", "b2", 1) // the same device id
		b.up(again)
		time.Sleep(time.Minute)
		b.want("one/alice bob=1 [1] map[]")
		b.down(again, true)
		time.Sleep(5 * time.Second)
		b.want("one/alice bob=3 [] map[]")
		b.up(d)
		b.want("one/alice bob=1 [1] map[]")
		b.down(d, false) // a good-bye needs no grace
		b.want("one/alice bob=2 [] map[]")
	})
}

func TestNobodyListensNothingIsAsked(t *testing.T) {
	run(t, func(b *bed) {
		b.subscribe("one", "alice", "bob", 3600) // alice is not here
		d := b.device("one", "bob", "b1", 1)
		b.up(d)
		b.down(d, true)
		time.Sleep(time.Minute)
		b.want()
		if b.store.reads != 0 {
			t.Errorf("%d questions to the store", b.store.reads)
		}
	})
}

func TestSubscriptionsExpireAndTenantsStayApart(t *testing.T) {
	run(t, func(b *bed) {
		b.subscribe("one", "alice", "bob", 60)
		b.subscribe("one", "carol", "bob", 120)
		b.subscribe("two", "alice", "bob", 3600)
		b.listen("one", "alice", "a1")
		b.listen("one", "carol", "c1")
		b.listen("two", "alice", "x1")
		d := b.device("one", "bob", "b1", 1)
		b.up(d)
		b.want("one/alice,carol bob=1 [1] map[]")
		time.Sleep(60 * time.Second)
		b.down(d, false)
		b.want("one/carol bob=2 [] map[]")
		time.Sleep(60 * time.Second)
		b.up(d)
		b.want()
		if len(b.s.watch.publishers) != 1 {
			t.Errorf("%d publishers are indexed", len(b.s.watch.publishers))
		}
	})
}

func TestIndexFollowsConnectionsAndChanges(t *testing.T) {
	run(t, func(b *bed) {
		b.subscribe("one", "alice", "bob", 3600)
		b.listen("one", "alice", "a1")
		b.listen("one", "alice", "a2")
		b.s.Offline(b.device("one", "alice", "a1", 16))
		bob, carol := b.device("one", "bob", "b1", 1), b.device("one", "carol", "c1", 4)
		b.up(bob)
		b.want("one/alice bob=1 [1] map[]")
		// Another node has changed them.
		b.store.subs = nil
		b.subscribe("one", "alice", "carol", 3600)
		b.s.Observe(im.Event{Kind: EventChanged, App: "one", To: "alice"})
		synctest.Wait()
		b.down(bob, false)
		b.up(carol)
		b.want("one/alice carol=1 [4] map[]")
		b.s.Offline(b.device("one", "alice", "a2", 16))
		b.down(carol, false)
		b.want()
		if len(b.s.watch.publishers)+len(b.s.watch.subscribers) != 0 {
			t.Error("the index keeps what nobody listens to")
		}
	})
}

func TestWhoComesOnlineIsTold(t *testing.T) {
	run(t, func(b *bed) {
		for _, p := range []string{"bob", "carol", "dave"} {
			b.subscribe("one", "alice", p, 3600)
		}
		bob := b.device("one", "bob", "b1", 1)
		b.up(bob)
		b.up(b.device("one", "bob", "p1", 16))
		b.up(b.device("one", "dave", "d1", 4))
		ms := time.Now().UnixMilli()
		b.store.pubs = []Published{
			{App: "one", Accid: "bob", ClientType: 1, Device: "d-b", Value: 10001, Ext: "busy", ExpiresMs: ms + 60_000, Broadcast: BroadcastLater},
			{App: "one", Accid: "bob", ClientType: 16, Device: "another device", Value: 10002, Ext: "old", ExpiresMs: ms + 60_000, Broadcast: BroadcastLater},
			{App: "one", Accid: "dave", ClientType: 4, Device: "d-d", Value: 10003, Ext: "now", ExpiresMs: ms + 60_000, Broadcast: BroadcastOnline},
		}
		var got []string
		for _, e := range b.listen("one", "alice", "a1") {
			got = append(got, fmt.Sprintf("%s=%d %v %v", e.Accid, e.Value, e.Online, e.Exts))
		}
		want := []string{"bob=1 [1 16] map[1:busy]", "bob=10001 [1 16] map[1:busy]", "dave=1 [4] map[4:now]"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		time.Sleep(time.Minute)
		if got := b.listen("one", "alice", "a2"); len(got) != 2 || got[0].Exts != nil {
			t.Errorf("expired values are told: %+v", got[0])
		}
		b.want()
	})
}

// TestRenewalReplacesTheExpiry: also by a shorter one, and a reading of the
// store that began before it does not bring the old one back.
func TestRenewalReplacesTheExpiry(t *testing.T) {
	w := newWatch()
	k, bob := presence.Key{App: "one", Accid: "alice"}, presence.Key{App: "one", Accid: "bob"}
	sub := func(expires int64) []Subscription {
		return []Subscription{{App: "one", Accid: "alice", Publisher: "bob", ExpiresMs: expires}}
	}
	w.online(k, "a1")
	w.begin(k)
	w.add(sub(50))
	w.set(k, sub(100), true)
	if got := w.of(bob, 60); len(got) != 0 {
		t.Errorf("told after the expiry: %v", got)
	}
	w.begin(k)
	w.set(k, sub(200), true)
	if got := w.of(bob, 60); len(got) != 1 {
		t.Errorf("not told: %v", got)
	}
}

func TestQueueHasABound(t *testing.T) {
	q := newQueue()
	for i := range queueLimit + 3 {
		q.put(change{dueMs: int64(i)})
	}
	c, ok, _, lost := q.take(1 << 40)
	if !ok || lost != 3 || c.dueMs != 3 {
		t.Errorf("%v %v lost %d", c.dueMs, ok, lost)
	}
}
