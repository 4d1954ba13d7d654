package message

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// MaxDeleted is the largest number of messages in one deletion
// (docs/protocol/nim-core.md section 5.8).
const MaxDeleted = 100

// maxHidden bounds what one sync tells of deletions.
const maxHidden = 1000

// Deleted is a message that an account deleted for itself. The JSON names are
// the storage format.
type Deleted struct {
	Scene     im.Scene   `json:"s"`
	From      string     `json:"f"`
	To        string     `json:"t"`
	ID        int64      `json:"i"`
	IDClient  string     `json:"c"`
	TimeMs    int64      `json:"m"` // of the message
	DeletedMs int64      `json:"d"`
	Ext       string     `json:"x,omitempty"`
	Conv      im.ConvKey `json:"-"`
	Seq       int64      `json:"-"`
}

// EncodeDeleted packs a list into the body of an EventDeleted.
func EncodeDeleted(l []Deleted) []byte {
	b, _ := json.Marshal(l) // strings and numbers only: cannot fail
	return b
}

// DecodeDeleted reads the body of an EventDeleted.
func DecodeDeleted(b []byte) ([]Deleted, error) {
	var l []Deleted
	err := json.Unmarshal(b, &l)
	return l, err
}

// DeleteForSelf hides messages from the account alone and returns the time of
// deletion, ms (docs/protocol/nim-core.md section 5.8). ID, Scene and Ext of an
// item count; messages that do not exist or are not the account's are ignored.
func (s *Service) DeleteForSelf(ctx context.Context, a *app.App, accid, origin string, items []Deleted) (int64, error) {
	if len(items) == 0 || len(items) > MaxDeleted {
		return 0, im.Errorf(im.CodeBadParam, "1 to %d messages", MaxDeleted)
	}
	ids := make([]int64, 0, len(items))
	for _, d := range items {
		if d.Scene != im.SceneP2P && d.Scene != im.SceneTeam {
			return 0, im.Errorf(im.CodeBadParam, "scene")
		}
		if err := checkText("ext", d.Ext, a.Settings.ExtLimit); err != nil {
			return 0, err
		}
		ids = append(ids, d.ID)
	}
	found, err := s.store.Get(ctx, a.Key, ids)
	if err != nil {
		return 0, err
	}
	now := s.clock.NowMs()
	var out []Deleted
	for _, d := range items {
		m := found[d.ID]
		if m == nil || m.Scene != d.Scene || !m.VisibleTo(accid) {
			continue
		}
		if ok, err := s.takesPart(ctx, a.Key, accid, m.Conv); err != nil {
			return 0, err
		} else if !ok {
			continue
		}
		delete(found, d.ID) // named twice
		out = append(out, Deleted{Scene: m.Scene, From: m.From, To: m.To, ID: m.ID, IDClient: m.IDClient, TimeMs: m.Time,
			DeletedMs: now, Ext: d.Ext, Conv: m.Conv, Seq: m.Seq})
	}
	if len(out) == 0 {
		return now, nil
	}
	if err := s.store.Hide(ctx, a.Key, accid, out); err != nil {
		return 0, err
	}
	s.bus.Publish(im.Event{Kind: EventDeleted, App: a.Key, To: accid, Origin: origin, Body: EncodeDeleted(out)})
	return now, nil
}

// DeletedSince returns the account's deletions after a time, at most those of
// the roaming window, oldest first, for sync.
func (s *Service) DeletedSince(ctx context.Context, a *app.App, accid string, afterMs int64) ([]Deleted, error) {
	return s.store.Hidden(ctx, a.Key, accid, max(afterMs, s.clock.NowMs()-a.Settings.RoamingDays*dayMs), maxHidden)
}

// ClearMode says what clearing a conversation ends.
type ClearMode struct {
	History bool // history, search and everything else
	Roaming bool // what a login gets: offline queue and roaming
	Sync    bool // other devices hear of it, those that log in later too
	Ext     string
}

// Cleared tells that an account cleared a conversation.
type Cleared struct {
	Conv    im.ConvKey `json:"c"`
	TimeMs  int64      `json:"m"` // everything up to this time is hidden
	Roaming bool       `json:"r"`
	Ext     string     `json:"x,omitempty"`
}

// Encode packs c into the body of an EventCleared.
func (c *Cleared) Encode() []byte {
	b, _ := json.Marshal(c) // strings and numbers only: cannot fail
	return b
}

// DecodeCleared reads the body of an EventCleared.
func DecodeCleared(b []byte) (*Cleared, error) {
	c := &Cleared{}
	return c, json.Unmarshal(b, c)
}

// ClearHistory hides everything in a conversation up to now from the account
// and returns that time, ms (docs/protocol/nim-core.md section 5.12).
func (s *Service) ClearHistory(ctx context.Context, a *app.App, accid, origin string, scene im.Scene, target string, c ClearMode) (int64, error) {
	conv, err := convOf(scene, accid, target)
	if err != nil {
		return 0, err
	}
	if err := checkText("ext", c.Ext, maxRecallAttach); err != nil {
		return 0, err
	}
	c.History = true
	at, err := s.store.Clear(ctx, a.Key, accid, []im.ConvKey{conv}, c)
	if err != nil {
		return 0, err
	}
	t, ok := at[conv]
	if !ok { // there is nothing to clear
		return s.clock.NowMs(), nil
	}
	if c.Sync {
		done := Cleared{Conv: conv, TimeMs: t, Roaming: c.Roaming, Ext: c.Ext}
		s.bus.Publish(im.Event{Kind: EventCleared, App: a.Key, To: accid, Origin: origin, Body: done.Encode()})
	}
	return t, nil
}

// DeleteRoaming ends what a login gets of these conversations up to now; their
// history stays. Unknown conversations are ignored.
func (s *Service) DeleteRoaming(ctx context.Context, a *app.App, accid string, convs []im.ConvKey) error {
	if len(convs) == 0 {
		return nil
	}
	if len(convs) > MaxDeleted {
		return im.Errorf(im.CodeBadParam, "at most %d sessions", MaxDeleted)
	}
	_, err := s.store.Clear(ctx, a.Key, accid, convs, ClearMode{Roaming: true})
	return err
}

// ClearedSessions returns the clearings of the roaming window that other
// devices hear of, for sync.
func (s *Service) ClearedSessions(ctx context.Context, a *app.App, accid string) ([]Cleared, error) {
	return s.store.ClearedSessions(ctx, a.Key, accid, s.clock.NowMs()-a.Settings.RoamingDays*dayMs)
}
