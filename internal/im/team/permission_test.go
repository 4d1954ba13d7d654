package team_test

import (
	"fmt"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

func ptr[T any](v T) *T { return &v }

// deeds does each operation of the permission table, to an ordinary member
// called target, or with an account called fresh.
type deed func(b *bed, who team.Actor, t *team.Team) error

func deeds() map[team.Op]deed {
	return map[team.Op]deed{
		team.OpInvite: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Invite(b.ctx(), who, t.Kind, t.TID, team.Invite{Accids: []string{"fresh"}})
			return err
		},
		team.OpRemove: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Remove(b.ctx(), who, t.Kind, t.TID, []string{"target"})
			return err
		},
		team.OpLeave:   func(b *bed, who team.Actor, t *team.Team) error { return b.teams.Leave(b.ctx(), who, t.Kind, t.TID) },
		team.OpDismiss: func(b *bed, who team.Actor, t *team.Team) error { return b.teams.Dismiss(b.ctx(), who, t.Kind, t.TID) },
		team.OpAnswerApplication: func(b *bed, who team.Actor, t *team.Team) error {
			if t.Type == team.Advanced {
				if _, _, err := b.teams.Apply(b.ctx(), b.as("fresh"), t.Kind, t.TID, ""); err != nil {
					b.Fatal(err)
				}
			}
			return b.teams.AnswerApplication(b.ctx(), who, t.Kind, t.TID, "fresh", true, "")
		},
		team.OpUpdateInfo: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateInfo(b.ctx(), who, t.Kind, t.TID, team.Update{Name: ptr("new")})
			return err
		},
		team.OpUpdateExt: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateInfo(b.ctx(), who, t.Kind, t.TID, team.Update{Ext: ptr("new")})
			return err
		},
		team.OpUpdateModes: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateInfo(b.ctx(), who, t.Kind, t.TID, team.Update{JoinMode: ptr(team.JoinNever)})
			return err
		},
		team.OpManagers: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.SetManagers(b.ctx(), who, t.Kind, t.TID, []string{"target"}, true)
		},
		team.OpTransfer: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.Transfer(b.ctx(), who, t.Kind, t.TID, "target", false)
		},
		team.OpMuteMember: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.MuteMembers(b.ctx(), who, t.Kind, t.TID, []string{"target"}, true)
		},
		team.OpMuteTeam: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.MuteTeam(b.ctx(), who, t.Kind, t.TID, true)
		},
		team.OpNickOther: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateMember(b.ctx(), who, t.Kind, t.TID, "target", team.MemberUpdate{Nick: ptr("n")})
			return err
		},
		team.OpUpdateSelf: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateMember(b.ctx(), who, t.Kind, t.TID, who.Accid, team.MemberUpdate{Nick: ptr("n"), Bits: ptr(int64(2))})
			return err
		},
		team.OpRead: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Members(b.ctx(), who.App.Key, who.Accid, t.Kind, t.TID, team.MemberQuery{})
			return err
		},
	}
}

// want is what the table says of a member, as a code.
func want(r team.Rule, ty sized, role string, all bool) im.Code {
	g := r.Ordinary
	switch {
	case ty.typ == team.Basic && role == "owner":
		g = r.BasicOwner
	case ty.typ == team.Basic:
		g = r.BasicMember
	case role == "owner":
		g = r.Owner
	case role == "manager":
		g = r.Manager
	}
	switch g {
	case team.Always:
		return im.CodeOK
	case team.NotHere:
		return im.CodeTeamType
	case team.Never:
		return im.CodeTeamNoRight
	}
	// In a large super team what a team is called is its managers' affair.
	if all && (ty.level == 0 || g == team.IfInviteAll) {
		return im.CodeOK
	}
	return im.CodeTeamNoRight
}

// Every operation, by everybody, in every mode and type of team, does what the
// table says.
func TestPermissions(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "teams_created_max", "100000")
	people := []string{"owner", "manager", "member", "target", "removed", "stranger", "fresh"}
	b.register(b.app, people...)
	foreign := hytest.App(t, b.store)
	b.register(foreign, people...)
	do := deeds()
	for _, r := range team.Rules() {
		if do[r.Op] == nil {
			t.Fatalf("%s is not tried", r.Name)
		}
		for _, typ := range append(allTypes[:], sized{name: "large super", kind: team.Super, typ: team.Advanced, level: 2001}) {
			for _, all := range []bool{false, true} {
				for _, role := range roles {
					if typ.typ == team.Basic && role == "manager" {
						continue
					}
					mode := ptr(int64(0))
					if all {
						mode = ptr(team.ByAll)
					}
					tm := b.make(team.Creation{Kind: typ.kind, Type: typ.typ, Fields: team.Update{InviteMode: mode, UpdateMode: mode, ExtMode: mode, Level: typ.size()}},
						"owner", "manager", "member", "target", "removed")
					if typ.typ == team.Advanced {
						b.ok(b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"manager"}, true))
					}
					b.remove(tm, "owner", "removed")
					who, code := b.as(role), want(r, typ, role, all)
					switch role {
					case "removed", "stranger":
						code = im.CodeTeamNotMember
					case "foreign":
						who.App, who.Accid, code = foreign, "owner", im.CodeTeamNotFound
					}
					b.code(fmt.Sprintf("%s by %s in a %s team, modes for all: %v", r.Name, role, typ.name, all), do[r.Op](b, who, tm), code)
				}
			}
		}
	}
}

// Nobody acts on his equals or betters (docs/protocol/nim-social.md section 15).
func TestRanks(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "owner", "m1", "m2", "target", "stranger")
	tm := b.make(team.Creation{Type: team.Advanced}, "owner", "m1", "m2", "target")
	b.ok(b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"m1", "m2"}, true))
	remove := func(by, who string) error {
		_, err := b.teams.Remove(b.ctx(), b.as(by), tm.Kind, tm.TID, []string{who})
		return err
	}
	mute := func(by, who string) error {
		return b.teams.MuteMembers(b.ctx(), b.as(by), tm.Kind, tm.TID, []string{who}, true)
	}
	nick := func(by, who string) error {
		_, err := b.teams.UpdateMember(b.ctx(), b.as(by), tm.Kind, tm.TID, who, team.MemberUpdate{Nick: ptr("x")})
		return err
	}
	for _, c := range []struct {
		what string
		err  error
		code im.Code
	}{
		{"manager removes owner", remove("m1", "owner"), im.CodeTeamNoRight},
		{"manager removes manager", remove("m1", "m2"), im.CodeTeamNoRight},
		{"manager removes self", remove("m1", "m1"), im.CodeTeamNoRight},
		{"owner removes self", remove("owner", "owner"), im.CodeTeamNoRight},
		{"nobody in the list is a member", remove("owner", "stranger"), im.CodeTeamNotMember},
		{"manager mutes manager", mute("m1", "m2"), im.CodeTeamNoRight},
		{"manager mutes owner", mute("m1", "owner"), im.CodeTeamNoRight},
		{"owner mutes self", mute("owner", "owner"), im.CodeTeamNoRight},
		{"manager names manager", nick("m1", "m2"), im.CodeTeamNoRight},
		{"owner as manager", b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"owner"}, true), im.CodeBadParam},
		{"stranger as manager", b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"stranger"}, true), im.CodeTeamNotMember},
		{"transfer to self", b.teams.Transfer(b.ctx(), b.as("owner"), tm.Kind, tm.TID, "owner", false), im.CodeBadParam},
		{"transfer to a stranger", b.teams.Transfer(b.ctx(), b.as("owner"), tm.Kind, tm.TID, "stranger", true), im.CodeTeamNotMember},
		{"manager mutes member", mute("m1", "target"), im.CodeOK},
		{"owner mutes manager", mute("owner", "m2"), im.CodeOK},
		{"owner removes manager", remove("owner", "m2"), im.CodeOK},
	} {
		b.code(c.what, c.err, c.code)
	}
}
