// Package chatroom owns chat rooms (聊天室): the rooms, the history of their
// messages, who may enter one and who may speak in it (docs/protocol/chatroom.md).
// So far a room has an owner and guests; roles, mutes of members and queues are to
// come.
//
// It must not know HTTP, SQL, sockets or tag numbers.
package chatroom

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
)

// EventMessage tells a room of a message; Body is a Message. EventClosed tells it
// that it is closed. EventReplaced tells every node of a connection that had to
// leave for another one of its account, or whose user has come back; Body is a
// Replaced. EventReturned tells a room of an anonymous client that has reconnected
// under a new name; Body is its device id.
const (
	EventMessage = im.EventChatroomBase + iota
	EventClosed
	EventReplaced
	EventReturned
)

// Room is a chat room. Times are ms since 1970.
type Room struct {
	App                                   string
	ID                                    int64
	Creator                               string
	Name, Announcement, BroadcastURL, Ext string
	QueueLevel                            int64 // 0: everybody may change the queue, 1: the owner and managers
	Open, Muted                           bool
	InOut                                 bool // notifications of who enters and leaves
	CreatedMs, UpdatedMs                  int64
}

// Role is what an account is in a room; the numbers are the product's own
// (docs/protocol/chatroom.md section 1).
type Role int64

// Roles. The others need members that are stored.
const (
	Owner     Role = 1
	Guest     Role = 3
	Anonymous Role = 4
)

// Member is an account in a room, as one connection entered it.
type Member struct {
	Room              int64
	Accid             string // of an anonymous member: a name that no account has
	Role              Role
	Nick, Avatar, Ext string
	CardMs            int64 // when the account's card changed
	EnterMs           int64
	Tags              []string
	Target            string // tag expression of the login, "" = none
}

// Types of messages that the rules look at.
const (
	Text         = 0
	Image        = 1
	Notification = 5
	Tip          = 10
	Custom       = 100
)

// Message is one message of a room. Room, client id, time and author name it:
// there is no id of the server.
type Message struct {
	App          string `json:"-"`
	Room         int64  `json:"r"`
	TimeMs       int64  `json:"t"` // strictly ascending inside a room
	ClientID     string `json:"cid"`
	From         string `json:"f"`
	FromNick     string `json:"n,omitempty"`
	FromAvatar   string `json:"av,omitempty"`
	FromExt      string `json:"fx,omitempty"`
	FromClient   int64  `json:"ct,omitempty"`
	CardMs       int64  `json:"cm,omitempty"`
	Type         int64  `json:"ty"`
	SubType      int64  `json:"sty,omitempty"`
	Body         string `json:"b,omitempty"`
	Ext          string `json:"x,omitempty"`
	NoHistory    bool   `json:"nh,omitempty"`
	HighPriority bool   `json:"hp,omitempty"`
	Target       string `json:"tt,omitempty"` // tag expression that the sender named
	Audience     string `json:"au,omitempty"` // the one that counts; "" = everybody
	Passing      bool   `json:"pa,omitempty"` // a notification that many of may come: it counts as ordinary
	SpamResult   string `json:"-"`            // moderation stopped it: JSON for its sender alone
}

// Encode packs m for the bus and the store.
func (m *Message) Encode() []byte {
	b, _ := json.Marshal(m) // texts and numbers: cannot fail
	return b
}

// DecodeMessage is the inverse of Encode; the app is the caller's to know.
func DecodeMessage(app string, b []byte) (*Message, error) {
	m := &Message{App: app}
	return m, json.Unmarshal(b, m)
}

// Replaced names a device whose connection had to leave a room.
type Replaced struct {
	Room   int64  `json:"r"`
	Accid  string `json:"a"`
	Device string `json:"d"`
}

// History asks for messages of a room. Times are ms and not inclusive.
type History struct {
	AfterMs, BeforeMs int64 // BeforeMs 0 = open
	Types             []int64
	Limit             int
	Ascending         bool
}

// Store keeps rooms and messages. Every method is one durable unit of work.
type Store interface {
	// CreateChatroom stores a room.
	CreateChatroom(ctx context.Context, r *Room) error
	// Chatrooms returns those of the rooms that exist, in the order asked for.
	Chatrooms(ctx context.Context, app string, ids []int64) ([]*Room, error)
	// ChangeChatroom reads a room, lets change edit the copy and writes it, with
	// the notification that change returns, if any; it returns both as stored.
	// change may run more than once.
	ChangeChatroom(ctx context.Context, app string, id int64, change func(*Room) (*Message, error)) (*Room, *Message, error)
	// AppendChatroom gives a message its time, not before TimeMs, and stores it
	// unless it is not for the history. With sinceMs > 0 a client id that the
	// sender has used since then gives the message stored then. A room that is
	// closed is CodeRoomClosed.
	AppendChatroom(ctx context.Context, m *Message, sinceMs int64) (stored *Message, repeated bool, err error)
	// ChatroomHistory returns messages in the order asked for.
	ChatroomHistory(ctx context.Context, app string, room int64, q History) ([]*Message, error)
	// DeleteChatroomMessage removes a message and stores the notification that
	// note makes of it, if any; an error of note leaves the message. CodeNotFound:
	// there is no such message.
	DeleteChatroomMessage(ctx context.Context, app string, room int64, from string, timeMs int64, note func(*Message) (*Message, error)) (*Message, error)
	// TrimChatrooms deletes up to limit messages older than beforeMs and returns
	// how many there were.
	TrimChatrooms(ctx context.Context, app string, beforeMs int64, limit int) (int64, error)
}
