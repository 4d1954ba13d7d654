package wire_test

import (
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

func BenchmarkDecodeSendMsg(b *testing.B) {
	frame := []byte(sendMsgFrame)
	var req wire.Request
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		_, payload, err := wire.SplitFrame(frame)
		if err != nil {
			b.Fatal(err)
		}
		if err := wire.ParseRequest(payload, &req); err != nil {
			b.Fatal(err)
		}
		var send nimwire.SendMsgRequest
		if err := send.DecodeQ(req.Q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeSendMsgAck(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		r := nimwire.SendMsgResponse{Msg: &nimwire.Msg{Time: wire.Int(1717200005321), IdServer: wire.Int(41000014),
			IdClient: wire.Str("8d8716980d56e347f1da0ac2448a4807")}}
		buf = wire.AppendResponse(buf[:0], 7, 1, 6, 200, &r)
	}
}

func BenchmarkEncodeMsgPush(b *testing.B) {
	req := parse(b, sendMsgFrame)
	var send nimwire.SendMsgRequest
	if err := send.DecodeQ(req.Q); err != nil {
		b.Fatal(err)
	}
	id := nimwire.OnMsg.PushID()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		send.Msg.Time = wire.Int(1717200005321)
		send.Msg.IdServer = wire.Int(41000014)
		buf = wire.AppendPush(buf[:0], id.SID, id.CID, &nimwire.OnMsgResponse{Msg: &send.Msg})
	}
}

func BenchmarkDecodeHeartbeat(b *testing.B) {
	frame := []byte(`3:::{"SER":0,"SID":1,"CID":2,"Q":[]}`)
	var req wire.Request
	b.ReportAllocs()
	for b.Loop() {
		if err := wire.ParseRequest(frame[4:], &req); err != nil {
			b.Fatal(err)
		}
	}
}
