package message

import (
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// Peer is where a client's request came from; empty for REST.
type Peer = eventcopy.Peer

// copyFacts is what a copy tells beside the message itself; a message with
// facts is copied.
type copyFacts struct {
	peer   Peer
	spam   bool
	result string // of moderation
	names  string // members of the team; empty: not told
}

// copyBody is the body of event 1 (docs/api/copy.md section 3.1).
type copyBody struct {
	EventType string `json:"eventType"`
	ConvType  string `json:"convType"`
	To        string `json:"to"`
	From      string `json:"fromAccount"`
	Client    string `json:"fromClientType,omitempty"`
	Device    string `json:"fromDeviceId,omitempty"`
	Nick      string `json:"fromNick,omitempty"`
	Time      string `json:"msgTimestamp"`
	Type      string `json:"msgType"`
	Body      string `json:"body,omitempty"`
	Attach    string `json:"attach,omitempty"`
	IDClient  string `json:"msgidClient,omitempty"`
	IDServer  string `json:"msgidServer"`
	Resend    string `json:"resendFlag"`
	Ext       string `json:"ext,omitempty"`
	Spam      string `json:"antispam,omitempty"`
	Result    string `json:"yidunRes,omitempty"`
	Black     string `json:"blacklist,omitempty"`
	Members   string `json:"tMembers,omitempty"`
	IP        string `json:"ip,omitempty"`
	Port      string `json:"port,omitempty"`
}

// WantCopy decides whether m is copied: the app wants it and the sender has not
// opted out (docs/api/copy.md section 1).
func (m *Message) WantCopy(a *app.App, p Peer) {
	if Copied(a, m.Scene) && !m.Flags.Has(NoRoute) {
		m.copied = &copyFacts{peer: p}
	}
}

// Copied says whether an app has messages of a kind of conversation copied.
func Copied(a *app.App, s im.Scene) bool { return eventcopy.WantedConv(a, convType(s)) }

// CopyMembers has the copy of m, if there is one, name the members of its team,
// as eventcopy.Names writes them.
func (m *Message) CopyMembers(names string) {
	if m.copied != nil {
		m.copied.names = names
	}
}

// Copy returns what the app's server is told of m, which has its id and time;
// nil if it is told nothing. The store keeps it in the transaction of m.
func (m *Message) Copy() *eventcopy.Copy {
	f := m.copied
	if f == nil {
		return nil
	}
	c := &m.Content
	b := copyBody{
		EventType: eventcopy.Message.Text(), ConvType: convType(m.Scene), To: m.To, From: m.From, Client: im.ClientTypeName(m.ClientType),
		Device: c.FromDevice, Nick: c.FromNick, Time: eventcopy.Ms(m.Time), Type: m.Type.Name(), Body: c.Body, Attach: c.Attach,
		IDClient: m.IDClient, IDServer: m.IDText(), Resend: "0", Ext: c.Ext, Result: f.result, Members: f.names, IP: f.peer.IP, Port: f.peer.Port,
	}
	if m.Flags.Has(Resent) {
		b.Resend = "1"
	}
	if f.spam {
		b.Spam = "true"
	}
	if m.Flags.Has(Refused) {
		b.Black = "true"
	}
	return &eventcopy.Copy{App: m.App, ID: m.ID, Event: eventcopy.Message, Lane: string(m.Conv), Env: c.Env, Body: eventcopy.Marshal(b)}
}

// convType is the word of copies for a kind of conversation.
func convType(s im.Scene) string {
	switch s {
	case im.SceneTeam:
		return eventcopy.ConvTeam
	case im.SceneSuperTeam:
		return eventcopy.ConvSuperTeam
	}
	return eventcopy.ConvPerson
}

// Name is the word app servers know a type by (docs/api/copy.md section 3.2).
func (t Type) Name() string {
	switch t {
	case Text:
		return "TEXT"
	case Image:
		return "PICTURE"
	case Audio:
		return "AUDIO"
	case Video:
		return "VIDEO"
	case Geo:
		return "LOCATION"
	case Notification:
		return "NOTIFICATION"
	case File:
		return "FILE"
	case Tip:
		return "TIPS"
	case Robot:
		return "ROBOT"
	case G2:
		return "NRTC_NETCALL"
	case Custom:
		return "CUSTOM"
	}
	return strconv.Itoa(int(t))
}

// recallCopyBody is the body of events 7, 8 and 25 (docs/api/copy.md section 6).
type recallCopyBody struct {
	EventType string `json:"eventType"`
	IDClient  string `json:"clientId,omitempty"`
	Deleted   string `json:"deleteTime"`
	From      string `json:"from"`
	Client    string `json:"fromClientType,omitempty"`
	ID        string `json:"msgId"`
	Text      string `json:"selfMsg,omitempty"`
	Sent      string `json:"sendTime"`
	To        string `json:"to"`
	Attach    string `json:"attach,omitempty"`
}

// recallEventOf is the event of a kind of recall; deleting for the receivers
// alone is no recall.
func recallEventOf(k RecallKind) (eventcopy.Event, bool) {
	switch k {
	case RecallP2P:
		return eventcopy.RecallP2P, true
	case RecallTeam:
		return eventcopy.RecallTeam, true
	case RecallSuperTeam:
		return eventcopy.RecallSuperTeam, true
	}
	return 0, false
}

// Copy returns what the app's server is told of the recall, which has its time;
// nil if it is told nothing. The store keeps it in the transaction of the recall.
func (n *RecallNotice) Copy(timeMs int64) *eventcopy.Copy {
	e, ok := recallEventOf(n.Kind)
	if n.copied == nil || !ok {
		return nil
	}
	b := recallCopyBody{EventType: e.Text(), IDClient: n.IDClient, Deleted: eventcopy.Ms(timeMs), From: n.Operator, Client: im.ClientTypeName(n.copied.client),
		ID: strconv.FormatInt(n.MsgID, 10), Text: n.Text, Sent: eventcopy.Ms(n.MsgTime), To: n.To, Attach: n.Attach}
	if n.Kind == RecallSuperTeam {
		b.Attach = ""
	}
	return &eventcopy.Copy{App: n.copied.app, Event: e, Lane: string(n.Conv), Env: n.Env, Body: eventcopy.Marshal(b)}
}

// recallFacts is what the copy of a recall tells beside the notice.
type recallFacts struct {
	app    string
	client int // type of the operator's client
}

// wantCopy decides whether the recall is copied.
func (n *RecallNotice) wantCopy(a *app.App, client int) {
	if e, ok := recallEventOf(n.Kind); ok && eventcopy.Wanted(a, e) {
		n.copied = &recallFacts{a.Key, client}
	}
}
