package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

// Events of operations on teams and super teams (docs/api/callbacks.md sections
// 5.5 and 5.6). Answers to applications and invitations have none.
const (
	askCreateTeam     = 7
	askDismissTeam    = 8
	askInvite         = 9
	askLeave          = 10
	askAddManagers    = 11
	askRemoveManagers = 12
	askTransfer       = 13
	askRemove         = 14
	askUpdateTeam     = 15
	askUpdateSelf     = 16
	askNickOther      = 17
	askMuteMember     = 18
	askApply          = 19

	askSuperInvite         = 23
	askSuperRemove         = 24
	askSuperLeave          = 25
	askSuperUpdate         = 26
	askSuperUpdateSelf     = 27
	askSuperApply          = 28
	askSuperAddManagers    = 29
	askSuperRemoveManagers = 30
	askSuperMute           = 31
	askSuperMuteMembers    = 32
	askSuperNickOther      = 33
	askSuperTransfer       = 34
)

// teamFields are the fields of a team as callbacks name them.
type teamFields struct {
	Name         *string `json:"tname,omitempty"`
	Level        *int64  `json:"level,omitempty"`
	Intro        *string `json:"intro,omitempty"`
	Announcement *string `json:"announcement,omitempty"`
	Icon         *string `json:"icon,omitempty"`
	Custom       *string `json:"custom,omitempty"`
	ServerCustom *string `json:"servercustom,omitempty"`
	JoinMode     *int64  `json:"joinmode,omitempty"`
	BeInviteMode *int64  `json:"beinvitemode,omitempty"`
	InviteMode   *int64  `json:"invitemode,omitempty"`
	UpdateMode   *int64  `json:"uptinfomode,omitempty"`
	ExtMode      *int64  `json:"upcustommode,omitempty"`
	MuteType     *int64  `json:"teamMuteType,omitempty"`
}

func fieldsOf(u team.Update) teamFields {
	return teamFields{u.Name, u.Level, u.Intro, u.Announcement, u.Avatar, u.Ext, u.ServerExt,
		u.JoinMode, u.BeInviteMode, u.InviteMode, u.UpdateMode, u.ExtMode, u.MuteType}
}

// createQuestion is the body of event 7: its operator has another name, and the
// team has no id yet.
type createQuestion struct {
	EventType  int    `json:"eventType"`
	Creator    string `json:"creator"`
	ClientType string `json:"fromClientType,omitempty"`
	Device     string `json:"fromDeviceId,omitempty"`
	Type       int64  `json:"type"`
	teamFields
	Invited []string `json:"inviteList,omitempty"`
	Msg     string   `json:"msg,omitempty"`
	Time    string   `json:"timestamp"`
}

// teamQuestion is the body of the other events; each has what its operation has.
type teamQuestion struct {
	operator
	TID int64 `json:"tid"`
	teamFields
	Invited  []string `json:"inviteList,omitempty"`
	Removed  []string `json:"kickList,omitempty"`
	Managers []string `json:"managers,omitempty"`
	Muted    []string `json:"muteList,omitempty"` // of super teams
	To       string   `json:"toAccount,omitempty"`
	NewOwner string   `json:"newOwner,omitempty"`
	Leave    int64    `json:"leave,omitempty"` // of a transfer: 1 the old owner leaves, 2 stays
	Nick     *string  `json:"nick,omitempty"`
	Bits     *int64   `json:"bits,omitempty"`
	Mute     *int64   `json:"mute,omitempty"`
	Msg      string   `json:"msg,omitempty"`
}

// asking is the session's account, about which the app's server is asked when
// the parameters of its operation have been checked.
func (p *Product) asking(s *gateway.Session, event int, tid int64, q teamQuestion) team.Actor {
	who := actor(s)
	who.Ask = func(ctx context.Context) error {
		if !who.App.Settings.CallsBack(event) {
			return nil
		}
		q.operator, q.TID = p.operator(s, event), tid
		return p.ask(ctx, s, event, "", q)
	}
	return who
}

// askingToInvite is asking for events 9 and 23, which tell the team's
// beInviteMode. An unknown team has none, and ends the operation afterwards.
func (p *Product) askingToInvite(s *gateway.Session, event int, k team.Kind, tid int64, invited []string, msg string) team.Actor {
	who := actor(s)
	who.Ask = func(ctx context.Context) error {
		if !who.App.Settings.CallsBack(event) {
			return nil
		}
		q := teamQuestion{operator: p.operator(s, event), TID: tid, Invited: invited, Msg: msg}
		switch t, err := p.c.Teams.Get(ctx, who.App.Key, k, tid); {
		case err == nil:
			q.BeInviteMode = &t.BeInviteMode
		case im.CodeOf(err) == im.CodeInternal:
			return err
		}
		return p.ask(ctx, s, event, "", q)
	}
	return who
}

// askingToCreate is asking for event 7.
func (p *Product) askingToCreate(s *gateway.Session, c team.Creation) team.Actor {
	who := actor(s)
	who.Ask = func(ctx context.Context) error {
		o := p.operator(s, askCreateTeam)
		return p.ask(ctx, s, askCreateTeam, "", createQuestion{EventType: o.EventType, Creator: o.Account, ClientType: o.ClientType, Device: o.Device,
			Type: int64(c.Type), teamFields: fieldsOf(c.Fields), Invited: c.Accids, Msg: c.Text, Time: o.Time})
	}
	return who
}

// muteQuestion is what is asked about a mute.
func muteQuestion(on bool) teamQuestion {
	n := flag(on)
	return teamQuestion{Mute: &n}
}

// muteTeamQuestion is what is asked about the mute of a team: event 15, or 31 of
// super teams.
func muteTeamQuestion(on bool) teamQuestion {
	to := team.MuteNone
	if on {
		to = team.MuteOrdinary
	}
	return teamQuestion{teamFields: teamFields{MuteType: &to}}
}

// transferQuestion is what is asked about a transfer.
func transferQuestion(to string, leave bool) teamQuestion {
	return teamQuestion{NewOwner: to, Leave: 2 - flag(leave)}
}

// memberQuestion is what is asked about a change of a member's data.
func memberQuestion(to string, u team.MemberUpdate) teamQuestion {
	return teamQuestion{To: to, Nick: u.Nick, Bits: u.Bits, teamFields: teamFields{Custom: u.Ext}}
}
