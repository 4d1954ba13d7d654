package team_test

import (
	"fmt"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/team"
)

// sized is a kind of team as clients know it.
type sized struct {
	name string
	kind team.Kind
	typ  team.Type

	level int64 // 0 = as it comes
}

func (ty sized) size() *int64 {
	if ty.level == 0 {
		return nil
	}
	return &ty.level
}

var allTypes = [...]sized{
	{name: "basic", kind: team.Normal, typ: team.Basic}, {name: "advanced", kind: team.Normal, typ: team.Advanced}, {name: "super", kind: team.Super, typ: team.Advanced},
}

// roles are what somebody can be to a team; the last is an account of the same
// name in another app.
var roles = [...]string{"owner", "manager", "member", "removed", "stranger", "foreign"}

func inside(role string) bool { return role == "owner" || role == "manager" || role == "member" }

// crew is a team with everybody in his role, and a message of a member who is
// called target.
type crew struct {
	*team.Team
	msg *message.Message
}

func (b *bed) crew(ty sized, u team.Update) crew {
	b.Helper()
	tm := b.make(team.Creation{Kind: ty.kind, Type: ty.typ, Fields: u}, "owner", "manager", "member", "target", "removed")
	if ty.typ == team.Advanced {
		b.ok(b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"manager"}, true))
	}
	_, err := b.teams.Remove(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"removed"})
	b.ok(err)
	m, err := b.send(tm, "target", fmt.Sprint("of ", tm.TID), message.NeedReceipt)
	b.ok(err)
	return crew{tm, m}
}

// What the permission table does not say: who may send, recall, notify, join,
// answer and ask, whatever he is to a team of whatever type.
func TestAccess(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "teams_created_max", "100000", "teams_joined_max", "100000")
	people := []string{"owner", "manager", "member", "target", "removed", "stranger"}
	b.register(b.app, append(people, "fresh")...)
	foreign := hytest.App(t, b.store)
	b.register(foreign, people...)
	// answerFor answers an invitation that waits for fresh, who can accept it after.
	answerFor := func(accept bool) func(who team.Actor, c crew) error {
		return func(who team.Actor, c crew) error {
			if c.Type == team.Basic { // nobody is asked
				return b.teams.AnswerInvitation(b.ctx(), who, c.Kind, c.TID, "owner", accept, "")
			}
			_, err := b.teams.Invite(b.ctx(), b.as("owner"), c.Kind, c.TID, team.Invite{Accids: []string{"fresh"}, Ask: true})
			b.ok(err)
			err = b.teams.AnswerInvitation(b.ctx(), who, c.Kind, c.TID, "owner", accept, "")
			b.ok(b.teams.AnswerInvitation(b.ctx(), b.as("fresh"), c.Kind, c.TID, "owner", true, ""))
			return err
		}
	}
	free := func(mode int64) team.Update { return team.Update{JoinMode: &mode} }
	// member is the code for members, otherwise 804 for who is none.
	member := func(role string, code im.Code) im.Code {
		if inside(role) {
			return code
		}
		return im.CodeTeamNotMember
	}
	for _, c := range []struct {
		name  string
		modes []team.Update // one run for each
		do    func(who team.Actor, c crew) error
		want  func(role string, ty sized, mode int) im.Code // of the same app
	}{
		{
			name: "read the team", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				_, err := b.teams.Get(b.ctx(), who.App.Key, c.Kind, c.TID)
				return err
			},
			want: func(string, sized, int) im.Code { return im.CodeOK },
		},
		{
			name: "read history, receipts and lists", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.Check(b.ctx(), who.App.Key, who.Accid, c.Kind, c.TID)
			},
			want: func(role string, _ sized, _ int) im.Code { return member(role, im.CodeOK) },
		},
		{
			name: "send", modes: []team.Update{{}, {MuteType: ptr(team.MuteOrdinary)}, {MuteType: ptr(team.MuteAll)}},
			do: func(who team.Actor, c crew) error {
				_, err := b.teams.MaySend(b.ctx(), who.App.Key, c.Conv(), who.Accid, true)
				return err
			},
			want: func(role string, ty sized, mode int) im.Code {
				if inside(role) && (mode == 2 || mode == 1 && role == "member") {
					return im.CodeTeamMuted
				}
				return member(role, im.CodeOK)
			},
		},
		{
			name: "recall what another wrote", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.ForMessages().MayRecall(b.ctx(), who.App.Key, c.Conv(), who.Accid, "target")
			},
			want: func(role string, _ sized, _ int) im.Code {
				if role == "owner" || role == "manager" {
					return im.CodeOK
				}
				return im.CodeForbidden
			},
		},
		{
			name: "recall one's own", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.ForMessages().MayRecall(b.ctx(), who.App.Key, c.Conv(), who.Accid, who.Accid)
			},
			want: func(role string, _ sized, _ int) im.Code {
				if inside(role) {
					return im.CodeOK
				}
				return im.CodeForbidden
			},
		},
		{
			name: "notify the members", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				typ := notice.CustomTeam
				if c.Kind == team.Super {
					typ = notice.CustomSuperTeam
				}
				_, _, err := b.teams.ForNotices().NoticeRoom(b.ctx(), who.App, typ, who.Accid, fmt.Sprint(c.TID), false)
				return err
			},
			want: func(role string, _ sized, _ int) im.Code { return member(role, im.CodeOK) },
		},
		{
			name: "apply", modes: []team.Update{free(team.JoinFree), free(team.JoinVerify), free(team.JoinNever)},
			do: func(who team.Actor, c crew) error {
				_, _, err := b.teams.Apply(b.ctx(), who, c.Kind, c.TID, "")
				return err
			},
			want: func(role string, ty sized, mode int) im.Code {
				switch {
				case ty.typ == team.Basic:
					return im.CodeTeamType
				case inside(role):
					return im.CodeTeamMember
				case mode == 2:
					return im.CodeTeamNoRight
				}
				return im.CodeOK
			},
		},
		{
			name: "accept without an invitation", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.AnswerInvitation(b.ctx(), who, c.Kind, c.TID, "target", true, "")
			},
			want: uninvited,
		},
		{
			name: "refuse without an invitation", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.AnswerInvitation(b.ctx(), who, c.Kind, c.TID, "target", false, "")
			},
			want: uninvited,
		},
		{name: "accept the invitation of another", modes: []team.Update{{}}, do: answerFor(true), want: uninvited},
		{name: "refuse the invitation of another", modes: []team.Update{{}}, do: answerFor(false), want: uninvited},
		{
			name: "answer an application that nobody made", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				return b.teams.AnswerApplication(b.ctx(), who, c.Kind, c.TID, "stranger", false, "")
			},
			want: func(role string, ty sized, _ int) im.Code {
				switch {
				case !inside(role):
					return im.CodeTeamNotMember
				case ty.typ == team.Basic:
					return im.CodeTeamType
				case role == "member":
					return im.CodeTeamNoRight
				}
				return im.CodeInvalid
			},
		},
		{
			name: "mark as read", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				_, err := b.teams.MarkRead(b.ctx(), who.App, who.Accid, c.TID, []int64{c.msg.ID})
				return err
			},
			want: receipts(member),
		},
		{
			name: "who has read", modes: []team.Update{{}},
			do: func(who team.Actor, c crew) error {
				_, err := b.teams.Reads(b.ctx(), who.App, who.Accid, c.TID, []int64{c.msg.ID})
				return err
			},
			want: receipts(member),
		},
	} {
		for _, ty := range allTypes {
			for mode, u := range c.modes {
				for _, role := range roles {
					if ty.typ == team.Basic && role == "manager" {
						continue
					}
					muted, u := u.MuteType, u
					if muted != nil && ty.typ == team.Basic {
						continue // it has no mute
					}
					u.MuteType = nil
					tm := b.crew(ty, u)
					if muted != nil {
						_, err := b.teams.UpdateInfo(b.ctx(), b.as("owner"), tm.Kind, tm.TID, team.Update{MuteType: muted})
						b.ok(err)
					}
					who, code := b.as(role), c.want(role, ty, mode)
					if role == "foreign" {
						who.App, who.Accid, code = foreign, "owner", im.CodeTeamNotFound
					}
					b.code(fmt.Sprintf("%s by %s in a %s team, mode %d", c.name, role, ty.name, mode), c.do(who, tm), code)
				}
			}
		}
	}
}

func uninvited(role string, ty sized, _ int) im.Code {
	switch {
	case ty.typ == team.Basic:
		return im.CodeTeamType
	case inside(role):
		return im.CodeTeamMember
	}
	return im.CodeInvalid
}

// receipts are of teams only: to them, a super team's id names nothing.
func receipts(member func(string, im.Code) im.Code) func(string, sized, int) im.Code {
	return func(role string, ty sized, _ int) im.Code {
		if ty.kind == team.Super {
			return im.CodeTeamNotFound
		}
		return member(role, im.CodeOK)
	}
}
