package team

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Largest lists and texts (docs/protocol/nim-social.md section 5.2).
const (
	maxAccounts    = 200
	maxManagers    = 10
	maxName        = 64
	maxIntro       = 512
	maxText        = 1024 // announcement, avatar, ext, member ext
	maxInviteText  = 5000
	maxInviteExtra = 512
	maxNick        = 32
)

func (t *Team) tid() string { return strconv.FormatInt(t.TID, 10) }

// Update changes the given fields of a team; an empty text clears one.
type Update struct {
	Name, Intro, Announcement, Avatar, Ext, ServerExt       *string
	JoinMode, BeInviteMode, InviteMode, UpdateMode, ExtMode *int64
	MuteType                                                *int64
	Level                                                   *int64
}

func (u *Update) check(set *app.Settings, k Kind) error {
	if u.Name != nil && *u.Name == "" {
		return im.Errorf(im.CodeBadParam, "a team must have a name")
	}
	for _, f := range []struct {
		name  string
		text  *string
		limit int
	}{
		{"name", u.Name, maxName}, {"intro", u.Intro, maxIntro}, {"announcement", u.Announcement, maxText},
		{"avatar", u.Avatar, maxText}, {"ext", u.Ext, maxText}, {"server ext", u.ServerExt, maxText},
	} {
		if err := checkText(f.name, f.text, f.limit); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    *int64
		ok   func(int64) bool
	}{
		{"joinMode", u.JoinMode, func(n int64) bool { return n >= 0 && n <= 2 }},
		{"beInviteMode", u.BeInviteMode, binary}, {"inviteMode", u.InviteMode, binary},
		{"updateTeamMode", u.UpdateMode, binary}, {"updateExtMode", u.ExtMode, binary},
		{"muteType", u.MuteType, func(n int64) bool { return n == MuteNone || n == MuteOrdinary || n == MuteAll }},
		{"level", u.Level, func(n int64) bool { return n >= 2 && n <= maxMembers(set, k) }},
	} {
		if f.v != nil && !f.ok(*f.v) {
			return im.Errorf(im.CodeBadParam, "%s out of range", f.name)
		}
	}
	return nil
}

func binary(n int64) bool { return n == 0 || n == 1 }

func maxMembers(set *app.Settings, k Kind) int64 {
	if k == Super {
		return set.SuperTeamMembersMax
	}
	return set.TeamMembersMax
}

func (u *Update) apply(t *Team) {
	for _, f := range []struct{ src, dst *string }{
		{u.Name, &t.Name}, {u.Intro, &t.Intro}, {u.Announcement, &t.Announcement}, {u.Avatar, &t.Avatar}, {u.Ext, &t.Ext}, {u.ServerExt, &t.ServerExt},
	} {
		if f.src != nil {
			*f.dst = *f.src
		}
	}
	for _, f := range []struct{ src, dst *int64 }{
		{u.JoinMode, &t.JoinMode}, {u.BeInviteMode, &t.BeInviteMode}, {u.InviteMode, &t.InviteMode}, {u.UpdateMode, &t.UpdateMode},
		{u.ExtMode, &t.ExtMode}, {u.MuteType, &t.MuteType}, {u.Level, &t.Level},
	} {
		if f.src != nil {
			*f.dst = *f.src
		}
	}
}

// Creation asks for a new team.
type Creation struct {
	Kind   Kind
	Type   Type
	Fields Update // Name is needed
	Accids []string
	Text   string // of the invitations
	// Direct adds the accounts without asking them, Ask asks them first, whatever
	// beInviteMode says.
	Direct, Ask bool
	// QuietOnline and QuietStored are those of the Team.
	QuietOnline, QuietStored bool
}

// Create makes a team of which the actor is the owner. It returns the team and
// the accounts that were left out because they are in too many teams
// (docs/protocol/nim-social.md section 5.3, 8-1).
func (s *Service) Create(ctx context.Context, who Actor, c Creation) (*Team, []string, error) {
	set := &who.App.Settings
	if c.Fields.Name == nil {
		c.Fields.Name = new(string)
	}
	others, err := names(c.Accids, who.Accid, maxAccounts)
	if err != nil {
		return nil, nil, err
	}
	if len(others) >= maxAccounts { // the owner counts (docs/protocol/nim-social.md section 5.2)
		return nil, nil, im.Errorf(im.CodeBadParam, "at most %d accounts", maxAccounts)
	}
	if c.Type != Basic && c.Type != Advanced || c.Kind == Super && c.Type != Advanced {
		return nil, nil, im.Errorf(im.CodeBadParam, "team type")
	}
	if err := c.Fields.check(set, c.Kind); err != nil {
		return nil, nil, err
	}
	if err := checkText("invitation", &c.Text, maxInviteText); err != nil {
		return nil, nil, err
	}
	if err := s.exist(ctx, who.App.Key, others); err != nil {
		return nil, nil, err
	}
	tid := s.c.IDs.Next()
	var made *Team
	var aborted, asked []string
	err = s.change(ctx, who, c.Kind.Key(tid), others, Needs{Owned: who.Accid, Joined: true}, func(e *edit) error {
		aborted, asked = nil, nil
		if e.Owned >= set.TeamsCreatedMax || e.Joined[who.Accid] >= set.TeamsJoinedMax {
			return im.Errorf(im.CodeTooManyTeams, "too many teams")
		}
		t := &Team{App: who.App.Key, Kind: c.Kind, TID: tid, Type: c.Type, Owner: who.Accid, Valid: true, Level: maxMembers(set, c.Kind),
			JoinMode: JoinVerify, QuietOnline: c.QuietOnline, QuietStored: c.QuietStored, CreatedMs: e.NowMs, MemberMs: e.NowMs}
		if c.Kind == Super {
			t.Level = min(t.Level, largeSuperTeam)
		}
		c.Fields.apply(t)
		if c.Type == Basic {
			t.JoinMode, t.BeInviteMode, t.InviteMode, t.UpdateMode, t.ExtMode = JoinNever, ConsentNot, ByAll, ByAll, ByAll
		}
		if int64(len(others))+1 > t.Level {
			return im.Errorf(im.CodeTeamFull, "more accounts than the team may have members")
		}
		e.Team, made = t, t
		first := Step{Joined: []*Member{e.join(who.Accid, "", Owner)}}
		direct := c.Direct || t.Type == Basic || t.BeInviteMode == ConsentNot && !c.Ask
		var added []string
		for _, id := range others {
			switch {
			case e.Joined[id] >= set.TeamsJoinedMax:
				aborted = append(aborted, id)
			case direct:
				first.Joined, added = append(first.Joined, e.join(id, who.Accid, Ordinary)), append(added, id)
			default:
				asked = append(asked, id)
				e.out.Put = append(e.out.Put, Pending{Kind: Invitation, Accid: id, By: who.Accid, Ms: e.NowMs})
			}
		}
		e.updated()
		e.tell(Notify{Type: NotifyInvite, To: asked, Text: c.Text})
		if len(added) > 0 {
			e.say(who.Accid, Notification{ID: NoteAdd, Accids: added, Users: e.users(append(added, who.Accid)...)}, first)
		} else {
			e.out.Steps = append(e.out.Steps, first)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	s.c.Bus.Publish(im.Event{Kind: EventCreated, App: who.App.Key, To: who.Accid, Origin: who.Origin, Body: mustJSON(made)})
	return made, aborted, nil
}

// Dismiss ends a team (8-12).
func (s *Service) Dismiss(ctx context.Context, who Actor, k Kind, tid int64) error {
	return s.change(ctx, who, k.Key(tid), nil, Needs{}, func(e *edit) error {
		if _, err := e.allowed(OpDismiss); err != nil {
			return err
		}
		e.dismiss(who.Accid)
		return nil
	})
}

func (e *edit) dismiss(by string) {
	e.Team.Valid, e.Team.MemberNum = false, 0
	e.updated()
	e.say(by, Notification{ID: NoteDismiss, Users: e.users(by)}, Step{Dismissed: true})
}

// Leave takes the actor out (8-8). The owner of an advanced team must transfer
// it first; that of a normal team hands it to who joined next, and the last one
// dismisses it.
func (s *Service) Leave(ctx context.Context, who Actor, k Kind, tid int64) error {
	return s.change(ctx, who, k.Key(tid), nil, Needs{Heir: true}, func(e *edit) error {
		m, err := e.allowed(OpLeave)
		if err != nil {
			return err
		}
		if m.Role == Owner {
			if e.Heir == nil {
				e.dismiss(who.Accid)
				return nil
			}
			e.Heir.Role, m.Role = Owner, Ordinary
			e.Team.Owner = e.Heir.Accid
			e.touch(e.Heir)
			e.updated()
			e.say(who.Accid, Notification{ID: NoteTransfer, Accid: e.Heir.Accid, Users: e.users(who.Accid, e.Heir.Accid)}, Step{})
		}
		e.depart(m)
		return nil
	})
}

func (e *edit) depart(m *Member) {
	e.leave(m)
	e.say(m.Accid, Notification{ID: NoteLeave, Users: e.users(m.Accid)}, Step{Left: []*Member{m}})
}

// Transfer hands a team to another member; with leave the old owner leaves
// afterwards (8-18).
func (s *Service) Transfer(ctx context.Context, who Actor, k Kind, tid int64, to string, leave bool) error {
	to, ok := im.NormalizeAccid(to)
	if !ok {
		return errNotMember()
	}
	return s.change(ctx, who, k.Key(tid), []string{to}, Needs{}, func(e *edit) error {
		m, err := e.allowed(OpTransfer)
		if err != nil {
			return err
		}
		if to == who.Accid {
			return im.Errorf(im.CodeBadParam, "already the owner")
		}
		heir := e.valid(to)
		if heir == nil {
			return errNotMember()
		}
		m.Role, heir.Role, heir.Muted = Ordinary, Owner, false
		e.Team.Owner = to
		e.touch(m)
		e.touch(heir)
		e.updated()
		e.say(who.Accid, Notification{ID: NoteTransfer, Accid: to, Users: e.users(who.Accid, to)}, Step{})
		if leave {
			e.depart(m)
		}
		return nil
	})
}

// UpdateInfo changes fields of a team and returns the time of the change (8-7).
func (s *Service) UpdateInfo(ctx context.Context, who Actor, k Kind, tid int64, u Update) (int64, error) {
	if err := u.check(&who.App.Settings, k); err != nil {
		return 0, err
	}
	var at int64
	err := s.change(ctx, who, k.Key(tid), nil, Needs{}, func(e *edit) error {
		if _, err := e.allowed(OpRead); err != nil {
			return err
		}
		basic := e.Team.Type == Basic
		if basic && (u.Intro != nil || u.Announcement != nil) {
			return errType()
		}
		for _, g := range []struct {
			touched bool
			op      Op
		}{
			{u.Name != nil || u.Intro != nil || u.Announcement != nil || u.Avatar != nil, OpUpdateInfo},
			{u.Ext != nil || u.ServerExt != nil, OpUpdateExt},
			{u.JoinMode != nil || u.BeInviteMode != nil || u.InviteMode != nil || u.UpdateMode != nil || u.ExtMode != nil || u.Level != nil, OpUpdateModes},
			{u.MuteType != nil, OpMuteTeam},
		} {
			if g.touched {
				if _, err := e.allowed(g.op); err != nil {
					return err
				}
			}
		}
		if u.Level != nil && *u.Level < e.Team.MemberNum {
			return im.Errorf(im.CodeBadParam, "the team has more members")
		}
		u.apply(e.Team)
		e.updated()
		at = e.Team.UpdatedMs
		e.say(who.Accid, Notification{ID: NoteUpdate, Changed: &u, Users: e.users(who.Accid)}, Step{})
		return nil
	})
	return at, err
}

// MuteTeam silences ordinary members, or ends any silence (8-32).
func (s *Service) MuteTeam(ctx context.Context, who Actor, k Kind, tid int64, mute bool) error {
	to := MuteNone
	if mute {
		to = MuteOrdinary
	}
	_, err := s.UpdateInfo(ctx, who, k, tid, Update{MuteType: &to})
	return err
}
