package cluster

import (
	"errors"
	"strings"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
)

// TestTeamAcrossNodes: what happens to a team on one node counts on the other.
func TestTeamAcrossNodes(t *testing.T) {
	b := newBed(t)
	b = b.on(t)
	b.account("owner", "member", "late")
	owner, member, late := b.online(0, "owner", "o"), b.online(1, "member", "m"), b.online(1, "late", "l")
	reply, err := owner.c.Call(hytest.Context(t), nimwire.CreateTeam.ID(), &nimwire.CreateTeamRequest{
		Team: nimwire.Team{Name: wire.Str("crew"), Type: wire.Int(1), BeInviteMode: wire.Int(1), JoinMode: wire.Int(0)}, Accounts: []string{"member"}})
	if err != nil {
		t.Fatal(err)
	}
	var made nimwire.CreateTeamResponse
	if err := made.DecodeR(reply.R); err != nil {
		t.Fatal(err)
	}
	tid := made.Team.TeamId.Int()
	say := func(p *peer, body string) error {
		_, err := p.c.Call(hytest.Context(t), nimwire.SendTeamMsg.ID(), &nimwire.SendTeamMsgRequest{
			Msg: nimwire.Msg{Scene: wire.Int(1), To: wire.Int(tid), Type: wire.Int(0), Body: wire.Str(body), IdClient: wire.Str(body + "-id")}})
		return err
	}
	must := func(p *peer, body string) {
		t.Helper()
		if err := say(p, body); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	member.wait(8, 3, `"8":"5"`)
	must(owner, "one")
	member.wait(8, 3, `"9":"one"`)
	must(member, "two")
	owner.wait(8, 3, `"9":"two"`)

	// Muted on one node, refused on the other: what it remembers is dropped.
	owner.call(nimwire.MuteTeamMember.ID(), &nimwire.MuteTeamMemberRequest{TeamId: tid, Account: "member", Mute: 1})
	n := 0
	hytest.Eventually(t, "the other node refuses", func() bool {
		n++
		var code *bench.CodeError
		return errors.As(say(member, strings.Repeat("m", n)), &code) && code.Code == 423
	})

	// Who joins on the other node gets what follows, who is removed nothing more.
	late.call(nimwire.ApplyTeam.ID(), &nimwire.ApplyTeamRequest{TeamId: tid})
	owner.call(nimwire.RemoveTeamMembers.ID(), &nimwire.RemoveTeamMembersRequest{TeamId: tid, Accounts: []string{"member"}})
	must(owner, "three")
	late.wait(8, 3, `"9":"three"`)
	for _, k := range member.all(8, 3) {
		if strings.Contains(string(k.r[0]), `"9":"three"`) {
			t.Error("a removed member got a message")
		}
	}
	hytest.Eventually(t, "made, muted, somebody joined, removed: all are told", func() bool {
		notes := 0
		for _, k := range member.all(8, 3) {
			if strings.Contains(string(k.r[0]), `"8":"5"`) {
				notes++
			}
		}
		return notes == 4
	})
}
