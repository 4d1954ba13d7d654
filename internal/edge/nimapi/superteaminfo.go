package nimapi

import (
	"context"
	"hash/fnv"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

type superTeamUpdateParams struct {
	superTeamID
	Owner        string  `form:"owner,required,accid"`
	Name         string  `form:"tname,max=64"`
	Announcement *string `form:"announcement,max=1024"`
	Intro        *string `form:"intro,max=512"`
	ServerCustom *string `form:"serverCustom,max=1024"`
	Icon         *string `form:"icon,max=1024"`
	Join         *int    `form:"joinmode,enum=0|1|2"`
	superTeamModes
	BID string `form:"bid"`
}

// superTeamUpdate changes what is given, empty texts but the name too; a call that
// gives nothing is checked and changes nothing.
func (a *API) superTeamUpdate(ctx context.Context, c *Call, p superTeamUpdateParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	u := team.Update{Name: given(p.Name), Announcement: p.Announcement, Intro: p.Intro, ServerExt: p.ServerCustom,
		Avatar: p.Icon, JoinMode: wide(p.Join)}
	p.put(&u)
	if u == (team.Update{}) {
		return nil, a.Teams.Check(ctx, c.App.Key, p.Owner, team.Super, p.TID)
	}
	_, err := a.Teams.UpdateInfo(ctx, c.as(p.Owner), team.Super, p.TID, u)
	return nil, err
}

type superTeamLevelParams struct {
	superTeamOwned
	Level int `form:"tlevel,required"`
}

// superTeamChangeLevel changes how many members a super team may have.
func (a *API) superTeamChangeLevel(ctx context.Context, c *Call, p superTeamLevelParams) (Result, error) {
	if err := a.ownsSuperTeam(ctx, c, p.superTeamOwned); err != nil {
		return nil, err
	}
	_, err := a.Teams.UpdateInfo(ctx, c.as(p.Owner), team.Super, p.TID, team.Update{Level: wide(&p.Level)})
	return nil, err
}

// ownsSuperTeam refuses what only the owner may ask for by REST although
// managers may do it from their clients.
func (a *API) ownsSuperTeam(ctx context.Context, c *Call, p superTeamOwned) error {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return err
	}
	return a.Teams.CheckRole(ctx, c.App.Key, p.Owner, team.Super, p.TID, team.Owner)
}

type superTeamOwnParams struct {
	superTeamID
	Accid  string  `form:"accid,required,accid"`
	Silent *int    `form:"silentType"` // 1 no reminder, 0 reminder; others have no effect
	Nick   *string `form:"nick,max=32"`
	Custom *string `form:"custom,max=1024"`
}

// superTeamUpdateOwn changes a member's own data; empty texts clear.
func (a *API) superTeamUpdateOwn(ctx context.Context, c *Call, p superTeamOwnParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	u := team.MemberUpdate{Nick: p.Nick, Ext: p.Custom, Bits: wide(p.Silent)}
	if p.Silent != nil && *p.Silent != 0 && *p.Silent != 1 {
		u.Bits = nil
	}
	if u == (team.MemberUpdate{}) {
		return nil, a.Teams.Check(ctx, c.App.Key, p.Accid, team.Super, p.TID)
	}
	_, err := a.Teams.UpdateMember(ctx, c.as(p.Accid), team.Super, p.TID, p.Accid, u)
	return nil, err
}

type superTeamNickParams struct {
	superTeamID
	Owner string `form:"owner,required,accid"`
	Accid string `form:"accid,required,accid"`
	Nick  string `form:"nick,required,max=32"`
}

// superTeamUpdateNick changes a member's nick.
func (a *API) superTeamUpdateNick(ctx context.Context, c *Call, p superTeamNickParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner, p.Accid); err != nil {
		return nil, err
	}
	_, err := a.Teams.UpdateMember(ctx, c.as(p.Owner), team.Super, p.TID, p.Accid, team.MemberUpdate{Nick: &p.Nick})
	return nil, err
}

// superTeamInfo is one super team as queries answer it.
type superTeamInfo struct {
	TID          int64  `json:"tid"`
	Name         string `json:"tname"`
	Creator      string `json:"creator"` // the owner
	Level        int64  `json:"tlevel"`
	Size         int64  `json:"size"`
	Intro        string `json:"intro"`
	Announcement string `json:"announcement"`
	ClientCustom string `json:"clientCustom"`
	ServerCustom string `json:"serverCustom"`
	Icon         string `json:"icon"`
	MuteType     int64  `json:"muteType"`
	JoinMode     int64  `json:"joinmode"`
	BeInviteMode int64  `json:"beinvitemode"`
	InviteMode   int64  `json:"invitemode"`
	InfoMode     int64  `json:"uptinfomode"`
	CustomMode   int64  `json:"upcustommode"`
	Created      int64  `json:"createtime"` // ms
	Updated      int64  `json:"updatetime"` // ms
}

func superTeamInfoOf(t *team.Team) superTeamInfo {
	return superTeamInfo{
		TID: t.TID, Name: t.Name, Creator: t.Owner, Level: t.Level, Size: t.MemberNum, Intro: t.Intro, Announcement: t.Announcement,
		ClientCustom: t.Ext, ServerCustom: t.ServerExt, Icon: t.Avatar, MuteType: t.MuteType, JoinMode: t.JoinMode, BeInviteMode: t.BeInviteMode,
		InviteMode: t.InviteMode, InfoMode: t.UpdateMode, CustomMode: t.ExtMode, Created: t.CreatedMs, Updated: t.UpdatedMs,
	}
}

type superTeamsParams struct {
	TIDs []int64 `form:"tids,required,array,max=30"`
}

// superTeamQuery returns super teams; an unknown one fails the call.
func (a *API) superTeamQuery(ctx context.Context, c *Call, p superTeamsParams) (Result, error) {
	teams, missing, err := a.Teams.GetMany(ctx, c.App.Key, team.Super, p.TIDs)
	switch {
	case err != nil:
		return nil, err
	case len(missing) > 0:
		return nil, im.Errorf(im.CodeTeamNotFound, "team %d does not exist", missing[0])
	}
	out := make([]superTeamInfo, len(teams))
	for i, t := range teams {
		out[i] = superTeamInfoOf(t)
	}
	return with("tinfos", out), nil
}

// superTeamsJoined returns the super teams an account is in.
func (a *API) superTeamsJoined(ctx context.Context, c *Call, p accidParam) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	list, _, err := a.Teams.Of(ctx, c.App.Key, p.Accid, team.Super, 0)
	if err != nil {
		return nil, err
	}
	out := make([]superTeamInfo, len(list))
	for i, e := range list {
		out[i] = superTeamInfoOf(e.Team)
	}
	return with("tinfos", out), nil
}

type superTeamPageParams struct {
	superTeamID
	After   int64 `form:"timetag,zero,min=0"` // join time in ms the page begins beyond; 0 = from the end
	Limit   int   `form:"limit,required,min=1"`
	Reverse int   `form:"reverse,enum=1|2,default=1"` // 1 by ascending join time, 2 descending
}

// maxMemberPage is the largest page of members.
const maxMemberPage = 100

func (a *API) superTeamPage(ctx context.Context, c *Call, p superTeamPageParams, muted bool) ([]*team.Member, error) {
	if p.Limit > maxMemberPage {
		return nil, im.Errorf(im.CodeBadParam, "limit more than %d", maxMemberPage)
	}
	q := team.MemberQuery{Muted: muted, Limit: p.Limit, Descending: p.Reverse == 2}
	if q.Descending {
		q.BeforeMs = p.After
	} else {
		q.AfterMs = p.After
	}
	return a.Teams.AllMembers(ctx, c.App.Key, team.Super, p.TID, q)
}

// superTeamMember is a member as getTlists answers it.
type superTeamMember struct {
	TID        int64  `json:"tid"`
	UID        int64  `json:"uid"`
	Accid      string `json:"accid"`
	Type       int64  `json:"type"` // 0 ordinary, 1 owner, 2 manager
	Nick       string `json:"nick"`
	Joined     string `json:"jointime"` // ms as text
	Mute       int    `json:"mute"`
	InviterUID int64  `json:"invitoruid"`
	Inviter    string `json:"invitor"`
	Valid      int    `json:"validflag"`
	Custom     string `json:"custom"`
	State      int    `json:"state"`
	Bits       int64  `json:"bits"`
	Created    int64  `json:"createtime"` // ms
	Updated    int64  `json:"updatetime"` // ms
}

// superTeamMembers pages through the members by join time.
func (a *API) superTeamMembers(ctx context.Context, c *Call, p superTeamPageParams) (Result, error) {
	members, err := a.superTeamPage(ctx, c, p, false)
	if err != nil {
		return nil, err
	}
	out := make([]superTeamMember, len(members))
	for i, m := range members {
		out[i] = superTeamMember{
			TID: m.TID, UID: uid(c.App.Key, m.Accid), Accid: m.Accid, Type: int64(m.Role), Nick: m.Nick, Joined: strconv.FormatInt(m.JoinMs, 10),
			Mute: bit(m.Muted), InviterUID: uid(c.App.Key, m.Inviter), Inviter: m.Inviter, Valid: bit(m.Valid), Custom: m.Ext, Bits: m.Bits,
			Created: m.JoinMs, Updated: m.UpdatedMs,
		}
	}
	return with("tlists", out), nil
}

// mutedSuperTeamMember is a member as getMuteTlists answers it.
type mutedSuperTeamMember struct {
	TID     int64  `json:"tid"`
	Accid   string `json:"accid"`
	Nick    string `json:"nick"`
	Type    int64  `json:"type"`
	Mute    int    `json:"mute"`
	Custom  string `json:"custom"`
	Inviter string `json:"invitor"`
	Joined  int64  `json:"jointime"`   // ms
	Created int64  `json:"createtime"` // ms
	Updated int64  `json:"updatetime"` // ms
}

// superTeamMuted pages through the members that may not speak.
func (a *API) superTeamMuted(ctx context.Context, c *Call, p superTeamPageParams) (Result, error) {
	members, err := a.superTeamPage(ctx, c, p, true)
	if err != nil {
		return nil, err
	}
	out := make([]mutedSuperTeamMember, len(members))
	for i, m := range members {
		out[i] = mutedSuperTeamMember{TID: m.TID, Accid: m.Accid, Nick: m.Nick, Type: int64(m.Role), Mute: bit(m.Muted), Custom: m.Ext,
			Inviter: m.Inviter, Joined: m.JoinMs, Created: m.JoinMs, Updated: m.UpdatedMs}
	}
	return with("muteTlists", out), nil
}

// uid is a number for an account, of 53 bits and always the same: the original
// product has numbers for its accounts, this one has none.
func uid(app, accid string) int64 {
	if accid == "" {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(app + "\x00" + accid)) // never fails
	return int64(h.Sum64() >> 11)
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}
