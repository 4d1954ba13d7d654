package team_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

// counting counts the pages of messages that are read.
type counting struct {
	*sqlstore.Store
	pages int
}

func (c *counting) Page(ctx context.Context, app string, conv im.ConvKey, q message.PageQuery) ([]*message.Message, error) {
	c.pages++
	return c.Store.Page(ctx, app, conv, q)
}

// What was taken back, or not kept, while a member was away is looked for by one
// sync; the next has nothing to read.
func TestHolesOfMembersHeal(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t))
		b.register(b.app, "a", "b")
		for _, c := range []struct {
			name string
			away func(tm *team.Team, m *message.Message) error
		}{
			{"recalled", func(_ *team.Team, m *message.Message) error {
				_, err := b.store.Erase(b.ctx(), m, &message.RecallNotice{Kind: message.RecallTeam, Conv: m.Conv, MsgID: m.ID, From: "a", Operator: "a"})
				return err
			}},
			{"deleted one way", func(_ *team.Team, m *message.Message) error {
				_, err := b.store.HideFromReceivers(b.ctx(), m, &message.RecallNotice{Kind: message.DeleteTeamOneWay, Conv: m.Conv, MsgID: m.ID, From: "a", Operator: "a"})
				return err
			}},
			{"without offline storage", func(tm *team.Team, _ *message.Message) error {
				_, err := b.send(tm, "a", "for those who are here", message.NoOffline)
				return err
			}},
		} {
			tm := b.make(team.Creation{Type: team.Advanced}, "a", "b")
			m, err := b.send(tm, "a", "one", 0)
			b.ok(err)
			b.ok(c.away(tm, m))
			_, err = b.send(tm, "a", "two", 0)
			b.ok(err)
			store := &counting{Store: b.store}
			messages := message.New(store, b.accounts, b.bus, b.clock.Now)
			for _, login := range []string{"first", "second"} {
				store.pages = 0
				res, err := messages.Sync(b.ctx(), message.SyncRequest{App: b.app, Accid: "b", Offline: true, Watermark: messages.Watermark(), Node: b.store.IDs().Node()})
				b.ok(err)
				if first := login == "first"; first != (len(res.Offline) > 0) || first != (store.pages > 0) {
					t.Errorf("%s: %s login: %d messages, %d pages", c.name, login, len(res.Offline), store.pages)
				}
				for _, m := range res.Offline {
					messages.Delivered(b.app.Key, "b", message.Position{Conv: m.Conv, Seq: m.Seq})
				}
			}
		}
	})
}

// Who was away when he was removed hears of it and of nothing after; what was
// said before he joined never waits for him.
func TestAwayMembers(t *testing.T) {
	engines(t, func(t *testing.T, config func(testing.TB) sqlstore.Config) {
		b := newBed(t, config(t))
		b.register(b.app, "a", "b", "late")
		tm := b.make(team.Creation{Type: team.Advanced, Fields: team.Update{JoinMode: ptr(team.JoinFree)}}, "a", "b")
		for i := range 3 {
			if _, err := b.send(tm, "a", fmt.Sprint("before ", i), 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := b.teams.Apply(b.ctx(), b.as("late"), tm.Kind, tm.TID, ""); err != nil {
			t.Fatal(err)
		}
		b.remove(tm, "a", "b")
		if _, err := b.send(tm, "a", "after", 0); err != nil {
			t.Fatal(err)
		}
		for accid, want := range map[string][]int64{"b": {1, 2, 3, 4, 5, 6}, "late": {6, 7}} {
			res, err := b.messages.Sync(b.ctx(), message.SyncRequest{App: b.app, Accid: accid, Offline: true, Roaming: true, Watermark: b.messages.Watermark(), Node: b.store.IDs().Node()})
			b.ok(err)
			var got []int64
			for _, m := range res.Offline {
				got = append(got, m.Seq)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: offline %v, want %v", accid, got, want)
			}
		}
		_, err := b.send(tm, "b", "still here?", 0)
		b.code("send after removal", err, im.CodeTeamNotMember)
	})
}
