package hooks

import (
	"fmt"
	"strconv"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
)

// step is one operation of a client that the app's server is asked about.
type step struct {
	event int
	name  string
	who   string
	do    request
	want  map[string]string // fields of the question, as hook.text gives them
}

// world is what the operations are done in.
type world struct {
	*bed
	clients map[string]*bench.Client
	super   int64 // a super team of alice and bob
}

func newWorld(t *testing.T, settings ...string) *world {
	w := &world{bed: newBed(t, settings...), clients: map[string]*bench.Client{}}
	names := []string{"alice", "bob", "carol", "dave"}
	w.accounts(names...)
	for _, name := range names {
		w.clients[name] = w.online(name, nil)
	}
	made := w.api("superteam/create", "owner", "alice", "inviteAccids", `["bob"]`, "tname", "legion", "beinvitemode", "1", "joinmode", "0")
	tid, err := strconv.ParseInt(fmt.Sprint(made["tid"]), 10, 64)
	if err != nil {
		if f, ok := made["tid"].(float64); ok {
			tid, err = int64(f), nil
		}
	}
	if err != nil || tid == 0 {
		t.Fatalf("superteam/create answered %v", made)
	}
	w.super = tid
	return w
}

func idOf(c wire.Command) wire.ID { return c.ID() }

// message is a text to somebody.
func message(scene int64, to any, body string) nimwire.Msg {
	return nimwire.Msg{Scene: wire.Int(scene), To: wire.Str(fmt.Sprint(to)), Type: wire.Int(0), Body: wire.Str(body), IdClient: wire.Str("id-" + body), Ext: wire.Str("x")}
}

// tid reads the id out of the answer to 8-1.
func (w *world) tid(reply *bench.Reply) int64 {
	w.Helper()
	var made nimwire.CreateTeamResponse
	if err := made.DecodeR(reply.R); err != nil {
		w.Fatal(err)
	}
	return made.Team.TeamId.Int()
}

// first are the operations that need no team.
func (w *world) first() []step {
	p2p, pic := message(0, "bob", "hi"), nimwire.User{Nick: wire.Str("Alice"), Gender: wire.Int(2)}
	return []step{
		{1, "p2p message", "alice", request{idOf(nimwire.SendMsg), &nimwire.SendMsgRequest{Msg: p2p}},
			map[string]string{"fromAccount": "alice", "to": "bob", "msgType": "TEXT", "body": "hi", "ext": "x", "msgidClient": "id-hi", "fromNick": "alice", "fromDeviceId": "device-alice"}},
		{3, "profile", "alice", request{idOf(nimwire.UpdateMyNameCard), &nimwire.UpdateMyNameCardRequest{User: pic}},
			map[string]string{"account": "alice", "name": "Alice", "gender": "2", "deviceId": "device-alice"}},
		{4, "add friend", "alice", request{idOf(nimwire.FriendReuqest), &nimwire.FriendReuqestRequest{Account: "bob", Type: 1, Ps: "me"}},
			map[string]string{"fromAccount": "alice", "to": "bob", "type": "1", "msg": "me"}},
		{5, "delete friend", "alice", request{idOf(nimwire.DeleteFriend), &nimwire.DeleteFriendRequest{Account: "bob"}},
			map[string]string{"fromAccount": "alice", "to": "bob"}},
		{7, "create team", "alice", request{idOf(nimwire.CreateTeam), &nimwire.CreateTeamRequest{Accounts: []string{"bob"}, Ps: "come",
			Team: nimwire.Team{Name: wire.Str("crew"), Type: wire.Int(1), BeInviteMode: wire.Int(1), JoinMode: wire.Int(0)}}},
			map[string]string{"creator": "alice", "fromAccount": "", "tname": "crew", "type": "1", "beinvitemode": "1", "joinmode": "0", "inviteList": "[bob]", "msg": "come", "tid": ""}},
	}
}

// ofTeam are the operations on a team of alice and bob.
func (w *world) ofTeam(tid int64) []step {
	id := fmt.Sprint(tid)
	return []step{
		{2, "team message", "alice", request{idOf(nimwire.SendTeamMsg), &nimwire.SendTeamMsgRequest{Msg: message(1, tid, "ahoy")}}, map[string]string{"to": id, "body": "ahoy", "fromAccount": "alice"}},
		{9, "invite", "alice", request{idOf(nimwire.AddTeamMembers), &nimwire.AddTeamMembersRequest{TeamId: tid, Accounts: []string{"carol"}, Ps: "join us"}},
			map[string]string{"tid": id, "inviteList": "[carol]", "beinvitemode": "1", "msg": "join us"}},
		{11, "add managers", "alice", request{idOf(nimwire.AddTeamManagers), &nimwire.AddTeamManagersRequest{TeamId: tid, Accounts: []string{"bob"}}}, map[string]string{"tid": id, "managers": "[bob]"}},
		{12, "remove managers", "alice", request{idOf(nimwire.RemoveTeamManagers), &nimwire.RemoveTeamManagersRequest{TeamId: tid, Accounts: []string{"bob"}}}, map[string]string{"tid": id, "managers": "[bob]"}},
		{15, "change info", "alice", request{idOf(nimwire.UpdateTeamInfo), &nimwire.UpdateTeamInfoRequest{Team: nimwire.Team{TeamId: wire.Int(tid), Name: wire.Str("new"), UpdateExtMode: wire.Int(1)}}},
			map[string]string{"tid": id, "tname": "new", "upcustommode": "1", "intro": ""}},
		{15, "mute team", "alice", request{idOf(nimwire.MuteTeam), &nimwire.MuteTeamRequest{TeamId: tid, Mute: 1}}, map[string]string{"tid": id, "teamMuteType": "1"}},
		{16, "own member info", "bob", request{idOf(nimwire.UpdateMyMemberInfo), &nimwire.UpdateMyMemberInfoRequest{TeamMember: nimwire.TeamMember{TeamId: wire.Int(tid), NickInTeam: wire.Str("b"), Bits: wire.Int(1), Ext: wire.Str("e")}}},
			map[string]string{"tid": id, "fromAccount": "bob", "nick": "b", "bits": "1", "custom": "e"}},
		{17, "another's nick", "alice", request{idOf(nimwire.UpdateNickInTeam), &nimwire.UpdateNickInTeamRequest{TeamMember: nimwire.TeamMember{TeamId: wire.Int(tid), Account: wire.Str("bob"), NickInTeam: wire.Str("bb")}}},
			map[string]string{"tid": id, "toAccount": "bob", "nick": "bb"}},
		{18, "mute member", "alice", request{idOf(nimwire.MuteTeamMember), &nimwire.MuteTeamMemberRequest{TeamId: tid, Account: "bob", Mute: 1}}, map[string]string{"tid": id, "toAccount": "bob", "mute": "1"}},
		{19, "apply", "dave", request{idOf(nimwire.ApplyTeam), &nimwire.ApplyTeamRequest{TeamId: tid, Ps: "please"}}, map[string]string{"tid": id, "fromAccount": "dave", "msg": "please"}},
		{10, "leave", "dave", request{idOf(nimwire.LeaveTeam), &nimwire.LeaveTeamRequest{TeamId: tid}}, map[string]string{"tid": id, "fromAccount": "dave"}},
		{14, "kick", "alice", request{idOf(nimwire.RemoveTeamMembers), &nimwire.RemoveTeamMembersRequest{TeamId: tid, Accounts: []string{"carol"}}}, map[string]string{"tid": id, "kickList": "[carol]"}},
		{13, "transfer", "alice", request{idOf(nimwire.TransferTeam), &nimwire.TransferTeamRequest{TeamId: tid, Account: "bob"}}, map[string]string{"tid": id, "newOwner": "bob", "leave": "2"}},
		{8, "dismiss", "bob", request{idOf(nimwire.DismissTeam), &nimwire.DismissTeamRequest{TeamId: tid}}, map[string]string{"tid": id, "fromAccount": "bob"}},
	}
}

// ofSuperTeam are the operations on a super team of alice and bob.
func (w *world) ofSuperTeam(tid int64) []step {
	id := fmt.Sprint(tid)
	return []step{
		{22, "super team message", "alice", request{idOf(nimwire.SendSuperTeamMsg), &nimwire.SendSuperTeamMsgRequest{Msg: message(5, tid, "ave")}}, map[string]string{"to": id, "body": "ave"}},
		{23, "invite", "alice", request{idOf(nimwire.AddSuperTeamMembers), &nimwire.AddSuperTeamMembersRequest{TeamId: tid, Accounts: []string{"carol"}, Ps: "come"}},
			map[string]string{"tid": id, "inviteList": "[carol]", "beinvitemode": "1", "msg": "come"}},
		{29, "add managers", "alice", request{idOf(nimwire.AddSuperTeamManagers), &nimwire.AddSuperTeamManagersRequest{TeamId: tid, Accounts: []string{"bob"}}}, map[string]string{"tid": id, "managers": "[bob]"}},
		{30, "remove managers", "alice", request{idOf(nimwire.RemoveSuperTeamManagers), &nimwire.RemoveSuperTeamManagersRequest{TeamId: tid, Accounts: []string{"bob"}}}, map[string]string{"tid": id, "managers": "[bob]"}},
		{26, "change info", "alice", request{idOf(nimwire.UpdateSuperTeamInfo), &nimwire.UpdateSuperTeamInfoRequest{SuperTeam: nimwire.Team{TeamId: wire.Int(tid), Intro: wire.Str("veni")}}}, map[string]string{"tid": id, "intro": "veni"}},
		{31, "mute team", "alice", request{idOf(nimwire.MuteSuperTeam), &nimwire.MuteSuperTeamRequest{TeamId: tid, Mute: 1}}, map[string]string{"tid": id, "teamMuteType": "1"}},
		{27, "own member info", "bob", request{idOf(nimwire.UpdateMySuperTeamMemberInfo), &nimwire.UpdateMySuperTeamMemberInfoRequest{TeamMember: nimwire.SuperTeamMember{TeamId: wire.Int(tid), NickInTeam: wire.Str("b")}}}, map[string]string{"tid": id, "nick": "b"}},
		{33, "another's info", "alice", request{idOf(nimwire.UpdateSuperTeamMemberNick), &nimwire.UpdateSuperTeamMemberNickRequest{TeamMember: nimwire.SuperTeamMember{TeamId: wire.Int(tid), Account: wire.Str("bob"), NickInTeam: wire.Str("bb")}}},
			map[string]string{"tid": id, "toAccount": "bob", "nick": "bb"}},
		{32, "mute members", "alice", request{idOf(nimwire.MuteSuperTeamMembers), &nimwire.MuteSuperTeamMembersRequest{TeamId: tid, Accounts: []string{"bob"}, Mute: 1}}, map[string]string{"tid": id, "muteList": "[bob]", "mute": "1"}},
		{28, "apply", "dave", request{idOf(nimwire.ApplySuperTeam), &nimwire.ApplySuperTeamRequest{TeamId: tid, Ps: "please"}}, map[string]string{"tid": id, "fromAccount": "dave", "msg": "please"}},
		{25, "leave", "dave", request{idOf(nimwire.LeaveSuperTeam), &nimwire.LeaveSuperTeamRequest{TeamId: tid}}, map[string]string{"tid": id, "fromAccount": "dave"}},
		{24, "kick", "alice", request{idOf(nimwire.RemoveSuperTeamMembers), &nimwire.RemoveSuperTeamMembersRequest{TeamId: tid, Accounts: []string{"carol"}}}, map[string]string{"tid": id, "kickList": "[carol]"}},
		{34, "transfer", "alice", request{idOf(nimwire.TransferSuperTeam), &nimwire.TransferSuperTeamRequest{TeamId: tid, Account: "bob", Leave: true}}, map[string]string{"tid": id, "newOwner": "bob", "leave": "1"}},
	}
}

// all runs do on every operation, in an order in which they succeed; do returns
// the answer of the last time the operation was done.
func (w *world) all(do func(step) *bench.Reply) {
	var tid int64
	for _, s := range w.first() {
		reply := do(s)
		if s.event == 7 {
			tid = w.tid(reply)
		}
	}
	sent, err := w.clients["alice"].Send(hytest.Context(w), message(0, "bob", "taken back"))
	if err != nil {
		w.Fatal(err)
	}
	do(step{35, "recall", "alice", request{idOf(nimwire.RecallMsg), &nimwire.RecallMsgRequest{RecallMsgTag: nimwire.RecallParams{Type: wire.Int(7), To: wire.Str("bob"),
		From: wire.Str("alice"), Time: wire.Int(sent.Time), DeletedIdClient: wire.Str("id-taken back"), DeletedIdServer: wire.Str(sent.IDServer), Ps: wire.Str("sorry")}}},
		map[string]string{"fromAccount": "alice", "toAccount": "bob", "msgFromAccid": "alice", "msgId": sent.IDServer, "opeType": "7", "msg": "sorry", "time": fmt.Sprint(sent.Time)}})
	for _, s := range append(w.ofTeam(tid), w.ofSuperTeam(w.super)...) {
		do(s)
	}
}

// text is 7-1 with a text.
func (w *world) text(to, body string) request {
	return request{idOf(nimwire.SendMsg), &nimwire.SendMsgRequest{Msg: message(0, to, body)}}
}
