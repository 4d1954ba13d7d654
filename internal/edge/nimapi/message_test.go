package nimapi_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

func TestSendMsgRefusals(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	for _, c := range []struct {
		name, form, want string
	}{
		{"unknown sender", "from=ghost ope=0 to=bob type=0 body={}", `{"code":414,"desc":"ghost is not registered"}`},
		{"unknown receiver", "from=alice ope=0 to=Ghost type=0 body={}", `{"code":414,"desc":"ghost is not registered"}`},
		{"illegal receiver", "from=alice ope=0 to=a|b type=0 body={}", `{"code":414,"desc":"a|b is not registered"}`},
		{"ope missing", "from=alice to=bob type=0 body={}", `{"code":414,"desc":"ope missing"}`},
		{"ope 2", "from=alice ope=2 to=bob type=0 body={}", `{"code":414,"desc":"ope has no value 2"}`},
		{"notification", "from=alice ope=0 to=bob type=5 body={}", `{"code":414,"desc":"type has no value 5"}`},
		{"body missing", "from=alice ope=0 to=bob type=0", `{"code":414,"desc":"body missing"}`},
		{"body not JSON", "from=alice ope=0 to=bob type=100 body={", `{"code":414,"desc":"body not JSON"}`},
		{"text body not an object", `from=alice ope=0 to=bob type=0 body="x"`, `{"code":414,"desc":"body not a JSON object"}`},
		{"body too long", `from=alice ope=0 to=bob type=0 body={"msg":"` + strings.Repeat("字", 4992) + `"}`, `{"code":414,"desc":"body longer than 5000 characters"}`},
		{"ext too long", `from=alice ope=0 to=bob type=0 body={} ext=` + strings.Repeat("字", 1025), `{"code":414,"desc":"ext longer than 1024 characters"}`},
		{"payload too long", `from=alice ope=0 to=bob type=0 body={} payload={"a":"` + strings.Repeat("x", 2048) + `"}`, `{"code":414,"desc":"pushPayload longer than 2048 characters"}`},
		{"payload not an object", "from=alice ope=0 to=bob type=0 body={} payload=x", `{"code":414,"desc":"payload not a JSON object"}`},
		{"option malformed", "from=alice ope=0 to=bob type=0 body={} option=x", `{"code":414,"desc":"option not a JSON object"}`},
		{"not friends", "from=alice ope=0 to=bob type=0 body={} checkFriend=true", `{"code":403,"desc":"not friends"}`},
		{"team", "from=alice ope=1 to=123 type=0 body={}", `{"code":803,"desc":"team does not exist"}`},
		{"team, unknown sender", "from=ghost ope=1 to=123 type=0 body={}", `{"code":414,"desc":"ghost is not registered"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := n.call("msg/sendMsg", strings.Split(c.form, " ")...); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// history returns the stored messages of a conversation, oldest first.
func (n *node) history(a, b string) []*message.Message {
	n.t.Helper()
	ap, _ := n.apps.Get(appKey)
	msgs, err := n.messages.History(n.t.Context(), message.HistoryQuery{App: ap, Accid: a, Conv: im.P2PKey(a, b), Limit: 100, Ascending: true, IncludeNoSense: true})
	if err != nil {
		n.t.Fatal(err)
	}
	return msgs
}

func TestSendMsg(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.want(n.call("user/updateUinfo", "accid=alice", "name=Alice"), `{"code":200}`)
	n.want(n.call("user/mute", "accid=alice", "mute=true"), `{"code":200}`) // does not bind the app's server

	got := n.call("msg/sendMsg", "from=ALICE", "ope=0", "to=Bob", "type=0", `body={"msg":"hello <你好>"}`, "ext=e", `option={"push":false,"badge":false}`,
		`payload={"pushTitle":"t"}`, "pushContent="+strings.Repeat("p", 600), "msgDesc=d", "env=x", "subType=3", "async=true")
	msgs := n.history("alice", "bob")
	if len(msgs) != 1 {
		t.Fatalf("%d messages stored after %s", len(msgs), got)
	}
	m := msgs[0]
	n.want(got, fmt.Sprintf(`{"code":200,"data":{"msgid":%d,"timetag":%d,"antispam":false}}`, m.ID, m.Time))
	if m.From != "alice" || m.To != "bob" || m.ClientType != 32 || len(m.IDClient) != 32 || m.Flags != message.NoPush|message.NoBadge {
		t.Errorf("message %+v", m)
	}
	c := m.Content
	if c.Body != "hello <你好>" || c.Attach != "" || c.Ext != "e" || c.FromNick != "Alice" || c.PushPayload != `{"pushTitle":"t"}` ||
		len(c.PushContent) != 500 || c.MsgDesc != "d" || c.Env != "x" || c.SubType != 3 {
		t.Errorf("content %+v", c)
	}
	e := n.event(im.EventMessage)
	if d, err := message.Decode(e.Body); err != nil || d.ID != m.ID || e.App != appKey {
		t.Errorf("event %+v, %v", e, err)
	}

	// Types other than text carry their body unread; to oneself friendship is not asked for.
	n.want(n.call("msg/sendMsg", "from=bob", "ope=0", "to=bob", "type=100", `body={"a": [1,2]}`, "checkFriend=true", "msgSenderNoSense=0")[:12], `{"code":200,`)
	if own := n.history("bob", "bob"); len(own) != 1 || own[0].Content.Attach != `{"a": [1,2]}` || own[0].Content.Body != "" {
		t.Errorf("message to oneself: %+v", own)
	}
	// Two identical calls make two messages.
	for range 2 {
		n.call("msg/sendMsg", "from=bob", "ope=0", "to=alice", "type=10", `body={"msg":"tip"}`)
	}
	if msgs := n.history("alice", "bob"); len(msgs) != 3 || msgs[1].Content.Body != "tip" || msgs[1].ID == msgs[2].ID {
		t.Errorf("%d messages", len(msgs))
	}
}

func TestSendBatchMsg(t *testing.T) {
	n := newNode(t)
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("user%d", i))
	}
	n.register(append(all, "alice")...)
	list, _ := json.Marshal(append(all, "Ghost", "user0", "a|b"))
	got := n.call("msg/sendBatchMsg", "fromAccid=Alice", "toAccids="+string(list), "type=0", `body={"msg":"hi"}`, "returnMsgid=true")
	if u := field(t, got, "unregister"); u != `["ghost","a|b"]` {
		t.Errorf("unregister %v", u)
	}
	last := int64(0)
	for _, id := range all {
		msgs := n.history("alice", id)
		if len(msgs) != 1 {
			t.Fatalf("%s got %d messages", id, len(msgs))
		}
		if num := field(t, got, "msgids", id); num != json.Number(msgs[0].IDText()) {
			t.Errorf("%s: id %v, stored %d", id, num, msgs[0].ID)
		}
		last = max(last, msgs[0].Time)
	}
	if tag := field(t, got, "timetag"); tag != json.Number(strconv.FormatInt(last, 10)) {
		t.Errorf("timetag %v, want %d", tag, last)
	}
	goSDK := n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1.0.0"}, "msg/sendBatchMsg",
		"fromAccid=alice", `toAccids=["ghost"]`, "type=0", `body={"msg":"hi"}`)
	if u := fmt.Sprint(field(t, goSDK, "unregister")); u != "[ghost]" || strings.Contains(goSDK, "msgids") {
		t.Errorf("Go SDK: %s", goSDK)
	}
	for name, c := range map[string][2]string{
		"unknown sender":    {"fromAccid=ghost toAccids=[\"user1\"] type=0 body={}", `{"code":414,"desc":"ghost is not registered"}`},
		"receivers no list": {"fromAccid=alice toAccids=user1 type=0 body={}", `{"code":414,"desc":"toAccids not a JSON array"}`},
		"501 receivers":     {"fromAccid=alice type=0 body={} toAccids=[" + strings.Repeat("1,", 500) + "1]", `{"code":414,"desc":"toAccids has more than 500 elements"}`},
		"101 with ids":      {"fromAccid=alice type=0 body={} returnMsgid=true toAccids=[" + strings.Repeat("1,", 100) + "1]", `{"code":414,"desc":"toAccids has more than 100 elements"}`},
	} {
		if got := n.call("msg/sendBatchMsg", strings.Split(c[0], " ")...); got != c[1] {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestQuerySessionMsg(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	send := func(from, to string, more ...string) {
		t.Helper()
		pairs := append([]string{"from=" + from, "to=" + to, "ope=0"}, more...)
		if got := n.call("msg/sendMsg", pairs...); !strings.HasPrefix(got, `{"code":200,`) {
			t.Fatal(got)
		}
	}
	send("alice", "bob", "type=0", `body={"msg":"one"}`, "ext=e")
	send("bob", "alice", "type=100", `body={"n":9007199254740993}`)
	send("alice", "bob", "type=100", `body=[1]`)
	send("alice", "bob", "type=0", `body={"msg":"unseen by bob"}`, "msgReceiverNoSense=1")
	send("alice", "bob", "type=0", `body={"msg":"unstored"}`, `option={"history":false}`)
	m := n.history("alice", "bob")
	if len(m) != 4 {
		t.Fatalf("%d messages", len(m))
	}
	text := []string{
		fmt.Sprintf(`{"from":"alice","msgid":%d,"msgidclient":"%s","sendtime":%d,"type":0,"fromclienttype":32,"body":{"msg":"one"},"ext":"e"}`, m[0].ID, m[0].IDClient, m[0].Time),
		fmt.Sprintf(`{"from":"bob","msgid":%d,"msgidclient":"%s","sendtime":%d,"type":100,"fromclienttype":32,"body":{"n":9007199254740993}}`, m[1].ID, m[1].IDClient, m[1].Time),
		fmt.Sprintf(`{"from":"alice","msgid":%d,"msgidclient":"%s","sendtime":%d,"type":100,"fromclienttype":32,"body":"[1]"}`, m[2].ID, m[2].IDClient, m[2].Time),
		fmt.Sprintf(`{"from":"alice","msgid":%d,"msgidclient":"%s","sendtime":%d,"type":0,"fromclienttype":32,"body":{"msg":"unseen by bob"}}`, m[3].ID, m[3].IDClient, m[3].Time),
	}
	page := func(index ...int) string {
		var out []string
		for _, i := range index {
			out = append(out, text[i])
		}
		return fmt.Sprintf(`{"code":200,"size":%d,"msgs":[%s]}`, len(index), strings.Join(out, ","))
	}
	n.ahead.Add(1000) // "now" is past the last message
	end := "endtime=" + strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
	at := func(name string, i int) string { return name + "=" + strconv.FormatInt(m[i].Time, 10) }
	for _, c := range []struct {
		name, form, want string
	}{
		{"newest first by default, times missing", "from=alice to=Bob limit=100", page(3, 2, 1, 0)},
		{"the other view", "from=bob to=alice begintime=0 " + end + " limit=100", page(2, 1, 0)},
		{"with what the view hides", "from=bob to=alice limit=100 includeNoSenseMsg=true", page(3, 2, 1, 0)},
		{"ascending", "from=alice to=bob limit=2 reverse=1", page(0, 1)},
		{"next page", "from=alice to=bob limit=2 reverse=1 " + at("begintime", 1) + fmt.Sprintf(" excludeMsgid=%d", m[1].ID), page(2, 3)},
		{"next page downwards", "from=alice to=bob limit=2 " + at("endtime", 2) + fmt.Sprintf(" excludeMsgid=%d", m[2].ID), page(1, 0)},
		{"borders are included", "from=alice to=bob limit=10 " + at("begintime", 0) + " " + at("endtime", 1), page(1, 0)},
		{"types", "from=alice to=bob limit=10 type=100,1", page(2, 1)},
		{"nothing", "from=alice to=alice limit=10", `{"code":200,"size":0,"msgs":[]}`},
		{"bad time", "from=alice to=bob limit=10 begintime=5 endtime=5", `{"code":414,"desc":"bad time"}`},
		{"limit 0", "from=alice to=bob limit=0", `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"limit 101", "from=alice to=bob limit=101", `{"code":414,"desc":"limit must be 1 to 100"}`},
		{"reverse 3", "from=alice to=bob limit=1 reverse=3", `{"code":414,"desc":"reverse has no value 3"}`},
		{"types malformed", "from=alice to=bob limit=1 type=x", `{"code":414,"desc":"type not comma separated numbers"}`},
		{"id malformed", "from=alice to=bob limit=1 excludeMsgid=x", `{"code":414,"desc":"excludeMsgid not a message id"}`},
		{"unknown account", "from=alice to=ghost limit=1", `{"code":414,"desc":"ghost is not registered"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := n.call("history/querySessionMsg", strings.Split(c.form, " ")...); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
