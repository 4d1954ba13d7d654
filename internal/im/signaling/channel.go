package signaling

import (
	"slices"

	"hongyan/internal/im"
)

// Codes of docs/protocol/nim-social.md section 12.5.
const (
	CodePeerOffline     im.Code = 10201 // done, but the peer is not online
	CodePushUnreachable im.Code = 10202 // done, but the peer cannot be reached by push either
	CodeNoChannel       im.Code = 10404
	CodeNameTaken       im.Code = 10405
	CodeNotMember       im.Code = 10406
	CodeMember          im.Code = 10407
	CodeNoInvite        im.Code = 10408
	CodeRejected        im.Code = 10409
	CodeAccepted        im.Code = 10410
	CodeBadParam        im.Code = 10414
	CodeUIDTaken        im.Code = 10417
	CodeFull            im.Code = 10419
	CodeOtherDevice     im.Code = 10420
)

const (
	lifeMs     = 2 * 3600 * 1000 // a channel without news, a member without a connection
	maxMembers = 100
	// maxInvites bounds the invitations a channel remembers; answered ones are
	// forgotten first, the oldest first.
	maxInvites = 1000
	// aheadMs is how long before its end a channel is looked at: one with
	// connected members is prolonged in time.
	aheadMs = 60_000
)

// Channel is a call being set up: members, invitations, an end.
type Channel struct {
	App       string   `json:"-"`
	ID        int64    `json:"-"`
	Name      string   `json:"-"`
	Type      int      `json:"type"` // 1 audio, 2 video, 3 custom
	Creator   string   `json:"creator"`
	Ext       string   `json:"ext,omitempty"`
	RTCName   string   `json:"rtc,omitempty"` // channel name of the media engine, echoed
	CreatedMs int64    `json:"created"`
	ExpiresMs int64    `json:"expires"`
	Members   []Member `json:"members,omitempty"`
	Invites   []Invite `json:"invites,omitempty"`
	Closed    bool     `json:"-"` // the store deletes it
}

// Member is an account in a channel, with one of its sessions.
type Member struct {
	Accid     string `json:"acc"`
	UID       int64  `json:"uid"`
	Device    string `json:"dev"`    // what other members see
	Client    string `json:"client"` // tells the account's clients apart across connections
	Conn      string `json:"conn"`
	JoinedMs  int64  `json:"joined"`
	ExpiresMs int64  `json:"expires"` // counts when the session is not connected
}

// InviteState is where an invitation stands.
type InviteState int

// States of an invitation; everything but Pending is an end.
const (
	Pending InviteState = iota
	Accepted
	Rejected
	Cancelled
)

// Invite is one invitation, named by all of its first three fields.
type Invite struct {
	Request string      `json:"req"`
	From    string      `json:"from"`
	To      string      `json:"to"`
	State   InviteState `json:"state,omitempty"`
	EventID int64       `json:"event"` // of the event that told the invitee
}

// Caller is who asks. One without a connection is the app's server.
type Caller struct {
	Accid, Device, Client, Conn string
}

func (c Caller) server() bool { return c.Conn == "" }

// Live says whether the channel has not ended.
func (c *Channel) Live(nowMs int64) bool { return !c.Closed && c.ExpiresMs > nowMs }

// DueMs is when the channel has to be looked at by Expire.
func (c *Channel) DueMs() int64 {
	due := c.ExpiresMs
	for _, m := range c.Members {
		due = min(due, m.ExpiresMs)
	}
	return due - aheadMs
}

// Member returns an account's membership.
func (c *Channel) Member(accid string) (*Member, bool) {
	for i := range c.Members {
		if c.Members[i].Accid == accid {
			return &c.Members[i], true
		}
	}
	return nil, false
}

// Others returns the members' accids without accid's.
func (c *Channel) Others(accid string) []string {
	var out []string
	for _, m := range c.Members {
		if m.Accid != accid {
			out = append(out, m.Accid)
		}
	}
	return out
}

// join makes the caller a member. An account is in a channel with one session;
// one whose connection has gone may be replaced, and so may an earlier one of
// the same device, which leaves in a moment. draw makes a uid where the
// caller chose none (0).
func (c *Channel) join(by Caller, uid, nowMs int64, online func(conn string) bool, draw func() int64) (Member, error) {
	old, is := c.Member(by.Accid)
	if is {
		switch {
		case old.Conn == by.Conn:
			return Member{}, im.Errorf(CodeMember, "already in the channel")
		case old.Device != by.Device && online(old.Conn):
			return Member{}, im.Errorf(CodeOtherDevice, "another device of the account is in the channel")
		}
	} else if len(c.Members) >= maxMembers {
		return Member{}, im.Errorf(CodeFull, "at most %d members", maxMembers)
	}
	taken := func(uid int64) bool {
		return slices.ContainsFunc(c.Members, func(m Member) bool { return m.UID == uid && m.Accid != by.Accid })
	}
	if uid != 0 && taken(uid) {
		return Member{}, im.Errorf(CodeUIDTaken, "uid taken")
	}
	for uid == 0 || taken(uid) {
		uid = draw()
	}
	m := Member{Accid: by.Accid, UID: uid, Device: by.Device, Client: by.Client, Conn: by.Conn, JoinedMs: nowMs, ExpiresMs: nowMs + lifeMs}
	if is {
		*old = m
	} else {
		c.Members = append(c.Members, m)
	}
	c.ExpiresMs = nowMs + lifeMs
	return m, nil
}

// leave takes an account out; the channel lives on for its whole life.
func (c *Channel) leave(accid string, nowMs int64) (Member, error) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.Accid == accid })
	if i < 0 {
		return Member{}, im.Errorf(CodeNotMember, "not in the channel")
	}
	m := c.Members[i]
	c.Members = slices.Delete(c.Members, i, i+1)
	if len(c.Members) == 0 {
		c.ExpiresMs = nowMs + lifeMs
	}
	return m, nil
}

// delay prolongs the channel and, for a member, the membership.
func (c *Channel) delay(by Caller, nowMs int64) error {
	m, is := c.Member(by.Accid)
	if !is && !by.server() {
		return im.Errorf(CodeNotMember, "not in the channel")
	}
	if is {
		m.ExpiresMs = nowMs + lifeMs
	}
	c.ExpiresMs = nowMs + lifeMs
	return nil
}

// Unanswered returns where the invitations that nobody has answered are kept:
// they end with the channel.
func (c *Channel) Unanswered() []Stored {
	var out []Stored
	for _, v := range c.Invites {
		if v.State == Pending {
			out = append(out, Stored{v.To, v.EventID})
		}
	}
	return out
}

// close ends the channel. Its creator and its members may.
func (c *Channel) close(accid string) error {
	if _, is := c.Member(accid); !is && c.Creator != accid {
		return im.Errorf(CodeNotMember, "not in the channel")
	}
	c.Closed = true
	return nil
}

// invite notes an invitation; one that is repeated is pending again.
func (c *Channel) invite(by Caller, to, request string, event int64) error {
	if _, is := c.Member(by.Accid); !is && !by.server() {
		return im.Errorf(CodeNotMember, "not in the channel")
	}
	if _, is := c.Member(to); is {
		return im.Errorf(CodeMember, "the invitee is in the channel")
	}
	if len(c.Members) >= maxMembers {
		return im.Errorf(CodeFull, "at most %d members", maxMembers)
	}
	c.Invites = slices.DeleteFunc(c.Invites, func(v Invite) bool { return v.Request == request && v.From == by.Accid && v.To == to })
	c.Invites = append(c.Invites, Invite{Request: request, From: by.Accid, To: to, EventID: event})
	if len(c.Invites) > maxInvites {
		i := max(0, slices.IndexFunc(c.Invites, func(v Invite) bool { return v.State != Pending }))
		c.Invites = slices.Delete(c.Invites, i, i+1)
	}
	return nil
}

// pending returns an invitation that nobody has answered.
func (c *Channel) pending(from, to, request string) (*Invite, error) {
	i := slices.IndexFunc(c.Invites, func(v Invite) bool { return v.Request == request && v.From == from && v.To == to })
	if i < 0 {
		return nil, im.Errorf(CodeNoInvite, "no such invitation")
	}
	v := &c.Invites[i]
	switch v.State {
	case Accepted:
		return nil, im.Errorf(CodeAccepted, "already accepted")
	case Rejected:
		return nil, im.Errorf(CodeRejected, "already rejected")
	case Cancelled:
		return nil, im.Errorf(CodeNoInvite, "the invitation was cancelled")
	}
	return v, nil
}

// mayResume says whether the caller is the session that is in the channel, or
// the same client on a new connection: the same device, or one that cannot be
// told from it when the old connection has gone.
func (c *Channel) mayResume(by Caller, online func(conn string) bool) bool {
	m, is := c.Member(by.Accid)
	return is && (m.Conn == by.Conn || m.Device == by.Device || m.Client == by.Client && !online(m.Conn))
}

// resume moves a membership to the new connection of the same client. It says
// false when the membership belongs to another client.
func (c *Channel) resume(by Caller, nowMs int64, online func(conn string) bool) bool {
	if !c.mayResume(by, online) {
		return false
	}
	m, _ := c.Member(by.Accid)
	m.Conn, m.Device, m.ExpiresMs = by.Conn, by.Device, nowMs+lifeMs
	c.ExpiresMs = nowMs + lifeMs
	return true
}

// expire prolongs what is in use and ends what is not: a member stays while its
// session is connected or until its time has run out, a channel while it has
// members or until its own has. It returns who had to leave.
func (c *Channel) expire(nowMs int64, online func(conn string) bool) (gone []Member) {
	left := c.Members[:0:0]
	for _, m := range c.Members {
		switch {
		case m.ExpiresMs-aheadMs > nowMs:
		case online(m.Conn):
			m.ExpiresMs = nowMs + lifeMs
		case m.ExpiresMs <= nowMs:
			gone = append(gone, m)
			continue
		}
		left = append(left, m)
	}
	c.Members = left
	switch {
	case len(left) == 0 && len(gone) > 0:
		c.ExpiresMs = nowMs + lifeMs // after the last one left
	case c.ExpiresMs-aheadMs > nowMs:
	case len(left) > 0:
		c.ExpiresMs = nowMs + lifeMs
	case c.ExpiresMs <= nowMs:
		c.Closed = true
	}
	return gone
}
