package bus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im"
)

func startBus(t testing.TB, c Config) (*Bus, chan im.Event) {
	t.Helper()
	got := make(chan im.Event, 100_000)
	b := New(c, func(e im.Event) { got <- e }, func(reason string, _ time.Time) { t.Log("gap:", reason) })
	if err := b.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Stop(context.Background()) })
	return b, got
}

func TestEventsToOneAccountKeepTheirOrder(t *testing.T) {
	b, got := startBus(t, Config{})
	for i := range 1000 {
		b.Publish(im.Event{Kind: im.EventMessage, App: "a", To: "bob.x", Seq: int64(i), ID: 7, Conv: "p|a|b", Origin: "c", Body: []byte("x")})
	}
	for i := range 1000 {
		select {
		case e := <-got:
			want := im.Event{Kind: im.EventMessage, App: "a", To: "bob.x", Seq: int64(i), ID: 7, Conv: "p|a|b", Origin: "c", Body: []byte("x")}
			if d := cmp.Diff(want, e); d != "" {
				t.Fatal(d)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("event %d did not arrive", i)
		}
	}
}

func TestRoutesCarryEventsBetweenNodes(t *testing.T) {
	const secret = "a-test-secret-of-some-length"
	addrs := freeAddrs(t, 2)
	one, two := addrs[0], addrs[1]
	a, _ := startBus(t, Config{Cluster: one, Secret: secret})
	_, got := startBus(t, Config{Cluster: two, Peers: []string{one}, Secret: secret})
	deadline := time.After(20 * time.Second)
	for i := 0; ; i++ {
		a.Publish(im.Event{Kind: im.EventMessage, App: "a", To: "bob", Body: fmt.Append(nil, i)})
		select {
		case <-got:
			return
		case <-deadline:
			t.Fatal("nothing crossed the route")
		case <-time.After(50 * time.Millisecond): // the route is being made: ask again
		}
	}
}

func TestRouteNeedsTheSecret(t *testing.T) {
	if _, err := routeTLS("short"); err == nil {
		t.Fatal("a short secret was accepted")
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add(appendEvent(nil, &im.Event{Kind: 1, App: "a", To: "b", Body: []byte("c")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, rest, err := readEvent(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	bus, got := startBus(b, Config{})
	body := make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		bus.Publish(im.Event{Kind: im.EventMessage, App: "a", To: "bob", Body: body}, im.Event{Kind: im.EventMessage, App: "a", To: "alice", Body: body})
		<-got
		<-got
	}
}
