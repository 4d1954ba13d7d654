package nimapi_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/presence"
)

// room makes a chat room of alice's and returns its id.
func (n *node) room(form ...string) string {
	n.t.Helper()
	got := n.call("chatroom/create", append([]string{"creator=alice", "name=lobby"}, form...)...)
	return fmt.Sprint(field(n.t, got, "chatroom", "roomid"))
}

// roomTold returns the next message to a chat room.
func (n *node) roomTold() *chatroom.Message {
	n.t.Helper()
	e := n.event(chatroom.EventMessage)
	m, err := chatroom.DecodeMessage(e.App, e.Body)
	if err != nil || string(e.Conv) != fmt.Sprint("r|", m.Room) || e.To != "" {
		n.t.Fatalf("%+v, %v", e, err)
	}
	return m
}

func TestChatroomRefusals(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	room := n.room()
	n.set(map[string]string{"rest_rate": "1000000"})
	long := func(of int) string { return strings.Repeat("字", of) }
	const notRoom, notHere = `{"code":404,"desc":"no such chat room"}`, `{"code":414,"desc":"ghost is not registered"}`
	for _, c := range []struct{ name, path, form, want string }{
		{"create: unknown creator", "create", "creator=ghost&name=x", notHere},
		{"create: no name", "create", "creator=alice", `{"code":414,"desc":"name missing"}`},
		{"create: long name", "create", "creator=alice&name=" + long(129), `{"code":414,"desc":"name longer than 128 characters, or no text"}`},
		{"create: long announcement", "create", "creator=alice&name=x&announcement=" + long(4097), `{"code":414,"desc":"announcement longer than 4096 characters"}`},
		{"create: long URL", "create", "creator=alice&name=x&broadcasturl=" + long(1025), `{"code":414,"desc":"broadcasturl longer than 1024 characters"}`},
		{"create: long ext", "create", "creator=alice&name=x&ext=" + long(4097), `{"code":414,"desc":"ext longer than 4096 characters, or no text"}`},
		{"create: queuelevel", "create", "creator=alice&name=x&queuelevel=2", `{"code":414,"desc":"queuelevel has no value 2"}`},
		{"create: delay-close", "create", "creator=alice&name=x&delayClosePolicy=1", `{"code":403,"desc":"delay-close is not enabled for this app"}`},
		{"create: long delay", "create", "creator=alice&name=x&delaySeconds=604801", `{"code":414,"desc":"delaySeconds more than 604800"}`},
		{"get: no room", "get", "roomid=1", notRoom},
		{"get: no number", "get", "roomid=x", `{"code":414,"desc":"roomid not a number"}`},
		{"getBatch: no list", "getBatch", "roomids=1", `{"code":414,"desc":"roomids not a JSON array of numbers"}`},
		{"getBatch: too many", "getBatch", "roomids=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]", `{"code":414,"desc":"roomids has more than 20 elements"}`},
		{"update: no room", "update", "roomid=1&name=x", notRoom},
		{"update: long name", "update", "roomid={room}&name=" + long(129), `{"code":414,"desc":"name longer than 128 characters, or no text"}`},
		{"update: no name", "update", "roomid={room}&name=", `{"code":414,"desc":"a chat room needs a name, and a queue level of 0 or 1"}`},
		{"update: long notifyExt", "update", "roomid={room}&notifyExt=" + long(2049), `{"code":414,"desc":"notifyExt longer than 2048 characters"}`},
		{"toggleCloseStat: no room", "toggleCloseStat", "roomid=1&operator=alice&valid=false", notRoom},
		{"toggleCloseStat: not the creator", "toggleCloseStat", "roomid={room}&operator=bob&valid=false", `{"code":403,"desc":"only the creator may open or close a chat room"}`},
		{"toggleCloseStat: nobody", "toggleCloseStat", "roomid={room}&operator=ghost&valid=false", `{"code":403,"desc":"only the creator may open or close a chat room"}`},
		{"toggleCloseStat: so already", "toggleCloseStat", "roomid={room}&operator=alice&valid=true", `{"code":417,"desc":"the chat room is so already"}`},
		{"toggleCloseStat: no boolean", "toggleCloseStat", "roomid={room}&operator=alice&valid=0", `{"code":414,"desc":"valid not boolean"}`},
		{"requestAddr: no room", "requestAddr", "roomid=1&accid=alice", notRoom},
		{"requestAddr: nobody", "requestAddr", "roomid={room}&accid=ghost", notHere},
		{"requestAddr: clienttype", "requestAddr", "roomid={room}&accid=alice&clienttype=4", `{"code":414,"desc":"clienttype has no value 4"}`},
		{"sendMsg: no room", "sendMsg", "roomid=1&msgId=m&fromAccid=alice&msgType=0&attach=x", notRoom},
		{"sendMsg: nobody", "sendMsg", "roomid={room}&msgId=m&fromAccid=ghost&msgType=0&attach=x", notHere},
		{"sendMsg: type", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=5&attach=x", `{"code":414,"desc":"msgType has no value 5"}`},
		{"sendMsg: no id", "sendMsg", "roomid={room}&fromAccid=alice&msgType=0&attach=x", `{"code":414,"desc":"msgId missing"}`},
		{"sendMsg: long attach", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=0&attach=" + long(4097), `{"code":414,"desc":"attach longer than 4096 characters"}`},
		{"sendMsg: long ext", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=0&ext=" + long(4097), `{"code":414,"desc":"ext longer than 4096 characters, or no text"}`},
		{"sendMsg: abandonRatio", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=0&abandonRatio=10000", `{"code":414,"desc":"abandonRatio more than 9999"}`},
		{"sendMsg: no expression", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=0&notifyTargetTags=red", `{"code":414,"desc":"not a tag expression"}`},
		{"sendMsg: no coordinate", "sendMsg", "roomid={room}&msgId=m&fromAccid=alice&msgType=0&locX=NaN", `{"code":414,"desc":"locX not a number"}`},
		{"history: no room", "../history/queryChatroomMsg", "roomid=1&accid=alice&timetag=0&limit=1", notRoom},
		{"history: nobody", "../history/queryChatroomMsg", "roomid={room}&accid=ghost&timetag=0&limit=1", notHere},
		{"history: limit", "../history/queryChatroomMsg", "roomid={room}&accid=alice&timetag=0&limit=201", `{"code":414,"desc":"bad limit or time"}`},
		{"history: no limit", "../history/queryChatroomMsg", "roomid={room}&accid=alice&timetag=0&limit=0", `{"code":414,"desc":"bad limit or time"}`},
		{"history: reverse", "../history/queryChatroomMsg", "roomid={room}&accid=alice&timetag=0&limit=1&reverse=0", `{"code":414,"desc":"reverse has no value 0"}`},
		{"delete: no room", "deleteHistoryMessage", "roomid=1&fromAcc=alice&msgTimetag=1", notRoom},
		{"delete: no message", "deleteHistoryMessage", "roomid={room}&fromAcc=alice&msgTimetag=1", `{"code":404,"desc":"no such message"}`},
		{"recall: no room", "recall", "roomid=1&fromAcc=alice&msgTimetag=1&msgId=m&operatorAcc=alice", notRoom},
		{"recall: no message", "recall", "roomid={room}&fromAcc=alice&msgTimetag=1&msgId=m&operatorAcc=alice", `{"code":404,"desc":"no such message"}`},
		{"recall: nobody", "recall", "roomid={room}&fromAcc=alice&msgTimetag=1&msgId=m&operatorAcc=ghost", notHere},
	} {
		path := "chatroom/" + c.path
		if rest, ok := strings.CutPrefix(c.path, "../"); ok {
			path = rest
		}
		form, err := url.ParseQuery(strings.ReplaceAll(c.form, "{room}", room))
		if err != nil {
			t.Fatal(err)
		}
		w := n.send("POST", "/nimserver/"+path+".action", form.Encode(), n.header(nil))
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestChatroomLife(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	got := n.call("chatroom/create", "creator=Alice", "name=lobby", "announcement=hi", "broadcasturl=rtmp://x", "ext=e", "queuelevel=1", "inOutNotification=0")
	id := fmt.Sprint(field(t, got, "chatroom", "roomid"))
	const delay = `,"delayInfo":{"delayCloseEnable":false,"delayClosePolicy":0,"delaySeconds":0,"status":0,"startTime":0}}}`
	n.want(got, `{"code":200,"chatroom":{"roomid":`+id+`,"valid":true,"announcement":"hi","name":"lobby","broadcasturl":"rtmp://x","ext":"e","creator":"alice","queuelevel":1,"muted":false`+delay)
	plain := n.room()
	n.want(n.call("chatroom/get", "roomid="+plain), `{"code":200,"chatroom":{"roomid":`+plain+
		`,"valid":true,"announcement":null,"name":"lobby","broadcasturl":"","ext":"","creator":"alice","queuelevel":0,"muted":false,"ionotify":true}}`)
	var idNumber int64
	fmt.Sscan(id, &idNumber)
	for _, conn := range []string{"1", "2"} { // one account on two connections
		n.presence.Put(&presence.Device{App: appKey, Accid: "bob", ConnectionID: conn, Product: presence.ProductChatroom, Room: idNumber})
	}
	want := `{"roomid":` + id + `,"valid":true,"announcement":"hi","name":"lobby","broadcasturl":"rtmp://x","ext":"e","creator":"alice","queuelevel":1,"muted":false,"onlineusercount":1,"ionotify":false}`
	n.want(n.call("chatroom/get", "roomid="+id, "needOnlineUserCount=true"), `{"code":200,"chatroom":`+want+`}`)
	batch := []string{`roomids=["` + id + `",7,7]`, "needOnlineUserCount=true"}
	n.want(n.call("chatroom/getBatch", batch...), `{"code":200,"noExistRooms":[7],"succRooms":[`+want+`],"failRooms":[]}`)
	shim, _ := json.Marshal("[" + want + "]")
	n.want(n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1.0.0"}, "chatroom/getBatch", batch...),
		`{"code":200,"noExistRooms":"[7]","succRooms":`+string(shim)+`,"failRooms":"[]"}`)
	n.want(n.call("chatroom/requestAddr", "roomid="+id, "accid=bob", "clienttype=3"), `{"code":200,"addr":["im.example.com:7443"]}`)

	n.want(n.call("chatroom/update", "roomid="+id, "name=hall", "announcement=", "queuelevel=0", "notifyExt=why"),
		`{"code":200,"chatroom":{"roomid":`+id+`,"valid":true,"announcement":null,"name":"hall","broadcasturl":"rtmp://x","ext":"e","creator":"alice","queuelevel":0,"muted":false`+delay)
	if m := n.roomTold(); m.Body != `{"id":312,"data":{"operator":"alice","opeNick":"","ext":"why"}}` || m.Type != 5 || m.From != "alice" || m.FromClient != 32 {
		t.Errorf("update: %+v", m)
	}
	n.call("chatroom/update", "roomid="+id, "name=hall2", "needNotify=false")
	closed := n.call("chatroom/toggleCloseStat", "roomid="+id, "operator=alice", "valid=false")
	if fmt.Sprint(field(t, closed, "desc", "valid")) != "false" || fmt.Sprint(field(t, closed, "desc", "name")) != "hall2" {
		t.Error(closed)
	}
	if m := n.roomTold(); m.Body != `{"id":311,"data":{"operator":"alice","opeNick":""}}` {
		t.Errorf("closed: %+v", m)
	}
	if e := n.event(chatroom.EventClosed); string(e.Conv) != "r|"+id {
		t.Errorf("%+v", e)
	}
	n.want(n.call("chatroom/toggleCloseStat", "roomid="+id, "operator=alice", "valid=false"), `{"code":417,"desc":"the chat room is so already"}`)
	n.want(n.call("chatroom/sendMsg", "roomid="+id, "msgId=m", "fromAccid=bob", "msgType=0", "attach=x"), `{"code":13002,"desc":"the chat room is closed"}`)
	if opened := n.call("chatroom/toggleCloseStat", "roomid="+id, "operator=alice", "valid=true"); fmt.Sprint(field(t, opened, "desc", "valid")) != "true" {
		t.Error(opened)
	}
}

func TestChatroomMessages(t *testing.T) {
	n := newNode(t)
	n.register("alice", "bob")
	n.call("user/updateUinfo", "accid=bob", "name=Bob", "icon=face")
	n.dice = func(of int64) int64 { return of - 9999 }
	room := n.room()
	send := func(id string, more ...string) string {
		t.Helper()
		return n.call("chatroom/sendMsg", append([]string{"roomid=" + room, "msgId=" + id, "fromAccid=bob"}, more...)...)
	}
	got := send("m1", "msgType=0", "attach=hello", "ext=x", "subType=3")
	one := n.roomTold()
	desc := fmt.Sprintf(`{"time":"%d","fromAvator":"face","msgid_client":"m1","fromClientType":"REST","attach":"hello","roomId":"%s","fromAccount":"bob","fromNick":"Bob","type":"0","ext":"x"}`, one.TimeMs, room)
	n.want(got, `{"code":200,"desc":`+desc+`}`)
	if one.Body != "hello" || one.FromClient != 32 || one.SubType != 3 || one.FromNick != "Bob" || one.CardMs == 0 {
		t.Errorf("%+v", one)
	}
	shim, _ := json.Marshal(strings.NewReplacer(`"time":"`, `"time":`, `","fromAvator`, `,"fromAvator`, `"roomId":"`, `"roomId":`, `","fromAccount`, `,"fromAccount`, `"type":"0"`, `"type":0`).Replace(desc))
	n.want(n.callAs(map[string]string{"User-Agent": "yunxin-server-sdk-golang/1.0.0"}, "chatroom/sendMsg", "roomid="+room, "msgId=m1", "fromAccid=bob", "msgType=0",
		"attach=again", "resendFlag=1"), `{"code":200,"desc":`+string(shim)+`}`) // a repetition: what was stored
	if got := send("skipped", "msgType=0", "attach=y", "skipHistory=1", "highPriority=true"); !strings.Contains(got, `"highPriorityFlag":1`) || !n.roomTold().NoHistory {
		t.Error(got)
	}
	if got := send("dropped", "msgType=0", "attach=y", "abandonRatio=9999", "highPriority=true"); !strings.Contains(got, `"msgAbandonFlag":"1"`) ||
		strings.Contains(got, "highPriorityFlag") {
		t.Error(got)
	}
	if got := send("to some", "msgType=0", "attach=z", `notifyTargetTags={"tag":"red"}`); !strings.Contains(got, `"code":200`) || n.roomTold().Audience != `{"tag":"red"}` {
		t.Error(got)
	}
	send("m2", "msgType=100", `attach={"a":1}`)
	two := n.roomTold()
	n.set(map[string]string{"chatroom_high_rate": "0"})
	if got := send("m3", "msgType=10", "attach=tip", "highPriority=true"); strings.Contains(got, "highPriorityFlag") {
		t.Error(got)
	}
	three := n.roomTold()
	n.want(send("m4", "msgType=10", "attach=tip", "highPriority=true", "forbiddenIfHighPriorityMsgFreq=1"), `{"code":403,"desc":"too many messages of high priority"}`)
	n.call("user/muteModule", "accid=bob", "muteRoom=true")
	n.want(send("m5", "msgType=0", "attach=x"), `{"code":13004,"desc":"the sender is muted"}`)
	send("m6", "msgType=0", "attach=x", "ignoreMute=true")
	six := n.roomTold()

	row := func(m *chatroom.Message, id string, typ int, body, ext string) string {
		return fmt.Sprintf(`{"from":"bob","msgid":"%s","sendtime":%d,"type":%d,"fromclienttype":32,"body":%s%s}`, id, m.TimeMs, typ, body, ext)
	}
	first, custom, tip, last := row(one, "m1", 0, `{"msg":"hello"}`, `,"ext":"x"`), row(two, "m2", 100, `{"a":1}`, ""), row(three, "m3", 10, `{"msg":"tip"}`, ""), row(six, "m6", 0, `{"msg":"x"}`, "")
	history := func(more ...string) string {
		return n.call("history/queryChatroomMsg", append([]string{"roomid=" + room, "accid=alice"}, more...)...)
	}
	n.want(history("timetag=0", "limit=3"), `{"code":200,"size":3,"msgs":[`+last+","+tip+","+custom+`]}`)
	n.want(history(fmt.Sprint("timetag=", one.TimeMs-1), "limit=200", "reverse=1", "type=0,100"), `{"code":200,"size":4,"msgs":[`+first+`,`+
		row(&chatroom.Message{TimeMs: sentAt(t, history("timetag=0", "limit=200"), "to some")}, "to some", 0, `{"msg":"z"}`, "")+","+custom+","+last+`]}`)
	n.want(history(fmt.Sprint("timetag=", one.TimeMs), "limit=1"), `{"code":200,"size":0,"msgs":[]}`)

	n.want(n.call("chatroom/deleteHistoryMessage", "roomid="+room, "fromAcc=bob", fmt.Sprint("msgTimetag=", two.TimeMs)), `{"code":200}`)
	if m, want := n.roomTold(), fmt.Sprintf(`{"id":323,"data":{"operator":"alice","opeNick":"","target":["bob"],"tarNick":["Bob"],"msgTime":%d,"msgId":"m2"}}`, two.TimeMs); m.Body != want {
		t.Errorf("deleted: %s", m.Body)
	}
	n.set(map[string]string{"chatroom_delete_notice": "false"})
	n.want(n.call("chatroom/deleteHistoryMessage", "roomid="+room, "fromAcc=bob", fmt.Sprint("msgTimetag=", one.TimeMs)), `{"code":200}`)
	recall := []string{"roomid=" + room, "fromAcc=bob", fmt.Sprint("msgTimetag=", three.TimeMs), "operatorAcc=bob", "notifyExt=oops"}
	n.want(n.call("chatroom/recall", append(recall, "msgId=m1")...), `{"code":404,"desc":"no such message"}`)
	n.want(n.call("chatroom/recall", append(recall, "msgId=m3")...), `{"code":200}`)
	if m, want := n.roomTold(), fmt.Sprintf(`{"id":323,"data":{"operator":"bob","opeNick":"Bob","target":["bob"],"tarNick":["Bob"],"ext":"oops","msgTime":%d,"msgId":"m3"}}`, three.TimeMs); m.Body != want {
		t.Errorf("recalled: %s", m.Body)
	}
	for _, gone := range []string{`"m1"`, `"m2"`, `"m3"`} {
		if got := history("timetag=0", "limit=200", "type=0,10,100"); strings.Contains(got, `"msgid":`+gone) {
			t.Errorf("%s is still there: %s", gone, got)
		}
	}
}

// sentAt digs the time of a message out of a page.
func sentAt(t *testing.T, answer, id string) int64 {
	t.Helper()
	var page struct {
		Msgs []struct {
			ID   string `json:"msgid"`
			Time int64  `json:"sendtime"`
		} `json:"msgs"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Msgs {
		if m.ID == id {
			return m.Time
		}
	}
	t.Fatalf("no message %s in %s", id, answer)
	return 0
}
