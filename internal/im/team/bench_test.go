package team_test

import (
	"fmt"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// BenchmarkSend is the cost of a message to a team up to its event, by the
// number of members.
func BenchmarkSend(b *testing.B) {
	for _, members := range []int{2, 20, 200} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			bed := newBed(b, hytest.SQLite(b))
			var ids []string
			for i := range members {
				ids = append(ids, fmt.Sprint("u", i))
			}
			bed.register(bed.app, ids...)
			tm := bed.make(team.Creation{Type: team.Advanced}, ids[0], ids[1:]...)
			done := make(chan error, b.N)
			b.ResetTimer()
			for i := range b.N {
				m := &message.Message{From: ids[i%members], To: fmt.Sprint(tm.TID), IDClient: fmt.Sprint(i), ClientType: 16, Content: message.Content{Body: "text"}}
				err := bed.messages.SendTeam(bed.ctx(), message.Send{App: bed.app, Msg: m}, tm.Kind.Scene(), func(_ *message.Message, err error) { done <- err })
				if err != nil {
					b.Fatal(err)
				}
			}
			for range b.N {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSyncAboveAHole is a login with nothing to give, to an account with a
// message that it never got under 20,000 that it has: one that was recalled while
// it was away, and one that was not kept for it.
func BenchmarkSyncAboveAHole(b *testing.B) {
	const later = 20_000
	for name, setUp := range map[string]func(b *bed){
		"none": func(b *bed) {
			m := b.toBob(later+1, 0)
			b.received(m.Conv, 1, later+1)
		},
		"p2p, needOffline 0": func(b *bed) {
			b.toBob(1, message.NoOffline)
			m := b.toBob(later, 0)
			b.received(m.Conv, 2, later+1)
		},
		"team, recalled": func(b *bed) {
			tm := b.make(team.Creation{Type: team.Advanced}, "alice", "bob")
			m, err := b.send(tm, "alice", "never mind", 0)
			b.ok(err)
			if _, err = b.store.Erase(b.ctx(), m, &message.RecallNotice{Kind: message.RecallTeam, Conv: m.Conv, MsgID: m.ID, From: "alice", Operator: "alice"}); err != nil {
				b.Fatal(err)
			}
			b.append(message.Message{Conv: tm.Conv(), Scene: im.SceneTeam, From: "alice", To: fmt.Sprint(tm.TID)}, later)
			b.received(tm.Conv(), 1, m.Seq-1)
			b.received(tm.Conv(), m.Seq+1, m.Seq+later)
		},
	} {
		b.Run(name, func(b *testing.B) {
			bed := newBed(b, hytest.SQLite(b))
			bed.register(bed.app, "alice", "bob")
			setUp(bed)
			sync := func() {
				res, err := bed.messages.Sync(bed.ctx(), message.SyncRequest{App: bed.app, Accid: "bob", Offline: true, Watermark: bed.messages.Watermark(), Node: bed.store.IDs().Node()})
				if err != nil || len(res.Offline) > 0 {
					b.Fatal(res, err)
				}
			}
			began := time.Now()
			sync()
			first := time.Since(began)
			b.ResetTimer()
			for range b.N {
				sync()
			}
			b.ReportMetric(float64(first.Microseconds())/1000, "first-ms")
		})
	}
}

// toBob stores messages of alice to bob and returns the last.
func (b *bed) toBob(n int, flags message.Flags) *message.Message {
	return b.append(message.Message{Conv: im.P2PKey("alice", "bob"), From: "alice", To: "bob", Flags: flags}, n)
}

// append stores n messages like m and returns the last.
func (b *bed) append(m message.Message, n int) (last *message.Message) {
	b.Helper()
	m.App, m.ClientType, m.Content.Body = b.app.Key, 16, "text"
	for n > 0 {
		part := min(n, 500)
		n -= part
		done := make(chan error, part)
		for range part {
			x := m
			x.IDClient = fmt.Sprint("n", n)
			last = &x
			b.ok(b.store.Append(&message.Pending{Msg: last, Done: func(_ bool, err error) { done <- err }}))
		}
		for range part {
			b.ok(<-done)
		}
	}
	return last
}

// received counts messages as received by bob.
func (b *bed) received(conv im.ConvKey, first, last int64) {
	b.Helper()
	b.ok(b.messages.Acks().Flush(b.ctx()))
	b.ok(b.store.MarkDelivered(b.ctx(), []message.Mark{{App: b.app.Key, Accid: "bob", Conv: conv, Seqs: message.SeqSet{{First: first, Last: last}}}}))
}

// BenchmarkSyncOfANewcomer is a login of somebody who joined a team with 20,000
// earlier messages a moment ago; the notification of it waits for him.
func BenchmarkSyncOfANewcomer(b *testing.B) {
	bed := newBed(b, hytest.SQLite(b))
	bed.register(bed.app, "alice", "bob")
	tm := bed.make(team.Creation{Type: team.Advanced}, "alice")
	bed.append(message.Message{Conv: tm.Conv(), Scene: im.SceneTeam, From: "alice", To: fmt.Sprint(tm.TID)}, 20_000)
	_, err := bed.teams.Invite(bed.ctx(), bed.as("alice"), tm.Kind, tm.TID, team.Invite{Accids: []string{"bob"}, Direct: true})
	bed.ok(err)
	for b.Loop() {
		res, err := bed.messages.Sync(bed.ctx(), message.SyncRequest{App: bed.app, Accid: "bob", Offline: true, Roaming: true, Watermark: bed.messages.Watermark(), Node: bed.store.IDs().Node()})
		if err != nil || len(res.Offline) != 1 {
			b.Fatal(res, err)
		}
	}
}
