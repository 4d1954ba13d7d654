package nimgw

import (
	"context"
	"strconv"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
	"hongyan/internal/im/team"
)

// superTeamRows are the commands of super teams (docs/protocol/nim-social.md section 6).
func (p *Product) superTeamRows() []gateway.Row {
	return []gateway.Row{
		gateway.Submit(nimwire.SendSuperTeamMsg, p.sendSuperTeamMsg),
		gateway.Handle(nimwire.GetHistorySuperTeamMsgs, p.superTeamHistory),
		gateway.Handle(nimwire.AddSuperTeamMembers, p.addSuperTeamMembers),
		gateway.Handle(nimwire.RemoveSuperTeamMembers, p.removeSuperTeamMembers),
		gateway.Handle(nimwire.LeaveSuperTeam, p.leaveSuperTeam),
		gateway.Handle(nimwire.UpdateSuperTeamInfo, p.updateSuperTeamInfo),
		gateway.Handle(nimwire.GetSuperTeamInfo, p.superTeamInfo),
		gateway.Handle(nimwire.UpdateMySuperTeamMemberInfo, p.updateMySuperTeamMember),
		gateway.Handle(nimwire.GetSuperTeams, p.getSuperTeams),
		gateway.Handle(nimwire.GetSuperTeamMembers, p.superTeamMembers),
		gateway.Handle(nimwire.GetSuperTeamMembersByAccounts, p.superTeamMembersByAccounts),
		gateway.Handle(nimwire.QueryMuteSuperTeamMembers, p.mutedSuperTeamMembers),
		gateway.Handle(nimwire.ApplySuperTeam, p.applySuperTeam),
		gateway.Handle(nimwire.PassSuperTeamApply, p.passSuperTeamApply),
		gateway.Handle(nimwire.RejectSuperTeamApply, p.rejectSuperTeamApply),
		gateway.Handle(nimwire.AcceptSuperTeamInvite, p.acceptSuperTeamInvite),
		gateway.Handle(nimwire.RejectSuperTeamInvite, p.rejectSuperTeamInvite),
		gateway.Handle(nimwire.AddSuperTeamManagers, p.addSuperTeamManagers),
		gateway.Handle(nimwire.RemoveSuperTeamManagers, p.removeSuperTeamManagers),
		gateway.Handle(nimwire.MuteSuperTeam, p.muteSuperTeam),
		gateway.Handle(nimwire.MuteSuperTeamMembers, p.muteSuperTeamMembers),
		gateway.Handle(nimwire.UpdateSuperTeamMemberNick, p.updateSuperTeamNick),
		gateway.Handle(nimwire.TransferSuperTeam, p.transferSuperTeam),
	}
}

// superMemberTo is teamMemberTo for super teams, whose join time has another tag.
func superMemberTo(m *team.Member, reader string) nimwire.SuperTeamMember {
	w := nimwire.SuperTeamMember{
		TeamId: wire.Int(m.TID), Account: wire.Str(m.Accid), Type: wire.Int(int64(m.Role)), NickInTeam: text(m.Nick), Active: wire.Bool(true),
		Valid: wire.Bool(m.Valid), UpdateTime: wire.Int(m.UpdatedMs), Ext: text(m.Ext), Mute: wire.Bool(m.Muted), InvitorAccid: text(m.Inviter), JoinTime: wire.Int(m.JoinMs),
	}
	if m.Accid == reader {
		w.Bits = wire.Int(m.Bits)
	}
	return w
}

func superMembersTo(members []*team.Member, reader string) []nimwire.SuperTeamMember {
	out := make([]nimwire.SuperTeamMember, len(members))
	for i, m := range members {
		out[i] = superMemberTo(m, reader)
	}
	return out
}

// sendSuperTeamMsg is 21-2.
func (p *Product) sendSuperTeamMsg(ctx context.Context, s *gateway.Session, req *nimwire.SendSuperTeamMsgRequest, reply func(wire.REncoder, error)) error {
	return p.sendToTeam(ctx, s, &req.Msg, im.SceneSuperTeam, func(w *nimwire.Msg) wire.REncoder { return &nimwire.SendSuperTeamMsgResponse{Msg: w} }, reply)
}

// superTeamHistory is 21-14.
func (p *Product) superTeamHistory(ctx context.Context, s *gateway.Session, req *nimwire.GetHistorySuperTeamMsgsRequest) (*nimwire.GetHistorySuperTeamMsgsResponse, error) {
	msgs, err := p.historyOf(ctx, s, team.Super, req.To, message.HistoryQuery{BeginMs: req.BeginTime, EndMs: req.EndTime, LastID: req.LastMsgId,
		Ascending: req.Reverse, Limit: int(req.Limit), Types: req.MsgTypes})
	if err != nil {
		return nil, err
	}
	return &nimwire.GetHistorySuperTeamMsgsResponse{Msgs: msgs}, nil
}

// addSuperTeamMembers is 21-5; its answer is the other way round than that of 8-5.
func (p *Product) addSuperTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.AddSuperTeamMembersRequest) (*nimwire.AddSuperTeamMembersResponse, error) {
	out, err := p.c.Teams.Invite(ctx, p.askingToInvite(s, askSuperInvite, team.Super, req.TeamId, req.Accounts, req.Ps), team.Super, req.TeamId, team.Invite{Accids: req.Accounts, Text: req.Ps})
	if err != nil {
		return nil, err
	}
	return &nimwire.AddSuperTeamMembersResponse{AbortedAccidList: list(out.Aborted), Time: out.TimeMs}, outcome(inviteCode(out))
}

func (p *Product) removeSuperTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.RemoveSuperTeamMembersRequest) (*gateway.None, error) {
	_, err := p.c.Teams.Remove(ctx, p.asking(s, askSuperRemove, req.TeamId, teamQuestion{Removed: req.Accounts}), team.Super, req.TeamId, req.Accounts)
	return nil, err
}

func (p *Product) leaveSuperTeam(ctx context.Context, s *gateway.Session, req *nimwire.LeaveSuperTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.Leave(ctx, p.asking(s, askSuperLeave, req.TeamId, teamQuestion{}), team.Super, req.TeamId)
}

// updateSuperTeamInfo is 21-8.
func (p *Product) updateSuperTeamInfo(ctx context.Context, s *gateway.Session, req *nimwire.UpdateSuperTeamInfoRequest) (*nimwire.UpdateSuperTeamInfoResponse, error) {
	u, err := teamUpdate(&req.SuperTeam)
	if err != nil {
		return nil, err
	}
	at, err := p.c.Teams.UpdateInfo(ctx, p.asking(s, askSuperUpdate, req.SuperTeam.TeamId.Int(), teamQuestion{teamFields: fieldsOf(u)}), team.Super, req.SuperTeam.TeamId.Int(), u)
	if err != nil {
		return nil, err
	}
	return &nimwire.UpdateSuperTeamInfoResponse{Time: at}, nil
}

func (p *Product) superTeamInfo(ctx context.Context, s *gateway.Session, req *nimwire.GetSuperTeamInfoRequest) (*nimwire.GetSuperTeamInfoResponse, error) {
	w, err := p.getTeam(ctx, s, team.Super, req.TeamId)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetSuperTeamInfoResponse{SuperTeam: w}, nil
}

func (p *Product) updateMySuperTeamMember(ctx context.Context, s *gateway.Session, req *nimwire.UpdateMySuperTeamMemberInfoRequest) (*gateway.None, error) {
	w := &req.TeamMember
	return nil, p.updateOwnMember(ctx, s, askSuperUpdateSelf, team.Super, w.TeamId.Int(), w.NickInTeam, w.Bits, w.Ext)
}

// getSuperTeams is 21-12.
func (p *Product) getSuperTeams(ctx context.Context, s *gateway.Session, req *nimwire.GetSuperTeamsRequest) (*nimwire.GetSuperTeamsResponse, error) {
	now := p.c.Clock.NowMs()
	teams, _, _, err := p.teamsOf(ctx, s, team.Super, req.Timetag)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetSuperTeamsResponse{SuperTeams: teams, Timetag: now}, nil
}

// superPage is one page of members by join time: after it, or before it when
// reverse; 0 is the respective end (section 6).
func (p *Product) superPage(ctx context.Context, s *gateway.Session, tid, joinMs, limit int64, reverse, muted bool) ([]nimwire.SuperTeamMember, error) {
	if limit == 0 {
		limit = 100
	}
	if limit < 0 || limit > 1000 {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to 1000")
	}
	q := team.MemberQuery{Muted: muted, Limit: int(limit), Descending: reverse}
	if reverse {
		q.BeforeMs = joinMs
	} else {
		q.AfterMs = joinMs
	}
	members, err := p.c.Teams.Members(ctx, s.App().Key, s.Accid(), team.Super, tid, q)
	if err != nil {
		return nil, err
	}
	return superMembersTo(members, s.Accid()), nil
}

// superTeamMembers is 21-15.
func (p *Product) superTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.GetSuperTeamMembersRequest) (*nimwire.GetSuperTeamMembersResponse, error) {
	members, err := p.superPage(ctx, s, req.TeamId, req.JoinTime, req.Limit, req.Reverse, false)
	if err != nil {
		return nil, err
	}
	return &nimwire.GetSuperTeamMembersResponse{SuperTeamMembers: members}, nil
}

// mutedSuperTeamMembers is 21-34.
func (p *Product) mutedSuperTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.QueryMuteSuperTeamMembersRequest) (*nimwire.QueryMuteSuperTeamMembersResponse, error) {
	members, err := p.superPage(ctx, s, req.TeamId, req.JoinTime, req.Limit, req.Reverse, true)
	if err != nil {
		return nil, err
	}
	return &nimwire.QueryMuteSuperTeamMembersResponse{SuperTeamMembers: members}, nil
}

// superTeamMembersByAccounts is 21-33: names are "teamId|accid"; unknown ones are left out.
func (p *Product) superTeamMembersByAccounts(ctx context.Context, s *gateway.Session, req *nimwire.GetSuperTeamMembersByAccountsRequest) (*nimwire.GetSuperTeamMembersByAccountsResponse, error) {
	if len(req.MemberIds) < 1 || len(req.MemberIds) > 20 {
		return nil, im.Errorf(im.CodeBadParam, "1 to 20 members")
	}
	out := []nimwire.SuperTeamMember{}
	for _, name := range req.MemberIds {
		left, right, _ := strings.Cut(name, "|")
		tid, err := strconv.ParseInt(left, 10, 64)
		accid, ok := im.NormalizeAccid(right)
		if err != nil || !ok {
			return nil, im.Errorf(im.CodeBadParam, "teamId|accid")
		}
		members, err := p.c.Teams.Members(ctx, s.App().Key, s.Accid(), team.Super, tid, team.MemberQuery{Accids: []string{accid}})
		if err != nil {
			return nil, err
		}
		out = append(out, superMembersTo(members, s.Accid())...)
	}
	return &nimwire.GetSuperTeamMembersByAccountsResponse{SuperTeamMembers: out}, nil
}

// applySuperTeam is 21-20.
func (p *Product) applySuperTeam(ctx context.Context, s *gateway.Session, req *nimwire.ApplySuperTeamRequest) (*nimwire.ApplySuperTeamResponse, error) {
	t, waits, err := p.c.Teams.Apply(ctx, p.asking(s, askSuperApply, req.TeamId, teamQuestion{Msg: req.Ps}), team.Super, req.TeamId, req.Ps)
	if err != nil {
		return nil, err
	}
	w := teamTo(t, !waits)
	return &nimwire.ApplySuperTeamResponse{SuperTeam: &w}, outcome(applyCode(waits))
}

func (p *Product) passSuperTeamApply(ctx context.Context, s *gateway.Session, req *nimwire.PassSuperTeamApplyRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerApplication(ctx, actor(s), team.Super, req.TeamId, req.From, true, "")
}

func (p *Product) rejectSuperTeamApply(ctx context.Context, s *gateway.Session, req *nimwire.RejectSuperTeamApplyRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerApplication(ctx, actor(s), team.Super, req.TeamId, req.From, false, req.Ps)
}

func (p *Product) acceptSuperTeamInvite(ctx context.Context, s *gateway.Session, req *nimwire.AcceptSuperTeamInviteRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerInvitation(ctx, actor(s), team.Super, req.TeamId, req.From, true, "")
}

func (p *Product) rejectSuperTeamInvite(ctx context.Context, s *gateway.Session, req *nimwire.RejectSuperTeamInviteRequest) (*gateway.None, error) {
	return nil, p.c.Teams.AnswerInvitation(ctx, actor(s), team.Super, req.TeamId, req.From, false, req.Ps)
}

func (p *Product) addSuperTeamManagers(ctx context.Context, s *gateway.Session, req *nimwire.AddSuperTeamManagersRequest) (*gateway.None, error) {
	return nil, p.c.Teams.SetManagers(ctx, p.asking(s, askSuperAddManagers, req.TeamId, teamQuestion{Managers: req.Accounts}), team.Super, req.TeamId, req.Accounts, true)
}

func (p *Product) removeSuperTeamManagers(ctx context.Context, s *gateway.Session, req *nimwire.RemoveSuperTeamManagersRequest) (*gateway.None, error) {
	return nil, p.c.Teams.SetManagers(ctx, p.asking(s, askSuperRemoveManagers, req.TeamId, teamQuestion{Managers: req.Accounts}), team.Super, req.TeamId, req.Accounts, false)
}

func (p *Product) muteSuperTeam(ctx context.Context, s *gateway.Session, req *nimwire.MuteSuperTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.MuteTeam(ctx, p.asking(s, askSuperMute, req.TeamId, muteTeamQuestion(req.Mute != 0)), team.Super, req.TeamId, req.Mute != 0)
}

func (p *Product) muteSuperTeamMembers(ctx context.Context, s *gateway.Session, req *nimwire.MuteSuperTeamMembersRequest) (*gateway.None, error) {
	q := muteQuestion(req.Mute != 0)
	q.Muted = req.Accounts
	return nil, p.c.Teams.MuteMembers(ctx, p.asking(s, askSuperMuteMembers, req.TeamId, q), team.Super, req.TeamId, req.Accounts, req.Mute != 0)
}

// updateSuperTeamNick is 21-30.
func (p *Product) updateSuperTeamNick(ctx context.Context, s *gateway.Session, req *nimwire.UpdateSuperTeamMemberNickRequest) (*gateway.None, error) {
	w := &req.TeamMember
	u := team.MemberUpdate{Nick: given(w.NickInTeam)}
	_, err := p.c.Teams.UpdateMember(ctx, p.asking(s, askSuperNickOther, w.TeamId.Int(), memberQuestion(w.Account.String(), u)), team.Super, w.TeamId.Int(), w.Account.String(), u)
	return nil, err
}

func (p *Product) transferSuperTeam(ctx context.Context, s *gateway.Session, req *nimwire.TransferSuperTeamRequest) (*gateway.None, error) {
	return nil, p.c.Teams.Transfer(ctx, p.asking(s, askSuperTransfer, req.TeamId, transferQuestion(req.Account, req.Leave)), team.Super, req.TeamId, req.Account, req.Leave)
}

// superTeams is 21-109.
func (r *syncRun) superTeams(ctx context.Context) error {
	if !r.ask.SuperTeams.IsSet() || !r.has.Any(session.HasTeams) {
		return nil
	}
	teams, _, whole, err := r.p.teamsOf(ctx, r.s, team.Super, r.ask.SuperTeams.Int())
	if err != nil || len(teams) == 0 {
		return err
	}
	r.send(nimwire.SyncSuperTeams, &nimwire.SyncSuperTeamsResponse{Teams: teams, IsAll: whole, Timetag: r.startMs})
	return nil
}

// mySuperTeamMembers is 21-111.
func (r *syncRun) mySuperTeamMembers(ctx context.Context) error {
	if !r.ask.MyInfoInSuperTeams.IsSet() || !r.has.Any(session.HasTeams) {
		return nil
	}
	members, err := r.ownMembers(ctx, team.Super, r.ask.MyInfoInSuperTeams.Int())
	if err != nil || len(members) == 0 {
		return err
	}
	out := make([]nimwire.SuperTeamMember, len(members))
	for i, m := range members {
		out[i] = superMemberTo(m, m.Accid)
	}
	r.send(nimwire.SyncMySuperTeamMembers, &nimwire.SyncMySuperTeamMembersResponse{TeamMembers: out, Timetag: r.startMs})
	return nil
}
