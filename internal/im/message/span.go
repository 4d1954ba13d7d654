package message

import (
	"context"

	"hongyan/internal/im"
)

// Span is which messages of a team's conversation a member may be sent, as
// intervals of sequence: the present membership or the last one, and earlier
// ones. Both ends are the notifications of joining and leaving and belong to it
// (docs/protocol/nim-social.md section 7).
type Span struct {
	Joined int64  // first sequence
	Left   int64  // last sequence; 0 = still a member
	LeftMs int64  // when it left; 0 = still a member
	Past   SeqSet // earlier memberships
}

// Contains says whether the message of this sequence is the member's to see.
func (s *Span) Contains(seq int64) bool {
	return seq >= s.Joined && (s.Left == 0 || seq <= s.Left) || s.Past.Contains(seq)
}

// Rejoin begins a new membership; the last one becomes a past one.
func (s *Span) Rejoin(seq int64) {
	past := s.Past
	if s.Joined > 0 && s.Left >= s.Joined {
		past = append(SeqSet(nil), past...).Add(s.Joined, s.Left)
	}
	*s = Span{Joined: seq, Past: past}
}

// Membership is an account's view of the conversation of a team it is or was in.
type Membership struct {
	Conv     im.ConvKey
	Span     Span
	LastSeq  int64 // newest message of the conversation
	LastTime int64 // its time, ms
}

// Gate says who may send into teams. It is the package team's; packages are
// ordered so that message cannot ask it directly.
type Gate interface {
	// MaySend refuses with 803, 804 and, where mutes count, with 812 or 423, or says how many members the
	// team has.
	MaySend(ctx context.Context, app string, conv im.ConvKey, accid string, mutes bool) (members int64, err error)
	// Roster lists the members of a team as copies name them (eventcopy.Names).
	Roster(ctx context.Context, app string, conv im.ConvKey) (string, error)
}
