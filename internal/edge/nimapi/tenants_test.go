package nimapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/presence"
)

// What the victim's data hold and nobody else's: a text, and a time.
const (
	mark     = "mark-7f3a91"
	markedMs = "1700000000777"
)

// foreignCall is one call on the victim's objects, which the form names by
// {name}; own is how the victim's own keys are answered, 0 = 200. The victim
// makes the calls too, in this order and after everybody else: so the calls do
// something, and what a later one needs is still there.
type foreignCall struct {
	path, form string
	own        int
}

// foreignCalls has at least one call of every endpoint that is served.
func foreignCalls() []foreignCall {
	return []foreignCall{
		{"user/update", "accid=alice token=stolen", 0},
		{"user/refreshToken", "accid=alice", 0},
		{"user/block", "accid=dave needkick=true", 0},
		{"user/unblock", "accid=dave", 0},
		{"user/mute", "accid=dave mute=true", 0},
		{"user/muteModule", "accid=dave muteP2P=true", 0},
		{"user/muteAv", "accid=dave mute=true", 0},
		{"user/setDonnop", "accid=dave donnopOpen=true", 0},
		{"user/userOnlineStatus", `accids=["bob"]`, 0},
		{"user/getUinfos", `accids=["alice"] muteStatus=true`, 0},
		{"user/updateUinfo", "accid=dave name=taken", 0},
		{"friend/getByAccid", "accid=alice faccid=bob", 0},
		{"friend/get", "accid=alice updatetime=0", 0},
		{"friend/update", "accid=alice faccid=bob alias=taken", 0},
		{"friend/delete", "accid=alice faccid=bob", 0},
		{"friend/add", "accid=alice faccid=bob type=1", 0},
		{"user/setSpecialRelation", "accid=alice targetAcc=carol relationType=1 value=0", 0},
		{"user/listBlackAndMuteList", "accid=alice", 0},

		{"msg/sendMsg", `from=alice ope=0 to=bob type=0 body={"msg":"forged"}`, 0},
		{"msg/sendMsg", `from=alice ope=1 to={team} type=0 body={"msg":"forged"}`, 0},
		{"msg/sendBatchMsg", `fromAccid=alice toAccids=["bob"] type=0 body={"msg":"forged"} returnMsgid=true`, 0},
		{"msg/markReadMsg", "from=bob to=alice msgidClient={p2pClient}", 0},
		{"msg/markReadTeamMsg", "accid=bob tid={team} msgids=[{teamMsg}]", 0},
		{"team/getMarkReadInfo", "tid={team} msgid={teamMsg} fromAccid=alice snapshot=true", 0},
		{"history/querySessionMsg", "from=alice to=bob begintime=0 endtime=0 limit=100 includeNoSenseMsg=true", 0},
		{"history/queryTeamMsg", "tid={team} accid=alice begintime=0 endtime=0 limit=100", 0},
		{"history/queryTeamMsg", "tid={team} accid=alice begintime=0 endtime=0 limit=100 checkTeamValid=false", 0},
		{"history/querySessionList", "accid=bob needLastMsg=1", 0},
		{"history/queryUserEvents", "accid=alice begintime=0 endtime=0 limit=100", 0},
		{"msg/recall", "deleteMsgid={p2pMsg} timetag={p2pTime} type=7 from=alice to=bob ignoreTime=1", 0},
		{"msg/recall", "deleteMsgid={teamMsg} timetag={teamTime} type=8 from=alice to={team} ignoreTime=1", 0},
		{"msg/delMsg", "deleteMsgid={p2pMsg2} timetag={p2pTime2} type=7 from=alice to=bob", 0},
		{"msg/delMsgOneWay", "deleteMsgid={p2pMsg3} timetag={p2pTime3} type=13 from=alice to=bob", 0},
		{"msg/delRoamSession", "type=1 from=alice to=bob", 0},
		{"msg/delRoamSession", "type=2 from=alice to={team}", 0},
		{"msg/sendAttachMsg", "from=alice msgtype=0 to=bob attach={}", 0},
		{"msg/sendAttachMsg", "from=alice msgtype=1 to={team} attach={}", 0},
		{"msg/sendBatchAttachMsg", `fromAccid=alice toAccids=["bob"] attach={}`, 0},
		{"msg/broadcastMsg", "body=forged isOffline=true", 0},
		{"history/queryBroadcastMsgById", "broadcastId={broadcast}", 0},
		{"history/queryBroadcastMsg", "broadcastId={broadcast}", 0},
		{"history/delBroadcastMsgById", "broadcastId={broadcast}", 0},
		{"msg/upload", "content=aGVsbG8= tag=" + mark, 0},
		{"msg/fileUpload", "content=aGVsbG8=", 0},
		{"job/nos/del", "startTime=1700000000000 endTime=1700100000000", 0},

		{"team/query", "tids=[{team}] ope=1", 0},
		{"team/query", "tids=[{team}] ope=1 ignoreInvalid=true", 0},
		{"team/queryDetail", "tid={team}", 0},
		{"team/joinTeams", "accid=alice", 0},
		{"team/listMemberInfo", "accid=alice", 0},
		{"team/listTeamMute", "tid={team} owner=alice", 0},
		{"team/listOnlineUsers", "tid={team}", 0},
		{"team/listOnlineUserCount", "tids=[{team}]", 0},
		{"team/update", "tid={team} owner=alice tname=taken", 0},
		{"team/updateTeamNick", "tid={team} owner=alice accid=bob nick=taken", 0},
		{"team/muteTeam", "tid={team} accid=bob ope=1", 0},
		{"team/muteTlist", "tid={team} owner=alice accid=bob mute=1", 0},
		{"team/muteTlistAll", "tid={team} owner=alice mute=true", 0},
		{"team/addManager", `tid={team} owner=alice members=["bob"]`, 0},
		{"team/removeManager", `tid={team} owner=alice members=["bob"]`, 0},
		{"team/add", `tid={team} owner=alice members=["dave"] magree=0`, 0},
		{"team/kick", "tid={team} owner=alice member=dave", 0},
		{"team/leave", "tid={team} accid=bob", 0},
		{"team/changeOwner", "tid={team} owner=alice newowner=carol leave=2", 0},
		{"team/remove", "tid={team2} owner=alice", 0},
		{"team/create", `owner=alice tname=forged members=["bob"] magree=0 msg= joinmode=0`, 0},

		{"superteam/sendMsg", `tid={super} fromAccid=alice type=0 body={"msg":"forged"}`, 0},
		{"superteam/sendAttachMsg", "from=alice to={super} attach={}", 0},
		{"superteam/queryHistoryMsg", "tid={super} accid=alice begintime=0 endtime=0 limit=100", 0},
		{"superteam/queryHistoryMsgByIds", `msgs=[{"msgid":{superMsg},"from":"alice","to":{super},"time":{superTime}}]`, 0},
		{"superteam/recallMsg", "deleteMsgid={superMsg} timetag={superTime} from=alice to={super} ignoreTime=1", 0},
		{"superteam/getTinfos", "tids=[{super}]", 0},
		{"superteam/joinTeams", "accid=alice", 0},
		{"superteam/getTlists", "tid={super} timetag=0 limit=100", 0},
		{"superteam/getMuteTlists", "tid={super} timetag=0 limit=100", 0},
		{"superteam/updateTinfo", "tid={super} owner=alice tname=taken", 0},
		{"superteam/updateTlist", "tid={super} accid=bob custom=taken", 0},
		{"superteam/updateTeamNick", "tid={super} owner=alice accid=bob nick=taken", 0},
		{"superteam/changeLevel", "tid={super} owner=alice tlevel=300", 0},
		{"superteam/mute", "tid={super} owner=alice muteType=1", 0},
		{"superteam/muteTlist", `tid={super} owner=alice muteAccids=["bob"] mute=1`, 0},
		{"superteam/addManager", `tid={super} owner=alice managerAccids=["bob"]`, 0},
		{"superteam/removeManager", `tid={super} owner=alice managerAccids=["bob"]`, 0},
		{"superteam/invite", `tid={super} owner=alice inviteAccids=["dave"] msg=`, 0},
		{"superteam/kick", `tid={super} owner=alice kickAccids=["dave"]`, 0},
		{"superteam/leave", "tid={super} accid=bob", 0},
		{"superteam/changeOwner", "tid={super} owner=alice accid=carol leave=2", 0},
		{"superteam/dismiss", "tid={super2} owner=alice", 0},
		{"superteam/create", `owner=alice tname=forged inviteAccids=["bob"] msg= joinmode=0 beinvitemode=1`, 0},

		{"chatroom/get", "roomid={room} needOnlineUserCount=true", 0},
		{"chatroom/getBatch", "roomids=[{room}]", 0},
		{"chatroom/requestAddr", "roomid={room} accid=alice", 0},
		{"chatroom/sendMsg", "roomid={room} msgId=forged fromAccid=alice msgType=0 attach=forged", 0},
		{"history/queryChatroomMsg", "roomid={room} accid=alice timetag=0 limit=200", 0},
		{"chatroom/recall", "roomid={room} fromAcc=alice msgTimetag={roomTime} msgId={roomMsg} operatorAcc=alice", 0},
		{"chatroom/deleteHistoryMessage", "roomid={room} fromAcc=alice msgTimetag={roomTime2}", 0},
		{"chatroom/update", "roomid={room} name=taken", 0},
		{"chatroom/toggleCloseStat", "roomid={room} operator=alice valid=false", 0},
		{"chatroom/create", "creator=alice name=forged", 0},

		{"event/subscribe/query", `accid=alice eventType=1 publisherAccids=["bob"]`, 0},
		{"event/subscribe/delete", `accid=alice eventType=1 publisherAccids=["bob"]`, 0},
		{"event/subscribe/add", `accid=alice eventType=1 publisherAccids=["bob"] ttl=60`, 0},
		{"event/subscribe/batchdel", "accid=alice eventType=1", 0},

		{"signal/getRoomInfo", "channelId={channel}", 0},
		{"signal/getRoomInfo", "channelName=channel", 0},
		{"signal/delayRoom", "channelId={channel}", 0},
		{"signal/invite", "channelId={channel} from=alice to=bob requestId=r isSave=1", 0},
		{"signal/cancelInvite", "channelId={channel} from=alice to=bob requestId=r", 0},
		{"signal/kick", "channelId={channel} from=alice to=bob", 10406},
		{"signal/ctrlRoom", "channelId={channel} from=alice", 10406},
		{"signal/closeRoom", "channelId={channel} from=alice", 0},
		{"signal/createRoom", "type=1 from=alice channelName=channel", 0},

		{"hongyan/proxyNotify", `from=alice accids=["bob"] body=forged`, 0},
		{"translator/textMsg", "accid=alice text=hello to=en", 403}, // no provider is set up
		{"user/create", "accid=alice name=taken", 414},
	}
}

// victim fills the first app and returns what its objects are called.
func (n *node) victim() map[string]string {
	t := n.t
	t.Helper()
	get := func(path, form string, at ...string) string {
		t.Helper()
		got := n.call(path, split(form)...)
		if fmt.Sprint(field(t, got, "code")) != "200" {
			t.Fatalf("%s %s: %s", path, form, got)
		}
		if at == nil {
			return ""
		}
		return fmt.Sprint(field(t, got, at...))
	}
	named := map[string]string{}
	for _, id := range []string{"alice", "bob", "carol", "dave"} {
		get("user/create", "accid="+id+" name="+mark+" ex="+mark+" token="+mark)
	}
	get("friend/add", "accid=alice faccid=bob type=1")
	get("friend/update", "accid=alice faccid=bob alias="+mark+" serverex="+mark)
	get("user/setSpecialRelation", "accid=alice targetAcc=carol relationType=1 value=1")
	text := `type=0 ext=` + mark + ` body={"msg":"` + mark + `"}`
	for i, no := range []string{"", "2", "3"} {
		named["p2pMsg"+no] = get("msg/sendMsg", "from=alice ope=0 to=bob "+text, "data", "msgid")
		m := n.history("alice", "bob")[i]
		named["p2pTime"+no], named["p2pClient"+no] = fmt.Sprint(m.Time), m.IDClient
	}
	for _, no := range []string{"", "2"} {
		about := " tname=" + mark + " intro=" + mark + " announcement=" + mark + " icon=" + mark + " joinmode=0 msg="
		named["team"+no] = get("team/create", `owner=alice members=["bob","carol"] magree=0 custom=`+mark+about, "tid")
		named["super"+no] = get("superteam/create", `owner=alice inviteAccids=["bob","carol"] beinvitemode=1 serverCustom=`+mark+about, "tid")
	}
	get("team/updateTeamNick", "tid="+named["team"]+" owner=alice accid=bob nick="+mark+" custom="+mark)
	get("team/muteTlist", "tid="+named["team"]+" owner=alice accid=bob mute=1")
	got := n.call("msg/sendMsg", split("from=alice ope=1 to="+named["team"]+" markRead=1 "+text)...)
	named["teamMsg"], named["teamTime"] = fmt.Sprint(field(t, got, "data", "msgid")), fmt.Sprint(field(t, got, "data", "timetag"))
	got = n.call("superteam/sendMsg", split("tid="+named["super"]+" fromAccid=alice "+text)...)
	named["superMsg"], named["superTime"] = fmt.Sprint(field(t, got, "data", "msgid")), fmt.Sprint(field(t, got, "data", "timetag"))
	named["room"] = get("chatroom/create", "creator=alice name="+mark+" announcement="+mark+" broadcasturl="+mark+" ext="+mark, "chatroom", "roomid")
	for _, no := range []string{"", "2"} {
		named["roomMsg"+no] = mark + no
		named["roomTime"+no] = get("chatroom/sendMsg", "roomid="+named["room"]+" msgId="+mark+no+" fromAccid=alice msgType=0 attach="+mark+" ext="+mark, "desc", "time")
	}
	named["broadcast"] = get("msg/broadcastMsg", "body="+mark+" isOffline=true", "msg", "broadcastId")
	get("msg/upload", "content=aGVsbG8= tag="+mark)
	get("event/subscribe/add", `accid=alice eventType=1 publisherAccids=["bob"] ttl=600`)
	named["channel"] = get("signal/createRoom", "type=1 from=alice channelName=channel ext="+mark, "data", "channelId")
	n.presence.Put(&presence.Device{App: appKey, Accid: "bob", DeviceID: mark, ClientType: 16, LoginMs: 1700000000777})
	if err := n.accounts.AddLoginRecords(t.Context(), []account.LoginRecord{
		{App: appKey, Accid: "alice", ID: n.store.IDs().Next(), TimeMs: 1700000000777, Event: 2, ClientType: 16, Device: mark, CustomTag: mark}}); err != nil {
		t.Fatal(err)
	}
	return named
}

func split(form string) []string { return strings.Split(form, " ") }

// TestForeignCalls: whatever another app calls with its keys on this app's
// objects, nothing of this app changes, nobody of it is told, and nothing of it
// is shown. One of the other apps has accounts of the same names.
func TestForeignCalls(t *testing.T) {
	n := newNode(t)
	withFiles(t, n)
	n.set(map[string]string{"rest_rate": "100000"})
	named := n.victim()
	var pairs []string
	for name, value := range named {
		pairs = append(pairs, "{"+name+"}", value)
	}
	fill := strings.NewReplacer(pairs...)
	calls := foreignCalls()
	for _, r := range n.api.Routes() {
		name := strings.TrimSuffix(strings.TrimPrefix(r.Path, "/nimserver/"), ".action")
		switch {
		case r.Open:
		case r.Unsupported != "":
			calls = append(calls, foreignCall{path: name, own: int(im.CodeUnavailable)})
		case !slices.ContainsFunc(calls, func(c foreignCall) bool { return c.path == name }):
			t.Errorf("%s has no foreign call", name)
		}
	}
	for _, other := range []string{"namesake", "stranger"} {
		if _, err := n.apps.Ensure(t.Context(), other, appSecret, "", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := n.apps.Set(t.Context(), other, map[string]string{"rest_rate": "100000"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"alice", "bob", "carol", "dave"} {
		if _, _, err := n.accounts.Register(t.Context(), "namesake", id, "token", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	before, told := hytest.Dump(t, n.dir, appKey), len(n.published.Events())
	if len(before["message"]) == 0 || len(before["team_member"]) == 0 || len(before["file"]) == 0 || len(before["chatroom_message"]) == 0 || len(before["app"]) != 1 {
		t.Fatalf("the dump lacks rows: %v", slices.Sorted(maps.Keys(before)))
	}
	for _, other := range []string{"namesake", "stranger"} {
		for _, c := range calls {
			got := n.callAs(map[string]string{"AppKey": other}, c.path, split(fill.Replace(c.form))...)
			echo := strings.Contains(c.form, mark)
			if !echo && strings.Contains(got, mark) || strings.Contains(got, markedMs) {
				t.Errorf("%s, %s %s is shown %s", other, c.path, c.form, got)
			}
			if why := changed(before, hytest.Dump(t, n.dir, appKey)); why != "" {
				t.Fatalf("%s, %s %s changes %s (%s)", other, c.path, c.form, why, got)
			}
			for _, e := range n.published.Events()[told:] {
				if e.App == appKey {
					t.Errorf("%s, %s %s tells the victim of %+v", other, c.path, c.form, e)
				}
			}
			told = len(n.published.Events())
		}
	}
	if devices := n.presence.Devices(appKey, "bob"); len(devices) != 1 {
		t.Errorf("devices %v", devices)
	}
	// The same calls by the victim: they were no empty threats.
	for _, c := range calls {
		want := c.own
		if want == 0 {
			want = 200
		}
		got := n.call(c.path, split(fill.Replace(c.form))...)
		if code := field(t, got, "code").(json.Number).String(); code != fmt.Sprint(want) {
			t.Errorf("%s %s: %s, want code %d", c.path, c.form, got, want)
		}
	}
}

// changed names a table whose rows differ.
func changed(before, after map[string][]string) string {
	for table, rows := range before {
		if !slices.Equal(rows, after[table]) {
			return fmt.Sprintf("table %s: %q, was %q", table, after[table], rows)
		}
	}
	for table := range after {
		if before[table] == nil {
			return fmt.Sprintf("table %s: %q, was empty", table, after[table])
		}
	}
	return ""
}
