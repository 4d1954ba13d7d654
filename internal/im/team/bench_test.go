package team_test

import (
	"fmt"
	"testing"

	"hongyan/internal/hytest"
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
