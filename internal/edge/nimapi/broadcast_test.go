package nimapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hongyan/internal/im/message"
)

func TestBroadcast(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	for _, c := range []struct{ form, want string }{
		{"", `{"code":414,"desc":"body missing"}`},
		{"body=x ttl=0", `{"code":414,"desc":"ttl must be 1 to 168"}`},
		{`body=x targetOs=["dos"]`, `{"code":414,"desc":"unknown targetOs"}`},
		{"body=x from=ghost", `{"code":414,"desc":"ghost is not registered"}`},
	} {
		if got := n.call("msg/broadcastMsg", strings.Fields(c.form)...); got != c.want {
			t.Errorf("%s: %s", c.form, got)
		}
	}
	var ids []string
	for i, form := range []string{`body=one from=alice isOffline=true ttl=2 targetOs=["web","pc"]`, "body=two"} {
		got := n.call("msg/broadcastMsg", strings.Fields(form)...)
		e := n.event(message.EventBroadcast)
		b, err := message.DecodeBroadcast(e.Body)
		if err != nil || b.For(1) == (i == 0) || !b.For(16) || e.To != "" {
			t.Errorf("%+v, %v", b, err)
		}
		id := field(t, got, "msg", "broadcastId").(json.Number).String()
		ids = append(ids, id)
		want := fmt.Sprintf(`{"code":200,"msg":{"broadcastId":%s,"from":"alice","body":"one","targetOs":["web","pc"],"isOffline":true,"createTime":%d,"expireTime":%d}}`, id, b.CreatedMs, b.CreatedMs+2*3600*1000)
		if i == 1 {
			want = fmt.Sprintf(`{"code":200,"msg":{"broadcastId":%s,"body":"two","isOffline":false,"createTime":%d,"expireTime":%d}}`, id, b.CreatedMs, b.CreatedMs+168*3600*1000)
		}
		n.want(got, want)
		n.want(n.call("history/queryBroadcastMsgById", "broadcastId="+id), want)
	}
	list := func(form ...string) string {
		t.Helper()
		var out []string
		for _, m := range field(t, n.call("history/queryBroadcastMsg", form...), "msgs").([]any) {
			out = append(out, m.(map[string]any)["body"].(string))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ name, form, want string }{
		{"limit 0", "limit=0", `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit negative", "limit=-1", `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit 101", "limit=101", `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit no number", "limit=x", `{"code":414,"desc":"limit not a number"}`},
		{"type 0", "type=0", `{"code":414,"desc":"type has no value 0"}`},
		{"type 4", "type=4", `{"code":414,"desc":"type has no value 4"}`},
	} {
		if got := n.call("history/queryBroadcastMsg", c.form); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	n.want(list(), "two one")
	n.want(list("type=2"), "one")
	n.want(list("type=3"), "two")
	n.want(list("limit=1"), "two")
	n.want(list("broadcastId="+ids[0]), "one")

	if _, err := n.apps.Ensure(t.Context(), "other-app", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"AppKey": "other-app"}
	n.want(n.callAs(other, "history/queryBroadcastMsgById", "broadcastId="+ids[0]), `{"code":404,"desc":"no such broadcast"}`)
	n.want(n.callAs(other, "history/delBroadcastMsgById", "broadcastId="+ids[0]), `{"code":404,"desc":"no such broadcast"}`)
	n.want(n.call("history/delBroadcastMsgById", "broadcastId="+ids[0]), `{"code":200}`)
	n.want(n.call("history/delBroadcastMsgById", "broadcastId="+ids[0]), `{"code":404,"desc":"no such broadcast"}`)
	n.want(list(), "two")
}
