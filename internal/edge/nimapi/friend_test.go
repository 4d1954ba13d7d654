package nimapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/notice"
)

// pending returns what waits for an account as "type from attach".
func (n *node) pending(app, accid string) (out []string) {
	n.t.Helper()
	list, err := n.store.Notices(n.t.Context(), app, accid, 0, 100)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := range list {
		one := list[len(list)-1-i]
		out = append(out, fmt.Sprintf("%d %s %s%s", one.Type, one.From, one.Content, one.Attach))
	}
	return out
}

func (n *node) wantPending(app, accid string, want ...string) {
	n.t.Helper()
	if got := n.pending(app, accid); strings.Join(got, "\n") != strings.Join(want, "\n") {
		n.t.Errorf("%s has waiting %q, want %q", accid, got, want)
	}
}

const fine = `{"code":200}`

// steps plays calls and compares their answers.
func (n *node) steps(list [][3]string) {
	n.t.Helper()
	for _, s := range list {
		if got := n.call(s[0], strings.Split(s[1], "&")...); got != s[2] {
			n.t.Errorf("%s %s\ngot  %s\nwant %s", s[0], s[1], got, s[2])
		}
	}
}

func TestFriends(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	n.steps([][3]string{
		{"friend/get", "accid=alice", `{"code":200,"size":0,"friends":[]}`},
		{"friend/getByAccid", "accid=alice&faccid=bob", fine},
		{"friend/add", "accid=Alice&faccid=BOB&type=1&msg=hello&serverex=vip", fine},
		{"friend/add", "accid=alice&faccid=bob&type=1", fine}, // once more
		{"friend/update", "accid=alice&faccid=bob&alias=Bobby&ex=x", fine},
		{"friend/update", "accid=alice&faccid=bob&ex=", fine},
		{"friend/add", "accid=carol&faccid=alice&type=4", fine}, // nobody asked
		{"friend/add", "accid=carol&faccid=alice&type=3", fine},
	})
	f, err := n.friends.Get(t.Context(), appKey, "alice", "bob")
	if err != nil || f.Alias != "Bobby" || f.Ext != "" || f.ServerExt != "vip" {
		t.Fatalf("alice's side: %+v, %v", f, err)
	}
	c, err := n.friends.Get(t.Context(), appKey, "alice", "carol")
	if err != nil || c.Origin != friend.Asked {
		t.Fatalf("alice about carol: %+v, %v", c, err)
	}
	n.want(n.call("friend/getByAccid", "accid=alice", "faccid=bob"), fmt.Sprintf(
		`{"code":200,"friend":{"createtime":%d000,"ex":"","bidirection":true,"faccid":"bob","alias":"Bobby","serverex":"vip","updatetime":%d000}}`, f.CreatedMs, f.UpdatedMs))
	n.want(n.call("friend/get", "accid=alice", "updatetime=0"), fmt.Sprintf(
		`{"code":200,"size":2,"friends":[{"createtime":%d000,"bidirection":true,"faccid":"bob","alias":"Bobby"},{"createtime":%d000,"bidirection":true,"faccid":"carol"}]}`, f.CreatedMs, c.CreatedMs))
	n.want(n.call("friend/get", "accid=alice", fmt.Sprintf("updatetime=%d", max(f.UpdatedMs, c.UpdatedMs))), `{"code":200,"size":0,"friends":[]}`)
	n.wantPending(appKey, "bob", `5 alice hello{"vt":1,"serverex":"vip"}`)
	n.wantPending(appKey, "alice", `5 carol {"vt":4}`, `5 carol {"vt":3}`)

	for _, want := range []im.EventKind{friend.EventRequest, friend.EventUpdated} {
		if ev := n.event(want); ev.To != "alice" || ev.Origin != "" {
			t.Errorf("event %d goes to %s", want, ev.To)
		}
	}
	n.steps([][3]string{
		{"friend/delete", "accid=bob&faccid=alice&isDeleteAlias=false", fine},
		{"friend/delete", "accid=bob&faccid=alice", fine}, // no friend any more
		{"friend/get", "accid=bob", `{"code":200,"size":0,"friends":[]}`},
		{"friend/update", "accid=alice&faccid=bob&alias=x", `{"code":404,"desc":"not a friend"}`},
	})
	n.wantPending(appKey, "alice", `5 carol {"vt":4}`, `5 carol {"vt":3}`, `6 bob `)
}

func TestFriendCallsAreChecked(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	n.set(map[string]string{"friend_max": "1", "relation_max": "1"})
	ghost := `{"code":414,"desc":"ghost is not registered"}`
	n.steps([][3]string{
		{"friend/add", "accid=alice&faccid=ghost&type=1", ghost},
		{"friend/add", "accid=ghost&faccid=alice&type=1", ghost},
		{"friend/update", "accid=ghost&faccid=alice", ghost},
		{"friend/delete", "accid=alice&faccid=ghost", ghost},
		{"friend/get", "accid=ghost", ghost},
		{"friend/getByAccid", "accid=alice&faccid=ghost", ghost},
		{"user/setSpecialRelation", "accid=alice&targetAcc=ghost&relationType=1&value=1", ghost},
		{"user/listBlackAndMuteList", "accid=ghost", ghost},
		{"msg/sendAttachMsg", "from=ghost&msgtype=0&to=alice&attach=x", ghost},
		{"msg/sendAttachMsg", "from=alice&msgtype=0&to=ghost&attach=x", ghost},
		{"msg/sendBatchAttachMsg", `fromAccid=ghost&toAccids=["alice"]&attach=x`, ghost},
		{"friend/add", "accid=alice&faccid=alice&type=1", `{"code":414,"desc":"the account itself"}`},
		{"friend/add", "accid=alice&faccid=bob&type=1", fine},
		{"friend/add", "accid=alice&faccid=carol&type=1", `{"code":419,"desc":"at most 1"}`},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=1", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=1", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=carol&relationType=1&value=1", `{"code":419,"desc":"at most 1"}`},
		{"msg/sendAttachMsg", "from=alice&msgtype=1&to=4500&attach=x", `{"code":803,"desc":"team does not exist"}`},
	})
	for _, bad := range [][2]string{
		{"friend/add", "accid=alice&faccid=bob&type=5"}, {"friend/add", "accid=alice&faccid=bob"},
		{"friend/add", "accid=alice&faccid=bob&type=1&msg=" + strings.Repeat("x", 257)},
		{"friend/update", "accid=alice&faccid=bob&alias=" + strings.Repeat("x", 129)},
		{"friend/update", "accid=alice&faccid=bob&serverex=" + strings.Repeat("x", 257)},
		{"friend/delete", "accid=alice&faccid=bob&isDeleteAlias=maybe"},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=3&value=1"},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=2"},
		{"msg/sendAttachMsg", "from=alice&msgtype=2&to=bob&attach=x"}, {"msg/sendAttachMsg", "from=alice&msgtype=0&to=bob&attach=x&save=3"},
		{"msg/sendAttachMsg", "from=alice&msgtype=0&to=bob&attach=" + strings.Repeat("x", 4097)},
		{"msg/sendAttachMsg", "from=alice&msgtype=0&to=bob&attach=x&option={\"badge\":7}"},
		{"msg/sendBatchAttachMsg", "fromAccid=alice&toAccids=bob&attach=x"},
	} {
		if got := field(t, n.call(bad[0], strings.Split(bad[1], "&")...), "code"); fmt.Sprint(got) != "414" {
			t.Errorf("%.80v: %v", bad, got)
		}
	}
}

func TestRelations(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	n.steps([][3]string{
		{"user/listBlackAndMuteList", "accid=alice", `{"code":200,"mutelist":[],"blacklist":[]}`},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=1", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=carol&relationType=2&value=1", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=2&value=1", fine},
		{"user/listBlackAndMuteList", "accid=alice", `{"code":200,"mutelist":["bob","carol"],"blacklist":["bob"]}`},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=2&value=0", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=2&value=0", fine},
		{"user/listBlackAndMuteList", "accid=alice", `{"code":200,"mutelist":["carol"],"blacklist":["bob"]}`},
		{"user/listBlackAndMuteList", "accid=bob", `{"code":200,"mutelist":[],"blacklist":[]}`},
	})
	for _, want := range []im.EventKind{friend.EventBlack, friend.EventMute} {
		if ev := n.event(want); ev.To != "alice" || ev.Origin != "" {
			t.Errorf("event %d goes to %s", want, ev.To)
		}
	}
	// The app's server is trusted: no black list stops it.
	if got := n.call("msg/sendMsg", "from=bob", "ope=0", "to=alice", "type=0", `body={"msg":"x"}`); !strings.HasPrefix(got, `{"code":200`) {
		t.Errorf("sendMsg: %s", got)
	}
	if got := n.call("msg/sendMsg", "from=bob", "ope=0", "to=alice", "type=0", `body={"msg":"x"}`, "checkFriend=true"); got != `{"code":403,"desc":"not friends"}` {
		t.Errorf("sendMsg to a stranger: %s", got)
	}
	n.steps([][3]string{{"friend/add", "accid=alice&faccid=bob&type=1", fine}})
	if got := n.call("msg/sendMsg", "from=bob", "ope=0", "to=alice", "type=0", `body={"msg":"x"}`, "checkFriend=true"); !strings.HasPrefix(got, `{"code":200`) {
		t.Errorf("sendMsg to a friend: %s", got)
	}
}

func TestCustomNotifications(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	n.steps([][3]string{
		{"user/setSpecialRelation", "accid=bob&targetAcc=alice&relationType=1&value=1", fine}, // stops no server
		{"user/mute", "accid=alice&mute=true", fine},
		{"msg/sendAttachMsg", `from=alice&msgtype=0&to=BOB&attach={"n":1}&pushContent=` + strings.Repeat("p", 501) + `&payload={"a":1}&option={"badge":false,"needPushNick":true,"route":0}&isForcePush=true&forcePushContent=f&env=e`, fine},
		{"msg/sendAttachMsg", "from=alice&msgtype=0&to=bob&attach=online&save=1", fine},
		{"msg/sendBatchAttachMsg", `fromAccid=alice&toAccids=["bob","ghost","carol","bob","no accid"]&attach=many`, `{"code":200,"unregister":"[\"ghost\",\"no accid\"]"}`},
		{"msg/sendBatchAttachMsg", `fromAccid=alice&toAccids=["carol"]&attach=now&save=1`, `{"code":200,"unregister":"[]"}`},
	})
	n.want(n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1"}, "msg/sendBatchAttachMsg", "fromAccid=alice", `toAccids=["ghost"]`, "attach=x"), `{"code":200,"unregister":["ghost"]}`)
	n.wantPending(appKey, "bob", `100 alice {"n":1}`, `100 alice many`)
	n.wantPending(appKey, "carol", `100 alice many`)
	list, err := n.store.Notices(t.Context(), appKey, "bob", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	first := *list[1]
	if len(first.PushContent) != 500 || first.PushPayload != `{"a":1}` || !first.ForcePush || first.ForceContent != "f" || first.Env != "e" || first.Flags != notice.NoBadge|notice.NoRoute {
		t.Errorf("the first: %+v", first)
	}
	if list[0].Flags != notice.NoPushNick {
		t.Errorf("flags without options: %b", list[0].Flags)
	}
	var seen []string
	for len(seen) < 5 {
		one, err := notice.Decode(n.event(notice.Event))
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, one.Receiver+" "+one.Attach)
	}
	slices.SortStableFunc(seen, func(a, b string) int { return strings.Compare(a[:3], b[:3]) }) // in order for each receiver
	if got := strings.Join(seen, ", "); got != `bob {"n":1}, bob online, bob many, carol many, carol now` {
		t.Errorf("delivered: %s", got)
	}
}

// Keys of one app show and change nothing of another's.
func TestFriendCallsKeepToTheirApp(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	n.steps([][3]string{
		{"friend/add", "accid=alice&faccid=bob&type=1", fine},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=1", fine},
	})
	other := map[string]string{"AppKey": "app2"}
	calls := [][2]string{
		{"friend/add", "accid=alice&faccid=bob&type=2"}, {"friend/update", "accid=alice&faccid=bob&alias=stolen"}, {"friend/delete", "accid=alice&faccid=bob"},
		{"friend/get", "accid=alice"}, {"friend/getByAccid", "accid=alice&faccid=bob"},
		{"user/setSpecialRelation", "accid=alice&targetAcc=bob&relationType=1&value=0"}, {"user/listBlackAndMuteList", "accid=alice"},
		{"msg/sendAttachMsg", "from=alice&msgtype=0&to=bob&attach=x"}, {"msg/sendBatchAttachMsg", `fromAccid=alice&toAccids=["bob"]&attach=x`},
	}
	for _, c := range calls {
		n.want(n.callAs(other, c[0], strings.Split(c[1], "&")...), `{"code":414,"desc":"alice is not registered"}`)
	}
	// The same names there are other accounts.
	for _, id := range []string{"alice", "bob"} {
		n.want(n.callAs(other, "user/create", "accid="+id, "token=t"), fmt.Sprintf(`{"code":200,"info":{"token":"t","accid":"%s","name":""}}`, id))
	}
	n.want(n.callAs(other, "friend/get", "accid=alice"), `{"code":200,"size":0,"friends":[]}`)
	n.want(n.callAs(other, "friend/getByAccid", "accid=alice", "faccid=bob"), fine)
	n.want(n.callAs(other, "user/listBlackAndMuteList", "accid=alice"), `{"code":200,"mutelist":[],"blacklist":[]}`)
	for _, c := range calls {
		n.callAs(other, c[0], strings.Split(c[1], "&")...)
	}
	f, err := n.friends.Get(t.Context(), appKey, "alice", "bob")
	if err != nil || f == nil || f.Alias != "" {
		t.Errorf("alice and bob here: %+v, %v", f, err)
	}
	n.want(n.call("user/listBlackAndMuteList", "accid=alice"), `{"code":200,"mutelist":[],"blacklist":["bob"]}`)
	n.wantPending(appKey, "bob", `5 alice {"vt":1}`)
	n.wantPending("app2", "bob", `5 alice {"vt":2}`, `100 alice x`, `100 alice x`)
}
