// Package transfer owns what moving an app's data in or out in bulk means: the
// units of such a move, how far it has come, and the mapping of ids that are
// given anew.
//
// It must not know where the data comes from or goes to, nor SQL. It checks no
// rules of the product: what is moved was accepted by a server once.
package transfer

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// Kinds of ids that a move gives anew.
const (
	MapTeam      = "team"
	MapSuperTeam = "superteam"
	MapMessage   = "message"
)

// Mapping is one id of the source and the id here.
type Mapping struct {
	Kind string
	Old  string
	New  int64
}

// Mark is one note of a move about how far it has come, by kind and key.
type Mark struct {
	Kind, Key, Value string
}

// Message is a message of the source. Its ID and Seq are given when it is
// stored, and its Time, ms, when the one before it has the same or a later one.
type Message struct {
	OldID string // known ids are not stored again
	Msg   *message.Message
}

// Page is the next part of a conversation, oldest first. Whoever writes a page
// must be the only one who writes to the conversation.
type Page struct {
	Conv     im.ConvKey
	LastSeq  int64 // newest sequence the move knows of; 0 = a new conversation
	Messages []Message
	Marks    []Mark // written in the same transaction
}

// Team is a team of the source with all its members.
type Team struct {
	OldID   string
	Team    *team.Team
	Members []*team.Member
}

// Store writes in bulk. Every method is one transaction with the marks it is
// given, and repeating it changes nothing.
type Store interface {
	// ServerRuns says whether a server holds this database.
	ServerRuns(ctx context.Context) bool
	// NewID returns an id for something moved, such as a team.
	NewID() int64

	// Marks returns the marks of a kind with key > after, by key, at most limit.
	Marks(ctx context.Context, app, kind, after string, limit int) ([]Mark, error)
	// MarkOf returns the value of one mark; false: there is none.
	MarkOf(ctx context.Context, app, kind, key string) (string, bool, error)
	PutMarks(ctx context.Context, app string, marks []Mark) error
	// AddMarks is PutMarks for what is not there yet.
	AddMarks(ctx context.Context, app string, marks []Mark) error
	// Map returns the new ids of those of old that are known.
	Map(ctx context.Context, app, kind string, old []string) (map[string]int64, error)
	// Mappings returns the mappings of a kind with Old > after, by Old, at most limit.
	Mappings(ctx context.Context, app, kind, after string, limit int) ([]Mapping, error)

	// ImportAccounts makes accounts and changes existing ones: cards, blocks and
	// mutes; the token only where a hash is given.
	ImportAccounts(ctx context.Context, app string, accounts []*account.Account, marks []Mark) error
	// ImportRelations makes these the only friends and list entries of owner.
	ImportRelations(ctx context.Context, app, owner string, friends []*friend.Friend, relations []*friend.Relation, marks []Mark) error
	// ImportTeam makes or changes a team; these are its only members. What
	// members may see of the conversation is set by SettleConversation.
	ImportTeam(ctx context.Context, app string, t *Team, marks []Mark) error
	// DismissTeam ends a team that is no longer in the source.
	DismissTeam(ctx context.Context, app string, conv im.ConvKey, nowMs int64, marks []Mark) error
	// ImportMessages appends a page and returns the newest sequence and how many
	// messages were new. Code 417: the conversation does not end at LastSeq.
	ImportMessages(ctx context.Context, app string, p *Page) (lastSeq int64, stored int, err error)
	// SettleConversation says that a conversation is complete: all of it counts as
	// delivered, and members of a team see it from their join time on.
	SettleConversation(ctx context.Context, app string, conv im.ConvKey, marks []Mark) error

	// ConversationsAfter returns conversations that have messages with key > after, by key.
	ConversationsAfter(ctx context.Context, app string, after im.ConvKey, limit int) ([]Extent, error)
}

// Extent is how far a conversation reaches.
type Extent struct {
	Conv    im.ConvKey
	LastSeq int64
}

// Progress is the value of a conversation's mark.
type Progress struct {
	Run     int64    `json:"r,omitempty"` // the run that has read it to its end
	LastMs  int64    `json:"t,omitempty"` // source time of the last message stored
	LastID  string   `json:"i,omitempty"` // and its id there
	LastSeq int64    `json:"s,omitempty"` // newest sequence here
	OldTID  string   `json:"o,omitempty"` // of a team
	Views   []string `json:"v,omitempty"` // accounts of a team whose view is read
}

// Encode packs p into the value of a mark.
func (p Progress) Encode() string {
	b, _ := json.Marshal(p) // strings and numbers only: cannot fail
	return string(b)
}

// DecodeProgress reads the value of a mark.
func DecodeProgress(text string) (p Progress, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &p)
	}
	return p, err
}
