// Package team owns teams (高级群, 讨论组) and super teams (超大群): what one is, who
// may do what in it, membership and everything that changes it, team read
// receipts, and whether a member may send.
//
// It must not know tag numbers, connections or SQL: notification contents are
// encoded by a function it is given, members are told through the bus.
package team

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
)

// Kind tells teams from super teams. The values never leave the process.
type Kind int

// Kinds.
const (
	Normal Kind = iota // sid 8
	Super              // sid 21
)

// Key returns the conversation of team tid; it is also the team's key in the store.
func (k Kind) Key(tid int64) im.ConvKey {
	if k == Super {
		return im.SuperTeamKey(tid)
	}
	return im.TeamKey(tid)
}

// Scene returns the scene of the team's messages.
func (k Kind) Scene() im.Scene {
	if k == Super {
		return im.SceneSuperTeam
	}
	return im.SceneTeam
}

// Type is the type of a team (docs/protocol/nim-social.md section 2).
type Type int64

// Types.
const (
	Basic    Type = 0 // 讨论组: no managers, no modes, no consent
	Advanced Type = 1
)

// Role is what a member is (docs/protocol/nim-social.md section 2).
type Role int64

// Roles.
const (
	Ordinary Role = 0
	Owner    Role = 1
	Manager  Role = 2
)

// Values of the modes (docs/protocol/nim-social.md section 2).
const (
	JoinFree   int64 = 0
	JoinVerify int64 = 1
	JoinNever  int64 = 2

	ConsentNeeded int64 = 0 // beInviteMode
	ConsentNot    int64 = 1

	ByManagers int64 = 0 // inviteMode, updateTeamMode, updateExtMode
	ByAll      int64 = 1

	MuteNone     int64 = 0
	MuteOrdinary int64 = 1
	MuteAll      int64 = 3

	RemindAll      int64 = 0 // Member.Bits
	RemindNothing  int64 = 1
	RemindManagers int64 = 2
)

// Team is one team or super team (docs/protocol/nim-social.md section 3.1).
type Team struct {
	App  string
	Kind Kind
	TID  int64
	Type Type

	Name, Intro, Announcement, Avatar, Ext, ServerExt string
	Owner                                             string // accid
	Level                                             int64  // most members, owner included
	Valid                                             bool   // false once dismissed
	MemberNum                                         int64
	JoinMode, BeInviteMode, InviteMode                int64
	UpdateMode, ExtMode, MuteType                     int64

	// What becomes of notification messages, said once at creation: QuietOnline
	// keeps them from members who are online, QuietStored from history, roaming
	// and offline members (docs/api/server-v1.md section 12.9).
	QuietOnline, QuietStored bool

	MemberMs, CreatedMs, UpdatedMs int64 // ms since 1970; MemberMs moves with any member
	LastJoinMs                     int64 // newest join time given: they are unique in a team
}

// Conv returns the team's conversation.
func (t *Team) Conv() im.ConvKey { return t.Kind.Key(t.TID) }

// Member is somebody's membership of a team, past ones included
// (docs/protocol/nim-social.md section 3.2).
type Member struct {
	TID       int64
	Accid     string
	Role      Role
	Nick, Ext string
	Bits      int64 // message reminder; for pushes
	Muted     bool
	Inviter   string // who brought it in, "" if it applied
	JoinMs    int64  // unique in the team
	UpdatedMs int64
	Valid     bool // false after leaving
	Span      message.Span
}

// PendingKind tells applications from invitations.
type PendingKind int64

// Kinds of what waits for an answer.
const (
	Application PendingKind = 0
	Invitation  PendingKind = 1
)

// Pending is an application or an invitation that waits for an answer.
type Pending struct {
	Kind  PendingKind
	Accid string // who is to join
	By    string // the inviter; "" for applications
	Ms    int64  // when it was made
}

// Entry is one item of an account's list of teams.
type Entry struct {
	Team   *Team
	Member *Member
}

// Needs says what a change wants to see besides the members it names.
type Needs struct {
	Managers bool // View.Managers
	Owned    string
	Joined   bool // View.Joined, of the named accounts
	Heir     bool // View.Heir
	Heads    bool // View.Heads
	Roster   bool // View.Roster
	Pending  bool // View.Pending, of the named accounts
}

// View is what a change sees of the team, inside its transaction.
type View struct {
	NowMs    int64
	Team     *Team              // nil when it does not exist
	Members  map[string]*Member // of the named accounts; past members too
	Managers int64              // how many there are
	Owned    int64              // live teams of this kind that Needs.Owned owns
	Joined   map[string]int64   // teams of this kind each named account is in
	Heir     *Member            // who joined first of the others
	Pending  []Pending
	Heads    []string // owner and managers
	Roster   []string // all members, in the order they joined; nobody of a team with more than CopiedMembers
}

// CopiedMembers is the largest team whose members copies name
// (docs/api/copy.md section 3.1).
const CopiedMembers = 200

// Step is one notification, and who it brings in or takes out: they see it and
// everything after, or it and nothing after.
type Step struct {
	Msg    *message.Message
	Joined []*Member
	Left   []*Member
	// Dismissed: everyone leaves with this notification.
	Dismissed bool
}

// Change is what a change does. Team and Members are written as they are after
// sequence numbers have been put into the spans.
type Change struct {
	Team    *Team
	Members []*Member
	Steps   []Step
	Put     []Pending
	Drop    []Pending
	// Notices are system notifications; they have their ids.
	Notices []*notice.Notice
	// DropOf drops everything that waits of these accounts.
	DropOf []string
}

// Store keeps teams. Writes are one transaction each.
type Store interface {
	// ChangeTeam runs change on the team's present state and stores what it
	// returns, notifications included. change may run again. published is called
	// after the commit, in the order of the conversation's messages, and must not
	// block; it is not called for an empty change.
	ChangeTeam(ctx context.Context, app string, conv im.ConvKey, named []string, needs Needs,
		change func(*View) (*Change, error), published func(*Change)) error

	// Teams returns those of the teams that exist, dismissed ones too.
	Teams(ctx context.Context, app string, convs []im.ConvKey) (map[im.ConvKey]*Team, error)
	// TeamsOf returns the account's teams of a kind. With sinceMs > 0 only what
	// changed after it, ended memberships included.
	TeamsOf(ctx context.Context, app, accid string, kind Kind, sinceMs int64) ([]Entry, error)
	// Members returns members by join time.
	Members(ctx context.Context, app string, conv im.ConvKey, q MemberQuery) ([]*Member, error)
	// Receipts of team messages.
	PutReceipts(ctx context.Context, app string, conv im.ConvKey, reader string, ids []int64, nowMs int64) (fresh []int64, err error)
	Readers(ctx context.Context, app string, conv im.ConvKey, ids []int64) (map[int64][]string, error)
	// MembersAt returns who was a member when the message of this sequence was sent.
	MembersAt(ctx context.Context, app string, conv im.ConvKey, seqs []int64) (map[int64][]string, error)
	// TeamMessages returns messages of the conversation by id.
	TeamMessages(ctx context.Context, app string, conv im.ConvKey, ids []int64) ([]*message.Message, error)
	// TrimTeams deletes memberships that ended and applications made before a time.
	TrimTeams(ctx context.Context, beforeMs int64) error
}

// MemberQuery selects members of a team.
type MemberQuery struct {
	Accids     []string // these only
	Managers   bool     // owner and managers only
	Muted      bool     // members muted by themselves only
	Past       bool     // past members too
	AfterMs    int64    // joined after; 0 = open
	BeforeMs   int64    // joined before; 0 = open
	Descending bool
	Limit      int // 0 = all
}
