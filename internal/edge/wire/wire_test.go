package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/edge/wire/qchatwire"
)

func TestValueLeniency(t *testing.T) {
	for _, c := range []struct {
		in     string
		set    bool
		text   string
		number int64
		isNum  bool
		truth  bool
	}{
		{`7`, true, "7", 7, true, true},
		{`"7"`, true, "7", 7, true, true},
		{` "7" `, true, "7", 7, true, true},
		{`-3`, true, "-3", -3, true, false},
		{`0`, true, "0", 0, true, false},
		{`"0"`, true, "0", 0, true, false},
		{`""`, true, "", 0, false, false},
		{`null`, false, "", 0, false, false},
		{`true`, true, "1", 1, true, true},
		{`false`, true, "0", 0, true, false},
		{`"true"`, true, "true", 0, false, true},
		{`"false"`, true, "false", 0, false, false},
		{`1e3`, true, "1e3", 1000, true, true},
		{`0.5`, true, "0.5", 0, true, true},
		{`1717200005321.7`, true, "1717200005321.7", 1717200005321, true, true},
		{`9223372036854775807`, true, "9223372036854775807", 9223372036854775807, true, true},
		{`"9223372036854775808"`, true, "9223372036854775808", 0, false, true},
		{`1e400`, true, "1e400", 0, false, false},
		{`"0x10"`, true, "0x10", 0, false, false},
		{`"abc"`, true, "abc", 0, false, false},
		{`["1001"]`, true, `["1001"]`, 0, false, false},
		{`{"a":[1,{}]}`, true, `{"a":[1,{}]}`, 0, false, false},
		{`"\u4f60\ud83d\ude00\n\/"`, true, "你😀\n/", 0, false, false},
		{`"a\ud83d"`, true, "a\uFFFD", 0, false, false},
		{`"\ude00\ud83dx"`, true, "\uFFFD\uFFFDx", 0, false, false},
		{`"\ud83d\ud83d\ude00"`, true, "\uFFFD😀", 0, false, false},
		{"\"a\xffb\"", true, "a\uFFFDb", 0, false, false},
		{"\"\\n\xe4\xbd\"", true, "\n\uFFFD\uFFFD", 0, false, false},
		{"[\"\xff\"]", true, "[\"\uFFFD\"]", 0, false, false},
		{`"\u0000"`, true, "\x00", 0, false, false},
	} {
		v, err := wire.DecodeValue([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		n, ok := v.IntOK()
		if v.IsSet() != c.set || v.String() != c.text || n != c.number || ok != c.isNum || v.Int() != n || v.Bool() != c.truth {
			t.Errorf("%s: set %v text %q number %d %v bool %v", c.in, v.IsSet(), v.String(), n, ok, v.Bool())
		}
	}
}

func TestValueDefaults(t *testing.T) {
	var absent wire.Value
	if absent.Or("x") != "x" || absent.IntOr(5) != 5 || !absent.BoolOr(true) {
		t.Error("an absent Value must give the default")
	}
	if wire.Str("").Or("x") != "" || wire.Int(0).IntOr(5) != 0 || wire.Bool(false).BoolOr(true) {
		t.Error("a present Value must give itself")
	}
	if wire.Str("abc").IntOr(5) != 5 {
		t.Error("a text is no number")
	}
}

func TestStringLists(t *testing.T) {
	for in, want := range map[string]string{`"[\"a\",\"b\"]"`: "a,b", `["a",1]`: "a,1", `"[]"`: "", `""`: ""} {
		v, err := wire.DecodeValue([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		list, ok := v.Strings()
		if !ok || strings.Join(list, ",") != want {
			t.Errorf("%s: %q %v", in, list, ok)
		}
	}
	if _, ok := wire.ParseStringList("oops"); ok {
		t.Error("a plain text is not a list")
	}
	if got := wire.FormatStringList([]string{"a", `"`}); got != `["a","\""]` {
		t.Errorf("got %s", got)
	}
}

func TestGarbage(t *testing.T) {
	for _, in := range []string{"", " ", "{", "}", "[", "[1,]", "[,1]", `{"1":}`, `{"1":1,}`, `{1:1}`, `{"1" 1}`, "nul", "tru", "01", "1.", "-",
		".5", "1e", "+1", `"`, `"\x"`, `"\u12"`, "\"\n\"", "1 2", "[1 2]", "NaN", "[1]]", "\x00", `{"a":1}x`, `"\`,
		strings.Repeat("[", 40) + strings.Repeat("]", 40)} {
		if _, err := wire.DecodeValue([]byte(in)); err == nil {
			t.Errorf("%q was accepted as a value", in)
		}
		if json.Valid([]byte(in)) && !strings.HasPrefix(in, "[[") {
			t.Errorf("%q is valid JSON, the test is wrong", in)
		}
		var req wire.Request
		if err := wire.ParseRequest([]byte(in), &req); err == nil {
			t.Errorf("%q was accepted as a request", in)
		}
		var p nimwire.Msg
		if err := p.DecodeProperty([]byte(in)); err == nil {
			t.Errorf("%q was accepted as a Property", in)
		}
	}
	deep := strings.Repeat("[", wire.MaxDepth) + strings.Repeat("]", wire.MaxDepth)
	if _, err := wire.DecodeValue([]byte(deep)); err != nil {
		t.Errorf("nesting at the limit: %v", err)
	}
	if _, err := wire.DecodeValue([]byte("[" + deep + "]")); !errors.Is(err, wire.ErrDepth) {
		t.Errorf("nesting beyond the limit: %v", err)
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"<a href='&'>":       `"<a href='&'>"`,
		"\"\\/":              `"\"\\/"`,
		"\b\f\n\r\t\x01\x7f": `"\b\f\n\r\t\u0001` + "\x7f" + `"`,
		"a\u2028b\u2029":     `"a\u2028b\u2029"`,
		"你好😀":                `"你好😀"`,
		"a\xffb":             "\"a\uFFFDb\"",
		"\uFFFD":             "\"\uFFFD\"",
	} {
		if got := string(wire.AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s want %s", in, got, want)
		}
	}
}

func TestParseRequest(t *testing.T) {
	var req wire.Request
	for _, in := range []string{
		`{"SER":6,"SID":7,"CID":1,"Q":[{"t":"Long","v":1}]}`,
		`{ "Q" : [ { "v" : 1 , "t" : "Long" , "x" : [1] } ] , "extra" : {"Q":[]}, "CID":"1","SID":"7","SER":"6" }`,
	} {
		if err := wire.ParseRequest([]byte(in), &req); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		if req.SER != 6 || req.SID != 7 || req.CID != 1 || len(req.Q) != 1 || req.Q[0].T != "Long" || string(req.Q[0].V) != "1" {
			t.Errorf("%s: %+v", in, req)
		}
	}
	if err := wire.ParseRequest([]byte(`{"SID":1,"CID":2}`), &req); err != nil || len(req.Q) != 0 || req.SER != 0 {
		t.Errorf("without Q: %+v %v", req, err)
	}
	for _, in := range []string{`[]`, `"x"`, `{}`, `{"SID":1}`, `{"SID":70000,"CID":1}`, `{"SID":-1,"CID":1}`,
		`{"SID":1,"CID":1,"Q":{}}`, `{"SID":1,"CID":1,"Q":[1]}`} {
		if err := wire.ParseRequest([]byte(in), &req); err == nil {
			t.Errorf("%s was accepted", in)
		}
	}
	many := func(n int) []byte {
		return []byte(`{"SID":1,"CID":1,"Q":[` + strings.TrimSuffix(strings.Repeat(`{"t":"Int","v":1},`, n), ",") + `]}`)
	}
	if err := wire.ParseRequest(many(wire.MaxParams), &req); err != nil || len(req.Q) != wire.MaxParams {
		t.Errorf("at the limit: %d %v", len(req.Q), err)
	}
	if err := wire.ParseRequest(many(wire.MaxParams+1), &req); !errors.Is(err, wire.ErrTooMany) {
		t.Errorf("beyond the limit: %v", err)
	}
}

func TestDecodedStringsDoNotAlias(t *testing.T) {
	frame := []byte(sendMsgFrame)
	var req wire.Request
	if err := wire.ParseRequest(frame[4:], &req); err != nil {
		t.Fatal(err)
	}
	var send nimwire.SendMsgRequest
	if err := send.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if send.Msg.Body.String() != "hello" || send.Msg.To.String() != "bob" {
		t.Errorf("changed with the buffer: %+v", send.Msg)
	}
}

func TestSplitFrame(t *testing.T) {
	for _, c := range []struct {
		in      string
		typ     byte
		payload string
		ok      bool
	}{
		{"0::", wire.FrameDisconnect, "", true},
		{"1::", wire.FrameConnect, "", true},
		{"2::", wire.FrameHeartbeat, "", true},
		{"2:::", wire.FrameHeartbeat, "", true},
		{"3:::{}", wire.FrameMessage, "{}", true},
		{"3:1::{}", wire.FrameMessage, "{}", true},
		{"3:1+::{}", wire.FrameMessage, "{}", true},
		{"3::/ep:{}", wire.FrameMessage, "{}", true},
		{"3:::{\"a\":\"x:y\n:z\"}", wire.FrameMessage, "{\"a\":\"x:y\n:z\"}", true},
		{"7:::1+0", wire.FrameError, "1+0", true},
		{"8::", wire.FrameNoop, "", true},
		{"", 0, "", false},
		{"3", 0, "", false},
		{"3:", 0, "", false},
		{"9::", 0, "", false},
		{"3;::", 0, "", false},
		{"3:x::{}", 0, "", false},
		{"33:::{}", 0, "", false},
		{"\uFFFD6\uFFFD3:::{}", 0, "", false},
	} {
		typ, payload, err := wire.SplitFrame([]byte(c.in))
		if (err == nil) != c.ok || typ != c.typ || string(payload) != c.payload {
			t.Errorf("%q: %d %q %v", c.in, typ, payload, err)
		}
	}
}

func TestShortQ(t *testing.T) {
	// needNotify left out: the text that follows must not become the boolean
	// (docs/protocol/chatroom.md section 2.1).
	req := parse(t, `3:::{"SER":1,"SID":13,"CID":19,"Q":[{"t":"String","v":"bob"},{"t":"Long","v":"60"},{"t":"String","v":"why"}]}`)
	var mute chatroomwire.ChatroomSetMemberTempMuteRequest
	if err := mute.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if mute.Account != "bob" || mute.Duration != 60 || mute.NeedNotify.IsSet() || mute.Ext != "why" {
		t.Errorf("%+v", mute)
	}
	// Complete: labels do not matter.
	req = parse(t, `3:::{"SER":1,"SID":13,"CID":19,"Q":[{"t":"?","v":"bob"},{"t":"String","v":"60"},{"t":"string","v":"true"},{"v":"why"}]}`)
	if err := mute.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if mute.Duration != 60 || !mute.NeedNotify.Bool() || mute.Ext != "why" {
		t.Errorf("%+v", mute)
	}
	// The last parameter missing.
	req = parse(t, `3:::{"SER":7,"SID":8,"CID":5,"Q":[{"t":"Long","v":"4500"},{"t":"StrArray","v":["c",null,5]},{"t":"String","v":"hi"}]}`)
	var add nimwire.AddTeamMembersRequest
	if err := add.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if add.TeamId != 4500 || strings.Join(add.Accounts, ",") != "c,5" || add.Ps != "hi" || add.Attach.IsSet() {
		t.Errorf("%+v", add)
	}
	// Nothing at all, and null values.
	if err := add.DecodeQ(nil); err != nil || add.TeamId != 0 {
		t.Errorf("%+v %v", add, err)
	}
	req = parse(t, `3:::{"SER":7,"SID":8,"CID":5,"Q":[{"t":"Long","v":null},{"t":"StrArray","v":null}]}`)
	if err := add.DecodeQ(req.Q); err != nil || add.Accounts != nil {
		t.Errorf("%+v %v", add, err)
	}
	// A type that cannot be meant is an error, not a panic or a silent zero.
	req = parse(t, `3:::{"SER":7,"SID":8,"CID":5,"Q":[{"t":"Long","v":[1]}]}`)
	if err := add.DecodeQ(req.Q); !errors.Is(err, wire.ErrType) {
		t.Errorf("got %v", err)
	}
}

func TestQChatLists(t *testing.T) {
	req := parse(t, `3:::{"SER":10,"SID":24,"CID":15,"Q":[{"t":"Property","v":{"1":1,"2":1}},{"t":"ArrayMable","v":[{"t":"Property","v":{"1":"1001","2":"2001"}},{"1":"1002"},null]}]}`)
	var sub qchatwire.QchatSubscribeRequest
	if err := sub.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if len(sub.Channels) != 2 || sub.Channels[0].ChannelId.Int() != 2001 || sub.Channels[1].ServerId.String() != "1002" {
		t.Errorf("%+v", sub)
	}
	many := `[` + strings.TrimSuffix(strings.Repeat("{},", wire.MaxProperties+1), ",") + `]`
	if err := sub.DecodeQ([]wire.Param{{T: "Property", V: []byte("{}")}, {T: "ArrayMable", V: []byte(many)}}); !errors.Is(err, wire.ErrTooMany) {
		t.Errorf("got %v", err)
	}
}

func TestChatroomMaps(t *testing.T) {
	list := chatroomwire.ChatroomQueueListResponse{ItemList: []wire.KV{{Key: "k2", Value: "v2"}, {Key: "k1", Value: "v1"}}}
	if got := string(list.AppendR(nil)); got != `[[{"k2":"v2"},{"k1":"v1"}]]` {
		t.Errorf("got %s", got)
	}
	change := chatroomwire.ChatroomQueueChangeRequest{ItemList: map[string]string{"b": "2", "a": "1"}}
	if got := string(change.AppendQ(nil)); got != `[{"t":"StrStrMap","v":{"a":"1","b":"2"}},{"t":"Bool","v":"false"}]` {
		t.Errorf("got %s", got)
	}
}
