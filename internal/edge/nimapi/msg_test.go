package nimapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
)

func TestOptionFlags(t *testing.T) {
	for _, c := range []struct {
		option string
		want   message.Flags
		fault  string
	}{
		{option: ``},
		{option: `{}`},
		{option: `{"push":true,"unknown":[1]}`},
		{option: `{"push":null}`},
		{option: `{"needPushNick":true}`, want: message.PushNickSet},
		{option: `{"needPushNick":false,"badge":false}`, want: message.NoPushNick | message.NoBadge},
		{option: `{"roam":false,"history":false,"sendersync":false}`, want: message.NoRoaming | message.NoHistory | message.NoSelfSync},
		{option: `{"push":false,"route":"false","persistent":0,"sessionUpdate":false}`,
			want: message.NoPush | message.NoRoute | message.NoOffline | message.NoSession},
		{option: `{"push":2}`, fault: "option.push not boolean"},
	} {
		got, err := optionFlags(c.option)
		if c.fault != "" {
			if im.CodeOf(err) != 414 || im.PublicText(err) != c.fault {
				t.Errorf("%s: %v", c.option, err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %b, %v, want %b", c.option, got, err, c.want)
		}
	}
}

func TestMessageMapping(t *testing.T) {
	set, err := app.ParseSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	common := messageParams{
		Type: 100, Body: `{"a":1}`, MsgDesc: "d", Payload: `{"pushTitle":"t"}`, Ext: "e", BID: "b", UseYidun: &zero,
		AntiCheating: "c", AntiSpamExt: "x", Env: "v", PushContent: strings.Repeat("推", 501), SenderHidden: 1,
	}
	p := sendParams{
		Ope: opeTeam, messageParams: common, AntiSpam: true, AntiSpamCustom: "s", ForcePushList: []string{"bob"}, ForcePushContent: "f",
		MarkRead: 1, SubType: 7, ReceiverHidden: 1, RobotAccount: "r", RobotTopic: "t", RobotFunction: "fn", RobotContent: "rc",
	}
	want := message.Content{
		Attach: `{"a":1}`, Ext: "e", PushPayload: `{"pushTitle":"t"}`, PushContent: strings.Repeat("推", 500),
		ForceList: `["bob"]`, ForceContent: "f", ForcePush: "1", SubType: 7, Env: "v", MsgDesc: "d",
		Robot: &message.RobotCall{Account: "r", Topic: "t", Function: "fn", Custom: "rc"},
		Spam:  &message.Spam{Enabled: "1", Content: "s", BusinessID: "b", UseYidun: "0", AntiCheating: "c", Ext: "x"},
	}
	m, err := p.message(&set)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Content, want) {
		t.Errorf("content %+v\nwant %+v", m.Content, want)
	}
	if m.Flags != message.SenderNoSense|message.ReceiverNoSense|message.NeedReceipt || m.ClientType != 32 || len(m.IDClient) != 32 || m.Type != 100 {
		t.Errorf("message %+v", m)
	}
	p.ForcePushAll = true
	if m, _ = p.message(&set); m.Content.ForceList != "#%@all@%#" {
		t.Errorf("force list %q", m.Content.ForceList)
	}
	p.Ope = opeP2P
	if m, _ = p.message(&set); m.Content.ForcePush+m.Content.ForceList+m.Content.ForceContent != "" || m.Content.Robot != nil || m.Flags.Has(message.NeedReceipt) {
		t.Errorf("a p2p message carries what only teams know: %+v", m)
	}
}

func TestBodyText(t *testing.T) {
	for _, c := range []struct {
		body, want string
		ok         bool
	}{
		{`{"msg":"hello"}`, "hello", true},
		{`{"msg":"a\"b\n"}`, "a\"b\n", true},
		{`{}`, "", true},
		{`{"msg":null}`, "", true},
		{`{"msg":12}`, "12", true},
		{`{"msg":{"a":[1]}}`, `{"a":[1]}`, true},
		{`"hello"`, "", false},
		{`[]`, "", false},
		{`{"msg":"\u0000"}`, "", false},
	} {
		got, err := bodyText(c.body)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%s: %q, %v", c.body, got, err)
		}
	}
}

func TestBodyOf(t *testing.T) {
	for _, c := range []struct {
		m    message.Message
		want string
	}{
		{message.Message{Content: message.Content{Body: "hi"}}, `{"msg":"hi"}`},
		{message.Message{Type: message.Tip, Content: message.Content{Body: "hi"}}, `{"msg":"hi"}`},
		{message.Message{Type: message.Image, Content: message.Content{Attach: ` {"w": 9007199254740993} `}}, `{"w":9007199254740993}`},
		{message.Message{Type: message.Custom, Content: message.Content{Attach: `plain <text>`}}, `"plain <text>"`},
		{message.Message{Type: message.Custom, Content: message.Content{Attach: `[1]`}}, `"[1]"`},
		{message.Message{Type: message.Custom, Content: message.Content{Attach: "{\"a\":\"\xff\"}"}}, "{\"a\":\"\uFFFD\"}"},
	} {
		got := answerText(t, with("b", bodyOf(&c.m)))
		if want := `{"code":200,"b":` + c.want + `}`; got != want || !json.Valid([]byte(got)) {
			t.Errorf("%+v: %s, want %s", c.m.Content, got, want)
		}
	}
}
