package session

import (
	"container/heap"
	"context"
	"encoding/json"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
)

// MaxCloudPage is the largest page of the session list the server keeps
// (docs/protocol/nim-core.md section 5.17).
const MaxCloudPage = 100

// maxCloud bounds how many conversations of an account are looked at for its list.
const maxCloud = 10_000

// Cloud is one session of the list the server keeps. The list is derived: what
// it says about messages is read from them, only what the account itself said
// has a row.
type Cloud struct {
	Conv      im.ConvKey
	UpdatedMs int64
	Ext       string
	Last      *message.Message      // nil: none that the account can see
	Recalled  *message.RecallNotice // instead of Last, when the last message was recalled
}

// CloudRow is what an account said about a session.
type CloudRow struct {
	Ext       string
	UpdatedMs int64 // when the row was made; the session's time if it has no messages
	DeletedMs int64 // messages up to this time do not make a session; 0 = none
}

// CloudHead is a conversation of an account as the list begins with it.
type CloudHead struct {
	Conv   im.ConvKey
	TimeMs int64 // nothing in it is newer
	Row    *CloudRow
}

// CloudStore keeps what the session list has beyond conversations.
type CloudStore interface {
	// CloudHeads returns the account's conversations and those it said something
	// about, those with nothing since minMs left out, the newest first.
	CloudHeads(ctx context.Context, app, accid string, minMs int64, limit int) ([]CloudHead, error)
	// CloudHead returns one of them; nil if there is no such conversation.
	CloudHead(ctx context.Context, app, accid string, conv im.ConvKey) (*CloudHead, error)
	// CloudLast returns the newest message and the newest recall notice of a
	// conversation that the account can see and that moves the session; both may be nil.
	CloudLast(ctx context.Context, app, accid string, conv im.ConvKey, afterMs int64) (*message.Message, *message.RecallNotice, error)
	// PutCloudExt sets the account's text of a session.
	PutCloudExt(ctx context.Context, app, accid string, conv im.ConvKey, ext string, nowMs int64) error
	// DeleteCloud removes sessions until something newer than nowMs happens in them.
	DeleteCloud(ctx context.Context, app, accid string, convs []im.ConvKey, nowMs int64) error

	// Stick adds or updates a session at the top; it sets CreatedMs.
	Stick(ctx context.Context, app, accid string, st *Stick, update bool, limit int) error
	// Unstick removes one; false: it was not there.
	Unstick(ctx context.Context, app, accid, id string) (bool, error)
	// Sticks returns them in the order they were added.
	Sticks(ctx context.Context, app, accid string) ([]Stick, error)
}

// cloudEvent is the body of an EventCloudUpdated.
type cloudEvent struct {
	Conv      im.ConvKey
	UpdatedMs int64
	Ext       string
}

// Encode packs c into the body of an EventCloudUpdated, without its message.
func (c *Cloud) Encode() []byte {
	b, _ := json.Marshal(cloudEvent{c.Conv, c.UpdatedMs, c.Ext}) // cannot fail
	return b
}

// DecodeCloud reads the body of an EventCloudUpdated.
func DecodeCloud(b []byte) (*Cloud, error) {
	var e cloudEvent
	err := json.Unmarshal(b, &e)
	return &Cloud{Conv: e.Conv, UpdatedMs: e.UpdatedMs, Ext: e.Ext}, err
}

// CloudPage asks for a page of the list. Times are ms; 0 = open.
type CloudPage struct {
	MinMs, MaxMs int64 // MaxMs is exclusive
	Limit        int
}

// SetTakesPart names who says whether an account may read a conversation now;
// without it team sessions are not listed. Called once, before the first request.
func (s *Service) SetTakesPart(f func(ctx context.Context, app, accid string, conv im.ConvKey) (bool, error)) {
	s.takesPart = f
}

// CloudList returns a page of the account's sessions, newest first, and whether
// more follow. Code 414: bad limit or times.
func (s *Service) CloudList(ctx context.Context, a *app.App, accid string, p CloudPage) ([]Cloud, bool, error) {
	if p.Limit < 1 || p.Limit > MaxCloudPage || p.MinMs < 0 || p.MaxMs < 0 || p.MaxMs != 0 && p.MinMs > p.MaxMs {
		return nil, false, im.Errorf(im.CodeBadParam, "limit or times")
	}
	heads, err := s.store.CloudHeads(ctx, a.Key, accid, p.MinMs, maxCloud)
	if err != nil {
		return nil, false, err
	}
	// A conversation's time is a bound: its session may be older than it, never
	// newer. So a session is next when no conversation left can be newer.
	var out []Cloud
	ready := &newest{}
	for {
		for len(heads) > 0 && (ready.Len() == 0 || heads[0].TimeMs >= (*ready)[0].UpdatedMs) {
			c, ok, err := s.cloud(ctx, a, accid, &heads[0])
			if err != nil {
				return nil, false, err
			}
			heads = heads[1:]
			if ok && (p.MaxMs == 0 || c.UpdatedMs < p.MaxMs) && c.UpdatedMs >= p.MinMs {
				heap.Push(ready, *c)
			}
		}
		if ready.Len() == 0 {
			return out, false, nil
		}
		if len(out) == p.Limit {
			return out, true, nil
		}
		out = append(out, heap.Pop(ready).(Cloud))
	}
}

// newest is a heap of sessions, the newest on top.
type newest []Cloud

func (n newest) Len() int           { return len(n) }
func (n newest) Less(i, j int) bool { return n[i].UpdatedMs > n[j].UpdatedMs }
func (n newest) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n *newest) Push(x any)        { *n = append(*n, x.(Cloud)) }
func (n *newest) Pop() any {
	old := *n
	x := old[len(old)-1]
	*n = old[:len(old)-1]
	return x
}

// cloud derives a session; false: the conversation makes none.
func (s *Service) cloud(ctx context.Context, a *app.App, accid string, h *CloudHead) (*Cloud, bool, error) {
	// What happens in a team is its members' alone.
	if h.Conv.Scene() != im.SceneP2P {
		if s.takesPart == nil {
			return nil, false, nil
		}
		if ok, err := s.takesPart(ctx, a.Key, accid, h.Conv); err != nil || !ok {
			return nil, false, err
		}
	}
	c := &Cloud{Conv: h.Conv}
	after := int64(0)
	if h.Row != nil {
		c.Ext, after = h.Row.Ext, h.Row.DeletedMs
	}
	last, notice, err := s.store.CloudLast(ctx, a.Key, accid, h.Conv, after)
	if err != nil {
		return nil, false, err
	}
	switch {
	case notice != nil && (last == nil || notice.MsgTime > last.Time):
		c.Recalled, c.UpdatedMs = notice, notice.TimeMs
	case last != nil:
		c.Last, c.UpdatedMs = last, last.Time
	case h.Row != nil && h.Row.UpdatedMs > h.Row.DeletedMs:
		c.UpdatedMs = h.Row.UpdatedMs
	case h.Row == nil && h.TimeMs > 0:
		// There were messages, and the account can see none of them any more.
		c.UpdatedMs = h.TimeMs
	default:
		return nil, false, nil
	}
	return c, true, nil
}

// CloudSession returns one session. Code 404: there is none.
func (s *Service) CloudSession(ctx context.Context, a *app.App, accid, id string) (*Cloud, error) {
	conv, ok := ParseID(accid, id)
	if !ok {
		return nil, im.Errorf(im.CodeBadParam, "no such session")
	}
	h, err := s.store.CloudHead(ctx, a.Key, accid, conv)
	if err != nil {
		return nil, err
	}
	if h != nil {
		c, ok, err := s.cloud(ctx, a, accid, h)
		if err != nil || ok {
			return c, err
		}
	}
	return nil, im.Errorf(im.CodeNotFound, "no such session")
}

// UpdateCloud sets the account's text of a session, which is made if there is
// none, and tells the other devices.
func (s *Service) UpdateCloud(ctx context.Context, a *app.App, accid, origin, id, ext string) error {
	conv, ok := ParseID(accid, id)
	if !ok || utf8.RuneCountInString(ext) > maxExt {
		return im.Errorf(im.CodeBadParam, "no such session, or ext longer than %d characters", maxExt)
	}
	if err := s.store.PutCloudExt(ctx, a.Key, accid, conv, ext, s.clock.NowMs()); err != nil {
		return err
	}
	c, err := s.CloudSession(ctx, a, accid, id)
	if err != nil {
		return err
	}
	s.bus.Publish(im.Event{Kind: EventCloudUpdated, App: a.Key, To: accid, Origin: origin, Body: c.Encode()})
	return nil
}

// DeleteCloud removes sessions from the account's list until something happens
// in them.
func (s *Service) DeleteCloud(ctx context.Context, a *app.App, accid string, ids []string) error {
	if len(ids) > MaxCloudPage {
		return im.Errorf(im.CodeBadParam, "at most %d sessions", MaxCloudPage)
	}
	var convs []im.ConvKey
	for _, id := range ids {
		conv, ok := ParseID(accid, id)
		if !ok {
			return im.Errorf(im.CodeBadParam, "no such session")
		}
		convs = append(convs, conv)
	}
	return s.store.DeleteCloud(ctx, a.Key, accid, convs, s.clock.NowMs())
}
