package message

import (
	"context"

	"hongyan/internal/im"
)

// Store keeps messages, conversations and delivery states.
type Store interface {
	// Append queues m for the next commit and returns at once; appends of one
	// caller commit in call order. The commit sets ID, Time and Seq, calls the
	// committed function of SetCommitted for the batch and then p.Done, on the
	// committer's goroutine: neither may block. A full queue is im.CodeBusy.
	Append(p *Pending) error
	// SetCommitted names who is told of every committed batch, in sequence
	// order inside each conversation. Called once, before the first Append.
	SetCommitted(func(batch []*Message))
	// Watermark returns an id such that every message of this node with a
	// smaller or equal id is committed or will never be.
	Watermark() int64

	// Conversations returns the account's conversations, newest first, with its
	// delivery state in each.
	Conversations(ctx context.Context, app, accid string, limit int) ([]ConvState, error)
	// Memberships returns the account's view of the conversations of its teams,
	// ended memberships included, newest message first.
	Memberships(ctx context.Context, app, accid string) ([]Membership, error)
	// Page returns messages of one conversation, newest first unless q.Ascending.
	Page(ctx context.Context, app string, conv im.ConvKey, q PageQuery) ([]*Message, error)
	// Locate finds the conversation and sequence of messages by id; unknown ids
	// are left out.
	Locate(ctx context.Context, app string, ids []int64) (map[int64]Position, error)
	// MarkDelivered merges acknowledged sequences into the accounts' delivery states.
	MarkDelivered(ctx context.Context, marks []Mark) error

	OpStore     // what is done to messages later (visibility.go)
	SearchStore // the search index (search.go)
	BroadcastStore
	TrimStore // what is old (trim.go)
}

// Pending is a message on its way into the store.
type Pending struct {
	Msg *Message
	// Idempotent: a message of the same sender with the same IDClient gets the
	// first one's ID and Time instead of being stored again.
	Idempotent bool
	// Done is called once. duplicate says that Msg was stored before and now
	// carries the first one's ID, Time and Seq.
	Done func(duplicate bool, err error)
}

// ConvState is an account's view of one of its conversations.
type ConvState struct {
	Conv      im.ConvKey
	LastSeq   int64 // newest message of the conversation
	LastTime  int64 // its time, ms
	Delivered SeqSet
	Span      *Span // teams: what the account may be sent; nil = everything
}

// PageQuery selects messages of a conversation. Times are ms, inclusive; 0 is open.
type PageQuery struct {
	FromTime, ToTime int64
	MinSeq           int64 // messages with seq > MinSeq
	MaxSeq           int64 // messages with seq < MaxSeq; 0 is open
	MinID            int64 // messages with id > MinID
	Ascending        bool
	Limit            int
	Types            []int64 // empty = all
	Thread           int64   // when set: messages of the thread of this root
	Without          Flags   // messages that carry none of these bits
	Viewer           string  // when set: only what VisibleTo says this account may see and what it has not hidden
	Login            bool    // Viewer asks as a device that logs in: what it deleted from roaming is hidden instead of what it cleared
}

// Position locates a message.
type Position struct {
	Conv im.ConvKey
	Seq  int64
}

// Mark says that an account has received some messages of a conversation.
type Mark struct {
	App, Accid string
	Conv       im.ConvKey
	Seqs       SeqSet
}
