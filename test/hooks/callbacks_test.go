package hooks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	hookrows "hongyan/internal/infra/hook"
)

// served are the events a server asks about, by its own account.
func served() (out []int) {
	for _, e := range hookrows.Events() {
		for n := e.First; n <= e.Last && e.Why == ""; n++ {
			out = append(out, n)
		}
	}
	return out
}

func list(events []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(events), " ", ","), "[]")
}

// TestEveryCallback does every operation that the server says it asks about:
// refused it ends with the code of the app's server and has no effect, passed
// it succeeds; and the question has its fields. What the table calls served is
// asked here, and nothing else is.
func TestEveryCallback(t *testing.T) {
	w := newWorld(t, "callback_events", list(served()))
	asked := map[int]bool{}
	if _, err := w.dial("alice", "another", "token"); err != nil {
		t.Fatal(err)
	}
	w.all(func(s step) *bench.Reply {
		w.r.answers("/callback", func(h hook) (int, string, time.Duration) { return 200, `{"errCode":1,"responseCode":20042}`, 0 })
		if code, _ := w.call(w.clients[s.who], s.do); code != 20042 {
			t.Errorf("event %d, %s: refused with %d", s.event, s.name, code)
		}
		w.r.answers("/callback", func(h hook) (int, string, time.Duration) { return 200, `{"errCode":1,"responseCode":12345}`, 0 })
		if code, _ := w.call(w.clients[s.who], s.do); code != 403 {
			t.Errorf("event %d, %s: refused with %d", s.event, s.name, code)
		}
		w.r.answers("/callback", nil)
		before := len(w.r.of("/callback"))
		reply := w.ok(w.clients[s.who], s.do)
		questions := w.r.of("/callback")[before:]
		if len(questions) != 1 {
			t.Fatalf("event %d, %s: %d questions", s.event, s.name, len(questions))
		}
		q := questions[0]
		if q.body["eventType"] != nil && q.text("eventType") != strconv.Itoa(s.event) {
			t.Errorf("%s: asked about event %s", s.name, q.raw)
		}
		for field, want := range s.want {
			if got := q.text(field); got != want {
				t.Errorf("event %d, %s: %s is %q, want %q in %s", s.event, s.name, field, got, want, q.raw)
			}
		}
		return reply
	})
	for _, q := range w.r.of("/callback") {
		n, err := strconv.Atoi(q.text("eventType"))
		if err != nil {
			t.Errorf("eventType is no number in %s", q.raw)
		}
		asked[n] = true
		if n == 36 && q.text("fromAccount") == "" || n != 1 && n != 2 && n != 22 && q.text("timestamp") == "" {
			t.Errorf("fields are missing in %s", q.raw)
		}
	}
	for _, n := range served() {
		if !asked[n] {
			t.Errorf("event %d was never asked about", n)
		}
		delete(asked, n)
	}
	if len(asked) > 0 {
		t.Errorf("asked about events that are not served: %v", asked)
	}
}

// TestCallbacksAreSwitchedOnByEvent: only what is switched on is asked, REST
// never is.
func TestCallbacksAreSwitchedOnByEvent(t *testing.T) {
	w := newWorld(t, "callback_events", "9,22,34")
	w.api("team/create", "tname", "by REST", "owner", "alice", "members", `["bob"]`, "msg", "x", "magree", "0", "joinmode", "0")
	w.all(func(s step) *bench.Reply { return w.ok(w.clients[s.who], s.do) })
	var events []string
	for _, q := range w.r.of("/callback") {
		events = append(events, q.text("eventType"))
	}
	if got := strings.Join(events, ","); got != "9,22,34" {
		t.Errorf("asked about %s", got)
	}
}

// TestLoginCallback: a refused login ends with 302, or the code of the app's server.
func TestLoginCallback(t *testing.T) {
	b := newBed(t, "callback_events", "36", "copy_events", "2,84")
	b.accounts("alice")
	for _, c := range []struct {
		answer string
		want   int
	}{{`{"errCode":1}`, 302}, {`{"errCode":1,"responseCode":20001}`, 20001}, {`{"errCode":1,"responseCode":200}`, 302}} {
		b.r.answers("/callback", func(h hook) (int, string, time.Duration) { return 200, c.answer, 0 })
		_, err := b.dial("alice", "d", "token")
		var code *bench.CodeError
		if !errors.As(err, &code) || code.Code != c.want {
			t.Errorf("%s: %v", c.answer, err)
		}
		b.r.wait("eventType", "84", "accid", "alice", "code", strconv.Itoa(c.want), "deviceId", "d", "event", "1")
	}
	if n := len(b.r.copies("eventType", "2")); n != 0 {
		t.Errorf("%d logins are copied", n)
	}
}

// TestCallbackPolicy: time-outs, garbage and a receiver that is away are decided
// by callback_on_failure within callback_timeout; failures in a row end the
// questions for a while, and are copied.
func TestCallbackPolicy(t *testing.T) {
	const timeout = 150 * time.Millisecond
	hang := func(hook) (int, string, time.Duration) { return 200, `{"errCode":0}`, time.Minute }
	garbage := func(hook) (int, string, time.Duration) { return 200, `<html>`, 0 }
	broken := func(hook) (int, string, time.Duration) { return 500, `{"errCode":0}`, 0 }
	for _, policy := range []struct {
		name string
		want int
	}{{"pass", 200}, {"reject", 403}} {
		t.Run(policy.name, func(t *testing.T) {
			w := newWorld(t, "callback_events", "1,16", "callback_timeout", strconv.Itoa(int(timeout.Milliseconds())), "callback_on_failure", policy.name,
				"callback_breaker_failures", "6", "callback_breaker_pause", "1", "copy_events", "83")
			n := 0
			send := func() (int, time.Duration) {
				n++
				begun := time.Now()
				code, _ := w.call(w.clients["alice"], w.text("bob", fmt.Sprint("m", n)))
				return code, time.Since(begun)
			}
			for _, c := range []struct {
				name   string
				answer answer
				reason string
			}{{"hangs", hang, "1"}, {"garbage", garbage, "2"}, {"status 500", broken, "2"}} {
				w.r.answers("/callback", c.answer)
				for range 2 {
					code, took := send()
					if code != policy.want || took > timeout+2*time.Second {
						t.Errorf("%s: answered %d after %v", c.name, code, took)
					}
				}
				if h := w.r.wait("eventType", "83", "reason", c.reason); !strings.Contains(h.text("callbackBody"), `"msgidClient"`) {
					t.Errorf("%s", h.raw)
				}
			}
			// Six in a row: nobody is asked for a second, which is told, too.
			before := len(w.r.of("/callback"))
			code, _ := send()
			if code != policy.want || len(w.r.of("/callback")) != before {
				t.Errorf("answered %d, %d questions", code, len(w.r.of("/callback"))-before)
			}
			w.r.wait("eventType", "83", "reason", "3")
			w.r.answers("/callback", nil)
			hytest.Eventually(t, "it is asked again", func() bool { send(); return len(w.r.of("/callback")) > before })
			if code, _ := send(); code != 200 {
				t.Errorf("answered %d afterwards", code)
			}
			w.r.stop() // away: connections are refused
			if code, took := send(); code != policy.want || took > timeout+2*time.Second {
				t.Errorf("away: answered %d after %v", code, took)
			}
			w.r.start()
		})
	}
}

// TestASlowReceiverHoldsUpItsAskersAlone: while one client's message waits for
// the verdict, everybody else goes on.
func TestASlowReceiverHoldsUpItsAskersAlone(t *testing.T) {
	w := newWorld(t, "callback_events", "1", "callback_timeout", "10000")
	w.r.answers("/callback", func(hook) (int, string, time.Duration) { return 200, `{"errCode":0}`, 2 * time.Second })
	alice := make(chan int, 1)
	go func() {
		reply, _ := w.clients["alice"].Call(hytest.Context(t), idOf(nimwire.SendMsg), w.text("bob", "slow").q)
		if reply == nil {
			reply = &bench.Reply{}
		}
		alice <- reply.Code
	}()
	hytest.Eventually(t, "somebody is asked", func() bool { return len(w.r.of("/callback")) > 0 })
	for range 3 {
		w.ok(w.clients["bob"], request{idOf(nimwire.GetHistoryMsgs), &nimwire.GetHistoryMsgsRequest{To: "alice", Limit: 10}})
		w.ok(w.clients["bob"], request{idOf(nimwire.SendSuperTeamCustomSysMsg), &nimwire.SendSuperTeamCustomSysMsgRequest{SysMsg: nimwire.SysMsg{Type: wire.Int(103), To: wire.Str(fmt.Sprint(w.super)), Attach: wire.Str("x")}}})
	}
	w.api("msg/sendMsg", "from", "bob", "to", "alice", "ope", "0", "type", "0", "body", `{"msg":"by REST"}`)
	select {
	case code := <-alice:
		t.Fatalf("alice was answered %d before the verdict, or the others waited for it", code)
	default:
	}
	if code := <-alice; code != 200 {
		t.Errorf("alice is answered %d", code)
	}
}

// TestParametersComeFirst: nobody is asked about what is malformed.
func TestParametersComeFirst(t *testing.T) {
	w := newWorld(t, "callback_events", list(served()))
	before := len(w.r.of("/callback"))
	long := strings.Repeat("x", 6000)
	for name, c := range map[string]struct {
		q    request
		code int
	}{
		"message":       {request{idOf(nimwire.SendMsg), &nimwire.SendMsgRequest{Msg: message(0, "bob", long)}}, 414},
		"to nobody":     {w.text("nobody", "hi"), 404},
		"card":          {request{idOf(nimwire.UpdateMyNameCard), &nimwire.UpdateMyNameCardRequest{User: nimwire.User{Nick: wire.Str(long)}}}, 414},
		"friend":        {request{idOf(nimwire.FriendReuqest), &nimwire.FriendReuqestRequest{Account: "bob", Type: 9}}, 414},
		"no friend":     {request{idOf(nimwire.FriendReuqest), &nimwire.FriendReuqestRequest{Account: "nobody", Type: 1}}, 404},
		"delete nobody": {request{idOf(nimwire.DeleteFriend), &nimwire.DeleteFriendRequest{Account: "nobody"}}, 404},
		"recall":        {request{idOf(nimwire.RecallMsg), &nimwire.RecallMsgRequest{RecallMsgTag: nimwire.RecallParams{Type: wire.Int(7), To: wire.Str("b b"), From: wire.Str("alice")}}}, 414},
		"team":          {request{idOf(nimwire.CreateTeam), &nimwire.CreateTeamRequest{Team: nimwire.Team{Name: wire.Str(long)}}}, 414},
		"invite nobody": {request{idOf(nimwire.AddTeamMembers), &nimwire.AddTeamMembersRequest{TeamId: 5}}, 414},
	} {
		if code, _ := w.call(w.clients["alice"], c.q); code != c.code {
			t.Errorf("%s: answered %d, want %d", name, code, c.code)
		}
	}
	if asked := w.r.of("/callback")[before:]; len(asked) != 0 {
		t.Errorf("asked about %s", asked[0].raw)
	}
}
