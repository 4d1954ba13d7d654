// Package friend owns what accounts are to each other: friendships with their
// requests, and the black and mute lists.
//
// It must not know tag numbers, connections or SQL, nor what a black list does
// to a message: that is asked of it and decided by the sender's service.
package friend

import (
	"context"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/notice"
)

// Limits in characters (docs/protocol/nim-social.md section 10).
const (
	MaxGreeting  = 256
	MaxAlias     = 128
	MaxExt       = 256
	MaxServerExt = 256
)

// Kind is what a friend request asks (docs/protocol/nim-social.md section 2).
type Kind int

// Kinds of friend requests.
const (
	Add    Kind = 1 // become friends without asking
	Apply  Kind = 2 // ask
	Accept Kind = 3 // say yes
	Reject Kind = 4 // say no
)

// Origin says how a friendship came about, seen from its owner.
type Origin int

// Origins of friendships.
const (
	Direct Origin = 1 // added without asking
	Asked  Origin = 2 // asked, and the other agreed
	Agreed Origin = 3 // was asked and agreed
)

// Friend is one account's view of a friendship. One that has ended is not
// Valid; it is kept for the next incremental sync and for its alias.
type Friend struct {
	Owner, Accid string
	Valid        bool
	Origin       Origin
	Alias, Ext   string // the owner's
	ServerExt    string // the app server's; clients only read it
	CreatedMs    int64
	UpdatedMs    int64
}

// Pair is what two accounts are to each other, each from its side. A record is
// nil when there never was one.
type Pair struct {
	Mine, Theirs *Friend
	Asking       int64 // when I asked them, ms; 0 = no open request
	AskedMe      int64 // when they asked me
}

// Friends says whether the two are friends.
func (p *Pair) Friends() bool { return p.Mine != nil && p.Mine.Valid }

// Relation is one entry of an account's lists. One with neither flag was taken
// off: it dates the change.
type Relation struct {
	Owner, Accid string
	Black, Muted bool
	CreatedMs    int64
	UpdatedMs    int64
}

// Change changes a pair inside a transaction, and may run more than once. What
// it returns is stored in the same transaction.
type Change func(p *Pair) ([]*notice.Notice, error)

// Store keeps friendships and lists; every key begins with the app and the
// owner. Its changes reach the caches of every node through the change log.
type Store interface {
	// Friends returns an owner's records changed after afterMs, ended ones
	// included if wanted, in order of the accid.
	Friends(ctx context.Context, app, owner string, afterMs int64, ended bool) ([]*Friend, error)
	// Friend returns one record, nil if there never was one.
	Friend(ctx context.Context, app, owner, accid string) (*Friend, error)
	// FriendNames returns the accids of an owner's friends.
	FriendNames(ctx context.Context, app, owner string) ([]string, error)
	// UpdatePair changes what two different accounts are to each other. Both must
	// exist (404), neither may get more than max friends (419).
	UpdatePair(ctx context.Context, app, mine, theirs string, max int64, change Change) error

	// Relations returns an owner's list entries, those taken off included.
	Relations(ctx context.Context, app, owner string) ([]*Relation, error)
	// BlackNames returns the accids on an owner's black list.
	BlackNames(ctx context.Context, app, owner string) ([]string, error)
	// UpdateRelation changes one entry; change says whether it did. Each list
	// holds at most max entries (419).
	UpdateRelation(ctx context.Context, app, owner, accid string, max int64, change func(*Relation) bool) error
}

// checkText refuses texts that are too long, in characters, or cannot be stored.
func checkText(name, text string, limit int) error {
	if len(text) > limit && utf8.RuneCountInString(text) > limit {
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters", name, limit)
	}
	if strings.IndexByte(text, 0) >= 0 { // no database keeps it in a text
		return im.Errorf(im.CodeBadParam, "%s holds a NUL", name)
	}
	return nil
}
