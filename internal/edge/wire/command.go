package wire

import (
	"cmp"
	"slices"
	"strconv"
)

// ID is the pair that selects a command on the wire. It is comparable, so
// dispatch tables are maps keyed by ID.
type ID struct {
	SID uint16
	CID uint16
}

// String returns "sid-cid", the notation of the documents.
func (id ID) String() string {
	return strconv.Itoa(int(id.SID)) + "-" + strconv.Itoa(int(id.CID))
}

// Command describes one row of a command table. Commands are read-only.
type Command struct {
	Name    string // name in the table, e.g. "sendMsg"
	Product string // "nim", "qchat" or "chatroom"
	Service string // SDK service, e.g. "msg"
	SID     uint16
	CID     uint16

	HasRequest  bool // the table lists request parameters
	HasResponse bool // the table lists response parameters
	FromClient  bool // a client sends it as a request
	FromServer  bool // the server sends it unasked, as a push
	NoAnswer    bool // the client expects no answer and logs one as an error

	// Arrives are the ids under which the SDK accepts the packet, in table
	// order. Several entries mean that one command receives several packets,
	// e.g. onMsg takes 7-2, 8-3 and 21-3.
	Arrives []ID
}

// ID returns the sid and cid of the table row: the ids of a request.
func (c Command) ID() ID { return ID{SID: c.SID, CID: c.CID} }

// PushID returns the id to send a push with. The table's own sid and cid count
// only if the SDK also accepts them: syncOfflineSysMsgs says 4-9 but listens to
// 4-6, 4-18 and 4-101. Then it is the lowest accepted id, which is the original
// packet and not its super-team or filtered variant. It is the zero ID for
// commands the client never receives.
func (c Command) PushID() ID {
	if len(c.Arrives) == 0 {
		return ID{}
	}
	if c.Accepts(c.ID()) {
		return c.ID()
	}
	return slices.MinFunc(c.Arrives, func(a, b ID) int {
		return cmp.Or(cmp.Compare(a.SID, b.SID), cmp.Compare(a.CID, b.CID))
	})
}

// Accepts reports whether the SDK takes a packet with this id for the command.
func (c Command) Accepts(id ID) bool { return slices.Contains(c.Arrives, id) }

// QCodec is a generated request type.
type QCodec interface {
	QEncoder
	// DecodeQ replaces the contents by the parameters of a request.
	DecodeQ(q []Param) error
}

// RCodec is a generated response or push type.
type RCodec interface {
	REncoder
	// DecodeR replaces the contents by the elements of a response.
	DecodeR(r [][]byte) error
}
