package bus

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
)

func TestMarksTellOfMissingFrames(t *testing.T) {
	const beat, count = false, true
	for _, tc := range []struct {
		name   string
		frames []bool // of one process, in order: whether they count
		lost   []int  // those that do not arrive
		want   []int  // those with which the loss is noticed
	}{
		{name: "all arrive", frames: []bool{beat, count, count, beat, count}},
		{name: "one is lost", frames: []bool{count, count, count}, lost: []int{1}, want: []int{2}},
		{name: "the first is lost", frames: []bool{count, count}, lost: []int{0}, want: []int{1}},
		{name: "the last is lost, a heartbeat tells", frames: []bool{count, count, beat, beat}, lost: []int{1}, want: []int{2}},
		{name: "lost heartbeats are nothing", frames: []bool{beat, beat, count, beat, count}, lost: []int{0, 1, 3}},
		{name: "several breaks", frames: []bool{count, count, count, count, beat}, lost: []int{1, 3}, want: []int{2, 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, other := newMarker(), newMarker()
			now := time.UnixMilli(1_000_000)
			s, heard := senders{begun: now}, now
			read := func(frame []byte) bool {
				e, rest, err := readEvent(frame)
				if err != nil || len(rest) > 0 || e.Kind != kindMark {
					t.Fatalf("%+v, %d bytes more, %v", e, len(rest), err)
				}
				now = now.Add(time.Second)
				since, missed := s.missed(e, now)
				if missed && e.ID == m.id && !since.Equal(heard) {
					t.Errorf("all arrived until %v, want %v", since, heard)
				}
				if e.ID == m.id {
					heard = now
				}
				return missed
			}
			has := func(list []int, i int) bool {
				for _, n := range list {
					if n == i {
						return true
					}
				}
				return false
			}
			for i, counts := range tc.frames {
				frame := m.mark(nil, counts)
				if read(other.mark(nil, true)) {
					t.Errorf("before frame %d: the other process lost nothing", i)
				}
				if has(tc.lost, i) {
					continue
				}
				if got, want := read(frame), has(tc.want, i); got != want {
					t.Errorf("frame %d: missed = %v, want %v", i, got, want)
				}
			}
		})
	}
}

func TestSendersAreBounded(t *testing.T) {
	var s senders
	now := time.UnixMilli(1_000_000)
	for i := range int64(3 * maxSenders) {
		now = now.Add(time.Second)
		s.missed(im.Event{ID: i + 1, Seq: 2}, now)
		s.missed(im.Event{ID: 1, Seq: 2}, now) // heard of all the while
	}
	if len(s.last) > maxSenders {
		t.Errorf("%d are followed", len(s.last))
	}
	if _, missed := s.missed(im.Event{ID: 1, Seq: 2}, now); missed {
		t.Error("one that is heard of all the while was forgotten")
	}
}

// A NATS server takes frames of a size of its own choice. What is larger must not
// look like lost events.
func TestEventsLargerThanNATSTakes(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true}) // 1 MiB by default
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(hytest.Patience) {
		t.Fatal("no NATS")
	}
	got := make(chan im.Event, 10)
	b := New(Config{URL: srv.ClientURL()}, func(e im.Event) { got <- e }, func(reason string, _ time.Time) { t.Errorf("a gap: %s", reason) })
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	body := func(kib int) []byte { return bytes.Repeat([]byte("x"), kib<<10) }
	b.Publish(
		im.Event{Kind: im.EventMessage, App: "k", To: "alice", Seq: 1, Body: body(500)},
		im.Event{Kind: im.EventMessage, App: "k", To: "alice", Seq: 2, Body: body(900)},
		im.Event{Kind: im.EventMessage, App: "k", To: "alice", Seq: 3, Body: body(2000)},
		im.Event{Kind: im.EventCard, App: "k", To: "alice", Seq: 4, Body: body(2000)},
		im.Event{Kind: im.EventMessage, App: "k", To: "alice", Seq: 5, Body: body(1)},
	)
	for _, want := range []struct {
		seq int64
		kib int
	}{{1, 500}, {2, 900}, {3, 0}, {5, 1}} {
		select {
		case e := <-got:
			if e.Seq != want.seq || len(e.Body) != want.kib<<10 {
				t.Errorf("event %d of %d KiB, want %d of %d", e.Seq, len(e.Body)>>10, want.seq, want.kib)
			}
		case <-time.After(hytest.Patience):
			t.Fatalf("event %d does not arrive", want.seq)
		}
	}
}
