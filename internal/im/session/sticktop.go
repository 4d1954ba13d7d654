package session

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Events of session lists.
const (
	EventStickAdded   = im.EventMessageOpBase + 10 + iota // Body is Stick.Encode
	EventStickUpdated                                     // Body is Stick.Encode
	EventStickRemoved                                     // Body is Stick.Encode, UpdatedMs is the time of removal
	EventCloudUpdated                                     // Body is Cloud.Encode
)

// MaxSticks is how many sessions an account may stick to the top
// (docs/protocol/nim-core.md section 5.17).
const MaxSticks = 100

// maxExt bounds the account's own text of a session, characters.
const maxExt = 1024

// Stick is a session at the top of an account's list.
type Stick struct {
	ID        string `json:"i"` // p2p|bob, team|1, super_team|1
	Ext       string `json:"x,omitempty"`
	CreatedMs int64  `json:"c"`
	UpdatedMs int64  `json:"u"`
}

// Encode packs s into the body of an event.
func (s *Stick) Encode() []byte {
	b, _ := json.Marshal(s) // strings and numbers only: cannot fail
	return b
}

// DecodeStick reads the body of an event.
func DecodeStick(b []byte) (*Stick, error) {
	s := &Stick{}
	return s, json.Unmarshal(b, s)
}

// ID returns the text by which clients name a conversation of accid's list.
func ID(accid string, conv im.ConvKey) string {
	switch conv.Scene() {
	case im.SceneTeam:
		return "team|" + strconv.FormatInt(conv.TID(), 10)
	case im.SceneSuperTeam:
		return "super_team|" + strconv.FormatInt(conv.TID(), 10)
	default:
		return "p2p|" + conv.Peer(accid)
	}
}

// ParseID is the inverse of ID; "superTeam|" is understood too.
func ParseID(accid, id string) (im.ConvKey, bool) {
	kind, target, _ := strings.Cut(id, "|")
	if kind == "p2p" {
		to, ok := im.NormalizeAccid(target)
		if !ok {
			return "", false
		}
		return im.P2PKey(accid, to), true
	}
	tid, err := strconv.ParseInt(target, 10, 64)
	if err != nil || tid <= 0 {
		return "", false
	}
	switch kind {
	case "team":
		return im.TeamKey(tid), true
	case "super_team", "superTeam":
		return im.SuperTeamKey(tid), true
	}
	return "", false
}

// Stick puts a session to the top of the account's list, or changes its text
// where update is set. Codes: 404 nothing to update, 414 malformed, 419 too many.
func (s *Service) Stick(ctx context.Context, a *app.App, accid, origin, id, ext string, update bool) (*Stick, error) {
	id, err := normalID(accid, id)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(ext) > maxExt {
		return nil, im.Errorf(im.CodeBadParam, "ext longer than %d characters", maxExt)
	}
	st := &Stick{ID: id, Ext: ext, UpdatedMs: s.clock.NowMs()}
	if err := s.store.Stick(ctx, a.Key, accid, st, update, MaxSticks); err != nil {
		return nil, err
	}
	kind := EventStickAdded
	if update {
		kind = EventStickUpdated
	}
	s.bus.Publish(im.Event{Kind: kind, App: a.Key, To: accid, Origin: origin, Body: st.Encode()})
	return st, nil
}

// Unstick takes a session from the top and returns when, ms. One that is not
// there is no error.
func (s *Service) Unstick(ctx context.Context, a *app.App, accid, origin, id string) (int64, error) {
	id, err := normalID(accid, id)
	if err != nil {
		return 0, err
	}
	now := s.clock.NowMs()
	was, err := s.store.Unstick(ctx, a.Key, accid, id)
	if err == nil && was {
		s.bus.Publish(im.Event{Kind: EventStickRemoved, App: a.Key, To: accid, Origin: origin, Body: (&Stick{ID: id, UpdatedMs: now}).Encode()})
	}
	return now, err
}

// Sticks returns the sessions at the top of the account's list, for sync.
func (s *Service) Sticks(ctx context.Context, a *app.App, accid string) ([]Stick, error) {
	return s.store.Sticks(ctx, a.Key, accid)
}

func normalID(accid, id string) (string, error) {
	conv, ok := ParseID(accid, id)
	if !ok {
		return "", im.Errorf(im.CodeBadParam, "no such session")
	}
	return ID(accid, conv), nil
}
