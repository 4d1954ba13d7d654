// Package wire owns the packet envelope and the tag codec of the NetEase
// Yunxin web link: socket.io 0.9 text frames, the SER/SID/CID request envelope,
// the sid/cid/ser/code response envelope and the positional, typed parameters
// inside them (docs/protocol/nim-core.md sections 2.3 to 2.6). The command
// tables of the three products are generated from docs/protocol/wire/*.json into
// the sub-packages nimwire, qchatwire and chatroomwire.
//
// The package must not know the domain (accounts, teams, messages as objects
// with rules) nor sockets, timers or connections: it turns bytes into structs
// and structs into bytes and nothing else.
//
// A server calls SplitFrame and ParseRequest, selects a handler by Request.ID,
// decodes the parameters with the DecodeQ of a generated request type, and
// answers with AppendResponse, AppendPush or AppendWrapped and a generated
// response type. All functions that append return a complete text frame, so a
// push for many receivers is encoded once and the bytes are shared.
//
// Frame buffers may be reused as soon as DecodeQ has returned: Param.V refers to
// the frame, decoded texts do not.
package wire

//go:generate go run ./gen
