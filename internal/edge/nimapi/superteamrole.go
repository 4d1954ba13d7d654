package nimapi

import (
	"context"

	"hongyan/internal/im/team"
)

type superTeamOwnerParams struct {
	superTeamOwned
	Accid string `form:"accid,required,accid"`
	Leave int    `form:"leave,required,enum=1|2"` // 1 the old owner leaves, 2 stays
}

// superTeamChangeOwner hands a super team to another member.
func (a *API) superTeamChangeOwner(ctx context.Context, c *Call, p superTeamOwnerParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner, p.Accid); err != nil {
		return nil, err
	}
	return nil, a.Teams.Transfer(ctx, c.as(p.Owner), team.Super, p.TID, p.Accid, p.Leave == 1)
}

type superTeamManagersParams struct {
	superTeamOwned
	Accids []string `form:"managerAccids,required,accid,max=10"`
}

// superTeamAddManager appoints managers.
func (a *API) superTeamAddManager(ctx context.Context, c *Call, p superTeamManagersParams) (Result, error) {
	return nil, a.superTeamManagers(ctx, c, p, true)
}

// superTeamRemoveManager makes managers ordinary members.
func (a *API) superTeamRemoveManager(ctx context.Context, c *Call, p superTeamManagersParams) (Result, error) {
	return nil, a.superTeamManagers(ctx, c, p, false)
}

func (a *API) superTeamManagers(ctx context.Context, c *Call, p superTeamManagersParams, add bool) error {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Accids...)...); err != nil {
		return err
	}
	return a.Teams.SetManagers(ctx, c.as(p.Owner), team.Super, p.TID, p.Accids, add)
}

type superTeamMuteParams struct {
	superTeamOwned
	Type int `form:"muteType,required,enum=0|1|3"` // 0 nobody, 1 ordinary members, 3 everybody
}

// superTeamMute silences a super team.
func (a *API) superTeamMute(ctx context.Context, c *Call, p superTeamMuteParams) (Result, error) {
	if err := a.ownsSuperTeam(ctx, c, p.superTeamOwned); err != nil {
		return nil, err
	}
	_, err := a.Teams.UpdateInfo(ctx, c.as(p.Owner), team.Super, p.TID, team.Update{MuteType: wide(&p.Type)})
	return nil, err
}

type superTeamMuteMembersParams struct {
	superTeamID
	Owner  string   `form:"owner,required,accid"`
	Accids []string `form:"muteAccids,required,accid,max=10"`
	Mute   int      `form:"mute,required,enum=0|1"`
}

// superTeamMuteMembers silences members, or ends that.
func (a *API) superTeamMuteMembers(ctx context.Context, c *Call, p superTeamMuteMembersParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Accids...)...); err != nil {
		return nil, err
	}
	return nil, a.Teams.MuteMembers(ctx, c.as(p.Owner), team.Super, p.TID, p.Accids, p.Mute == 1)
}
