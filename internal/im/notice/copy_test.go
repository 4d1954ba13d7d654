package notice_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/notice"
)

// TestCopies: every type has its word, its kind of conversation and its lane
// (docs/api/copy.md section 3.2).
func TestCopies(t *testing.T) {
	a := &app.App{Key: "k", Settings: hytest.Settings(t, "copy_url", "http://receiver.example/", "copy_events", "1")}
	for _, c := range []struct {
		typ              notice.Type
		conv, word, lane string
	}{
		{notice.FriendRequest, "CUSTOM_PERSON", "FRIEND_ADD", "p|alice|bob"},
		{notice.DeleteFriend, "CUSTOM_PERSON", "FRIEND_DELETE", "p|alice|bob"},
		{notice.CustomP2P, "CUSTOM_PERSON", "CUSTOM_P2P_MSG", "p|alice|bob"},
		{notice.ApplyTeam, "CUSTOM_TEAM", "TEAM_APPLY", "t|77"},
		{notice.RejectTeamApply, "CUSTOM_TEAM", "TEAM_APPLY_REJECT", "t|77"},
		{notice.TeamInvite, "CUSTOM_TEAM", "TEAM_INVITE", "t|77"},
		{notice.RejectTeamInvite, "CUSTOM_TEAM", "TEAM_INVITE_REJECT", "t|77"},
		{notice.CustomTeam, "CUSTOM_TEAM", "CUSTOM_TEAM_MSG", "t|77"},
		{notice.ApplySuperTeam, "CUSTOM_TEAM", "SUPERTEAM_APPLY", "s|77"},
		{notice.RejectSuperTeamApply, "CUSTOM_TEAM", "SUPERTEAM_APPLY_REJECT", "s|77"},
		{notice.SuperTeamInvite, "CUSTOM_TEAM", "SUPERTEAM_INVITE", "s|77"},
		{notice.RejectSuperTeamInvite, "CUSTOM_TEAM", "SUPERTEAM_INVITE_REJECT", "s|77"},
		{notice.CustomSuperTeam, "CUSTOM_TEAM", "CUSTOM_SUPERTEAM_MSG", "s|77"},
		{notice.RecallP2P, "", "", ""}, // told by events 7, 8 and 25
		{notice.RecallTeam, "", "", ""},
		{notice.DeleteP2POneWay, "", "", ""},
	} {
		t.Run(fmt.Sprint(c.typ), func(t *testing.T) {
			n := &notice.Notice{App: "k", Receiver: "bob", ID: 9, Time: 5, Type: c.typ, From: "alice", Content: "ps", Attach: "at", Env: "blue", PushContent: "p"}
			if c.conv == "CUSTOM_TEAM" {
				n.To = "77"
			}
			n.WantCopy(a, notice.CopyFacts{ClientType: 16, Nick: "Alice", Members: []string{"alice", "bob"}})
			got := n.Copy()
			if c.conv == "" {
				if got != nil || n.Copied() {
					t.Errorf("copied: %s", got.Body)
				}
				return
			}
			if got == nil || got.Lane != c.lane || got.ID != 9 || got.Env != "blue" || got.App != "k" {
				t.Fatalf("%+v", got)
			}
			var b map[string]string
			if err := json.Unmarshal(got.Body, &b); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"eventType": "1", "convType": c.conv, "msgType": c.word, "to": n.Target(), "fromAccount": "alice", "fromNick": "Alice", "fromClientType": "WEB",
				"msgTimestamp": "5", "msgidServer": "9", "body": "ps", "attach": "at", "customApnsText": "p", "customSafeFlag": "0"}
			if c.conv == "CUSTOM_TEAM" {
				want["tMembers"] = "[alice, bob]"
			}
			if c.typ >= notice.CustomP2P {
				want["customSafeFlag"] = "1"
			}
			for k, v := range want {
				if b[k] != v {
					t.Errorf("%s is %q, want %q", k, b[k], v)
				}
			}
			if len(b) != len(want) {
				t.Errorf("%s", got.Body)
			}
			fresh := &notice.Notice{App: "k", Type: c.typ, From: "alice", Flags: notice.NoRoute}
			if fresh.WantCopy(a, notice.CopyFacts{}); fresh.Copied() {
				t.Error("what its sender excludes is copied")
			}
		})
	}
}
