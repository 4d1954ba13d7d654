package wire_test

import (
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// val is short for a Value in the tables below.
func val(s string) wire.Value { return wire.Str(s) }

// answer is one response or push of docs/protocol/nim-core.md section 1.
type answer struct {
	name     string
	sid, cid uint16
	ser      int64
	r        wire.RCodec
	want     string
}

func answers() []answer {
	login := &nimwire.LoginResponse{
		LoginRes: &nimwire.LoginResult{ConnectionId: val("c-7f21"), Ip: val("203.0.113.9"), Port: val("51514")},
		LoginPorts: []nimwire.LoginPort{{Type: wire.Int(16), Os: val("Windows"), DeviceId: val("0d5e1f0b6c1a4b0e8c4f6d2a9b3e7c11"),
			Account: val("alice"), ConnectionId: val("c-7f21"), Ip: val("203.0.113.9"), Time: wire.Int(1717200000000)}},
	}
	msg := &nimwire.Msg{Scene: wire.Int(0), To: val("bob"), From: val("alice"), FromClientType: wire.Int(16),
		FromDeviceId: val("0d5e1f0b6c1a4b0e8c4f6d2a9b3e7c11"), FromNick: val("Alice"), Time: wire.Int(1717200005321),
		Type: wire.Int(0), Body: val("hello"), IdClient: val("8d8716980d56e347f1da0ac2448a4807"), IdServer: val("41000014"),
		UserUpdateTime: wire.Int(1716000000000)}
	return []answer{
		{"login", 2, 3, 1, login, `3:::{"sid":2,"cid":3,"ser":1,"code":200,"r":[{"102":"c-7f21","103":"203.0.113.9","104":"51514"},[{"3":"16","4":"Windows","13":"0d5e1f0b6c1a4b0e8c4f6d2a9b3e7c11","19":"alice","102":"c-7f21","103":"203.0.113.9","109":"1717200000000"}]]}`},
		{"gray config", 6, 27, 2, &nimwire.GetGrayscaleConfigResponse{GrayConfigTag: &nimwire.GrayConfig{Config: val(`{"mixStoreEnable":false}`), Ttl: wire.Int(86400)}},
			`3:::{"sid":6,"cid":27,"ser":2,"code":200,"r":[{"0":"{\"mixStoreEnable\":false}","1":"86400"}]}`},
		{"cdn host", 6, 26, 3, &nimwire.GetNosCdnHostResponse{NosConfigTag: &nimwire.NosConfig{Expire: wire.Int(0)}},
			`3:::{"sid":6,"cid":26,"ser":3,"code":200,"r":[{"3":"0"}]}`},
		{"name card", 3, 109, 0, &nimwire.SyncMyNameCardResponse{User: &nimwire.User{Account: val("alice"), Nick: val("Alice"), Gender: wire.Int(2),
			CreateTime: wire.Int(1700000000000), UpdateTime: wire.Int(1716000000000)}, Timetag: 1716000000000},
			`3:::{"sid":3,"cid":109,"ser":0,"code":200,"r":[{"1":"alice","3":"Alice","6":"2","12":"1700000000000","13":"1716000000000"},1716000000000]}`},
		{"no relations", 3, 8, 0, &nimwire.SyncRelationsResponse{Timetag: 1716000000001},
			`3:::{"sid":3,"cid":8,"ser":0,"code":200,"r":[[],1716000000001]}`},
		{"session acks", 4, 14, 0, &nimwire.SyncSessionAckResponse{P2p: map[string]int64{"bob": 1717199990000},
			Team: map[string]int64{"2300001": 1717100000000}, Timetag: 1717199990000},
			`3:::{"sid":4,"cid":14,"ser":0,"code":200,"r":[{"bob":1717199990000},{"m_map":{"2300001":1717100000000}},1717199990000]}`},
		{"empty session acks", 4, 14, 0, &nimwire.SyncSessionAckResponse{Timetag: 1},
			`3:::{"sid":4,"cid":14,"ser":0,"code":200,"r":[{},{"m_map":{}},1]}`},
		{"sync done", 5, 1, 4, &nimwire.SyncResponse{Timetag: 1717200000120},
			`3:::{"sid":5,"cid":1,"ser":4,"code":200,"r":[1717200000120]}`},
		{"send ack", 7, 1, 6, &nimwire.SendMsgResponse{Msg: &nimwire.Msg{Time: wire.Int(1717200005321),
			IdClient: val("8d8716980d56e347f1da0ac2448a4807"), IdServer: val("41000014")}},
			`3:::{"sid":7,"cid":1,"ser":6,"code":200,"r":[{"7":"1717200005321","11":"8d8716980d56e347f1da0ac2448a4807","12":"41000014"}]}`},
		{"message push", 7, 2, 0, &nimwire.OnMsgResponse{Msg: msg},
			`3:::{"sid":7,"cid":2,"ser":0,"code":200,"r":[{"0":"0","1":"bob","2":"alice","4":"16","5":"0d5e1f0b6c1a4b0e8c4f6d2a9b3e7c11","6":"Alice","7":"1717200005321","8":"0","9":"hello","11":"8d8716980d56e347f1da0ac2448a4807","12":"41000014","14":"1716000000000"}]}`},
		{"device online", 2, 7, 0, &nimwire.MultiPortLoginResponse{State: 2, LoginPorts: []nimwire.LoginPort{{Type: wire.Int(1), ConnectionId: val("c-2")}}},
			`3:::{"sid":2,"cid":7,"ser":0,"code":200,"r":[2,[{"3":"1","102":"c-2"}]]}`},
		{"kick", 2, 5, 0, &nimwire.KickedResponse{ClientType: 16, Reason: 2},
			`3:::{"sid":2,"cid":5,"ser":0,"code":200,"r":[16,2]}`},
		{"kick with ext", 2, 5, 0, &nimwire.KickedResponse{ClientType: 16, Reason: 2, Ext: val("bye")},
			`3:::{"sid":2,"cid":5,"ser":0,"code":200,"r":[16,2,"bye"]}`},
		{"kick with type only", 2, 5, 0, &nimwire.KickedResponse{ClientType: 16, Reason: 2, CustomClientType: wire.Int(7)},
			`3:::{"sid":2,"cid":5,"ser":0,"code":200,"r":[16,2,"",7]}`},
		{"name cards", 3, 7, 6, &nimwire.GetUsersNameCardFromServerResponse{Users: []nimwire.User{{Account: val("alice"), Nick: val("Alice"), UpdateTime: wire.Int(1716000000000)}}},
			`3:::{"sid":3,"cid":7,"ser":6,"code":200,"r":[[{"1":"alice","3":"Alice","13":"1716000000000"}]]}`},
		{"empty list", 3, 7, 6, &nimwire.GetUsersNameCardFromServerResponse{Users: []nimwire.User{}},
			`3:::{"sid":3,"cid":7,"ser":6,"code":200,"r":[[]]}`},
		{"heartbeat", 1, 2, 0, nil, `3:::{"sid":1,"cid":2,"ser":0,"code":200,"r":[]}`},
	}
}

func TestExampleAnswers(t *testing.T) {
	for _, a := range answers() {
		var r wire.REncoder
		if a.r != nil {
			r = a.r
		}
		got := string(wire.AppendResponse(nil, a.sid, a.cid, a.ser, 200, r))
		if got != a.want {
			t.Errorf("%s:\n got %s\nwant %s", a.name, got, a.want)
		}
		if a.r == nil {
			continue
		}
		// What was sent must read back the same.
		_, payload, err := wire.SplitFrame([]byte(got))
		if err != nil {
			t.Fatal(err)
		}
		var env wire.Response
		if err := wire.ParseResponse(payload, &env); err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		if env.SID != a.sid || env.CID != a.cid || env.SER != a.ser || env.Code != 200 {
			t.Errorf("%s: envelope %+v", a.name, env)
		}
		if err := a.r.DecodeR(env.R); err != nil {
			t.Errorf("%s: %v", a.name, err)
		}
		if again := string(wire.AppendResponse(nil, a.sid, a.cid, a.ser, 200, a.r)); again != a.want {
			t.Errorf("%s after decoding: %s", a.name, again)
		}
	}
}

func TestErrorAnswer(t *testing.T) {
	got := string(wire.AppendResponse(nil, 7, 1, 6, 414, nil))
	if want := `3:::{"sid":7,"cid":1,"ser":6,"code":414,"r":[]}`; got != want {
		t.Errorf("got %s", got)
	}
	var none *nimwire.SendMsgResponse
	if got := string(none.AppendR(nil)); got != "[]" {
		t.Errorf("nil response: %s", got)
	}
}

func TestExampleWrapped(t *testing.T) {
	event := &nimwire.SignalingRecvNotificationResponse{Data: &nimwire.Signaling{Type: val("2"), ChannelId: val("CID1")}}
	got := string(wire.AppendWrapped(nil, 1, 100, 15, 11, event))
	want := `3:::{"sid":4,"cid":1,"ser":0,"code":200,"r":[100,{"headerPacket":{"sid":15,"cid":11},"body":[{"1":"2","3":"CID1"}]}]}`
	if got != want {
		t.Fatalf("got %s", got)
	}
	var env wire.Response
	if err := wire.ParseResponse([]byte(got[4:]), &env); err != nil {
		t.Fatal(err)
	}
	w, err := wire.ParseWrapped(env.R)
	if err != nil || w.ID != 100 || w.SID != 15 || w.CID != 11 || len(w.Body) != 1 {
		t.Errorf("%+v %v", w, err)
	}
}

const sendMsgFrame = `3:::{"SER":6,"SID":7,"CID":1,"Q":[{"t":"Property","v":{"0":0,"1":"bob","2":"alice","4":16,"5":"0d5e1f0b6c1a4b0e8c4f6d2a9b3e7c11","6":"Alice","8":0,"9":"hello","11":"8d8716980d56e347f1da0ac2448a4807","14":1716000000000}}]}`

func TestExampleRequests(t *testing.T) {
	req := parse(t, sendMsgFrame)
	if req.SER != 6 || req.ID() != nimwire.SendMsg.ID() {
		t.Fatalf("envelope %+v", req)
	}
	var send nimwire.SendMsgRequest
	if err := send.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if m := send.Msg; m.To.String() != "bob" || m.FromClientType.Int() != 16 || m.Body.String() != "hello" ||
		m.UserUpdateTime.Int() != 1716000000000 || m.Attach.IsSet() || !m.Type.IsSet() {
		t.Errorf("message %+v", m)
	}

	req = parse(t, `3:::{"SER":4,"SID":5,"CID":1,"Q":[{"t":"Property","v":{"1":0,"2":0,"17":"0","28":5}}]}`)
	var sync nimwire.SyncRequest
	if err := sync.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if !sync.Sync.MyInfo.IsSet() || sync.Sync.Teams.IsSet() || sync.Sync.StickTopSessions.Int() != 5 {
		t.Errorf("sync %+v", sync.Sync)
	}

	req = parse(t, `3:::{"SER":5,"SID":4,"CID":5,"Q":[{"t":"byte","v":"8"},{"t":"byte","v":3},{"t":"LongArray","v":["41000013",null,7,"x"]}]}`)
	var ack nimwire.BatchMarkReadRequest
	if err := ack.DecodeQ(req.Q); err != nil {
		t.Fatal(err)
	}
	if ack.Sid != 8 || ack.Cid != 3 || len(ack.Ids) != 2 || ack.Ids[0] != 41000013 {
		t.Errorf("ack %+v", ack)
	}
}

func TestClientEncoding(t *testing.T) {
	got := string(wire.AppendRequest(nil, 9, 21, 15, &nimwire.GetSuperTeamMembersRequest{TeamId: 4500, Limit: 10, Reverse: true}))
	if want := `3:::{"SER":9,"SID":21,"CID":15,"Q":[{"t":"Long","v":4500},{"t":"Long","v":0},{"t":"Int","v":10},{"t":"Bool","v":"true"}]}`; got != want {
		t.Errorf("got %s", got)
	}
	got = string(wire.AppendRequest(nil, 9, 7, 25, &nimwire.MarkMultSessionsAckRequest{Datas: []nimwire.SessionAck{{Scene: val("0"), To: val("bob")}}}))
	if want := `3:::{"SER":9,"SID":7,"CID":25,"Q":[{"t":"ArrayMable","v":[{"t":"Property","v":{"1":"0","2":"bob"}}]}]}`; got != want {
		t.Errorf("got %s", got)
	}
	if got := string(wire.AppendRequest(nil, 0, 1, 2, nil)); got != `3:::{"SER":0,"SID":1,"CID":2,"Q":[]}` {
		t.Errorf("got %s", got)
	}
}

// parse reads a complete request frame.
func parse(t testing.TB, frame string) *wire.Request {
	t.Helper()
	typ, payload, err := wire.SplitFrame([]byte(frame))
	if err != nil || typ != wire.FrameMessage {
		t.Fatalf("frame type %d: %v", typ, err)
	}
	var req wire.Request
	if err := wire.ParseRequest(payload, &req); err != nil {
		t.Fatal(err)
	}
	return &req
}
