package message

import (
	"context"
	"strconv"

	"hongyan/internal/im"
)

// OpStore keeps what is done to messages after they were sent. What an account
// has hidden from itself is left out by Page, where a viewer is named, and by
// Visible: there is no third place.
type OpStore interface {
	// Get returns messages by id; unknown ids are left out.
	Get(ctx context.Context, app string, ids []int64) (map[int64]*Message, error)
	// FindClientID finds a recent message by its sender's client id; nil if
	// there is none.
	FindClientID(ctx context.Context, app string, conv im.ConvKey, sender, idClient string) (*Message, error)
	// Erase removes a message for everybody and, unless n is nil, keeps the
	// notice, whose ID and TimeMs it sets, in one transaction. A p2p message
	// counts as delivered to both; members of a team settle it when they sync.
	// False: it was gone already.
	Erase(ctx context.Context, m *Message, n *RecallNotice) (bool, error)
	// HideFromReceivers is Erase for everybody but the sender.
	HideFromReceivers(ctx context.Context, m *Message, n *RecallNotice) (bool, error)
	// Recalls returns the notices since a time in the account's conversations,
	// oldest first, with Acked as recorded.
	Recalls(ctx context.Context, app, accid string, sinceMs int64) ([]*RecallNotice, error)
	// AckRecalls records notices as received; other ids are ignored.
	AckRecalls(ctx context.Context, app, accid string, ids []int64) error

	// Hide hides messages from one account and counts them as delivered to it.
	Hide(ctx context.Context, app, accid string, items []Deleted) error
	// Hidden returns what was hidden after a time, oldest first.
	Hidden(ctx context.Context, app, accid string, afterMs int64, limit int) ([]Deleted, error)
	// Clear hides everything up to now in the account's conversations and counts
	// it as delivered; the next message of each has a later time than the
	// returned one. Conversations the account takes no part in are left out.
	Clear(ctx context.Context, app, accid string, convs []im.ConvKey, c ClearMode) (map[im.ConvKey]int64, error)
	// ClearedSessions returns the clearings after a time that other devices hear of.
	ClearedSessions(ctx context.Context, app, accid string, afterMs int64) ([]Cleared, error)
	// Visible returns those of the messages with these ids that the account has
	// not hidden, by id. It does not say whether the account may see them.
	Visible(ctx context.Context, app, accid string, ids []int64) (map[int64]*Message, error)
	// Count returns how many messages a page without limit has, and the time of
	// the newest, 0 = none.
	Count(ctx context.Context, app string, conv im.ConvKey, q PageQuery) (n, newestMs int64, err error)

	// RaiseReceipt raises how far r.Reader has read what r.To wrote. False: it
	// was there already, and r gets what is stored.
	RaiseReceipt(ctx context.Context, app string, r *Receipt) (bool, error)
	// Receipts returns how far others have read what accid wrote, since a time.
	Receipts(ctx context.Context, app, accid string, sinceMs int64) ([]Receipt, error)
}

// teamID reads the decimal id of a team.
func teamID(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}

// TakesPart says whether accid may read a conversation now: its own p2p ones
// and those of teams it is a member of. Former members may not.
func (s *Service) TakesPart(ctx context.Context, app, accid string, conv im.ConvKey) (bool, error) {
	return s.takesPart(ctx, app, accid, conv)
}

// takesPart says whether accid may read a conversation: its own p2p ones and
// those of teams it is a member of.
func (s *Service) takesPart(ctx context.Context, app, accid string, conv im.ConvKey) (bool, error) {
	if conv.Scene() == im.SceneP2P {
		return conv.Peer(accid) != "", nil
	}
	if s.teams == nil {
		return false, nil
	}
	return s.teams.IsMember(ctx, app, conv, accid)
}
