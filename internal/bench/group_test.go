package bench

import (
	"fmt"
	"testing"
	"time"

	"hongyan/internal/edge/wire"
)

func TestGroupSeesGapsAndDisorder(t *testing.T) {
	for _, super := range []bool{false, true} {
		g := newGroup(GroupConfig{Online: 4, Size: 100, Super: super}, "abcdefgh", "77", "u0")
		g.sender = &Client{link: &link{}}
		g.begin(nil)
		g.mu.Lock()
		for range 3 {
			g.queue(time.Now())
		}
		g.mu.Unlock()
		for n, code := range []int{200, 200, 403} {
			answer := Packet{At: time.Now()}
			answer.SID, answer.CID, answer.Code, answer.SER = g.command.SID, g.command.CID, code, int64(serBase+n)
			g.join(0)(&answer)
		}
		at := 0
		deliver := func(member, n int, tid string, id wire.ID) {
			at++
			p := Packet{At: time.Now()}
			p.SID, p.CID, p.R = id.SID, id.CID, [][]byte{fmt.Appendf(nil, `{"1":"%s","2":"u0","7":"%d","9":"abcdefgh %08d x"}`, tid, at, n)}
			g.join(member)(&p)
		}
		deliver(1, 0, "77", g.push)
		deliver(1, 1, "77", g.push)
		deliver(2, 1, "77", g.push)
		deliver(2, 0, "77", g.push)                  // after a later one
		deliver(1, 1, "77", g.push)                  // again
		deliver(3, 0, "78", g.push)                  // of another team
		deliver(3, 0, "77", wire.ID{SID: 7, CID: 2}) // another command
		notice := Packet{Response: wire.Response{}}  // of the making of the team
		notice.SID, notice.CID = g.push.SID, g.push.CID
		notice.R = [][]byte{[]byte(`{"1":"77","2":"u0","10":"{\"id\":0}"}`)}
		g.join(3)(&notice)
		if _, done := g.progress(); done {
			t.Error("nothing is missing")
		}
		var f GroupFigures
		f.count([]*group{g})
		if f.Sent != 3 || f.Acked != 2 || f.Refused != 1 || f.Delivered != 3 || f.Disorder != 2 || f.Foreign != 1 || f.Missing != 3 {
			t.Errorf("super %v: %+v", super, f)
		}
		if r := f.report(); !r.Failed {
			t.Error("a run that lost messages counts")
		}
	}
}
