package wire_test

import (
	"fmt"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// A server decodes 7-1 sendMsg, acknowledges it and pushes it to the receiver.
func Example() {
	frame := []byte(`3:::{"SER":6,"SID":7,"CID":1,"Q":[{"t":"Property","v":{"0":0,"1":"bob","8":0,"9":"hello","11":"8d87x"}}]}`)

	_, payload, err := wire.SplitFrame(frame)
	if err != nil {
		return // not a frame: close the connection
	}
	var req wire.Request // one for each connection, Q is reused
	if err := wire.ParseRequest(payload, &req); err != nil {
		return
	}
	switch req.ID() {
	case nimwire.SendMsg.ID():
		var in nimwire.SendMsgRequest
		if err := in.DecodeQ(req.Q); err != nil {
			fmt.Println(string(wire.AppendResponse(nil, req.SID, req.CID, req.SER, 414, nil)))
			return
		}
		msg := in.Msg
		msg.From = wire.Str("alice")
		msg.Time = wire.Int(1717200005321)
		msg.IdServer = wire.Int(41000014)

		ack := nimwire.SendMsgResponse{Msg: &nimwire.Msg{Time: msg.Time, IdClient: msg.IdClient, IdServer: msg.IdServer}}
		fmt.Println(string(wire.AppendResponse(nil, req.SID, req.CID, req.SER, 200, &ack)))

		id := nimwire.OnMsg.PushID()
		fmt.Println(string(wire.AppendPush(nil, id.SID, id.CID, &nimwire.OnMsgResponse{Msg: &msg})))
	}
	// Output:
	// 3:::{"sid":7,"cid":1,"ser":6,"code":200,"r":[{"7":"1717200005321","11":"8d87x","12":"41000014"}]}
	// 3:::{"sid":7,"cid":2,"ser":0,"code":200,"r":[{"0":"0","1":"bob","2":"alice","7":"1717200005321","8":"0","9":"hello","11":"8d87x","12":"41000014"}]}
}
