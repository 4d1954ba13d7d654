package signaling

import (
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
)

// Event is the kind of a note on the bus: To is the receiver, ID the note's id,
// Origin the connection that must not get it.
const Event = im.EventSignalingBase

// Kind says what a note tells (docs/protocol/nim-social.md section 2).
type Kind int

// Kinds of notes.
const (
	KindClose  Kind = 1
	KindJoin   Kind = 2
	KindInvite Kind = 3
	KindCancel Kind = 4
	KindReject Kind = 5
	KindAccept Kind = 6
	KindLeave  Kind = 7
	KindCustom Kind = 8
)

// Push is what an invitation asks of the push service. The server stores and
// hands it on; it has no provider.
type Push struct {
	Need    bool   `json:"need,omitempty"`
	Title   string `json:"title,omitempty"`
	Content string `json:"content,omitempty"`
	Payload string `json:"payload,omitempty"`
	NoBadge bool   `json:"nobadge,omitempty"`
}

// Note is one signaling event on its way to accounts.
type Note struct {
	ID        int64   `json:"id"`
	Kind      Kind    `json:"kind"`
	Channel   Head    `json:"ch"`
	From      string  `json:"from"`
	To        string  `json:"to,omitempty"` // the other account of an invitation
	Request   string  `json:"req,omitempty"`
	AttachExt string  `json:"ext,omitempty"`
	Push      *Push   `json:"push,omitempty"`
	Member    *Member `json:"member,omitempty"` // of a join
	TimeMs    int64   `json:"t"`
	// Echo: it tells the sender's other devices what one has answered.
	Echo bool `json:"echo,omitempty"`
}

// Head is what a note says of its channel.
type Head struct {
	ID        int64  `json:"id"`
	Type      int    `json:"type"`
	Name      string `json:"name"`
	Creator   string `json:"creator"`
	Ext       string `json:"ext,omitempty"`
	CreatedMs int64  `json:"created"`
	ExpiresMs int64  `json:"expires"`
}

// Head returns what notes say of c.
func (c *Channel) Head() Head {
	return Head{ID: c.ID, Type: c.Type, Name: c.Name, Creator: c.Creator, Ext: c.Ext, CreatedMs: c.CreatedMs, ExpiresMs: c.ExpiresMs}
}

// Encode packs n for the bus and the store.
func (n *Note) Encode() []byte {
	b, _ := json.Marshal(n) // texts and numbers only: cannot fail
	return b
}

// DecodeNote is the inverse of Encode.
func DecodeNote(b []byte) (*Note, error) {
	n := &Note{}
	if err := json.Unmarshal(b, n); err != nil {
		return nil, err
	}
	return n, nil
}

// Send is a note and who gets it.
type Send struct {
	Note *Note
	To   []string
	Keep bool // until it is acknowledged
	Not  string
}

// Stored names a kept note.
type Stored struct {
	Accid string
	ID    int64
}

// Outcome is what a change of a channel brings about. The store keeps what is
// to be kept and forgets what is withdrawn in the transaction of the change.
type Outcome struct {
	Sends    []Send
	Withdraw []Stored
	Copies   []*eventcopy.Copy // what the app's server is told
}
