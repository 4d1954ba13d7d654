package nimapi

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

// teamID names a team.
type teamID struct {
	TID int64 `form:"tid,required,max=128"`
}

// teamOwner names a team and in whose name the call acts, usually the owner.
type teamOwner struct {
	teamID
	Owner string `form:"owner,required,accid"`
}

// teamAttach is an extension of the notification that the call causes.
type teamAttach struct {
	Attach string `form:"attach,max=512"`
}

// actor is who acts, with the extension of its notifications.
func (t *teamAttach) actor(c *Call, accid string) team.Actor {
	who := c.as(accid)
	who.Attach = given(t.Attach)
	return who
}

type teamAddParams struct {
	teamOwner
	Members []string `form:"members,required,accid,max=200"`
	Agree   int      `form:"magree,zero,enum=0|1"` // 1 members must accept first
	Msg     string   `form:"msg,zero,max=150"`
	teamAttach
}

// teamAdd adds accounts or, with magree, asks them to join. Who is in too many
// teams is named and does not fail the call (docs/api/server-v1.md section 12.9).
func (a *API) teamAdd(ctx context.Context, c *Call, p teamAddParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Members...)...); err != nil {
		return nil, err
	}
	out, err := a.Teams.Invite(ctx, c.as(p.Owner), team.Normal, p.TID, team.Invite{
		Accids: p.Members, Text: p.Msg, Attach: given(p.Attach), Direct: p.Agree == 0, Ask: p.Agree == 1})
	if err != nil {
		return nil, err
	}
	return leftOut(nil, out.Aborted), nil
}

type teamKickParams struct {
	teamOwner
	Member  string   `form:"member,accid"` // wins over Members
	Members []string `form:"members,accid,max=200"`
	teamAttach
}

// teamKick takes members out; of several, who is no member is named.
func (a *API) teamKick(ctx context.Context, c *Call, p teamKickParams) (Result, error) {
	if p.Member != "" {
		p.Members = []string{p.Member}
	}
	if len(p.Members) == 0 {
		return nil, im.Errorf(im.CodeBadParam, "member or members is needed")
	}
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Members...)...); err != nil {
		return nil, err
	}
	strangers, err := a.Teams.Remove(ctx, p.actor(c, p.Owner), team.Normal, p.TID, p.Members)
	if err != nil || len(strangers) == 0 {
		return nil, err
	}
	return with("faccid", failedAccids{Accid: strangers, Msg: "not in the team"}), nil
}

type teamOwnerParams struct {
	teamOwner
	NewOwner string `form:"newowner,required,accid"`
	Leave    int    `form:"leave,required,enum=1|2"` // 1 the old owner leaves
	teamAttach
}

// teamChangeOwner hands a team to another member.
func (a *API) teamChangeOwner(ctx context.Context, c *Call, p teamOwnerParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner, p.NewOwner); err != nil {
		return nil, err
	}
	return nil, a.Teams.Transfer(ctx, p.actor(c, p.Owner), team.Normal, p.TID, p.NewOwner, p.Leave == 1)
}

type teamManagersParams struct {
	teamOwner
	Members []string `form:"members,required,accid,max=10"`
	teamAttach
}

func (a *API) teamAddManager(ctx context.Context, c *Call, p teamManagersParams) (Result, error) {
	return nil, a.teamManagers(ctx, c, &p, true)
}

func (a *API) teamRemoveManager(ctx context.Context, c *Call, p teamManagersParams) (Result, error) {
	return nil, a.teamManagers(ctx, c, &p, false)
}

func (a *API) teamManagers(ctx context.Context, c *Call, p *teamManagersParams, add bool) error {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Members...)...); err != nil {
		return err
	}
	return a.Teams.SetManagers(ctx, p.actor(c, p.Owner), team.Normal, p.TID, p.Members, add)
}

type teamNickParams struct {
	teamOwner
	Accid  string `form:"accid,required,accid"`
	Nick   string `form:"nick,max=32"`
	Custom string `form:"custom,max=1024,bytes"`
}

// teamUpdateNick sets a member's nick and extension; what is not given stays.
func (a *API) teamUpdateNick(ctx context.Context, c *Call, p teamNickParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner, p.Accid); err != nil {
		return nil, err
	}
	_, err := a.Teams.UpdateMember(ctx, c.as(p.Owner), team.Normal, p.TID, p.Accid, team.MemberUpdate{Nick: given(p.Nick), Ext: given(p.Custom)})
	return nil, err
}

type teamMuteParams struct {
	teamID
	accidParam
	Ope int `form:"ope,required"`
}

// Values of ope; others have no effect.
const (
	reminderOff = 1
	reminderOn  = 2
)

// teamMute switches the reminders of a team for one member.
func (a *API) teamMute(ctx context.Context, c *Call, p teamMuteParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	bits := team.RemindAll
	switch p.Ope {
	case reminderOff:
		bits = team.RemindNothing
	case reminderOn:
	default:
		return nil, a.Teams.Check(ctx, c.App.Key, p.Accid, team.Normal, p.TID)
	}
	_, err := a.Teams.UpdateMember(ctx, c.as(p.Accid), team.Normal, p.TID, p.Accid, team.MemberUpdate{Bits: &bits})
	return nil, err
}

type teamMuteMemberParams struct {
	teamOwner
	Accid string `form:"accid,required,accid"`
	Mute  int    `form:"mute,required,enum=0|1"`
	teamAttach
}

// teamMuteMember forbids one member to speak.
func (a *API) teamMuteMember(ctx context.Context, c *Call, p teamMuteMemberParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner, p.Accid); err != nil {
		return nil, err
	}
	return nil, a.Teams.MuteMembers(ctx, p.actor(c, p.Owner), team.Normal, p.TID, []string{p.Accid}, p.Mute == 1)
}

type teamMuteAllParams struct {
	teamOwner
	Mute     *bool `form:"mute"` // wins over MuteType
	MuteType *int  `form:"muteType,enum=0|1|3"`
	teamAttach
}

// teamMuteAll mutes a team; only its owner may.
func (a *API) teamMuteAll(ctx context.Context, c *Call, p teamMuteAllParams) (Result, error) {
	to := wide(p.MuteType)
	switch {
	case p.Mute == nil && to == nil:
		return nil, im.Errorf(im.CodeBadParam, "mute or muteType is needed")
	case p.Mute != nil && *p.Mute:
		n := team.MuteOrdinary
		to = &n
	case p.Mute != nil:
		n := team.MuteNone
		to = &n
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	if err := a.Teams.CheckRole(ctx, c.App.Key, p.Owner, team.Normal, p.TID, team.Owner); err != nil {
		return nil, err
	}
	_, err := a.Teams.UpdateInfo(ctx, p.actor(c, p.Owner), team.Normal, p.TID, team.Update{MuteType: to})
	return nil, err
}

type teamLeaveParams struct {
	teamID
	accidParam
	teamAttach
}

// teamLeave takes a member out that wants to go; the owner cannot.
func (a *API) teamLeave(ctx context.Context, c *Call, p teamLeaveParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	return nil, a.Teams.Leave(ctx, p.actor(c, p.Accid), team.Normal, p.TID)
}
