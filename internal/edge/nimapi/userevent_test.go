package nimapi_test

import (
	"testing"
	"time"

	"hongyan/internal/im/account"
)

func TestUserEvents(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.accounts.Register(t.Context(), "app2", "alice", "token", account.CardUpdate{}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	id := n.store.IDs()
	if err := n.accounts.AddLoginRecords(t.Context(), []account.LoginRecord{
		{App: appKey, Accid: "alice", ID: id.Next(), TimeMs: 1700000000000, Event: 2, ClientType: 16, IP: "192.0.2.1", Device: "d", CustomTag: "t", SDKVersion: 91200},
		{App: appKey, Accid: "alice", ID: id.Next(), TimeMs: 1700000000001, Event: 3, ClientType: 1, IP: "192.0.2.1", Device: "d", SDKVersion: 91200},
		{App: "app2", Accid: "alice", ID: id.Next(), TimeMs: 1700000000001, Event: 2},
		{App: appKey, Accid: "bob", ID: id.Next(), TimeMs: now, Event: 2},
	}); err != nil {
		t.Fatal(err)
	}
	login := `{"accid":"alice","timestamp":1700000000000,"eventType":2,"clientIp":"192.0.2.1","sdkVersion":91200,"clientType":"WEB","deviceId":"d","customTag":"t","code":200}`
	logout := `{"accid":"alice","timestamp":1700000000001,"eventType":3,"clientIp":"192.0.2.1","sdkVersion":91200,"clientType":"AOS","deviceId":"d","customTag":"","code":200}`
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"newest first", []string{"accid=Alice", "begintime=0", "endtime=0", "limit=100"}, `{"code":200,"size":2,"events":[` + logout + `,` + login + `]}`},
		{"times missing", []string{"accid=alice", "limit=1"}, `{"code":200,"size":1,"events":[` + logout + `]}`},
		{"oldest first", []string{"accid=alice", "limit=1", "reverse=1"}, `{"code":200,"size":1,"events":[` + login + `]}`},
		{"between times", []string{"accid=alice", "begintime=1699999999999", "endtime=1700000000000", "limit=10"}, `{"code":200,"size":1,"events":[` + login + `]}`},
		{"nothing", []string{"accid=alice", "begintime=1700000000002", "limit=10"}, `{"code":200,"size":0,"events":[]}`},
		{"no account", []string{"limit=10"}, `{"code":414,"desc":"accid missing"}`},
		{"account unknown", []string{"accid=ghost", "limit=10"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"no limit", []string{"accid=alice"}, `{"code":414,"desc":"limit missing"}`},
		{"limit 0", []string{"accid=alice", "limit=0"}, `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit 101", []string{"accid=alice", "limit=101"}, `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"reverse", []string{"accid=alice", "limit=1", "reverse=0"}, `{"code":414,"desc":"reverse has no value 0"}`},
		{"times", []string{"accid=alice", "limit=1", "begintime=5", "endtime=5"}, `{"code":414,"desc":"bad time"}`},
	} {
		if got := n.call("history/queryUserEvents", c.form...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	n.want(n.callAs(map[string]string{"AppKey": "app2"}, "history/queryUserEvents", "accid=alice", "limit=10"),
		`{"code":200,"size":1,"events":[{"accid":"alice","timestamp":1700000000001,"eventType":2,"clientIp":"","sdkVersion":0,"clientType":"","deviceId":"","customTag":"","code":200}]}`)

	// Records of login_record_days ago are gone.
	n.ahead.Store(30*86400_000 + 60_000)
	a, _ := n.apps.Get(appKey)
	if err := n.accounts.TrimLoginRecords(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	n.want(n.call("history/queryUserEvents", "accid=bob", "limit=10"), `{"code":200,"size":0,"events":[]}`)
}
