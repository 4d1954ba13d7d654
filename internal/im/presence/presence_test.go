package presence_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/hytest"
	"hongyan/internal/im/presence"
)

func device(conn, dev string, clientType int) *presence.Device {
	return &presence.Device{App: "a", Accid: "bob", ConnectionID: conn, DeviceID: dev, ClientType: clientType}
}

func TestDisplaced(t *testing.T) {
	web, web2 := device("1", "d1", presence.ClientWeb), device("2", "d2", presence.ClientWeb)
	pc, ios, android := device("3", "d3", presence.ClientPC), device("4", "d4", presence.ClientIOS), device("5", "d5", presence.ClientAndroid)
	sameDevice := device("6", "d1", presence.ClientPC)
	other := device("7", "d1", presence.ClientWeb)
	other.Accid = "alice"
	foreign := device("8", "d1", presence.ClientWeb)
	foreign.App = "b"
	pad := device("9", "d9", presence.ClientAndroid)
	pad.CustomType = 7
	const policy, same, stay = presence.KickPolicy, presence.KickSameDevice, presence.Stay
	for _, c := range []struct {
		name       string
		policy     string
		matrix     string
		old, newer *presence.Device
		want       presence.KickReason
	}{
		{"one client: another of the same kind", "1", "", web, web2, policy},
		{"one client: another of another kind", "1", "", ios, web, policy},
		{"one client: another account", "1", "", other, web, stay},
		{"one client: another app", "1", "", foreign, web, stay},
		{"desktop and mobile: two desktops", "2", "", pc, web, policy},
		{"desktop and mobile: two mobiles", "2", "", ios, android, policy},
		{"desktop and mobile: one of each", "2", "", ios, web, stay},
		{"desktop and mobile: one of each, the other way round", "2", "", pc, android, stay},
		{"all: same kind", "3", "", web, web2, stay},
		{"matrix: named", "4", "1>4+2", ios, android, policy},
		{"matrix: not the other way round", "4", "1>4+2", android, ios, stay},
		{"matrix: not named", "4", "1>4+2", web, android, stay},
		{"matrix: custom type as the newer", "4", "7>16", web, pad, policy},
		{"matrix: custom type as the older", "4", "16>7", pad, web, policy},
		{"matrix: custom type unknown to it", "4", "16>1", pad, web, policy},
		{"matrix: empty", "4", "", web, web2, stay},
		{"same device, policy 1", "1", "", web, sameDevice, same},
		{"same device, policy 2", "2", "", web, sameDevice, same},
		{"same device, policy 3", "3", "", web, sameDevice, same},
		{"same device, policy 4", "4", "", web, sameDevice, same},
		{"same device id of another account", "3", "", other, web, stay},
		{"itself", "1", "", web, web, stay},
	} {
		set := hytest.Settings(t, "multi_device_policy", c.policy, "multi_device_matrix", c.matrix)
		if got := presence.Displaced(&set, c.old, c.newer); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := presence.Exclusive(&set, []*presence.Device{c.old}, c.newer); got != (c.want == policy) {
			t.Errorf("%s: exclusive %v", c.name, got)
		}
	}
}

func TestKickHits(t *testing.T) {
	d := device("c1", "d1", 16)
	d.LoginMs = 100
	for _, c := range []struct {
		name string
		kick presence.Kick
		want bool
	}{
		{"all", presence.Kick{}, true},
		{"all but this", presence.Kick{Except: "c1"}, false},
		{"this device", presence.Kick{Devices: []string{"d0", "d1"}}, true},
		{"other devices", presence.Kick{Devices: []string{"d0"}}, false},
		{"earlier logins", presence.Kick{BeforeMs: 101}, true},
		{"logins before this", presence.Kick{BeforeMs: 100}, false},
	} {
		if got := c.kick.Hits(d); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		back, err := presence.DecodeKick(c.kick.Encode())
		if err != nil || !cmp.Equal(*back, c.kick) {
			t.Errorf("%s: round trip %+v, %v", c.name, back, err)
		}
	}
	back, err := presence.DecodeDevice(d.Encode())
	if dd := cmp.Diff(d, back); err != nil || dd != "" {
		t.Errorf("device round trip: %v %s", err, dd)
	}
	for _, bad := range []string{"", "{", "[]"} {
		if _, err := presence.DecodeKick([]byte(bad)); err == nil {
			t.Errorf("kick %q is read", bad)
		}
		if _, err := presence.DecodeDevice([]byte(bad)); err == nil {
			t.Errorf("device %q is read", bad)
		}
	}
}

func TestDirectory(t *testing.T) {
	clock := hytest.NewClock(time.Time{})
	dir := presence.NewDirectory(1, clock.Now)
	put := func(conn, accid string, node int, at int64) *presence.Device {
		d := &presence.Device{App: "a", Accid: accid, ConnectionID: conn, DeviceID: "d" + conn, Node: node, LoginMs: at}
		dir.Put(d)
		return d
	}
	conns := func(accid string) (out []string) {
		for _, d := range dir.Devices("a", accid) {
			out = append(out, d.ConnectionID)
		}
		return out
	}
	want := func(what, accid string, ids ...string) {
		t.Helper()
		if d := cmp.Diff(ids, conns(accid)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	newer, older := put("c2", "bob", 1, 20), put("c1", "bob", 1, 10)
	put("c3", "bob", 2, 15)
	put("c4", "alice", 2, 1)
	want("oldest login first", "bob", "c1", "c3", "c2")
	if got := dir.Devices("b", "bob"); len(got) != 0 {
		t.Errorf("another app sees %v", got)
	}
	put("c3", "bob", 2, 30)
	want("put again", "bob", "c1", "c2", "c3")
	if n := len(dir.Local()); n != 2 {
		t.Errorf("%d local devices", n)
	}
	if !dir.Remove(older) || dir.Remove(older) {
		t.Error("removed not once")
	}
	want("after a removal", "bob", "c2", "c3")

	if gone := dir.DropSilent(); len(gone) != 0 {
		t.Errorf("a node that has just spoken is silent: %v", gone)
	}
	clock.Advance(9 * time.Second)
	if dir.Alive(2) || !dir.Alive(3) {
		t.Error("node 2 is known, node 3 is new")
	}
	put("c5", "bob", 3, 40)
	clock.Advance(9 * time.Second)
	dir.Alive(3)
	if gone := dir.DropSilent(); len(gone) != 0 {
		t.Errorf("dropped after 9 seconds: %v", gone)
	}
	clock.Advance(2 * time.Second)
	if gone := dir.DropSilent(); len(gone) != 2 {
		t.Errorf("of the silent node 2 %d devices were dropped", len(gone))
	}
	want("without node 2", "bob", "c2", "c5")
	want("without node 2", "alice")
	if gone := dir.DropNode(3); len(gone) != 1 {
		t.Errorf("of node 3 %d", len(gone))
	}
	if gone := dir.DropNode(1); len(gone) != 0 {
		t.Errorf("its own devices were dropped: %v", gone)
	}
	want("its own stay", "bob", newer.ConnectionID)
}

func TestDirectoryAtOnce(t *testing.T) {
	dir := presence.NewDirectory(1, time.Now)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				d := device(fmt.Sprintf("%d-%d", w, i), fmt.Sprint(w), 16)
				dir.Put(d)
				for _, o := range dir.Devices("a", "bob") {
					_ = o.ConnectionID
				}
				if i%2 == 0 && !dir.Remove(d) {
					t.Error("a device vanished")
				}
			}
		})
	}
	wg.Wait()
	if n := len(dir.Devices("a", "bob")); n != 800 {
		t.Errorf("%d devices, want 800", n)
	}
}
