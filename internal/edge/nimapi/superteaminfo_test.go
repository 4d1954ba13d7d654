package nimapi_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"hongyan/internal/im/team"
)

// times replaces times in ms by T, ids of teams by ID and numbers of accounts by U.
func times(answer, tid string) string {
	answer = strings.ReplaceAll(answer, strings.TrimPrefix(tid, "tid="), "ID")
	answer = regexp.MustCompile(`uid":[1-9]\d*`).ReplaceAllString(answer, `uid":U`)
	return regexp.MustCompile(`\b\d{13}\b`).ReplaceAllString(answer, "T")
}

func TestSuperTeamUpdate(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	path := "superteam/updateTinfo"
	n.refused([]teamCase{
		{"name too long", path, []string{tid, "owner=alice", "tname=" + strings.Repeat("字", 65)}, `{"code":414,"desc":"tname longer than 64 characters"}`},
		{"announcement too long", path, []string{tid, "owner=alice", "announcement=" + strings.Repeat("字", 1025)}, `{"code":414,"desc":"announcement longer than 1024 characters"}`},
		{"intro too long", path, []string{tid, "owner=alice", "intro=" + strings.Repeat("字", 513)}, `{"code":414,"desc":"intro longer than 512 characters"}`},
		{"extension too long", path, []string{tid, "owner=alice", "serverCustom=" + strings.Repeat("字", 1025)}, `{"code":414,"desc":"serverCustom longer than 1024 characters"}`},
		{"icon too long", path, []string{tid, "owner=alice", "icon=" + strings.Repeat("字", 1025)}, `{"code":414,"desc":"icon longer than 1024 characters"}`},
		{"joinmode", path, []string{tid, "owner=alice", "joinmode=3"}, `{"code":414,"desc":"joinmode has no value 3"}`},
		{"uptinfomode", path, []string{tid, "owner=alice", "uptinfomode=2"}, `{"code":414,"desc":"uptinfomode has no value 2"}`},
		{"modes are the managers'", path, []string{tid, "owner=bob", "joinmode=1"}, `{"code":802,"desc":"no permission"}`},
		{"so is the extension", path, []string{tid, "owner=bob", "serverCustom=x"}, `{"code":802,"desc":"no permission"}`},
	})
	n.want(n.call(path, tid, "owner=alice", "tname=new", "announcement=", "icon=i", "uptinfomode=1"), `{"code":200}`)
	n.want(n.call(path, tid, "owner=bob", "intro=by bob"), `{"code":200}`)
	n.want(n.call(path, tid, "owner=dan", "upcustommode=1", "joinmode=2", "beinvitemode=0", "invitemode=1", "bid=x"), `{"code":200}`)
	n.want(n.call(path, tid, "owner=bob", "serverCustom=s"), `{"code":200}`)
	n.want(n.call(path, tid, "owner=bob"), `{"code":200}`) // nothing given, nothing told
	got, err := n.teams.Get(t.Context(), appKey, team.Super, n.tid(tid))
	if err != nil || got.Name != "new" || got.Avatar != "i" || got.Intro != "by bob" || got.UpdateMode != 1 || got.ExtMode != 1 || got.JoinMode != 2 ||
		got.BeInviteMode != 0 || got.InviteMode != 1 || got.ServerExt != "s" {
		t.Errorf("%+v %v", got, err)
	}
	n.wantNotes(tid, "alice: 0 bob carol dan", "alice: 7 dan", "alice: 3", "bob: 3", "dan: 3", "bob: 3")

	n.refused([]teamCase{
		{"below the least", "superteam/changeLevel", []string{tid, "owner=alice", "tlevel=1"}, `{"code":414,"desc":"level out of range"}`},
		{"above the app's", "superteam/changeLevel", []string{tid, "owner=alice", "tlevel=10001"}, `{"code":414,"desc":"level out of range"}`},
		{"below the members", "superteam/changeLevel", []string{tid, "owner=alice", "tlevel=3"}, `{"code":414,"desc":"the team has more members"}`},
	})
	n.want(n.call("superteam/changeLevel", tid, "owner=alice", "tlevel=4"), `{"code":200}`)
	n.want(n.call("superteam/invite", tid, "owner=alice", `inviteAccids=["dave"]`), `{"code":801,"desc":"team is full"}`)
}

// An empty text is a value here, but no name (docs/api/server-v1.md section 12.10).
func TestSuperTeamClears(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	const path, own = "superteam/updateTinfo", "superteam/updateTlist"
	n.want(n.call(path, tid, "owner=alice", "tname=new", "announcement=a", "intro=i", "serverCustom=s", "icon=p"), `{"code":200}`)
	n.want(n.call(path, tid, "owner=alice", "intro=", "tname="), `{"code":200}`)
	n.want(n.call(path, tid, "owner=alice", "tname="), `{"code":200}`)
	got, err := n.teams.Get(t.Context(), appKey, team.Super, n.tid(tid))
	if err != nil || got.Name != "new" || got.Announcement != "a" || got.Intro != "" || got.ServerExt != "s" || got.Avatar != "p" {
		t.Errorf("one cleared: %+v %v", got, err)
	}
	n.want(n.call(path, tid, "owner=alice", "announcement=", "serverCustom=", "icon="), `{"code":200}`)
	got, err = n.teams.Get(t.Context(), appKey, team.Super, n.tid(tid))
	if err != nil || got.Name != "new" || got.Announcement != "" || got.ServerExt != "" || got.Avatar != "" {
		t.Errorf("all cleared: %+v %v", got, err)
	}
	n.want(n.call(own, tid, "accid=bob", "nick=bobby", "custom=c"), `{"code":200}`)
	for _, c := range []struct {
		name, param, nick, ext string
	}{{"the extension", "custom=", "bobby", ""}, {"the nick", "nick=", "", ""}} {
		n.want(n.call(own, tid, "accid=bob", c.param), `{"code":200}`)
		members, err := n.teams.AllMembers(t.Context(), appKey, team.Super, n.tid(tid), team.MemberQuery{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if m.Accid == "bob" && (m.Nick != c.nick || m.Ext != c.ext) {
				t.Errorf("%s: %+v", c.name, m)
			}
		}
	}
	// PHP clients of ordinary teams send an empty text for what they have no value of.
	tid = n.newTeam("alice", "bob")
	n.want(n.call("team/update", tid, "owner=alice", "announcement=a"), `{"code":200}`)
	n.want(n.call("team/update", tid, "owner=alice", "announcement=", "intro=x"), `{"code":200}`)
	if got, err = n.teams.Get(t.Context(), appKey, team.Normal, n.tid(tid)); err != nil || got.Announcement != "a" || got.Intro != "x" {
		t.Errorf("a team: %+v %v", got, err)
	}
}

func TestSuperTeamMember(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	n.refused([]teamCase{
		{"nick too long", "superteam/updateTlist", []string{tid, "accid=bob", "nick=" + strings.Repeat("字", 33)}, `{"code":414,"desc":"nick longer than 32 characters"}`},
		{"extension too long", "superteam/updateTlist", []string{tid, "accid=bob", "custom=" + strings.Repeat("字", 1025)}, `{"code":414,"desc":"custom longer than 1024 characters"}`},
		{"silentType", "superteam/updateTlist", []string{tid, "accid=bob", "silentType=x"}, `{"code":414,"desc":"silentType not a number"}`},
		{"another's nick too long", "superteam/updateTeamNick", []string{tid, "owner=alice", "accid=bob", "nick=" + strings.Repeat("字", 33)}, `{"code":414,"desc":"nick longer than 32 characters"}`},
		{"whose member is no account", "superteam/updateTeamNick", []string{tid, "owner=alice", "accid=ghost", "nick=x"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"whose member is none", "superteam/updateTeamNick", []string{tid, "owner=alice", "accid=dave", "nick=x"}, `{"code":804,"desc":"not in the team"}`},
		{"the owner's, by a manager", "superteam/updateTeamNick", []string{tid, "owner=dan", "accid=alice", "nick=x"}, `{"code":802,"desc":"no permission"}`},
	})
	n.want(n.call("superteam/updateTlist", tid, "accid=bob", "nick=bobby", "custom=c", "silentType=1"), `{"code":200}`)
	e, err := team.DecodeMember(n.event(team.EventMember).Body)
	if err != nil || e.Kind != team.Super || e.Member.Accid != "bob" || e.Member.Nick != "bobby" || e.Member.Ext != "c" || e.Member.Bits != 1 || !e.Public {
		t.Errorf("%+v %v", e, err)
	}
	n.want(n.call("superteam/updateTlist", tid, "accid=bob", "silentType=7"), `{"code":200}`) // no effect
	n.want(n.call("superteam/updateTeamNick", tid, "owner=dan", "accid=bob", "nick=bobo"), `{"code":200}`)
	e, err = team.DecodeMember(n.event(team.EventMember).Body)
	if err != nil || e.Member.Nick != "bobo" || e.Member.Bits != 1 {
		t.Errorf("%+v %v", e, err)
	}
}

func TestSuperTeamQueries(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	id := strings.TrimPrefix(tid, "tid=")
	n.refused([]teamCase{
		{"no list", "superteam/getTinfos", nil, `{"code":414,"desc":"tids missing"}`},
		{"no JSON", "superteam/getTinfos", []string{"tids=1,2"}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
		{"no number", "superteam/getTinfos", []string{`tids=["x"]`}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
		{"empty", "superteam/getTinfos", []string{"tids=[]"}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
		{"too many", "superteam/getTinfos", []string{"tids=[" + strings.Repeat("1,", 30) + "1]"}, `{"code":414,"desc":"tids has more than 30 elements"}`},
		{"unknown", "superteam/getTinfos", []string{"tids=[" + id + ",5]"}, `{"code":803,"desc":"team 5 does not exist"}`},
		{"no account", "superteam/joinTeams", nil, `{"code":414,"desc":"accid missing"}`},
		{"account unknown", "superteam/joinTeams", []string{"accid=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"page of 0", "superteam/getTlists", []string{tid, "limit=0"}, `{"code":414,"desc":"limit less than 1"}`},
		{"page of 101", "superteam/getTlists", []string{tid, "limit=101"}, `{"code":414,"desc":"limit more than 100"}`},
		{"reverse", "superteam/getTlists", []string{tid, "limit=1", "reverse=3"}, `{"code":414,"desc":"reverse has no value 3"}`},
		{"muted: page of 101", "superteam/getMuteTlists", []string{tid, "limit=101"}, `{"code":414,"desc":"limit more than 100"}`},
	})
	n.want(n.call("superteam/updateTinfo", tid, "owner=alice", "intro=i", "announcement=a", "serverCustom=s", "icon=c"), `{"code":200}`)
	info := `{"code":200,"tinfos":[{"tid":ID,"tname":"crew","creator":"alice","tlevel":200,"size":4,"intro":"i","announcement":"a","clientCustom":"",` +
		`"serverCustom":"s","icon":"c","muteType":0,"joinmode":0,"beinvitemode":1,"invitemode":0,"uptinfomode":0,"upcustommode":0,"createtime":T,"updatetime":T}]}`
	n.want(times(n.call("superteam/getTinfos", `tids=["`+id+`"]`), tid), info)
	n.want(times(n.call("superteam/joinTeams", "accid=Bob"), tid), info)
	n.want(n.call("superteam/joinTeams", "accid=dave"), `{"code":200,"tinfos":[]}`)

	n.want(n.call("superteam/updateTlist", tid, "accid=bob", "nick=b", "custom=x", "silentType=1"), `{"code":200}`)
	n.want(n.call("superteam/muteTlist", tid, "owner=alice", `muteAccids=["bob"]`, "mute=1"), `{"code":200}`)
	page := n.call("superteam/getTlists", tid, "timetag=0", "limit=2")
	n.want(times(page, tid), `{"code":200,"tlists":[`+
		`{"tid":ID,"uid":U,"accid":"alice","type":1,"nick":"","jointime":"T","mute":0,"invitoruid":0,"invitor":"","validflag":1,"custom":"","state":0,"bits":0,"createtime":T,"updatetime":T},`+
		`{"tid":ID,"uid":U,"accid":"bob","type":0,"nick":"b","jointime":"T","mute":1,"invitoruid":U,"invitor":"alice","validflag":1,"custom":"x","state":0,"bits":1,"createtime":T,"updatetime":T}]}`)
	last := regexp.MustCompile(`"jointime":"(\d+)"`).FindAllStringSubmatch(page, -1)[1][1]
	for _, c := range []struct {
		form string
		want string
	}{
		{"timetag=" + last, "carol dan"},
		{"timetag=0 reverse=2", "dan carol bob alice"},
		{"timetag=" + last + " reverse=2", "alice"},
		{"", "alice bob carol dan"},
	} {
		got := n.call("superteam/getTlists", append(strings.Fields(c.form), tid, "limit=100")...)
		var who []string
		for _, m := range field(t, got, "tlists").([]any) {
			who = append(who, m.(map[string]any)["accid"].(string))
		}
		if strings.Join(who, " ") != c.want {
			t.Errorf("%q: %v", c.form, who)
		}
	}
	n.want(times(n.call("superteam/getMuteTlists", tid, "limit=100"), tid), `{"code":200,"muteTlists":[`+
		`{"tid":ID,"accid":"bob","nick":"b","type":0,"mute":1,"custom":"x","invitor":"alice","jointime":T,"createtime":T,"updatetime":T}]}`)
}

func TestSuperTeamRoles(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	many := quoted(accidsOf("x", 11)...)
	n.refused([]teamCase{
		{"leave", "superteam/changeOwner", []string{tid, "owner=alice", "accid=bob", "leave=3"}, `{"code":414,"desc":"leave has no value 3"}`},
		{"to oneself", "superteam/changeOwner", []string{tid, "owner=alice", "accid=alice", "leave=1"}, `{"code":414,"desc":"already the owner"}`},
		{"to no account", "superteam/changeOwner", []string{tid, "owner=alice", "accid=ghost", "leave=1"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"to no member", "superteam/changeOwner", []string{tid, "owner=alice", "accid=dave", "leave=1"}, `{"code":804,"desc":"not in the team"}`},
		{"too many", "superteam/addManager", []string{tid, "owner=alice", "managerAccids=" + many}, `{"code":414,"desc":"managerAccids has more than 10 elements"}`},
		{"nobody", "superteam/addManager", []string{tid, "owner=alice", "managerAccids=[]"}, `{"code":414,"desc":"no accounts"}`},
		{"no JSON", "superteam/addManager", []string{tid, "owner=alice", "managerAccids=bob"}, `{"code":414,"desc":"managerAccids not a JSON array"}`},
		{"no account", "superteam/addManager", []string{tid, "owner=alice", `managerAccids=["ghost"]`}, `{"code":414,"desc":"ghost is not registered"}`},
		{"no member", "superteam/addManager", []string{tid, "owner=alice", `managerAccids=["dave"]`}, `{"code":804,"desc":"not in the team"}`},
		{"the owner", "superteam/addManager", []string{tid, "owner=alice", `managerAccids=["alice"]`}, `{"code":414,"desc":"the owner is no manager"}`},
		{"remove too many", "superteam/removeManager", []string{tid, "owner=alice", "managerAccids=" + many}, `{"code":414,"desc":"managerAccids has more than 10 elements"}`},
		{"remove no member", "superteam/removeManager", []string{tid, "owner=alice", `managerAccids=["dave"]`}, `{"code":804,"desc":"not in the team"}`},
		{"muteType", "superteam/mute", []string{tid, "owner=alice", "muteType=2"}, `{"code":414,"desc":"muteType has no value 2"}`},
		{"mute", "superteam/muteTlist", []string{tid, "owner=alice", `muteAccids=["bob"]`, "mute=2"}, `{"code":414,"desc":"mute has no value 2"}`},
		{"mute too many", "superteam/muteTlist", []string{tid, "owner=alice", "muteAccids=" + many, "mute=1"}, `{"code":414,"desc":"muteAccids has more than 10 elements"}`},
		{"mute no member", "superteam/muteTlist", []string{tid, "owner=alice", `muteAccids=["dave"]`, "mute=1"}, `{"code":804,"desc":"not in the team"}`},
		{"mute the owner", "superteam/muteTlist", []string{tid, "owner=dan", `muteAccids=["alice"]`, "mute=1"}, `{"code":802,"desc":"no permission"}`},
	})
	n.set(map[string]string{"team_managers_max": "1"})
	n.want(n.call("superteam/addManager", tid, "owner=alice", `managerAccids=["bob"]`), `{"code":815,"desc":"too many managers"}`)
	for _, c := range [][]string{
		{"removeManager", "owner=alice", `managerAccids=["dan"]`},
		{"addManager", "owner=alice", `managerAccids=["bob"]`},
		{"muteTlist", "owner=bob", `muteAccids=["carol"]`, "mute=1"},
		{"muteTlist", "owner=bob", `muteAccids=["carol"]`, "mute=0"},
		{"mute", "owner=alice", "muteType=3"},
		{"changeOwner", "owner=alice", "accid=carol", "leave=2"},
		{"changeOwner", "owner=carol", "accid=alice", "leave=1"},
	} {
		n.want(n.call("superteam/"+c[0], append(c[1:], tid)...), `{"code":200}`)
	}
	n.wantNotes(tid, "alice: 0 bob carol dan", "alice: 7 dan", "alice: 8 dan", "alice: 7 bob", "bob: 10 carol carol", "bob: 10 carol carol",
		"alice: 3", "alice: 6 carol", "carol: 6 alice", "carol: 2")
	n.wantMembers(tid, "alice", "bob", "dan")
	got, err := n.teams.Get(t.Context(), appKey, team.Super, n.tid(tid))
	if err != nil || got.MuteType != team.MuteAll || got.Owner != "alice" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestSuperTeamMessages(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	id := strings.TrimPrefix(tid, "tid=")
	send := func(from string, more ...string) string {
		form := with(with(with([]string{tid}, "fromAccid="+from), "type=0"), `body={"msg":"hi"}`)
		for _, p := range more {
			form = with(form, p)
		}
		return n.call("superteam/sendMsg", form...)
	}
	for _, c := range []struct{ name, param, want string }{
		{"type", "type=5", "type has no value 5"},
		{"body is no JSON", "body=hi", "body not JSON"},
		{"body too long", `body={"msg":"` + strings.Repeat("字", 5000) + `"}`, "body longer than 5000 characters"},
		{"ext too long", "ext=" + strings.Repeat("字", 1025), "ext longer than 1024 characters"},
		{"msgDesc too long", "msgDesc=" + strings.Repeat("字", 501), "msgDesc longer than 500 characters"},
		{"payload is no object", "pushPayload=x", "pushPayload not a JSON object"},
		{"payload too long", `pushPayload={"a":"` + strings.Repeat("字", 2048) + `"}`, "pushPayload longer than 2048 characters"},
		{"option is no object", "option=[]", "option not a JSON object"},
		{"option malformed", `option={"roam":2}`, "option.roam not boolean"},
		{"antispam", "antispam=1", "antispam not boolean"},
		{"isCheckMute", "isCheckMute=1", "isCheckMute not boolean"},
		{"isForcePush", "isForcePush=x", "isForcePush not boolean"},
		{"forcePushList", "forcePushList=bob", "forcePushList not a JSON array"},
		{"subType", "subType=-1", "subType less than 0"},
		{"tid", "tid=0", "tid less than 1"},
	} {
		if got := send("alice", c.param); got != `{"code":414,"desc":"`+c.want+`"}` {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	first := send("alice", "ext=e", `option={"push":false}`, "subType=3", "forcePushAll=true", "forcePushContent=f", "pushcontent=p", `payload={"a":1}`)
	if got := times(first, tid); !regexp.MustCompile(`^\{"code":200,"data":\{"msgid":\d+,"timetag":T,"antispam":false\}\}$`).MatchString(got) {
		t.Error(got)
	}
	if e := n.event(1); string(e.Conv) != string(team.Super.Key(n.tid(tid))) { // im.EventMessage
		t.Errorf("%+v", e)
	}
	custom := send("bob", "type=100", `body={"a": 1}`, `option={"history":true}`)
	hidden := send("bob", `option={"history":false}`)
	msgid := func(answer string) string { return fmt.Sprint(field(t, answer, "data", "msgid")) }

	page := []string{tid, "accid=carol", "begintime=0", "endtime=0", "type=0,100"}
	n.want(times(n.call("superteam/queryHistoryMsg", append(page, "limit=100", "reverse=1")...), tid), `{"code":200,"size":2,"msgs":[`+
		`{"msgid":`+msgid(first)+`,"sendtime":T,"from":"alice","type":0,"ext":"e","body":"{\"msg\":\"hi\"}"},`+
		`{"msgid":`+msgid(custom)+`,"sendtime":T,"from":"bob","type":100,"ext":"","body":"{\"a\": 1}"}]}`)
	sent := fmt.Sprint(field(t, custom, "data", "timetag"))
	got := n.call("superteam/queryHistoryMsg", with(append(page, "limit=1", "excludeMsgid="+msgid(custom)), "endtime="+sent)...)
	if fmt.Sprint(field(t, got, "size")) != "1" || !strings.Contains(got, msgid(first)) {
		t.Errorf("second page: %s", got)
	}
	n.refused([]teamCase{
		{"limit 0", "superteam/queryHistoryMsg", append(page, "limit=0"), `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit 101", "superteam/queryHistoryMsg", append(page, "limit=101"), `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"reverse", "superteam/queryHistoryMsg", append(page, "limit=1", "reverse=0"), `{"code":414,"desc":"reverse has no value 0"}`},
		{"times", "superteam/queryHistoryMsg", append(with(with(page, "begintime=9"), "endtime=9"), "limit=1"), `{"code":414,"desc":"bad time"}`},
		{"type", "superteam/queryHistoryMsg", append(with(page, "type=x"), "limit=1"), `{"code":414,"desc":"type not comma separated numbers"}`},
		{"excludeMsgid", "superteam/queryHistoryMsg", append(page, "limit=1", "excludeMsgid=x"), `{"code":414,"desc":"excludeMsgid not a message id"}`},

		{"no list", "superteam/queryHistoryMsgByIds", nil, `{"code":414,"desc":"msgs missing"}`},
		{"no JSON", "superteam/queryHistoryMsgByIds", []string{"msgs=x"}, `{"code":414,"desc":"msgs not a JSON array of objects"}`},
		{"no objects", "superteam/queryHistoryMsgByIds", []string{"msgs=[1]"}, `{"code":414,"desc":"msgs not a JSON array of objects"}`},
		{"too many", "superteam/queryHistoryMsgByIds", []string{"msgs=[" + strings.Repeat("{},", 100) + "{}]"}, `{"code":414,"desc":"msgs has more than 100 elements"}`},
		{"no id", "superteam/queryHistoryMsgByIds", []string{`msgs=[{"from":"alice","to":1,"time":1}]`}, `{"code":414,"desc":"msgs not a JSON array of {msgid, from, to, time}"}`},
		{"id is no number", "superteam/queryHistoryMsgByIds", []string{`msgs=[{"msgid":"x","from":"alice","to":1}]`}, `{"code":414,"desc":"msgs not a JSON array of {msgid, from, to, time}"}`},
	})
	ask := func(id, from, to string) string {
		return fmt.Sprintf(`{"msgid":%s,"from":%q,"to":%s,"time":1}`, id, from, to)
	}
	n.want(times(n.call("superteam/queryHistoryMsgByIds", "msgs=["+strings.Join([]string{
		ask(msgid(custom), "Bob", id), ask(msgid(first), "bob", id), ask(msgid(first), "alice", id), ask("7", "alice", id), ask(msgid(hidden), "bob", id),
	}, ",")+"]"), tid), `{"code":200,"msgs":[{"msgid":`+msgid(custom)+`,"sendtime":T,"from":"bob","type":100,"ext":"","body":"{\"a\": 1}"}]}`)

	// Mutes stop a call that asks for it, and no other.
	n.want(n.call("superteam/mute", tid, "owner=alice", "muteType=1"), `{"code":200}`)
	n.want(send("bob", "isCheckMute=true"), `{"code":812,"desc":"team is muted"}`)
	n.want(send("bob")[:11], `{"code":200`)
	n.want(send("alice", "isCheckMute=true")[:11], `{"code":200`)
	n.want(n.call("superteam/mute", tid, "owner=alice", "muteType=0"), `{"code":200}`)
	n.want(n.call("superteam/muteTlist", tid, "owner=alice", `muteAccids=["bob"]`, "mute=1"), `{"code":200}`)
	n.want(send("bob", "isCheckMute=true"), `{"code":423,"desc":"muted in the team"}`)
	n.want(send("bob", "isCheckMute=false")[:11], `{"code":200`)
	n.want(n.call("user/mute", "accid=carol", "mute=true"), `{"code":200}`)
	n.want(send("carol", "isCheckMute=true"), `{"code":423,"desc":"account muted"}`)
	n.want(send("carol")[:11], `{"code":200`)
}

func TestSuperTeamNotification(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	to := "to=" + strings.TrimPrefix(tid, "tid=")
	path := "superteam/sendAttachMsg"
	n.refused([]teamCase{
		{"no sender", path, []string{to, "attach=x"}, `{"code":414,"desc":"from missing"}`},
		{"no team", path, []string{"from=alice", "attach=x"}, `{"code":414,"desc":"to missing"}`},
		{"no attach", path, []string{"from=alice", to}, `{"code":414,"desc":"attach missing"}`},
		{"attach too long", path, []string{"from=alice", to, "attach=" + strings.Repeat("字", 4097)}, `{"code":414,"desc":"attach longer than 4096 characters"}`},
		{"save", path, []string{"from=alice", to, "attach=x", "save=3"}, `{"code":414,"desc":"save has no value 3"}`},
		{"sound too long", path, []string{"from=alice", to, "attach=x", "sound=" + strings.Repeat("x", 31)}, `{"code":414,"desc":"sound longer than 30 characters"}`},
		{"option", path, []string{"from=alice", to, "attach=x", `option={"badge":7}`}, `{"code":414,"desc":"option.badge not boolean"}`},
		{"force text too long", path, []string{"from=alice", to, "attach=x", "forcePushContent=" + strings.Repeat("字", 501)}, `{"code":414,"desc":"forcePushContent longer than 500 characters"}`},
		{"sender unknown", path, []string{"from=ghost", to, "attach=x"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team unknown", path, []string{"from=alice", "to=5", "attach=x"}, `{"code":803,"desc":"team does not exist"}`},
		{"not a member", path, []string{"from=dave", to, "attach=x"}, `{"code":804,"desc":"not in the team"}`},
	})
	n.want(n.call(path, "from=alice", to, "attach={}", "forcePushAll=true", "isForcePush=true"), `{"code":200}`)
}
