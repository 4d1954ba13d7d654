// Package notice owns system notifications: what one is, which of them wait for
// an account that is away, their acknowledgement, and the custom ones that
// clients and the app's server send.
//
// It must not know tag numbers, connections or SQL. Why a notification is made
// (a friend request, a team invitation) is decided by the package that sends it.
package notice

import (
	"context"
	"encoding/json"
	"fmt"

	"hongyan/internal/im"
)

// Type says what a notification tells (docs/protocol/nim-core.md section 5.16).
type Type int

// Types of notifications.
const (
	ApplyTeam             Type = 0
	RejectTeamApply       Type = 1
	TeamInvite            Type = 2
	RejectTeamInvite      Type = 3
	FriendRequest         Type = 5
	DeleteFriend          Type = 6
	RecallP2P             Type = 7
	RecallTeam            Type = 8
	RecallSuperTeam       Type = 12
	DeleteP2POneWay       Type = 13
	DeleteTeamOneWay      Type = 14
	ApplySuperTeam        Type = 15
	RejectSuperTeamApply  Type = 16
	SuperTeamInvite       Type = 17
	RejectSuperTeamInvite Type = 18
	CustomP2P             Type = 100
	CustomTeam            Type = 101
	CustomSuperTeam       Type = 103
)

// Class says by which packets a notification travels.
type Class int

// Classes of notifications.
const (
	Plain     Class = iota // live and in the offline list, acknowledged as plain
	SuperTeam              // the same of super teams
	Recall                 // withdrawn messages; they have lists of their own
	Filter                 // sent to be filtered; acknowledged as plain
)

// Class returns the class of notifications of type t.
func (t Type) Class() Class {
	switch t {
	case RecallP2P, RecallTeam, RecallSuperTeam, DeleteP2POneWay, DeleteTeamOneWay:
		return Recall
	case ApplySuperTeam, RejectSuperTeamApply, SuperTeamInvite, RejectSuperTeamInvite, CustomSuperTeam:
		return SuperTeam
	default:
		return Plain
	}
}

// Class returns the class of the notification.
func (n *Notice) Class() Class {
	if n.Flags.Has(Filtered) {
		return Filter
	}
	return n.Type.Class()
}

// Flags are a notification's switches; a set bit departs from the default.
type Flags uint32

// Flag bits.
const (
	NoOffline  Flags = 1 << iota // only who is online gets it; it is not stored
	NoPush                       // no push to a sleeping device
	NoBadge                      // does not count in the badge
	NoPushNick                   // the push does not name the sender
	NoRoute                      // no copy to the app's server
	Filtered                     // travels by the packets of filtered notifications
)

// Has says whether all bits of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Notice is one notification on its way to one account. ID and Time are set by
// Service.Send. Receiver is who gets it; To is what clients read: the receiver's
// accid, or a team id. The JSON names are the storage format: add, never rename.
type Notice struct {
	App      string `json:"-"`
	Receiver string `json:"-"` // "" = everybody in Room but From
	ID       int64  `json:"-"` // idServer; rises with time
	Time     int64  `json:"-"` // ms
	Type     Type   `json:"-"`

	To      string `json:"t,omitempty"` // "" = Receiver
	From    string `json:"f"`
	Content string `json:"c,omitempty"` // the greeting or reason (ps)
	Attach  string `json:"a,omitempty"` // passed on; JSON for all but the custom types
	Flags   Flags  `json:"l,omitempty"`

	PushContent  string   `json:"pc,omitempty"`
	PushPayload  string   `json:"pp,omitempty"`
	ForcePush    bool     `json:"fp,omitempty"`
	ForceContent string   `json:"fc,omitempty"`
	ForceList    string   `json:"fl,omitempty"` // JSON array of accids
	Env          string   `json:"e,omitempty"`
	CallbackExt  string   `json:"x,omitempty"`
	Recalled     *Message `json:"r,omitempty"`

	Room   im.ConvKey `json:"-"` // of a team: who is online in it gets the notification, which is not stored
	Origin string     `json:"-"` // connection that must not get it

	copied *CopyFacts
}

// Message names the message that a recall or one-way delete withdraws.
type Message struct {
	IDClient string `json:"c,omitempty"`
	IDServer int64  `json:"s,omitempty"`
	Time     int64  `json:"t,omitempty"` // ms, of the message
	FromNick string `json:"n,omitempty"` // nick of its sender
	Operator string `json:"o,omitempty"` // who withdrew it
}

// Store keeps the notifications that wait for their receivers. Rows are the
// receiver's: every key begins with app and accid.
type Store interface {
	// PutNotices stores notifications in one transaction.
	PutNotices(ctx context.Context, ns []*Notice) error
	// Notices returns an account's notifications with id > after, newest first.
	Notices(ctx context.Context, app, accid string, after int64, limit int) ([]*Notice, error)
	// DeleteNotices deletes acknowledged notifications; unknown ones are ignored.
	DeleteNotices(ctx context.Context, keys []Key) error
	// TrimNotices deletes an account's notifications with id <= upTo.
	TrimNotices(ctx context.Context, app, accid string, upTo int64) error
}

// Key names one stored notification.
type Key struct {
	App, Accid string
	ID         int64
}

// Body returns what of n is stored beside its key, in the storage format.
func (n *Notice) Body() []byte {
	b, err := json.Marshal(n)
	if err != nil {
		panic(fmt.Sprintf("notice: %v", err)) // texts and numbers only: cannot fail
	}
	return b
}

// SetBody fills n from the storage format.
func (n *Notice) SetBody(b []byte) error { return json.Unmarshal(b, n) }

// Target is what clients read as receiver: a team id or the receiving account.
func (n *Notice) Target() string {
	if n.To == "" {
		return n.Receiver
	}
	return n.To
}

// Event is the event that tells every node of a notification.
const Event = im.EventNoticeBase

// event is the body of Event: what the key of a stored row says, and its body.
type event struct {
	Time int64           `json:"m"`
	Type Type            `json:"y"`
	Body json.RawMessage `json:"b"`
}

func (n *Notice) event() im.Event {
	b, err := json.Marshal(event{n.Time, n.Type, n.Body()})
	if err != nil {
		panic(fmt.Sprintf("notice event: %v", err)) // cannot fail
	}
	return im.Event{Kind: Event, App: n.App, To: n.Receiver, Conv: n.Room, ID: n.ID, Origin: n.Origin, Body: b}
}

// Decode returns the notification of an Event.
func Decode(ev im.Event) (*Notice, error) {
	var e event
	if err := json.Unmarshal(ev.Body, &e); err != nil {
		return nil, fmt.Errorf("notice event: %w", err)
	}
	n := &Notice{}
	if err := n.SetBody(e.Body); err != nil {
		return nil, fmt.Errorf("notice event: %w", err)
	}
	n.App, n.Receiver, n.Room, n.ID, n.Time, n.Type = ev.App, ev.To, ev.Conv, ev.ID, e.Time, e.Type
	return n, nil
}
