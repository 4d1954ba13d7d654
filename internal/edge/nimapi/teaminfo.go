package nimapi

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/team"
)

// teamInfo are the properties of a team that all queries answer.
type teamInfo struct {
	Name            string `json:"tname"`
	Icon            string `json:"icon"`
	Announcement    string `json:"announcement"`
	Intro           string `json:"intro"`
	Custom          string `json:"custom"`       // the server's extension
	ClientCustom    string `json:"clientCustom"` // the clients' extension
	MaxUsers        int64  `json:"maxusers"`
	TID             int64  `json:"tid"`
	Size            int64  `json:"size"` // members
	JoinMode        int64  `json:"joinmode"`
	BeInviteMode    int64  `json:"beinvitemode"`
	InviteMode      int64  `json:"invitemode"`
	InfoMode        int64  `json:"uptinfomode"`
	CustomMode      int64  `json:"upcustommode"`
	MuteType        int64  `json:"muteType"`
	CreateTime      int64  `json:"createtime"` // ms
	UpdateTime      int64  `json:"updatetime"` // ms
	Mute            bool   `json:"mute"`
	CloseOnline     bool   `json:"isNotifyCloseOnline"`
	ClosePersistent bool   `json:"isNotifyClosePersistent"`
}

func teamInfoOf(t *team.Team) teamInfo {
	return teamInfo{
		Name: t.Name, Icon: t.Avatar, Announcement: t.Announcement, Intro: t.Intro, Custom: t.ServerExt, ClientCustom: t.Ext,
		MaxUsers: t.Level, TID: t.TID, Size: t.MemberNum, JoinMode: t.JoinMode, BeInviteMode: t.BeInviteMode, InviteMode: t.InviteMode,
		InfoMode: t.UpdateMode, CustomMode: t.ExtMode, MuteType: t.MuteType, CreateTime: t.CreatedMs, UpdateTime: t.UpdatedMs,
		Mute: t.MuteType != team.MuteNone, CloseOnline: t.QuietOnline, ClosePersistent: t.QuietStored,
	}
}

type teamQueryParams struct {
	TIDs          []int64 `form:"tids,required,array,max=30"`
	Ope           int     `form:"ope,required,enum=0|1"` // 1 with members
	IgnoreInvalid bool    `form:"ignoreInvalid"`
}

// queriedTeam is one team as team/query answers it: members are names.
type queriedTeam struct {
	teamInfo
	Owner   string    `json:"owner"`
	Admins  *[]string `json:"admins,omitempty"`
	Members *[]string `json:"members,omitempty"` // without owner and managers
}

// teamQuery returns teams; unknown ones fail the call or are named.
func (a *API) teamQuery(ctx context.Context, c *Call, p teamQueryParams) (Result, error) {
	teams, missing, err := a.Teams.GetMany(ctx, c.App.Key, team.Normal, p.TIDs)
	switch {
	case err != nil:
		return nil, err
	case len(missing) > 0 && !p.IgnoreInvalid:
		return nil, im.Errorf(im.CodeTeamNotFound, "team %d does not exist", missing[0])
	}
	out := make([]queriedTeam, len(teams))
	for i, t := range teams {
		out[i] = queriedTeam{teamInfo: teamInfoOf(t), Owner: t.Owner}
		if p.Ope == 0 {
			continue
		}
		members, err := a.Teams.AllMembers(ctx, c.App.Key, team.Normal, t.TID, team.MemberQuery{})
		if err != nil {
			return nil, err
		}
		admins, ordinary := []string{}, []string{}
		for _, m := range members {
			switch m.Role {
			case team.Manager:
				admins = append(admins, m.Accid)
			case team.Ordinary:
				ordinary = append(ordinary, m.Accid)
			}
		}
		out[i].Admins, out[i].Members = &admins, &ordinary
	}
	res := with("tinfos", out)
	if p.IgnoreInvalid {
		if missing == nil {
			missing = []int64{}
		}
		res = append(res, Field{"invalidTids", missing})
	}
	return res, nil
}

// detailedMember is a member as team/queryDetail answers it.
type detailedMember struct {
	Accid      string `json:"accid"`
	Nick       string `json:"nick"`
	Mute       bool   `json:"mute"`
	Custom     string `json:"custom"`
	CreateTime int64  `json:"createtime"` // of joining, ms
	UpdateTime int64  `json:"updatetime"` // ms
}

func detailedMemberOf(m *team.Member) detailedMember {
	return detailedMember{Accid: m.Accid, Nick: m.Nick, Mute: m.Muted, Custom: m.Ext, CreateTime: m.JoinMs, UpdateTime: m.UpdatedMs}
}

type detailedTeam struct {
	teamInfo
	Owner   detailedMember   `json:"owner"`
	Admins  []detailedMember `json:"admins"`
	Members []detailedMember `json:"members"`
}

// teamQueryDetail returns one team with its members.
func (a *API) teamQueryDetail(ctx context.Context, c *Call, p teamID) (Result, error) {
	t, err := a.Teams.Get(ctx, c.App.Key, team.Normal, p.TID)
	if err != nil {
		return nil, err
	}
	members, err := a.Teams.AllMembers(ctx, c.App.Key, team.Normal, p.TID, team.MemberQuery{})
	if err != nil {
		return nil, err
	}
	out := detailedTeam{teamInfo: teamInfoOf(t), Admins: []detailedMember{}, Members: []detailedMember{}}
	for _, m := range members {
		d := detailedMemberOf(m)
		switch m.Role {
		case team.Owner:
			out.Owner = d
		case team.Manager:
			out.Admins = append(out.Admins, d)
		default:
			out.Members = append(out.Members, d)
		}
	}
	return with("tinfo", out), nil
}

type joinedTeam struct {
	Owner    string `json:"owner"`
	Name     string `json:"tname"`
	MaxUsers int64  `json:"maxusers"`
	TID      int64  `json:"tid"`
	Size     int64  `json:"size"`
	Custom   string `json:"custom"`
}

// teamJoined returns the teams an account is in.
func (a *API) teamJoined(ctx context.Context, c *Call, p accidParam) (Result, error) {
	list, err := a.teamsOf(ctx, c, p.Accid)
	if err != nil {
		return nil, err
	}
	out := make([]joinedTeam, len(list))
	for i, e := range list {
		t := e.Team
		out[i] = joinedTeam{Owner: t.Owner, Name: t.Name, MaxUsers: t.Level, TID: t.TID, Size: t.MemberNum, Custom: t.ServerExt}
	}
	return Result{{"count", len(out)}, {"infos", out}}, nil
}

func (a *API) teamsOf(ctx context.Context, c *Call, accid string) ([]team.Entry, error) {
	if _, err := a.mustExist(ctx, c.App.Key, accid); err != nil {
		return nil, err
	}
	list, _, err := a.Teams.Of(ctx, c.App.Key, accid, team.Normal, 0)
	return list, err
}

// ownMembership is an account's record in one team.
type ownMembership struct {
	TID               int64  `json:"tid"`
	Accid             string `json:"accid"`
	Nick              string `json:"nick"`
	Mute              bool   `json:"mute"`
	ManagerPushEnable bool   `json:"managerPushEnable"` // reminders of managers' messages only
	PushEnable        bool   `json:"pushEnable"`        // reminders on
	CreateTime        int64  `json:"createtime"`        // of joining, ms
	UpdateTime        int64  `json:"updatetime"`        // ms
}

// teamMemberships returns an account's record in every team it is in.
func (a *API) teamMemberships(ctx context.Context, c *Call, p accidParam) (Result, error) {
	list, err := a.teamsOf(ctx, c, p.Accid)
	if err != nil {
		return nil, err
	}
	out := make([]ownMembership, len(list))
	for i, e := range list {
		m := e.Member
		out[i] = ownMembership{TID: m.TID, Accid: m.Accid, Nick: m.Nick, Mute: m.Muted, ManagerPushEnable: m.Bits == team.RemindManagers,
			PushEnable: m.Bits == team.RemindAll, CreateTime: m.JoinMs, UpdateTime: m.UpdatedMs}
	}
	return with("data", out), nil
}

type mutedMember struct {
	Nick  string `json:"nick"`
	Accid string `json:"accid"`
	TID   int64  `json:"tid"`
	Type  int64  `json:"type"` // 0 ordinary, 1 owner, 2 manager
}

// teamMuted returns the members that are muted themselves, to owner and managers.
func (a *API) teamMuted(ctx context.Context, c *Call, p teamOwner) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Owner); err != nil {
		return nil, err
	}
	if err := a.Teams.CheckRole(ctx, c.App.Key, p.Owner, team.Normal, p.TID, team.Owner, team.Manager); err != nil {
		return nil, err
	}
	members, err := a.Teams.AllMembers(ctx, c.App.Key, team.Normal, p.TID, team.MemberQuery{Muted: true})
	if err != nil {
		return nil, err
	}
	out := make([]mutedMember, len(members))
	for i, m := range members {
		out[i] = mutedMember{Nick: m.Nick, Accid: m.Accid, TID: m.TID, Type: int64(m.Role)}
	}
	return with("mutes", out), nil
}

type onlineMembers struct {
	Count  int                       `json:"count"`
	Status map[string][]onlineClient `json:"status"`
}

// teamOnline returns who of a team is online, and with which clients.
func (a *API) teamOnline(ctx context.Context, c *Call, p teamID) (Result, error) {
	members, err := a.Teams.AllMembers(ctx, c.App.Key, team.Normal, p.TID, team.MemberQuery{})
	if err != nil {
		return nil, err
	}
	out := onlineMembers{Status: map[string][]onlineClient{}}
	for _, m := range members {
		if devices := a.Presence.Devices(c.App.Key, m.Accid); len(devices) > 0 {
			out.Status[m.Accid] = clientsOf(devices)
		}
	}
	out.Count = len(out.Status)
	return with("data", out), nil
}

func clientsOf(devices []*presence.Device) []onlineClient {
	var out []onlineClient
	for _, d := range devices {
		out = append(out, onlineClient{ClientType: d.ClientType, LoginTime: d.LoginMs})
	}
	return out
}

type teamsParams struct {
	TIDs []int64 `form:"tids,required,array,max=30"`
}

type onlineCount struct {
	TID     int64 `json:"tid"`
	Online  int   `json:"onlineUserCount"`
	Offline int   `json:"offlineUserCount"`
}

// teamOnlineCount counts the members of teams that are online.
func (a *API) teamOnlineCount(ctx context.Context, c *Call, p teamsParams) (Result, error) {
	out := make([]onlineCount, len(p.TIDs))
	for i, tid := range p.TIDs {
		members, err := a.Teams.AllMembers(ctx, c.App.Key, team.Normal, tid, team.MemberQuery{})
		if im.CodeOf(err) == im.CodeTeamNotFound {
			return nil, im.Errorf(im.CodeTeamNotFound, "team %s does not exist", strconv.FormatInt(tid, 10))
		} else if err != nil {
			return nil, err
		}
		out[i].TID = tid
		for _, m := range members {
			if len(a.Presence.Devices(c.App.Key, m.Accid)) > 0 {
				out[i].Online++
			} else {
				out[i].Offline++
			}
		}
	}
	return with("data", out), nil
}
