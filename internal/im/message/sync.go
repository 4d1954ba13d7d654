package message

import (
	"context"
	"sort"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const dayMs = 24 * 3600 * 1000

// SyncRequest asks what a device that logs in should get.
type SyncRequest struct {
	App     *app.App
	Accid   string
	Offline bool  // the offline queue: what no device of the account has received
	Roaming bool  // recent messages that some device has received
	SinceMs int64 // roaming only: messages with a greater time; 0 = all
	// SuperRoaming and SuperSinceMs are Roaming and SinceMs for super teams,
	// which have no offline queue.
	SuperRoaming bool
	SuperSinceMs int64
	// Watermark is an id from Service.Watermark taken after the device was
	// registered for live delivery: newer messages of this node arrive live.
	Watermark int64
	Node      int // this node's number in ids
	// Roamed, where set, takes the roaming of each conversation as soon as it is
	// read, newest first, and may take its time; an error ends the sync. The
	// result then has the messages without their contents, and Fill reads those
	// of the queue, so that a sync does not hold everything at once.
	Roamed func(super bool, msgs []*Message) error
}

// SyncResult holds what 4-4, 4-9 and 4-22 carry (docs/protocol/nim-core.md section 4).
type SyncResult struct {
	Offline []*Message   // oldest first
	Roaming [][]*Message // one conversation each, newest first
	More    []im.ConvKey // conversations with more roaming than was given
	Super   [][]*Message // roaming of super teams, as Roaming
}

// Watermark returns an id: every message of this node up to it can be read.
func (s *Service) Watermark() int64 { return s.store.Watermark() }

// Sync computes an account's offline and roaming messages. A message is in one
// of the two, never in both (docs/protocol/nim-core.md rule 6).
func (s *Service) Sync(whole context.Context, r SyncRequest) (*SyncResult, error) {
	out := &SyncResult{}
	ctx, cancel := context.WithTimeout(whole, readLimit)
	defer cancel()
	if !r.Offline && !r.Roaming && !r.SuperRoaming {
		return out, nil
	}
	if err := s.acks.FlushAccount(ctx, r.App.Key, r.Accid); err != nil {
		return nil, err
	}
	set := &r.App.Settings
	now := s.clock.NowMs()
	run := &syncRun{s: s, r: r, offlineFrom: now - set.OfflineDays*dayMs, roamFrom: max(now-set.RoamingDays*dayMs, r.SinceMs+1),
		spare: maxSpareReads, settled: map[im.ConvKey]SeqSet{}, out: out}
	convs, err := s.store.Conversations(ctx, r.App.Key, r.Accid, maxSyncConversations)
	if err != nil {
		return nil, err
	}
	teams, err := s.store.Memberships(ctx, r.App.Key, r.Accid)
	if err != nil {
		return nil, err
	}
	convs = withSpans(convs, teams)
	roamed := 0
	for _, c := range convs {
		offline := r.Offline && c.Delivered.Prefix() < c.LastSeq && c.LastTime >= run.offlineFrom
		roam := r.Roaming && roamed < int(set.RoamingSessions) && c.LastTime >= run.roamFrom
		if roam {
			roamed++
		}
		if !offline && !roam {
			continue
		}
		if err := run.conversation(whole, c, offline, roam); err != nil {
			return nil, err
		}
	}
	sort.Slice(out.Offline, func(i, j int) bool {
		a, b := out.Offline[i], out.Offline[j]
		return a.Time < b.Time || a.Time == b.Time && a.ID < b.ID
	})
	var tooMany []*Message
	out.Offline, tooMany = newestP2P(out.Offline, int(set.OfflineMax))
	run.settle(convs, tooMany)
	return out, run.superTeams(whole, teams)
}

// maxSyncConversations bounds one account's sync; a queue that waits in an
// older conversation than this is read when the conversation is opened.
const maxSyncConversations = 2000

// syncRun is one sync under way.
type syncRun struct {
	s                     *Service
	r                     SyncRequest
	offlineFrom, roamFrom int64                 // ms
	spare                 int                   // further reads that are left (maxSpareReads)
	settled               map[im.ConvKey]SeqSet // what does not wait any longer (settle.go)
	out                   *SyncResult
	super                 bool
	held                  int // bytes of the queue
}

const (
	// readLimit is for the reading of one conversation. The whole has no limit
	// here: Roamed waits for clients.
	readLimit = 7 * time.Second
	// maxQueueHeld is how much of the queue is kept, in bytes, where it can be
	// read again. Most queues are shorter.
	maxQueueHeld = 1 << 20
)

// take adds what was read of a conversation to the result.
func (run *syncRun) take(queue, roaming []*Message) error {
	if run.r.Roamed != nil {
		for _, m := range queue {
			if run.held += m.Bytes(); run.held > maxQueueHeld {
				m.drop()
			}
		}
		if len(roaming) > 0 {
			if err := run.r.Roamed(run.super, roaming); err != nil {
				return err
			}
		}
		for _, m := range roaming {
			m.drop()
		}
	}
	run.out.Offline = append(run.out.Offline, queue...)
	if len(roaming) > 0 {
		run.out.Roaming = append(run.out.Roaming, roaming)
	}
	return nil
}

// drop forgets the contents of m.
func (m *Message) drop() {
	m.dropped = m.Bytes()
	m.Content, m.content = Content{}, nil
}

// Fill returns messages of a sync's queue with their contents. What was taken
// back meanwhile is left out.
func (s *Service) Fill(ctx context.Context, a *app.App, accid string, msgs []*Message) ([]*Message, error) {
	var ids []int64
	for _, m := range msgs {
		if m.dropped > 0 {
			ids = append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		return msgs, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	found, err := s.store.Visible(ctx, a.Key, accid, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*Message, 0, len(msgs))
	for _, m := range msgs {
		if m.dropped > 0 {
			m = found[m.ID]
		}
		if m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}

func (run *syncRun) conversation(ctx context.Context, c ConvState, offline, roam bool) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	set, accid := &run.r.App.Settings, run.r.Accid
	var queue, roaming []*Message
	var kept []int64    // numbers that stay undelivered, newest first: handed out now, or on their way live
	settled := int64(1) // from this number on everything was looked at, or need not be
	q := PageQuery{Viewer: accid, Login: true, Limit: syncPage}
	more := false
	switch {
	case offline && roam:
		q.FromTime = min(run.offlineFrom, run.roamFrom)
	case offline:
		q.FromTime = run.offlineFrom
	default:
		q.FromTime = run.roamFrom
	}
	first := int64(1)
	if c.Span != nil {
		first = c.Span.first()
		if c.Span.Left > 0 {
			q.MaxSeq = c.Span.Left + 1
		}
	}
	for reads := 1; ; reads++ {
		page, err := run.s.store.Page(ctx, run.r.App.Key, c.Conv, q)
		if err != nil {
			return err
		}
		for _, m := range page {
			if m.ID > run.r.Watermark && im.IDNode(m.ID) == run.r.Node {
				kept = append(kept, m.Seq)
				continue // on its way live
			}
			if c.Span != nil && !c.Span.Contains(m.Seq) {
				continue // sent while it was no member
			}
			waiting := m.From != accid && !m.Flags.Has(NoOffline) && !c.Delivered.Contains(m.Seq) && m.Time >= run.offlineFrom
			switch {
			case waiting && run.r.Offline:
				if offline && len(queue) < int(set.OfflinePerSession) {
					queue, kept = append(queue, m), append(kept, m.Seq)
				}
			case roam && m.Time >= run.roamFrom && roams(m, accid):
				if len(roaming) < int(set.RoamingPerSession) {
					roaming = append(roaming, m)
				} else {
					more = true
				}
			}
		}
		if len(page) < q.Limit || page[len(page)-1].Seq <= first {
			break
		}
		last := page[len(page)-1]
		queueDone := !offline || len(queue) >= int(set.OfflinePerSession) || last.Seq <= c.Delivered.Prefix()+1 || last.Time <= run.offlineFrom
		roamDone := !roam || more || last.Time <= run.roamFrom || reads >= maxRoamReads
		if queueDone && roamDone {
			break
		}
		if reads >= usualReads {
			if run.spare == 0 {
				if !queueDone {
					settled = last.Seq
				}
				break
			}
			run.spare--
		}
		// A time is unique in its conversation, and the key of messages.
		q.ToTime = last.Time - 1
		if roamDone {
			if q.ToTime, err = run.skip(ctx, c, last); err != nil {
				return err
			}
		}
	}
	if err := run.take(queue, roaming); err != nil {
		return err
	}
	if more {
		run.out.More = append(run.out.More, c.Conv)
	}
	if offline {
		run.settled[c.Conv] = allBut(settled, c.LastSeq, kept)
	}
	return nil
}

func roams(m *Message, accid string) bool {
	if m.Flags.Has(NoRoaming) {
		return false
	}
	return m.From != accid || !m.Flags.Has(NoSelfSync)
}

// HistoryQuery selects a page of one conversation's history as accid sees it.
type HistoryQuery struct {
	App            *app.App
	Accid          string
	Conv           im.ConvKey
	BeginMs, EndMs int64 // 0 = open
	LastID         int64 // id of the last message the caller has; 0 = none
	Ascending      bool
	Limit          int
	Types          []int64
	IncludeNoSense bool
	MaxSeq         int64 // messages before this one only; 0 = open
}

// maxTypes bounds the types of a history; there are fewer.
const maxTypes = 20

// History returns stored messages, newest first unless Ascending. Paging goes
// by (time, id): a page continues strictly beyond the pair the caller names
// (docs/protocol/nim-core.md section 5.11).
func (s *Service) History(ctx context.Context, q HistoryQuery) ([]*Message, error) {
	if q.Limit < 1 || int64(q.Limit) > q.App.Settings.HistoryPage {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to %d", q.App.Settings.HistoryPage)
	}
	if len(q.Types) > maxTypes {
		return nil, im.Errorf(im.CodeBadParam, "at most %d types", maxTypes)
	}
	if q.EndMs != 0 && q.BeginMs > q.EndMs || q.BeginMs < 0 || q.EndMs < 0 {
		return nil, im.Errorf(im.CodeBadParam, "bad time")
	}
	p := PageQuery{
		FromTime: max(q.BeginMs, s.clock.NowMs()-q.App.Settings.HistoryDays*dayMs), ToTime: q.EndMs,
		Ascending: q.Ascending, Limit: q.Limit, Types: q.Types, Without: NoHistory, MaxSeq: q.MaxSeq,
	}
	if !q.IncludeNoSense {
		p.Viewer = q.Accid
	}
	// time is unique inside a conversation, so (time, id) order is time order
	// and "beyond the pair" leaves out at most the border message itself.
	if q.LastID != 0 {
		p.Limit++
	}
	msgs, err := s.store.Page(ctx, q.App.Key, q.Conv, p)
	if err != nil {
		return nil, err
	}
	out := msgs[:0]
	for _, m := range msgs {
		if q.LastID != 0 {
			if !q.Ascending && m.Time == q.EndMs && m.ID >= q.LastID || q.Ascending && m.Time == q.BeginMs && m.ID <= q.LastID {
				continue
			}
		}
		out = append(out, m)
	}
	if len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, nil
}
