package nimgw

import (
	"context"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/session"
	"hongyan/internal/im/team"
)

// teamTo is a team as clients receive it; mine says whether the reader is a
// member (docs/protocol/nim-social.md section 3.1).
func teamTo(t *team.Team, mine bool) nimwire.Team {
	w := tinfo(t)
	w.ValidToCurrentUser = wire.Bool(mine && t.Valid)
	return w
}

// tinfo is teamTo inside notifications, which many read.
func tinfo(t *team.Team) nimwire.Team {
	return nimwire.Team{
		TeamId: wire.Int(t.TID), Name: wire.Str(t.Name), Type: wire.Int(int64(t.Type)), Owner: wire.Str(t.Owner), Level: wire.Int(t.Level),
		Valid: wire.Bool(t.Valid), MemberNum: wire.Int(t.MemberNum), MemberUpdateTime: wire.Int(t.MemberMs), CreateTime: wire.Int(t.CreatedMs),
		UpdateTime: wire.Int(t.UpdatedMs), Intro: text(t.Intro), Announcement: text(t.Announcement), JoinMode: wire.Int(t.JoinMode), Bits: wire.Int(0),
		Ext: text(t.Ext), ServerExt: text(t.ServerExt), Avatar: text(t.Avatar), BeInviteMode: wire.Int(t.BeInviteMode), InviteMode: wire.Int(t.InviteMode),
		UpdateTeamMode: wire.Int(t.UpdateMode), UpdateExtMode: wire.Int(t.ExtMode), Mute: wire.Bool(t.MuteType != team.MuteNone), MuteType: wire.Int(t.MuteType),
	}
}

// changedInfo is tinfo of an update: the id, the time and the changed fields.
func changedInfo(t *team.Team, u *team.Update) nimwire.Team {
	w := nimwire.Team{TeamId: wire.Int(t.TID), UpdateTime: wire.Int(t.UpdatedMs)}
	for _, f := range []struct {
		v   *string
		dst *wire.Value
	}{{u.Name, &w.Name}, {u.Intro, &w.Intro}, {u.Announcement, &w.Announcement}, {u.Avatar, &w.Avatar}, {u.Ext, &w.Ext}, {u.ServerExt, &w.ServerExt}} {
		if f.v != nil {
			*f.dst = wire.Str(*f.v)
		}
	}
	for _, f := range []struct {
		v   *int64
		dst *wire.Value
	}{{u.JoinMode, &w.JoinMode}, {u.BeInviteMode, &w.BeInviteMode}, {u.InviteMode, &w.InviteMode}, {u.UpdateMode, &w.UpdateTeamMode}, {u.ExtMode, &w.UpdateExtMode}, {u.Level, &w.Level}} {
		if f.v != nil {
			*f.dst = wire.Int(*f.v)
		}
	}
	if u.MuteType != nil {
		w.Mute, w.MuteType = wire.Bool(*u.MuteType != team.MuteNone), wire.Int(*u.MuteType)
	}
	return w
}

// teamMemberTo is a member as reader receives it; the reminder setting is its
// owner's alone (section 3.2).
func teamMemberTo(m *team.Member, reader string) nimwire.TeamMember {
	w := nimwire.TeamMember{
		TeamId: wire.Int(m.TID), Account: wire.Str(m.Accid), Type: wire.Int(int64(m.Role)), NickInTeam: text(m.Nick), Active: wire.Bool(true),
		Valid: wire.Bool(m.Valid), JoinTime: wire.Int(m.JoinMs), UpdateTime: wire.Int(m.UpdatedMs), Ext: text(m.Ext), Mute: wire.Bool(m.Muted), InvitorAccid: text(m.Inviter),
	}
	if m.Accid == reader {
		w.Bits = wire.Int(m.Bits)
	}
	return w
}

func teamMembersTo(members []*team.Member, reader string) []nimwire.TeamMember {
	out := make([]nimwire.TeamMember, len(members))
	for i, m := range members {
		out[i] = teamMemberTo(m, reader)
	}
	return out
}

// superNote is the notification id of a super team for that of a team (section 7).
func superNote(id team.NoteID) int {
	switch id {
	case team.NotePassApply:
		return 410
	case team.NoteAccept:
		return 411
	case team.NoteMuteMember:
		return 409
	case team.NoteTransfer, team.NoteAddManagers, team.NoteRemoveManagers:
		return 400 + int(id)
	default: // add, remove, leave, update, dismiss
		return 401 + int(id)
	}
}

// TeamAttach is the content of a notification message: a JSON text with wire
// tags as keys (docs/protocol/nim-social.md section 7).
func TeamAttach(n *team.Notification) string {
	super := n.Team.Kind == team.Super
	id := int(n.ID)
	if super {
		id = superNote(n.ID)
	}
	b := append([]byte(`{"id":`), strconv.Itoa(id)...)
	b = append(b, `,"data":{`...)
	first := true
	key := func(k string) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, k...)
		b = append(b, `":`...)
	}
	ids, one := n.Accids, n.Accid
	if n.ID == team.NoteMuteMember {
		if super {
			one = ""
		} else {
			ids = nil
		}
	}
	if ids != nil {
		key("ids")
		b = wire.AppendStrings(b, ids)
	}
	if one != "" {
		key("id")
		b = wire.AppendString(b, one)
	}
	if n.ID == team.NoteMuteMember {
		key("mute")
		b = strconv.AppendInt(b, flag(n.Mute), 10)
	}
	if n.ID != team.NoteDismiss {
		w := tinfo(n.Team)
		if n.Changed != nil {
			w = changedInfo(n.Team, n.Changed)
		}
		key("tinfo")
		b = w.AppendProperty(b)
	}
	key("uinfos")
	users := make([]nimwire.User, len(n.Users))
	for i, a := range n.Users {
		users[i] = nimwire.User{Account: wire.Str(a.Accid), Nick: wire.Str(a.Card.Name), Avatar: wire.Str(a.Card.Icon), UpdateTime: wire.Int(a.Card.UpdatedMs)}
	}
	b = wire.AppendProperties(b, users)
	if n.Attach != nil {
		key("attach")
		b = wire.AppendString(b, *n.Attach)
	}
	return string(append(b, "}}"...))
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// TeamNotify encodes the system notifications of teams, types 0 to 3, and of super
// teams, 15 to 18 (docs/protocol/nim-social.md section 8).
func TeamNotify(n team.Notify) []*notice.Notice {
	types := [...]notice.Type{notice.ApplyTeam, notice.RejectTeamApply, notice.TeamInvite, notice.RejectTeamInvite}
	if n.Team.Kind == team.Super {
		types = [...]notice.Type{notice.ApplySuperTeam, notice.RejectSuperTeamApply, notice.SuperTeamInvite, notice.RejectSuperTeamInvite}
	}
	attach := ""
	if n.Type == team.NotifyInvite || n.Type == team.NotifyApplyRejected {
		w := tinfo(n.Team)
		b := w.AppendProperty([]byte(`{"tinfo":`))
		if n.Attach != nil {
			b = wire.AppendString(append(b, `,"attach":`...), *n.Attach)
		}
		attach = string(append(b, '}'))
	}
	out := make([]*notice.Notice, len(n.To))
	for i, to := range n.To {
		out[i] = &notice.Notice{App: n.App, Receiver: to, Type: types[n.Type], To: strconv.FormatInt(n.Team.TID, 10), From: n.From, Content: n.Text, Attach: attach}
	}
	return out
}

// teamEvents are the events of teams and super teams.
func (p *Product) teamEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{
		team.EventCreated:  p.onTeamCreated,
		team.EventMember:   p.onTeamMember,
		team.EventReceipts: p.onTeamReceipts,
	}
}

// onTeamCreated is 8-101, or 21-101, for the creator's other devices.
func (p *Product) onTeamCreated(ev im.Event, sessions []*gateway.Session) {
	t, err := team.DecodeTeam(ev.Body)
	if err != nil {
		p.c.Log.Error("team event", "err", err)
		return
	}
	w := teamTo(t, true)
	var frame []byte
	if t.Kind == team.Super {
		frame = pushFrame(nimwire.SyncCreateSuperTeam.PushID(), &nimwire.SyncCreateSuperTeamResponse{SuperTeam: &w})
	} else {
		frame = pushFrame(nimwire.SyncCreateTeam.PushID(), &nimwire.SyncCreateTeamResponse{Team: &w})
	}
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}

// onTeamMember is 8-119, or 21-110: to the member's other devices with its
// reminder setting, to the other members without and only if they can see it.
func (p *Product) onTeamMember(ev im.Event, sessions []*gateway.Session) {
	e, err := team.DecodeMember(ev.Body)
	if err != nil {
		p.c.Log.Error("team member event", "err", err)
		return
	}
	frame := func(reader string) []byte {
		if e.Kind == team.Super {
			w := superMemberTo(&e.Member, reader)
			return pushFrame(nimwire.SyncUpdateSuperTeamMember.PushID(), &nimwire.SyncUpdateSuperTeamMemberResponse{TeamMember: &w})
		}
		w := teamMemberTo(&e.Member, reader)
		return pushFrame(nimwire.SyncUpdateTeamMember.PushID(), &nimwire.SyncUpdateTeamMemberResponse{TeamMember: &w})
	}
	var mine, theirs []byte
	others(ev, sessions, func(s *gateway.Session) {
		switch {
		case s.Accid() == e.Member.Accid:
			if mine == nil {
				mine = frame(e.Member.Accid)
			}
			s.PutFrame(mine)
		case e.Public:
			if theirs == nil {
				theirs = frame("")
			}
			s.PutFrame(theirs)
		}
	})
}

// teams is 8-109.
func (r *syncRun) teams(ctx context.Context) error {
	if !r.ask.Teams.IsSet() || !r.has.Any(session.HasTeams) {
		return nil
	}
	teams, _, _, err := r.p.teamsOf(ctx, r.s, team.Normal, r.ask.Teams.Int())
	if err != nil || len(teams) == 0 {
		return err
	}
	r.send(nimwire.SyncTeams, &nimwire.SyncTeamsResponse{Timetag: r.startMs, Teams: teams})
	return nil
}

// myTeamMembers is 8-126.
func (r *syncRun) myTeamMembers(ctx context.Context) error {
	if !r.ask.MyTeamMembers.IsSet() || !r.has.Any(session.HasTeams) {
		return nil
	}
	entries, err := r.ownMembers(ctx, team.Normal, r.ask.MyTeamMembers.Int())
	if err != nil || len(entries) == 0 {
		return err
	}
	out := make([]nimwire.TeamMember, len(entries))
	for i, m := range entries {
		out[i] = teamMemberTo(m, m.Accid)
	}
	r.send(nimwire.SyncMyTeamMembers, &nimwire.SyncMyTeamMembersResponse{TeamMembers: out, Timetag: r.startMs})
	return nil
}

// ownMembers are the account's own records, those that changed since a time.
func (r *syncRun) ownMembers(ctx context.Context, k team.Kind, since int64) ([]*team.Member, error) {
	_, entries, whole, err := r.p.teamsOf(ctx, r.s, k, since)
	if err != nil {
		return nil, err
	}
	var out []*team.Member
	for _, e := range entries {
		if whole || e.Member.UpdatedMs > since-im.OverlapMs {
			out = append(out, e.Member)
		}
	}
	return out, nil
}
