package move_test

import (
	"fmt"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
	"hongyan/internal/server"
)

// teams makes a team and a super team, changes them in every way and fills them
// with messages; it returns their ids.
func (s *source) teams(accids []string) (tid, superTID string) {
	s.t.Helper()
	owner := accids[0]
	names := func(list []string) string { return `["` + strings.Join(list, `","`) + `"]` }
	tid = fmt.Sprint(s.call("team/create", "tname", odd[0], "owner", owner, "members", names(accids[1:6]), "msg", "come", "magree", "0", "joinmode", "1",
		"announcement", odd[1], "intro", odd[2], "custom", odd[6], "icon", "https://example.com/t.png")["tid"])
	super := s.call("superteam/create", "owner", owner, "inviteAccids", names(accids[1:4]), "tname", odd[4], "serverCustom", odd[6], "beinvitemode", "1", "msg", "come")
	for _, v := range []any{super["tid"], super["tinfo"]} {
		switch v := v.(type) {
		case float64:
			superTID = fmt.Sprintf("%.0f", v)
		case string:
			superTID = v
		case map[string]any:
			superTID = fmt.Sprintf("%.0f", v["tid"])
		}
	}
	for i := range 110 {
		s.call("msg/sendMsg", "from", accids[i%3], "ope", "1", "to", tid, "type", "0", "body", fmt.Sprintf(`{"msg":"team %d"}`, i), "ext", odd[i%len(odd)])
	}
	for i := range 5 {
		s.call("superteam/sendMsg", "fromAccid", accids[i%3], "tid", superTID, "type", "0", "body", fmt.Sprintf(`{"msg":"super %d"}`, i), "ext", odd[1])
	}
	s.call("team/add", "tid", tid, "owner", owner, "members", names(accids[6:8]), "magree", "0", "msg", "come")
	s.call("team/addManager", "tid", tid, "owner", owner, "members", names(accids[1:2]))
	s.call("team/updateTeamNick", "tid", tid, "owner", owner, "accid", accids[2], "nick", odd[3], "custom", odd[1])
	s.call("team/muteTlist", "tid", tid, "owner", owner, "accid", accids[3], "mute", "1")
	s.call("team/kick", "tid", tid, "owner", owner, "member", accids[4])
	s.call("team/update", "tid", tid, "owner", owner, "tname", "renamed "+odd[0])
	s.call("superteam/addManager", "tid", superTID, "owner", owner, "managerAccids", names(accids[1:2]))
	s.call("superteam/leave", "tid", superTID, "accid", accids[3])
	return tid, superTID
}

func TestTeamsComeOver(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(9)
	tid, superTID := s.teams(accids)
	s.say("p0", "p8", "hello")
	c := s.config(accids...)
	rep := g.mustEqual(c)
	for name, want := range map[string]int64{"teams": 1, "super teams": 1, "member lists": 2, "conversations": 3} {
		if n := count(t, rep, name); n != want {
			t.Errorf("%d %s, want %d", n, name, want)
		}
	}
	if len(rep.LeftOut) > 0 {
		t.Errorf("left out %q", rep.LeftOut)
	}
	g.with(func(tool *server.Tool) {
		dst := tool.Bulk()
		ids, err := dst.Map(t.Context(), targetKey, transfer.MapTeam, []string{tid})
		if err != nil || ids[tid] == 0 || fmt.Sprint(ids[tid]) == tid {
			t.Fatalf("team %s is %d, %v", tid, ids[tid], err)
		}
		supers, err := dst.Map(t.Context(), targetKey, transfer.MapSuperTeam, []string{superTID})
		if err != nil || supers[superTID] == 0 {
			t.Fatalf("super team %s is %d, %v", superTID, supers[superTID], err)
		}
		conv := im.TeamKey(ids[tid])
		members, err := dst.Members(t.Context(), targetKey, conv, team.MemberQuery{})
		if err != nil || len(members) != 7 || members[0].Role != team.Owner {
			t.Fatalf("%d members, %v", len(members), err)
		}
		msgs, err := dst.Page(t.Context(), targetKey, conv, message.PageQuery{Ascending: true, Limit: 1000})
		if err != nil || len(msgs) < 110 {
			t.Fatalf("%d messages, %v", len(msgs), err)
		}
		notes := 0
		for _, m := range msgs {
			if m.Type == message.Notification {
				notes++
				if strings.Contains(m.Content.Attach, tid) {
					t.Errorf("a notification names the old team: %s", m.Content.Attach)
				}
			}
		}
		if notes < 3 {
			t.Errorf("%d notifications", notes)
		}
		for _, m := range members {
			switch m.Accid {
			case "p1":
				if m.Role != team.Manager || m.Span.Joined != 1 {
					t.Errorf("%+v", m)
				}
			case "p2":
				if m.Nick != odd[3] {
					t.Errorf("%+v", m)
				}
			case "p3":
				if !m.Muted {
					t.Errorf("%+v", m)
				}
			case "p6": // came later: sees what came then
				if m.Span.Joined < 100 {
					t.Errorf("sees from %d on", m.Span.Joined)
				}
			}
		}
		seen, err := dst.Page(t.Context(), targetKey, im.SuperTeamKey(supers[superTID]), message.PageQuery{Ascending: true, Limit: 100})
		if err != nil || len(seen) < 6 || seen[len(seen)-1].IDClient == "" {
			t.Errorf("%d messages of the super team, %v", len(seen), err)
		}
	})
	if rep := g.mustEqual(c); rep.Stored != 0 {
		t.Errorf("again: %d stored", rep.Stored)
	}
	// Between two runs one team ends, the other goes on with others.
	s.call("team/remove", "tid", tid, "owner", "p0")
	s.call("superteam/invite", "tid", superTID, "owner", "p0", "inviteAccids", `["p8"]`, "msg", "come")
	rep = g.mustEqual(c)
	if count(t, rep, "teams") != 0 || count(t, rep, "super teams") != 1 || rep.Stored == 0 {
		t.Errorf("%+v", rep)
	}
}

// Who is not in the list is left out of teams; a team of such an owner is left out.
func TestTeamsOfStrangers(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(9)
	s.teams(accids)
	rep := g.mustEqual(s.config("p0", "p1", "p2"))
	if n := count(t, rep, "member lists"); n != 2 || rep.UnlistedAll == 0 {
		t.Errorf("%d, %+v", n, rep)
	}
	g = newTarget(t)
	rep = g.mustEqual(s.config("p1", "p2"))
	if n := count(t, rep, "teams"); n != 0 || len(rep.LeftOut) == 0 || !strings.Contains(rep.LeftOut[0], `its owner "p0" is not in the list`) {
		t.Errorf("%d, %+v", n, rep)
	}
}
