package kill

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// TestLongMessagesLockNobodyOut gives an account more of the longest messages
// than may wait for a slow client, many times over: it can log in, synchronise
// and read its history all the same, also when it reads slowly.
func TestLongMessagesLockNobodyOut(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t, "--send-queue-bytes", "64KiB")
	s.Start()
	users := accounts(t, s, 3)[:3]
	ctx := hytest.Context(t)
	const each, notices = 75, 60
	emoji := func(n int) wire.Value { return wire.Str(strings.Repeat("😀", n)) }
	for _, u := range users[1:] {
		c := member(t, s, u.name, "sender", nil)
		if _, err := c.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range each {
			w := nimwire.Msg{Scene: wire.Int(0), To: wire.Str(users[0].name), Type: wire.Int(100), IdClient: wire.Str(fmt.Sprint(u.name, i)),
				Body: emoji(5000), Attach: emoji(5000), Ext: emoji(1024), PushPayload: emoji(2048)}
			if _, err := c.Send(ctx, w); err != nil {
				t.Fatal(err)
			}
		}
		for range notices {
			n := nimwire.SysMsg{Type: wire.Int(100), To: wire.Str(users[0].name), Attach: emoji(4096), NeedSaveOffline: wire.Int(1)}
			if _, err := c.Call(ctx, nimwire.SendCustomSysMsg.ID(), &nimwire.SendCustomSysMsgRequest{SysMsg: n}); err != nil {
				t.Fatal(err)
			}
		}
		c.Drop()
	}
	offline, roaming := nimwire.SyncOfflineMsgs.PushID(), nimwire.SyncRoamingMsgs.PushID()
	for _, login := range []struct {
		name string
		ack  bool
		want wire.ID // what the messages come in
	}{{"what waits", true, offline}, {"what roams", false, roaming}} {
		c, err := bench.Dial(ctx, bench.Options{Addr: s.Addr, AppKey: proc.Key, Account: users[0].name, Token: "token", Device: login.name, Acknowledge: login.ack})
		if err != nil {
			t.Fatal(err)
		}
		seen, longest, notified := map[string]int{}, 0, 0
		c.OnPush(func(p *bench.Packet) {
			if (p.ID() == wire.ID{SID: 4, CID: 6}) {
				var r nimwire.SyncOfflineSysMsgsResponse
				if err := r.DecodeR(p.R); err != nil {
					t.Error(err)
				}
				notified += len(r.SysMsgs)
			}
			if p.ID() != login.want {
				return
			}
			var r nimwire.SyncOfflineMsgsResponse
			if err := r.DecodeR(p.R); err != nil {
				t.Error(err)
			}
			peers := map[string]bool{}
			for _, m := range r.Msgs {
				seen[strings.Clone(m.IdClient.String())]++
				peers[m.From.String()] = true
			}
			if login.want == roaming && len(peers) > 1 {
				t.Errorf("%s: one packet of several conversations", login.name)
			}
			longest = max(longest, len(p.R[0]))
			time.Sleep(2 * time.Millisecond) // a client that has something to do
		})
		if _, err := c.Login(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sync(ctx); err != nil {
			t.Fatalf("%s: %v", login.name, err)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s came %d times", login.name, id, n)
			}
		}
		if login.want == offline && notified != 2*notices {
			t.Errorf("%s: %d of %d notifications came", login.name, notified, 2*notices)
		}
		if len(seen) != 2*each {
			t.Errorf("%s: %d of %d messages came", login.name, len(seen), 2*each)
		}
		if longest > 300<<10 {
			t.Errorf("%s: a packet of %d bytes", login.name, longest)
		}
		for page := range 3 {
			reply, err := c.Call(ctx, nimwire.GetHistoryMsgs.ID(), &nimwire.GetHistoryMsgsRequest{To: users[1].name, Limit: 100})
			if err != nil {
				t.Fatalf("%s, history %d: %v", login.name, page, err)
			}
			var r nimwire.GetHistoryMsgsResponse
			if err := r.DecodeR(reply.R); err != nil || len(r.Msgs) != each {
				t.Errorf("%s: a page of %d, %v", login.name, len(r.Msgs), err)
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", login.name, err)
		}
	}
}
