package message

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// maxThreadPage is the largest page of a thread, maxByID the largest list of
// ids (docs/protocol/nim-core.md section 5.13).
const (
	maxThreadPage = 100
	maxByID       = 100
)

// ThreadRoot returns the id of the root of the thread m belongs to, 0 if it
// belongs to none.
func (m *Message) ThreadRoot() int64 {
	if m.Content.Thread == nil {
		return 0
	}
	n, err := strconv.ParseInt(m.Content.Thread.IDServer, 10, 64)
	if err != nil || n <= 0 {
		return 0
	}
	return n
}

// ThreadQuery asks for a page of a thread as accid sees it. Times are ms; 0 = open.
type ThreadQuery struct {
	App            *app.App
	Accid          string
	Root           int64 // idServer of the first message
	BeginMs, EndMs int64
	LastID         int64 // id of the last message the caller has; 0 = none
	Ascending      bool
	Limit          int
}

// Thread is a page of a thread.
type Thread struct {
	Root    *Message
	Replies []*Message
	Total   int64 // replies there are
	LastMs  int64 // time of the newest, 0 = none
}

// Thread returns a page of the replies to a message. Codes: 404 the account
// sees no such message, 414 bad limit or times.
func (s *Service) Thread(ctx context.Context, q ThreadQuery) (*Thread, error) {
	if q.Limit < 1 || q.Limit > maxThreadPage || q.BeginMs < 0 || q.EndMs < 0 || q.EndMs != 0 && q.BeginMs > q.EndMs {
		return nil, im.Errorf(im.CodeBadParam, "limit or times")
	}
	found, err := s.ByID(ctx, q.App, q.Accid, []int64{q.Root})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, im.Errorf(im.CodeNotFound, "no such message")
	}
	out := &Thread{Root: found[0]}
	p := PageQuery{FromTime: q.BeginMs, ToTime: q.EndMs, Ascending: q.Ascending, Limit: q.Limit + 1, Without: NoHistory, Viewer: q.Accid, Thread: q.Root}
	msgs, err := s.store.Page(ctx, q.App.Key, out.Root.Conv, p)
	if err != nil {
		return nil, err
	}
	out.Replies = beyond(msgs, q.LastID, q.BeginMs, q.EndMs, q.Ascending, q.Limit)
	out.Total, out.LastMs, err = s.store.Count(ctx, q.App.Key, out.Root.Conv, PageQuery{Without: NoHistory, Viewer: q.Accid, Thread: q.Root})
	return out, err
}

// beyond leaves out what is not strictly beyond the pair of time and id that
// the caller names, and what is over the limit. time is unique inside a
// conversation, so that is the border message at most.
func beyond(msgs []*Message, lastID, beginMs, endMs int64, ascending bool, limit int) []*Message {
	out := msgs[:0]
	for _, m := range msgs {
		if lastID != 0 && (!ascending && m.Time == endMs && m.ID >= lastID || ascending && m.Time == beginMs && m.ID <= lastID) {
			continue
		}
		out = append(out, m)
	}
	return out[:min(len(out), limit)]
}

// ByID returns those of the messages that the account sees, in the order of the
// ids (docs/protocol/nim-core.md section 5.13).
func (s *Service) ByID(ctx context.Context, a *app.App, accid string, ids []int64) ([]*Message, error) {
	if len(ids) > maxByID {
		return nil, im.Errorf(im.CodeBadParam, "at most %d messages", maxByID)
	}
	found, err := s.store.Visible(ctx, a.Key, accid, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*Message, 0, len(found))
	for _, id := range ids {
		m := found[id]
		delete(found, id) // named twice
		if m == nil || m.Flags.Has(NoHistory) {
			continue
		}
		ok, err := s.takesPart(ctx, a.Key, accid, m.Conv)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, m)
		}
	}
	return out, nil
}
