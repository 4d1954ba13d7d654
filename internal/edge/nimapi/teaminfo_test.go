package nimapi_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"hongyan/internal/im/presence"
)

// steady replaces what differs from run to run: team ids and times.
func steady(answer, tid string) string {
	id := strings.TrimPrefix(tid, "tid=")
	return regexp.MustCompile(`\b1[0-9]{12}\b`).ReplaceAllString(strings.ReplaceAll(answer, id, "TID"), "T")
}

const crewInfo = `"tname":"crew","icon":"","announcement":"","intro":"","custom":"","clientCustom":"","maxusers":200,"tid":TID,"size":3,` +
	`"joinmode":0,"beinvitemode":0,"invitemode":0,"uptinfomode":0,"upcustommode":0,"muteType":0,"createtime":T,"updatetime":T,` +
	`"mute":false,"isNotifyCloseOnline":false,"isNotifyClosePersistent":false,`

func TestTeamQueries(t *testing.T) {
	n, tid := crew(t)
	id := strings.TrimPrefix(tid, "tid=")
	n.call("team/updateTeamNick", tid, "owner=owner", "accid=member", "nick=Mem", "custom=ext")
	n.call("team/muteTlist", tid, "owner=owner", "accid=member", "mute=1")
	a, _ := n.apps.Get(appKey)
	n.presence.Put(&presence.Device{App: a.Key, Accid: "member", DeviceID: "d1", ClientType: 16, LoginMs: 1700000000000})
	n.presence.Put(&presence.Device{App: "app2", Accid: "manager", DeviceID: "d2", ClientType: 16, LoginMs: 1700000000000})
	object := func(accid, nick, custom string, mute bool) string {
		return fmt.Sprintf(`{"accid":"%s","nick":"%s","mute":%v,"custom":"%s","createtime":T,"updatetime":T}`, accid, nick, mute, custom)
	}
	for _, c := range []struct {
		name, path string
		pairs      []string
		want       string
	}{
		{"without members", "team/query", []string{"tids=[" + id + "]", "ope=0"}, `{"code":200,"tinfos":[{` + crewInfo + `"owner":"owner"}]}`},
		{"with members, ids as text", "team/query", []string{`tids=["` + id + `"]`, "ope=1"},
			`{"code":200,"tinfos":[{` + crewInfo + `"owner":"owner","admins":["manager"],"members":["member"]}]}`},
		{"unknown id", "team/query", []string{"tids=[" + id + ", 12]", "ope=0"}, `{"code":803,"desc":"team 12 does not exist"}`},
		{"unknown id ignored", "team/query", []string{"tids=[12, " + id + "]", "ope=0", "ignoreInvalid=true"},
			`{"code":200,"tinfos":[{` + crewInfo + `"owner":"owner"}],"invalidTids":[12]}`},
		{"nothing invalid", "team/query", []string{"tids=[" + id + "]", "ope=0", "ignoreInvalid=true"},
			`{"code":200,"tinfos":[{` + crewInfo + `"owner":"owner"}],"invalidTids":[]}`},
		{"ids not JSON", "team/query", []string{"tids=12", "ope=0"}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
		{"ids not numbers", "team/query", []string{`tids=["x"]`, "ope=0"}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
		{"too many ids", "team/query", []string{"tids=[" + strings.Repeat("1,", 30) + "1]", "ope=0"}, `{"code":414,"desc":"tids has more than 30 elements"}`},
		{"ope", "team/query", []string{"tids=[" + id + "]", "ope=2"}, `{"code":414,"desc":"ope has no value 2"}`},
		{"ope missing", "team/query", []string{"tids=[" + id + "]"}, `{"code":414,"desc":"ope missing"}`},
		{"detail", "team/queryDetail", []string{tid}, `{"code":200,"tinfo":{` + crewInfo + `"owner":` + object("owner", "", "", false) +
			`,"admins":[` + object("manager", "", "", false) + `],"members":[` + object("member", "Mem", "ext", true) + `]}}`},
		{"detail of nothing", "team/queryDetail", []string{"tid=12"}, `{"code":803,"desc":"team does not exist"}`},
		{"teams of an account", "team/joinTeams", []string{"accid=Member"},
			`{"code":200,"count":1,"infos":[{"owner":"owner","tname":"crew","maxusers":200,"tid":TID,"size":3,"custom":""}]}`},
		{"no teams", "team/joinTeams", []string{"accid=stranger"}, `{"code":200,"count":0,"infos":[]}`},
		{"teams of nobody", "team/joinTeams", []string{"accid=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"memberships", "team/listMemberInfo", []string{"accid=member"},
			`{"code":200,"data":[{"tid":TID,"accid":"member","nick":"Mem","mute":true,"managerPushEnable":false,"pushEnable":true,"createtime":T,"updatetime":T}]}`},
		{"memberships of nobody", "team/listMemberInfo", []string{"accid=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"muted, to a manager", "team/listTeamMute", []string{tid, "owner=manager"}, `{"code":200,"mutes":[{"nick":"Mem","accid":"member","tid":TID,"type":0}]}`},
		{"muted, to a member", "team/listTeamMute", []string{tid, "owner=member"}, `{"code":802,"desc":"no permission"}`},
		{"muted, to a stranger", "team/listTeamMute", []string{tid, "owner=stranger"}, `{"code":804,"desc":"not in the team"}`},
		{"muted of nothing", "team/listTeamMute", []string{"tid=12", "owner=owner"}, `{"code":803,"desc":"team does not exist"}`},
		{"muted, to nobody", "team/listTeamMute", []string{tid, "owner=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"online", "team/listOnlineUsers", []string{tid}, `{"code":200,"data":{"count":1,"status":{"member":[{"clientType":16,"loginTime":T}]}}}`},
		{"online of nothing", "team/listOnlineUsers", []string{"tid=12"}, `{"code":803,"desc":"team does not exist"}`},
		{"online count", "team/listOnlineUserCount", []string{"tids=[" + id + "]"}, `{"code":200,"data":[{"tid":TID,"onlineUserCount":1,"offlineUserCount":2}]}`},
		{"online count of nothing", "team/listOnlineUserCount", []string{"tids=[12]"}, `{"code":803,"desc":"team 12 does not exist"}`},
		{"online count, not JSON", "team/listOnlineUserCount", []string{"tids=12"}, `{"code":414,"desc":"tids not a JSON array of numbers"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			n.want(steady(n.call(c.path, c.pairs...), tid), c.want)
		})
	}
}

// TestTeamReminders: what listMemberInfo says of each reminder setting.
func TestTeamReminders(t *testing.T) {
	n, tid := crew(t)
	for _, c := range []struct{ ope, want string }{{"1", `"managerPushEnable":false,"pushEnable":false`}, {"2", `"managerPushEnable":false,"pushEnable":true`}} {
		n.call("team/muteTeam", tid, "accid=member", "ope="+c.ope)
		if got := n.call("team/listMemberInfo", "accid=member"); !strings.Contains(got, c.want) {
			t.Errorf("ope %s: %s", c.ope, got)
		}
	}
}

// TestTeamQueryTenants: an app sees nothing of another's teams.
func TestTeamQueryTenants(t *testing.T) {
	n, tid := crew(t)
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(tid, "tid=")
	for _, c := range []struct {
		path  string
		pairs []string
		want  string
	}{
		{"team/query", []string{"tids=[" + id + "]", "ope=1"}, `{"code":803,"desc":"team TID does not exist"}`},
		{"team/queryDetail", []string{tid}, `{"code":803,"desc":"team does not exist"}`},
		{"team/listOnlineUsers", []string{tid}, `{"code":803,"desc":"team does not exist"}`},
		{"team/listOnlineUserCount", []string{"tids=[" + id + "]"}, `{"code":803,"desc":"team TID does not exist"}`},
		{"team/joinTeams", []string{"accid=member"}, `{"code":414,"desc":"member is not registered"}`},
		{"team/listMemberInfo", []string{"accid=member"}, `{"code":414,"desc":"member is not registered"}`},
		{"team/listTeamMute", []string{tid, "owner=owner"}, `{"code":414,"desc":"owner is not registered"}`},
		{"team/getMarkReadInfo", []string{tid, "msgid=1", "fromAccid=owner"}, `{"code":414,"desc":"owner is not registered"}`},
	} {
		t.Run(c.path, func(t *testing.T) {
			n.t = t
			n.want(steady(n.callAs(map[string]string{"AppKey": "app2"}, c.path, c.pairs...), tid), c.want)
		})
	}
}
