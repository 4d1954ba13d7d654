package message_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/infra/sqlstore"
)

var same = cmpopts.IgnoreUnexported(message.Message{})

func TestSeqSet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var set message.SeqSet
		have := map[int64]bool{}
		add := func(s message.SeqSet) message.SeqSet {
			a := rapid.Int64Range(1, 60).Draw(r, "first")
			b := a + rapid.Int64Range(-1, 8).Draw(r, "more") // an empty range now and then
			for i := a; i <= b; i++ {
				have[i] = true
			}
			return s.Add(a, b)
		}
		for range rapid.IntRange(0, 12).Draw(r, "adds") {
			set = add(set)
		}
		var other message.SeqSet
		for range rapid.IntRange(0, 5).Draw(r, "other") {
			other = add(other)
		}
		set = set.Union(other)
		prefix := int64(0)
		for have[prefix+1] {
			prefix++
		}
		if set.Prefix() != prefix {
			r.Fatalf("%s: prefix %d, want %d", set, set.Prefix(), prefix)
		}
		for i := int64(-1); i < 75; i++ {
			if set.Contains(i) != have[i] {
				r.Fatalf("%s: %d is %v", set, i, set.Contains(i))
			}
		}
		for i := 1; i < len(set); i++ {
			if set[i].First <= set[i-1].Last+1 {
				r.Fatalf("%s is not in its shortest form", set)
			}
		}
		back, err := message.ParseSeqSet(set.String())
		if err != nil || !slices.Equal(back, set) {
			r.Fatalf("%s came back as %s, %v", set, back, err)
		}
	})
	for _, bad := range []string{"x", "0", "-1", "3-2", "1-", "1,,2", "1-2-3", "1.5", " 1"} {
		if s, err := message.ParseSeqSet(bad); err == nil {
			t.Errorf("%q is read as %s", bad, s)
		}
	}
}

func sample() *message.Message {
	return &message.Message{App: "a", Conv: "p|alice|bob", Scene: im.SceneP2P, From: "alice", To: "bob", ID: 1 << 52, Time: 1_800_000_000_000, Seq: 7,
		IDClient: "c", Type: message.Custom, Flags: message.NoPush | message.PushNickSet, ClientType: 16,
		Content: message.Content{Body: "正文", Attach: `{"x":1}`, Reply: &message.Ref{From: "bob", Time: 5}, Spam: &message.Spam{Enabled: "1"}}}
}

func TestEncodedMessagesComeBack(t *testing.T) {
	team := &message.Message{App: "a", Conv: im.TeamKey(9), Scene: im.SceneTeam, From: "alice", To: "9", Time: -1, Seq: 1 << 40}
	for name, m := range map[string]*message.Message{"full": sample(), "team": team, "empty": {}} {
		b := message.Encode(m)
		got, err := message.Decode(b)
		if d := cmp.Diff(m, got, same); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
		for i := range b {
			if got, err := message.Decode(b[:i]); err == nil {
				t.Errorf("%s: %d of %d bytes are read as %+v", name, i, len(b), got)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(message.Encode(sample()))
	f.Add(message.Encode(&message.Message{}))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := message.Decode(b)
		if err != nil {
			return
		}
		again, err := message.Decode(message.Encode(m))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if d := cmp.Diff(m, again, same); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzParseSeqSet(f *testing.F) {
	f.Add("1-40,42,45-46")
	f.Add("9223372036854775807")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := message.ParseSeqSet(text)
		if err != nil {
			return
		}
		back, err := message.ParseSeqSet(s.String())
		if err != nil || !slices.Equal(back, s) {
			t.Fatalf("%q: %v came back as %v, %v", text, s, back, err)
		}
	})
}

// world is a message service on a real store.
type world struct {
	t        *testing.T
	store    *sqlstore.Store
	app      *app.App
	accounts *account.Service
	svc      *message.Service
	bus      *hytest.Bus
	clock    *hytest.Clock
	n        int
}

func newWorld(t *testing.T, overrides ...string) *world {
	return newWorldOn(t, hytest.SQLite(t), overrides...)
}

func newWorldOn(t *testing.T, config sqlstore.Config, overrides ...string) *world {
	w := &world{t: t, clock: hytest.NewClock(time.Time{}), bus: &hytest.Bus{}}
	config.Clock = w.clock.Now
	w.store = hytest.Open(t, config)
	w.app = hytest.App(t, w.store, overrides...)
	w.accounts = account.New(account.Config{Store: w.store, Clock: w.clock.Now, TokenKey: []byte("k")})
	w.svc = message.New(w.store, w.accounts, w.bus, w.clock.Now)
	for _, id := range []string{"alice", "bob", "carol"} {
		w.register(id)
	}
	return w
}

func (w *world) register(id string) {
	w.t.Helper()
	nick := "nick of " + id
	if _, _, err := w.accounts.Register(w.t.Context(), w.app.Key, id, "", account.CardUpdate{Name: &nick}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) message(from, to string, flags message.Flags) *message.Message {
	w.n++
	return &message.Message{From: from, To: to, IDClient: fmt.Sprintf("c%06d", w.n), Flags: flags, ClientType: 16, Content: message.Content{Body: fmt.Sprint(w.n)}}
}

func (w *world) try(m *message.Message, rest bool) error {
	w.t.Helper()
	done := make(chan error, 1)
	if err := w.svc.SendP2P(w.t.Context(), message.Send{App: w.app, Msg: m, REST: rest, Origin: "conn"}, func(_ *message.Message, err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-time.After(hytest.Patience):
		w.t.Fatal("a message was not answered")
		return nil
	}
}

func (w *world) send(from, to string, flags message.Flags) *message.Message {
	w.t.Helper()
	m := w.message(from, to, flags)
	if err := w.try(m, false); err != nil {
		w.t.Fatalf("send: %v", err)
	}
	return m
}

func (w *world) sync(accid string, change ...func(*message.SyncRequest)) *message.SyncResult {
	w.t.Helper()
	r := message.SyncRequest{App: w.app, Accid: accid, Offline: true, Roaming: true, Watermark: w.svc.Watermark(), Node: w.store.IDs().Node()}
	for _, f := range change {
		f(&r)
	}
	out, err := w.svc.Sync(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func bodies(msgs []*message.Message) []string {
	var out []string
	for _, m := range msgs {
		out = append(out, m.Content.Body)
	}
	return out
}

func roaming(r *message.SyncResult) []*message.Message { return slices.Concat(r.Roaming...) }

func TestSendRefusals(t *testing.T) {
	w := newWorld(t, "text_limit", "10", "ext_limit", "5", "push_text_limit", "5", "push_payload_limit", "5")
	ctx := t.Context()
	for _, id := range []string{"blocked", "muted", "p2pmuted", "teammuted"} {
		if _, _, err := w.accounts.Register(ctx, w.app.Key, id, "", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.accounts.SetBlocked(ctx, w.app.Key, "blocked", true); err != nil {
		t.Fatal(err)
	}
	for id, f := range map[string]func(*account.Mutes){"muted": func(m *account.Mutes) { m.All = true }, "p2pmuted": func(m *account.Mutes) { m.P2P = true }, "teammuted": func(m *account.Mutes) { m.Team = true }} {
		if _, err := w.accounts.SetMutes(ctx, w.app.Key, id, f); err != nil {
			t.Fatal(err)
		}
	}
	ten := strings.Repeat("字", 10)
	for _, c := range []struct {
		name   string
		change func(*message.Message)
		rest   bool
		want   im.Code
	}{
		{"plain", func(m *message.Message) {}, false, 200},
		{"to upper case", func(m *message.Message) { m.To = "BOB" }, false, 200},
		{"to oneself", func(m *message.Message) { m.To = "alice" }, false, 200},
		{"to nobody", func(m *message.Message) { m.To = "nobody" }, false, 404},
		{"to an illegal accid", func(m *message.Message) { m.To = "b|b" }, false, 404},
		{"from nobody", func(m *message.Message) { m.From = "nobody" }, false, 404},
		{"from a blocked account", func(m *message.Message) { m.From = "blocked" }, false, 422},
		{"from a blocked account by REST", func(m *message.Message) { m.From = "blocked" }, true, 200},
		{"from a muted account", func(m *message.Message) { m.From = "muted" }, false, 423},
		{"from a muted account by REST", func(m *message.Message) { m.From = "muted" }, true, 200},
		{"from an account muted for p2p", func(m *message.Message) { m.From = "p2pmuted" }, false, 423},
		{"from an account muted for teams", func(m *message.Message) { m.From = "teammuted" }, false, 200},
		{"to a muted account", func(m *message.Message) { m.To = "muted" }, false, 200},
		{"a notification", func(m *message.Message) { m.Type = message.Notification }, false, 403},
		{"an unknown type", func(m *message.Message) { m.Type = 77 }, false, 414},
		{"without idClient", func(m *message.Message) { m.IDClient = "" }, false, 414},
		{"idClient too long", func(m *message.Message) { m.IDClient = strings.Repeat("x", 129) }, false, 414},
		{"negative subType", func(m *message.Message) { m.Content.SubType = -1 }, false, 414},
		{"body of the limit, in characters", func(m *message.Message) { m.Content.Body = ten }, false, 200},
		{"body too long", func(m *message.Message) { m.Content.Body = ten + "x" }, false, 414},
		{"body too long by REST", func(m *message.Message) { m.Content.Body = ten + "x" }, true, 414},
		{"attach too long", func(m *message.Message) { m.Content.Attach = ten + "x" }, false, 414},
		{"ext too long", func(m *message.Message) { m.Content.Ext = "123456" }, false, 414},
		{"push text too long", func(m *message.Message) { m.Content.PushContent = "123456" }, false, 414},
		{"forced push text too long", func(m *message.Message) { m.Content.ForceContent = "123456" }, false, 414},
		{"push payload too long", func(m *message.Message) { m.Content.PushPayload = "123456" }, false, 414},
	} {
		m := w.message("alice", "bob", 0)
		c.change(m)
		before := len(w.bus.Events())
		err := w.try(m, c.rest)
		if im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
		if refused := err != nil; refused != (m.ID == 0) || refused && len(w.bus.Events()) != before {
			t.Errorf("%s: id %d, and %d events", c.name, m.ID, len(w.bus.Events())-before)
		}
	}
}

func TestSendRate(t *testing.T) {
	w := newWorld(t, "send_rate", "2")
	w.clock.Set(time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)) // only forward: ids never go back
	var codes []im.Code
	for range 3 {
		codes = append(codes, im.CodeOf(w.try(w.message("alice", "bob", 0), false)))
	}
	codes = append(codes, im.CodeOf(w.try(w.message("alice", "bob", 0), true)), im.CodeOf(w.try(w.message("bob", "alice", 0), false)))
	w.clock.Advance(time.Second)
	codes = append(codes, im.CodeOf(w.try(w.message("alice", "bob", 0), false)))
	if d := cmp.Diff([]im.Code{200, 200, 416, 200, 200, 200}, codes); d != "" {
		t.Errorf("two a second; REST, others and the next second are free: %s", d)
	}
}

func TestSentMessagesReachTheRightDevices(t *testing.T) {
	for _, c := range []struct {
		name  string
		to    string
		flags message.Flags
		want  []string // addressee, with the connection left out
	}{
		{"plain", "bob", 0, []string{"bob-", "alice-conn"}},
		{"no copy for the sender", "bob", message.NoSelfSync, []string{"bob-"}},
		{"refused by the receiver", "bob", message.Refused, []string{"alice-conn"}},
		{"not for the receiver", "bob", message.ReceiverNoSense, []string{"alice-conn"}},
		{"not for the sender", "bob", message.SenderNoSense, []string{"bob-"}},
		{"to oneself", "alice", 0, []string{"alice-conn"}},
	} {
		w := newWorld(t)
		m := w.send("alice", c.to, c.flags)
		var got []string
		for _, e := range w.bus.Events() {
			if len(e.Body) == 0 {
				continue // only says that the number is taken
			}
			got = append(got, e.To+"-"+e.Origin)
			if body, err := message.Decode(e.Body); err != nil || body.ID != m.ID || e.Seq != m.Seq || e.Conv != m.Conv || e.App != w.app.Key {
				t.Errorf("%s: event %+v of %+v, %v", c.name, e, m, err)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if m.Content.FromNick != "nick of alice" || m.Content.CardTime == 0 {
			t.Errorf("%s: nick %q, card %d: these are the server's to say", c.name, m.Content.FromNick, m.Content.CardTime)
		}
	}
}

func TestSyncFlags(t *testing.T) {
	const yes, no = true, false
	for _, c := range []struct {
		name                                  string
		flags                                 message.Flags
		bobOffline, bobRoaming, alice, bobAck bool // bobAck: bob's roaming once he has it
	}{
		{"plain", 0, yes, no, yes, yes},
		{"not kept for roaming", message.NoRoaming, yes, no, no, no},
		{"not kept offline", message.NoOffline, no, yes, yes, yes},
		{"neither", message.NoOffline | message.NoRoaming, no, no, no, no},
		{"refused", message.Refused, no, no, yes, no},
		{"not for the receiver", message.ReceiverNoSense, no, no, yes, no},
		{"not for the sender", message.SenderNoSense, yes, no, no, yes},
		{"no copy for the sender", message.NoSelfSync, yes, no, no, yes},
		{"not in history", message.NoHistory, yes, no, yes, yes},
	} {
		w := newWorld(t)
		m := w.send("alice", "bob", c.flags)
		has := func(msgs []*message.Message) bool {
			return slices.ContainsFunc(msgs, func(x *message.Message) bool { return x.ID == m.ID })
		}
		check := func(what string, got, want bool) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s: %v", c.name, what, got)
			}
		}
		bob, alice := w.sync("bob"), w.sync("alice")
		check("in the receiver's queue", has(bob.Offline), c.bobOffline)
		check("in the receiver's roaming", has(roaming(bob)), c.bobRoaming)
		check("in the sender's queue", has(alice.Offline), no)
		check("in the sender's roaming", has(roaming(alice)), c.alice)
		if err := w.svc.DeliveredIDs(t.Context(), w.app.Key, "bob", []int64{m.ID, 12345}); err != nil {
			t.Fatal(err)
		}
		bob = w.sync("bob")
		check("in the queue after it was received", has(bob.Offline), no)
		check("in roaming after it was received", has(roaming(bob)), c.bobAck)
		if carol := w.sync("carol"); len(carol.Offline)+len(carol.Roaming) != 0 {
			t.Errorf("%s: carol gets %v", c.name, carol)
		}
	}
}

// Whatever was sent and received: a message is in the queue or in roaming, never
// in both, and nothing that belongs in one of them is missing.
func TestSyncPartition(t *testing.T) {
	w := newWorld(t)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		me, peer := fmt.Sprintf("me%d", n), fmt.Sprintf("peer%d", n)
		for _, id := range []string{me, peer} {
			if _, _, err := w.accounts.Register(t.Context(), w.app.Key, id, "", account.CardUpdate{}); err != nil {
				r.Fatal(err)
			}
		}
		wantQueue, wantRoaming := map[string]bool{}, map[string]bool{}
		for range rapid.IntRange(1, 25).Draw(r, "messages") {
			mine := rapid.Bool().Draw(r, "mine")
			flags := rapid.SampledFrom([]message.Flags{0, 0, 0, message.NoRoaming, message.NoOffline, message.Refused, message.NoSelfSync, message.ReceiverNoSense}).Draw(r, "flags")
			from, to := peer, me
			if mine {
				from, to = me, peer
			}
			m := w.send(from, to, flags)
			received := rapid.Bool().Draw(r, "received")
			if received && !mine {
				w.svc.Delivered(w.app.Key, me, message.Position{Conv: m.Conv, Seq: m.Seq})
			}
			switch {
			case !m.VisibleTo(me):
			case !mine && !received && flags&message.NoOffline == 0:
				wantQueue[m.Content.Body] = true
			case flags&message.NoRoaming == 0 && !(mine && flags&message.NoSelfSync != 0):
				wantRoaming[m.Content.Body] = true
			}
		}
		got := w.sync(me)
		for what, c := range map[string]struct {
			want map[string]bool
			got  []*message.Message
		}{"queue": {wantQueue, got.Offline}, "roaming": {wantRoaming, roaming(got)}} {
			have := map[string]bool{}
			for _, b := range bodies(c.got) {
				if have[b] {
					r.Fatalf("%s twice in the %s", b, what)
				}
				have[b] = true
			}
			if d := cmp.Diff(c.want, have); d != "" {
				r.Fatalf("%s: %s", what, d)
			}
		}
		if !slices.IsSortedFunc(got.Offline, func(a, b *message.Message) int { return int(a.Time - b.Time) }) {
			r.Fatal("the queue is not oldest first")
		}
		for _, c := range got.Roaming {
			if !slices.IsSortedFunc(c, func(a, b *message.Message) int { return int(b.Time - a.Time) }) {
				r.Fatal("roaming is not newest first")
			}
		}
	})
}

func TestSyncLimits(t *testing.T) {
	w := newWorld(t, "offline_per_session", "3", "offline_max", "5", "roaming_per_session", "4", "roaming_sessions", "2")
	ids := func(msgs []*message.Message) string { return strings.Join(bodies(msgs), " ") }
	later := func() { w.clock.Advance(time.Second) } // times of one conversation may run ahead of another's
	for range 5 {
		w.send("bob", "alice", 0) // 1 to 5
	}
	later()
	for range 4 {
		w.send("carol", "alice", 0) // 6 to 9
	}
	later()
	w.send("alice", "alice", 0) // 10
	later()
	for _, login := range []string{"first", "second, nothing acknowledged"} {
		if got := ids(w.sync("alice").Offline); got != "4 5 7 8 9" {
			t.Errorf("%s login: the newest three of each and five in all: %s", login, got)
		}
	}
	for range 6 {
		w.send("alice", "bob", 0) // 11 to 16
	}
	got := w.sync("alice", func(r *message.SyncRequest) { r.Offline = false })
	var convs []string
	for _, c := range got.Roaming {
		convs = append(convs, ids(c))
	}
	if d := cmp.Diff([]string{"16 15 14 13", "10"}, convs); d != "" {
		t.Errorf("the newest four of the newest two conversations: %s", d)
	}
	if d := cmp.Diff([]im.ConvKey{"p|alice|bob"}, got.More); d != "" {
		t.Errorf("with more: %s", d)
	}
	only := w.sync("alice", func(r *message.SyncRequest) { r.Roaming = false })
	if len(only.Roaming) != 0 || len(only.Offline) == 0 {
		t.Errorf("asked for the queue alone: %+v", only)
	}
	w.acknowledge("alice", only.Offline...)
	if got := w.sync("alice").Offline; len(got) != 0 {
		t.Errorf("what is beyond the limits comes at a later login: %s", ids(got))
	}
	if none := w.sync("alice", func(r *message.SyncRequest) { r.Offline, r.Roaming = false, false }); len(none.Offline)+len(none.Roaming) != 0 {
		t.Errorf("asked for nothing: %+v", none)
	}
}

func TestSyncLooksPastWhatItLeavesOut(t *testing.T) {
	w := newWorld(t, "offline_per_session", "2", "roaming_per_session", "2")
	waiting := w.send("bob", "alice", 0)
	mine := w.send("alice", "bob", 0)
	for range 250 { // more than two pages of what neither list takes
		w.send("bob", "alice", message.NoOffline|message.NoRoaming)
	}
	got := w.sync("alice")
	if len(got.Offline) != 1 || got.Offline[0].ID != waiting.ID || len(roaming(got)) != 1 || roaming(got)[0].ID != mine.ID {
		t.Errorf("queue %v, roaming %v", bodies(got.Offline), bodies(roaming(got)))
	}
}

func TestSyncTimes(t *testing.T) {
	w := newWorld(t, "offline_days", "30", "roaming_days", "7")
	old := w.send("bob", "alice", 0)
	w.clock.Advance(25 * 24 * time.Hour)
	middle := w.send("bob", "alice", 0)
	mine := w.send("alice", "bob", 0)
	w.clock.Advance(6 * 24 * time.Hour)
	last := w.send("alice", "bob", 0)
	got := w.sync("alice")
	if d := cmp.Diff([]string{middle.Content.Body}, bodies(got.Offline)); d != "" {
		t.Errorf("waiting for 31 and for 6 days: %s", d)
	}
	if d := cmp.Diff([]string{last.Content.Body, mine.Content.Body}, bodies(roaming(got))); d != "" {
		t.Errorf("roaming of 7 days: %s", d)
	}
	since := w.sync("alice", func(r *message.SyncRequest) { r.SinceMs = mine.Time })
	if d := cmp.Diff([]string{last.Content.Body}, bodies(roaming(since))); d != "" {
		t.Errorf("roaming after a time tag: %s", d)
	}
	if d := cmp.Diff([]string{middle.Content.Body}, bodies(since.Offline)); d != "" {
		t.Errorf("the queue does not depend on the time tag: %s", d)
	}
	_ = old
}

func TestSyncLeavesOutWhatArrivesLive(t *testing.T) {
	w := newWorld(t)
	before := w.send("bob", "alice", 0)
	mark := w.svc.Watermark()
	w.send("bob", "alice", 0)
	got := w.sync("alice", func(r *message.SyncRequest) { r.Watermark = mark })
	if d := cmp.Diff([]string{before.Content.Body}, bodies(got.Offline)); d != "" {
		t.Errorf("beyond the watermark: %s", d)
	}
	other := w.sync("alice", func(r *message.SyncRequest) { r.Watermark, r.Node = mark, w.store.IDs().Node()+1 })
	if len(other.Offline) != 2 {
		t.Errorf("another node's messages: %v", bodies(other.Offline))
	}
}

// failingStore refuses to write delivery states while told to.
type failingStore struct {
	*sqlstore.Store
	fail bool
}

func (s *failingStore) MarkDelivered(ctx context.Context, marks []message.Mark) error {
	if s.fail {
		return im.Errorf(im.CodeBusy, "not now")
	}
	return s.Store.MarkDelivered(ctx, marks)
}

func TestAcknowledgementsSurviveAFailedWrite(t *testing.T) {
	w := newWorld(t)
	store := &failingStore{Store: w.store, fail: true}
	w.svc = message.New(store, w.accounts, w.bus, w.clock.Now)
	first, second := w.send("bob", "alice", 0), w.send("bob", "alice", 0)
	w.svc.Delivered(w.app.Key, "alice", message.Position{Conv: first.Conv, Seq: first.Seq})
	w.svc.Delivered(w.app.Key, "carol", message.Position{Conv: first.Conv, Seq: first.Seq}) // not her conversation
	if err := w.svc.Acks().Flush(t.Context()); im.CodeOf(err) != im.CodeBusy {
		t.Fatalf("flush: %v", err)
	}
	w.svc.Delivered(w.app.Key, "alice", message.Position{Conv: second.Conv, Seq: second.Seq})
	store.fail = false
	if got := w.sync("alice"); len(got.Offline) != 0 {
		t.Errorf("received, and still waiting: %v", bodies(got.Offline))
	}
}

func TestAcksRunWritesOnceMoreAtTheEnd(t *testing.T) {
	w := newWorld(t)
	hytest.NoLeaks(t)
	m := w.send("bob", "alice", 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.svc.Acks().Run(ctx) }()
	w.svc.Delivered(w.app.Key, "alice", message.Position{Conv: m.Conv, Seq: m.Seq})
	cancel()
	<-ended
	convs, err := w.store.Conversations(t.Context(), w.app.Key, "alice", 10)
	if err != nil || len(convs) != 1 || !convs[0].Delivered.Contains(m.Seq) {
		t.Errorf("%+v, %v", convs, err)
	}
}

func TestHistoryPages(t *testing.T) {
	w := newWorld(t, "history_page", "20")
	var all []*message.Message
	for i := range 47 {
		flags := []message.Flags{0, 0, message.NoHistory, message.Refused, 0, message.NoRoaming}[i%6]
		if m := w.send("bob", "alice", flags); m.VisibleTo("alice") && flags&message.NoHistory == 0 {
			all = append(all, m)
		}
	}
	for _, limit := range []int{1, 3, 7, 20} {
		for _, ascending := range []bool{false, true} {
			want := bodies(all)
			if !ascending {
				slices.Reverse(want)
			}
			var got []string
			q := message.HistoryQuery{App: w.app, Accid: "alice", Conv: "p|alice|bob", Limit: limit, Ascending: ascending}
			for {
				page, err := w.svc.History(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, bodies(page)...)
				if len(page) < limit {
					break
				}
				last := page[len(page)-1]
				q.LastID = last.ID
				if ascending {
					q.BeginMs = last.Time
				} else {
					q.EndMs = last.Time
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("pages of %d, ascending %v: %s", limit, ascending, d)
			}
		}
	}
}

func TestHistoryQueries(t *testing.T) {
	w := newWorld(t)
	var all []*message.Message
	for i := range 10 {
		m := w.message("bob", "alice", 0)
		m.Type = []message.Type{message.Text, message.Custom}[i%2]
		if err := w.try(m, false); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	base := message.HistoryQuery{App: w.app, Accid: "alice", Conv: "p|alice|bob", Limit: 100}
	for _, c := range []struct {
		name   string
		change func(*message.HistoryQuery)
		want   []*message.Message
		code   im.Code
	}{
		{"all", func(q *message.HistoryQuery) {}, all, 200},
		{"bounds are inside", func(q *message.HistoryQuery) { q.BeginMs, q.EndMs = all[3].Time, all[6].Time }, all[3:7], 200},
		{"beyond the border message", func(q *message.HistoryQuery) { q.BeginMs, q.EndMs, q.LastID = all[3].Time, all[6].Time, all[6].ID }, all[3:6], 200},
		{"border of a smaller id", func(q *message.HistoryQuery) { q.EndMs, q.LastID = all[6].Time, all[6].ID+1 }, all[:7], 200},
		{"one type", func(q *message.HistoryQuery) { q.Types = []int64{int64(message.Custom)} }, []*message.Message{all[1], all[3], all[5], all[7], all[9]}, 200},
		{"no limit", func(q *message.HistoryQuery) { q.Limit = 0 }, nil, 414},
		{"limit too large", func(q *message.HistoryQuery) { q.Limit = 101 }, nil, 414},
		{"times the wrong way round", func(q *message.HistoryQuery) { q.BeginMs, q.EndMs = 2, 1 }, nil, 414},
		{"negative time", func(q *message.HistoryQuery) { q.BeginMs = -1 }, nil, 414},
	} {
		q := base
		c.change(&q)
		got, err := w.svc.History(t.Context(), q)
		slices.Reverse(got)
		if d := cmp.Diff(bodies(c.want), bodies(got)); d != "" || im.CodeOf(err) != c.code {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
	}
	w.clock.Advance(366 * 24 * time.Hour)
	if got, err := w.svc.History(t.Context(), base); err != nil || len(got) != 0 {
		t.Errorf("after a year: %v, %v", bodies(got), err)
	}
}
