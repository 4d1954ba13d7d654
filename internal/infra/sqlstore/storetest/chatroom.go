package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im"
	"hongyan/internal/im/chatroom"
)

func testChatrooms(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	room := &chatroom.Room{App: app, ID: 7, Creator: "alice", Name: "n", Announcement: "a", BroadcastURL: "b", Ext: "x", QueueLevel: 1, Open: true, InOut: true,
		CreatedMs: 5, UpdatedMs: 6}
	for _, r := range []*chatroom.Room{room, {App: app, ID: 8}, {App: other, ID: 7, Open: true}} {
		if err := s.CreateChatroom(e.ctx(), r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Chatrooms(e.ctx(), app, []int64{9, 7, 7})
	if d := cmp.Diff([]*chatroom.Room{room}, got); err != nil || d != "" {
		t.Errorf("rooms: %v %s", err, d)
	}
	text := func(room, ms int64, from, id string) *chatroom.Message {
		return &chatroom.Message{App: app, Room: room, TimeMs: ms, From: from, ClientID: id, Body: id}
	}
	page := func(app string, room int64, q chatroom.History) (out []string) {
		t.Helper()
		list, err := s.ChatroomHistory(e.ctx(), app, room, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			out = append(out, fmt.Sprint(m.TimeMs, m.ClientID))
		}
		return out
	}

	t.Run("changes", func(t *testing.T) {
		changed, note, err := s.ChangeChatroom(e.ctx(), app, 7, func(r *chatroom.Room) (*chatroom.Message, error) {
			r.Name, r.Announcement, r.BroadcastURL, r.Ext, r.QueueLevel, r.Muted, r.InOut, r.UpdatedMs = "n2", "a2", "b2", "x2", 0, true, false, 7
			m := text(7, 10, "alice", "note")
			m.Type = chatroom.Notification
			return m, nil
		})
		want := &chatroom.Room{App: app, ID: 7, Creator: "alice", Name: "n2", Announcement: "a2", BroadcastURL: "b2", Ext: "x2", Open: true, Muted: true,
			CreatedMs: 5, UpdatedMs: 7}
		if d := cmp.Diff(want, changed); err != nil || d != "" || note == nil || note.TimeMs != 10 {
			t.Errorf("changed: %v %+v %s", err, note, d)
		}
		if got, _ := s.Chatrooms(e.ctx(), app, []int64{7}); !cmp.Equal(got, []*chatroom.Room{want}) {
			t.Errorf("stored: %+v", got)
		}
		if got, _ := s.Chatrooms(e.ctx(), other, []int64{7}); len(got) != 1 || got[0].Name != "" {
			t.Errorf("another app's room: %+v", got)
		}
		refusal := errors.New("no")
		if _, _, err := s.ChangeChatroom(e.ctx(), app, 7, func(r *chatroom.Room) (*chatroom.Message, error) { r.Name = "lost"; return nil, refusal }); !errors.Is(err, refusal) {
			t.Errorf("refused: %v", err)
		}
		if _, _, err := s.ChangeChatroom(e.ctx(), app, 9, func(*chatroom.Room) (*chatroom.Message, error) { return nil, nil }); im.CodeOf(err) != im.CodeNotFound {
			t.Errorf("no room: %v", err)
		}
		if got, _ := s.Chatrooms(e.ctx(), app, []int64{7}); got[0].Name != "n2" {
			t.Errorf("a refused change was stored: %+v", got[0])
		}
	})
	t.Run("messages", func(t *testing.T) {
		var mu sync.Mutex
		times := map[int64]bool{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				m := text(7, 50, "alice", fmt.Sprint("m", i))
				m.NoHistory = i == 1
				stored, repeated, err := s.AppendChatroom(e.ctx(), m, 0)
				if err != nil || repeated || stored.Body != m.Body {
					t.Errorf("append: %+v, %v, %v", stored, repeated, err)
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
		if got := page(app, 7, chatroom.History{Limit: 100}); len(got) != 8 || got[7] != "10note" {
			t.Errorf("the note and what is for the history: %v", got)
		}
		for _, c := range []struct {
			name string
			room int64
			code im.Code
		}{{"a room that is closed", 8, im.CodeRoomClosed}, {"no room", 9, im.CodeNotFound}} {
			if _, _, err := s.AppendChatroom(e.ctx(), text(c.room, 60, "alice", "x"), 0); im.CodeOf(err) != c.code {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
	t.Run("pages", func(t *testing.T) {
		for i, typ := range []int64{0, 1, 5, 100} {
			m := text(7, 1000+int64(i), "bob", fmt.Sprint("p", typ))
			m.Type = typ
			if _, _, err := s.AppendChatroom(e.ctx(), m, 0); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name string
			q    chatroom.History
			want []string
		}{
			{"upwards", chatroom.History{AfterMs: 1000, Limit: 2, Ascending: true}, []string{"1001p1", "1002p5"}},
			{"downwards", chatroom.History{BeforeMs: 1003, Limit: 2}, []string{"1002p5", "1001p1"}},
			{"between", chatroom.History{AfterMs: 1000, BeforeMs: 1002, Limit: 9}, []string{"1001p1"}},
			{"types", chatroom.History{AfterMs: 999, Limit: 9, Types: []int64{5, 100}}, []string{"1003p100", "1002p5"}},
		} {
			if got := page(app, 7, c.q); !cmp.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		if got := page(other, 7, chatroom.History{Limit: 9}); got != nil {
			t.Errorf("history of another app: %v", got)
		}
	})
	t.Run("repeated", func(t *testing.T) {
		var wg sync.WaitGroup
		first := make(chan int64, 8)
		for range 8 {
			wg.Go(func() {
				stored, _, err := s.AppendChatroom(e.ctx(), text(7, 2000, "bob", "again"), 1900)
				if err != nil {
					t.Error(err)
					return
				}
				first <- stored.TimeMs
			})
		}
		wg.Wait()
		close(first)
		at := <-first
		for ms := range first {
			if ms != at {
				t.Errorf("stored at %d and at %d", at, ms)
			}
		}
		for _, c := range []struct {
			name  string
			from  string
			since int64
		}{{"somebody else's", "carol", 1900}, {"too long ago", "bob", 2100}, {"no repetition", "bob", 0}} {
			if stored, repeated, err := s.AppendChatroom(e.ctx(), text(7, 2200, c.from, "again"), c.since); err != nil || repeated || stored.TimeMs < 2200 {
				t.Errorf("%s: %+v, %v, %v", c.name, stored, repeated, err)
			}
		}
	})
	t.Run("deleted", func(t *testing.T) {
		note := func(m *chatroom.Message) (*chatroom.Message, error) {
			return text(7, 3000, "alice", "gone "+m.ClientID), nil
		}
		refusal := errors.New("no")
		if _, err := s.DeleteChatroomMessage(e.ctx(), app, 7, "bob", 1000, func(*chatroom.Message) (*chatroom.Message, error) { return nil, refusal }); !errors.Is(err, refusal) {
			t.Errorf("refused: %v", err)
		}
		for _, c := range []struct {
			name, app, from string
			ms              int64
		}{{"of somebody else", app, "alice", 1000}, {"of another time", app, "bob", 999}, {"of another app", other, "bob", 1000}} {
			if _, err := s.DeleteChatroomMessage(e.ctx(), c.app, 7, c.from, c.ms, note); im.CodeOf(err) != im.CodeNotFound {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if told, err := s.DeleteChatroomMessage(e.ctx(), app, 7, "bob", 1000, note); err != nil || told.ClientID != "gone p0" || told.TimeMs != 3000 {
			t.Errorf("deleted: %+v, %v", told, err)
		}
		silent := func(*chatroom.Message) (*chatroom.Message, error) { return nil, nil }
		if told, err := s.DeleteChatroomMessage(e.ctx(), app, 7, "bob", 1001, silent); err != nil || told != nil {
			t.Errorf("deleted silently: %+v, %v", told, err)
		}
		if got := page(app, 7, chatroom.History{AfterMs: 999, BeforeMs: 1010, Limit: 9}); !cmp.Equal(got, []string{"1003p100", "1002p5"}) {
			t.Errorf("left: %v", got)
		}
	})
	t.Run("trimmed", func(t *testing.T) {
		for _, m := range []*chatroom.Message{{App: other, Room: 7, TimeMs: 20, From: "eve", ClientID: "kept"}} {
			if _, _, err := s.AppendChatroom(e.ctx(), m, 0); err != nil {
				t.Fatal(err)
			}
		}
		before := len(page(app, 7, chatroom.History{BeforeMs: 1000, Limit: 100}))
		if n, err := s.TrimChatrooms(e.ctx(), app, 1000, 5); err != nil || n != 5 {
			t.Errorf("first part: %d, %v", n, err)
		}
		if n, err := s.TrimChatrooms(e.ctx(), app, 1000, 100); err != nil || int(n) != before-5 {
			t.Errorf("the rest: %d of %d, %v", n, before, err)
		}
		if got := page(app, 7, chatroom.History{BeforeMs: 1000, Limit: 9}); got != nil {
			t.Errorf("left: %v", got)
		}
		if got := page(other, 7, chatroom.History{Limit: 9}); len(got) != 1 {
			t.Errorf("another app's: %v", got)
		}
	})
}
