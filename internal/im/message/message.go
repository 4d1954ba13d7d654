// Package message owns messages: what one is, how it is sent, what a device
// gets at sync, history, and the acknowledgement of delivery.
//
// It must not know tag numbers, connections or SQL. What nobody may lose goes
// through Store; what may be lost (delivery to a connection) leaves as events.
package message

import (
	"encoding/json"
	"fmt"
	"strconv"

	"hongyan/internal/im"
)

// Type is the kind of content (docs/protocol/nim-core.md section 5.2).
type Type int

// Message types.
const (
	Text         Type = 0
	Image        Type = 1
	Audio        Type = 2
	Video        Type = 3
	Geo          Type = 4
	Notification Type = 5
	File         Type = 6
	Tip          Type = 10
	Robot        Type = 11
	G2           Type = 12
	Custom       Type = 100
)

// Sendable says whether clients and REST may send messages of this type.
func (t Type) Sendable() bool {
	switch t {
	case Text, Image, Audio, Video, Geo, File, Tip, Robot, G2, Custom:
		return true
	default:
		return false
	}
}

// Flags are a message's switches; a set bit departs from the default, so the
// ordinary message is 0.
type Flags uint32

// Flag bits. The No... bits are the need... switches of the protocol set to 0.
const (
	NoHistory Flags = 1 << iota
	NoRoaming
	NoSelfSync
	NoOffline
	NoPush
	NoBadge
	NoPushNick
	NoRoute
	NoSession       // does not become the last message of the session list
	NeedReceipt     // team read receipts wanted
	Refused         // stopped by the receiver's black list: the sender alone sees it
	SenderNoSense   // the sender never sees it
	ReceiverNoSense // the receiver never sees it
	Resent
	PushNickSet // needPushNick was given explicitly as 1
	NotLive     // not handed to those who are online
)

// Has says whether all bits of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Message is one message of a conversation. ID, Time and Seq are set by the
// commit; everything else by the sender's façade.
type Message struct {
	App        string
	Conv       im.ConvKey
	Scene      im.Scene
	From, To   string // To is an accid or a team id in decimal
	ID         int64  // idServer
	Time       int64  // ms, strictly increasing inside Conv
	Seq        int64  // 1, 2, 3 ... inside Conv
	IDClient   string
	Type       Type
	Flags      Flags
	ClientType int // of the sender; 32 for REST
	Content    Content
	ClientHit  bool // the sender's own word list was hit; not stored

	content []byte // Content as stored, made once
	origin  string // connection that sent it; neither stored nor sent
	copied  *copyFacts
	spam    string // result of moderation that stopped it
	dropped int    // what Bytes was when the contents were dropped, 0 = they are here
}

// Content is what the server passes on without looking at it, apart from the
// lengths. The JSON names are the storage format: add, never rename.
type Content struct {
	Body         string     `json:"b,omitempty"`
	Attach       string     `json:"a,omitempty"`
	Ext          string     `json:"x,omitempty"`
	FromDevice   string     `json:"fd,omitempty"`
	FromNick     string     `json:"fn,omitempty"`
	CardTime     int64      `json:"ct,omitempty"` // sender's card, ms
	PushPayload  string     `json:"pp,omitempty"`
	PushContent  string     `json:"pc,omitempty"`
	ForceList    string     `json:"fl,omitempty"`
	ForceContent string     `json:"fc,omitempty"`
	ForcePush    string     `json:"fp,omitempty"`
	SubType      int64      `json:"st,omitempty"`
	Env          string     `json:"env,omitempty"`
	CallbackExt  string     `json:"ce,omitempty"`
	IsReply      string     `json:"ir,omitempty"`
	Reply        *Ref       `json:"re,omitempty"` // message replied to
	Thread       *Ref       `json:"th,omitempty"` // root of the thread
	Robot        *RobotCall `json:"ro,omitempty"`
	Spam         *Spam      `json:"as,omitempty"`
	AckSnapshot  int64      `json:"ak,omitempty"`
	MsgDesc      string     `json:"md,omitempty"` // summary for search and push; REST only
}

// Ref names another message.
type Ref struct {
	From     string `json:"f,omitempty"`
	To       string `json:"t,omitempty"`
	Time     int64  `json:"m,omitempty"`
	IDServer string `json:"s,omitempty"`
	IDClient string `json:"c,omitempty"`
}

// RobotCall addresses an AI robot; passed through.
type RobotCall struct {
	Account  string `json:"a,omitempty"`
	Topic    string `json:"t,omitempty"`
	Function string `json:"f,omitempty"`
	Custom   string `json:"c,omitempty"`
}

// Spam carries the moderation fields of a message to the moderation stage.
type Spam struct {
	Enabled      string `json:"e,omitempty"`
	Content      string `json:"c,omitempty"`
	BusinessID   string `json:"b,omitempty"`
	UseYidun     string `json:"y,omitempty"`
	AntiCheating string `json:"q,omitempty"`
	Ext          string `json:"x,omitempty"`
}

// ContentJSON returns Content in the storage format.
func (m *Message) ContentJSON() []byte {
	if m.content == nil {
		b, err := json.Marshal(&m.Content)
		if err != nil {
			panic(fmt.Sprintf("message content: %v", err)) // strings and numbers only: cannot fail
		}
		m.content = b
	}
	return m.content
}

// SetContentJSON fills Content from the storage format.
func (m *Message) SetContentJSON(b []byte) error {
	return json.Unmarshal(b, &m.Content)
}

// VisibleTo says whether accid may see m at all: refused messages are their
// sender's alone, "no sense" hides a message from one side.
func (m *Message) VisibleTo(accid string) bool {
	if m.From == accid {
		return !m.Flags.Has(SenderNoSense)
	}
	return m.Flags&(Refused|ReceiverNoSense) == 0
}

// IDText returns idServer as the decimal text the protocol uses.
func (m *Message) IDText() string { return strconv.FormatInt(m.ID, 10) }
