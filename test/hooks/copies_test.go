package hooks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/internal/im/eventcopy"
)

// copied are the events a server copies, by its own account.
func copied() string {
	var out []string
	for _, k := range eventcopy.Kinds() {
		if k.Why == "" {
			out = append(out, strings.Split(k.Numbers(), ", ")...)
		}
	}
	return strings.Join(out, ",")
}

// TestEveryCopy makes everything happen that the server says it copies, by
// clients and by REST, and looks at the fields of the copies.
func TestEveryCopy(t *testing.T) {
	w := newWorld(t, "copy_events", copied(), "callback_events", "10", "callback_on_failure", "pass")
	w.r.answers("/callback", func(hook) (int, string, time.Duration) { return 200, "garbage", 0 })
	alice, bob, carol := w.clients["alice"], w.clients["bob"], w.clients["carol"]
	var crew string
	w.all(func(s step) *bench.Reply {
		reply := w.ok(w.clients[s.who], s.do)
		if s.event == 7 {
			crew = fmt.Sprint(w.tid(reply))
		}
		return reply
	})
	legion := fmt.Sprint(w.super)
	want := func(fields ...string) hook { t.Helper(); return w.r.wait(fields...) }
	// Messages, and the notifications of everything that happened to the teams.
	want("convType", "PERSON", "body", "hi", "to", "bob", "fromClientType", "WEB", "fromDeviceId", "device-alice", "fromNick", "alice", "ip", "127.0.0.1", "resendFlag", "0", "ext", "x")
	want("convType", "TEAM", "body", "ahoy", "to", crew, "msgType", "TEXT", "tMembers", "[alice, bob]")
	want("convType", "SUPER_TEAM", "body", "ave", "to", legion, "msgType", "TEXT", "tMembers", "")
	for note, members := range map[string]string{`{"id":0,`: "[alice, bob]", `{"id":7,`: "", `{"id":8,`: "", `{"id":3,`: "", `{"id":10,`: "", `{"id":5,`: "", `{"id":2,`: "", `{"id":1,`: "", `{"id":6,`: "", `{"id":4,`: ""} {
		hytest.Eventually(t, "a copy of the notification "+note, func() bool {
			return slices.ContainsFunc(w.r.copies("convType", "TEAM", "msgType", "NOTIFICATION", "to", crew), func(h hook) bool {
				return strings.HasPrefix(h.text("attach"), note) && (members == "" || members == h.text("tMembers")) && h.text("ip") == "127.0.0.1" && h.text("msgidServer") == h.id
			})
		})
	}
	for _, note := range []string{"401", "407", "408", "404", "409", "410", "403", "402", "406"} {
		hytest.Eventually(t, "a copy of the notification "+note, func() bool {
			return slices.ContainsFunc(w.r.copies("convType", "SUPER_TEAM", "msgType", "NOTIFICATION", "to", legion), func(h hook) bool { return strings.HasPrefix(h.text("attach"), `{"id":`+note+`,`) })
		})
	}
	for _, h := range w.r.copies("convType", "SUPER_TEAM") {
		if _, told := h.body["tMembers"]; told {
			t.Errorf("a copy of a super team's message names members: %s", h.raw)
		}
	}
	want("convType", "CUSTOM_PERSON", "msgType", "FRIEND_ADD", "fromAccount", "alice", "to", "bob", "body", "me", "attach", `{"vt":1}`, "fromClientType", "WEB", "ip", "127.0.0.1")
	want("convType", "CUSTOM_PERSON", "msgType", "FRIEND_DELETE", "fromAccount", "alice", "to", "bob")
	want("eventType", "7", "from", "alice", "to", "bob", "selfMsg", "sorry", "clientId", "id-taken back")
	want("eventType", "83", "reason", "2")

	// Invitations and applications that wait.
	tid := w.tid(w.ok(alice, request{idOf(nimwire.CreateTeam), &nimwire.CreateTeamRequest{Accounts: []string{"bob", "carol"}, Ps: "come", Team: nimwire.Team{Name: wire.Str("club"), Type: wire.Int(1)}}}))
	club := fmt.Sprint(tid)
	h := want("convType", "CUSTOM_TEAM", "msgType", "TEAM_INVITE", "to", club, "fromAccount", "alice", "body", "come", "customSafeFlag", "0", "tMembers", "[bob, carol]")
	if !strings.HasPrefix(h.text("attach"), `{"tinfo":{"1":"`+club+`"`) {
		t.Errorf("attach of an invitation: %s", h.raw)
	}
	w.ok(bob, request{idOf(nimwire.AcceptTeamInvite), &nimwire.AcceptTeamInviteRequest{TeamId: tid, From: "alice"}})
	want("convType", "TEAM", "msgType", "NOTIFICATION", "to", club, "fromAccount", "bob", "tMembers", "[alice, bob]")
	w.ok(carol, request{idOf(nimwire.RejectTeamInvite), &nimwire.RejectTeamInviteRequest{TeamId: tid, From: "alice", Ps: "no"}})
	want("convType", "CUSTOM_TEAM", "msgType", "TEAM_INVITE_REJECT", "fromAccount", "carol", "body", "no")
	if code, _ := w.call(carol, request{idOf(nimwire.ApplyTeam), &nimwire.ApplyTeamRequest{TeamId: tid, Ps: "now?"}}); code != 808 {
		t.Errorf("apply is answered %d", code)
	}
	want("convType", "CUSTOM_TEAM", "msgType", "TEAM_APPLY", "fromAccount", "carol", "body", "now?", "tMembers", "[alice, bob]")
	w.ok(alice, request{idOf(nimwire.RejectTeamApply), &nimwire.RejectTeamApplyRequest{TeamId: tid, From: "carol", Ps: "no"}})
	want("convType", "CUSTOM_TEAM", "msgType", "TEAM_APPLY_REJECT", "fromAccount", "alice", "to", club)

	// Custom notifications.
	custom := func(typ int64, to, attach string, keep, route bool) request {
		return request{idOf(nimwire.SendCustomSysMsg), &nimwire.SendCustomSysMsgRequest{SysMsg: nimwire.SysMsg{Type: wire.Int(typ), To: wire.Str(to), Attach: wire.Str(attach),
			NeedSaveOffline: wire.Bool(keep), IsRoutable: wire.Bool(route), PushContent: wire.Str("push")}}}
	}
	w.ok(alice, custom(100, "bob", "c1", true, true))
	want("convType", "CUSTOM_PERSON", "msgType", "CUSTOM_P2P_MSG", "attach", "c1", "customSafeFlag", "1", "customApnsText", "push", "fromNick", "Alice")
	w.ok(alice, custom(100, "bob", "c2", false, true))
	want("msgType", "CUSTOM_P2P_MSG", "attach", "c2", "customSafeFlag", "0")
	w.ok(alice, custom(101, club, "c3", false, true))
	want("convType", "CUSTOM_TEAM", "msgType", "CUSTOM_TEAM_MSG", "attach", "c3", "to", club, "tMembers", "[alice, bob]")
	w.ok(bob, request{idOf(nimwire.SendSuperTeamCustomSysMsg), &nimwire.SendSuperTeamCustomSysMsgRequest{SysMsg: nimwire.SysMsg{Type: wire.Int(103), To: wire.Str(legion), Attach: wire.Str("c4")}}})
	w.api("msg/sendAttachMsg", "from", "alice", "msgtype", "0", "to", "bob", "attach", "c5")
	want("msgType", "CUSTOM_P2P_MSG", "attach", "c5", "fromClientType", "REST", "ip", "")
	w.api("msg/sendBatchAttachMsg", "fromAccid", "alice", "toAccids", `["bob"]`, "attach", "c6")
	want("msgType", "CUSTOM_P2P_MSG", "attach", "c6", "fromClientType", "REST", "fromNick", "Alice")
	cohort := fmt.Sprint(int64(w.api("superteam/create", "owner", "alice", "inviteAccids", `["bob"]`, "tname", "cohort", "beinvitemode", "1", "joinmode", "0")["tid"].(float64)))
	w.api("superteam/sendAttachMsg", "from", "bob", "to", cohort, "attach", "c7")
	want("convType", "CUSTOM_TEAM", "msgType", "CUSTOM_SUPERTEAM_MSG", "to", cohort, "attach", "c7", "fromClientType", "REST", "fromNick", "bob")

	// Receipts, recalls of teams, signaling.
	sent, err := bob.Send(hytest.Context(t), message(0, "alice", "read me"))
	if err != nil {
		t.Fatal(err)
	}
	w.ok(alice, request{idOf(nimwire.SendMsgReceipt), &nimwire.SendMsgReceiptRequest{MsgReceiptTag: nimwire.MsgReceipt{To: wire.Str("bob"), Time: wire.Int(sent.Time), IdClient: wire.Str("id-read me")}}})
	want("eventType", "30", "objects", fmt.Sprintf(`[{"fromAccount":"alice","toAccount":"bob","clientType":"WEB","msgidClient":"id-read me","timestamp":"%d"}]`, sent.Time))
	reply := w.ok(alice, request{idOf(nimwire.SendTeamMsg), &nimwire.SendTeamMsgRequest{Msg: message(1, tid, "team oops")}})
	var posted nimwire.SendTeamMsgResponse
	if err := posted.DecodeR(reply.R); err != nil {
		t.Fatal(err)
	}
	w.ok(alice, request{idOf(nimwire.RecallMsg), &nimwire.RecallMsgRequest{RecallMsgTag: nimwire.RecallParams{Type: wire.Int(8), To: wire.Str(club), From: wire.Str("alice"),
		Time: posted.Msg.Time, DeletedIdClient: wire.Str("id-team oops"), DeletedIdServer: posted.Msg.IdServer, Attach: wire.Str("a")}}})
	want("eventType", "8", "from", "alice", "to", club, "attach", "a", "msgId", posted.Msg.IdServer.String())
	w.signaling(alice, bob)
	w.unrouted()

	// Logins, logouts and failed logins.
	second, err := w.dial("alice", "second", "token")
	if err != nil {
		t.Fatal(err)
	}
	h = want("eventType", "2", "accid", "alice", "deviceId", "second", "code", "200", "clientIp", "127.0.0.1", "clientType", "WEB")
	if err := second.Logout(hytest.Context(t)); err != nil {
		t.Fatal(err)
	}
	want("eventType", "3", "accid", "alice", "deviceId", "second", "logOutReason", "1")
	for device, reason := range map[string]string{"lost": "2", "kicked": "3"} {
		c, err := w.dial("alice", device, "token")
		if err != nil {
			t.Fatal(err)
		}
		if device == "kicked" {
			w.ok(alice, request{idOf(nimwire.Kick), &nimwire.KickRequest{DeviceIds: []string{device}}})
		} else {
			c.Drop()
		}
		want("eventType", "3", "deviceId", device, "logOutReason", reason)
	}
	if _, err := w.dial("alice", "wrong", "guess"); err == nil {
		t.Fatal("a wrong token logs in")
	}
	h = want("eventType", "84", "accid", "alice", "deviceId", "wrong", "code", "302", "failReason", "login.token.error", "event", "1", "clientIp", "127.0.0.1")
	if strings.Contains(h.raw, "guess") {
		t.Error("the copy of a failed login holds the token")
	}
	w.superRecall(legion)

	// What a sender excludes is not copied; the copies above have all passed it.
	quiet := message(0, "bob", "quiet")
	quiet.NeedRouted = wire.Bool(false)
	if _, err := alice.Send(hytest.Context(t), quiet); err != nil {
		t.Fatal(err)
	}
	w.ok(alice, custom(100, "bob", "quiet", true, false))
	w.api("msg/sendMsg", "from", "alice", "to", "bob", "ope", "0", "type", "0", "body", `{"msg":"quiet"}`, "option", `{"route":false}`)
	w.api("msg/sendMsg", "from", "alice", "to", "bob", "ope", "0", "type", "0", "body", `{"msg":"loud"}`)
	want("body", "loud", "fromClientType", "REST")
	if n := len(w.r.copies("body", "quiet")) + len(w.r.copies("attach", "quiet")); n != 0 {
		t.Errorf("%d copies of what was excluded", n)
	}
	for _, number := range strings.Split(copied(), ",") {
		if len(w.r.copies("eventType", number)) == 0 {
			t.Errorf("event %s was never copied", number)
		}
	}
}

// signaling has a call set up and torn down, and looks at its copies.
func (w *world) signaling(caller, callee *bench.Client) {
	w.Helper()
	ctl := func(c wire.Command, s nimwire.Signaling) request {
		switch c.ID() {
		case nimwire.SignalingInvite.ID():
			return request{c.ID(), &nimwire.SignalingInviteRequest{Tag: s}}
		case nimwire.SignalingJoin.ID():
			return request{c.ID(), &nimwire.SignalingJoinRequest{Tag: s}}
		case nimwire.SignalingAccept.ID():
			return request{c.ID(), &nimwire.SignalingAcceptRequest{Tag: s}}
		case nimwire.SignalingReject.ID():
			return request{c.ID(), &nimwire.SignalingRejectRequest{Tag: s}}
		case nimwire.SignalingCancelInvite.ID():
			return request{c.ID(), &nimwire.SignalingCancelInviteRequest{Tag: s}}
		case nimwire.SignalingSendCustomCommand.ID():
			return request{c.ID(), &nimwire.SignalingSendCustomCommandRequest{Tag: s}}
		case nimwire.SignalingLeave.ID():
			return request{c.ID(), &nimwire.SignalingLeaveRequest{Tag: s}}
		}
		return request{c.ID(), &nimwire.SignalingCloseRequest{Tag: s}}
	}
	reply := w.ok(caller, request{idOf(nimwire.SignalingCreate), &nimwire.SignalingCreateRequest{Tag: nimwire.Signaling{Type: wire.Int(1), Name: wire.Str("room"), Ext: wire.Str("e")}}})
	var made nimwire.SignalingCreateResponse
	if err := made.DecodeR(reply.R); err != nil {
		w.Fatal(err)
	}
	id := made.Data.ChannelId
	do := func(c *bench.Client, cmd wire.Command, s nimwire.Signaling) {
		w.Helper()
		s.ChannelId = id
		w.ok(c, ctl(cmd, s))
	}
	do(caller, nimwire.SignalingJoin, nimwire.Signaling{Uid: wire.Int(7)})
	for _, req := range []string{"r1", "r2", "r3"} {
		do(caller, nimwire.SignalingInvite, nimwire.Signaling{ToAccid: wire.Str("bob"), RequestId: wire.Str(req), AttachExt: wire.Str("x"), NeedOffline: wire.Bool(true)})
	}
	do(callee, nimwire.SignalingReject, nimwire.Signaling{ToAccid: wire.Str("alice"), RequestId: wire.Str("r1")})
	do(caller, nimwire.SignalingCancelInvite, nimwire.Signaling{ToAccid: wire.Str("bob"), RequestId: wire.Str("r2")})
	do(callee, nimwire.SignalingAccept, nimwire.Signaling{ToAccid: wire.Str("alice"), RequestId: wire.Str("r3")})
	do(callee, nimwire.SignalingJoin, nimwire.Signaling{Uid: wire.Int(8)})
	do(caller, nimwire.SignalingSendCustomCommand, nimwire.Signaling{AttachExt: wire.Str("mic")})
	do(callee, nimwire.SignalingLeave, nimwire.Signaling{})
	do(caller, nimwire.SignalingClose, nimwire.Signaling{})
	channel := id.String()
	w.r.wait("eventType", "31", "type", "CLOSE_ROOM", "channelId", channel, "from", "alice")
	var types []string
	for _, h := range w.r.copies("eventType", "31", "channelId", channel, "channelName", "room", "creator", "alice", "ext", "e") {
		types = append(types, h.text("type"))
	}
	if got := strings.Join(types, " "); got != "CREATE_ROOM JOIN_ROOM INVITE INVITE INVITE REJECT CANCEL_INVITE ACCEPT JOIN_ROOM CTRL LEAVE_ROOM CLOSE_ROOM" {
		w.Errorf("copies of a call: %s", got)
	}
	w.r.wait("type", "JOIN_ROOM", "from", "bob", "uid", "8")
	w.r.wait("type", "INVITE", "from", "alice", "to", "bob", "requestId", "r1", "attachExt", "x", "isSave", "true")
	w.r.wait("type", "CTRL", "attachExt", "mic")
}

// unrouted has REST set a call up without copies, each step beside one with.
func (w *world) unrouted() {
	w.Helper()
	made := func(route string) string {
		return fmt.Sprint(w.api("signal/createRoom", "type", "1", "from", "alice", "ext", route, "isRoute", route)["data"].(map[string]any)["channelId"])
	}
	quiet, loud := made("0"), made("1")
	for _, id := range []string{quiet, loud} {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			w.Fatal(err)
		}
		for i, who := range []string{"alice", "bob"} {
			w.ok(w.clients[who], request{idOf(nimwire.SignalingJoin), &nimwire.SignalingJoinRequest{Tag: nimwire.Signaling{ChannelId: wire.Int(n), Uid: wire.Int(int64(i) + 1)}}})
		}
	}
	steps := [][]string{
		{"signal/invite", "from", "alice", "to", "carol", "requestId", "r"},
		{"signal/cancelInvite", "from", "alice", "to", "carol", "requestId", "r"},
		{"signal/ctrlRoom", "from", "alice", "to", "bob"},
		{"signal/kick", "from", "alice", "to", "bob"},
		{"signal/closeRoom", "from", "alice"},
	}
	for _, s := range steps {
		w.api(s[0], append(s[1:], "channelId", quiet, "isRoute", "0", "attachExt", "quiet")...)
		w.api(s[0], append(s[1:], "channelId", loud)...) // 1 is the default
	}
	w.r.wait("eventType", "31", "type", "CLOSE_ROOM", "channelId", loud)
	w.r.wait("eventType", "31", "type", "JOIN_ROOM", "channelId", quiet, "from", "bob") // another channel has an order of its own
	types := func(id string) (out string) {
		for _, h := range w.r.copies("eventType", "31", "channelId", id) {
			out += h.text("type") + " "
		}
		return out
	}
	if got := types(loud); got != "CREATE_ROOM JOIN_ROOM JOIN_ROOM INVITE CANCEL_INVITE CTRL LEAVE_ROOM CLOSE_ROOM " {
		w.Errorf("copies of a call: %s", got)
	}
	if got := types(quiet); got != "JOIN_ROOM JOIN_ROOM " {
		w.Errorf("copies of what isRoute=0 excludes: %s", got)
	}
}

// superRecall has REST take back a message of a super team.
func (w *world) superRecall(tid string) {
	w.Helper()
	reply := w.ok(w.clients["bob"], request{idOf(nimwire.SendSuperTeamMsg), &nimwire.SendSuperTeamMsgRequest{Msg: message(5, tid, "super oops")}})
	var posted nimwire.SendSuperTeamMsgResponse
	if err := posted.DecodeR(reply.R); err != nil {
		w.Fatal(err)
	}
	w.api("superteam/recallMsg", "from", "bob", "to", tid, "timetag", posted.Msg.Time.String(), "deleteMsgid", posted.Msg.IdServer.String())
	w.r.wait("eventType", "25", "from", "bob", "to", tid, "fromClientType", "REST", "msgId", posted.Msg.IdServer.String())
}

// TestCopyConvTypes: of event 1 only the chosen kinds of conversations are copied.
func TestCopyConvTypes(t *testing.T) {
	w := newWorld(t, "copy_events", "1", "copy_conv_types", "TEAM,CUSTOM_PERSON")
	w.all(func(s step) *bench.Reply { return w.ok(w.clients[s.who], s.do) })
	// The dismissal of the team comes before the last operations of the super team.
	hytest.Eventually(t, "the team is dismissed", func() bool {
		return slices.ContainsFunc(w.r.copies(), func(h hook) bool { return strings.HasPrefix(h.text("attach"), `{"id":4,`) })
	})
	kinds := map[string]bool{}
	for _, h := range w.r.copies() {
		kinds[h.text("convType")] = true
	}
	if len(kinds) != 2 || !kinds["TEAM"] || !kinds["CUSTOM_PERSON"] {
		t.Errorf("copied: %v", kinds)
	}
}
