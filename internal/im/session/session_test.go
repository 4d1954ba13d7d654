package session_test

import (
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/session"
)

func TestMarkRead(t *testing.T) {
	store := hytest.Store(t)
	a := hytest.App(t, store)
	clock := hytest.NewClock(time.Time{})
	bus := &hytest.Bus{}
	svc := session.New(store, bus, clock.Now)
	now := clock.NowMs()
	for _, c := range []struct {
		name   string
		acks   []session.Ack
		code   im.Code
		events int
	}{
		{"a conversation", []session.Ack{{Target: "Bob", TimeMs: now - 100}}, 200, 1},
		{"not again", []session.Ack{{Target: "bob", TimeMs: now - 100}}, 200, 0},
		{"not back", []session.Ack{{Target: "bob", TimeMs: 1}}, 200, 0},
		{"further, and a team", []session.Ack{{Target: "bob", TimeMs: now - 50}, {Scene: im.SceneTeam, Target: "5", TimeMs: 7}}, 200, 2},
		{"none", nil, 200, 0},
		{"negative", []session.Ack{{Target: "bob", TimeMs: -1}}, 414, 0},
		{"no accid", []session.Ack{{Target: "b b", TimeMs: 1}}, 414, 0},
		{"too many", make([]session.Ack, 51), 414, 0},
	} {
		before := len(bus.Events())
		if err := svc.MarkRead(t.Context(), a, "alice", "conn", c.acks); im.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		events := bus.Events()[before:]
		if len(events) != c.events {
			t.Errorf("%s: %d events", c.name, len(events))
		}
		for _, e := range events {
			if ack, err := session.DecodeAck(e.Body); err != nil || e.Kind != im.EventSessionAck || e.To != "alice" || e.Origin != "conn" || ack.TimeMs == 0 {
				t.Errorf("%s: event %+v of %+v, %v", c.name, e, ack, err)
			}
		}
	}
	if err := svc.MarkRead(t.Context(), a, "alice", "conn", []session.Ack{{Target: "bob", TimeMs: now + 10*365*24*3600*1000}}); err != nil {
		t.Fatal(err)
	}
	acks, err := svc.Acks(t.Context(), a, "alice")
	for _, k := range acks {
		if k.TimeMs > clock.NowMs()+1000 {
			t.Errorf("an ack from the future: %+v", k)
		}
	}
	if err != nil || len(acks) != 2 {
		t.Errorf("%v, %v", acks, err)
	}
}
