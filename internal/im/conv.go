package im

import (
	"strconv"
	"strings"
)

// Scene says what kind of conversation a message belongs to. The numbers are
// the product's own (docs/protocol/nim-core.md section 5.1, tag 0).
type Scene int

// Scenes.
const (
	SceneP2P       Scene = 0
	SceneTeam      Scene = 1
	SceneSuperTeam Scene = 5
)

// ConvKey names one conversation inside an app: "p|alice|bob" with the two
// accids in byte order, "t|<tid>" or "s|<tid>". An accid can not hold a '|'.
type ConvKey string

// P2PKey returns the key of the conversation of two accounts, in either order.
func P2PKey(a, b string) ConvKey {
	if b < a {
		a, b = b, a
	}
	return ConvKey("p|" + a + "|" + b)
}

// TeamKey returns the key of a team's conversation.
func TeamKey(tid int64) ConvKey { return ConvKey("t|" + strconv.FormatInt(tid, 10)) }

// SuperTeamKey returns the key of a super team's conversation.
func SuperTeamKey(tid int64) ConvKey { return ConvKey("s|" + strconv.FormatInt(tid, 10)) }

// QChatKey returns the key of a QChat server: its members hear of what happens in
// its channels.
func QChatKey(server int64) ConvKey { return ConvKey("q|" + strconv.FormatInt(server, 10)) }

// ChatroomKey returns the key of a chat room: what happens in it goes to the
// connections that have entered it.
func ChatroomKey(room int64) ConvKey { return ConvKey("r|" + strconv.FormatInt(room, 10)) }

// IsQChat says whether k names a QChat server.
func (k ConvKey) IsQChat() bool { return strings.HasPrefix(string(k), "q|") }

// Scene tells which kind of conversation k names.
func (k ConvKey) Scene() Scene {
	switch {
	case strings.HasPrefix(string(k), "t|"):
		return SceneTeam
	case strings.HasPrefix(string(k), "s|"):
		return SceneSuperTeam
	default:
		return SceneP2P
	}
}

// Peer returns the other account of a p2p conversation (accid itself for a
// conversation with oneself), or "" if accid takes no part in it or k is not p2p.
func (k ConvKey) Peer(accid string) string {
	rest, ok := strings.CutPrefix(string(k), "p|")
	if !ok {
		return ""
	}
	a, b, ok := strings.Cut(rest, "|")
	switch {
	case !ok:
		return ""
	case a == accid:
		return b
	case b == accid:
		return a
	default:
		return ""
	}
}

// Pair returns the two accounts of a p2p conversation, "" if k is none.
func (k ConvKey) Pair() (a, b string) {
	rest, ok := strings.CutPrefix(string(k), "p|")
	if !ok {
		return "", ""
	}
	a, b, _ = strings.Cut(rest, "|")
	return a, b
}

// TID returns the team id of a team or super-team conversation, 0 for p2p.
func (k ConvKey) TID() int64 {
	if k.Scene() == SceneP2P || len(k) < 3 {
		return 0
	}
	n, _ := strconv.ParseInt(string(k[2:]), 10, 64)
	return n
}
