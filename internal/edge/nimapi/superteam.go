package nimapi

import (
	"context"

	"hongyan/internal/im/team"
)

// superTeamID names a super team.
type superTeamID struct {
	TID int64 `form:"tid,required,max=128,min=1"`
}

// superTeamModes are the modes of a super team; nil leaves one as it is.
type superTeamModes struct {
	BeInvite *int `form:"beinvitemode,enum=0|1"` // 0 invitees must agree
	Invite   *int `form:"invitemode,enum=0|1"`   // who may: 0 managers, 1 everybody
	Info     *int `form:"uptinfomode,enum=0|1"`
	Custom   *int `form:"upcustommode,enum=0|1"`
}

func (m *superTeamModes) put(u *team.Update) {
	u.BeInviteMode, u.InviteMode, u.UpdateMode, u.ExtMode = wide(m.BeInvite), wide(m.Invite), wide(m.Info), wide(m.Custom)
}

// superTeamLevel is the size of a super team whose creator names none.
const superTeamLevel = 200

type superTeamCreateParams struct {
	Owner        string   `form:"owner,required,accid"`
	Accids       []string `form:"inviteAccids,required,accid,max=200"`
	Name         string   `form:"tname,required,max=64"`
	Announcement string   `form:"announcement,max=1024"`
	Intro        string   `form:"intro,max=512"`
	ServerCustom string   `form:"serverCustom,max=1024"`
	Icon         string   `form:"icon,max=1024"`
	Msg          string   `form:"msg,zero,max=150"`
	Join         int      `form:"joinmode,zero,enum=0|1|2,default=0"`
	superTeamModes
	Level *int   `form:"tlevel"`
	Agree *int   `form:"magree,enum=0|1"` // the Go SDK alone has it
	BID   string `form:"bid"`
}

// superTeamCreate makes a super team; only the app's server can
// (docs/api/server-v1.md section 12.10).
func (a *API) superTeamCreate(ctx context.Context, c *Call, p superTeamCreateParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Accids...)...); err != nil {
		return nil, err
	}
	level := min(int64(superTeamLevel), c.App.Settings.SuperTeamMembersMax)
	if p.Level != nil {
		level = int64(*p.Level)
	}
	u := team.Update{Name: &p.Name, Announcement: &p.Announcement, Intro: &p.Intro, ServerExt: &p.ServerCustom, Avatar: &p.Icon, JoinMode: wide(&p.Join), Level: &level}
	p.put(&u)
	made, aborted, err := a.Teams.Create(ctx, c.as(p.Owner), team.Creation{Kind: team.Super, Type: team.Advanced, Fields: u, Accids: p.Accids, Text: p.Msg})
	if err != nil {
		return nil, err
	}
	return leftOut(with("tid", made.TID), aborted), nil
}

type superTeamInviteParams struct {
	superTeamID
	Owner  string   `form:"owner,required,accid"`
	Accids []string `form:"inviteAccids,required,accid,max=200"`
	Msg    string   `form:"msg,zero,max=150"`
	Agree  *int     `form:"magree,enum=0|1"` // the Go SDK alone has it
}

// superTeamInvite adds accounts, or asks them to join, by the team's mode.
func (a *API) superTeamInvite(ctx context.Context, c *Call, p superTeamInviteParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Accids...)...); err != nil {
		return nil, err
	}
	out, err := a.Teams.Invite(ctx, c.as(p.Owner), team.Super, p.TID, team.Invite{Accids: p.Accids, Text: p.Msg})
	if err != nil {
		return nil, err
	}
	return leftOut(nil, out.Aborted), nil
}

type superTeamKickParams struct {
	superTeamID
	Owner  string   `form:"owner,required,accid"`
	Accids []string `form:"kickAccids,required,accid,max=200"`
}

// superTeamKick takes members out.
func (a *API) superTeamKick(ctx context.Context, c *Call, p superTeamKickParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Accids...)...); err != nil {
		return nil, err
	}
	_, err := a.Teams.Remove(ctx, c.as(p.Owner), team.Super, p.TID, p.Accids)
	return nil, err
}

type superTeamLeaveParams struct {
	superTeamID
	Accid string `form:"accid,required,accid"`
}

// superTeamLeave takes a member out that wants to go; the owner cannot.
func (a *API) superTeamLeave(ctx context.Context, c *Call, p superTeamLeaveParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	return nil, a.Teams.Leave(ctx, c.as(p.Accid), team.Super, p.TID)
}

// superTeamOwned is a call in the name of the owner alone.
type superTeamOwned struct {
	superTeamID
	Owner string `form:"owner,required,accid"`
}

// superTeamDismiss ends a super team.
func (a *API) superTeamDismiss(ctx context.Context, c *Call, p superTeamOwned) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	return nil, a.Teams.Dismiss(ctx, c.as(p.Owner), team.Super, p.TID)
}
