package nimgw

import (
	"context"
	"encoding/json"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

// outcome is the code of an answer that is a success without being 200, or that
// has a body beside its code: 808, 810, 813, 816.
func outcome(code im.Code) error {
	if code == im.CodeOK {
		return nil
	}
	return im.Errorf(code, "%s", im.CodeText(code))
}

// teamRows are the commands of teams (docs/protocol/nim-social.md section 5.3).
func (p *Product) teamRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.CreateTeam, p.createTeam),
		gateway.Handle(nimwire.AddTeamMembers, p.addTeamMembers),
		gateway.Handle(nimwire.RemoveTeamMembers, p.removeTeamMembers),
		gateway.Handle(nimwire.UpdateTeamInfo, p.updateTeamInfo),
		gateway.Handle(nimwire.LeaveTeam, p.leaveTeam),
		gateway.Handle(nimwire.GetTeamInfo, p.teamInfo),
		gateway.Handle(nimwire.GetTeams, p.getTeams),
		gateway.Handle(nimwire.GetTeamMembers, p.teamMembers),
		gateway.Handle(nimwire.DismissTeam, p.dismissTeam),
		gateway.Handle(nimwire.ApplyTeam, p.applyTeam),
		gateway.Handle(nimwire.PassTeamApply, p.passTeamApply),
		gateway.Handle(nimwire.RejectTeamApply, p.rejectTeamApply),
		gateway.Handle(nimwire.AddTeamManagers, p.addTeamManagers),
		gateway.Handle(nimwire.RemoveTeamManagers, p.removeTeamManagers),
		gateway.Handle(nimwire.TransferTeam, p.transferTeam),
		gateway.Handle(nimwire.UpdateMyMemberInfo, p.updateMyMember),
		gateway.Handle(nimwire.UpdateNickInTeam, p.updateMemberNick),
		gateway.Handle(nimwire.AcceptTeamInvite, p.acceptTeamInvite),
		gateway.Handle(nimwire.RejectTeamInvite, p.rejectTeamInvite),
		gateway.Handle(nimwire.MuteTeamMember, p.muteTeamMember),
		gateway.Handle(nimwire.GetMutedTeamMembers, p.mutedTeamMembers),
		gateway.Handle(nimwire.MuteTeam, p.muteTeam),
		gateway.Handle(nimwire.GetTeamMemberInvitorAccid, p.teamInviters),
		gateway.Handle(nimwire.GetTeamsById, p.teamsByID),
		gateway.Submit(nimwire.SendTeamMsg, p.sendTeamMsg),
		gateway.Handle(nimwire.GetHistoryTeamMsgs, p.teamHistory),
		gateway.Handle(nimwire.SendTeamMsgReceipt, p.sendTeamReceipts),
		gateway.Handle(nimwire.GetTeamMsgReads, p.teamReads),
		gateway.Handle(nimwire.GetTeamMsgReadAccounts, p.teamReadAccounts),
	}
}

// actor is who asks.
func actor(s *gateway.Session) team.Actor {
	d := s.Login().Device
	return team.Actor{App: s.App(), Accid: d.Accid, ClientType: d.ClientType, Origin: s.ID, Peer: peerOf(s)}
}

// teamUpdate takes the fields of a team that a client may set. An empty text
// clears; numbers that are not there stay as they are.
func teamUpdate(w *nimwire.Team) (team.Update, error) {
	u := team.Update{Name: given(w.Name), Intro: given(w.Intro), Announcement: given(w.Announcement), Avatar: given(w.Avatar), Ext: given(w.Ext)}
	for _, f := range []struct {
		v   wire.Value
		dst **int64
	}{{w.JoinMode, &u.JoinMode}, {w.BeInviteMode, &u.BeInviteMode}, {w.InviteMode, &u.InviteMode}, {w.UpdateTeamMode, &u.UpdateMode}, {w.UpdateExtMode, &u.ExtMode}} {
		if !f.v.IsSet() {
			continue
		}
		n, ok := f.v.IntOK()
		if !ok {
			return u, im.Errorf(im.CodeBadParam, "mode")
		}
		*f.dst = &n
	}
	return u, nil
}

// createTeam is 8-1.
func (p *Product) createTeam(ctx context.Context, s *gateway.Session, req *nimwire.CreateTeamRequest) (*nimwire.CreateTeamResponse, error) {
	u, err := teamUpdate(&req.Team)
	if err != nil {
		return nil, err
	}
	if req.Team.Level.IsSet() {
		level := req.Team.Level.Int()
		u.Level = &level
	}
	c := team.Creation{Kind: team.Normal, Type: team.Type(req.Team.Type.IntOr(1)), Fields: u, Accids: req.Accounts, Text: req.Ps}
	t, aborted, err := p.c.Teams.Create(ctx, p.askingToCreate(s, c), c)
	if err != nil {
		return nil, err
	}
	w := teamTo(t, true)
	return &nimwire.CreateTeamResponse{Team: &w, AbortedAccidList: list(aborted)}, nil
}

// list is never nil: the answer has the element, empty or not.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// addTeamMembers is 8-5.
func (p *Product) addTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.AddTeamMembersRequest) (*nimwire.AddTeamMembersResponse, error) {
	out, err := p.c.Teams.Invite(ctx, p.askingToInvite(s, askInvite, team.Normal, req.TeamId, req.Accounts, req.Ps), team.Normal, req.TeamId, team.Invite{Accids: req.Accounts, Text: req.Ps, Attach: given(req.Attach)})
	if err != nil {
		return nil, err
	}
	return &nimwire.AddTeamMembersResponse{Time: out.TimeMs, AbortedAccidList: list(out.Aborted)}, outcome(inviteCode(out))
}

func inviteCode(out *team.Invited) im.Code {
	switch {
	case len(out.Aborted) > 0:
		return im.CodeTeamPartly
	case out.Asked:
		return im.CodeTeamInvited
	default:
		return im.CodeOK
	}
}

func (p *Product) removeTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.RemoveTeamMembersRequest) (*gateway.None, error) {
	_, err := p.c.Teams.Remove(ctx, p.asking(s, askRemove, req.TeamId, teamQuestion{Removed: req.Accounts}), team.Normal, req.TeamId, req.Accounts)
	return nil, err
}

// updateTeamInfo is 8-7.
func (p *Product) updateTeamInfo(ctx context.Context, s *gateway.Session, req *nimwire.UpdateTeamInfoRequest) (*nimwire.UpdateTeamInfoResponse, error) {
	u, err := teamUpdate(&req.Team)
	if err != nil {
		return nil, err
	}
	at, err := p.c.Teams.UpdateInfo(ctx, p.asking(s, askUpdateTeam, req.Team.TeamId.Int(), teamQuestion{teamFields: fieldsOf(u)}), team.Normal, req.Team.TeamId.Int(), u)
	if err != nil {
		return nil, err
	}
	return &nimwire.UpdateTeamInfoResponse{Id: req.Team.TeamId.Int(), Time: at}, nil
}

func (p *Product) leaveTeam(ctx context.Context, s *gateway.Session, req *nimwire.LeaveTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.Leave(ctx, p.asking(s, askLeave, req.TeamId, teamQuestion{}), team.Normal, req.TeamId)
}

// getTeam is 8-9 and 21-9: anybody may read a team; tag 13 says whether it is one's own.
func (p *Product) getTeam(ctx context.Context, s *gateway.Session, k team.Kind, tid int64) (*nimwire.Team, error) {
	t, err := p.c.Teams.Get(ctx, s.App().Key, k, tid)
	if err != nil {
		return nil, err
	}
	err = p.c.Teams.Check(ctx, s.App().Key, s.Accid(), k, tid)
	if err != nil && im.CodeOf(err) != im.CodeTeamNotMember {
		return nil, err
	}
	w := teamTo(t, err == nil)
	return &w, nil
}

func (p *Product) teamInfo(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamInfoRequest) (*nimwire.GetTeamInfoResponse, error) {
	w, err := p.getTeam(ctx, s, team.Normal, req.TeamId)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetTeamInfoResponse{Team: w}, nil
}

// teamsOf lists the account's teams; since 0 means the live ones.
func (p *Product) teamsOf(ctx context.Context, s *gateway.Session, k team.Kind, since int64) ([]nimwire.Team, []team.Entry, bool, error) {
	entries, whole, err := p.c.Teams.Of(ctx, s.App().Key, s.Accid(), k, since)
	if err != nil {
		return nil, nil, false, err
	}
	out := make([]nimwire.Team, len(entries))
	for i, e := range entries {
		out[i] = teamTo(e.Team, e.Member.Valid)
	}
	return out, entries, whole, nil
}

// getTeams is 8-10; a user without teams gets an empty list.
func (p *Product) getTeams(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamsRequest) (*nimwire.GetTeamsResponse, error) {
	now := p.c.Clock.NowMs()
	teams, _, _, err := p.teamsOf(ctx, s, team.Normal, req.Timetag)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetTeamsResponse{Teams: teams, Timetag: now}, nil
}

// teamMembers is 8-11.
func (p *Product) teamMembers(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamMembersRequest) (*nimwire.GetTeamMembersResponse, error) {
	now := p.c.Clock.NowMs()
	members, err := p.c.Teams.Members(ctx, s.App().Key, s.Accid(), team.Normal, req.TeamId, team.MemberQuery{})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetTeamMembersResponse{TeamId: strconv.FormatInt(req.TeamId, 10), TeamMembers: teamMembersTo(members, s.Accid()), Timetag: now}, nil
}

func (p *Product) dismissTeam(ctx context.Context, s *gateway.Session, req *nimwire.DismissTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.Dismiss(ctx, p.asking(s, askDismissTeam, req.TeamId, teamQuestion{}), team.Normal, req.TeamId)
}

// applyTeam is 8-13: 808 when the application waits.
func (p *Product) applyTeam(ctx context.Context, s *gateway.Session, req *nimwire.ApplyTeamRequest) (*nimwire.ApplyTeamResponse, error) {
	t, waits, err := p.c.Teams.Apply(ctx, p.asking(s, askApply, req.TeamId, teamQuestion{Msg: req.Ps}), team.Normal, req.TeamId, req.Ps)
	if err != nil {
		return nil, err
	}
	w := teamTo(t, !waits)
	return &nimwire.ApplyTeamResponse{Team: &w}, outcome(applyCode(waits))
}

func applyCode(waits bool) im.Code {
	if waits {
		return im.CodeTeamApplied
	}
	return im.CodeOK
}

func (p *Product) passTeamApply(ctx context.Context, s *gateway.Session, req *nimwire.PassTeamApplyRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerApplication(ctx, actor(s), team.Normal, req.TeamId, req.From, true, "")
}

func (p *Product) rejectTeamApply(ctx context.Context, s *gateway.Session, req *nimwire.RejectTeamApplyRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerApplication(ctx, actor(s), team.Normal, req.TeamId, req.From, false, req.Ps)
}

func (p *Product) addTeamManagers(ctx context.Context, s *gateway.Session, req *nimwire.AddTeamManagersRequest) (*gateway.None, error) {
	return nil, p.c.Teams.SetManagers(ctx, p.asking(s, askAddManagers, req.TeamId, teamQuestion{Managers: req.Accounts}), team.Normal, req.TeamId, req.Accounts, true)
}

func (p *Product) removeTeamManagers(ctx context.Context, s *gateway.Session, req *nimwire.RemoveTeamManagersRequest) (*gateway.None, error) {
	return nil, p.c.Teams.SetManagers(ctx, p.asking(s, askRemoveManagers, req.TeamId, teamQuestion{Managers: req.Accounts}), team.Normal, req.TeamId, req.Accounts, false)
}

func (p *Product) transferTeam(ctx context.Context, s *gateway.Session, req *nimwire.TransferTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.Transfer(ctx, p.asking(s, askTransfer, req.TeamId, transferQuestion(req.Account, req.Leave)), team.Normal, req.TeamId, req.Account, req.Leave)
}

// updateMyMember is 8-19.
func (p *Product) updateMyMember(ctx context.Context, s *gateway.Session, req *nimwire.UpdateMyMemberInfoRequest) (*gateway.None, error) {
	w := &req.TeamMember
	return nil, p.updateOwnMember(ctx, s, askUpdateSelf, team.Normal, w.TeamId.Int(), w.NickInTeam, w.Bits, w.Ext)
}

func (p *Product) updateOwnMember(ctx context.Context, s *gateway.Session, event int, k team.Kind, tid int64, nick, bits, ext wire.Value) error {
	u := team.MemberUpdate{Nick: given(nick), Ext: given(ext)}
	if bits.IsSet() {
		n, ok := bits.IntOK()
		if !ok {
			return im.Errorf(im.CodeBadParam, "bits")
		}
		u.Bits = &n
	}
	_, err := p.c.Teams.UpdateMember(ctx, p.asking(s, event, tid, memberQuestion("", u)), k, tid, s.Accid(), u)
	return err
}

// updateMemberNick is 8-20.
func (p *Product) updateMemberNick(ctx context.Context, s *gateway.Session, req *nimwire.UpdateNickInTeamRequest) (*gateway.None, error) {
	w := &req.TeamMember
	u := team.MemberUpdate{Nick: given(w.NickInTeam)}
	_, err := p.c.Teams.UpdateMember(ctx, p.asking(s, askNickOther, w.TeamId.Int(), memberQuestion(w.Account.String(), u)), team.Normal, w.TeamId.Int(), w.Account.String(), u)
	return nil, err
}

func (p *Product) acceptTeamInvite(ctx context.Context, s *gateway.Session, req *nimwire.AcceptTeamInviteRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerInvitation(ctx, actor(s), team.Normal, req.TeamId, req.From, true, "")
}

func (p *Product) rejectTeamInvite(ctx context.Context, s *gateway.Session, req *nimwire.RejectTeamInviteRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerInvitation(ctx, actor(s), team.Normal, req.TeamId, req.From, false, req.Ps)
}

func (p *Product) muteTeamMember(ctx context.Context, s *gateway.Session, req *nimwire.MuteTeamMemberRequest) (*gateway.None, error) {
	q := muteQuestion(req.Mute != 0)
	q.To = req.Account
	return nil, p.c.Teams.MuteMembers(ctx, p.asking(s, askMuteMember, req.TeamId, q), team.Normal, req.TeamId, []string{req.Account}, req.Mute != 0)
}

// mutedTeamMembers is 8-27: who is muted itself, not who the team's mute silences.
func (p *Product) mutedTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.GetMutedTeamMembersRequest) (*nimwire.GetMutedTeamMembersResponse, error) {
	members, err := p.c.Teams.Members(ctx, s.App().Key, s.Accid(), team.Normal, req.TeamId, team.MemberQuery{Muted: true})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetMutedTeamMembersResponse{TeamId: strconv.FormatInt(req.TeamId, 10), TeamMembers: teamMembersTo(members, s.Accid())}, nil
}

// muteTeam is 8-32.
func (p *Product) muteTeam(ctx context.Context, s *gateway.Session, req *nimwire.MuteTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.MuteTeam(ctx, p.asking(s, askUpdateTeam, req.TeamId, muteTeamQuestion(req.Mute != 0)), team.Normal, req.TeamId, req.Mute != 0)
}

// maxInviterQuery bounds 8-33 (docs/protocol/nim-social.md section 5.2).
const maxInviterQuery = 200

// teamInviters is 8-33: who brought members in; those that applied have no entry.
func (p *Product) teamInviters(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamMemberInvitorAccidRequest) (*nimwire.GetTeamMemberInvitorAccidResponse, error) {
	if len(req.Accounts) > maxInviterQuery {
		return nil, im.Errorf(im.CodeBadParam, "at most %d accounts", maxInviterQuery)
	}
	var q team.MemberQuery
	if len(req.Accounts) > 0 {
		q.Accids = []string{}
		for _, raw := range req.Accounts {
			if id, ok := im.NormalizeAccid(raw); ok {
				q.Accids = append(q.Accids, id)
			}
		}
	}
	members, err := p.c.Teams.Members(ctx, s.App().Key, s.Accid(), team.Normal, req.TeamId, q)
	if err != nil {
		return nil, err
	}
	by := map[string]string{}
	for _, m := range members {
		if m.Inviter != "" {
			by[m.Accid] = m.Inviter
		}
	}
	b, _ := json.Marshal(by) // texts only: cannot fail
	return &nimwire.GetTeamMemberInvitorAccidResponse{AccountsMap: b}, nil
}

// teamsByID is 8-34: 816 when some are missing.
func (p *Product) teamsByID(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamsByIdRequest) (*nimwire.GetTeamsByIdResponse, error) {
	found, missing, err := p.c.Teams.GetMany(ctx, s.App().Key, team.Normal, req.TeamIds)
	if err != nil {
		return nil, err
	}
	r := &nimwire.GetTeamsByIdResponse{Teams: make([]nimwire.Team, len(found)), Tids: []string{}}
	for i, t := range found {
		err := p.c.Teams.Check(ctx, s.App().Key, s.Accid(), team.Normal, t.TID)
		if err != nil && im.CodeOf(err) != im.CodeTeamNotMember {
			return nil, err
		}
		r.Teams[i] = teamTo(t, err == nil)
	}
	for _, tid := range missing {
		r.Tids = append(r.Tids, strconv.FormatInt(tid, 10))
	}
	if len(missing) > 0 {
		return r, outcome(im.CodeTeamsPartly)
	}
	return r, nil
}
