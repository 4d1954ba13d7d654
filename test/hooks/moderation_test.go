package hooks

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/internal/im/moderation"
	"hongyan/internal/server"
)

// TestModeration sends through both stages: the app's words, and a service that
// passes, replaces, stops, hangs and answers garbage.
func TestModeration(t *testing.T) {
	b := newBed(t, "copy_events", "1", "moderation", "local", "callback_breaker_failures", "0", "moderation_timeout_ms", "200")
	b.tool(func(ctx context.Context, tool *server.Tool) error {
		if _, err := tool.Apps.Set(ctx, key, map[string]string{"moderation_url": b.r.url("/moderation")}); err != nil {
			return err
		}
		return tool.Words.Add(ctx, key, []moderation.Word{{List: moderation.Intercept, Text: "contraband"}, {List: moderation.Replace, Text: "darn"}})
	})
	b.accounts("alice", "bob", "carol")
	got := make(chan nimwire.Msg, 64)
	b.online("bob", func(p *bench.Packet) {
		var m nimwire.OnMsgResponse
		if (p.ID() == wire.ID{SID: 7, CID: 2}) && m.DecodeR(p.R) == nil {
			got <- *m.Msg
		}
	})
	alice := b.online("alice", nil)
	n := 0
	send := func(m nimwire.Msg) (code int, ack nimwire.Msg) {
		t.Helper()
		n++
		m.Scene, m.To, m.IdClient = wire.Int(0), wire.Str("bob"), wire.Str(fmt.Sprint("m", n))
		code, reply := b.call(alice, request{nimwire.SendMsg.ID(), &nimwire.SendMsgRequest{Msg: m}})
		var r nimwire.SendMsgResponse
		if code == 200 {
			if err := r.DecodeR(reply.R); err != nil || r.Msg == nil {
				t.Fatalf("%v", err)
			}
			ack = *r.Msg
		}
		return code, ack
	}
	say := func(text string) nimwire.Msg { return nimwire.Msg{Type: wire.Int(0), Body: wire.Str(text)} }
	says := func(body string) answer {
		return func(hook) (int, string, time.Duration) { return 200, body, 0 }
	}
	// Settings are effective within a second of their change.
	hytest.Eventually(t, "the service is asked", func() bool {
		b.r.answers("/moderation", says(`{"action":0}`))
		send(say("hello"))
		<-got
		return len(b.r.of("/moderation")) > 0
	})
	spammy := say("darn it")
	spammy.AntiSpamBIZID, spammy.YidunAntiCheating, spammy.YidunAntiSpamExtension = wire.Str("bid"), wire.Str(`{"c":1}`), wire.Str(`{"e":1}`)
	skipped := say("contraband")
	skipped.AntiSpamUsingYidun = wire.Int(0)
	custom := nimwire.Msg{Type: wire.Int(100), Attach: wire.Str(`{"x":1}`), NeedAntiSpam: wire.Int(1), AntiSpamContent: wire.Str(`{"type":1,"data":"offered"}`)}
	picture := nimwire.Msg{Type: wire.Int(1), Attach: wire.Str(`{"url":"https://files.example/1.png","w":1}`)}
	for _, c := range []struct {
		name    string
		answer  answer
		msg     nimwire.Msg
		asked   map[string]string // nil: nobody is asked
		code    int
		result  string // in the acknowledgement
		arrives string // body; empty: it does not
	}{
		{"pass, with what the sender says", says(`{"action":0}`), spammy,
			map[string]string{"text": "** it", "bid": "bid", "yidunAntiCheating": `{"c":1}`, "yidunAntiSpamExt": `{"e":1}`, "convType": "PERSON", "fromAccount": "alice", "to": "bob", "msgType": "TEXT"}, 200, "", "** it"},
		{"replaced", says(`{"action":0,"text":"clean"}`), say("dirty"), map[string]string{"text": "dirty"}, 200, "", "clean"},
		{"hit", says(`{"action":2,"labels":[{"label":200,"level":2,"rate":0.9}]}`), say("dirty"), map[string]string{"text": "dirty"}, 200,
			`{"yidunBusType":0,"action":2,"labels":[{"label":200,"level":2,"rate":0.9}]}`, ""},
		{"suspect", says(`{"action":1}`), say("odd"), map[string]string{"text": "odd"}, 200, "", "odd"},
		{"stopped by a word before", says(`{"action":0}`), say("contraband"), nil, 200, `{"yidunBusType":0,"action":2,"labels":[{"label":100,"level":2,"rate":1}]}`, ""},
		{"not to be looked at", says(`{"action":2}`), skipped, nil, 200, "", "contraband"},
		{"custom message", says(`{"action":2}`), custom, map[string]string{"text": "offered", "msgType": "CUSTOM"}, 200, `{"yidunBusType":0,"action":2,"labels":[]}`, ""},
		{"picture", says(`{"action":2}`), picture, map[string]string{"url": "https://files.example/1.png", "text": ""}, 200, `{"yidunBusType":1,"action":2,"labels":[]}`, ""},
		{"garbage", says(`<html>`), say("garbage"), map[string]string{}, 200, "", "garbage"},
		{"status 500", func(hook) (int, string, time.Duration) { return 500, `{"action":2}`, 0 }, say("failing"), map[string]string{}, 200, "", "failing"},
		{"hanging", func(hook) (int, string, time.Duration) { return 200, `{"action":2}`, time.Minute }, say("hanging"), map[string]string{}, 200, "", "hanging"},
	} {
		before := len(b.r.of("/moderation"))
		b.r.answers("/moderation", c.answer)
		code, ack := send(c.msg)
		if code != c.code || ack.YidunAntiSpamResult.String() != c.result || ack.IdServer.Int() == 0 || ack.Time.Int() == 0 {
			t.Errorf("%s: %d, %+v", c.name, code, ack)
		}
		if c.arrives != "" {
			if m := <-got; m.Body.String() != c.arrives || m.YidunAntiSpamResult.IsSet() || m.AntiSpamBIZID.IsSet() {
				t.Errorf("%s: receiver got %+v", c.name, m)
			}
		}
		asked := b.r.of("/moderation")[before:]
		if len(asked) > 1 || (len(asked) == 1) != (c.asked != nil) {
			t.Fatalf("%s: asked %v", c.name, asked)
		}
		for field, want := range c.asked {
			if got := asked[0].text(field); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, field, got, want)
			}
		}
		copied := b.r.wait("msgidClient", fmt.Sprint("m", n))
		if stopped := c.arrives == ""; (copied.text("antispam") == "true") != stopped || stopped && copied.text("yidunRes") != c.result {
			t.Errorf("%s: copy %s", c.name, copied.raw)
		}
		if c.name == "suspect" && copied.text("yidunRes") != `{"yidunBusType":0,"action":1,"labels":[]}` {
			t.Errorf("copy of what is suspect: %s", copied.raw)
		}
	}

	b.r.answers("/moderation", says(`{"action":2}`))
	before := len(b.r.of("/moderation"))
	if data := b.api("msg/sendMsg", "from", "alice", "to", "bob", "ope", "0", "type", "0", "body", `{"msg":"by REST"}`)["data"].(map[string]any); data["antispam"] != true {
		t.Errorf("REST: %v", data)
	}
	b.api("msg/sendBatchMsg", "fromAccid", "alice", "toAccids", `["bob","carol"]`, "type", "0", "body", `{"msg":"to many"}`)
	if asked := len(b.r.of("/moderation")) - before; asked != 2 {
		t.Errorf("one message and one batch asked %d times", asked)
	}

	b.tool(func(ctx context.Context, tool *server.Tool) error {
		_, err := tool.Apps.Set(ctx, key, map[string]string{"moderation_on_failure": "refuse"})
		return err
	})
	b.r.stop()
	hytest.Eventually(t, "what nobody has decided about is refused", func() bool {
		code, _ := send(say("undecided"))
		if code == 200 {
			<-got
		}
		return code == 403
	})
	select {
	case m := <-got:
		t.Errorf("delivered: %+v", m)
	default:
	}
}
