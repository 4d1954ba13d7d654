package nimapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im/message"
)

// sent sends a text by REST and returns it as stored.
func (n *node) sent(from, to string) *message.Message {
	n.t.Helper()
	n.want(n.call("msg/sendMsg", "from="+from, "ope=0", "to="+to, "type=0", `body={"msg":"x"}`)[:12], `{"code":200,`)
	msgs := n.history(from, to)
	return msgs[len(msgs)-1]
}

func taken(m *message.Message, typ int, more ...string) []string {
	return append([]string{fmt.Sprintf("deleteMsgid=%d", m.ID), fmt.Sprintf("timetag=%d", m.Time), fmt.Sprintf("type=%d", typ), "from=" + m.From, "to=" + m.To}, more...)
}

func TestRecall(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob", "carol")
	m := n.sent("alice", "bob")
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"type 1", taken(m, 1), `{"code":414,"desc":"illegal type!"}`},
		{"ignoreTime 2", taken(m, 7, "ignoreTime=2"), `{"code":414,"desc":"ignoreTime has no value 2"}`},
		{"the other side's message", []string{fmt.Sprintf("deleteMsgid=%d", m.ID), "timetag=1", "type=7", "from=bob", "to=alice"}, `{"code":403,"desc":"not allow!"}`},
		{"of another conversation", []string{fmt.Sprintf("deleteMsgid=%d", m.ID), "timetag=1", "type=7", "from=alice", "to=carol"}, `{"code":200}`},
		{"unknown message", []string{"deleteMsgid=1", "timetag=1", "type=7", "from=alice", "to=bob"}, `{"code":200}`},
		{"team message", []string{"deleteMsgid=1", "timetag=1", "type=8", "from=alice", "to=5"}, `{"code":200}`},
		{"receiver malformed", []string{"deleteMsgid=1", "timetag=1", "type=7", "from=alice", "to=b|b"}, `{"code":414,"desc":"no such account"}`},
	} {
		if got := n.call("msg/recall", c.form...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if len(n.history("alice", "bob")) != 1 {
		t.Fatal("a refused recall took the message")
	}
	n.want(n.call("msg/recall", taken(m, 7, "attach=a", "pushcontent=p")...), `{"code":200}`)
	e := n.event(message.EventRecall)
	r, err := message.DecodeRecall(e.Body)
	if err != nil || r.Text != "撤回了一条信息" || r.Attach != "a" || r.PushContent != "p" || r.MsgID != m.ID || r.MsgTime != m.Time || r.IDClient != m.IDClient || r.Operator != "alice" {
		t.Errorf("notice %+v, %v", r, err)
	}
	if len(n.history("alice", "bob")) != 0 {
		t.Error("still there")
	}
	n.want(n.call("msg/recall", taken(m, 7)...), `{"code":200}`) // again

	old := n.sent("alice", "bob")
	n.ahead.Add(int64(121 * time.Second / time.Millisecond))
	n.want(n.call("msg/recall", taken(old, 7)...), `{"code":508,"desc":"older than the recall window"}`)
	n.want(n.call("msg/recall", taken(old, 7, "ignoreTime=1")...), `{"code":200}`)

	silent := n.sent("alice", "bob")
	n.want(n.call("msg/delMsg", taken(silent, 7)...), `{"code":200}`)
	if len(n.history("alice", "bob")) != 0 {
		t.Error("delMsg left it")
	}

	one := n.sent("alice", "bob")
	n.want(n.call("msg/delMsgOneWay", taken(one, 13)...), `{"code":200}`)
	for who, want := range map[string]int{"alice": 1, "bob": 0} {
		n.want(n.call("history/querySessionMsg", "from="+who, "to="+map[string]string{"alice": "bob", "bob": "alice"}[who], "begintime=0", "endtime=0", "limit=10")[:20],
			fmt.Sprintf(`{"code":200,"size":%d`, want)[:20])
	}
}

// TestIllegalTypes: each of the three calls takes its own types only.
func TestIllegalTypes(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	m := n.sent("alice", "bob")
	for path, types := range map[string][]int{"msg/recall": {0, 1, 12, 13, 14}, "msg/delMsg": {0, 1, 12, 13, 14}, "msg/delMsgOneWay": {0, 1, 7, 8, 12}} {
		for _, typ := range types {
			if got := n.call(path, taken(m, typ)...); got != `{"code":414,"desc":"illegal type!"}` {
				t.Errorf("%s type %d: %s", path, typ, got)
			}
		}
		n.want(n.call(path, with(taken(m, 7), "type=x")...), `{"code":414,"desc":"type not a number"}`)
	}
	if len(n.history("alice", "bob")) != 1 {
		t.Error("a refused call took the message")
	}
}

func TestRecallSuper(t *testing.T) {
	n := newNode(t)
	tid := n.crew()
	to := "to=" + strings.TrimPrefix(tid, "tid=")
	posted := func() []string {
		id := field(t, n.call("superteam/sendMsg", tid, "fromAccid=alice", "type=0", `body={"msg":"x"}`), "data", "msgid")
		return []string{fmt.Sprint("deleteMsgid=", id), "timetag=1", "from=alice", to}
	}
	m := posted()
	for _, c := range []struct {
		name string
		form []string
		want string
	}{
		{"team unknown", with(m, "to=5"), `{"code":803,"desc":"team does not exist"}`},
		{"no team", with(m, "to=0"), `{"code":803,"desc":"team does not exist"}`},
		{"ignoreTime 2", with(m, "ignoreTime=2"), `{"code":414,"desc":"ignoreTime has no value 2"}`},
		{"an ordinary member", with(m, "from=carol"), `{"code":403,"desc":"not allowed"}`},
		{"unknown message", with(m, "deleteMsgid=1"), `{"code":200}`},
		{"in time", m, `{"code":200}`},
		{"again", m, `{"code":200}`},
	} {
		t.Run(c.name, func(t *testing.T) { n.want(n.call("superteam/recallMsg", c.form...), c.want) })
	}
	old := posted()
	n.ahead.Add(121_000)
	n.want(n.call("superteam/recallMsg", old...), `{"code":508,"desc":"older than the recall window"}`)
	n.want(n.call("superteam/recallMsg", with(old, "ignoreTime=1")...), `{"code":200}`)
	n.call("superteam/dismiss", tid, "owner=alice")
	n.want(n.call("superteam/recallMsg", m...), `{"code":803,"desc":"team does not exist"}`)
}

func TestMarkRead(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	m := n.sent("alice", "bob")
	n.want(n.call("msg/markReadMsg", "from=bob", "to=ghost", "msgidClient=x"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("msg/markReadMsg", "from=bob", "to=alice", "msgidClient=unknown")[:27], `{"code":200,"data":{"timest`)
	n.want(n.call("msg/markReadMsg", "from=bob", "to=alice", "msgidClient="+m.IDClient)[:27], `{"code":200,"data":{"timest`)
	e := n.event(message.EventReceipt)
	r, err := message.DecodeReceipt(e.Body)
	if err != nil || *r != (message.Receipt{To: "alice", Reader: "bob", TimeMs: m.Time, IDClient: m.IDClient}) || e.To != "alice" {
		t.Errorf("%+v %+v %v", e, r, err)
	}
}

func TestDelRoamSession(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.sent("alice", "bob")
	n.want(n.call("msg/delRoamSession", "type=1", "from=ghost", "to=bob"), `{"code":414,"desc":"ghost is not registered"}`)
	n.want(n.call("msg/delRoamSession", "type=2", "from=alice", "to=x"), `{"code":414,"desc":"to not a team id"}`)
	n.want(n.call("msg/delRoamSession", "type=3", "from=alice", "to=5"), `{"code":200}`)
	n.want(n.call("msg/delRoamSession", "type=1", "from=alice", "to=bob"), `{"code":200}`)
	a, _ := n.apps.Get(appKey)
	got, err := n.messages.Sync(t.Context(), message.SyncRequest{App: a, Accid: "alice", Offline: true, Roaming: true, Watermark: 1 << 62})
	if err != nil || len(got.Roaming) != 0 || len(n.history("alice", "bob")) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRecallTenants: ids are good in their own app alone.
func TestRecallTenants(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	m := n.sent("alice", "bob")
	other := "other-app"
	if _, err := n.apps.Ensure(t.Context(), other, appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	n.want(n.callAs(map[string]string{"AppKey": other}, "msg/recall", taken(m, 7)...), `{"code":200}`)
	if len(n.history("alice", "bob")) != 1 {
		t.Error("another app's call took the message")
	}
}
