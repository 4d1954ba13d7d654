package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im"
	"hongyan/internal/im/qchat"
)

func testQChat(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	server := &qchat.Server{App: app, ID: 1, Name: "n", Icon: "i", Ext: "x", Owner: "alice", ApplyMode: 1, SearchType: 2, Searchable: true, Members: 1, CreatedMs: 5, UpdatedMs: 6}
	if err := s.CreateQChatServer(e.ctx(), server, 2); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateQChatServer(e.ctx(), &qchat.Server{App: app, ID: 2, Owner: "alice", CreatedMs: 7}, 1); im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("more servers than allowed: %v", err)
	}
	got, err := s.QChatServers(e.ctx(), app, []int64{2, 1, 1})
	if d := cmp.Diff([]*qchat.Server{server}, got); err != nil || d != "" {
		t.Errorf("servers: %v %s", err, d)
	}
	if got, err := s.QChatServers(e.ctx(), other, []int64{1}); err != nil || len(got) != 0 {
		t.Errorf("seen by another app: %v, %v", got, err)
	}
	bob := qchat.Member{Server: 1, Accid: "bob", Inviter: "alice", JoinedMs: 10}
	for i, want := range []bool{true, false} {
		if isNew, err := s.JoinQChatServer(e.ctx(), app, bob, 2); err != nil || isNew != want {
			t.Errorf("join %d: %v, %v", i, isNew, err)
		}
	}
	if _, err := s.JoinQChatServer(e.ctx(), app, qchat.Member{Server: 9, Accid: "bob"}, 2); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("join of no server: %v", err)
	}
	if m, err := s.QChatMember(e.ctx(), app, 1, "bob"); err != nil || m == nil || *m != bob {
		t.Errorf("member: %+v, %v", m, err)
	}
	for _, x := range []struct{ app, accid string }{{app, "eve"}, {other, "bob"}} {
		if m, err := s.QChatMember(e.ctx(), x.app, 1, x.accid); err != nil || m != nil {
			t.Errorf("%v is a member: %+v, %v", x, m, err)
		}
	}
	if ids, err := s.QChatServersOf(e.ctx(), app, "bob"); err != nil || !cmp.Equal(ids, []int64{1}) {
		t.Errorf("servers of bob: %v, %v", ids, err)
	}
	channel := &qchat.Channel{App: app, ID: 3, Server: 1, Name: "c", Topic: "t", Ext: "x", Owner: "alice", Type: 100, VisitorMode: 2, CreatedMs: 8, UpdatedMs: 9}
	if err := s.CreateQChatChannel(e.ctx(), channel, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateQChatChannel(e.ctx(), &qchat.Channel{App: app, ID: 4, Server: 1}, 1); im.CodeOf(err) != im.CodeTooMany {
		t.Errorf("more channels than allowed: %v", err)
	}
	channels, err := s.QChatChannels(e.ctx(), app, []int64{3, 4})
	if d := cmp.Diff([]*qchat.Channel{channel}, channels); err != nil || d != "" {
		t.Errorf("channels: %v %s", err, d)
	}
	if got, _ := s.QChatServers(e.ctx(), app, []int64{1}); len(got) != 1 || got[0].Members != 2 || got[0].Channels != 1 {
		t.Errorf("counted: %+v", got)
	}
	t.Run("messages", func(t *testing.T) {
		var mu sync.Mutex
		times := map[int64]bool{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				m := &qchat.Message{App: app, Server: 1, Channel: 3, ID: int64(100 + i), TimeMs: 50, From: "alice", ClientID: fmt.Sprint(i), Body: fmt.Sprint(i), NoBadge: i == 0, NoHistory: i == 1}
				stored, repeated, err := s.AppendQChat(e.ctx(), m)
				if err != nil || repeated {
					t.Errorf("append: %v, %v", repeated, err)
					return
				}
				mu.Lock()
				times[stored.TimeMs] = true
				mu.Unlock()
			})
		}
		wg.Wait()
		for ms := int64(50); ms < 58; ms++ {
			if !times[ms] {
				t.Errorf("no message of time %d: %v", ms, times)
			}
		}
		again, repeated, err := s.AppendQChat(e.ctx(), &qchat.Message{App: app, Server: 1, Channel: 3, ID: 500, TimeMs: 90, From: "alice", ClientID: "3", Body: "other"})
		if err != nil || !repeated || again.ID != 103 || again.Body != "3" || again.App != app {
			t.Errorf("repeated: %+v, %v, %v", again, repeated, err)
		}
		if _, _, err := s.AppendQChat(e.ctx(), &qchat.Message{App: other, Server: 1, Channel: 3, ID: 501, From: "alice", ClientID: "x"}); im.CodeOf(err) != im.CodeNotFound {
			t.Errorf("in another app's channel: %v", err)
		}
		up, err := s.QChatHistory(e.ctx(), app, 3, qchat.History{FromMs: 51, ToMs: 56, Limit: 3, Ascending: true})
		down, err2 := s.QChatHistory(e.ctx(), app, 3, qchat.History{Limit: 100, Exclude: 102})
		if err != nil || err2 != nil || len(up) != 3 && len(up) != 2 || len(down) != 6 {
			t.Errorf("history: %d, %d, %v, %v", len(up), len(down), err, err2)
		}
		for i := 1; i < len(down); i++ {
			if down[i].TimeMs >= down[i-1].TimeMs || down[i].ID == 102 || down[i].NoHistory {
				t.Errorf("history downwards: %+v", down[i])
			}
		}
		if got, err := s.QChatHistory(e.ctx(), other, 3, qchat.History{Limit: 9}); err != nil || len(got) != 0 {
			t.Errorf("history of another app: %v, %v", got, err)
		}
	})
	t.Run("unread", func(t *testing.T) {
		unread := func(who string, since int64) (int64, int64, int) {
			t.Helper()
			ack, last, list, err := s.QChatUnread(e.ctx(), app, 3, who, since)
			if err != nil {
				t.Fatal(err)
			}
			return ack, last, len(list)
		}
		if ack, last, n := unread("bob", 10); ack != 10 || last != 57 || n != 6 {
			t.Errorf("bob: %d, %d, %d", ack, last, n)
		}
		if _, _, n := unread("alice", 0); n != 0 {
			t.Errorf("own messages count: %d", n)
		}
		for _, ms := range []int64{57, 40} { // never back
			if err := s.MarkQChatRead(e.ctx(), app, 3, "bob", ms); err != nil {
				t.Fatal(err)
			}
		}
		if ack, _, n := unread("bob", 10); ack != 57 || n != 0 {
			t.Errorf("after reading: %d, %d", ack, n)
		}
	})
}
