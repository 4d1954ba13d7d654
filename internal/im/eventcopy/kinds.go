package eventcopy

import (
	"strconv"
	"strings"
)

// Kind is one row of the account of what can be copied.
type Kind struct {
	Events []Event // none: the numbers are not known
	What   string
	Why    string // it is not copied; empty: it is
}

// Numbers are the row's events as they are written: 10, 11, 12.
func (k Kind) Numbers() string {
	if len(k.Events) == 0 {
		return "-"
	}
	var out []string
	for _, e := range k.Events {
		out = append(out, strconv.Itoa(int(e)))
	}
	return strings.Join(out, ", ")
}

// Kinds has a row for every event of docs/api/copy.md section 2. Tests hold it
// against that page and docs/operations.md, and see that a running server copies
// the rows that say so.
func Kinds() []Kind {
	const (
		noChatroom = "chatrooms are not copied yet"
		noMedia    = "there is no media engine"
	)
	return []Kind{
		{[]Event{Message}, "messages, notifications of teams, system notifications", ""},
		{[]Event{Login}, "login", ""},
		{[]Event{Logout}, "logout and lost connection", ""},
		{[]Event{4}, "chatroom message", noChatroom},
		{[]Event{5, 6}, "duration and files of calls", noMedia},
		{[]Event{RecallP2P}, "recall of a p2p message", ""},
		{[]Event{RecallTeam}, "recall of a team message", ""},
		{[]Event{9}, "chatroom member entered or left", noChatroom},
		{[]Event{10, 11, 12}, "telephone calls and short messages", "there is no telephone provider"},
		{[]Event{14}, "chatroom queue", noChatroom},
		{[]Event{20}, "result of asynchronous moderation", "moderation decides before a message is stored; its hits are told in event 1"},
		{[]Event{RecallSuperTeam}, "recall of a super team message", ""},
		{[]Event{Receipt}, "p2p read receipt", ""},
		{[]Event{Signaling}, "signaling", ""},
		{[]Event{36}, "upload of client logs", "no command of a supported SDK makes one"},
		{[]Event{42}, "heartbeat", "heartbeats are answered before anything is looked at; a stored copy of each would be most of what a server writes"},
		{[]Event{CallbackFailed}, "failed callback", ""},
		{[]Event{LoginFailed}, "failed login", ""},
		{[]Event{89, 90, 91}, "message modified", "the SDKs served cannot modify messages"},
		{nil, "QChat", "not copied yet; the numbers are not known"},
	}
}
