package team

import (
	"context"

	"hongyan/internal/im"
)

// Invited is the outcome of an invitation.
type Invited struct {
	TimeMs  int64
	Aborted []string // left out: in too many teams
	Asked   bool     // invitations were sent, nobody has been added yet
}

// Invitation asks accounts to join.
type Invite struct {
	Accids []string
	Text   string
	Attach *string
	// Direct adds them without asking, Ask asks them first, whatever beInviteMode says.
	Direct, Ask bool
}

// Invite adds accounts to a team or asks them to join, by its mode (8-5).
func (s *Service) Invite(ctx context.Context, who Actor, k Kind, tid int64, in Invite) (*Invited, error) {
	ids, err := names(in.Accids, "", maxAccounts)
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 0:
		return nil, im.Errorf(im.CodeBadParam, "nobody to invite")
	}
	if err := checkText("invitation", &in.Text, maxInviteText); err != nil {
		return nil, err
	}
	if err := checkText("attach", in.Attach, maxInviteExtra); err != nil {
		return nil, err
	}
	set := &who.App.Settings
	var out *Invited
	err = s.change(ctx, who, k.Key(tid), ids, Needs{Joined: true}, func(e *edit) error {
		out = &Invited{TimeMs: e.NowMs}
		var asked []string
		if _, err := e.allowed(OpInvite); err != nil {
			return err
		}
		var fresh []string
		for _, id := range ids {
			if e.cards[id] == nil {
				return im.Errorf(im.CodeNotFound, "no such account")
			}
			if e.valid(id) == nil {
				fresh = append(fresh, id)
			}
		}
		switch {
		case len(fresh) == 0:
			return im.Errorf(im.CodeTeamMember, "already in the team")
		case e.Team.MemberNum+int64(len(fresh)) > e.Team.Level:
			return im.Errorf(im.CodeTeamFull, "team is full")
		}
		out.Asked = e.Team.Type == Advanced && (e.Team.BeInviteMode == ConsentNeeded || in.Ask) && !in.Direct
		var st Step
		var added []string
		for _, id := range fresh {
			switch {
			case e.Joined[id] >= set.TeamsJoinedMax:
				out.Aborted = append(out.Aborted, id)
			case out.Asked:
				asked = append(asked, id)
				e.out.Put = append(e.out.Put, Pending{Kind: Invitation, Accid: id, By: who.Accid, Ms: e.NowMs})
			default:
				st.Joined, added = append(st.Joined, e.join(id, who.Accid, Ordinary)), append(added, id)
			}
		}
		e.tell(Notify{Type: NotifyInvite, To: asked, Text: in.Text, Attach: in.Attach})
		if len(added) > 0 {
			e.say(who.Accid, Notification{ID: NoteAdd, Accids: added, Users: e.users(append(added, who.Accid)...), Attach: in.Attach}, st)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Remove takes members out (8-6). Who is no member is ignored and returned; when
// nobody is left, it is 804.
func (s *Service) Remove(ctx context.Context, who Actor, k Kind, tid int64, list []string) (ignored []string, err error) {
	ids, err := names(list, "", maxAccounts)
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 0:
		return nil, im.Errorf(im.CodeBadParam, "nobody to remove")
	}
	err = s.change(ctx, who, k.Key(tid), ids, Needs{}, func(e *edit) error {
		ignored = nil
		me, err := e.allowed(OpRemove)
		if err != nil {
			return err
		}
		var st Step
		var gone []string
		for _, id := range ids {
			m := e.valid(id)
			if m == nil {
				ignored = append(ignored, id)
				continue
			}
			if !me.above(m) {
				return errNoRight()
			}
			e.leave(m)
			st.Left, gone = append(st.Left, m), append(gone, id)
		}
		if len(gone) == 0 {
			return errNotMember()
		}
		e.say(who.Accid, Notification{ID: NoteRemove, Accids: gone, Users: e.users(append(gone, who.Accid)...)}, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ignored, nil
}

// pending finds what waits for an answer: nil with 509 if there is nothing, 508
// if it is too old.
func (e *edit) pending(kind PendingKind, accid, by string) (Pending, error) {
	for _, p := range e.Pending {
		if p.Kind != kind || p.Accid != accid || p.By != by {
			continue
		}
		if e.NowMs-p.Ms > e.who.App.Settings.TeamInviteDays*dayMs {
			return p, im.Errorf(im.CodeExpired, "too old")
		}
		return p, nil
	}
	return Pending{}, im.Errorf(im.CodeInvalid, "nothing waits for an answer")
}

const dayMs = 24 * 3600 * 1000

// room says whether one more member fits.
func (e *edit) room(accid string) error {
	switch {
	case e.Team.MemberNum >= e.Team.Level:
		return im.Errorf(im.CodeTeamFull, "team is full")
	case e.Joined[accid] >= e.who.App.Settings.TeamsJoinedMax:
		return im.Errorf(im.CodeTooManyTeams, "too many teams")
	}
	return nil
}

// Apply asks to join, or joins where nobody need agree (8-13). It says whether
// the application was sent and waits.
func (s *Service) Apply(ctx context.Context, who Actor, k Kind, tid int64, text string) (team *Team, waits bool, err error) {
	if err := checkText("application", &text, maxInviteText); err != nil {
		return nil, false, err
	}
	err = s.change(ctx, who, k.Key(tid), nil, Needs{Joined: true, Heads: true}, func(e *edit) error {
		t := e.Team
		team, waits = t, false
		switch {
		case t == nil || !t.Valid:
			return errNotFound()
		case t.Type == Basic:
			return errType()
		case e.valid(who.Accid) != nil:
			return im.Errorf(im.CodeTeamMember, "already in the team")
		case t.JoinMode == JoinNever:
			return errNoRight()
		}
		if err := e.room(who.Accid); err != nil {
			return err
		}
		if t.JoinMode == JoinVerify {
			waits = true
			e.out.Put = []Pending{{Kind: Application, Accid: who.Accid, Ms: e.NowMs}}
			e.tell(Notify{Type: NotifyApply, To: e.Heads, Text: text})
			return nil
		}
		m := e.join(who.Accid, "", Ordinary)
		e.say(who.Accid, Notification{ID: NotePassApply, Accid: who.Accid, Users: e.users(who.Accid)}, Step{Joined: []*Member{m}})
		return nil
	})
	return team, waits, err
}

// AnswerApplication lets an applicant in or refuses it (8-14, 8-15).
func (s *Service) AnswerApplication(ctx context.Context, who Actor, k Kind, tid int64, applicant string, pass bool, text string) error {
	applicant, ok := im.NormalizeAccid(applicant)
	if !ok {
		return im.Errorf(im.CodeInvalid, "nothing waits for an answer")
	}
	if err := checkText("text", &text, maxInviteText); err != nil {
		return err
	}
	return s.change(ctx, who, k.Key(tid), []string{applicant}, Needs{Pending: true, Joined: true}, func(e *edit) error {
		if _, err := e.allowed(OpAnswerApplication); err != nil {
			return err
		}
		if e.valid(applicant) != nil {
			return im.Errorf(im.CodeTeamMember, "already in the team")
		}
		p, err := e.pending(Application, applicant, "")
		if err != nil {
			return err
		}
		if !pass {
			e.out.Drop = []Pending{p}
			e.tell(Notify{Type: NotifyApplyRejected, To: []string{applicant}, Text: text})
			return nil
		}
		if err := e.room(applicant); err != nil {
			return err
		}
		m := e.join(applicant, "", Ordinary)
		e.say(who.Accid, Notification{ID: NotePassApply, Accid: applicant, Users: e.users(applicant, who.Accid)}, Step{Joined: []*Member{m}})
		return nil
	})
}

// AnswerInvitation accepts or refuses the invitation of an inviter (8-21, 8-22).
func (s *Service) AnswerInvitation(ctx context.Context, who Actor, k Kind, tid int64, inviter string, accept bool, text string) error {
	inviter, ok := im.NormalizeAccid(inviter)
	if !ok {
		return im.Errorf(im.CodeInvalid, "nothing waits for an answer")
	}
	if err := checkText("text", &text, maxInviteText); err != nil {
		return err
	}
	return s.change(ctx, who, k.Key(tid), []string{inviter}, Needs{Pending: true, Joined: true}, func(e *edit) error {
		switch {
		case e.Team == nil || !e.Team.Valid:
			return errNotFound()
		case e.Team.Type == Basic:
			return errType()
		case e.valid(who.Accid) != nil:
			return im.Errorf(im.CodeTeamMember, "already in the team")
		}
		p, err := e.pending(Invitation, who.Accid, inviter)
		if err != nil {
			return err
		}
		if !accept {
			e.out.Drop = []Pending{p}
			e.tell(Notify{Type: NotifyInviteRejected, To: []string{inviter}, Text: text})
			return nil
		}
		if err := e.room(who.Accid); err != nil {
			return err
		}
		m := e.join(who.Accid, inviter, Ordinary)
		e.say(who.Accid, Notification{ID: NoteAccept, Accid: inviter, Users: e.users(who.Accid, inviter)}, Step{Joined: []*Member{m}})
		return nil
	})
}

// SetManagers makes members managers or ends that (8-16, 8-17).
func (s *Service) SetManagers(ctx context.Context, who Actor, k Kind, tid int64, list []string, add bool) error {
	ids, err := names(list, "", maxManagers)
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return im.Errorf(im.CodeBadParam, "no accounts")
	}
	return s.change(ctx, who, k.Key(tid), ids, Needs{Managers: true}, func(e *edit) error {
		if _, err := e.allowed(OpManagers); err != nil {
			return err
		}
		for _, id := range ids {
			m := e.valid(id)
			switch {
			case m == nil:
				return errNotMember()
			case m.Role == Owner:
				return im.Errorf(im.CodeBadParam, "the owner is no manager")
			case add && m.Role != Manager:
				m.Role, m.Muted = Manager, false
				e.Managers++
			case !add:
				m.Role = Ordinary
			}
			e.touch(m)
		}
		if add && e.Managers > who.App.Settings.TeamManagersMax {
			return im.Errorf(im.CodeTooManyHeads, "too many managers")
		}
		n := Notification{ID: NoteAddManagers, Accids: ids, Users: e.users(append(ids, who.Accid)...)}
		if !add {
			n.ID = NoteRemoveManagers
		}
		e.say(who.Accid, n, Step{})
		return nil
	})
}

// MuteMembers silences members or ends that (8-25, 21-29).
func (s *Service) MuteMembers(ctx context.Context, who Actor, k Kind, tid int64, list []string, mute bool) error {
	ids, err := names(list, "", maxManagers)
	switch {
	case err != nil:
		return err
	case len(ids) == 0:
		return im.Errorf(im.CodeBadParam, "no accounts")
	}
	return s.change(ctx, who, k.Key(tid), ids, Needs{}, func(e *edit) error {
		me, err := e.allowed(OpMuteMember)
		if err != nil {
			return err
		}
		for _, id := range ids {
			m := e.valid(id)
			if m == nil {
				return errNotMember()
			}
			if !me.above(m) {
				return errNoRight()
			}
			m.Muted = mute
			e.touch(m)
		}
		e.say(who.Accid, Notification{ID: NoteMuteMember, Accid: ids[0], Accids: ids, Mute: mute, Users: e.users(append(ids, who.Accid)...)}, Step{})
		return nil
	})
}

// MemberUpdate changes the given fields of a member.
type MemberUpdate struct {
	Nick, Ext *string
	Bits      *int64
}

// UpdateMember changes a member's own data: the actor's own (8-19), or another
// member's nick (8-20; the app's server may set its extension too). It returns
// the member.
func (s *Service) UpdateMember(ctx context.Context, who Actor, k Kind, tid int64, accid string, u MemberUpdate) (*Member, error) {
	accid, ok := im.NormalizeAccid(accid)
	if !ok {
		return nil, errNotMember()
	}
	if err := checkText("nick", u.Nick, maxNick); err != nil {
		return nil, err
	}
	if err := checkText("ext", u.Ext, maxText); err != nil {
		return nil, err
	}
	if u.Bits != nil && (*u.Bits < 0 || *u.Bits > 2) {
		return nil, im.Errorf(im.CodeBadParam, "bits out of range")
	}
	var out *Member
	err := s.change(ctx, who, k.Key(tid), []string{accid}, Needs{}, func(e *edit) error {
		op := OpUpdateSelf
		if accid != who.Accid {
			op = OpNickOther
		}
		me, err := e.allowed(op)
		if err != nil {
			return err
		}
		m := e.valid(accid)
		switch {
		case m == nil:
			return errNotMember()
		case op == OpNickOther && !me.above(m):
			return errNoRight()
		case op == OpNickOther && u.Bits != nil:
			return im.Errorf(im.CodeBadParam, "reminders are the member's own")
		}
		if u.Nick != nil {
			m.Nick = *u.Nick
		}
		if u.Ext != nil {
			m.Ext = *u.Ext
		}
		if u.Bits != nil {
			m.Bits = *u.Bits
		}
		e.touch(m)
		out = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.c.Bus.Publish(im.Event{Kind: EventMember, App: who.App.Key, Conv: k.Key(tid), Origin: who.Origin,
		Body: mustJSON(MemberEvent{Kind: k, Member: *out, Public: u.Nick != nil || u.Ext != nil})})
	return out, nil
}
