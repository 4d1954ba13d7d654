package cluster

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// enter logs a device in to a chat room.
func (b *bed) enter(node int, accid, device, room string) *peer {
	b.t.Helper()
	p := &peer{t: b.t, name: accid + "/" + device}
	var err error
	if p.c, err = bench.Dial(hytest.Context(b.t), bench.Options{Addr: b.n[node].Addr, AppKey: proc.Key, Account: accid, Token: "token", Device: device}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.c.Drop)
	p.c.OnPush(func(k *bench.Packet) {
		r := make([][]byte, len(k.R))
		for i := range k.R {
			r[i] = slices.Clone(k.R[i])
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pushes = append(p.pushes, push{k.ID(), r})
	})
	p.call(chatroomwire.ChatroomLogin.ID(), &chatroomwire.ChatroomLoginRequest{Type: 1,
		ChatroomLogin:   chatroomwire.RoomLogin{Appkey: wire.Str(proc.Key), Account: wire.Str(accid), DeviceId: wire.Str(device), ChatroomId: wire.Str(room), AppLogin: wire.Int(1)},
		ChatroomIMLogin: chatroomwire.IMLogin{ClientType: wire.Int(16), AppLogin: wire.Int(1), Appkey: wire.Str(proc.Key), Account: wire.Str(accid), Token: wire.Str("token")}})
	return p
}

func (p *peer) say(id, text string) {
	p.t.Helper()
	p.call(chatroomwire.SendChatroomMsg.ID(), &chatroomwire.SendChatroomMsgRequest{ChatroomMsg: chatroomwire.Msg{IdClient: wire.Str(id), Type: wire.Int(0), Body: wire.Str(text)}})
}

// TestChatroomAcrossNodes: a room whose members are on two nodes.
func TestChatroomAcrossNodes(t *testing.T) {
	b := newBed(t)
	b.account("alice", "bob", "carol")
	var made struct{ Chatroom struct{ Roomid int64 } }
	if err := json.Unmarshal(b.call(0, "chatroom/create", url.Values{"creator": {"alice"}, "name": {"lobby"}}), &made); err != nil {
		t.Fatal(err)
	}
	room := strconv.FormatInt(made.Chatroom.Roomid, 10)
	alice, bob := b.enter(0, "alice", "a", room), b.enter(1, "bob", "b", room)
	alice.wait(13, 7, `\"id\":301`)
	online := func(node int) string {
		return string(b.call(node, "chatroom/get", url.Values{"roomid": {room}, "needOnlineUserCount": {"true"}}))
	}
	hytest.Eventually(t, "both nodes count two", func() bool {
		return strings.Contains(online(0), `"onlineusercount":2`) && strings.Contains(online(1), `"onlineusercount":2`)
	})

	bob.say("m1", "from the second node")
	alice.wait(13, 7, "from the second node")
	alice.say("m2", "from the first node")
	bob.wait(13, 7, "from the first node")
	b.call(0, "chatroom/sendMsg", url.Values{"roomid": {room}, "fromAccid": {"carol"}, "msgId": {"m3"}, "msgType": {"0"}, "attach": {"from the API"}})
	for _, p := range []*peer{alice, bob} {
		p.wait(13, 7, "from the API")
	}
	for _, text := range []string{"from the second node", "from the first node", "from the API"} {
		for _, p := range []*peer{alice, bob} {
			n := 0
			for _, k := range p.all(13, 7) {
				if strings.Contains(string(k.r[0]), text) {
					n++
				}
			}
			if own := p == bob && text == "from the second node" || p == alice && text == "from the first node"; own && n != 0 || !own && n != 1 {
				t.Errorf("%s got %q %d times", p.name, text, n)
			}
		}
	}

	// Times of both nodes' messages ascend strictly, and both show one history.
	history := func(node int) string {
		return string(b.call(node, "history/queryChatroomMsg", url.Values{"roomid": {room}, "accid": {"alice"}, "timetag": {"0"}, "limit": {"100"}, "type": {"0"}}))
	}
	if a, c := history(0), history(1); a != c || !strings.Contains(a, `"size":3`) {
		t.Errorf("histories differ: %s and %s", a, c)
	}

	bob.c.Drop()
	alice.wait(13, 7, `\"id\":302`)
	hytest.Eventually(t, "both nodes count one", func() bool {
		return strings.Contains(online(0), `"onlineusercount":1`) && strings.Contains(online(1), `"onlineusercount":1`)
	})

	// Closing by one node reaches the other's members.
	late := b.enter(1, "carol", "c", room)
	b.call(0, "chatroom/toggleCloseStat", url.Values{"roomid": {room}, "operator": {"alice"}, "valid": {"false"}})
	for _, p := range []*peer{alice, late} {
		p.wait(13, 3, "1")
		p.gone(hytest.Patience)
	}
}
