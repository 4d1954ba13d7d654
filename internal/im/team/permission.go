package team

import "hongyan/internal/im"

// Op is an operation that depends on what the caller is in the team.
type Op int

// Operations.
const (
	OpInvite Op = iota
	OpRemove
	OpLeave
	OpDismiss
	OpAnswerApplication
	OpUpdateInfo
	OpUpdateExt
	OpUpdateModes
	OpManagers
	OpTransfer
	OpMuteMember
	OpMuteTeam
	OpNickOther
	OpUpdateSelf
	OpRead
	opCount
)

// Grant says when a role may do something.
type Grant int

// Grants.
const (
	Never Grant = iota
	Always
	IfInviteAll // inviteMode is "all"
	IfInfoAll   // updateTeamMode is "all"
	IfExtAll    // updateExtMode is "all"
	NotHere     // the team's type has no such thing: 805
)

// Rule is one line of the permission table.
type Rule struct {
	Op                       Op
	Name                     string
	Owner, Manager, Ordinary Grant
	BasicOwner, BasicMember  Grant // in a normal team (讨论组)
	// Below: the member it is done to must be of lower rank.
	Below bool
}

// Rules is the permission matrix (docs/protocol/nim-social.md section 5.1).
func Rules() [opCount]Rule {
	return [opCount]Rule{
		{OpInvite, "invite", Always, Always, IfInviteAll, Always, Always, false},
		{OpRemove, "remove", Always, Always, Never, Always, Never, true},
		{OpLeave, "leave", Never, Always, Always, Always, Always, false},
		{OpDismiss, "dismiss", Always, Never, Never, Always, Never, false},
		{OpAnswerApplication, "answer application", Always, Always, Never, NotHere, NotHere, false},
		{OpUpdateInfo, "update info", Always, Always, IfInfoAll, Always, Always, false},
		{OpUpdateExt, "update ext", Always, Always, IfExtAll, Always, Always, false},
		{OpUpdateModes, "update modes", Always, Always, Never, NotHere, NotHere, false},
		{OpManagers, "managers", Always, Never, Never, NotHere, NotHere, false},
		{OpTransfer, "transfer", Always, Never, Never, Always, Never, false},
		{OpMuteMember, "mute member", Always, Always, Never, NotHere, NotHere, true},
		{OpMuteTeam, "mute team", Always, Always, Never, NotHere, NotHere, false},
		{OpNickOther, "nick of another", Always, Always, Never, Always, Never, true},
		{OpUpdateSelf, "update self", Always, Always, Always, Always, Always, false},
		{OpRead, "read", Always, Always, Always, Always, Always, false},
	}
}

// largeSuperTeam is the level above which a super team's updateTeamMode and
// updateExtMode count as "manager" (docs/protocol/nim-social.md section 6).
const largeSuperTeam = 2000

func (t *Team) grants(g Grant) bool {
	large := t.Kind == Super && t.Level > largeSuperTeam
	switch g {
	case Always:
		return true
	case IfInviteAll:
		return t.InviteMode == ByAll
	case IfInfoAll:
		return t.UpdateMode == ByAll && !large
	case IfExtAll:
		return t.ExtMode == ByAll && !large
	default:
		return false
	}
}

// allows says whether m may do op in t: nil, 803, 804, 805 or 802.
func (t *Team) allows(m *Member, op Op) error {
	switch {
	case t == nil || !t.Valid:
		return errNotFound()
	case m == nil || !m.Valid:
		return errNotMember()
	}
	r := Rules()[op]
	g := r.Ordinary
	switch {
	case t.Type == Basic && m.Role == Owner:
		g = r.BasicOwner
	case t.Type == Basic:
		g = r.BasicMember
	case m.Role == Owner:
		g = r.Owner
	case m.Role == Manager:
		g = r.Manager
	}
	if g == NotHere {
		return errType()
	}
	if !t.grants(g) {
		return errNoRight()
	}
	return nil
}

// above says whether m may act on other, by rank.
func (m *Member) above(other *Member) bool {
	switch m.Role {
	case Owner:
		return other.Role != Owner
	case Manager:
		return other.Role == Ordinary
	default:
		return false
	}
}

func errNotFound() error  { return im.Errorf(im.CodeTeamNotFound, "team does not exist") }
func errNotMember() error { return im.Errorf(im.CodeTeamNotMember, "not in the team") }
func errNoRight() error   { return im.Errorf(im.CodeTeamNoRight, "no permission") }
func errType() error      { return im.Errorf(im.CodeTeamType, "not in a team of this type") }
