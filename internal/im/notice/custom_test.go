package notice_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/notice"
)

// social answers both questions of a Sender.
type social struct {
	black string // "owner other"
	err   error
}

func (s *social) Blocks(_ context.Context, _, owner, other string) (bool, error) {
	return owner+" "+other == s.black, s.err
}

func (s *social) NoticeRoom(_ context.Context, _ *app.App, t notice.Type, from, to string, rest bool) (im.ConvKey, []string, error) {
	switch {
	case to != "4500":
		return "", nil, im.Errorf(im.CodeTeamNotFound, "team does not exist")
	case from == "carol" && !rest:
		return "", nil, im.Errorf(im.CodeTeamNotMember, "not in the team")
	}
	return im.TeamKey(4500), []string{"bob", "dave"}, nil
}

func newSender(t *testing.T) (*world, *notice.Sender, *social) {
	w := newWorld(t)
	accounts := account.New(account.Config{Store: w.store, Clock: w.clock.Now, TokenKey: []byte("k")})
	for _, id := range []string{"alice", "bob", "carol", "blocked"} {
		if _, _, err := accounts.Register(t.Context(), w.app.Key, id, "t", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := accounts.SetBlocked(t.Context(), w.app.Key, "blocked", true); err != nil {
		t.Fatal(err)
	}
	s := &social{black: "bob carol"}
	return w, notice.NewSender(w.s, accounts, s, s), s
}

func TestCustomNotifications(t *testing.T) {
	long := strings.Repeat("字", 4097)
	for _, c := range []struct {
		name string
		n    notice.Notice
		rest bool
		code im.Code
		to   []string // who gets it, in upper case when it waits too
	}{
		{"p2p", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "BOB", Attach: "x"}, false, 200, []string{"BOB"}},
		{"longest attach", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", Attach: long[3:]}, false, 200, []string{"BOB"}},
		{"live only", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", Flags: notice.NoOffline}, false, 200, []string{"bob"}},
		{"to oneself", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "alice"}, false, 200, []string{"ALICE"}},
		{"team", notice.Notice{Type: notice.CustomTeam, From: "alice", To: "4500"}, false, 200, []string{"room"}},
		{"super team", notice.Notice{Type: notice.CustomSuperTeam, From: "alice", To: "4500"}, false, 200, []string{"room"}},
		{"unknown team", notice.Notice{Type: notice.CustomTeam, From: "alice", To: "1"}, false, 803, nil},
		{"no member", notice.Notice{Type: notice.CustomTeam, From: "carol", To: "4500"}, false, 804, nil},
		{"no member by the app's server", notice.Notice{Type: notice.CustomTeam, From: "carol", To: "4500"}, true, 200, []string{"room"}},
		{"on the black list", notice.Notice{Type: notice.CustomP2P, From: "carol", To: "bob"}, false, 7101, nil},
		{"on the black list by the app's server", notice.Notice{Type: notice.CustomP2P, From: "carol", To: "bob"}, true, 200, []string{"BOB"}},
		{"blocked", notice.Notice{Type: notice.CustomP2P, From: "blocked", To: "bob"}, false, 422, nil},
		{"to nobody", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "ghost"}, false, 404, nil},
		{"to no accid", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "a b"}, false, 404, nil},
		{"from nobody", notice.Notice{Type: notice.CustomP2P, From: "ghost", To: "bob"}, false, 404, nil},
		{"a friend request", notice.Notice{Type: notice.FriendRequest, From: "alice", To: "bob"}, false, 414, nil},
		{"attach", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", Attach: long}, false, 414, nil},
		{"NUL", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", Attach: "a\x00"}, false, 414, nil},
		{"push text", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", PushContent: long}, false, 414, nil},
		{"payload", notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob", PushPayload: long}, false, 414, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, sender, _ := newSender(t)
			err := sender.Send(hytest.Context(t), notice.Custom{App: w.app, Notice: c.n, REST: c.rest})
			if im.CodeOf(err) != c.code {
				t.Fatalf("%v, want %d", err, c.code)
			}
			var to []string
			for _, ev := range w.bus.Events() {
				n, err := notice.Decode(ev)
				if err != nil {
					t.Fatal(err)
				}
				if n.Type == notice.CustomP2P && n.Target() != n.Receiver || n.Type != notice.CustomP2P && n.Target() != "4500" {
					t.Errorf("addressed to %s", n.Target())
				}
				who := n.Receiver
				if n.Room == im.TeamKey(4500) && ev.Conv == n.Room && ev.To == "" {
					who = "room"
				}
				if len(w.pending(who)) > 0 {
					who = strings.ToUpper(who)
				}
				to = append(to, who)
			}
			if !reflect.DeepEqual(to, c.to) {
				t.Errorf("delivered to %v, want %v", to, c.to)
			}
		})
	}
}

func TestCustomNotificationsAreNotSentWhenUnsure(t *testing.T) {
	w, sender, s := newSender(t)
	s.err = errors.New("disk on fire")
	n := notice.Notice{Type: notice.CustomP2P, From: "alice", To: "bob"}
	if err := sender.Send(hytest.Context(t), notice.Custom{App: w.app, Notice: n}); !errors.Is(err, s.err) {
		t.Error(err)
	}
	if len(w.bus.Events()) != 0 {
		t.Error("it is delivered")
	}
}

// Without teams every team is unknown.
func TestCustomNotificationsWithoutTeams(t *testing.T) {
	w, _, s := newSender(t)
	accounts := account.New(account.Config{Store: w.store, Clock: w.clock.Now, TokenKey: []byte("k")})
	sender := notice.NewSender(w.s, accounts, s, nil)
	err := sender.Send(hytest.Context(t), notice.Custom{App: w.app, Notice: notice.Notice{Type: notice.CustomTeam, From: "alice", To: "4500"}})
	if im.CodeOf(err) != im.CodeTeamNotFound {
		t.Error(err)
	}
}
