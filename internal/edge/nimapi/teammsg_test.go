package nimapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// toTeam sends a text to a team by REST and returns its event's message.
func (n *node) toTeam(tid, from, text string, more ...string) *message.Message {
	n.t.Helper()
	got := n.call("msg/sendMsg", append([]string{"from=" + from, "ope=1", "to=" + strings.TrimPrefix(tid, "tid="), "type=0", fmt.Sprintf(`body={"msg":%q}`, text)}, more...)...)
	if fmt.Sprint(field(n.t, got, "code")) != "200" {
		n.t.Fatal(got)
	}
	for {
		m, err := message.Decode(n.event(im.EventMessage).Body)
		if err != nil {
			n.t.Fatal(err)
		}
		if m.Type == message.Text {
			return m
		}
	}
}

func TestTeamSend(t *testing.T) {
	n, tid := crew(t)
	id := strings.TrimPrefix(tid, "tid=")
	m := n.toTeam(tid, "member", "hello", "markRead=1", "ext=e", `forcepushlist=["Owner"]`, "forcepushcontent=look")
	if m.From != "member" || m.To != id || m.Scene != im.SceneTeam || m.ClientType != message.ClientTypeREST || m.Content.Body != "hello" || m.Content.Ext != "e" ||
		!m.Flags.Has(message.NeedReceipt) || m.Content.ForceList != `["owner"]` || m.Content.ForceContent != "look" || m.Content.ForcePush != "1" {
		t.Errorf("%+v", m)
	}
	// The app's server is trusted: mutes are for clients.
	n.call("team/muteTlistAll", tid, "owner=owner", "muteType=3")
	n.call("team/muteTlist", tid, "owner=owner", "accid=member", "mute=1")
	n.call("user/mute", "accid=member", "mute=true")
	n.toTeam(tid, "member", "still")
	for _, c := range []struct{ name, from, to, want string }{
		{"no team", "member", "12", `{"code":803,"desc":"team does not exist"}`},
		{"not an id", "member", "x", `{"code":803,"desc":"team does not exist"}`},
		{"no member", "stranger", id, `{"code":804,"desc":"not in the team"}`},
		{"no account", "ghost", id, `{"code":414,"desc":"ghost is not registered"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			n.want(n.call("msg/sendMsg", "from="+c.from, "ope=1", "to="+c.to, "type=0", `body={"msg":"x"}`), c.want)
		})
	}
}

func TestTeamAttachMsg(t *testing.T) {
	n, tid := crew(t)
	id := strings.TrimPrefix(tid, "tid=")
	n.want(n.call("msg/sendAttachMsg", "from=stranger", "msgtype=1", "to="+id, `attach={"a":1}`), `{"code":200}`)
	n.want(n.call("msg/sendAttachMsg", "from=member", "msgtype=1", "to=12", `attach={"a":1}`), `{"code":803,"desc":"team does not exist"}`)
	n.want(n.call("msg/sendAttachMsg", "from=ghost", "msgtype=1", "to="+id, `attach={"a":1}`), `{"code":414,"desc":"ghost is not registered"}`)
}

func TestTeamRecall(t *testing.T) {
	n, tid := crew(t)
	texts := func() (out []string) {
		msgs, err := n.store.Page(t.Context(), appKey, team.Normal.Key(n.tid(tid)), message.PageQuery{Limit: 100, Ascending: true, Types: []int64{0}})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			out = append(out, m.Content.Body)
		}
		return out
	}
	recalled, deleted, oneWay, old, kept := n.toTeam(tid, "member", "recalled"), n.toTeam(tid, "member", "deleted"), n.toTeam(tid, "member", "one way"),
		n.toTeam(tid, "member", "old"), n.toTeam(tid, "manager", "kept")
	n.want(n.call("msg/recall", taken(recalled, 8)...), `{"code":200}`)
	r, err := message.DecodeRecall(n.event(message.EventRecall).Body)
	if err != nil || r.Kind != message.RecallTeam || r.MsgID != recalled.ID || r.Operator != "member" {
		t.Errorf("%+v %v", r, err)
	}
	n.want(n.call("msg/delMsg", taken(deleted, 8)...), `{"code":200}`)
	n.want(n.call("msg/delMsgOneWay", taken(oneWay, 14)...), `{"code":200}`)
	n.want(n.call("msg/recall", taken(kept, 7)...), `{"code":200}`) // there is no such p2p message
	if got := texts(); !slices.Equal(got, []string{"one way", "old", "kept"}) {
		t.Errorf("%q", got)
	}
	page := []string{tid, "begintime=0", "endtime=0", "limit=10", "type=0"}
	for who, want := range map[string]string{"member": "3", "owner": "2"} {
		if got := n.call("history/queryTeamMsg", append(page, "accid="+who)...); fmt.Sprint(field(t, got, "size")) != want {
			t.Errorf("%s reads %s", who, got)
		}
	}
	n.call("team/kick", tid, "owner=owner", "member=member")
	n.want(n.call("msg/recall", taken(old, 8)...), `{"code":403,"desc":"not allowed"}`)
	n.want(n.call("msg/recall", append(taken(kept, 8), "from=owner")...), `{"code":200}`)
	n.want(n.call("msg/delRoamSession", "type=2", "from=owner", "to="+strings.TrimPrefix(tid, "tid=")), `{"code":200}`)
}

func TestTeamHistory(t *testing.T) {
	n, tid := crew(t)
	first := n.toTeam(tid, "member", "first", "ext=e")
	n.call("team/kick", tid, "owner=owner", "member=member")
	n.toTeam(tid, "owner", "after")
	read := func(pairs ...string) (out []string) {
		t.Helper()
		got := n.call("history/queryTeamMsg", append([]string{tid, "begintime=0", "endtime=0", "type=0"}, pairs...)...)
		if fmt.Sprint(field(t, got, "code")) != "200" {
			return []string{got}
		}
		for _, m := range field(t, got, "msgs").([]any) {
			out = append(out, fmt.Sprint(m.(map[string]any)["body"].(map[string]any)["msg"]))
		}
		return out
	}
	for _, c := range []struct {
		name  string
		pairs []string
		want  []string
	}{
		{"newest first", []string{"accid=owner", "limit=10"}, []string{"after", "first"}},
		{"oldest first", []string{"accid=owner", "limit=10", "reverse=1"}, []string{"first", "after"}},
		{"a page", []string{"accid=owner", "limit=1"}, []string{"after"}},
		{"the page after it", []string{"accid=owner", "limit=10", "reverse=1", fmt.Sprint("begintime=", first.Time), fmt.Sprint("excludeMsgid=", first.ID)}, []string{"after"}},
		{"who left", []string{"accid=member", "limit=10"}, []string{`{"code":804,"desc":"not in the team"}`}},
		{"who left, without the check", []string{"accid=member", "limit=10", "checkTeamValid=false"}, []string{"first"}},
		{"who never was a member", []string{"accid=stranger", "limit=10", "checkTeamValid=false"}, []string{`{"code":804,"desc":"not in the team"}`}},
		{"no account", []string{"accid=ghost", "limit=10"}, []string{`{"code":414,"desc":"ghost is not registered"}`}},
		{"no limit", []string{"accid=owner"}, []string{`{"code":414,"desc":"limit missing"}`}},
		{"limit 0", []string{"accid=owner", "limit=0"}, []string{`{"code":414,"desc":"limit must be 1 to 100"}`}},
		{"limit 101", []string{"accid=owner", "limit=101"}, []string{`{"code":414,"desc":"limit must be 1 to 100"}`}},
		{"reverse 3", []string{"accid=owner", "limit=1", "reverse=3"}, []string{`{"code":414,"desc":"reverse has no value 3"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			if got := read(append(c.pairs, "")...); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	n.want(n.call("history/queryTeamMsg", tid, "accid=owner", "limit=1", "begintime=2", "endtime=1"), `{"code":414,"desc":"bad time"}`)
	n.want(n.call("history/queryTeamMsg", "tid=12", "accid=owner", "limit=1"), `{"code":803,"desc":"team does not exist"}`)
	n.want(n.call("history/queryTeamMsg", "tid=12", "accid=owner", "limit=1", "checkTeamValid=false"), `{"code":803,"desc":"team does not exist"}`)
	got := n.call("history/queryTeamMsg", tid, "accid=owner", "limit=1", "type=0", "reverse=1")
	n.want(got, fmt.Sprintf(`{"code":200,"size":1,"msgs":[{"from":"member","msgid":%d,"msgidclient":"%s","sendtime":%d,"type":0,"fromclienttype":32,"body":{"msg":"first"},"ext":"e"}]}`,
		first.ID, first.IDClient, first.Time))
	n.call("team/remove", tid, "owner=owner")
	if got := read("accid=owner", "limit=10"); got[0] != `{"code":803,"desc":"team does not exist"}` {
		t.Errorf("dismissed: %q", got)
	}
	if got := read("accid=owner", "limit=10", "checkTeamValid=false"); len(got) != 2 {
		t.Errorf("dismissed, without the check: %q", got)
	}
}

func TestTeamReceipts(t *testing.T) {
	n, tid := crew(t)
	m, plain := n.toTeam(tid, "owner", "read me", "markRead=1"), n.toTeam(tid, "owner", "plain")
	ids := fmt.Sprintf("msgids=[%d, %d, 12]", m.ID, plain.ID)
	id := fmt.Sprint("msgid=", m.ID)
	info := []string{tid, id, "fromAccid=owner"}
	n.want(n.call("team/getMarkReadInfo", info...), `{"code":200,"data":{"readSize":0,"unreadSize":2}}`)
	n.want(n.call("msg/markReadTeamMsg", tid, "accid=member", ids), fmt.Sprintf(`{"code":200,"data":{"errMsgIds":[%d,12]}}`, plain.ID))
	e := n.event(team.EventReceipts)
	if r, err := team.DecodeReceipts(e.Body); err != nil || e.To != "owner" || len(r) != 1 || r[0].ID != m.ID || r[0].Read != 1 || r[0].Unread != 1 || r[0].Reader != "member" {
		t.Errorf("%+v %+v %v", e, r, err)
	}
	n.want(n.call("msg/markReadTeamMsg", tid, "accid=member", fmt.Sprintf("msgids=[%d]", m.ID)), `{"code":200,"data":{"errMsgIds":[]}}`) // again
	lists := `"readSize":1,"unreadSize":1,"readAccids":["member"],"unreadAccids":["manager"]`
	n.want(n.call("team/getMarkReadInfo", append(info, "snapshot=true")...), `{"code":200,"data":{`+lists+`}}`)
	n.want(n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1.0.0"}, "team/getMarkReadInfo", append(info, "snapshot=true")...),
		`{"code":200,"data":{`+lists+`,"data":{`+lists+`}}}`)
	n.register("other")
	for _, c := range []struct {
		name, path string
		pairs      []string
		want       string
	}{
		{"not the author", "team/getMarkReadInfo", []string{tid, id, "fromAccid=member"}, `{"code":404,"desc":"no such message, or it asks for no receipts"}`},
		{"asks for no receipts", "team/getMarkReadInfo", []string{tid, fmt.Sprint("msgid=", plain.ID), "fromAccid=owner"}, `{"code":404,"desc":"no such message, or it asks for no receipts"}`},
		{"unknown message", "team/getMarkReadInfo", []string{tid, "msgid=12", "fromAccid=owner"}, `{"code":404,"desc":"no such message, or it asks for no receipts"}`},
		{"unknown team", "team/getMarkReadInfo", []string{"tid=12", id, "fromAccid=owner"}, `{"code":803,"desc":"team does not exist"}`},
		{"snapshot", "team/getMarkReadInfo", append(info, "snapshot=1"), `{"code":414,"desc":"snapshot not boolean"}`},
		{"unknown author", "team/getMarkReadInfo", []string{tid, id, "fromAccid=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"unknown reader", "msg/markReadTeamMsg", []string{tid, "accid=ghost", ids}, `{"code":414,"desc":"ghost is not registered"}`},
		{"reader is no member", "msg/markReadTeamMsg", []string{tid, "accid=other", ids}, `{"code":804,"desc":"not in the team"}`},
		{"no team", "msg/markReadTeamMsg", []string{"tid=12", "accid=member", ids}, `{"code":803,"desc":"team does not exist"}`},
		{"ids not JSON", "msg/markReadTeamMsg", []string{tid, "accid=member", "msgids=12"}, `{"code":414,"desc":"msgids not a JSON array of numbers"}`},
		{"too many ids", "msg/markReadTeamMsg", []string{tid, "accid=member", "msgids=[" + strings.Repeat("1,", 50) + "1]"}, `{"code":414,"desc":"msgids has more than 50 elements"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			n.want(n.call(c.path, c.pairs...), c.want)
		})
	}
	n.ahead.Add(int64(time.Minute / time.Millisecond))
	n.call("team/add", tid, "owner=owner", `members=["stranger"]`)
	n.want(n.call("team/getMarkReadInfo", info...), `{"code":200,"data":{"readSize":1,"unreadSize":1}}`) // who came later does not count
	n.t = t
	n.set(map[string]string{"team_receipts": "false"})
	const off = `{"code":814,"desc":"read receipts are switched off for this app"}`
	n.want(n.call("team/getMarkReadInfo", info...), off)
	n.want(n.call("msg/markReadTeamMsg", tid, "accid=manager", ids), off)
	send := []string{"from=owner", "ope=1", "to=" + strings.TrimPrefix(tid, "tid="), "type=0", `body={"msg":"x"}`}
	n.want(n.call("msg/sendMsg", append(send, "markRead=1")...), off)
	if got := n.call("msg/sendMsg", send...); fmt.Sprint(field(t, got, "code")) != "200" {
		t.Error(got)
	}
	n.set(map[string]string{"team_receipts": "true"})
	n.want(n.call("team/getMarkReadInfo", info...), `{"code":200,"data":{"readSize":1,"unreadSize":1}}`)
}
