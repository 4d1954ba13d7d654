package nimapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// newTeam makes a team through the API and returns tid=...
func (n *node) newTeam(owner string, members ...string) string {
	n.t.Helper()
	got := n.call("team/create", append([]string{"owner=" + owner, "tname=crew", "msg=hi", "magree=0", "joinmode=0"}, "members="+texts(members))...)
	return "tid=" + field(n.t, got, "tid").(string)
}

func texts(list []string) string {
	if list == nil {
		list = []string{}
	}
	b, _ := json.Marshal(list)
	return string(b)
}

// noted waits for the notifications of a team and compares what they tell.
func (n *node) noted(want ...string) {
	n.t.Helper()
	for _, w := range want {
		m, err := message.Decode(n.event(im.EventMessage).Body)
		if err != nil {
			n.t.Fatal(err)
		}
		if got := m.From + " " + m.Content.Attach; got != w || m.Type != message.Notification || m.ClientType != message.ClientTypeREST {
			n.t.Errorf("notification %+v\ngot  %s\nwant %s", m, got, w)
		}
	}
}

// crew is a node with accounts, two apps and a team of owner, manager, member.
func crew(t *testing.T) (n *node, tid string) {
	n = newNode(t)
	n.set(map[string]string{"rest_rate": "100000"}) // cases come fast
	n.register("owner", "manager", "member", "stranger")
	tid = n.newTeam("owner", "manager", "member")
	n.want(n.call("team/addManager", tid, "owner=owner", `members=["manager"]`), `{"code":200}`)
	n.noted(`owner {"id":0,"ids":["manager","member"],"name":"crew"}`, `owner {"id":7,"ids":["manager"],"name":"crew"}`)
	return n, tid
}

// TestTeamErrors: what every call about a team answers to the same faults. A
// case is a call by somebody; the team is named by the test.
func TestTeamErrors(t *testing.T) {
	n, tid := crew(t)
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"AppKey": "app2"}
	for _, c := range []struct {
		path      string
		actor     string // name of the parameter that names who acts
		rest      []string
		forbidden []string // who must not: 802
	}{
		{"team/add", "owner", []string{`members=["stranger"]`, "magree=0", "msg="}, []string{"member"}},
		{"team/kick", "owner", []string{"member=manager"}, []string{"manager", "member"}},
		{"team/kick", "owner", []string{`members=["owner"]`}, []string{"owner", "manager"}},
		{"team/remove", "owner", nil, []string{"manager", "member"}},
		{"team/update", "owner", []string{"tname=x"}, []string{"member"}},
		{"team/update", "owner", []string{"custom=x"}, []string{"member"}},
		{"team/update", "owner", []string{"joinmode=1"}, []string{"member"}},
		{"team/changeOwner", "owner", []string{"newowner=member", "leave=2"}, []string{"manager", "member"}},
		{"team/addManager", "owner", []string{`members=["member"]`}, []string{"manager", "member"}},
		{"team/removeManager", "owner", []string{`members=["manager"]`}, []string{"manager", "member"}},
		{"team/updateTeamNick", "owner", []string{"accid=manager", "nick=x"}, []string{"member"}},
		{"team/muteTeam", "accid", []string{"ope=1"}, nil},
		{"team/muteTlist", "owner", []string{"accid=manager", "mute=1"}, []string{"manager", "member"}},
		{"team/muteTlistAll", "owner", []string{"mute=true"}, []string{"manager", "member"}},
		{"team/leave", "accid", nil, []string{"owner"}},
	} {
		who := func(name string) []string { return append([]string{c.actor + "=" + name}, c.rest...) }
		t.Run(c.path+" "+strings.Join(c.rest, " "), func(t *testing.T) {
			n.t = t
			n.want(n.call(c.path, append(who("owner"), "tid=12")...), `{"code":803,"desc":"team does not exist"}`)
			n.want(n.call(c.path, append(who("owner"), "tid=-1")...), `{"code":803,"desc":"team does not exist"}`)
			n.want(n.call(c.path, append(who("stranger"), tid)...), `{"code":804,"desc":"not in the team"}`)
			n.want(n.call(c.path, append(who("ghost"), tid)...), `{"code":414,"desc":"ghost is not registered"}`)
			n.want(n.call(c.path, append(who("owner"), "tid=x")...), `{"code":414,"desc":"tid not a number"}`)
			n.want(n.call(c.path, who("owner")...), `{"code":414,"desc":"tid missing"}`)
			n.want(n.call(c.path, append(c.rest, tid)...), fmt.Sprintf(`{"code":414,"desc":"%s missing"}`, c.actor))
			for _, name := range c.forbidden {
				n.want(n.call(c.path, append(who(name), tid)...), `{"code":802,"desc":"no permission"}`)
			}
			n.want(n.callAs(other, c.path, append(who("owner"), tid)...), `{"code":414,"desc":"owner is not registered"}`)
		})
	}
}

// TestTeamBadParams: values outside of what the document allows.
func TestTeamBadParams(t *testing.T) {
	n, tid := crew(t)
	n.set(map[string]string{"team_managers_max": "1"})
	long := func(n int) string { return strings.Repeat("é", n) }
	create := []string{"owner=owner", "tname=x", "members=[]", "msg=", "magree=0", "joinmode=0"}
	for _, c := range []struct {
		path  string
		pairs []string // the first value of a name counts
		want  string
	}{
		{"team/create", append([]string{"magree=2"}, create...), `{"code":414,"desc":"magree has no value 2"}`},
		{"team/create", append([]string{"joinmode=3"}, create...), `{"code":414,"desc":"joinmode has no value 3"}`},
		{"team/create", append([]string{"beinvitemode=2"}, create...), `{"code":414,"desc":"beinvitemode has no value 2"}`},
		{"team/create", append([]string{"invitemode=2"}, create...), `{"code":414,"desc":"invitemode has no value 2"}`},
		{"team/create", append([]string{"uptinfomode=x"}, create...), `{"code":414,"desc":"uptinfomode not a number"}`},
		{"team/create", append([]string{"upcustommode=2"}, create...), `{"code":414,"desc":"upcustommode has no value 2"}`},
		{"team/create", append([]string{"isNotifyCloseOnline=2"}, create...), `{"code":414,"desc":"isNotifyCloseOnline has no value 2"}`},
		{"team/create", append([]string{"teamMemberLimit=1"}, create...), `{"code":414,"desc":"level out of range"}`},
		{"team/create", append([]string{"teamMemberLimit=201"}, create...), `{"code":414,"desc":"level out of range"}`},
		{"team/create", append([]string{"members=member"}, create...), `{"code":414,"desc":"members not a JSON array"}`},
		{"team/create", append([]string{"members=[\"ghost\"]"}, create...), `{"code":414,"desc":"ghost is not registered"}`},
		{"team/create", append([]string{"members=" + texts(many(201))}, create...), `{"code":414,"desc":"members has more than 200 elements"}`},
		{"team/create", append([]string{"members=" + texts(many(200))}, create...), `{"code":414,"desc":"members: at most 200 with the owner"}`},
		{"team/create", append([]string{"teamMemberLimit=2", `members=["member","manager"]`}, create...), `{"code":801,"desc":"more accounts than the team may have members"}`},
		{"team/create", append([]string{"tname=" + long(65)}, create...), `{"code":414,"desc":"tname longer than 64 characters"}`},
		{"team/create", append([]string{"attach=" + long(513)}, create...), `{"code":414,"desc":"attach longer than 512 characters"}`},
		{"team/create", append([]string{"msg=" + long(151)}, create...), `{"code":414,"desc":"msg longer than 150 characters"}`},
		{"team/create", []string{"owner=owner", "members=[]"}, `{"code":414,"desc":"tname missing"}`},
		{"team/add", []string{tid, "owner=owner", `members=["member","manager"]`}, `{"code":809,"desc":"already in the team"}`},
		{"team/add", []string{tid, "owner=owner", `members=[]`}, `{"code":414,"desc":"nobody to invite"}`},
		{"team/add", []string{tid, "owner=owner", `members=["ghost"]`}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team/kick", []string{tid, "owner=owner"}, `{"code":414,"desc":"member or members is needed"}`},
		{"team/kick", []string{tid, "owner=owner", "member=stranger", `members=["member"]`}, `{"code":804,"desc":"not in the team"}`},
		{"team/kick", []string{tid, "owner=owner", "member=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team/update", []string{tid, "owner=owner", "joinmode=3"}, `{"code":414,"desc":"joinmode has no value 3"}`},
		{"team/update", []string{tid, "owner=owner", "teamMemberLimit=2"}, `{"code":414,"desc":"the team has more members"}`},
		{"team/update", []string{tid, "owner=owner", "intro=" + long(513)}, `{"code":414,"desc":"intro longer than 512 characters"}`},
		{"team/changeOwner", []string{tid, "owner=owner", "newowner=member", "leave=0"}, `{"code":414,"desc":"leave has no value 0"}`},
		{"team/changeOwner", []string{tid, "owner=owner", "newowner=owner", "leave=1"}, `{"code":414,"desc":"already the owner"}`},
		{"team/changeOwner", []string{tid, "owner=owner", "newowner=stranger", "leave=1"}, `{"code":804,"desc":"not in the team"}`},
		{"team/addManager", []string{tid, "owner=owner", `members=["stranger"]`}, `{"code":804,"desc":"not in the team"}`},
		{"team/addManager", []string{tid, "owner=owner", `members=["member"]`}, `{"code":815,"desc":"too many managers"}`},
		{"team/addManager", []string{tid, "owner=owner", "members=" + texts(many(11))}, `{"code":414,"desc":"members has more than 10 elements"}`},
		{"team/updateTeamNick", []string{tid, "owner=owner", "accid=stranger", "nick=x"}, `{"code":804,"desc":"not in the team"}`},
		{"team/updateTeamNick", []string{tid, "owner=owner", "accid=member", "nick=" + long(33)}, `{"code":414,"desc":"nick longer than 32 characters"}`},
		{"team/updateTeamNick", []string{tid, "owner=owner", "accid=member", "custom=" + long(513)}, `{"code":414,"desc":"custom longer than 1024 bytes"}`},
		{"team/muteTlist", []string{tid, "owner=owner", "accid=member", "mute=2"}, `{"code":414,"desc":"mute has no value 2"}`},
		{"team/muteTlist", []string{tid, "owner=owner", "accid=stranger", "mute=1"}, `{"code":804,"desc":"not in the team"}`},
		{"team/muteTlistAll", []string{tid, "owner=owner"}, `{"code":414,"desc":"mute or muteType is needed"}`},
		{"team/muteTlistAll", []string{tid, "owner=owner", "muteType=2"}, `{"code":414,"desc":"muteType has no value 2"}`},
		{"team/muteTlistAll", []string{tid, "owner=owner", "mute=1"}, `{"code":414,"desc":"mute not boolean"}`},
	} {
		t.Run(fmt.Sprintf("%s %.60s", c.path, strings.Join(c.pairs, " ")), func(t *testing.T) {
			n.t = t
			n.want(n.call(c.path, c.pairs...), c.want)
		})
	}
}

func many(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("m%d", i))
	}
	return out
}

func TestTeamCreate(t *testing.T) {
	n := newNode(t)
	n.register("owner", "bob", "carol")
	base := []string{"owner=Owner", "tname=crew", "msg=come"}
	t.Run("at once", func(t *testing.T) {
		n.t = t
		got := n.call("team/create", append(base, `members=["Bob","bob","owner"]`, "attach=why", "custom=c", "icon=i", "intro=in", "announcement=an")...)
		if _, ok := field(t, got, "tid").(string); !ok || !strings.HasPrefix(got, `{"code":200,"tid":"`) {
			t.Errorf("the id is a text: %s", got)
		}
		n.noted(`owner {"attach":"why","id":0,"ids":["bob"],"name":"crew"}`)
		if e := n.event(team.EventCreated); e.To != "owner" || e.App != appKey {
			t.Errorf("%+v", e)
		}
		if len(n.notifications()) != 0 {
			t.Error("nobody is asked")
		}
	})
	t.Run("members must agree, whatever the mode", func(t *testing.T) {
		n.t = t
		n.call("team/create", append(base, `members=["bob"]`, "magree=1", "beinvitemode=1")...)
		told := n.notifications()
		if len(told) != 1 || told[0].Type != team.NotifyInvite || told[0].To[0] != "bob" || told[0].From != "owner" || told[0].Text != "come" {
			t.Errorf("%+v", told)
		}
	})
	t.Run("who is in too many teams is left out", func(t *testing.T) {
		n.t = t
		n.set(map[string]string{"teams_joined_max": "2"})
		n.call("team/create", "owner=carol", "tname=x", `members=["bob"]`)
		got := n.call("team/create", "owner=carol", "tname=x", `members=["bob"]`)
		if want := `","faccid":{"accid":["bob"],"msg":"team count exceed"}}`; !strings.HasSuffix(got, want) {
			t.Errorf("%s\nwant ... %s", got, want)
		}
		n.want(n.call("team/create", "owner=carol", "tname=x", "members=[]"), `{"code":806,"desc":"too many teams"}`)
	})
}

func TestTeamAdd(t *testing.T) {
	n, tid := crew(t)
	t.Run("at once", func(t *testing.T) {
		n.t = t
		n.want(n.call("team/add", tid, "owner=manager", `members=["stranger","member"]`, "magree=0", "attach=why"), `{"code":200}`)
		n.noted(`manager {"attach":"why","id":0,"ids":["stranger"],"name":"crew"}`)
	})
	t.Run("asked", func(t *testing.T) {
		n.t = t
		n.register("asked")
		n.want(n.call("team/add", tid, "owner=owner", `members=["asked"]`, "magree=1", "msg=come", "attach=why"), `{"code":200}`)
		told := n.notifications()
		if len(told) != 1 || told[0].To[0] != "asked" || told[0].Text != "come" || *told[0].Attach != "why" {
			t.Errorf("%+v", told)
		}
	})
	t.Run("beyond the size nobody", func(t *testing.T) {
		n.t = t
		n.register("a", "b")
		n.call("team/update", tid, "owner=owner", "teamMemberLimit=5")
		n.want(n.call("team/add", tid, "owner=owner", `members=["a","b"]`), `{"code":801,"desc":"team is full"}`)
		n.want(n.call("team/add", tid, "owner=owner", `members=["a"]`), `{"code":200}`)
	})
	t.Run("too many teams", func(t *testing.T) {
		n.t = t
		n.set(map[string]string{"teams_joined_max": "1"})
		n.newTeam("b")
		n.call("team/update", tid, "owner=owner", "teamMemberLimit=20")
		n.want(n.call("team/add", tid, "owner=owner", `members=["b"]`), `{"code":200,"faccid":{"accid":["b"],"msg":"team count exceed"}}`)
	})
}

// TestTeamChanges: what the calls that change a team say to its members.
func TestTeamChanges(t *testing.T) {
	n, tid := crew(t)
	for _, c := range []struct {
		path   string
		pairs  []string
		answer string
		notes  []string
	}{
		{"team/kick", []string{"owner=manager", `members=["member","stranger"]`, "attach=why"}, `{"code":200,"faccid":{"accid":["stranger"],"msg":"not in the team"}}`,
			[]string{`manager {"attach":"why","id":1,"ids":["member"],"name":"crew"}`}},
		{"team/add", []string{"owner=owner", `members=["member"]`}, `{"code":200}`, []string{`owner {"id":0,"ids":["member"],"name":"crew"}`}},
		{"team/update", []string{"owner=owner", "tname=new", "attach=why"}, `{"code":200}`, []string{`owner {"attach":"why","id":3,"name":"new"}`}},
		{"team/update", []string{"owner=owner"}, `{"code":200}`, nil},
		{"team/update", []string{"owner=owner", "tname="}, `{"code":200}`, nil},
		{"team/muteTlist", []string{"owner=manager", "accid=member", "mute=1", "attach=why"}, `{"code":200}`,
			[]string{`manager {"accid":"member","attach":"why","id":10,"ids":["member"],"mute":true,"name":"new"}`}},
		{"team/muteTlist", []string{"owner=manager", "accid=member", "mute=0"}, `{"code":200}`,
			[]string{`manager {"accid":"member","id":10,"ids":["member"],"mute":false,"name":"new"}`}},
		{"team/muteTlistAll", []string{"owner=owner", "mute=true", "muteType=3", "attach=why"}, `{"code":200}`,
			[]string{`owner {"attach":"why","id":3,"muteType":1,"name":"new"}`}},
		{"team/muteTlistAll", []string{"owner=owner", "muteType=3"}, `{"code":200}`, []string{`owner {"id":3,"muteType":3,"name":"new"}`}},
		{"team/muteTlistAll", []string{"owner=owner", "mute=false"}, `{"code":200}`, []string{`owner {"id":3,"muteType":0,"name":"new"}`}},
		{"team/removeManager", []string{"owner=owner", `members=["manager"]`, "attach=why"}, `{"code":200}`,
			[]string{`owner {"attach":"why","id":8,"ids":["manager"],"name":"new"}`}},
		{"team/changeOwner", []string{"owner=owner", "newowner=member", "leave=2", "attach=why"}, `{"code":200}`,
			[]string{`owner {"accid":"member","attach":"why","id":6,"name":"new"}`}},
		{"team/changeOwner", []string{"owner=member", "newowner=owner", "leave=1", "attach=why"}, `{"code":200}`,
			[]string{`member {"accid":"owner","attach":"why","id":6,"name":"new"}`, `member {"attach":"why","id":2,"name":"new"}`}},
		{"team/leave", []string{"accid=manager", "attach=why"}, `{"code":200}`, []string{`manager {"attach":"why","id":2,"name":"new"}`}},
		{"team/remove", []string{"owner=owner", "attach=why"}, `{"code":200}`, []string{`owner {"attach":"why","id":4,"name":"new"}`}},
		{"team/remove", []string{"owner=owner"}, `{"code":803,"desc":"team does not exist"}`, nil},
	} {
		t.Run(c.path+" "+strings.Join(c.pairs, " "), func(t *testing.T) {
			n.t = t
			n.want(n.call(c.path, append(c.pairs, tid)...), c.answer)
			n.noted(c.notes...)
		})
	}
}

// TestTeamMemberData: what has no notification.
func TestTeamMemberData(t *testing.T) {
	n, tid := crew(t)
	member := func() team.MemberEvent {
		t.Helper()
		e, err := team.DecodeMember(n.event(team.EventMember).Body)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	n.want(n.call("team/updateTeamNick", tid, "owner=owner", "accid=member", "nick=Mem", "custom=ext"), `{"code":200}`)
	if e := member(); e.Member.Accid != "member" || e.Member.Nick != "Mem" || e.Member.Ext != "ext" || !e.Public {
		t.Errorf("%+v", e)
	}
	n.want(n.call("team/updateTeamNick", tid, "owner=member", "accid=member", "nick=Self"), `{"code":200}`)
	if e := member(); e.Member.Nick != "Self" || e.Member.Ext != "ext" {
		t.Errorf("%+v", e)
	}
	for _, c := range []struct {
		ope  string
		bits int64
	}{{"1", 1}, {"2", 0}} {
		n.want(n.call("team/muteTeam", tid, "accid=member", "ope="+c.ope), `{"code":200}`)
		if e := member(); e.Member.Bits != c.bits || e.Public {
			t.Errorf("ope %s: %+v", c.ope, e)
		}
	}
	n.want(n.call("team/muteTeam", tid, "accid=member", "ope=3"), `{"code":200}`)
}

// TestTeamQuietNotes: notifications that a team does not want delivered or stored.
func TestTeamQuietNotes(t *testing.T) {
	for _, c := range []struct {
		name, param  string
		live, stored bool
	}{{"default", "isNotifyCloseOnline=0", true, true}, {"not online", "isNotifyCloseOnline=1", false, true}, {"not stored", "isNotifyClosePersistent=1", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.register("owner", "bob")
			n.call("team/create", "owner=owner", "tname=crew", `members=["bob"]`, c.param)
			e := n.event(im.EventMessage)
			if live := len(e.Body) > 0; live != c.live {
				t.Errorf("delivered: %v", live)
			}
			a, _ := n.apps.Get(appKey)
			msgs, err := n.messages.History(t.Context(), message.HistoryQuery{App: a, Accid: "bob", Conv: e.Conv, Limit: 10})
			if err != nil || (len(msgs) > 0) != c.stored {
				t.Errorf("stored: %d messages, %v", len(msgs), err)
			}
		})
	}
}
