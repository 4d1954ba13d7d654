package gateway

import (
	"context"
	"sync"

	"hongyan/internal/im"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/team"
)

const roomShards = 64

// rooms finds the sessions of a conversation with many members, so that a
// message to it is one event on the bus and costs nothing per absent member.
type rooms struct {
	shards [roomShards]roomShard
}

type roomShard struct {
	mu    sync.RWMutex // guards rooms
	rooms map[roomKey][]*Session
}

type roomKey struct {
	app  string
	conv im.ConvKey
}

func newRooms() *rooms {
	r := &rooms{}
	for i := range r.shards {
		r.shards[i].rooms = map[roomKey][]*Session{}
	}
	return r
}

func (r *rooms) shard(k roomKey) *roomShard {
	x := uint32(2166136261)
	for i := 0; i < len(k.conv); i++ {
		x = (x ^ uint32(k.conv[i])) * 16777619
	}
	return &r.shards[x%roomShards]
}

func (r *rooms) add(k roomKey, s *Session) {
	sh := r.shard(k)
	sh.mu.Lock()
	sh.rooms[k] = append(sh.rooms[k], s)
	sh.mu.Unlock()
}

func (r *rooms) remove(k roomKey, s *Session) {
	sh := r.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := sh.rooms[k]
	for i, o := range list {
		if o == s {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(sh.rooms, k)
		return
	}
	sh.rooms[k] = list
}

// of returns a copy of the room's sessions.
func (r *rooms) of(app string, conv im.ConvKey) []*Session {
	k := roomKey{app, conv}
	sh := r.shard(k)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return append([]*Session(nil), sh.rooms[k]...)
}

// What a session's rooms are.
const (
	roomsUnknown = iota // before the first sync
	roomsLoading        // being read from the store; changes wait
	roomsKnown
	roomsGone // the login has ended
)

// sessionRooms are the rooms a session is in.
type sessionRooms struct {
	mu      sync.Mutex // guards the rest
	state   uint8
	convs   []im.ConvKey
	waiting []roomChange
}

type roomChange struct {
	conv im.ConvKey
	in   bool
}

// EnterRooms puts s into the rooms that load names, once in its life; events
// keep them right afterwards. It is called before a sync reads, so that what the
// sync does not find comes live.
func (s *Session) EnterRooms(ctx context.Context, load func(context.Context) ([]im.ConvKey, error)) error {
	r := &s.rooms
	r.mu.Lock()
	if r.state != roomsUnknown {
		r.mu.Unlock()
		return nil
	}
	r.state = roomsLoading
	r.mu.Unlock()
	// What changes from now on waits; what changed before is what load finds.
	convs, err := load(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiting
	r.waiting = nil
	if r.state != roomsLoading {
		return err
	}
	if err != nil {
		r.state = roomsUnknown
		return err
	}
	r.state = roomsKnown
	for _, c := range convs {
		s.setRoom(c, true)
	}
	for _, c := range waiting {
		s.setRoom(c.conv, c.in)
	}
	return nil
}

// setRoom moves s in or out; rooms.mu is held and the rooms are known.
func (s *Session) setRoom(conv im.ConvKey, in bool) {
	r := &s.rooms
	at := -1
	for i, c := range r.convs {
		if c == conv {
			at = i
			break
		}
	}
	k := roomKey{s.login.Load().Device.App, conv}
	switch {
	case in && at < 0:
		r.convs = append(r.convs, conv)
		s.gw.rooms.add(k, s)
	case !in && at >= 0:
		r.convs[at] = r.convs[len(r.convs)-1]
		r.convs = r.convs[:len(r.convs)-1]
		s.gw.rooms.remove(k, s)
	}
}

// moveRoom applies a change of membership to s.
func (s *Session) moveRoom(conv im.ConvKey, in bool) {
	r := &s.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.state {
	case roomsLoading:
		r.waiting = append(r.waiting, roomChange{conv, in})
	case roomsKnown:
		s.setRoom(conv, in)
	}
}

// leaveRooms ends the rooms of a session whose login ends.
func (s *Session) leaveRooms() {
	r := &s.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.convs {
		s.gw.rooms.remove(roomKey{s.login.Load().Device.App, c}, s)
	}
	r.state, r.convs, r.waiting = roomsGone, nil, nil
}

// roomChanged applies an event of membership. It comes on the lane of the
// conversation's messages, so that who joins gets what follows and who leaves
// gets nothing more.
func (g *Gateway) roomChanged(ev im.Event) {
	change, err := team.DecodeRoom(ev.Body)
	if err != nil {
		g.log.Error("room event", "err", err)
		return
	}
	product := "" // QChat's servers are for its connections, teams for those of NIM
	if ev.Conv.IsQChat() {
		product = presence.ProductQChat
	}
	move := func(accids []string, in bool) {
		for _, accid := range accids {
			for _, s := range g.hub.of(ev.App, accid) {
				if s.login.Load().Device.Product == product {
					s.moveRoom(ev.Conv, in)
				}
			}
		}
	}
	move(change.Joined, true)
	move(change.Left, false)
	if change.All {
		for _, s := range g.rooms.of(ev.App, ev.Conv) {
			s.moveRoom(ev.Conv, false)
		}
	}
}
