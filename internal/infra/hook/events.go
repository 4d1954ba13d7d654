package hook

import "strconv"

// Event is one row of the account of callback events.
type Event struct {
	First, Last int
	What        string
	Why         string // the server does not ask; empty: it does
}

// Numbers are the row's events as they are written: 7, or 42..71.
func (e Event) Numbers() string {
	if e.First == e.Last {
		return strconv.Itoa(e.First)
	}
	return strconv.Itoa(e.First) + ".." + strconv.Itoa(e.Last)
}

// Events has a row for every event of docs/api/callbacks.md section 5. Tests
// hold it against that page and docs/operations.md, and see that a running
// server asks about the rows that say so, and about no others.
func Events() []Event {
	const (
		noChatroom = "chatrooms do not ask yet"
		noQChat    = "QChat does not ask yet"
	)
	return []Event{
		{1, 1, "p2p message", ""},
		{2, 2, "team message", ""},
		{3, 3, "profile change", ""},
		{4, 4, "add friend", ""},
		{5, 5, "delete friend", ""},
		{6, 6, "chatroom message", noChatroom},
		{7, 7, "create team", ""},
		{8, 8, "dissolve team", ""},
		{9, 9, "invite to team", ""},
		{10, 10, "leave team", ""},
		{11, 11, "add team managers", ""},
		{12, 12, "remove team managers", ""},
		{13, 13, "transfer team", ""},
		{14, 14, "kick from team", ""},
		{15, 15, "change team info, mute team", ""},
		{16, 16, "change own member info", ""},
		{17, 17, "change another member's nick", ""},
		{18, 18, "mute team member", ""},
		{19, 19, "apply to join team", ""},
		{20, 21, "audio/video call and meeting creation", "no command of a supported SDK makes one"},
		{22, 22, "super team message", ""},
		{23, 23, "invite to super team", ""},
		{24, 24, "kick from super team", ""},
		{25, 25, "leave super team", ""},
		{26, 26, "change super team info", ""},
		{27, 27, "change own super team member info", ""},
		{28, 28, "apply to join super team", ""},
		{29, 29, "add super team managers", ""},
		{30, 30, "remove super team managers", ""},
		{31, 31, "mute super team", ""},
		{32, 32, "mute super team members", ""},
		{33, 33, "change another super team member's info", ""},
		{34, 34, "transfer super team", ""},
		{35, 35, "recall", ""},
		{36, 36, "login", ""},
		{40, 40, "QChat login", noQChat},
		{41, 41, "QChat message", noQChat},
		{42, 71, "operations of QChat", noQChat + "; the numbers are not known"},
		{72, 74, "change of QChat messages", noQChat},
	}
}
