package cluster

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
)

// TestSocialAcrossNodes: presence and calls between accounts on two nodes.
func TestSocialAcrossNodes(t *testing.T) {
	b := newBed(t)
	t.Run("presence", b.presence)
	t.Run("signaling", b.signaling)
	t.Run("a node dies", b.presenceOfTheDead)
}

// call makes a request of the client protocol and wants code 200.
func (p *peer) call(id wire.ID, q wire.QEncoder) {
	p.t.Helper()
	if _, err := p.c.Call(hytest.Context(p.t), id, q); err != nil {
		p.t.Fatalf("%s: %v: %v", p.name, id, err)
	}
}

func (p *peer) subscribe(accids ...string) {
	p.t.Helper()
	p.call(nimwire.SubscribeEvent.ID(), &nimwire.SubscribeEventRequest{MsgEventSubscribe: nimwire.MsgEventSubscribe{Type: wire.Int(1), SubscribeTime: wire.Int(3600)}, Accounts: accids})
}

func (b *bed) presence(t *testing.T) {
	b = b.on(t)
	b.account("watcher", "seen")
	first, second := b.online(0, "watcher", "w0"), b.online(1, "watcher", "w1")
	first.subscribe("seen") // the other node hears of it by the bus
	hytest.Eventually(t, "both nodes tell", func() bool {
		s := b.online(1, "seen", fmt.Sprint("s", len(first.all(14, 2))))
		s.c.Drop()
		return len(first.all(14, 2)) > 0 && len(second.all(14, 2)) > 0
	})
	phone := b.online(1, "seen", "phone")
	phone.call(nimwire.PublishEvent.ID(), &nimwire.PublishEventRequest{MsgEvent: nimwire.MsgEvent{Type: wire.Int(1), Value: wire.Int(10007), IdClient: wire.Str("x"),
		Ext: wire.Str("busy"), ValidTime: wire.Int(600), BroadcastType: wire.Int(2)}})
	for _, w := range []*peer{first, second} {
		w.wait(14, 2, `"2":"10007"`)
	}
	// Who comes online on the node where the publisher is not is told of it.
	b.online(0, "watcher", "w2").wait(14, 9, `"2":"10007"`)
	phone.c.Drop()
	for _, w := range []*peer{first, second} {
		w.wait(14, 2, `"2":"3"`)
	}
}

func (b *bed) signaling(t *testing.T) {
	b = b.on(t)
	b.account("caller", "callee")
	caller, phone, desk := b.online(0, "caller", "c"), b.online(1, "callee", "phone"), b.online(0, "callee", "desk")
	caller.call(nimwire.SignalingCallEx.ID(), &nimwire.SignalingCallExRequest{Tag: nimwire.Signaling{Type: wire.Int(1), Name: wire.Str("room"),
		ToAccid: wire.Str("callee"), RequestId: wire.Str("rq"), NeedOffline: wire.Int(1)}})
	phone.wait(4, 1, "", `"12":"rq"`)
	desk.wait(4, 1, "", `"12":"rq"`)
	info := b.call(1, "signal/getRoomInfo", url.Values{"channelName": {"room"}})
	id := channelID(t, info)
	phone.call(nimwire.SignalingJoinAndAccept.ID(), &nimwire.SignalingJoinAndAcceptRequest{Tag: nimwire.Signaling{ChannelId: wire.Str(id), ToAccid: wire.Str("caller"), RequestId: wire.Str("rq")}})
	desk.wait(15, 12, `"12":"rq"`)
	caller.wait(4, 1, "", `"19":"{\"type\":6}"`)
	caller.wait(4, 1, "", `"10":"callee"`)
}

func (b *bed) presenceOfTheDead(t *testing.T) {
	b = b.on(t)
	b.account("mourner", "mortal")
	w := b.online(0, "mourner", "w")
	w.subscribe("mortal")
	b.online(1, "mortal", "m")
	w.wait(14, 2, `"103":"mortal"`)
	b.n[1].Kill()
	w.wait(14, 2, `"2":"3"`)
}

func channelID(t *testing.T, answer []byte) string {
	t.Helper()
	var r struct {
		Data struct {
			ChannelID string `json:"channelId"`
		}
	}
	if err := json.Unmarshal(answer, &r); err != nil || r.Data.ChannelID == "" {
		t.Fatalf("%s: %v", answer, err)
	}
	return r.Data.ChannelID
}
