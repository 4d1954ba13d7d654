package signaling_test

import (
	"context"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/signaling"
	"hongyan/internal/infra/sqlstore"
)

// life is how long a channel without news, and a member without a connection,
// go on: two hours.
const life = 2 * time.Hour

// bed is a service on a database, with a clock and a directory of its own.
type bed struct {
	*testing.T
	clock *hytest.Clock
	bus   *hytest.Bus
	dir   *presence.Directory
	calls *signaling.Service
	app   *app.App
}

// engines runs a test on both databases.
func engines(t *testing.T, test func(b *bed)) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			b := &bed{T: t, clock: hytest.NewClock(time.Time{}), bus: &hytest.Bus{}}
			c := config(t)
			c.Clock = b.clock.Now
			store := hytest.Open(t, c)
			b.app = hytest.App(t, store)
			b.dir = presence.NewDirectory(0, b.clock.Now)
			accounts := account.New(account.Config{Store: store, Clock: b.clock.Now, TokenKey: []byte("key")})
			for _, id := range []string{"alice", "bob", "carol"} {
				if _, _, err := accounts.Register(t.Context(), b.app.Key, id, "t", account.CardUpdate{}); err != nil {
					t.Fatal(err)
				}
			}
			b.calls = signaling.New(signaling.Config{Store: store, Accounts: accounts, Directory: b.dir, Bus: b.bus, Clock: b.clock.Now, NextID: store.IDs().Next})
			test(b)
		})
	}
}

func (b *bed) online(accid string) *presence.Device {
	d := &presence.Device{App: b.app.Key, Accid: accid, ConnectionID: "conn-" + accid, DeviceID: "device-" + accid, ClientType: 16, LoginMs: b.clock.Now().UnixMilli()}
	b.dir.Put(d)
	return d
}

func caller(accid string) signaling.Caller {
	return signaling.Caller{Accid: accid, Device: "device-" + accid, Client: "16", Conn: "conn-" + accid}
}

// expire lets time pass, with the job every few minutes.
func (b *bed) expire(d time.Duration) {
	b.Helper()
	for ; d > 0; d -= 5 * time.Minute {
		b.clock.Advance(5 * time.Minute)
		if err := b.calls.Expire(context.Background(), b.app, 100); err != nil {
			b.Fatal(err)
		}
	}
}

// code is what asking for the channel answers.
func (b *bed) code(id int64) im.Code {
	_, err := b.calls.Get(context.Background(), b.app, id, "")
	return im.CodeOf(err)
}

func (b *bed) missed(accid string) []*signaling.Note {
	b.Helper()
	notes, err := b.calls.Missed(context.Background(), b.app, accid)
	if err != nil {
		b.Fatal(err)
	}
	return notes
}

func TestAnInvitationEndsWithItsChannel(t *testing.T) {
	engines(t, func(b *bed) {
		c, code, err := b.calls.Call(b.Context(), b.app, caller("alice"), signaling.Ask{Type: 1, Name: "call", Peer: "bob", Request: "r1", Offline: true})
		if code != signaling.CodePeerOffline || err != nil {
			b.Fatal(code, err)
		}
		if got := b.missed("bob"); len(got) != 1 || got[0].Kind != signaling.KindInvite {
			b.Fatalf("%v", got)
		}
		b.expire(life - 10*time.Minute)
		if len(b.missed("bob")) != 1 || b.code(c.ID) != im.CodeOK {
			b.Error("the channel ended before its time")
		}
		// Alice was never online: her membership ends first, the channel two hours after it.
		b.expire(life + 20*time.Minute)
		if b.code(c.ID) != signaling.CodeNoChannel {
			b.Error("the channel goes on")
		}
		if got := b.missed("bob"); len(got) != 0 {
			b.Errorf("a channel that has ended still rings: %+v", got[0])
		}
	})
}

func TestANameThatIsTakenOverWithdrawsInvitations(t *testing.T) {
	engines(t, func(b *bed) {
		if _, _, err := b.calls.Call(b.Context(), b.app, caller("alice"), signaling.Ask{Type: 1, Name: "call", Peer: "bob", Request: "r1", Offline: true}); err != nil {
			b.Fatal(err)
		}
		b.clock.Advance(2*life + time.Minute) // no job has run
		if _, err := b.calls.Create(b.Context(), b.app, caller("carol"), signaling.Ask{Type: 1, Name: "call"}); err != nil {
			b.Fatal(err)
		}
		if got := b.missed("bob"); len(got) != 0 {
			b.Errorf("%+v", got[0])
		}
	})
}

func TestMembersWithoutConnectionLeave(t *testing.T) {
	engines(t, func(b *bed) {
		alice, bob := b.online("alice"), b.online("bob")
		c, err := b.calls.Create(b.Context(), b.app, caller("alice"), signaling.Ask{Type: 1})
		if err != nil {
			b.Fatal(err)
		}
		for _, who := range []string{"alice", "bob"} {
			if _, err := b.calls.Join(b.Context(), b.app, caller(who), signaling.Ask{Channel: c.ID}); err != nil {
				b.Fatal(err)
			}
		}
		// Who is connected is prolonged, and the channel with them.
		b.expire(3 * life)
		if b.code(c.ID) != im.CodeOK {
			b.Fatal("a channel in use ended")
		}
		b.dir.Remove(bob)
		before := len(b.bus.Events())
		b.expire(life + 10*time.Minute)
		var told []string
		for _, e := range b.bus.Events()[before:] {
			if n, err := signaling.DecodeNote(e.Body); err == nil && n.Kind == signaling.KindLeave && n.From == "bob" {
				told = append(told, e.To)
			}
		}
		if len(told) != 1 || told[0] != "alice" {
			b.Errorf("bob's leaving was told to %v", told)
		}
		if got, err := b.calls.Get(b.Context(), b.app, c.ID, ""); err != nil || len(got.Members) != 1 {
			b.Errorf("%+v, %v", got, err)
		}
		b.dir.Remove(alice)
		b.expire(2*life + 20*time.Minute)
		if b.code(c.ID) != signaling.CodeNoChannel {
			b.Error("an empty channel goes on")
		}
	})
}
