package team_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

func TestInvitationsAndApplications(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "a", "b", "c", "d")
	tm := b.make(team.Creation{Type: team.Advanced}, "a")
	invite := func(who ...string) (*team.Invited, error) {
		return b.teams.Invite(b.ctx(), b.as("a"), tm.Kind, tm.TID, team.Invite{Accids: who, Text: "hi", Attach: ptr("x")})
	}
	out, err := invite("b", "c")
	if err != nil || !out.Asked || len(b.sent) != 1 || !slices.Equal(b.sent[0].To, []string{"b", "c"}) || *b.sent[0].Attach != "x" {
		t.Fatalf("%+v, %v, %+v", out, err, b.sent)
	}
	answer := func(who, inviter string, accept bool) error {
		return b.teams.AnswerInvitation(b.ctx(), b.as(who), tm.Kind, tm.TID, inviter, accept, "no")
	}
	b.code("accept of another inviter", answer("b", "c", true), im.CodeInvalid)
	b.code("accept", answer("b", "a", true), im.CodeOK)
	b.code("accept again", answer("b", "a", true), im.CodeTeamMember)
	b.code("reject", answer("c", "a", false), im.CodeOK)
	b.code("accept what was rejected", answer("c", "a", true), im.CodeInvalid)
	if n := b.sent[len(b.sent)-1]; n.Type != team.NotifyInviteRejected || n.To[0] != "a" || n.From != "c" {
		t.Errorf("%+v", n)
	}
	_, err = invite("a", "b")
	b.code("all are in", err, im.CodeTeamMember)
	_, err = invite("nobody")
	b.code("no such account", err, im.CodeNotFound)
	_, err = invite("c")
	b.ok(err)
	b.clock.Advance(8 * 24 * time.Hour)
	b.code("accept too late", answer("c", "a", true), im.CodeExpired)
	if _, waits, err := b.teams.Apply(b.ctx(), b.as("d"), tm.Kind, tm.TID, "please"); err != nil || !waits {
		t.Fatalf("%v, %v", waits, err)
	}
	if n := b.sent[len(b.sent)-1]; n.Type != team.NotifyApply || !slices.Equal(n.To, []string{"a"}) || n.From != "d" {
		t.Errorf("%+v", n)
	}
	b.code("reject", b.teams.AnswerApplication(b.ctx(), b.as("a"), tm.Kind, tm.TID, "d", false, "no"), im.CodeOK)
	b.code("pass what was rejected", b.teams.AnswerApplication(b.ctx(), b.as("a"), tm.Kind, tm.TID, "d", true, ""), im.CodeInvalid)
}

func TestLimits(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "teams_created_max", "2", "teams_joined_max", "3", "team_members_max", "3", "team_managers_max", "1", "team_receipt_max_members", "2")
	var ids []string
	for i := range 6 {
		ids = append(ids, fmt.Sprint("u", i))
	}
	b.register(b.app, ids...)
	tm := b.make(team.Creation{Type: team.Advanced}, "u0", "u1", "u2")
	add := func(who ...string) error {
		_, err := b.teams.Invite(b.ctx(), b.as("u0"), tm.Kind, tm.TID, team.Invite{Accids: who, Direct: true})
		return err
	}
	b.code("full", add("u3"), im.CodeTeamFull)
	_, err := b.send(tm, "u1", "receipts", message.NeedReceipt)
	b.code("too large for receipts", err, im.CodeNoReceipts)
	b.code("managers", b.teams.SetManagers(b.ctx(), b.as("u0"), tm.Kind, tm.TID, []string{"u1", "u2"}, true), im.CodeTooManyHeads)
	b.make(team.Creation{Type: team.Advanced}, "u0")
	_, _, err = b.teams.Create(b.ctx(), b.as("u0"), team.Creation{Type: team.Advanced, Fields: team.Update{Name: ptr("third")}})
	b.code("created", err, im.CodeTooManyTeams)
	b.make(team.Creation{Type: team.Advanced}, "u1", "u2")
	b.make(team.Creation{Type: team.Advanced}, "u3", "u2")
	more := b.make(team.Creation{Type: team.Advanced}, "u4", "u5")
	out, err := b.teams.Invite(b.ctx(), b.as("u4"), more.Kind, more.TID, team.Invite{Accids: []string{"u2"}, Direct: true})
	if err != nil || !slices.Equal(out.Aborted, []string{"u2"}) {
		t.Errorf("joined too many: %+v, %v", out, err)
	}
	for what, c := range map[string]team.Creation{
		"no name":    {Type: team.Advanced},
		"long name":  {Type: team.Advanced, Fields: team.Update{Name: ptr(string(make([]byte, 65)))}},
		"NUL":        {Type: team.Advanced, Fields: team.Update{Name: ptr("a\x00b")}},
		"type":       {Type: 7, Fields: team.Update{Name: ptr("x")}},
		"mode":       {Type: team.Advanced, Fields: team.Update{Name: ptr("x"), JoinMode: ptr(int64(3))}},
		"level":      {Type: team.Advanced, Fields: team.Update{Name: ptr("x"), Level: ptr(int64(4))}},
		"many names": {Type: team.Advanced, Fields: team.Update{Name: ptr("x")}, Accids: make([]string, 201)},
	} {
		_, _, err := b.teams.Create(b.ctx(), b.as("u5"), c)
		b.code(what, err, im.CodeBadParam)
	}
}

func TestSilence(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "a", "b", "c")
	tm := b.make(team.Creation{Type: team.Advanced}, "a", "b", "c")
	try := func(who string) error { _, err := b.send(tm, who, fmt.Sprint(time.Now().UnixNano()), 0); return err }
	b.ok(b.teams.MuteMembers(b.ctx(), b.as("a"), tm.Kind, tm.TID, []string{"b"}, true))
	b.code("muted", try("b"), im.CodeMuted)
	b.code("other", try("c"), im.CodeOK)
	b.ok(b.teams.MuteTeam(b.ctx(), b.as("a"), tm.Kind, tm.TID, true))
	b.code("team muted", try("c"), im.CodeTeamMuted)
	b.code("owner", try("a"), im.CodeOK)
	_, err := b.teams.UpdateInfo(b.ctx(), b.as("a"), tm.Kind, tm.TID, team.Update{MuteType: ptr(team.MuteAll)})
	b.ok(err)
	b.code("everybody muted", try("a"), im.CodeTeamMuted)
	b.ok(b.teams.MuteTeam(b.ctx(), b.as("a"), tm.Kind, tm.TID, false))
	b.code("free", try("c"), im.CodeOK)
	b.code("still muted", try("b"), im.CodeMuted)
}

func TestReceipts(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t))
		b.register(b.app, "a", "b", "c", "late")
		tm := b.make(team.Creation{Type: team.Advanced}, "a", "b", "c")
		m, err := b.send(tm, "a", "read me", message.NeedReceipt)
		if err != nil || m.Content.AckSnapshot != 2 {
			t.Fatalf("%+v, %v", m, err)
		}
		plain, err := b.send(tm, "a", "plain", 0)
		b.ok(err)
		_, err = b.teams.Invite(b.ctx(), b.as("a"), tm.Kind, tm.TID, team.Invite{Accids: []string{"late"}, Direct: true})
		b.ok(err)
		for _, who := range []string{"b", "b", "late", "a"} {
			ignored, err := b.teams.MarkRead(b.ctx(), b.app, who, tm.TID, []int64{m.ID, plain.ID, 12})
			b.ok(err)
			if want := []int64{plain.ID, 12}; who == "b" && !slices.Equal(ignored, want) {
				t.Errorf("ignored %v, want %v", ignored, want)
			}
		}
		b.remove(tm, "a", "c")
		reads, err := b.teams.Reads(b.ctx(), b.app, "late", tm.TID, []int64{m.ID, plain.ID})
		if err != nil || len(reads) != 1 || !slices.Equal(reads[0].Read, []string{"b"}) || !slices.Equal(reads[0].Unread, []string{"c"}) {
			t.Errorf("%+v, %v", reads, err)
		}
		told := 0
		for _, ev := range b.bus.Events() {
			if ev.Kind == team.EventReceipts {
				told++
				if list, err := team.DecodeReceipts(ev.Body); err != nil || ev.To != "a" || len(list) != 1 || list[0].Reader != "b" || list[0].Read != 1 || list[0].Unread != 1 {
					t.Errorf("%+v, %v", list, err)
				}
			}
		}
		if told != 1 {
			t.Errorf("the author is told %d times", told)
		}
		_, err = b.teams.MarkRead(b.ctx(), b.app, "c", tm.TID, []int64{m.ID})
		b.code("stranger", err, im.CodeTeamNotMember)
	})
}

// TestReceiptsOff: an app without receipts refuses what asks for them and what
// reads them, and keeps what it has.
func TestReceiptsOff(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "a", "b", "stranger")
	tm := b.make(team.Creation{Type: team.Advanced}, "a", "b")
	m, err := b.send(tm, "a", "read me", message.NeedReceipt)
	b.ok(err)
	on := b.app
	off := *on
	off.Settings.TeamReceipts = false
	b.app = &off
	_, err = b.send(tm, "a", "read me too", message.NeedReceipt)
	b.code("send", err, im.CodeNoReceipts)
	_, err = b.send(tm, "a", "plain", 0)
	b.ok(err)
	ids := []int64{m.ID}
	for name, c := range map[string]struct {
		do   func() error
		want im.Code
	}{
		"mark as read":            {func() error { _, err := b.teams.MarkRead(b.ctx(), b.app, "b", tm.TID, ids); return err }, im.CodeNoReceipts},
		"mark as read, stranger":  {func() error { _, err := b.teams.MarkRead(b.ctx(), b.app, "stranger", tm.TID, ids); return err }, im.CodeTeamNotMember},
		"mark as read, no team":   {func() error { _, err := b.teams.MarkRead(b.ctx(), b.app, "b", 5, ids); return err }, im.CodeTeamNotFound},
		"who has read":            {func() error { _, err := b.teams.Reads(b.ctx(), b.app, "b", tm.TID, ids); return err }, im.CodeNoReceipts},
		"who has read, no team":   {func() error { _, err := b.teams.Reads(b.ctx(), b.app, "b", 5, ids); return err }, im.CodeTeamNotFound},
		"REST: who has read":      {func() error { _, err := b.teams.ReadsOf(b.ctx(), b.app, tm.TID, m.ID, "a"); return err }, im.CodeNoReceipts},
		"REST: who has read what": {func() error { _, err := b.teams.ReadsOf(b.ctx(), b.app, 5, m.ID, "a"); return err }, im.CodeTeamNotFound},
	} {
		b.code(name, c.do(), c.want)
	}
	b.app = on
	reads, err := b.teams.ReadsOf(b.ctx(), b.app, tm.TID, m.ID, "a")
	if err != nil || len(reads.Read) != 0 || len(reads.Unread) != 1 {
		t.Errorf("switched on again: %+v, %v", reads, err)
	}
}

// A message to a team is one event, whatever the number of members, and the
// events of membership surround the notifications they belong to.
func TestEvents(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "a", "b", "c")
	tm := b.make(team.Creation{Type: team.Advanced}, "a", "b", "c")
	b.remove(tm, "a", "b")
	from := len(b.bus.Events())
	if _, err := b.send(tm, "a", "x", 0); err != nil {
		t.Fatal(err)
	}
	events := b.bus.Events()
	if n := len(events) - from; n != 1 || events[from].To != "" || events[from].Conv != tm.Conv() {
		t.Errorf("%d events for a message: %+v", n, events[from:])
	}
	var order []string
	for _, ev := range events[:from] {
		switch ev.Kind {
		case im.EventMessage:
			order = append(order, fmt.Sprint("message ", ev.Seq))
		case team.EventRoom:
			room, err := team.DecodeRoom(ev.Body)
			b.ok(err)
			if room.Joined != nil || room.Left != nil {
				order = append(order, fmt.Sprint(room.Joined, room.Left))
			}
		}
	}
	if want := []string{"[a b c] []", "message 1", "message 2", "[] [b]"}; !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

// The owner of a normal team may leave; the last one dismisses it.
func TestBasicTeam(t *testing.T) {
	b := newBed(t, hytest.SQLite(t))
	b.register(b.app, "a", "b", "c")
	tm := b.make(team.Creation{Type: team.Basic}, "a", "b", "c")
	b.ok(b.teams.Leave(b.ctx(), b.as("a"), tm.Kind, tm.TID))
	now, err := b.teams.Get(b.ctx(), b.app.Key, tm.Kind, tm.TID)
	if err != nil || now.Owner != "b" || now.MemberNum != 2 {
		t.Fatalf("%+v, %v", now, err)
	}
	b.ok(b.teams.Leave(b.ctx(), b.as("c"), tm.Kind, tm.TID))
	b.ok(b.teams.Leave(b.ctx(), b.as("b"), tm.Kind, tm.TID))
	_, err = b.teams.Get(b.ctx(), b.app.Key, tm.Kind, tm.TID)
	b.code("empty", err, im.CodeTeamNotFound)
	_, _, err = b.teams.Apply(b.ctx(), b.as("a"), tm.Kind, tm.TID, "")
	b.code("apply to what is gone", err, im.CodeTeamNotFound)
}

// TestRoster: copies name the members of a team that is not too large, as they
// are after the last change.
func TestRoster(t *testing.T) {
	b := newBed(t, hytest.SQLite(t), "copy_url", "http://receiver.example/", "copy_events", "1", "team_members_max", "300")
	var many []string
	for i := range team.CopiedMembers {
		many = append(many, fmt.Sprintf("u%03d", i))
	}
	b.register(b.app, append(many, "a", "b", "c")...)
	tm := b.make(team.Creation{Type: team.Advanced}, "a", "b")
	roster := func(want string) {
		t.Helper()
		for range 2 { // read, and remembered
			_, err := b.teams.MaySend(b.ctx(), b.app.Key, tm.Conv(), "a", false)
			b.ok(err)
			got, err := b.teams.Roster(b.ctx(), b.app.Key, tm.Conv())
			if err != nil || got != want {
				t.Errorf("%.40s..., %v, want %.40s...", got, err, want)
			}
		}
	}
	last := func() string {
		t.Helper()
		cs, err := b.store.Copies(b.ctx(), b.app.Key, 0, 100)
		b.ok(err)
		return string(cs[len(cs)-1].Body)
	}
	names := func(want string) {
		t.Helper()
		if got := last(); want == "" && strings.Contains(got, "tMembers") || want != "" && !strings.Contains(got, `"tMembers":"`+want+`"`) {
			t.Errorf("%.300s, want %q", got, want)
		}
	}
	roster("[a, b]")
	names("[a, b]")
	_, err := b.teams.Invite(b.ctx(), b.as("a"), tm.Kind, tm.TID, team.Invite{Accids: []string{"c"}, Direct: true})
	b.ok(err)
	roster("[a, b, c]")
	names("[a, b, c]")
	b.ok(b.teams.Leave(b.ctx(), b.as("b"), tm.Kind, tm.TID))
	roster("[a, c]")
	names("[a, c]")
	_, err = b.send(tm, "c", "hi", 0)
	b.ok(err)
	names("[a, c]")
	_, err = b.teams.Invite(b.ctx(), b.as("a"), tm.Kind, tm.TID, team.Invite{Accids: many, Direct: true})
	b.ok(err)
	roster("")
	names("")
	b.ok(b.teams.Leave(b.ctx(), b.as("u000"), tm.Kind, tm.TID))
	names("")
	_, err = b.send(tm, "c", "hi all", 0)
	b.ok(err)
	names("")
}
