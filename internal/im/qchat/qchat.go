// Package qchat owns QChat (圈组): servers, their members, channels and the
// messages in them (docs/protocol/qchat.md). So far servers are made and joined,
// channels are public, and messages are sent, read back and marked as read.
//
// It must not know HTTP, SQL, sockets or tag numbers.
package qchat

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
)

// EventMessage tells the members of a server of a message; Body is a Message.
// EventRead tells an account's other devices what was read; Body is an Unread.
const (
	EventMessage = im.EventQChatBase + iota
	EventRead
)

// Server is a server (服务器). Times are ms since 1970.
type Server struct {
	App                    string
	ID                     int64
	Name, Icon, Ext, Owner string
	InviteMode, ApplyMode  int64
	SearchType             int64
	Searchable             bool
	Members, Channels      int64
	CreatedMs, UpdatedMs   int64
}

// Modes of a server.
const (
	InviteAsk  = 0 // the invited has to agree
	InviteJoin = 1
	ApplyJoin  = 0 // who applies is a member at once
	ApplyAsk   = 1
)

// Member is an account in a server.
type Member struct {
	Server   int64
	Accid    string
	Inviter  string
	JoinedMs int64
}

// Channel is a channel (频道). So far all are public and without category.
type Channel struct {
	App                     string
	ID, Server              int64
	Name, Topic, Ext, Owner string
	Type, VisitorMode       int64
	CreatedMs, UpdatedMs    int64
}

// Types of channels.
const (
	ChannelMessage = 0
	ChannelMedia   = 1
	ChannelCustom  = 100
)

// Message is one message of a channel.
type Message struct {
	App         string   `json:"-"`
	Server      int64    `json:"s"`
	Channel     int64    `json:"c"`
	ID          int64    `json:"id"`
	TimeMs      int64    `json:"t"` // strictly ascending inside a channel
	From        string   `json:"f"`
	FromNick    string   `json:"n,omitempty"`
	FromClient  int64    `json:"ct,omitempty"`
	FromDevice  string   `json:"d,omitempty"`
	ClientID    string   `json:"cid"`
	Type        int64    `json:"ty"`
	SubType     int64    `json:"sty,omitempty"`
	Body        string   `json:"b,omitempty"`
	Attach      string   `json:"a,omitempty"`
	Ext         string   `json:"x,omitempty"`
	Env         string   `json:"e,omitempty"`
	CallbackExt string   `json:"cx,omitempty"`
	PushContent string   `json:"pc,omitempty"`
	PushPayload string   `json:"pp,omitempty"`
	Mentions    []string `json:"m,omitempty"`
	MentionAll  bool     `json:"ma,omitempty"`
	NoHistory   bool     `json:"nh,omitempty"`
	NoPush      bool     `json:"np,omitempty"`
	NoBadge     bool     `json:"nb,omitempty"`
	PushNick    bool     `json:"pn,omitempty"`
	NoRoute     bool     `json:"nr,omitempty"`
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

// Unread is what an account has not read of a channel.
type Unread struct {
	Server    int64 `json:"s"`
	Channel   int64 `json:"c"`
	AckMs     int64 `json:"a"`
	Count     int64 `json:"n"` // at most UnreadMax
	Mentioned int64 `json:"m"` // of them
	LastMs    int64 `json:"l"` // time of the newest message, 0 = none
}

// UnreadMax is where counting ends.
const UnreadMax = 99

// Encode packs u for the bus.
func (u *Unread) Encode() []byte {
	b, _ := json.Marshal(u) // numbers: cannot fail
	return b
}

// DecodeUnread is the inverse of Encode.
func DecodeUnread(b []byte) (*Unread, error) {
	u := &Unread{}
	return u, json.Unmarshal(b, u)
}

// History asks for messages of a channel.
type History struct {
	FromMs, ToMs int64 // inclusive; ToMs 0 = open
	Exclude      int64 // id that is left out
	Limit        int
	Ascending    bool // from FromMs on; else from ToMs downwards
}

// Store keeps servers, channels and messages. Every method is one durable unit
// of work.
type Store interface {
	// CreateQChatServer stores a server with its owner as member, unless the owner
	// is in most servers already (CodeTooMany).
	CreateQChatServer(ctx context.Context, s *Server, most int) error
	// QChatServers returns those of the servers that exist.
	QChatServers(ctx context.Context, app string, ids []int64) ([]*Server, error)
	// QChatServersOf returns the ids of the servers that an account is in.
	QChatServersOf(ctx context.Context, app, accid string) ([]int64, error)
	// JoinQChatServer adds a member and says whether it was none before.
	JoinQChatServer(ctx context.Context, app string, m Member, most int) (bool, error)
	// QChatMember returns a member, or nil.
	QChatMember(ctx context.Context, app string, server int64, accid string) (*Member, error)
	// CreateQChatChannel stores a channel, unless its server has most (CodeTooMany).
	CreateQChatChannel(ctx context.Context, c *Channel, most int64) error
	// QChatChannels returns those of the channels that exist.
	QChatChannels(ctx context.Context, app string, ids []int64) ([]*Channel, error)
	// AppendQChat stores a message and gives it its time, not before TimeMs. A client
	// id that the sender has used before gives the message stored then.
	AppendQChat(ctx context.Context, m *Message) (stored *Message, repeated bool, err error)
	// QChatHistory returns messages that are in the history, in the order asked for.
	QChatHistory(ctx context.Context, app string, channel int64, q History) ([]*Message, error)
	// MarkQChatRead moves the read mark of an account forward.
	MarkQChatRead(ctx context.Context, app string, channel int64, accid string, ms int64) error
	// QChatUnread returns the read mark (not before sinceMs), the time of the newest
	// message and at most UnreadMax messages that count as unread.
	QChatUnread(ctx context.Context, app string, channel int64, accid string, sinceMs int64) (ackMs, lastMs int64, unread []*Message, err error)
}
