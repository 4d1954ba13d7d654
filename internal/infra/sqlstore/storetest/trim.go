package storetest

import (
	"testing"

	"hongyan/internal/im/message"
)

// testTrim deletes what is before an id, of one app, in pieces.
func testTrim(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	const old, young = 5, 3
	var msgs []*message.Message
	for i := range old + young {
		m := text(app, "alice", "bob", i)
		m.Content.Body = "天气"
		if i > 0 {
			m.Content.Thread = &message.Ref{IDServer: msgs[0].IDText()}
		}
		send(t, s, m)
		msgs = append(msgs, m)
	}
	foreign := text(other, "alice", "bob", 1)
	send(t, s, foreign)
	recalled := text(app, "bob", "alice", 20)
	send(t, s, recalled)
	notice := &message.RecallNotice{Kind: message.RecallP2P, Conv: recalled.Conv, MsgID: recalled.ID, MsgTime: recalled.Time, From: "bob", To: "alice", Operator: "bob"}
	if done, err := s.Erase(e.ctx(), recalled, notice); err != nil || !done {
		t.Fatal(done, err)
	}
	if err := s.AckRecalls(e.ctx(), app, "alice", []int64{notice.ID}); err != nil {
		t.Fatal(err)
	}
	broadcasts := map[string]*message.Broadcast{"expired": {Body: "a", Stored: true, ExpiresMs: 1}, "lives": {Body: "b", Stored: true, ExpiresMs: 1 << 50}}
	for _, b := range broadcasts {
		if err := s.PutBroadcast(e.ctx(), app, b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.IndexMessages(e.ctx(), app, 1<<62, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Hide(e.ctx(), app, "alice", []message.Deleted{{Conv: msgs[1].Conv, TimeMs: msgs[1].Time, Seq: msgs[1].Seq, DeletedMs: msgs[1].Time - 1000}}); err != nil {
		t.Fatal(err)
	}
	state := func() (history, found, threads, recalls, all int) {
		t.Helper()
		page, err := s.Page(e.ctx(), app, msgs[0].Conv, message.PageQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := s.SearchIDs(e.ctx(), app, message.SearchProbe{Terms: []message.SearchTerm{{Text: "天气"}}, Accid: "alice", MaxID: 1 << 62, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := s.Count(e.ctx(), app, msgs[0].Conv, message.PageQuery{Thread: msgs[0].ID})
		if err != nil {
			t.Fatal(err)
		}
		told, err := s.Recalls(e.ctx(), app, "alice", 0)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := s.Broadcasts(e.ctx(), app, 0, nil, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(page), len(ids), int(n), len(told), len(kept)
	}
	trim := func(cut message.Trim) {
		t.Helper()
		for range 20 {
			more, err := s.Trim(e.ctx(), app, cut, 2)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				return
			}
		}
		t.Error("there is always more")
	}
	check := func(what string, history, found, threads, recalls, broadcasts int) {
		t.Helper()
		if h, f, th, r, b := state(); h != history || f != found || th != threads || r != recalls || b != broadcasts {
			t.Errorf("%s: history %d, found %d, in threads %d, recalls %d, broadcasts %d", what, h, f, th, r, b)
		}
	}
	check("before", old+young, old+young, old+young-1, 1, 2)
	trim(message.Trim{Recalls: notice.ID, Broadcasts: 1})
	check("nothing is old", old+young, old+young, old+young-1, 1, 2)
	trim(message.Trim{Recalls: notice.ID + 1, Broadcasts: 1 << 62})
	check("messages are kept for ever", old+young, old+young, old+young-1, 0, 1)
	trim(message.Trim{Messages: msgs[old].ID})
	check("messages before an id", young, young, young, 0, 1)
	if left, err := s.Hidden(e.ctx(), app, "alice", 0, 10); err != nil || len(left) != 0 {
		t.Errorf("deletions of what is gone: %v, %v", left, err)
	}
	if got, err := s.Get(e.ctx(), other, []int64{foreign.ID}); err != nil || len(got) != 1 {
		t.Errorf("another app lost its message: %v, %v", got, err)
	}
}
