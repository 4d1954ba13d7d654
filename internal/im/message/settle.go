package message

import (
	"context"
	"slices"
)

// A sync that has looked at a conversation settles it: what does not wait for
// the account counts as delivered, so that the next sync does not look at it
// again. It keeps what it hands out, which the client has yet to acknowledge, and
// what is on its way live. What it settles: messages that were recalled while the
// account was away, those without offline storage, those that waited too long, and
// those beyond the limits of the queue
// (docs/adr/0004-delivery-as-sequence-sets.md).

const (
	syncPage = 100
	// usualReads is what one conversation takes: a page, and one more to see
	// whether there is more roaming than is sent.
	usualReads = 2
	// maxRoamReads is how many pages of a conversation are searched for messages
	// that roam, when most do not.
	maxRoamReads = 20
	// maxSpareReads is how many further pages one sync reads, of all conversations
	// together. Where it ends the next one goes on: what it has read is settled.
	maxSpareReads = 100
)

// settle records what the sync settled, without what waits, and the messages it
// left out at the end.
func (run *syncRun) settle(convs []ConvState, left []*Message) {
	for _, m := range left {
		run.settled[m.Conv] = run.settled[m.Conv].Add(m.Seq, m.Seq)
	}
	for _, c := range convs {
		if s := run.settled[c.Conv]; !c.Delivered.Includes(s) {
			run.s.acks.addAll(run.r.App.Key, run.r.Accid, c.Conv, s)
		}
	}
}

// allBut returns first..last without the numbers of kept, which descend.
func allBut(first, last int64, kept []int64) (s SeqSet) {
	for _, n := range slices.Backward(kept) {
		s = s.Add(first, min(n-1, last))
		first = n + 1
	}
	return s.Add(first, last)
}

// skip returns up to which time, ms, the reading of the queue goes on below at:
// where much has been delivered there, shortly above the next number that has
// not. Numbers rise with times, and only times have an index.
func (run *syncRun) skip(ctx context.Context, c ConvState, at *Message) (int64, error) {
	wanted := c.Delivered.Missing(at.Seq - 1)
	low, high := run.offlineFrom, at // high is above wanted, what is at or below low is not
	for high.Seq-wanted > syncPage && high.Time-low > 1 {
		mid := low + (high.Time-low)/2
		found, err := run.s.store.Page(ctx, run.r.App.Key, c.Conv, PageQuery{FromTime: low, ToTime: mid, Limit: 1})
		if err != nil {
			return 0, err
		}
		if len(found) > 0 && found[0].Seq > wanted {
			high = found[0]
		} else {
			low = mid
		}
	}
	return high.Time - 1, nil
}
