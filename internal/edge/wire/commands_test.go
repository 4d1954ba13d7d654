package wire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/edge/wire/qchatwire"
)

// product gives the tests access to a generated package.
type product struct {
	name        string
	count       int
	commands    []wire.Command
	newRequest  func(string) (wire.QCodec, bool)
	newResponse func(string) (wire.RCodec, bool)
	lookup      func(wire.ID) (wire.Command, bool)
}

func allProducts() []product {
	return []product{
		{"nim", 184, nimwire.Commands(), nimwire.NewRequest, nimwire.NewResponse, nimwire.Lookup},
		{"qchat", 137, qchatwire.Commands(), qchatwire.NewRequest, qchatwire.NewResponse, qchatwire.Lookup},
		{"chatroom", 38, chatroomwire.Commands(), chatroomwire.NewRequest, chatroomwire.NewResponse, chatroomwire.Lookup},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, p := range allProducts() {
		if len(p.commands) != p.count {
			t.Errorf("%s: %d commands, want %d", p.name, len(p.commands), p.count)
		}
		for _, c := range p.commands {
			q, ok := p.newRequest(c.Name)
			if ok != c.HasRequest {
				t.Errorf("%s: request codec %v", c.Name, ok)
			}
			if ok {
				roundTripQ(t, c, q)
			}
			r, ok := p.newResponse(c.Name)
			if ok != c.HasResponse {
				t.Errorf("%s: response codec %v", c.Name, ok)
			}
			if ok {
				roundTripR(t, c, r)
			}
		}
	}
}

// The codecs that are written by hand do what the generated ones do.
func TestRoundTripBeyond(t *testing.T) {
	roundTripQ(t, nimwire.V2DownloadLocalAntiSpamVocabs, new(nimwire.V2DownloadLocalAntiSpamVocabsRequest))
	roundTripR(t, nimwire.V2DownloadLocalAntiSpamVocabs, new(nimwire.V2DownloadLocalAntiSpamVocabsResponse))
	for _, c := range nimwire.Beyond() {
		if known, ok := nimwire.Lookup(c.ID()); ok {
			t.Errorf("%s has the id of %s", c.Name, known.Name)
		}
	}
}

func roundTripQ(t *testing.T, c wire.Command, q wire.QCodec) {
	for _, filled := range []bool{false, true} {
		if filled {
			fill(reflect.ValueOf(q).Elem(), c.Name, true)
		}
		frame := wire.AppendRequest(nil, 5, c.SID, c.CID, q)
		if !json.Valid(frame[4:]) {
			t.Fatalf("%s: invalid JSON %s", c.Name, frame)
		}
		var req wire.Request
		if err := wire.ParseRequest(frame[4:], &req); err != nil || req.ID() != c.ID() {
			t.Fatalf("%s: %+v %v", c.Name, req, err)
		}
		back := reflect.New(reflect.TypeOf(q).Elem()).Interface().(wire.QCodec)
		if err := back.DecodeQ(req.Q); err != nil {
			t.Fatalf("%s: %v in %s", c.Name, err, frame)
		}
		if again := wire.AppendRequest(nil, 5, c.SID, c.CID, back); !bytes.Equal(frame, again) {
			t.Errorf("%s:\n%s\n%s", c.Name, frame, again)
		}
		if filled && !hasOptional(q) && !reflect.DeepEqual(q, back) {
			t.Errorf("%s:\n%+v\n%+v", c.Name, q, back)
		}
	}
}

func roundTripR(t *testing.T, c wire.Command, r wire.RCodec) {
	for _, filled := range []bool{false, true} {
		if filled {
			fill(reflect.ValueOf(r).Elem(), c.Name, true)
		}
		frame := wire.AppendPush(nil, c.SID, c.CID, r)
		if !json.Valid(frame[4:]) {
			t.Fatalf("%s: invalid JSON %s", c.Name, frame)
		}
		var res wire.Response
		if err := wire.ParseResponse(frame[4:], &res); err != nil || res.ID() != c.ID() || res.Code != 200 {
			t.Fatalf("%s: %+v %v", c.Name, res, err)
		}
		back := reflect.New(reflect.TypeOf(r).Elem()).Interface().(wire.RCodec)
		if err := back.DecodeR(res.R); err != nil {
			t.Fatalf("%s: %v in %s", c.Name, err, frame)
		}
		again := wire.AppendPush(nil, c.SID, c.CID, back)
		if !bytes.Equal(frame, again) {
			t.Errorf("%s:\n%s\n%s", c.Name, frame, again)
		}
		if filled && !hasOptional(r) && !reflect.DeepEqual(r, back) {
			t.Errorf("%s:\n%+v\n%+v", c.Name, r, back)
		}
	}
}

// hasOptional reports whether the codec has positional Values. Their text takes
// the form of the parameter's type on the wire, so they compare by bytes only.
func hasOptional(codec any) bool {
	v := reflect.ValueOf(codec).Elem()
	for i := range v.NumField() {
		if v.Field(i).Type() == reflect.TypeFor[wire.Value]() {
			return true
		}
	}
	return false
}

// fill sets every field to a distinct, slightly hostile value.
func fill(v reflect.Value, seed string, top bool) {
	switch x := v.Addr().Interface().(type) {
	case *wire.Value:
		if top {
			*x = wire.Str("1")
		} else {
			*x = wire.Str(seed + "\"\\\u2028\n<你😀>")
		}
		return
	case *json.RawMessage:
		*x = json.RawMessage(`{"a":"b"}`)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(seed + "\"你")
	case reflect.Int64:
		v.SetInt(int64(len(seed)) + 1<<40)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), seed, false)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprint(seed, i), false)
		}
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem, seed, false)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"+seed), elem)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), seed+v.Type().Field(i).Name, top)
		}
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func TestPushIDs(t *testing.T) {
	for _, c := range []struct {
		cmd  wire.Command
		want wire.ID
	}{
		{nimwire.OnMsg, wire.ID{SID: 7, CID: 2}},
		{nimwire.OnSysMsg, wire.ID{SID: 7, CID: 3}},
		{nimwire.SyncOfflineSysMsgs, wire.ID{SID: 4, CID: 6}},
		{nimwire.SyncRoamingMsgs, wire.ID{SID: 4, CID: 9}},
		{nimwire.NimSyncSessionsWithMoreRoaming, wire.ID{SID: 4, CID: 22}},
		{nimwire.SyncRecallMsgOfflineAndRoaming, wire.ID{SID: 7, CID: 15}},
		{nimwire.BatchMarkRead, wire.ID{}},
		{chatroomwire.OnChatroomMsg, wire.ID{SID: 13, CID: 7}},
		{qchatwire.QchatOnMsg, wire.ID{SID: 24, CID: 11}},
	} {
		if got := c.cmd.PushID(); got != c.want {
			t.Errorf("%s: %v, want %v", c.cmd.Name, got, c.want)
		}
	}
	if !nimwire.OnMsg.Accepts(wire.ID{SID: 8, CID: 3}) || nimwire.OnMsg.Accepts(wire.ID{SID: 8, CID: 2}) {
		t.Error("onMsg takes 8-3 and not 8-2")
	}
	if got := nimwire.OnMsg.PushID().String(); got != "7-2" {
		t.Errorf("got %s", got)
	}
	for _, p := range allProducts() {
		for _, c := range p.commands {
			if c.FromServer && c.PushID() == (wire.ID{}) {
				t.Errorf("%s has no id to push with", c.Name)
			}
			if !c.FromServer && !c.FromClient {
				t.Errorf("%s is sent by nobody", c.Name)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	for _, p := range allProducts() {
		for _, c := range p.commands {
			got, ok := p.lookup(c.ID())
			switch {
			case !c.FromClient && ok && got.Name == c.Name:
				t.Errorf("%s is a push but is found as a request", c.Name)
			case c.FromClient && (!ok || got.ID() != c.ID()):
				t.Errorf("%s is not found", c.Name)
			case c.FromClient && got.Name != c.Name && c.Name != "signalingBatchMarkRead":
				t.Errorf("%s is hidden by %s", c.Name, got.Name)
			}
		}
		if _, ok := p.lookup(wire.ID{SID: 999, CID: 1}); ok {
			t.Error("999-1 does not exist")
		}
	}
	if c, _ := nimwire.Lookup(wire.ID{SID: 21, CID: 22}); c.Name != "rejectSuperTeamApply" {
		t.Errorf("21-22 from a client is %s", c.Name)
	}
}
