package presence

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"hongyan/internal/im"
)

const (
	nodeBeat      = 2 * time.Second
	snapshotChunk = 500 // devices in one event
	// settle is how much older than a snapshot a device must be that is gone
	// because the snapshot does not name it: the news of a younger one and the
	// snapshot may pass each other. After a gap the others are asked a little
	// later, when all that it hid is old enough.
	settle   = 5 * time.Second
	askAfter = settle + time.Second
	// maxLeft bounds the connections that are remembered as ended.
	maxLeft = 50_000
)

// Cluster keeps the directory in step with the other nodes: devices are
// announced when they come and go, a node that is new asks the others for
// theirs, and one that falls silent is forgotten.
type Cluster struct {
	dir   *Directory
	bus   im.Publisher
	clock im.Clock
	many  bool
	gone  func(*Device)
	came  func(*Device)

	mu     sync.Mutex       // guards the rest
	askAt  time.Time        // when the others are to be asked for their devices; zero = not
	asked  map[int]struct{} // nodes whose answer is awaited
	taking map[int]*taking  // by node: the snapshot that is arriving
	// left are connections that ended a moment ago: a snapshot of before must not
	// bring them back.
	left map[string]time.Time
}

// taking is a snapshot of which some parts have come.
type taking struct {
	takenMs int64
	conns   map[string]struct{}
}

// NewCluster returns the keeper of dir. many says whether there can be other
// nodes at all; gone is told of devices that vanished with their node.
func NewCluster(dir *Directory, bus im.Publisher, clock im.Clock, many bool, gone func(*Device)) *Cluster {
	return &Cluster{dir: dir, bus: bus, clock: clock, many: many, gone: gone, came: func(*Device) {},
		asked: map[int]struct{}{}, taking: map[int]*taking{}, left: map[string]time.Time{}}
}

// OnCame names who is told of devices that became known with their node, and
// not by an event of their own.
func (c *Cluster) OnCame(f func(*Device)) { c.came = f }

// nodeState is the body of an im.EventNodeState.
type nodeState struct {
	Node    int       `json:"node"`
	Hello   bool      `json:"hello,omitempty"` // just started: its old devices are gone, send yours
	Bye     bool      `json:"bye,omitempty"`
	Ask     bool      `json:"ask,omitempty"` // may have missed something: send yours
	Devices []*Device `json:"devices,omitempty"`
	// A snapshot comes in parts, in order. Older releases do not say so.
	TakenMs int64 `json:"taken,omitempty"` // before the devices were read, ms
	First   bool  `json:"first,omitempty"`
	Last    bool  `json:"last,omitempty"`
}

// Gap tells that events may have been lost: the others are asked for their
// devices until they have answered.
func (c *Cluster) Gap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.askAt.IsZero() {
		c.askAt = c.clock().Add(askAfter)
	}
}

// Observe follows an event; it returns false for events about devices that
// nobody else needs to see.
func (c *Cluster) Observe(ev im.Event) bool {
	switch ev.Kind {
	case im.EventDeviceUp, im.EventDeviceDown:
		d, err := DecodeDevice(ev.Body)
		if err != nil {
			return false
		}
		if d.Node != c.dir.node {
			if ev.Kind == im.EventDeviceUp {
				c.dir.Put(d)
			} else {
				c.leave(d.ConnectionID)
				c.dir.Remove(d)
			}
		}
		return true
	case im.EventNodeState:
		var n nodeState
		if json.Unmarshal(ev.Body, &n) == nil && n.Node != c.dir.node {
			c.state(n)
		}
		return false
	}
	return true
}

func (c *Cluster) state(n nodeState) {
	if n.Hello || n.Bye {
		for _, d := range c.dir.DropNode(n.Node) {
			c.gone(d)
		}
	}
	if n.Bye {
		return
	}
	fresh := c.dir.Alive(n.Node)
	for _, d := range n.Devices {
		if c.hasLeft(d.ConnectionID) {
			continue
		}
		known := c.dir.knows(d)
		if c.dir.Put(d); !known {
			c.came(d)
		}
	}
	if n.TakenMs > 0 {
		c.part(n)
	}
	if n.Hello || n.Ask || fresh {
		c.snapshot()
	}
}

func (c *Cluster) leave(conn string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.left) < maxLeft {
		c.left[conn] = c.clock()
	}
}

func (c *Cluster) hasLeft(conn string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.left[conn]
	return ok
}

// part follows a snapshot; with its last part, devices of the node that it does
// not name are gone.
func (c *Cluster) part(n nodeState) {
	c.mu.Lock()
	if n.First {
		c.taking[n.Node] = &taking{takenMs: n.TakenMs, conns: map[string]struct{}{}}
	}
	t := c.taking[n.Node]
	whole := t != nil && t.takenMs == n.TakenMs // otherwise the beginning was lost
	if whole {
		for _, d := range n.Devices {
			t.conns[d.ConnectionID] = struct{}{}
		}
	}
	if n.Last {
		delete(c.taking, n.Node)
		if whole {
			delete(c.asked, n.Node)
		}
	}
	c.mu.Unlock()
	if !n.Last || !whole {
		return
	}
	for _, d := range c.dir.dropNodes(func(d *Device) bool {
		_, named := t.conns[d.ConnectionID]
		return d.Node == n.Node && !named && d.LoginMs < n.TakenMs-settle.Milliseconds()
	}) {
		c.gone(d)
	}
}

func (c *Cluster) snapshot() {
	taken := c.clock.NowMs()
	local := c.dir.Local()
	for first := true; first || len(local) > 0; first = false {
		n := min(len(local), snapshotChunk)
		c.say(nodeState{Node: c.dir.node, Devices: local[:n], TakenMs: taken, First: first, Last: n == len(local)})
		local = local[n:]
	}
}

// ask asks the others for their devices, if it is time, and forgets what need
// not be known any more.
func (c *Cluster) ask() {
	alive := c.dir.alive()
	c.mu.Lock()
	if !c.askAt.IsZero() && !c.clock().Before(c.askAt) {
		c.askAt = time.Time{}
		for _, n := range alive {
			c.asked[n] = struct{}{}
		}
	}
	maps.DeleteFunc(c.left, func(_ string, at time.Time) bool { return c.clock().Sub(at) > nodeSilence })
	for n := range c.asked { // those that are gone answer nothing
		if !slices.Contains(alive, n) {
			delete(c.asked, n)
			delete(c.taking, n)
		}
	}
	waits := len(c.asked) > 0
	c.mu.Unlock()
	if waits {
		c.say(nodeState{Node: c.dir.node, Ask: true})
	}
}

func (c *Cluster) say(n nodeState) {
	b, _ := json.Marshal(n) // strings and numbers only: cannot fail
	// Devices are missed when they are lost, the rest is said again.
	c.bus.Publish(im.Event{Kind: im.EventNodeState, Body: b, Again: len(n.Devices) == 0})
}

// Run announces this node until ctx ends.
func (c *Cluster) Run(ctx context.Context) {
	if !c.many {
		<-ctx.Done()
		return
	}
	c.say(nodeState{Node: c.dir.node, Hello: true})
	t := time.NewTicker(nodeBeat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			c.say(nodeState{Node: c.dir.node, Bye: true})
			return
		case <-t.C:
		}
		c.say(nodeState{Node: c.dir.node})
		c.ask()
		for _, d := range c.dir.DropSilent() {
			c.gone(d)
		}
	}
}
