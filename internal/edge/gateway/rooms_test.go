package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/team"
)

// roomBed is a gateway with nothing but sessions and rooms.
type roomBed struct {
	*testing.T
	g *Gateway
}

func newRoomBed(t *testing.T) roomBed {
	return roomBed{t, &Gateway{hub: newHub(), rooms: newRooms()}}
}

func (b roomBed) session(app, accid string) *Session {
	s := &Session{gw: b.g}
	s.login.Store(&Login{Device: &presence.Device{App: app, Accid: accid}})
	b.g.hub.add(presence.Key{App: app, Accid: accid}, s)
	return s
}

func (b roomBed) change(app string, conv im.ConvKey, r team.Room) {
	b.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	b.g.roomChanged(im.Event{Kind: team.EventRoom, App: app, Conv: conv, Body: body})
}

func (b roomBed) in(app string, conv im.ConvKey, want ...*Session) {
	b.Helper()
	got := b.g.rooms.of(app, conv)
	have := map[*Session]bool{}
	for _, s := range got {
		have[s] = true
	}
	if len(got) != len(want) {
		b.Errorf("%d sessions in %s, want %d", len(got), conv, len(want))
		return
	}
	for _, s := range want {
		if !have[s] {
			b.Errorf("%s is not in %s", s.Accid(), conv)
		}
	}
}

func enter(t *testing.T, s *Session, convs ...im.ConvKey) {
	t.Helper()
	if err := s.EnterRooms(context.Background(), func(context.Context) ([]im.ConvKey, error) { return convs, nil }); err != nil {
		t.Fatal(err)
	}
}

func TestRoomsFollowMembership(t *testing.T) {
	b := newRoomBed(t)
	const conv, other = im.ConvKey("t|1"), im.ConvKey("t|2")
	a1, a2, c := b.session("app", "a"), b.session("app", "a"), b.session("app", "c")
	foreign := b.session("elsewhere", "a")
	enter(t, a1, conv)
	enter(t, a2, conv, other)
	enter(t, c)
	enter(t, foreign)
	b.in("app", conv, a1, a2)
	b.in("elsewhere", conv)
	b.change("app", conv, team.Room{Joined: []string{"c", "a", "nobody"}})
	b.in("app", conv, a1, a2, c)
	b.change("elsewhere", conv, team.Room{Joined: []string{"a"}})
	b.in("elsewhere", conv, foreign)
	b.change("app", conv, team.Room{Left: []string{"a"}})
	b.in("app", conv, c)
	b.in("app", other, a2)
	b.change("app", conv, team.Room{Joined: []string{"a"}})
	b.change("app", conv, team.Room{All: true})
	b.in("app", conv)
	b.in("elsewhere", conv, foreign)
	a2.leaveRooms()
	b.in("app", other)
	b.change("app", other, team.Room{Joined: []string{"a"}})
	b.in("app", other, a1)
	for i := range b.g.rooms.shards {
		for k, list := range b.g.rooms.shards[i].rooms {
			if len(list) == 0 {
				t.Errorf("the empty room %v is kept", k)
			}
		}
	}
}

// What changes while the rooms are read is applied after what was read.
func TestRoomsChangeWhileTheyAreRead(t *testing.T) {
	b := newRoomBed(t)
	s := b.session("app", "a")
	b.change("app", "t|0", team.Room{Joined: []string{"a"}}) // before: the reading finds it
	b.in("app", "t|0")
	err := s.EnterRooms(context.Background(), func(context.Context) ([]im.ConvKey, error) {
		b.change("app", "t|1", team.Room{Joined: []string{"a"}})
		b.change("app", "t|2", team.Room{Left: []string{"a"}})
		return []im.ConvKey{"t|0", "t|2"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.in("app", "t|0", s)
	b.in("app", "t|1", s)
	b.in("app", "t|2")
	enter(t, s, "t|9") // known: not read again
	b.in("app", "t|9")
}

func TestRoomsOfASessionThatFails(t *testing.T) {
	b := newRoomBed(t)
	s := b.session("app", "a")
	broken := errors.New("no database")
	if err := s.EnterRooms(context.Background(), func(context.Context) ([]im.ConvKey, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	enter(t, s, "t|1") // tried again
	b.in("app", "t|1", s)
	gone := b.session("app", "g")
	err := gone.EnterRooms(context.Background(), func(context.Context) ([]im.ConvKey, error) {
		gone.leaveRooms() // the connection ended meanwhile
		return []im.ConvKey{"t|1"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.in("app", "t|1", s)
}

// A connection in a chat room hears nothing of its account's teams and servers.
func TestRoomsAreOfOneProduct(t *testing.T) {
	b := newRoomBed(t)
	nim, circle, hall := b.session("app", "a"), b.session("app", "a"), b.session("app", "a")
	circle.login.Load().Device.Product, hall.login.Load().Device.Product = presence.ProductQChat, presence.ProductChatroom
	enter(t, nim)
	enter(t, circle)
	enter(t, hall, im.ChatroomKey(1))
	for _, conv := range []im.ConvKey{im.TeamKey(1), im.QChatKey(1)} {
		b.change("app", conv, team.Room{Joined: []string{"a"}})
	}
	b.in("app", im.TeamKey(1), nim)
	b.in("app", im.QChatKey(1), circle)
	b.in("app", im.ChatroomKey(1), hall)
}
