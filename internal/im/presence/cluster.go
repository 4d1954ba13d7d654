package presence

import (
	"context"
	"encoding/json"
	"time"

	"hongyan/internal/im"
)

const (
	nodeBeat      = 2 * time.Second
	snapshotChunk = 500 // devices in one event
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
}

// NewCluster returns the keeper of dir. many says whether there can be other
// nodes at all; gone is told of devices that vanished with their node.
func NewCluster(dir *Directory, bus im.Publisher, clock im.Clock, many bool, gone func(*Device)) *Cluster {
	return &Cluster{dir: dir, bus: bus, clock: clock, many: many, gone: gone, came: func(*Device) {}}
}

// OnCame names who is told of devices that became known with their node, and
// not by an event of their own.
func (c *Cluster) OnCame(f func(*Device)) { c.came = f }

// nodeState is the body of an im.EventNodeState.
type nodeState struct {
	Node    int       `json:"node"`
	Hello   bool      `json:"hello,omitempty"` // just started: its old devices are gone, send yours
	Bye     bool      `json:"bye,omitempty"`
	Devices []*Device `json:"devices,omitempty"`
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
		known := c.dir.knows(d)
		if c.dir.Put(d); !known {
			c.came(d)
		}
	}
	if n.Hello || fresh {
		c.snapshot()
	}
}

func (c *Cluster) snapshot() {
	local := c.dir.Local()
	for len(local) > 0 {
		n := min(len(local), snapshotChunk)
		c.say(nodeState{Node: c.dir.node, Devices: local[:n]})
		local = local[n:]
	}
}

func (c *Cluster) say(n nodeState) {
	b, _ := json.Marshal(n) // strings and numbers only: cannot fail
	c.bus.Publish(im.Event{Kind: im.EventNodeState, Body: b})
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
		for _, d := range c.dir.DropSilent() {
			c.gone(d)
		}
	}
}
