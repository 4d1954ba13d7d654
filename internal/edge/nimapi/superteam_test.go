package nimapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// teamCase is one refused call.
type teamCase struct {
	name string
	path string
	form []string
	want string
}

func (n *node) refused(cases []teamCase) {
	n.t.Helper()
	for _, c := range cases {
		if got := n.call(c.path, c.form...); got != c.want {
			n.t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// superTeam makes a super team of alice by REST in which members are at once;
// it returns the parameter that names it.
func (n *node) superTeam(members ...string) (tid string) {
	n.t.Helper()
	return n.superTeamWith(members, "beinvitemode=1")
}

func (n *node) superTeamWith(members []string, more ...string) (tid string) {
	n.t.Helper()
	form := append([]string{"owner=alice", "tname=crew", "msg=come", "joinmode=0", `inviteAccids=` + quoted(members...)}, more...)
	got := n.call("superteam/create", form...)
	if fmt.Sprint(field(n.t, got, "code")) != "200" {
		n.t.Fatal(got)
	}
	return "tid=" + fmt.Sprint(field(n.t, got, "tid"))
}

// quoted is a JSON array of texts.
func quoted(list ...string) string {
	if len(list) == 0 {
		return "[]"
	}
	return `["` + strings.Join(list, `","`) + `"]`
}

func (n *node) tid(param string) (tid int64) {
	n.t.Helper()
	if _, err := fmt.Sscanf(param, "tid=%d", &tid); err != nil {
		n.t.Fatal(err)
	}
	return tid
}

// notes are the notification messages of a super team, oldest first: who did
// what to whom.
func (n *node) notes(param string) (out []string) {
	n.t.Helper()
	msgs, err := n.store.Page(n.t.Context(), appKey, team.Super.Key(n.tid(param)), message.PageQuery{Limit: 100, Ascending: true})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range msgs {
		if m.ClientType != message.ClientTypeREST {
			n.t.Errorf("client type %d", m.ClientType)
		}
		out = append(out, m.From+": "+m.Content.Attach)
	}
	return out
}

func (n *node) wantNotes(param string, want ...string) {
	n.t.Helper()
	if got := n.notes(param); !slices.Equal(got, want) {
		n.t.Errorf("notifications %q, want %q", got, want)
	}
}

// wantMembers compares the members of a super team by join time.
func (n *node) wantMembers(param string, want ...string) {
	n.t.Helper()
	members, err := n.store.Members(n.t.Context(), appKey, team.Super.Key(n.tid(param)), team.MemberQuery{})
	if err != nil {
		n.t.Fatal(err)
	}
	var got []string
	for _, m := range members {
		got = append(got, m.Accid)
	}
	if !slices.Equal(got, want) {
		n.t.Errorf("members %v, want %v", got, want)
	}
}

func (n *node) wantAsked(want ...string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.asked, want) {
		n.t.Errorf("system notifications %q, want %q", n.asked, want)
	}
}

func accidsOf(prefix string, count int) (out []string) {
	for i := range count {
		out = append(out, fmt.Sprint(prefix, i))
	}
	return out
}

func TestSuperTeamCreate(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	good := []string{"owner=alice", "tname=crew", "msg=come", "joinmode=0", `inviteAccids=["bob"]`}
	without := func(name string, more ...string) []string {
		out := slices.DeleteFunc(slices.Clone(good), func(p string) bool { return strings.HasPrefix(p, name+"=") })
		return append(out, more...)
	}
	path := "superteam/create"
	n.refused([]teamCase{
		{"no owner", path, without("owner"), `{"code":414,"desc":"owner missing"}`},
		{"no list", path, without("inviteAccids"), `{"code":414,"desc":"inviteAccids missing"}`},
		{"list is no JSON", path, without("inviteAccids", "inviteAccids=bob"), `{"code":414,"desc":"inviteAccids not a JSON array"}`},
		{"list too long", path, without("inviteAccids", "inviteAccids="+quoted(accidsOf("x", 201)...)), `{"code":414,"desc":"inviteAccids has more than 200 elements"}`},
		{"no name", path, without("tname"), `{"code":414,"desc":"tname missing"}`},
		{"name too long", path, without("tname", "tname="+strings.Repeat("字", 65)), `{"code":414,"desc":"tname longer than 64 characters"}`},
		{"announcement too long", path, append(good, "announcement="+strings.Repeat("字", 1025)), `{"code":414,"desc":"announcement longer than 1024 characters"}`},
		{"intro too long", path, append(good, "intro="+strings.Repeat("字", 513)), `{"code":414,"desc":"intro longer than 512 characters"}`},
		{"extension too long", path, append(good, "serverCustom="+strings.Repeat("字", 1025)), `{"code":414,"desc":"serverCustom longer than 1024 characters"}`},
		{"icon too long", path, append(good, "icon="+strings.Repeat("字", 1025)), `{"code":414,"desc":"icon longer than 1024 characters"}`},
		{"invitation too long", path, without("msg", "msg="+strings.Repeat("字", 151)), `{"code":414,"desc":"msg longer than 150 characters"}`},
		{"joinmode", path, without("joinmode", "joinmode=3"), `{"code":414,"desc":"joinmode has no value 3"}`},
		{"beinvitemode", path, append(good, "beinvitemode=2"), `{"code":414,"desc":"beinvitemode has no value 2"}`},
		{"invitemode", path, append(good, "invitemode=2"), `{"code":414,"desc":"invitemode has no value 2"}`},
		{"uptinfomode", path, append(good, "uptinfomode=2"), `{"code":414,"desc":"uptinfomode has no value 2"}`},
		{"upcustommode", path, append(good, "upcustommode=x"), `{"code":414,"desc":"upcustommode not a number"}`},
		{"level too low", path, append(good, "tlevel=1"), `{"code":414,"desc":"level out of range"}`},
		{"level too high", path, append(good, "tlevel=10001"), `{"code":414,"desc":"level out of range"}`},
		{"owner unknown", path, without("owner", "owner=ghost"), `{"code":414,"desc":"ghost is not registered"}`},
		{"invitee unknown", path, without("inviteAccids", `inviteAccids=["bob","ghost"]`), `{"code":414,"desc":"ghost is not registered"}`},
		{"invitee malformed", path, without("inviteAccids", `inviteAccids=["b|b"]`), `{"code":414,"desc":"b|b is not registered"}`},
		{"more than the level", path, append(without("inviteAccids"), `inviteAccids=["bob","carol"]`, "tlevel=2"),
			`{"code":801,"desc":"more accounts than the team may have members"}`},
	})

	// Who need not agree is in at once; the rest of the parameters is kept.
	tid := n.superTeamWith([]string{"BOB", "alice", "bob"}, "beinvitemode=1", "joinmode=2", "invitemode=1", "uptinfomode=1", "upcustommode=1",
		"announcement=a", "intro=i", "serverCustom=s", "icon=c", "magree=1", "bid=x")
	n.wantMembers(tid, "alice", "bob")
	n.wantNotes(tid, "alice: 0 bob")
	got, err := n.teams.Get(t.Context(), appKey, team.Super, n.tid(tid))
	if err != nil {
		t.Fatal(err)
	}
	if got.Level != 200 || got.JoinMode != team.JoinFree || got.BeInviteMode != 1 || got.InviteMode != 1 || got.UpdateMode != 1 || got.ExtMode != 1 ||
		got.Announcement != "a" || got.Intro != "i" || got.ServerExt != "s" || got.Avatar != "c" || got.Name != "crew" || got.MuteType != 0 {
		t.Errorf("%+v", got)
	}
	if e := n.event(team.EventCreated); e.To != "alice" || e.Origin != "" {
		t.Errorf("%+v", e)
	}
	// The others are asked, which is the default.
	tid = n.superTeamWith([]string{"bob"})
	n.wantMembers(tid, "alice")
	n.wantAsked("2 alice > bob: come")
	n.wantNotes(tid)

	n.set(map[string]string{"teams_joined_max": "1"})
	n.register("dave")
	got2 := n.call(path, "owner=dave", "tname=crew", "inviteAccids="+quoted("bob", "carol"), "beinvitemode=1")
	if fmt.Sprint(field(t, got2, "faccid")) != "map[accid:[bob] msg:team count exceed]" {
		t.Error(got2)
	}
	n.set(map[string]string{"teams_created_max": "1", "teams_joined_max": "10"})
	n.want(n.call(path, good...), `{"code":806,"desc":"too many teams"}`)
}

func TestSuperTeamInvite(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol", "dave", "erin")
	tid := n.superTeam("bob")
	path := "superteam/invite"
	n.refused([]teamCase{
		{"no team", path, []string{"owner=alice", `inviteAccids=["carol"]`, "msg=x"}, `{"code":414,"desc":"tid missing"}`},
		{"team 0", path, []string{"tid=0", "owner=alice", `inviteAccids=["carol"]`, "msg=x"}, `{"code":414,"desc":"tid less than 1"}`},
		{"team is no number", path, []string{"tid=x", "owner=alice", `inviteAccids=["carol"]`, "msg=x"}, `{"code":414,"desc":"tid not a number"}`},
		{"no owner", path, []string{tid, `inviteAccids=["carol"]`, "msg=x"}, `{"code":414,"desc":"owner missing"}`},
		{"no list", path, []string{tid, "owner=alice", "msg=x"}, `{"code":414,"desc":"inviteAccids missing"}`},
		{"empty list", path, []string{tid, "owner=alice", "inviteAccids=[]", "msg=x"}, `{"code":414,"desc":"nobody to invite"}`},
		{"list too long", path, []string{tid, "owner=alice", "inviteAccids=" + quoted(accidsOf("x", 201)...), "msg=x"}, `{"code":414,"desc":"inviteAccids has more than 200 elements"}`},
		{"text too long", path, []string{tid, "owner=alice", `inviteAccids=["carol"]`, "msg=" + strings.Repeat("字", 151)}, `{"code":414,"desc":"msg longer than 150 characters"}`},
		{"account unknown", path, []string{tid, "owner=alice", `inviteAccids=["ghost"]`, "msg=x"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team unknown", path, []string{"tid=5", "owner=alice", `inviteAccids=["carol"]`, "msg=x"}, `{"code":803,"desc":"team does not exist"}`},
		{"not a member", path, []string{tid, "owner=dave", `inviteAccids=["carol"]`, "msg=x"}, `{"code":804,"desc":"not in the team"}`},
		{"no right", path, []string{tid, "owner=bob", `inviteAccids=["carol"]`, "msg=x"}, `{"code":802,"desc":"no permission"}`},
		{"in already", path, []string{tid, "owner=alice", `inviteAccids=["bob"]`, "msg=x"}, `{"code":809,"desc":"already in the team"}`},
	})
	n.want(n.call(path, tid, "owner=alice", `inviteAccids=["Carol","bob"]`, "msg="), `{"code":200}`)
	n.wantMembers(tid, "alice", "bob", "carol")
	n.wantNotes(tid, "alice: 0 bob", "alice: 0 carol")

	asks := n.superTeamWith(nil, "tlevel=3")
	n.want(n.call(path, asks, "owner=alice", `inviteAccids=["bob"]`, "msg=come"), `{"code":200}`)
	n.wantMembers(asks, "alice")
	n.wantAsked("2 alice > bob: come")
	n.want(n.call(path, asks, "owner=alice", `inviteAccids=["bob","carol","dave"]`, "msg=x"), `{"code":801,"desc":"team is full"}`)

	n.set(map[string]string{"teams_joined_max": "1"})
	n.want(n.call(path, tid, "owner=alice", `inviteAccids=["dave"]`), `{"code":200}`)
	other := n.superTeamOf("erin", "beinvitemode=1")
	n.want(n.call(path, other, "owner=erin", `inviteAccids=["dave"]`), `{"code":200,"faccid":{"accid":["dave"],"msg":"team count exceed"}}`)
}

func (n *node) superTeamOf(owner string, more ...string) string {
	n.t.Helper()
	return fmt.Sprint("tid=", field(n.t, n.call("superteam/create", append([]string{"owner=" + owner, "tname=crew", "inviteAccids=[]"}, more...)...), "tid"))
}

func TestSuperTeamKickAndLeave(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol", "dave")
	tid := n.superTeam("bob", "carol")
	n.refused([]teamCase{
		{"no list", "superteam/kick", []string{tid, "owner=alice"}, `{"code":414,"desc":"kickAccids missing"}`},
		{"list too long", "superteam/kick", []string{tid, "owner=alice", "kickAccids=" + quoted(accidsOf("x", 201)...)}, `{"code":414,"desc":"kickAccids has more than 200 elements"}`},
		{"account unknown", "superteam/kick", []string{tid, "owner=alice", `kickAccids=["ghost"]`}, `{"code":414,"desc":"ghost is not registered"}`},
		{"actor unknown", "superteam/kick", []string{tid, "owner=ghost", `kickAccids=["bob"]`}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team unknown", "superteam/kick", []string{"tid=5", "owner=alice", `kickAccids=["bob"]`}, `{"code":803,"desc":"team does not exist"}`},
		{"actor not a member", "superteam/kick", []string{tid, "owner=dave", `kickAccids=["bob"]`}, `{"code":804,"desc":"not in the team"}`},
		{"actor has no right", "superteam/kick", []string{tid, "owner=bob", `kickAccids=["carol"]`}, `{"code":802,"desc":"no permission"}`},
		{"the owner", "superteam/kick", []string{tid, "owner=alice", `kickAccids=["alice"]`}, `{"code":802,"desc":"no permission"}`},
		{"who is no member", "superteam/kick", []string{tid, "owner=alice", `kickAccids=["dave"]`}, `{"code":804,"desc":"not in the team"}`},

		{"leave: no account", "superteam/leave", []string{tid}, `{"code":414,"desc":"accid missing"}`},
		{"leave: account unknown", "superteam/leave", []string{tid, "accid=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"leave: team unknown", "superteam/leave", []string{"tid=5", "accid=bob"}, `{"code":803,"desc":"team does not exist"}`},
		{"leave: not a member", "superteam/leave", []string{tid, "accid=dave"}, `{"code":804,"desc":"not in the team"}`},
		{"leave: the owner", "superteam/leave", []string{tid, "accid=alice"}, `{"code":802,"desc":"no permission"}`},
	})
	n.wantMembers(tid, "alice", "bob", "carol")
	n.want(n.call("superteam/kick", tid, "owner=alice", `kickAccids=["bob","dave"]`), `{"code":200}`)
	n.want(n.call("superteam/leave", tid, "accid=carol"), `{"code":200}`)
	n.wantMembers(tid, "alice")
	n.wantNotes(tid, "alice: 0 bob carol", "alice: 1 bob", "carol: 2")
}

func TestSuperTeamDismiss(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "dave")
	tid := n.superTeam("bob")
	n.refused([]teamCase{
		{"no team", "superteam/dismiss", []string{"owner=alice"}, `{"code":414,"desc":"tid missing"}`},
		{"no owner", "superteam/dismiss", []string{tid}, `{"code":414,"desc":"owner missing"}`},
		{"account unknown", "superteam/dismiss", []string{tid, "owner=ghost"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"team unknown", "superteam/dismiss", []string{"tid=5", "owner=alice"}, `{"code":803,"desc":"team does not exist"}`},
		{"not a member", "superteam/dismiss", []string{tid, "owner=dave"}, `{"code":804,"desc":"not in the team"}`},
		{"not the owner", "superteam/dismiss", []string{tid, "owner=bob"}, `{"code":802,"desc":"no permission"}`},
	})
	n.want(n.call("superteam/dismiss", tid, "owner=alice"), `{"code":200}`)
	n.wantNotes(tid, "alice: 0 bob", "alice: 4")
	n.want(n.call("superteam/dismiss", tid, "owner=alice"), `{"code":803,"desc":"team does not exist"}`)
}

// superTeamCall is a call that succeeds for alice, who owns the super team;
// bob, carol and dan are in it, dan as a manager, dave is not.
type superTeamCall struct {
	path  string
	actor string   // the parameter that names who acts; "" = nobody
	form  []string // everything that must not be missing, but for the team
	more  []string // the rest
	rank  string   // who may: "" every member, "manager", "owner"
}

func superTeamCalls() []superTeamCall {
	now := "timetag=1"
	return []superTeamCall{
		{"invite", "owner", []string{"owner=alice", `inviteAccids=["dave"]`}, []string{"msg=x"}, "manager"},
		{"kick", "owner", []string{"owner=alice", `kickAccids=["carol"]`}, nil, "manager"},
		{"leave", "accid", []string{"accid=carol"}, nil, ""},
		{"updateTinfo", "owner", []string{"owner=alice"}, []string{"tname=n"}, "manager"},
		{"updateTlist", "accid", []string{"accid=alice"}, []string{"nick=n"}, ""},
		{"updateTeamNick", "owner", []string{"owner=alice", "accid=carol", "nick=n"}, nil, "manager"},
		{"getTlists", "", []string{"limit=10"}, []string{"timetag=0"}, ""},
		{"getMuteTlists", "", []string{"limit=10"}, []string{"timetag=0"}, ""},
		{"changeOwner", "owner", []string{"owner=alice", "accid=carol", "leave=2"}, nil, "owner"},
		{"addManager", "owner", []string{"owner=alice", `managerAccids=["carol"]`}, nil, "owner"},
		{"removeManager", "owner", []string{"owner=alice", `managerAccids=["carol"]`}, nil, "owner"},
		{"mute", "owner", []string{"owner=alice", "muteType=1"}, nil, "owner"},
		{"muteTlist", "owner", []string{"owner=alice", `muteAccids=["carol"]`, "mute=1"}, nil, "manager"},
		{"changeLevel", "owner", []string{"owner=alice", "tlevel=100"}, nil, "owner"},
		{"sendMsg", "fromAccid", []string{"fromAccid=alice", "type=0", `body={"msg":"hi"}`}, nil, ""},
		{"queryHistoryMsg", "accid", []string{"accid=alice", "limit=10"}, []string{"begintime=0", "endtime=0"}, ""},
		{"recallMsg", "", []string{"deleteMsgid=1", now, "from=alice"}, nil, ""},
		{"dismiss", "owner", []string{"owner=alice"}, nil, "owner"},
	}
}

// with returns the form with one parameter set anew.
func with(form []string, param string) []string {
	name, _, _ := strings.Cut(param, "=")
	out := slices.DeleteFunc(slices.Clone(form), func(p string) bool { return strings.HasPrefix(p, name+"=") })
	return append(out, param)
}

// crew makes the super team of superTeamCalls.
func (n *node) crew() (tid string) {
	n.t.Helper()
	n.register("alice", "bob", "carol", "dan", "dave")
	tid = n.superTeam("bob", "carol", "dan")
	n.want(n.call("superteam/addManager", tid, "owner=alice", `managerAccids=["dan"]`), `{"code":200}`)
	return tid
}

// TestSuperTeamRefusals: what is missing, unknown or not allowed, for every call
// on one super team; nothing of it changes the team.
func TestSuperTeamRefusals(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	n.set(map[string]string{"rest_rate": "10000"})
	members, notes := []string{"alice", "bob", "carol", "dan"}, []string{"alice: 0 bob carol dan", "alice: 7 dan"}
	for _, c := range superTeamCalls() {
		team := tid
		if c.path == "recallMsg" {
			team = "to=" + strings.TrimPrefix(tid, "tid=")
		}
		name, _, _ := strings.Cut(team, "=")
		path, form := "superteam/"+c.path, slices.Concat(c.form, c.more)
		cases := []teamCase{
			{"no team", path, form, `{"code":414,"desc":"` + name + ` missing"}`},
			{"malformed team", path, with(form, name+"=x"), `{"code":414,"desc":"` + name + ` not a number"}`},
			{"team too long", path, with(form, name+"="+strings.Repeat("0", 129)), `{"code":414,"desc":"` + name + ` longer than 128 characters"}`},
			{"team unknown", path, with(form, name+"=5"), `{"code":803,"desc":"team does not exist"}`},
		}
		if c.path == "recallMsg" { // no length is documented
			cases = slices.Delete(cases, 2, 3)
		}
		for i, p := range c.form {
			name, _, _ := strings.Cut(p, "=")
			cases = append(cases, teamCase{"no " + name, path, append(slices.Delete(slices.Clone(form), i, i+1), team), `{"code":414,"desc":"` + name + ` missing"}`})
		}
		if c.actor != "" {
			cases = append(cases,
				teamCase{"actor unknown", path, append(with(form, c.actor+"=ghost"), team), `{"code":414,"desc":"ghost is not registered"}`},
				teamCase{"actor malformed", path, append(with(form, c.actor+"=g|h"), team), `{"code":414,"desc":"` + c.actor + `: 1 to 32 characters of A-Z a-z 0-9 _ @ . -"}`},
				teamCase{"not a member", path, append(with(form, c.actor+"=dave"), team), `{"code":804,"desc":"not in the team"}`})
		}
		if c.rank != "" {
			cases = append(cases, teamCase{"ordinary member", path, append(with(form, c.actor+"=bob"), team), `{"code":802,"desc":"no permission"}`})
		}
		if c.rank == "owner" {
			cases = append(cases, teamCase{"manager", path, append(with(form, c.actor+"=dan"), team), `{"code":802,"desc":"no permission"}`})
		}
		t.Run(c.path, func(t *testing.T) {
			n.t = t
			n.refused(cases)
		})
	}
	n.t = t
	n.wantMembers(tid, members...)
	n.wantNotes(tid, notes...)
}

// TestSuperTeamTenants: another app's keys reach no super team of this one.
func TestSuperTeamTenants(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	sent := field(t, n.call("superteam/sendMsg", tid, "fromAccid=alice", "type=0", `body={"msg":"ours"}`), "data", "msgid")
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"alice", "bob", "carol", "dan", "dave"} {
		if _, _, err := n.accounts.Register(t.Context(), "app2", id, "token", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	second := map[string]string{"AppKey": "app2"}
	for _, c := range superTeamCalls() {
		form := slices.Concat([]string{tid}, c.form, c.more)
		if c.path == "recallMsg" {
			form[0] = "to=" + strings.TrimPrefix(tid, "tid=")
		}
		if got := n.callAs(second, "superteam/"+c.path, form...); got != `{"code":803,"desc":"team does not exist"}` {
			t.Errorf("%s: %s", c.path, got)
		}
	}
	id := strings.TrimPrefix(tid, "tid=")
	for _, c := range []struct{ path, form, want string }{
		{"getTinfos", "tids=[" + id + "]", `{"code":803,"desc":"team ` + id + ` does not exist"}`},
		{"joinTeams", "accid=alice", `{"code":200,"tinfos":[]}`},
		{"queryHistoryMsgByIds", fmt.Sprintf(`msgs=[{"msgid":%v,"from":"alice","to":%s,"time":1}]`, sent, id), `{"code":200,"msgs":[]}`},
	} {
		n.want(n.callAs(second, "superteam/"+c.path, c.form), c.want)
	}
	n.want(n.callAs(second, "superteam/sendAttachMsg", "from=alice", "to="+id, "attach=x"), `{"code":803,"desc":"team does not exist"}`)
	n.wantMembers(tid, "alice", "bob", "carol", "dan")
	if got := n.notes(tid); len(got) != 3 {
		t.Errorf("%q", got)
	}
}
