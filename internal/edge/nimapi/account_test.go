package nimapi_test

import (
	"fmt"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/device"
	"hongyan/internal/im/presence"
)

func TestUserCreate(t *testing.T) {
	n := newNode(t)
	for _, c := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"all fields", []string{"accid=Alice01", "name=Alice", "token=tok", "gender=1", "ex={}", "props={}"}, `{"code":200,"info":{"token":"tok","accid":"alice01","name":"Alice"}}`},
		{"again", []string{"accid=alice01"}, `{"code":414,"desc":"already register"}`},
		{"without name", []string{"accid=bob", "token=t"}, `{"code":200,"info":{"token":"t","accid":"bob","name":""}}`},
		{"no accid", nil, `{"code":414,"desc":"accid missing"}`},
		{"bad accid", []string{"accid=a|b"}, `{"code":414,"desc":"accid: 1 to 32 characters of A-Z a-z 0-9 _ @ . -"}`},
		{"bad gender", []string{"accid=c", "gender=3"}, `{"code":414,"desc":"gender has no value 3"}`},
		{"token too long", []string{"accid=c", "token=" + strings.Repeat("t", 129)}, `{"code":414,"desc":"token longer than 128 characters"}`},
		{"name of 65", []string{"accid=c", "name=" + strings.Repeat("字", 65)}, `{"code":414,"desc":"name longer than 64"}`},
		{"icon of 1025 bytes", []string{"accid=c", "icon=" + strings.Repeat("x", 1025)}, `{"code":414,"desc":"icon longer than 1024"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := n.call("user/create", c.pairs...); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	made := n.call("user/create", "accid=dave")
	if token, _ := field(t, made, "info", "token").(string); len(token) != 32 || n.login("dave", token) != 200 {
		t.Errorf("generated token: %s", made)
	}
}

func TestTokens(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	n.want(n.call("user/update", "accid=ALICE", "token=second"), `{"code":200}`)
	if n.login("alice", "token-alice") != 302 || n.login("alice", "second") != 200 {
		t.Error("token was not replaced")
	}
	got := n.call("user/refreshToken", "accid=alice")
	token, _ := field(t, got, "info", "token").(string)
	n.want(got, `{"code":200,"info":{"token":"`+token+`","accid":"alice"}}`)
	if len(token) != 32 || n.login("alice", "second") != 302 || n.login("alice", token) != 200 {
		t.Error("token was not refreshed")
	}
	n.want(n.call("user/update", "accid=ghost", "token=x"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/refreshToken", "accid=ghost"), `{"code":414,"desc":"ghost is not registered"}`)
}

func TestBlock(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	n.want(n.call("user/block", "accid=alice"), `{"code":200}`)
	if code := n.login("alice", "token-alice"); code != 422 {
		t.Errorf("login of a blocked account: %d", code)
	}
	select {
	case e := <-n.events:
		if e.Kind == im.EventKick {
			t.Error("kicked without being asked to")
		}
	default:
	}
	if err := n.store.PutPushToken(t.Context(), device.Device{App: appKey, Accid: "alice", ID: "phone", Token: "pushed"}); err != nil {
		t.Fatal(err)
	}
	token := func() string {
		t.Helper()
		list, err := n.store.PushDevices(t.Context(), appKey, "alice")
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0].Token
	}
	if n.want(n.call("user/block", "accid=alice", "needUnbindPushToken=false"), `{"code":200}`); token() != "pushed" {
		t.Error("the push token went without being asked for")
	}
	n.want(n.call("user/block", "accid=Alice", "needkick=true", "kickNotifyExt=why", "needUnbindPushToken=true"), `{"code":200}`)
	e := n.event(im.EventKick)
	k, err := presence.DecodeKick(e.Body)
	if err != nil || e.App != appKey || e.To != "alice" || k.Ext != "why" || k.Reason != presence.KickServer || k.ByClient != presence.ClientServer {
		t.Errorf("event %+v, kick %+v, %v", e, k, err)
	}
	if got := token(); got != "" {
		t.Errorf("the push token %s is kept", got)
	}
	n.want(n.call("user/unblock", "accid=alice"), `{"code":200}`)
	if code := n.login("alice", "token-alice"); code != 200 {
		t.Errorf("login after unblock: %d", code)
	}
	n.want(n.call("user/block", "accid=ghost", "needkick=true"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/block", "accid=alice", "needkick=1"), `{"code":414,"desc":"needkick not boolean"}`)
}

func TestMutes(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	const all = `{"code":200,"uinfos":[{"accid":"alice","name":"","icon":"","sign":"","email":"","birth":"","mobile":"","ex":"","gender":0,"valid":true,"mute":%v,` +
		`"muteP2P":%v,"muteTeam":%v,"muteRoom":%v,"muteQChat":%v}]}`
	n.want(n.call("user/mute", "accid=alice", "mute=true"), `{"code":200}`)
	n.want(n.call("user/muteModule", "accid=alice", "muteTeam=true", "muteQChat=true"),
		`{"code":200,"data":{"muteP2P":false,"muteTeam":true,"muteRoom":false,"muteQChat":true}}`)
	n.want(n.call("user/muteModule", "accid=alice", "muteTeam=false", "muteP2P=true"),
		`{"code":200,"data":{"muteP2P":true,"muteTeam":false,"muteRoom":false,"muteQChat":true}}`)
	n.want(n.call("user/getUinfos", `accids=["alice"]`, "muteStatus=true"), sprintf(all, true, true, false, false, true))
	n.want(n.call("user/mute", "accid=alice", "mute=false"), `{"code":200}`)
	n.want(n.call("user/getUinfos", `accids=["alice"]`, "muteStatus=true"), sprintf(all, false, true, false, false, true))
	n.want(n.call("user/muteAv", "accid=alice", "mute=true"), `{"code":200}`)
	acc, err := n.accounts.Get(t.Context(), appKey, "alice")
	if err != nil || !acc.Mute.AV || acc.Mute.All {
		t.Errorf("flags %+v, %v", acc, err)
	}
	n.want(n.call("user/mute", "accid=alice"), `{"code":414,"desc":"mute not boolean"}`)
	n.want(n.call("user/mute", "accid=alice", "mute=1"), `{"code":414,"desc":"mute not boolean"}`)
	n.want(n.call("user/muteModule", "accid=alice"), `{"code":414,"desc":"one of muteP2P, muteTeam, muteRoom, muteQChat is needed"}`)
	n.want(n.call("user/muteModule", "accid=ghost", "muteP2P=true"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/setDonnop", "accid=alice", "donnopOpen=true"), `{"code":200}`)
	if acc, _ := n.accounts.Get(t.Context(), appKey, "alice"); !acc.Donnop {
		t.Error("push preference not stored")
	}
	n.want(n.call("user/setDonnop", "accid=alice", "donnopOpen=yes"), `{"code":414,"desc":"donnopOpen not boolean"}`)
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func TestOnlineStatus(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.presence.Put(&presence.Device{App: appKey, Accid: "alice", ConnectionID: "c1", DeviceID: "d1", ClientType: 16, LoginMs: 1700000000000})
	n.presence.Put(&presence.Device{App: appKey, Accid: "alice", ConnectionID: "c2", DeviceID: "d2", ClientType: 1, LoginMs: 1700000000001})
	n.presence.Put(&presence.Device{App: "other", Accid: "bob", ConnectionID: "c3", DeviceID: "d3", ClientType: 1, LoginMs: 5})
	const status = `"invalidAccids":["ghost","no accid\u0000"],"status":{"alice":[{"clientType":16,"loginTime":1700000000000},{"clientType":1,"loginTime":1700000000001}]}`
	accids := `accids=["Alice","bob","ghost","alice","no accid\u0000"]`
	n.want(n.call("user/userOnlineStatus", accids), `{"code":200,"data":{`+status+`}}`)
	n.want(n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1.0.0"}, "user/userOnlineStatus", accids),
		`{"code":200,"data":{`+status+`,"onlineStatusList":[{"accid":"alice","statusList":[{"clientType":16,"loginTime":1700000000000},{"clientType":1,"loginTime":1700000000001}]}]}}`)
	n.want(n.call("user/userOnlineStatus", "accids=[]"), `{"code":200,"data":{"invalidAccids":[],"status":{}}}`)
	n.want(n.call("user/userOnlineStatus", "accids=alice"), `{"code":414,"desc":"accids not a JSON array"}`)
	n.want(n.call("user/userOnlineStatus", "accids=["+strings.Repeat("1,", 100)+"1]"), `{"code":414,"desc":"accids has more than 100 elements"}`)
}

func TestProfiles(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.want(n.call("user/updateUinfo", "accid=Alice", "name=爱丽丝 & <co>", "icon=https://x/y.png", "gender=2", "birth=1999", "ex={\"a\":1}"), `{"code":200}`)
	if e := n.event(im.EventCard); e.App != appKey || e.To != "alice" {
		t.Errorf("event %+v", e)
	}
	const card = `{"code":200,"uinfos":[{"accid":"alice","name":"爱丽丝 & <co>","icon":"%s","sign":"","email":"","birth":"1999","mobile":"","ex":"{\"a\":1}","gender":2,"valid":%v,"mute":false}]}`
	n.want(n.call("user/getUinfos", `accids=["ALICE"]`), sprintf(card, "https://x/y.png", true))
	n.want(n.call("user/updateUinfo", "accid=alice", "icon="), `{"code":200}`)
	n.want(n.call("user/block", "accid=alice"), `{"code":200}`)
	n.want(n.call("user/getUinfos", `accids=["alice", "alice"]`), sprintf(card, "", false))
	n.want(n.call("user/updateUinfo", "accid=alice"), `{"code":200}`)
	n.want(n.call("user/updateUinfo", "accid=ghost"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/updateUinfo", "accid=ghost", "name=x"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/updateUinfo", "accid=alice", "sign="+strings.Repeat("s", 257)), `{"code":414,"desc":"sign longer than 256"}`)
	n.want(n.call("user/getUinfos", `accids=["alice","ghost"]`), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("user/getUinfos", `accids=[]`), `{"code":200,"uinfos":[]}`)
	n.want(n.call("user/getUinfos", `accids={}`), `{"code":414,"desc":"accids not a JSON array"}`)
	n.want(n.call("user/getUinfos", "accids=["+strings.Repeat("1,", 200)+"1]"), `{"code":414,"desc":"accids has more than 200 elements"}`)
}
