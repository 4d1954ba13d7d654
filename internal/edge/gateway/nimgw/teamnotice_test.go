package nimgw

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"hongyan/internal/im/account"
	"hongyan/internal/im/team"
)

// Notification messages have the ids and fields of docs/protocol/nim-social.md
// section 7, for teams and super teams.
func TestTeamAttach(t *testing.T) {
	users := []*account.Account{{Accid: "a", Card: account.Card{Name: "A", Icon: "i", UpdatedMs: 5}}}
	name, extra := "new", "x"
	for _, c := range []struct {
		n           team.Notification
		id, superID int
		keys        []string
		superKeys   []string
	}{
		{team.Notification{ID: team.NoteAdd, Accids: []string{"b"}, Attach: &extra}, 0, 401, []string{"attach", "ids", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteRemove, Accids: []string{"b"}}, 1, 402, []string{"ids", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteLeave}, 2, 403, []string{"tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteUpdate, Changed: &team.Update{Name: &name}}, 3, 404, []string{"tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteDismiss}, 4, 405, []string{"uinfos"}, nil},
		{team.Notification{ID: team.NotePassApply, Accid: "b"}, 5, 410, []string{"id", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteTransfer, Accid: "b"}, 6, 406, []string{"id", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteAddManagers, Accids: []string{"b"}}, 7, 407, []string{"ids", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteRemoveManagers, Accids: []string{"b"}}, 8, 408, []string{"ids", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteAccept, Accid: "b"}, 9, 411, []string{"id", "tinfo", "uinfos"}, nil},
		{team.Notification{ID: team.NoteMuteMember, Accid: "b", Accids: []string{"b"}, Mute: true}, 10, 409,
			[]string{"id", "mute", "tinfo", "uinfos"}, []string{"ids", "mute", "tinfo", "uinfos"}},
	} {
		for _, k := range []team.Kind{team.Normal, team.Super} {
			n := c.n
			n.Users, n.Team = users, &team.Team{TID: 45, Kind: k, Name: "crew", Type: team.Advanced, UpdatedMs: 12, Valid: true}
			id, keys := c.id, c.keys
			if k == team.Super {
				id = c.superID
				if c.superKeys != nil {
					keys = c.superKeys
				}
			}
			text := TeamAttach(&n)
			var got struct {
				ID   int
				Data map[string]json.RawMessage
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			var have []string
			for key := range got.Data {
				have = append(have, key)
			}
			slices.Sort(have)
			if got.ID != id || fmt.Sprint(have) != fmt.Sprint(keys) {
				t.Errorf("note %d: id %d with %v, want %d with %v", n.ID, got.ID, have, id, keys)
			}
			if u := string(got.Data["uinfos"]); u != `[{"1":"a","3":"A","4":"i","13":"5"}]` {
				t.Errorf("uinfos %s", u)
			}
			if n.ID == team.NoteUpdate {
				if i := string(got.Data["tinfo"]); i != `{"1":"45","3":"new","12":"12"}` {
					t.Errorf("tinfo of an update: %s", i)
				}
			}
		}
	}
}
