package session

import (
	"context"

	"hongyan/internal/im/app"
)

// Holdings says of which kinds an account has anything stored, deleted entries
// that are still synchronised included. Most logins have little to synchronise:
// one question instead of one per category is most of what they cost.
type Holdings uint32

// Kinds of holdings.
const (
	HasRelations Holdings = 1 << iota
	HasFriends
	HasTeams
	HasConversations
	HasAcks
	HasSticks
	HasReceipts
	HasCleared
	HasDeleted
	HasNotices
	HasSignaling
	HasSubscriptions
)

// Any says whether the account has something of one of the kinds of k.
func (h Holdings) Any(k Holdings) bool { return h&k != 0 }

// Holdings reads them. What is stored after the reading reaches a connected
// device as an event.
func (s *Service) Holdings(ctx context.Context, a *app.App, accid string) (Holdings, error) {
	return s.store.Holdings(ctx, a.Key, accid)
}
