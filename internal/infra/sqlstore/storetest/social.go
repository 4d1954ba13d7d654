package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/device"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
	"hongyan/internal/infra/sqlstore"
)

// socialTests are the cases of subscriptions, signaling and devices.
func socialTests() map[string]func(*testing.T, *env) {
	return map[string]func(*testing.T, *env){
		"subscriptions": testSubscriptions, "subscriptions: limit": testSubscriptionLimit, "subscriptions: expired": testSubscriptionExpiry,
		"published values": testPublished,
		"channels":         testChannels, "channels: names": testChannelNames, "channels: one uid": testChannelRace, "channels: due": testChannelsDue,
		"signaling events": testSignalEvents, "push devices": testPushDevices,
	}
}

func subs(app, accid string, created, expires int64, publishers ...string) (out []subscription.Subscription) {
	for _, p := range publishers {
		out = append(out, subscription.Subscription{App: app, Accid: accid, Publisher: p, CreatedMs: created, ExpiresMs: expires})
	}
	return out
}

func publishersOf(t *testing.T, e *env, s *sqlstore.Store, app, accid string, nowMs int64) string {
	t.Helper()
	list, err := s.Subscriptions(e.ctx(), app, accid, nowMs)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, b := range list {
		out = append(out, b.Publisher)
	}
	return strings.Join(out, " ")
}

func testSubscriptions(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	before, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 10, 1000, "carol", "bob"), 10, false, 10)
	if err != nil || len(before) != 0 {
		t.Fatal(before, err)
	}
	if before, err = s.PutSubscriptions(e.ctx(), subs(app, "alice", 20, 2000, "bob"), 10, false, 20); err != nil || before["bob"] != 10 {
		t.Fatal(before, err)
	}
	if _, err := s.PutSubscriptions(e.ctx(), subs(other, "alice", 1, 1000, "zoe"), 10, false, 1); err != nil {
		t.Fatal(err)
	}
	for now, want := range map[int64]string{20: "bob carol", 1000: "bob", 2000: ""} {
		if got := publishersOf(t, e, s, app, "alice", now); got != want {
			t.Errorf("at %d: %q, want %q", now, got, want)
		}
	}
	if err := s.DeleteSubscriptions(e.ctx(), app, "alice", []string{"bob", "nobody"}); err != nil {
		t.Fatal(err)
	}
	if got := publishersOf(t, e, s, app, "alice", 20); got != "carol" {
		t.Error(got)
	}
	if err := s.DeleteSubscriptions(e.ctx(), app, "alice", nil); err != nil {
		t.Fatal(err)
	}
	if got := publishersOf(t, e, s, app, "alice", 20) + publishersOf(t, e, s, other, "alice", 20); got != "zoe" {
		t.Errorf("a tenant lost or kept too much: %q", got)
	}
}

func testSubscriptionLimit(t *testing.T, e *env) {
	s, app := e.openApp()
	for i, p := range []string{"a", "b", "c"} {
		if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", int64(i), 1000, p), 3, false, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 5, 1000, "d"), 3, true, 5); im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("refuse: %v", err)
	}
	if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 6, 1000, "a"), 3, true, 6); err != nil {
		t.Errorf("a renewal is no more: %v", err)
	}
	if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 7, 1000, "d"), 3, false, 7); err != nil {
		t.Fatal(err)
	}
	if got := publishersOf(t, e, s, app, "alice", 7); got != "a c d" { // b is the oldest now
		t.Error(got)
	}
}

func testSubscriptionExpiry(t *testing.T, e *env) {
	s, app := e.openApp()
	if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 1, 100, "a", "b", "c"), 10, false, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutSubscriptions(e.ctx(), subs(app, "alice", 1, 200, "d"), 10, false, 1); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := s.DropExpired(e.ctx(), app, 100, 2); err != nil || n != want {
			t.Errorf("%d deleted, want %d: %v", n, want, err)
		}
	}
	if got := publishersOf(t, e, s, app, "alice", 0); got != "d" {
		t.Error(got)
	}
}

func testPublished(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	for _, p := range []subscription.Published{
		{App: app, Accid: "bob", ClientType: 16, Device: "d", Value: 10001, Ext: "old", ID: "1", TimeMs: 1, ExpiresMs: 100, Broadcast: 2},
		{App: app, Accid: "bob", ClientType: 16, Device: "d2", Value: 10002, Ext: "new", ID: "2", IDClient: "c", TimeMs: 2, ExpiresMs: 100, Broadcast: 1},
		{App: app, Accid: "bob", ClientType: 1, Device: "p", Value: 10003, ID: "3", TimeMs: 3, ExpiresMs: 50, Broadcast: 2},
		{App: other, Accid: "bob", ClientType: 16, Device: "x", Value: 10009, ID: "4", TimeMs: 1, ExpiresMs: 100, Broadcast: 2},
	} {
		if err := s.PutPublished(e.ctx(), p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.PublishedBy(e.ctx(), app, []string{"bob", "nobody"}, 10)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	want := subscription.Published{App: app, Accid: "bob", ClientType: 16, Device: "d2", Value: 10002, Ext: "new", ID: "2", IDClient: "c", TimeMs: 2, ExpiresMs: 100, Broadcast: 1}
	if got[0] != want {
		t.Errorf("%+v", got[0])
	}
	if got, _ := s.PublishedBy(e.ctx(), app, []string{"bob"}, 50); len(got) != 1 {
		t.Errorf("expired: %+v", got)
	}
	if n, err := s.DropExpired(e.ctx(), app, 60, 10); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func channel(app string, id int64, name string, expires int64, members ...string) *signaling.Channel {
	c := &signaling.Channel{App: app, ID: id, Name: name, Type: 1, Creator: "alice", Ext: "é", CreatedMs: 1, ExpiresMs: expires}
	for i, m := range members {
		c.Members = append(c.Members, signaling.Member{Accid: m, UID: int64(i + 1), Conn: "c-" + m, ExpiresMs: expires})
	}
	return c
}

func testChannels(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	if err := s.CreateChannel(e.ctx(), channel(app, 7, "room", 1e6, "alice", "bob"), signaling.Outcome{}, 10, 1); err != nil {
		t.Fatal(err)
	}
	c, err := s.Channel(e.ctx(), app, 7)
	if err != nil || c.Name != "room" || c.Ext != "é" || len(c.Members) != 2 || c.App != app || c.ID != 7 {
		t.Fatalf("%+v %v", c, err)
	}
	for _, q := range []func() (*signaling.Channel, error){
		func() (*signaling.Channel, error) { return s.Channel(e.ctx(), other, 7) },
		func() (*signaling.Channel, error) { return s.ChannelNamed(e.ctx(), other, "room") },
		func() (*signaling.Channel, error) { return s.Channel(e.ctx(), app, 8) },
	} {
		if _, err := q(); im.CodeOf(err) != signaling.CodeNoChannel {
			t.Errorf("%v", err)
		}
	}
	refused := im.Errorf(signaling.CodeNotMember, "no")
	if _, _, err := s.UpdateChannel(e.ctx(), app, 7, 10, func(c *signaling.Channel) (signaling.Outcome, error) {
		c.Ext = "x"
		return signaling.Outcome{}, refused
	}); im.CodeOf(err) != signaling.CodeNotMember {
		t.Error(err)
	}
	if _, _, err := s.UpdateChannel(e.ctx(), app, 7, 10, func(c *signaling.Channel) (signaling.Outcome, error) {
		c.Members = c.Members[1:]
		return signaling.Outcome{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if a, b := len(must(s.ChannelsOf(e.ctx(), app, "alice"))), len(must(s.ChannelsOf(e.ctx(), app, "bob"))); a != 0 || b != 1 {
		t.Errorf("alice is in %d, bob in %d", a, b)
	}
	if c, _ := s.ChannelNamed(e.ctx(), app, "room"); c.Ext != "é" {
		t.Errorf("a refused change was written: %+v", c)
	}
	if _, _, err := s.UpdateChannel(e.ctx(), app, 7, 10, func(c *signaling.Channel) (signaling.Outcome, error) {
		c.Closed = true
		return signaling.Outcome{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Channel(e.ctx(), app, 7); im.CodeOf(err) != signaling.CodeNoChannel || len(must(s.ChannelsOf(e.ctx(), app, "bob"))) != 0 {
		t.Errorf("a closed channel is there: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func testChannelNames(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	for i, c := range []struct {
		app  string
		now  int64
		want im.Code
	}{{app, 1, 200}, {app, 2, signaling.CodeNameTaken}, {other, 2, 200}, {app, 1000, 200}} {
		err := s.CreateChannel(e.ctx(), channel(c.app, int64(i+1), "room", c.now+999, "alice"), signaling.Outcome{}, 10, c.now)
		if im.CodeOf(err) != c.want {
			t.Errorf("%d: %v, want %d", i, err, c.want)
		}
	}
	if got := must(s.ChannelsOf(e.ctx(), app, "alice")); len(got) != 1 || got[0].ID != 4 {
		t.Errorf("the ended channel's members are left: %+v", got)
	}
}

// testChannelRace: changes of one channel do not lose each other.
func testChannelRace(t *testing.T, e *env) {
	s, app := e.openApp()
	if err := s.CreateChannel(e.ctx(), channel(app, 1, "room", 1e6), signaling.Outcome{}, 10, 1); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _, err := s.UpdateChannel(e.ctx(), app, 1, 10, func(c *signaling.Channel) (signaling.Outcome, error) {
				c.Members = append(c.Members, signaling.Member{Accid: fmt.Sprint("m", i), UID: int64(len(c.Members) + 1), ExpiresMs: 1e6})
				return signaling.Outcome{}, nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	c := must(s.Channel(e.ctx(), app, 1))
	uids := map[int64]bool{}
	for _, m := range c.Members {
		uids[m.UID] = true
	}
	if len(c.Members) != 20 || len(uids) != 20 {
		t.Errorf("%d members, %d uids", len(c.Members), len(uids))
	}
}

func testChannelsDue(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	for i, c := range []*signaling.Channel{channel(app, 1, "a", 200_000), channel(app, 2, "b", 100_000), channel(other, 3, "c", 100_000)} {
		if err := s.CreateChannel(e.ctx(), c, signaling.Outcome{}, 10, 1); err != nil {
			t.Fatal(i, err)
		}
	}
	for now, want := range map[int64][]int64{0: nil, 40_000: {2}, 140_000: {2, 1}} {
		if got := must(s.DueChannels(e.ctx(), app, now, 10)); !slices.Equal(got, want) {
			t.Errorf("at %d: %v, want %v", now, got, want)
		}
	}
	if got := must(s.DueChannels(e.ctx(), app, 140_000, 1)); len(got) != 1 {
		t.Error(got)
	}
}

func testSignalEvents(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	note := func(id int64) *signaling.Note {
		return &signaling.Note{ID: id, Kind: signaling.KindInvite, From: "alice", AttachExt: "é"}
	}
	var out signaling.Outcome
	for id := int64(1); id <= 5; id++ {
		out.Sends = append(out.Sends, signaling.Send{Note: note(id), To: []string{"bob", "carol"}, Keep: id != 2})
	}
	if err := s.CreateChannel(e.ctx(), channel(app, 1, "a", 1e6), out, 3, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateChannel(e.ctx(), channel(other, 1, "a", 1e6), signaling.Outcome{Sends: []signaling.Send{{Note: note(4), To: []string{"bob"}, Keep: true}}}, 3, 1); err != nil {
		t.Fatal(err)
	}
	ids := func(app, accid string, from int64) (out []int64) {
		for _, n := range must(s.Kept(e.ctx(), app, accid, from)) {
			out = append(out, n.ID)
		}
		return out
	}
	if got := ids(app, "bob", 0); !slices.Equal(got, []int64{3, 4, 5}) {
		t.Errorf("the newest three that are kept: %v", got)
	}
	if err := s.AcknowledgeNotes(e.ctx(), app, "bob", []int64{4, 99}); err != nil {
		t.Fatal(err)
	}
	if got, c, o := ids(app, "bob", 4), ids(app, "carol", 0), ids(other, "bob", 0); !slices.Equal(got, []int64{5}) || len(c) != 3 || len(o) != 1 {
		t.Error(got, c, o)
	}
	if _, _, err := s.UpdateChannel(e.ctx(), app, 1, 3, func(*signaling.Channel) (signaling.Outcome, error) {
		return signaling.Outcome{Withdraw: []signaling.Stored{{Accid: "bob", ID: 5}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := ids(app, "bob", 0); !slices.Equal(got, []int64{3}) {
		t.Error(got)
	}
	for _, want := range []int{2, 1, 0} {
		if n, err := s.DropNotes(e.ctx(), app, 5, 2); err != nil || n != want {
			t.Errorf("%d dropped, want %d: %v", n, want, err)
		}
	}
	if got := must(s.Kept(e.ctx(), app, "carol", 0)); len(got) != 1 || got[0].AttachExt != "é" || got[0].Kind != signaling.KindInvite {
		t.Errorf("%+v", got)
	}
}

func testPushDevices(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	d := device.Device{App: app, Accid: "alice", ID: "phone", ClientType: 1, TokenName: "cert", Token: "t", Pushkit: 1, UpdatedMs: 5}
	if err := s.PutPushToken(e.ctx(), d); err != nil {
		t.Fatal(err)
	}
	if err := s.PutBackground(e.ctx(), device.Device{App: app, Accid: "alice", ID: "phone", ClientType: 1, Background: true, Badge: 3, UpdatedMs: 6}); err != nil {
		t.Fatal(err)
	}
	d.Background, d.Badge, d.UpdatedMs = true, 3, 6
	if got := must(s.PushDevices(e.ctx(), app, "alice")); len(got) != 1 || got[0] != d {
		t.Errorf("%+v", got)
	}
	for _, kept := range []device.Device{{App: app, Accid: "bob", ID: "phone"}, {App: other, Accid: "alice", ID: "phone"}} {
		kept.Token, kept.UpdatedMs = "kept", 5
		if err := s.PutPushToken(e.ctx(), kept); err != nil {
			t.Fatal(err)
		}
		if err := s.DropPushTokens(e.ctx(), app, "alice", 7); err != nil {
			t.Fatal(err)
		}
		if got := must(s.PushDevices(e.ctx(), kept.App, kept.Accid)); len(got) != 1 || got[0] != kept {
			t.Errorf("dropping the tokens of one account touches another: %+v", got)
		}
	}
	d.TokenName, d.Token, d.Pushkit, d.UpdatedMs = "", "", 0, 7
	if got := must(s.PushDevices(e.ctx(), app, "alice")); len(got) != 1 || got[0] != d {
		t.Errorf("%+v", got)
	}
}
