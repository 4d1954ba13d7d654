package nimapi

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

const (
	// defaultTeamSize is the size of a team whose creator names none.
	defaultTeamSize = 200
	// maxTeamStart is how many members a new team may have, its owner included.
	maxTeamStart = 200
)

// teamTexts are texts of a team; an empty one counts as absent.
type teamTexts struct {
	Announcement string `form:"announcement,max=1024"`
	Intro        string `form:"intro,max=512"`
	Custom       string `form:"custom,max=1024"` // the server's extension
	Icon         string `form:"icon,max=1024"`
}

// teamModes are modes of a team; nil leaves one as it is.
type teamModes struct {
	BeInvite *int   `form:"beinvitemode,enum=0|1"` // 0 invitees must agree
	Invite   *int   `form:"invitemode,enum=0|1"`   // who may: 0 managers, 1 everybody
	Info     *int   `form:"uptinfomode,enum=0|1"`
	Ext      *int   `form:"upcustommode,enum=0|1"`
	Size     *int   `form:"teamMemberLimit"`
	BID      string `form:"bid"` // for a moderation service; none is attached
}

func teamUpdate(name string, t *teamTexts, m *teamModes, join *int) team.Update {
	return team.Update{
		Name: given(name), Announcement: given(t.Announcement), Intro: given(t.Intro), ServerExt: given(t.Custom), Avatar: given(t.Icon),
		JoinMode: wide(join), BeInviteMode: wide(m.BeInvite), InviteMode: wide(m.Invite), UpdateMode: wide(m.Info), ExtMode: wide(m.Ext), Level: wide(m.Size),
	}
}

type teamCreateParams struct {
	Owner   string   `form:"owner,required,accid"`
	Name    string   `form:"tname,required,max=64"`
	Members []string `form:"members,required,accid,max=200"`
	Msg     string   `form:"msg,zero,max=150"`
	Agree   int      `form:"magree,zero,enum=0|1"` // 1 members must accept first
	Join    int      `form:"joinmode,zero,enum=0|1|2"`
	teamTexts
	teamModes
	CloseOnline     int `form:"isNotifyCloseOnline,enum=0|1"`
	ClosePersistent int `form:"isNotifyClosePersistent,enum=0|1"`
	teamAttach
}

// teamCreate makes a team (docs/api/server-v1.md section 12.9). The id is a text
// here and a number everywhere else.
func (a *API) teamCreate(ctx context.Context, c *Call, p teamCreateParams) (Result, error) {
	if len(unique(append([]string{p.Owner}, p.Members...))) > maxTeamStart {
		return nil, im.Errorf(im.CodeBadParam, "members: at most %d with the owner", maxTeamStart)
	}
	if _, err := a.mustExist(ctx, c.App.Key, append([]string{p.Owner}, p.Members...)...); err != nil {
		return nil, err
	}
	if p.Size == nil {
		size := int(min(defaultTeamSize, c.App.Settings.TeamMembersMax))
		p.Size = &size
	}
	made, aborted, err := a.Teams.Create(ctx, p.actor(c, p.Owner), team.Creation{
		Kind: team.Normal, Type: team.Advanced, Fields: teamUpdate(p.Name, &p.teamTexts, &p.teamModes, &p.Join),
		Accids: p.Members, Text: p.Msg, Direct: p.Agree == 0, Ask: p.Agree == 1,
		QuietOnline: p.CloseOnline == 1, QuietStored: p.ClosePersistent == 1,
	})
	if err != nil {
		return nil, err
	}
	return leftOut(with("tid", strconv.FormatInt(made.TID, 10)), aborted), nil
}

type teamRemoveParams struct {
	teamOwner
	teamAttach
}

// teamRemove dismisses a team.
func (a *API) teamRemove(ctx context.Context, c *Call, p teamRemoveParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	return nil, a.Teams.Dismiss(ctx, p.actor(c, p.Owner), team.Normal, p.TID)
}

type teamUpdateParams struct {
	teamOwner
	Name string `form:"tname,max=64"`
	Join *int   `form:"joinmode,enum=0|1|2"`
	teamTexts
	teamModes
	teamAttach
}

// teamUpdateInfo changes the given properties; with none it changes nothing.
func (a *API) teamUpdateInfo(ctx context.Context, c *Call, p teamUpdateParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	u := teamUpdate(p.Name, &p.teamTexts, &p.teamModes, p.Join)
	if u == (team.Update{}) {
		return nil, a.Teams.Check(ctx, c.App.Key, p.Owner, team.Normal, p.TID)
	}
	_, err := a.Teams.UpdateInfo(ctx, p.actor(c, p.Owner), team.Normal, p.TID, u)
	return nil, err
}
