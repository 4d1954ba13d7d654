package message

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Events of what is done to messages after they were sent.
const (
	EventRecall    = im.EventMessageOpBase + iota // Body is RecallNotice.Encode
	EventReceipt                                  // Body is Receipt.Encode
	EventDeleted                                  // Body is EncodeDeleted
	EventCleared                                  // Body is Cleared.Encode
	EventBroadcast                                // Body is Broadcast.Encode; to every session of the app
)

// RecallKind is the type of the system message that tells of a recall
// (docs/protocol/nim-core.md sections 5.7 and 5.16).
type RecallKind int

// Recall kinds. The last two delete for everybody but the sender.
const (
	RecallP2P        RecallKind = 7
	RecallTeam       RecallKind = 8
	RecallSuperTeam  RecallKind = 12
	DeleteP2POneWay  RecallKind = 13
	DeleteTeamOneWay RecallKind = 14
)

// OneWay says whether the sender keeps the message.
func (k RecallKind) OneWay() bool { return k == DeleteP2POneWay || k == DeleteTeamOneWay }

// scene returns the kind of conversation k is for.
func (k RecallKind) scene() (im.Scene, bool) {
	switch k {
	case RecallP2P, DeleteP2POneWay:
		return im.SceneP2P, true
	case RecallTeam, DeleteTeamOneWay:
		return im.SceneTeam, true
	case RecallSuperTeam:
		return im.SceneSuperTeam, true
	}
	return 0, false
}

// RecallNotice tells that a message was recalled. The JSON names are the
// storage format: add, never rename.
type RecallNotice struct {
	ID       int64      `json:"-"` // of the notice; set by the store
	TimeMs   int64      `json:"-"` // of the recall; set by the store
	Kind     RecallKind `json:"-"`
	Conv     im.ConvKey `json:"-"`
	MsgID    int64      `json:"-"` // idServer of the message
	MsgTime  int64      `json:"-"` // ms
	From     string     `json:"-"` // sender of the message
	Operator string     `json:"-"` // who recalled it
	// Acked is set when notices are read: a device of the account has it.
	Acked bool `json:"-"`

	To          string `json:"to,omitempty"`
	IDClient    string `json:"c,omitempty"`
	FromNick    string `json:"fn,omitempty"`
	Text        string `json:"ps,omitempty"`
	Attach      string `json:"a,omitempty"`
	PushContent string `json:"pc,omitempty"`
	PushPayload string `json:"pp,omitempty"`
	Env         string `json:"env,omitempty"`
	NeedPush    string `json:"np,omitempty"`
	NeedBadge   string `json:"nb,omitempty"`
	NeedNick    string `json:"nn,omitempty"`

	copied *recallFacts
}

// recallEvent is the body of an EventRecall.
type recallEvent struct {
	ID, TimeMs, MsgID, MsgTime int64
	Kind                       RecallKind
	Conv                       im.ConvKey
	From, Operator             string
	Content                    json.RawMessage
}

// ContentJSON returns what is stored as text.
func (n *RecallNotice) ContentJSON() []byte {
	b, _ := json.Marshal(n) // strings only: cannot fail
	return b
}

// SetContentJSON is the inverse of ContentJSON.
func (n *RecallNotice) SetContentJSON(b []byte) error { return json.Unmarshal(b, n) }

// Encode packs n into the body of an EventRecall.
func (n *RecallNotice) Encode() []byte {
	b, _ := json.Marshal(recallEvent{n.ID, n.TimeMs, n.MsgID, n.MsgTime, n.Kind, n.Conv, n.From, n.Operator, n.ContentJSON()})
	return b
}

// DecodeRecall reads the body of an EventRecall.
func DecodeRecall(b []byte) (*RecallNotice, error) {
	var e recallEvent
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, err
	}
	n := &RecallNotice{ID: e.ID, TimeMs: e.TimeMs, MsgID: e.MsgID, MsgTime: e.MsgTime, Kind: e.Kind, Conv: e.Conv, From: e.From, Operator: e.Operator}
	return n, n.SetContentJSON(e.Content)
}

// Teams says what recalling and searching must know about teams. Both kinds of
// team are named by the key of their conversation.
type Teams interface {
	// MayRecall returns nil if operator, who is a member, may recall what author
	// wrote; otherwise an error with the code to answer.
	MayRecall(ctx context.Context, app string, conv im.ConvKey, operator, author string) error
	// Members returns who is told.
	Members(ctx context.Context, app string, conv im.ConvKey) ([]string, error)
	// IsMember says whether accid is a member of a team that exists.
	IsMember(ctx context.Context, app string, conv im.ConvKey, accid string) (bool, error)
}

// SetTeams connects teams; without it team messages cannot be recalled. Called
// once, before the first request.
func (s *Service) SetTeams(t Teams) { s.teams = t }

// Recall is a request to take a message back. From and To are those of the
// message.
type Recall struct {
	App      *app.App
	Operator string // whose request it is
	Origin   string // connection id that asked; it gets the answer, not the notice
	Kind     RecallKind
	From, To string
	ID       int64 // idServer; 0: IDClient tells which
	IDClient string
	Notice   RecallNotice // what the operator says about it: texts and push fields
	// IgnoreWindow lets messages of up to maxRecallDays be recalled (REST).
	IgnoreWindow bool
	ClientType   int // of the operator's client; ClientTypeREST for REST
	// Ask asks somebody else whether the operator may, when the parameters have
	// been checked; nil: nobody is asked.
	Ask func(ctx context.Context) error
	// Silent deletes without notice and at any age (REST msg/delMsg).
	Silent bool
}

const (
	// maxRecallDays is how far back a recall without window reaches
	// (docs/api/server-v1.md section 12.5).
	maxRecallDays = 30
	// maxRecallText bounds the text of a notice in characters, maxRecallAttach
	// its extension.
	maxRecallText   = 5000
	maxRecallAttach = 5000
)

// Recall takes a message back: nobody finds it any more, and those who may have
// it are told. A message that does not exist counts as recalled
// (docs/protocol/nim-core.md section 5.7). Codes: 403 not the operator's
// message, 414 malformed, refused by a black list or stopped by moderation,
// 508 too old.
func (s *Service) Recall(ctx context.Context, r Recall) error {
	scene, ok := r.Kind.scene()
	if !ok {
		return im.Errorf(im.CodeBadParam, "illegal type!")
	}
	if err := r.Notice.check(&r.App.Settings); err != nil {
		return err
	}
	conv, err := convOf(scene, r.From, r.To)
	if err != nil {
		return err
	}
	if scene == im.SceneP2P && conv.Peer(r.Operator) == "" {
		return im.Errorf(im.CodeForbidden, "not allow!")
	}
	if r.Ask != nil {
		if err := r.Ask(ctx); err != nil {
			return err
		}
	}
	m, err := s.findRecalled(ctx, r, conv)
	switch {
	case err != nil:
		return err
	case m == nil && !r.Silent && s.stopped.has(r.App.Key, conv, r.Operator, r.ID):
		return im.Errorf(im.CodeBadParam, "the message was stopped by moderation and cannot be recalled")
	case m == nil:
		return nil
	}
	if err := s.mayRecall(ctx, r, m); err != nil {
		return err
	}
	n := r.Notice
	n.Kind, n.Conv, n.MsgID, n.MsgTime, n.From, n.To, n.Operator = r.Kind, m.Conv, m.ID, m.Time, m.From, m.To, r.Operator
	n.IDClient, n.FromNick = m.IDClient, m.Content.FromNick
	n.wantCopy(r.App, r.ClientType)
	done := false
	switch {
	case r.Silent:
		done, err = s.store.Erase(ctx, m, nil)
	case r.Kind.OneWay():
		done, err = s.store.HideFromReceivers(ctx, m, &n)
	default:
		done, err = s.store.Erase(ctx, m, &n)
	}
	if err != nil || !done || r.Silent {
		return err
	}
	return s.announce(ctx, m, &n, r.Origin)
}

// convOf names the conversation of a message from one account to an account or
// team, which are texts of a client.
func convOf(scene im.Scene, from, to string) (im.ConvKey, error) {
	if scene == im.SceneP2P {
		a, ok1 := im.NormalizeAccid(from)
		b, ok2 := im.NormalizeAccid(to)
		if !ok1 || !ok2 {
			return "", im.Errorf(im.CodeBadParam, "no such account")
		}
		return im.P2PKey(a, b), nil
	}
	tid, ok := teamID(to)
	if !ok {
		return "", im.Errorf(im.CodeBadParam, "no such team")
	}
	if scene == im.SceneSuperTeam {
		return im.SuperTeamKey(tid), nil
	}
	return im.TeamKey(tid), nil
}

func (s *Service) findRecalled(ctx context.Context, r Recall, conv im.ConvKey) (*Message, error) {
	var m *Message
	var err error
	if r.ID != 0 {
		var found map[int64]*Message
		found, err = s.store.Get(ctx, r.App.Key, []int64{r.ID})
		m = found[r.ID]
	} else if from, ok := im.NormalizeAccid(r.From); ok && r.IDClient != "" {
		m, err = s.store.FindClientID(ctx, r.App.Key, conv, from, r.IDClient)
	}
	if err != nil || m == nil || m.Conv != conv {
		return nil, err
	}
	return m, nil
}

func (s *Service) mayRecall(ctx context.Context, r Recall, m *Message) error {
	switch {
	case m.Scene == im.SceneP2P:
		if m.From != r.Operator {
			return im.Errorf(im.CodeForbidden, "not allow!")
		}
	case s.teams == nil:
		return im.Errorf(im.CodeTeamNotFound, "team does not exist")
	case r.Silent || r.Kind.OneWay():
		if m.From != r.Operator {
			return im.Errorf(im.CodeForbidden, "not allow!")
		}
	default:
		if err := s.teams.MayRecall(ctx, r.App.Key, m.Conv, r.Operator, m.From); err != nil {
			return err
		}
	}
	if r.Silent {
		return nil
	}
	if m.Flags.Has(Refused) {
		return im.Errorf(im.CodeBadParam, "the message was refused and cannot be recalled")
	}
	age, limit := s.clock.NowMs()-m.Time, r.App.Settings.RecallWindow*1000
	if r.IgnoreWindow {
		limit = maxRecallDays * dayMs
	}
	if age > limit {
		return im.Errorf(im.CodeExpired, "older than the recall window")
	}
	return nil
}

// announce tells the receivers and the operator's other devices.
func (s *Service) announce(ctx context.Context, m *Message, n *RecallNotice, origin string) error {
	told := []string{m.From, m.To}
	if m.Scene != im.SceneP2P {
		members, err := s.teams.Members(ctx, m.App, m.Conv)
		if err != nil {
			return err
		}
		told = append(members, n.Operator)
	}
	body := n.Encode()
	seen := map[string]bool{}
	var events []im.Event
	for _, who := range told {
		if seen[who] || !n.For(who) {
			continue
		}
		seen[who] = true
		ev := im.Event{Kind: EventRecall, App: m.App, To: who, Conv: m.Conv, ID: n.ID, Body: body}
		if who == n.Operator {
			ev.Origin = origin
		}
		events = append(events, ev)
	}
	s.bus.Publish(events...)
	return nil
}

// For says whether accid is told of n.
func (n *RecallNotice) For(accid string) bool { return !n.Kind.OneWay() || accid != n.From }

// Recalls returns the notices of the roaming window that concern the account's
// conversations, oldest first, with Acked filled in; the account's own recalls
// count as acknowledged.
func (s *Service) Recalls(ctx context.Context, a *app.App, accid string) ([]*RecallNotice, error) {
	all, err := s.store.Recalls(ctx, a.Key, accid, s.clock.NowMs()-a.Settings.RoamingDays*dayMs)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	member := map[im.ConvKey]bool{}
	for _, n := range all {
		if !n.For(accid) {
			continue
		}
		// Former members hear of nothing any more.
		ok, asked := member[n.Conv]
		if !asked {
			if ok, err = s.takesPart(ctx, a.Key, accid, n.Conv); err != nil {
				return nil, err
			}
			member[n.Conv] = ok
		}
		if !ok {
			continue
		}
		n.Acked = n.Acked || n.Operator == accid
		out = append(out, n)
	}
	return out, nil
}

// AckRecalls records that a device of the account has the notices; ids of other
// things are ignored.
func (s *Service) AckRecalls(ctx context.Context, a *app.App, accid string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return s.store.AckRecalls(ctx, a.Key, accid, ids)
}
