package team_test

import (
	"fmt"
	"reflect"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

func ptr[T any](v T) *T { return &v }

// state is what is stored of a team.
type state struct {
	*team.Team
	members map[string]team.Member // past ones too
}

func (b *bed) state(t *team.Team) state {
	b.Helper()
	found, err := b.store.Teams(b.ctx(), t.App, []im.ConvKey{t.Conv()})
	b.ok(err)
	list, err := b.store.Members(b.ctx(), t.App, t.Conv(), team.MemberQuery{Past: true})
	b.ok(err)
	s := state{found[t.Conv()], map[string]team.Member{}}
	for _, m := range list {
		s.members[m.Accid] = *m
	}
	return s
}

// deed is one way to do an operation of the permission table: to an ordinary
// member called target, or with an account called fresh.
type deed struct {
	name   string
	op     team.Op
	before func(b *bed, t *team.Team) error // nil: nothing need be done before; not in a basic team
	do     func(b *bed, who team.Actor, t *team.Team) error
	done   func(b *bed, was, is state, who string) bool // what it must have done
	again  bool                                         // the next can do it to the same team
}

func deeds() []deed {
	update := func(name string, op team.Op, u func(t *team.Team) team.Update, done func(b *bed, was, is state, who string) bool) deed {
		return deed{name: name, op: op, done: done, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateInfo(b.ctx(), who, t.Kind, t.TID, u(t))
			return err
		}}
	}
	// text writes the name of who writes it.
	text := func(name string, op team.Op, u func(s *string) team.Update, field func(t *team.Team) string) deed {
		return deed{name: name, op: op, again: true, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateInfo(b.ctx(), who, t.Kind, t.TID, u(ptr("by "+who.Accid)))
			return err
		}, done: func(_ *bed, _, is state, who string) bool { return field(is.Team) == "by "+who }}
	}
	mode := func(name string, u func(v *int64) team.Update, field func(t *team.Team) int64) deed {
		return update(name, team.OpUpdateModes, func(t *team.Team) team.Update { return u(ptr(1 - min(field(t), 1))) },
			func(_ *bed, was, is state, _ string) bool { return field(is.Team) == 1-min(field(was.Team), 1) })
	}
	managers := func(name, accid string, add bool, role team.Role) deed {
		return deed{name: name, op: team.OpManagers, do: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.SetManagers(b.ctx(), who, t.Kind, t.TID, []string{accid}, add)
		}, done: func(_ *bed, _, is state, _ string) bool { return is.members[accid].Role == role }}
	}
	transfer := func(name string, leave bool) deed {
		return deed{name: name, op: team.OpTransfer, do: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.Transfer(b.ctx(), who, t.Kind, t.TID, "target", leave)
		}, done: func(_ *bed, _, is state, who string) bool {
			return is.Owner == "target" && is.members["target"].Role == team.Owner && is.members[who].Role == team.Ordinary && is.members[who].Valid != leave
		}}
	}
	mute := func(b *bed, who team.Actor, t *team.Team, on bool) error {
		return b.teams.MuteMembers(b.ctx(), who, t.Kind, t.TID, []string{"target"}, on)
	}
	apply := func(b *bed, t *team.Team) error {
		_, _, err := b.teams.Apply(b.ctx(), b.as("fresh"), t.Kind, t.TID, "")
		return err
	}
	answer := func(name string, pass bool, done func(b *bed, was, is state, who string) bool) deed {
		return deed{name: name, op: team.OpAnswerApplication, before: apply, done: done, do: func(b *bed, who team.Actor, t *team.Team) error {
			return b.teams.AnswerApplication(b.ctx(), who, t.Kind, t.TID, "fresh", pass, "")
		}}
	}
	return []deed{
		{name: "invite", op: team.OpInvite, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Invite(b.ctx(), who, t.Kind, t.TID, team.Invite{Accids: []string{"fresh"}})
			return err
		}, done: func(b *bed, _, is state, who string) bool {
			if is.Type == team.Basic || is.BeInviteMode == team.ConsentNot {
				return is.members["fresh"].Valid
			}
			n := b.sent[len(b.sent)-1]
			return !is.members["fresh"].Valid && n.Type == team.NotifyInvite && n.From == who && n.Team.TID == is.TID
		}},
		{name: "remove", op: team.OpRemove, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Remove(b.ctx(), who, t.Kind, t.TID, []string{"target"})
			return err
		}, done: func(_ *bed, was, is state, _ string) bool {
			return !is.members["target"].Valid && is.MemberNum == was.MemberNum-1
		}},
		{name: "leave", op: team.OpLeave, do: func(b *bed, who team.Actor, t *team.Team) error { return b.teams.Leave(b.ctx(), who, t.Kind, t.TID) },
			done: func(_ *bed, was, is state, who string) bool {
				return !is.members[who].Valid && is.MemberNum == was.MemberNum-1 && is.Owner != who
			}},
		{name: "dismiss", op: team.OpDismiss, do: func(b *bed, who team.Actor, t *team.Team) error { return b.teams.Dismiss(b.ctx(), who, t.Kind, t.TID) },
			done: func(_ *bed, _, is state, _ string) bool { return !is.Valid }},
		answer("pass an application", true, func(_ *bed, _, is state, _ string) bool { return is.members["fresh"].Valid }),
		answer("reject an application", false, func(b *bed, _, is state, who string) bool {
			n := b.sent[len(b.sent)-1]
			return !is.members["fresh"].Valid && n.Type == team.NotifyApplyRejected && n.From == who && n.Team.TID == is.TID
		}),
		text("name", team.OpUpdateInfo, func(s *string) team.Update { return team.Update{Name: s} }, func(t *team.Team) string { return t.Name }),
		text("avatar", team.OpUpdateInfo, func(s *string) team.Update { return team.Update{Avatar: s} }, func(t *team.Team) string { return t.Avatar }),
		text("ext", team.OpUpdateExt, func(s *string) team.Update { return team.Update{Ext: s} }, func(t *team.Team) string { return t.Ext }),
		mode("joinMode", func(v *int64) team.Update { return team.Update{JoinMode: v} }, func(t *team.Team) int64 { return t.JoinMode }),
		mode("beInviteMode", func(v *int64) team.Update { return team.Update{BeInviteMode: v} }, func(t *team.Team) int64 { return t.BeInviteMode }),
		mode("inviteMode", func(v *int64) team.Update { return team.Update{InviteMode: v} }, func(t *team.Team) int64 { return t.InviteMode }),
		mode("updateTeamMode", func(v *int64) team.Update { return team.Update{UpdateMode: v} }, func(t *team.Team) int64 { return t.UpdateMode }),
		mode("updateExtMode", func(v *int64) team.Update { return team.Update{ExtMode: v} }, func(t *team.Team) int64 { return t.ExtMode }),
		managers("add managers", "target", true, team.Manager),
		managers("remove managers", "manager", false, team.Ordinary),
		transfer("transfer", false),
		transfer("transfer and leave", true),
		{name: "mute a member", op: team.OpMuteMember, do: func(b *bed, who team.Actor, t *team.Team) error { return mute(b, who, t, true) },
			done: func(_ *bed, _, is state, _ string) bool { return is.members["target"].Muted }},
		{name: "unmute a member", op: team.OpMuteMember, before: func(b *bed, t *team.Team) error { return mute(b, b.as("owner"), t, true) },
			do: func(b *bed, who team.Actor, t *team.Team) error { return mute(b, who, t, false) },
			done: func(_ *bed, was, is state, _ string) bool {
				return was.members["target"].Muted && !is.members["target"].Muted
			}},
		{name: "mute the team", op: team.OpMuteTeam,
			do: func(b *bed, who team.Actor, t *team.Team) error {
				return b.teams.MuteTeam(b.ctx(), who, t.Kind, t.TID, true)
			},
			done: func(_ *bed, _, is state, _ string) bool { return is.MuteType == team.MuteOrdinary }},
		{name: "unmute the team", op: team.OpMuteTeam,
			before: func(b *bed, t *team.Team) error { return b.teams.MuteTeam(b.ctx(), b.as("owner"), t.Kind, t.TID, true) },
			do: func(b *bed, who team.Actor, t *team.Team) error {
				return b.teams.MuteTeam(b.ctx(), who, t.Kind, t.TID, false)
			},
			done: func(_ *bed, was, is state, _ string) bool {
				return was.MuteType == team.MuteOrdinary && is.MuteType == team.MuteNone
			}},
		{name: "nick of another", op: team.OpNickOther, again: true, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateMember(b.ctx(), who, t.Kind, t.TID, "target", team.MemberUpdate{Nick: ptr("by " + who.Accid)})
			return err
		}, done: func(_ *bed, _, is state, who string) bool { return is.members["target"].Nick == "by "+who }},
		{name: "update self", op: team.OpUpdateSelf, again: true, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.UpdateMember(b.ctx(), who, t.Kind, t.TID, who.Accid, team.MemberUpdate{Nick: ptr("n"), Ext: ptr("x"), Bits: ptr(int64(2))})
			return err
		}, done: func(_ *bed, _, is state, who string) bool {
			m := is.members[who]
			return m.Nick == "n" && m.Ext == "x" && m.Bits == 2
		}},
		{name: "read", op: team.OpRead, again: true, do: func(b *bed, who team.Actor, t *team.Team) error {
			_, err := b.teams.Members(b.ctx(), who.App.Key, who.Accid, t.Kind, t.TID, team.MemberQuery{})
			return err
		}, done: func(_ *bed, was, is state, _ string) bool { return reflect.DeepEqual(was, is) }},
	}
}

// modes are those of a team that the table knows, and the one by which somebody
// who is invited is asked.
type modes struct{ invite, info, ext, consent int64 }

// allModes is every combination of the three; with any value of any of them
// people are asked in one half of the rest and not in the other.
func allModes() (out []modes) {
	for i := range int64(8) {
		m := modes{invite: i & 1, info: i >> 1 & 1, ext: i >> 2 & 1}
		m.consent = m.invite ^ m.info ^ m.ext
		out = append(out, m)
	}
	return out
}

// want is what the table says of a member, as a code.
func want(r team.Rule, ty sized, role string, m modes) im.Code {
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
	// In a large super team what a team is called is its managers' affair.
	large := ty.level > 0
	switch {
	case g == team.NotHere:
		return im.CodeTeamType
	case g == team.Always, g == team.IfInviteAll && m.invite == team.ByAll,
		g == team.IfInfoAll && m.info == team.ByAll && !large, g == team.IfExtAll && m.ext == team.ByAll && !large:
		return im.CodeOK
	}
	return im.CodeTeamNoRight
}

// Every operation, by everybody, in every mode and type of team, does what the
// table says, and nothing when it is refused.
func TestPermissions(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "teams_created_max", "100000", "teams_joined_max", "100000")
	people := []string{"owner", "manager", "member", "target", "removed", "stranger", "fresh"}
	b.register(b.app, people...)
	foreign := hytest.App(t, b.store)
	b.register(foreign, people...)
	rules, tried := team.Rules(), map[team.Op]bool{}
	for _, d := range deeds() {
		tried[d.op] = true
	}
	for _, r := range rules {
		if !tried[r.Op] {
			t.Fatalf("%s is not tried", r.Name)
		}
	}
	for _, typ := range append(allTypes[:], sized{name: "large super", kind: team.Super, typ: team.Advanced, level: 2001}) {
		combinations := allModes()
		if typ.typ == team.Basic { // it has none, whatever it is made with
			combinations = []modes{combinations[0], combinations[7]}
		}
		for _, m := range combinations {
			var tm *team.Team // nil: the last deed left it other than it was
			for _, d := range deeds() {
				if d.before != nil {
					tm = nil
				}
				for _, role := range roles {
					if typ.typ == team.Basic && role == "manager" {
						continue
					}
					if tm == nil {
						u := team.Update{InviteMode: &m.invite, UpdateMode: &m.info, ExtMode: &m.ext, BeInviteMode: &m.consent, Level: typ.size()}
						tm = b.make(team.Creation{Kind: typ.kind, Type: typ.typ, Fields: u}, "owner", "manager", "member", "target", "removed")
						if typ.typ == team.Advanced {
							b.ok(b.teams.SetManagers(b.ctx(), b.as("owner"), tm.Kind, tm.TID, []string{"manager"}, true))
						}
						b.remove(tm, "owner", "removed")
					}
					if d.before != nil && typ.typ == team.Advanced {
						b.ok(d.before(b, tm))
					}
					who, code := b.as(role), want(rules[d.op], typ, role, m)
					switch role {
					case "removed", "stranger":
						code = im.CodeTeamNotMember
					case "foreign":
						who.App, who.Accid, code = foreign, "owner", im.CodeTeamNotFound
					}
					what := fmt.Sprintf("%s by %s in a %s team, modes %+v", d.name, role, typ.name, m)
					was := b.state(tm)
					err := d.do(b, who, tm)
					b.code(what, err, code)
					is := b.state(tm)
					if code == im.CodeOK && !d.done(b, was, is, role) {
						t.Errorf("%s: is not done: %+v, %+v", what, is.Team, is.members)
					}
					if code != im.CodeOK && !reflect.DeepEqual(was, is) {
						t.Errorf("%s: was refused and left %+v, %+v", what, is.Team, is.members)
					}
					if code == im.CodeOK && !d.again {
						tm = nil
					}
				}
				if d.before != nil {
					tm = nil
				}
			}
		}
	}
}

// Nobody acts on his equals or betters (docs/protocol/nim-social.md section 15).
func TestRanks(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "teams_created_max", "1000")
	b.register(b.app, "owner", "manager", "second", "target", "stranger")
	rank := map[string]int{"owner": 3, "manager": 2, "second": 2, "target": 1}
	change := func(to *team.Team, by string, u team.MemberUpdate, on string) error {
		_, err := b.teams.UpdateMember(b.ctx(), b.as(by), to.Kind, to.TID, on, u)
		return err
	}
	for _, kind := range []team.Kind{team.Normal, team.Super} {
		fresh := func() *team.Team {
			tm := b.make(team.Creation{Kind: kind, Type: team.Advanced}, "owner", "manager", "second", "target")
			b.ok(b.teams.SetManagers(b.ctx(), b.as("owner"), kind, tm.TID, []string{"manager", "second"}, true))
			return tm
		}
		remove := func(tm *team.Team, by string, who ...string) error {
			_, err := b.teams.Remove(b.ctx(), b.as(by), kind, tm.TID, who)
			return err
		}
		mute := func(tm *team.Team, by string, on bool, who ...string) error {
			return b.teams.MuteMembers(b.ctx(), b.as(by), kind, tm.TID, who, on)
		}
		for _, c := range []struct {
			op   team.Op
			what string
			do   func(tm *team.Team, by, on string) error
			done func(is team.Member) bool
		}{
			{team.OpRemove, "removes", func(tm *team.Team, by, on string) error { return remove(tm, by, on) }, func(is team.Member) bool { return !is.Valid }},
			{team.OpMuteMember, "mutes", func(tm *team.Team, by, on string) error { return mute(tm, by, true, on) }, func(is team.Member) bool { return is.Muted }},
			{team.OpMuteMember, "unmutes", func(tm *team.Team, by, on string) error { return mute(tm, by, false, on) }, func(is team.Member) bool { return !is.Muted }},
			{team.OpNickOther, "names", func(tm *team.Team, by, on string) error { return change(tm, by, team.MemberUpdate{Nick: ptr("x")}, on) }, func(is team.Member) bool { return is.Nick == "x" }},
		} {
			if !team.Rules()[c.op].Below {
				t.Errorf("%s is not a matter of rank", c.what)
			}
			for _, by := range []string{"owner", "manager"} {
				for _, on := range []string{"owner", "manager", "second", "target", "stranger"} {
					tm := fresh()
					if c.what == "unmutes" && rank[on] > 0 && on != "owner" {
						b.ok(mute(tm, "owner", true, on))
					}
					code := im.CodeTeamNoRight
					switch {
					case rank[on] == 0:
						code = im.CodeTeamNotMember
					case rank[by] > rank[on], by == on && c.op == team.OpNickOther: // one's own nick is another matter
						code = im.CodeOK
					}
					was := b.state(tm)
					what := fmt.Sprintf("%s %s %s, kind %d", by, c.what, on, kind)
					b.code(what, c.do(tm, by, on), code)
					if is := b.state(tm); code == im.CodeOK && !c.done(is.members[on]) || code != im.CodeOK && !reflect.DeepEqual(was, is) {
						t.Errorf("%s: %+v", what, is.members[on])
					}
				}
			}
		}
		tm := fresh()
		was := b.state(tm)
		managers := func(who ...string) error {
			return b.teams.SetManagers(b.ctx(), b.as("owner"), kind, tm.TID, who, true)
		}
		transfer := func(to string, leave bool) error {
			return b.teams.Transfer(b.ctx(), b.as("owner"), kind, tm.TID, to, leave)
		}
		for _, c := range []struct {
			what string
			err  error
			code im.Code
		}{
			{"manager removes member and manager", remove(tm, "manager", "target", "second"), im.CodeTeamNoRight},
			{"manager mutes member and owner", mute(tm, "manager", true, "target", "owner"), im.CodeTeamNoRight},
			{"owner as manager", managers("target", "owner"), im.CodeBadParam},
			{"stranger as manager", managers("target", "stranger"), im.CodeTeamNotMember},
			{"transfer to self", transfer("owner", false), im.CodeBadParam},
			{"transfer to a stranger", transfer("stranger", true), im.CodeTeamNotMember},
		} {
			b.code(c.what, c.err, c.code)
		}
		if is := b.state(tm); !reflect.DeepEqual(was, is) {
			t.Errorf("what was refused left %+v, %+v", is.Team, is.members)
		}
	}
}
