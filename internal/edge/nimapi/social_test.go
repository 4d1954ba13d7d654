package nimapi_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"hongyan/internal/im/account"
	"hongyan/internal/im/proxy"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
)

func TestSubscriptions(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	who := []string{"accid=alice", "eventType=1", `publisherAccids=["bob","ghost"]`}
	n.want(n.call("event/subscribe/add", append(who, "ttl=60")...), `{"code":200,"failedAccid":["ghost"]}`)
	if e := n.event(subscription.EventChanged); e.To != "alice" || e.App != appKey {
		t.Errorf("%+v", e)
	}
	got := regexp.MustCompile(`\d{13}`).ReplaceAllString(n.call("event/subscribe/query", who...), "T")
	n.want(got, `{"code":200,"subscribes":[{"accid":"bob","eventType":1,"expireTime":T,"subscribeTime":T}]}`)
	n.want(n.call("event/subscribe/delete", who...), `{"code":200,"failedAccid":["ghost"]}`)
	n.want(n.call("event/subscribe/query", who...), `{"code":200,"subscribes":[]}`)
	n.want(n.call("event/subscribe/batchdel", "accid=alice", "eventType=1"), `{"code":200}`)
	for _, c := range [][]string{
		append(who, "ttl=59"), append(who, "ttl=2592001"), {"accid=alice", "eventType=2", `publisherAccids=["bob"]`, "ttl=60"},
		{"accid=alice", "eventType=1", "publisherAccids=bob", "ttl=60"}, {"accid=ghost", "eventType=1", `publisherAccids=["bob"]`, "ttl=60"},
	} {
		if got := n.call("event/subscribe/add", c...); fmt.Sprint(field(t, got, "code")) != "414" {
			t.Errorf("%v: %s", c, got)
		}
	}
	for _, path := range []string{"delete", "query"} {
		for _, c := range []struct {
			name string
			form []string
			want string
		}{
			{"publishers not JSON", []string{"accid=alice", "eventType=1", "publisherAccids=bob"}, "publisherAccids not a JSON array"},
			{"publishers missing", []string{"accid=alice", "eventType=1"}, "publisherAccids missing"},
			{"101 publishers", []string{"accid=alice", "eventType=1", "publisherAccids=" + texts(many(101))}, "publisherAccids has more than 100 elements"},
			{"eventType 2", []string{"accid=alice", "eventType=2", `publisherAccids=["bob"]`}, "eventType has no value 2"},
			{"subscriber unknown", []string{"accid=ghost", "eventType=1", `publisherAccids=["bob"]`}, "ghost is not registered"},
		} {
			t.Run(path+" "+c.name, func(t *testing.T) {
				n.t = t
				n.want(n.call("event/subscribe/"+path, c.form...), `{"code":414,"desc":"`+c.want+`"}`)
			})
		}
	}
	n.t = t
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"subscriber unknown", []string{"accid=ghost", "eventType=1"}, "ghost is not registered"},
		{"subscriber missing", []string{"eventType=1"}, "accid missing"},
		{"eventType missing", []string{"accid=alice"}, "eventType missing"},
		{"eventType 2", []string{"accid=alice", "eventType=2"}, "eventType has no value 2"},
	} {
		if got := n.call("event/subscribe/batchdel", c.form...); got != `{"code":414,"desc":"`+c.want+`"}` {
			t.Errorf("batchdel, %s: %s", c.name, got)
		}
	}
	n.set(map[string]string{"presence_subscriptions": "1"})
	n.want(n.call("event/subscribe/add", "accid=alice", "eventType=1", `publisherAccids=["bob","alice"]`, "ttl=60"), `{"code":419,"desc":"at most 1 subscriptions"}`)
	n.set(map[string]string{"presence": "false"})
	n.want(n.call("event/subscribe/batchdel", "accid=alice", "eventType=1"), `{"code":403,"desc":"online-state subscription is switched off for this app"}`)
}

// TestSocialTenants: an app sees nothing of another's accounts, subscriptions
// and channels.
func TestSocialTenants(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"alice", "zoe"} {
		if _, _, err := n.accounts.Register(t.Context(), "app2", id, "token", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	second := map[string]string{"AppKey": "app2"}
	n.call("event/subscribe/add", "accid=alice", "eventType=1", `publisherAccids=["bob"]`, "ttl=60")
	n.want(n.callAs(second, "event/subscribe/query", "accid=alice", "eventType=1", `publisherAccids=["bob"]`), `{"code":200,"subscribes":[]}`)
	n.want(n.callAs(second, "event/subscribe/add", "accid=alice", "eventType=1", `publisherAccids=["bob"]`, "ttl=60"), `{"code":200,"failedAccid":["bob"]}`)
	id := field(t, n.call("signal/createRoom", "type=1", "from=alice", "channelName=room"), "data", "channelId")
	for _, c := range [][]string{
		{"signal/getRoomInfo", fmt.Sprint("channelId=", id)}, {"signal/getRoomInfo", "channelName=room"}, {"signal/delayRoom", fmt.Sprint("channelId=", id)},
		{"signal/closeRoom", fmt.Sprint("channelId=", id), "from=alice"}, {"signal/invite", fmt.Sprint("channelId=", id), "from=alice", "to=zoe", "requestId=r"},
	} {
		n.want(n.callAs(second, c[0], c[1:]...), `{"code":10404,"desc":"no such channel"}`)
	}
	if got := n.callAs(second, "signal/createRoom", "type=1", "from=alice", "channelName=room"); fmt.Sprint(field(t, got, "code")) != "200" {
		t.Errorf("names are per app: %s", got)
	}
	n.want(n.callAs(second, "hongyan/proxyNotify", "from=alice", `accids=["bob"]`, "body=x"), `{"code":200,"failedAccid":["bob"]}`)
}

func TestSignaling(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	made := n.call("signal/createRoom", "type=2", "from=alice", "ext=e")
	if field(t, made, "data", "type") != "VIDEO" || fmt.Sprint(field(t, made, "data", "members")) != "[]" {
		t.Error(made)
	}
	id := fmt.Sprint("channelId=", field(t, made, "data", "channelId"))
	n.want(n.call("signal/invite", id, "from=alice", "to=bob", "requestId=r", "isSave=1"), `{"code":10201,"desc":"the invitee is not online"}`)
	if e := n.event(signaling.Event); e.To != "bob" || e.App != appKey {
		t.Errorf("%+v", e)
	}
	n.want(n.call("signal/invite", id, "from=alice", "to=bob", "requestId=r2", "needPush=1"),
		`{"code":10202,"desc":"the invitee is not online and no push provider is attached"}`)
	a, _ := n.apps.Get(appKey)
	if kept, err := n.signaling.Missed(t.Context(), a, "bob"); err != nil || len(kept) != 1 || kept[0].Request != "r" {
		t.Errorf("%+v %v", kept, err)
	}
	n.want(n.call("signal/cancelInvite", id, "from=alice", "to=bob", "requestId=r"), `{"code":200,"data":{}}`)
	if kept, _ := n.signaling.Missed(t.Context(), a, "bob"); len(kept) != 0 {
		t.Errorf("a cancelled invitation still waits: %+v", kept)
	}
	n.want(n.call("signal/cancelInvite", id, "from=alice", "to=bob", "requestId=r"), `{"code":10408,"desc":"the invitation was cancelled"}`)
	n.want(n.call("signal/kick", id, "from=alice", "to=bob"), `{"code":10406,"desc":"to not member"}`)
	n.want(n.call("signal/ctrlRoom", id, "from=alice"), `{"code":10406,"desc":"not in the channel"}`)
	n.want(n.call("signal/getRoomInfo"), `{"code":414,"desc":"neither channelName nor channelId"}`)
	n.want(n.call("signal/closeRoom", "channelId=x", "from=alice"), `{"code":10404,"desc":"no such channel"}`)
	a, _ = n.apps.Get(appKey)
	for i, who := range []string{"alice", "bob"} {
		number, err := strconv.ParseInt(strings.TrimPrefix(id, "channelId="), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		by := signaling.Caller{Accid: who, Device: "phone", Client: who, Conn: "conn-" + who}
		if _, err := n.signaling.Join(t.Context(), a, by, signaling.Ask{Channel: number, UID: int64(i) + 1}); err != nil {
			t.Fatal(err)
		}
	}
	n.want(n.call("signal/invite", id, "from=alice", "to=bob", "requestId=r3"), `{"code":10407,"desc":"the invitee is in the channel"}`)
	n.want(n.call("signal/ctrlRoom", id, "from=alice", "to=ghost"), `{"code":10406,"desc":"to not member"}`)
	n.want(n.call("signal/ctrlRoom", id, "from=alice", "to=bob", "attachExt=mic"), `{"code":200,"data":{}}`)
	n.want(n.call("signal/ctrlRoom", id, "from=alice"), `{"code":200,"data":{}}`)
	n.want(n.call("signal/kick", id, "from=alice", "to=bob"), `{"code":200,"data":{}}`)
	n.want(n.call("signal/kick", id, "from=alice", "to=bob"), `{"code":10406,"desc":"to not member"}`)
	n.want(n.call("signal/createRoom", "type=1", "from=alice", "channelName=taken")[:11], `{"code":200`)
	n.want(n.call("signal/createRoom", "type=1", "from=bob", "channelName=taken"), `{"code":10405,"desc":"a channel of that name is open"}`)
	n.want(n.call("signal/createRoom", "type=4", "from=alice"), `{"code":414,"desc":"type has no value 4"}`)
	n.want(n.call("signal/closeRoom", id, "from=bob"), `{"code":10406,"desc":"not in the channel"}`)
	n.want(n.call("signal/closeRoom", id, "from=alice"), `{"code":200,"data":{}}`)
	n.want(n.call("signal/delayRoom", id), `{"code":10404,"desc":"no such channel"}`)
}

// TestChannelEnds: a channel that nobody prolongs is gone after two hours, and
// so is its name.
func TestChannelEnds(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	id := fmt.Sprint("channelId=", field(t, n.call("signal/createRoom", "type=1", "from=alice", "channelName=room"), "data", "channelId"))
	n.ahead.Store(3600_000)
	n.call("signal/delayRoom", id)
	n.ahead.Store(2 * 3600_000)
	a, _ := n.apps.Get(appKey)
	if err := n.signaling.Expire(t.Context(), a, 10); err != nil {
		t.Fatal(err)
	}
	if got := n.call("signal/getRoomInfo", "channelName=room"); fmt.Sprint(field(t, got, "code")) != "200" {
		t.Error(got)
	}
	n.ahead.Store(3*3600_000 + 1)
	n.want(n.call("signal/getRoomInfo", "channelName=room"), `{"code":10404,"desc":"no such channel"}`)
	if err := n.signaling.Expire(t.Context(), a, 10); err != nil {
		t.Fatal(err)
	}
	if got := n.call("signal/createRoom", "type=1", "from=alice", "channelName=room"); fmt.Sprint(field(t, got, "code")) != "200" {
		t.Error(got)
	}
}

func TestProxyNotify(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.want(n.call("hongyan/proxyNotify", "from=alice", `accids=["bob","bob","ghost"]`, "body=paid"), `{"code":200,"failedAccid":["ghost"]}`)
	e := n.event(proxy.Event)
	m, err := proxy.Decode(e.Body)
	if err != nil || e.To != "bob" || m.From != "alice" || m.Body != "paid" {
		t.Errorf("%+v %+v %v", e, m, err)
	}
	for _, c := range [][]string{{"from=ghost", `accids=["bob"]`, "body=x"}, {"from=alice", `accids=["bob"]`}, {"from=alice", "accids=bob", "body=x"}} {
		if got := n.call("hongyan/proxyNotify", c...); fmt.Sprint(field(t, got, "code")) != "414" {
			t.Errorf("%v: %s", c, got)
		}
	}
}
