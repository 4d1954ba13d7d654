package notice

import (
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// copiedMembers is the largest team whose members copies name
// (docs/api/copy.md section 3.1).
const copiedMembers = 200

// CopyFacts is what a copy tells beside the notification itself.
type CopyFacts struct {
	ClientType int
	Peer       eventcopy.Peer
	Nick       string   // of the sender
	Members    []string // of the team, or whom an invitation asks; nobody: not told
}

// word is how app servers know a type, and the kind of conversation it belongs
// to; empty for what is not copied by itself (docs/api/copy.md section 3.2).
func (t Type) word() (conv, word string) {
	switch t {
	case FriendRequest:
		return eventcopy.ConvCustomPerson, "FRIEND_ADD"
	case DeleteFriend:
		return eventcopy.ConvCustomPerson, "FRIEND_DELETE"
	case CustomP2P:
		return eventcopy.ConvCustomPerson, "CUSTOM_P2P_MSG"
	case ApplyTeam:
		return eventcopy.ConvCustomTeam, "TEAM_APPLY"
	case RejectTeamApply:
		return eventcopy.ConvCustomTeam, "TEAM_APPLY_REJECT"
	case TeamInvite:
		return eventcopy.ConvCustomTeam, "TEAM_INVITE"
	case RejectTeamInvite:
		return eventcopy.ConvCustomTeam, "TEAM_INVITE_REJECT"
	case CustomTeam:
		return eventcopy.ConvCustomTeam, "CUSTOM_TEAM_MSG"
	case ApplySuperTeam:
		return eventcopy.ConvCustomTeam, "SUPERTEAM_APPLY"
	case RejectSuperTeamApply:
		return eventcopy.ConvCustomTeam, "SUPERTEAM_APPLY_REJECT"
	case SuperTeamInvite:
		return eventcopy.ConvCustomTeam, "SUPERTEAM_INVITE"
	case RejectSuperTeamInvite:
		return eventcopy.ConvCustomTeam, "SUPERTEAM_INVITE_REJECT"
	case CustomSuperTeam:
		return eventcopy.ConvCustomTeam, "CUSTOM_SUPERTEAM_MSG"
	}
	return "", ""
}

// copyBody is the body of event 1 for notifications (docs/api/copy.md section 3.1).
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
	IDServer  string `json:"msgidServer"`
	Safe      string `json:"customSafeFlag"`
	Push      string `json:"customApnsText,omitempty"`
	Members   string `json:"tMembers,omitempty"`
	IP        string `json:"ip,omitempty"`
	Port      string `json:"port,omitempty"`
}

// WantCopy decides whether n is copied: the app wants its kind and the sender
// has not opted out. Of several notifications that tell one event the first is.
func (n *Notice) WantCopy(a *app.App, f CopyFacts) {
	if conv, _ := n.Type.word(); conv != "" && eventcopy.WantedConv(a, conv) && !n.Flags.Has(NoRoute) {
		n.copied = &f
	}
}

// Copied says whether the app's server is told of n.
func (n *Notice) Copied() bool { return n.copied != nil }

// Copy returns what the app's server is told of n, which has its id and time;
// nil if it is told nothing. It is stored in the transaction of n.
func (n *Notice) Copy() *eventcopy.Copy {
	f := n.copied
	if f == nil {
		return nil
	}
	conv, word := n.Type.word()
	b := copyBody{
		EventType: eventcopy.Message.Text(), ConvType: conv, To: n.Target(), From: n.From, Client: im.ClientTypeName(f.ClientType), Device: f.Peer.DeviceID,
		Nick: f.Nick, Time: eventcopy.Ms(n.Time), Type: word, Body: n.Content, Attach: n.Attach, IDServer: eventcopy.Ms(n.ID), Safe: "0",
		Push: n.PushContent, IP: f.Peer.IP, Port: f.Peer.Port,
	}
	switch n.Type {
	case CustomP2P, CustomTeam, CustomSuperTeam:
		if !n.Flags.Has(NoOffline) {
			b.Safe = "1"
		}
	}
	lane := string(im.P2PKey(n.From, n.Target()))
	if conv == eventcopy.ConvCustomTeam {
		lane = string(n.team())
		b.Members = eventcopy.Names(f.Members)
	}
	return &eventcopy.Copy{App: n.App, ID: n.ID, Event: eventcopy.Message, Lane: lane, Env: n.Env, Body: eventcopy.Marshal(b)}
}

// team is the conversation of the team that n is about.
func (n *Notice) team() im.ConvKey {
	tid, _ := strconv.ParseInt(n.To, 10, 64) // a team's id: it was found by it
	if n.Type.Class() == SuperTeam {
		return im.SuperTeamKey(tid)
	}
	return im.TeamKey(tid)
}
