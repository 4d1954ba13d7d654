package cluster

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
)

// TestRelationsAcrossNodes: what one node has in memory of friends and black
// lists follows what another changes, and notifications cross.
func TestRelationsAcrossNodes(t *testing.T) {
	b := newBed(t)
	b.account("alice", "bob")
	alice, bob, desk := b.online(0, "alice", "a"), b.online(1, "bob", "b"), b.online(0, "bob", "desk")
	n := 0
	send := func() string {
		n++
		id := fmt.Sprint("m", n)
		_, err := alice.c.Send(hytest.Context(t), nimwire.Msg{Scene: wire.Int(0), To: wire.Str("bob"), Type: wire.Int(0), Body: wire.Str(id), IdClient: wire.Str(id)})
		if err != nil {
			return err.Error()
		}
		return ""
	}
	if err := send(); err != "" { // bob's empty list is now in the memory of node 0
		t.Fatal(err)
	}
	bob.call(nimwire.SetBlack.ID(), &nimwire.SetBlackRequest{Account: "alice", IsAdd: true})
	desk.wait(3, 103, "alice", "true")
	hytest.Eventually(t, "node 0 refuses", func() bool { return strings.Contains(send(), "7101") })
	bob.call(nimwire.SetBlack.ID(), &nimwire.SetBlackRequest{Account: "alice", IsAdd: false})
	hytest.Eventually(t, "node 0 lets it pass", func() bool { return send() == "" })

	alice.call(nimwire.FriendReuqest.ID(), &nimwire.FriendReuqestRequest{Account: "bob", Type: 1, Ps: "hello"})
	bob.wait(7, 3, `"4":"hello"`)
	desk.wait(7, 3, `"4":"hello"`)
	alice.call(nimwire.SendCustomSysMsg.ID(), &nimwire.SendCustomSysMsgRequest{SysMsg: nimwire.SysMsg{Type: wire.Int(100), To: wire.Str("bob"), Attach: wire.Str("across")}})
	bob.wait(7, 3, `"5":"across"`)

	checked := url.Values{"from": {"alice"}, "ope": {"0"}, "to": {"bob"}, "type": {"0"}, "body": {`{"msg":"x"}`}, "checkFriend": {"true"}}
	b.call(0, "msg/sendMsg", checked)
	b.call(1, "friend/delete", url.Values{"accid": {"bob"}, "faccid": {"alice"}})
	hytest.Eventually(t, "node 0 knows that they are no friends", func() bool {
		code, _, err := b.rest[0].Call(hytest.Context(t), "msg/sendMsg.action", checked)
		return err == nil && code == 403
	})
}
