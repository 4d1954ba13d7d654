package presence

import (
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"hongyan/internal/im"
)

const dirShards = 32

// nodeSilence is how long a node may be silent before its devices count as gone.
const nodeSilence = 10 * time.Second

// Directory knows the devices of all nodes. This node's are added and removed
// by the gateway; the others' arrive as events and are dropped when their node
// falls silent. It is eventually consistent: what must not be lost does not
// depend on it.
type Directory struct {
	node   int
	shards [dirShards]dirShard
	rooms  dirRooms

	mu    sync.Mutex // guards nodes
	nodes map[int]time.Time
	clock im.Clock
}

type dirShard struct {
	mu      sync.RWMutex // guards devices
	devices map[Key][]*Device
}

// NewDirectory returns the directory of node number node.
func NewDirectory(node int, clock im.Clock) *Directory {
	d := &Directory{node: node, nodes: map[int]time.Time{}, clock: clock, rooms: dirRooms{in: map[roomKey]map[string]int{}}}
	for i := range d.shards {
		d.shards[i].devices = map[Key][]*Device{}
	}
	return d
}

func (d *Directory) shard(k Key) *dirShard {
	h := uint32(2166136261)
	for i := 0; i < len(k.Accid); i++ {
		h = (h ^ uint32(k.Accid[i])) * 16777619
	}
	return &d.shards[h%dirShards]
}

// Put adds a device, or replaces the entry with its connection id.
func (d *Directory) Put(dev *Device) {
	if dev.Node != d.node {
		d.Alive(dev.Node)
	}
	s := d.shard(dev.Key())
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.devices[dev.Key()]
	next := make([]*Device, 0, len(list)+1)
	for _, o := range list {
		if o.ConnectionID != dev.ConnectionID {
			next = append(next, o)
		} else {
			d.rooms.count(o, -1)
		}
	}
	d.rooms.count(dev, 1)
	s.devices[dev.Key()] = append(next, dev)
}

// knows says whether a device is there.
func (d *Directory) knows(dev *Device) bool {
	s := d.shard(dev.Key())
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, o := range s.devices[dev.Key()] {
		if o.ConnectionID == dev.ConnectionID {
			return true
		}
	}
	return false
}

// Remove drops a device and says whether it was there.
func (d *Directory) Remove(dev *Device) bool {
	s := d.shard(dev.Key())
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.devices[dev.Key()]
	for i, o := range list {
		if o.ConnectionID != dev.ConnectionID {
			continue
		}
		d.rooms.count(o, -1)
		if len(list) == 1 {
			delete(s.devices, dev.Key())
			return true
		}
		next := make([]*Device, 0, len(list)-1)
		s.devices[dev.Key()] = append(append(next, list[:i]...), list[i+1:]...)
		return true
	}
	return false
}

// Devices returns the account's NIM devices, oldest login first. The slice is
// the caller's, the devices are shared.
func (d *Directory) Devices(app, accid string) []*Device { return d.DevicesOf("", app, accid) }

// DevicesOf is Devices of another product.
func (d *Directory) DevicesOf(product, app, accid string) []*Device {
	k := Key{app, accid}
	s := d.shard(k)
	s.mu.RLock()
	out := make([]*Device, 0, len(s.devices[k]))
	for _, dev := range s.devices[k] {
		if dev.Product == product {
			out = append(out, dev)
		}
	}
	s.mu.RUnlock()
	if len(out) > 1 {
		sort.Slice(out, func(i, j int) bool {
			a, b := out[i], out[j]
			return a.LoginMs < b.LoginMs || a.LoginMs == b.LoginMs && a.ConnectionID < b.ConnectionID
		})
	}
	return out
}

// Local returns this node's devices, unordered: what a snapshot sends.
func (d *Directory) Local() []*Device {
	return d.filter(func(dev *Device) bool { return dev.Node == d.node })
}

func (d *Directory) filter(want func(*Device) bool) []*Device {
	var out []*Device
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.RLock()
		for _, list := range s.devices {
			for _, dev := range list {
				if want(dev) {
					out = append(out, dev)
				}
			}
		}
		s.mu.RUnlock()
	}
	return out
}

// Alive notes that another node has spoken and says whether it is new here.
func (d *Directory) Alive(node int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.nodes[node]
	d.nodes[node] = d.clock()
	return !known
}

// alive returns the other nodes that have spoken lately.
func (d *Directory) alive() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.nodes))
}

// DropSilent forgets the devices of nodes that have been silent too long and
// returns them.
func (d *Directory) DropSilent() []*Device {
	now := d.clock()
	gone := map[int]bool{}
	d.mu.Lock()
	for n, at := range d.nodes {
		if now.Sub(at) > nodeSilence {
			gone[n] = true
			delete(d.nodes, n)
		}
	}
	d.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	return d.dropNodes(func(dev *Device) bool { return gone[dev.Node] })
}

// DropNode forgets all devices of one node: it has stopped or started anew.
func (d *Directory) DropNode(node int) []*Device {
	return d.dropNodes(func(dev *Device) bool { return dev.Node == node && node != d.node })
}

func (d *Directory) dropNodes(want func(*Device) bool) []*Device {
	out := d.filter(want)
	for _, dev := range out {
		d.Remove(dev)
	}
	return out
}

// dirRooms counts the connections of accounts in chat rooms.
type dirRooms struct {
	mu sync.RWMutex // guards in; taken inside a shard's
	in map[roomKey]map[string]int
}

type roomKey struct {
	app  string
	room int64
}

func (r *dirRooms) count(dev *Device, n int) {
	if dev.Room == 0 {
		return
	}
	k := roomKey{dev.App, dev.Room}
	r.mu.Lock()
	defer r.mu.Unlock()
	accounts := r.in[k]
	if accounts == nil {
		accounts = map[string]int{}
		r.in[k] = accounts
	}
	if accounts[dev.Accid] += n; accounts[dev.Accid] <= 0 {
		delete(accounts, dev.Accid)
	}
	if len(accounts) == 0 {
		delete(r.in, k)
	}
}

// InRoom returns how many accounts are in a chat room, on all nodes.
func (d *Directory) InRoom(app string, room int64) int {
	d.rooms.mu.RLock()
	defer d.rooms.mu.RUnlock()
	return len(d.rooms.in[roomKey{app, room}])
}
