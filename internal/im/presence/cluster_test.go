package presence

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hongyan/internal/im"
)

// wire carries events to every node and can be broken between them.
type wire struct {
	mu     sync.Mutex
	nodes  []*node
	broken bool
}

type node struct {
	w    *wire
	no   int
	dir  *Directory
	c    *Cluster
	gone []string
	in   chan im.Event
}

// cut breaks the wire, or mends it.
func (w *wire) cut(broken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = broken
}

func (n *node) Publish(events ...im.Event) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	for _, o := range n.w.nodes {
		if o != n && n.w.broken {
			continue
		}
		for _, ev := range events {
			o.in <- ev
		}
	}
}

func (n *node) up(accid, conn string) {
	d := &Device{App: "a", Accid: accid, ConnectionID: conn, Node: n.no, LoginMs: time.Now().UnixMilli()}
	n.dir.Put(d)
	n.Publish(im.Event{Kind: im.EventDeviceUp, App: "a", To: accid, Body: d.Encode()})
}

func (n *node) down(accid, conn string) {
	for _, d := range n.dir.Devices("a", accid) {
		if d.ConnectionID == conn && n.dir.Remove(d) {
			n.Publish(im.Event{Kind: im.EventDeviceDown, App: "a", To: accid, Body: d.Encode()})
		}
	}
}

func (n *node) conns(accid string) (out []string) {
	for _, d := range n.dir.Devices("a", accid) {
		out = append(out, d.ConnectionID)
	}
	slices.Sort(out)
	return out
}

// twoNodes runs fn with two nodes that know each other.
func twoNodes(t *testing.T, fn func(w *wire, a, b *node)) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		var wg sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		for no := range 2 {
			n := &node{w: w, no: no, dir: NewDirectory(no, time.Now), in: make(chan im.Event, 1000)}
			n.c = NewCluster(n.dir, n, time.Now, true, func(d *Device) { n.gone = append(n.gone, d.ConnectionID) })
			w.nodes = append(w.nodes, n)
		}
		for _, n := range w.nodes {
			wg.Go(func() {
				for ev := range n.in {
					n.c.Observe(ev)
				}
			})
		}
		var runs sync.WaitGroup
		for _, n := range w.nodes {
			runs.Go(func() { n.c.Run(ctx) })
		}
		synctest.Wait()
		fn(w, w.nodes[0], w.nodes[1])
		stop()
		runs.Wait()
		for _, n := range w.nodes {
			close(n.in)
		}
		wg.Wait()
	})
}

func TestAfterAGapTheDirectoriesAgree(t *testing.T) {
	twoNodes(t, func(w *wire, a, b *node) {
		a.up("stays", "s1")
		a.up("goes", "g1")
		for i := range snapshotChunk + 10 { // more than one part
			a.up(fmt.Sprint("many", i), fmt.Sprint("m", i))
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		w.cut(true)
		a.up("comes", "c1")
		a.down("goes", "g1")
		a.up("short", "x1")
		a.down("short", "x1")
		time.Sleep(3 * time.Second) // shorter than a silence
		w.cut(false)
		if got := b.conns("goes"); !slices.Equal(got, []string{"g1"}) {
			t.Fatalf("%v: nothing is shown", got)
		}
		b.c.Gap()
		time.Sleep(askAfter + 2*nodeBeat)
		for _, tc := range []struct {
			accid string
			want  []string
		}{{"stays", []string{"s1"}}, {"goes", nil}, {"comes", []string{"c1"}}, {"short", nil}, {"many3", []string{"m3"}}, {"many505", []string{"m505"}}} {
			if got := b.conns(tc.accid); !slices.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", tc.accid, got, tc.want)
			}
		}
		synctest.Wait()
		if !slices.Equal(b.gone, []string{"g1"}) {
			t.Errorf("told of %v, want g1 alone", b.gone)
		}
		if len(b.c.asked) > 0 {
			t.Error("still asks")
		}
	})
}

// What is asked while the route is broken again is asked until it is answered.
func TestAGapIsAskedAboutUntilAnswered(t *testing.T) {
	twoNodes(t, func(w *wire, a, b *node) {
		a.up("goes", "g1")
		synctest.Wait()
		time.Sleep(time.Minute)
		w.cut(true)
		a.down("goes", "g1")
		b.c.Gap()
		time.Sleep(askAfter + nodeBeat)
		w.cut(false)
		time.Sleep(2 * nodeBeat)
		if got := b.conns("goes"); got != nil {
			t.Errorf("%v", got)
		}
	})
}

// A connection that ends while a snapshot is under way does not come back.
func TestASnapshotBringsNobodyBack(t *testing.T) {
	twoNodes(t, func(w *wire, a, b *node) {
		a.up("goes", "g1")
		synctest.Wait()
		d := a.dir.Devices("a", "goes")[0]
		old := time.Now().UnixMilli()
		a.down("goes", "g1")
		synctest.Wait()
		b.c.state(nodeState{Node: a.no, Devices: []*Device{d}, TakenMs: old, First: true, Last: true})
		if got := b.conns("goes"); got != nil {
			t.Errorf("%v", got)
		}
	})
}
