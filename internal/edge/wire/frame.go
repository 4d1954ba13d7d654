package wire

import (
	"bytes"
	"errors"
)

// Frame types of socket.io 0.9 (docs/protocol/nim-core.md section 2.3).
const (
	FrameDisconnect byte = iota // client closes; from the server: close and reconnect
	FrameConnect                // server only: the connection is ready
	FrameHeartbeat              // sent by the server, echoed by the client
	FrameMessage                // the only type used for data
	FrameJSON                   // never send: the SDK parses it twice and throws
	FrameEvent                  // unused
	FrameAck                    // unused
	FrameError                  // server only
	FrameNoop                   // unused
)

// Complete frames without data.
const (
	DisconnectFrame = "0::"
	ConnectFrame    = "1::"
	HeartbeatFrame  = "2::"
	// UnauthorizedFrame refuses a connection: reason "client not handshaken",
	// advice "reconnect".
	UnauthorizedFrame = "7:::1+0"

	messagePrefix = "3:::"
)

// ErrFrame is the error for a text that is not a socket.io 0.9 frame.
var ErrFrame = errors.New("wire: malformed frame")

// SplitFrame splits a text frame <type>:<id>:<endpoint>[:<data>] into its type
// (0 to 8) and its data, which is a part of b and nil when the frame has none.
// Data may contain anything, colons and line breaks included. Id and endpoint
// are ignored: this protocol has a single endpoint and no socket.io acks.
func SplitFrame(b []byte) (typ byte, payload []byte, err error) {
	if len(b) < 3 || b[0] < '0' || b[0] > '8' || b[1] != ':' {
		return 0, nil, ErrFrame
	}
	typ = b[0] - '0'
	rest := b[2:]
	// The id is a number with an optional "+"; anything else before the second
	// colon would be data in the wrong place.
	n := 0
	for n < len(rest) && rest[n]-'0' <= 9 {
		n++
	}
	if n < len(rest) && rest[n] == '+' {
		n++
	}
	if n >= len(rest) || rest[n] != ':' {
		return 0, nil, ErrFrame
	}
	rest = rest[n+1:]
	colon := bytes.IndexByte(rest, ':')
	if colon < 0 {
		return typ, nil, nil
	}
	return typ, rest[colon+1:], nil
}
