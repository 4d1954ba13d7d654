package chatroom

import (
	"context"
	"encoding/json"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/moderation"
	"hongyan/internal/im/presence"
)

// Send is a message on its way into a room.
type Send struct {
	App *app.App
	Msg Message
	// From is the connection's member; nil: the app's server sends for Account.
	From    *Member
	Account *account.Account // nil = anonymous
	Resend  bool             // the client id may have been used before
	// Connection is the sender's, which is told by its answer. Allow takes one of
	// its turns; nil = without limit.
	Connection string
	Allow      func() bool

	ClientHit    bool // the client's own word list was hit: acknowledged, and nothing else
	IgnoreMute   bool
	StrictHigh   bool  // too many of high priority are refused, not degraded
	Abandon      int64 // chance in 10,000 that it is dropped
	NoModeration bool  // the sender opted out
	// Spam is what a custom message offers to moderation instead of itself; "" = it
	// is not looked at.
	Spam string
}

// Sent is what became of a message.
type Sent struct {
	*Message
	Dropped bool // by Abandon
}

// Send stores a message and tells the room (sections 8.8 and 9). A repetition is
// answered with what was stored and told to nobody.
func (s *Service) Send(ctx context.Context, q Send) (Sent, error) {
	m := &q.Msg
	set := &q.App.Settings
	m.App = q.App.Key
	switch m.Type {
	case 0, 1, 2, 3, 4, 6, 10, 11, 12, 100:
	default:
		return Sent{}, im.Errorf(im.CodeBadParam, "no type of message")
	}
	if m.ClientID == "" || m.SubType < 0 || q.Abandon < 0 || q.Abandon > 9999 {
		return Sent{}, im.Errorf(im.CodeBadParam, "a message needs a client id")
	}
	if err := first(check("client id", m.ClientID, maxClientID), check("body", m.Body, int(set.TextLimit)), check("ext", m.Ext, int(set.RoomExtLimit)),
		check("tag expression", m.Target, maxTarget)); err != nil {
		return Sent{}, err
	}
	if _, err := ParseTarget(m.Target); err != nil {
		return Sent{}, err
	}
	if m.Audience = m.Target; m.Target == "" && q.From != nil {
		m.Audience = q.From.Target // its tags decide about 301 and 302 only
	}
	r, err := s.Get(ctx, m.App, m.Room)
	if err != nil {
		return Sent{}, err
	}
	if err := s.maySpeak(r, &q); err != nil {
		return Sent{}, err
	}
	m.TimeMs = s.c.Clock.NowMs()
	s.sign(q.From, q.Account, m)
	if q.ClientHit {
		return Sent{Message: m}, nil
	}
	if hit, err := s.moderate(ctx, &q); err != nil || hit != "" {
		m.SpamResult = hit // acknowledged, and nothing else
		return Sent{Message: m}, err
	}
	if q.From == nil && m.HighPriority && !s.high.allow(roomKey{m.App, m.Room}, m.TimeMs, set.RoomHighRate) {
		if q.StrictHigh {
			return Sent{}, im.Errorf(im.CodeForbidden, "too many messages of high priority")
		}
		m.HighPriority = false
	}
	if q.Abandon > 0 {
		m.HighPriority = false
		if s.c.Dice(10_000) < q.Abandon {
			return Sent{m, true}, nil
		}
	}
	since := int64(0)
	if q.Resend {
		since = m.TimeMs - resendMs
	}
	stored, repeated, err := s.c.Store.AppendChatroom(ctx, m, since)
	if err != nil {
		return Sent{}, err
	}
	if !repeated {
		s.publish(stored, q.Connection)
	}
	return Sent{Message: stored}, nil
}

// maySpeak is the speaking check, in the order of section 8.8. Mutes of members
// and of tags come before that of the room.
func (s *Service) maySpeak(r *Room, q *Send) error {
	if q.Account != nil && (q.Account.Mute.All || q.Account.Mute.Room) && !q.IgnoreMute {
		return im.Errorf(im.CodeRoomMuted, "the sender is muted")
	}
	if q.From == nil {
		return nil
	}
	switch {
	case r.Muted && !r.ownedBy(q.From):
		return im.Errorf(im.CodeRoomAllMuted, "the chat room is muted")
	case q.Allow != nil && !q.Allow():
		return im.Errorf(im.CodeTooFrequent, "too many messages")
	}
	return nil
}

// sign writes who sends m as the room sees him.
func (s *Service) sign(from *Member, acc *account.Account, m *Message) {
	if from != nil {
		m.From, m.FromNick, m.FromAvatar, m.FromExt, m.CardMs = from.Accid, from.Nick, from.Avatar, from.Ext, from.CardMs
		return
	}
	m.From, m.FromNick, m.FromAvatar, m.CardMs = acc.Accid, acc.Card.Name, acc.Card.Icon, acc.Card.UpdatedMs
	m.FromClient = presence.ClientServer
}

// moderate has a message looked at (docs/api/security.md section 6); hit is the result for a sender whose message ends here.
func (s *Service) moderate(ctx context.Context, q *Send) (hit string, err error) {
	m := &q.Msg
	if s.c.Moderator == nil || q.NoModeration || q.From == nil && !q.App.Settings.ModerationREST {
		return "", nil
	}
	sub := moderation.Subject{App: q.App, Kind: "CHATROOM", From: m.From, To: strconv.FormatInt(m.Room, 10), MsgType: message.Type(m.Type).Name(), IDClient: m.ClientID}
	switch m.Type {
	case Text, Tip:
		sub.Text, sub.Replaceable = m.Body, true
	case Image:
		var c struct {
			URL string `json:"url"`
		}
		if json.Unmarshal([]byte(m.Body), &c) == nil {
			sub.URL = c.URL
		}
	case Custom:
		sub.Text = spamText(q.Spam)
	}
	res, err := s.c.Moderator.Judge(ctx, &sub)
	switch {
	case err != nil:
		return "", err
	case res.Hit:
		return res.JSON, nil
	case res.Replaced && m.Type != Custom && check("body", res.Text, int(q.App.Settings.TextLimit)) == nil:
		m.Body = res.Text
	}
	return "", nil
}

// spamText is the text in what a sender offers to moderation: {type, data}, or
// anything else as it is. Pictures and films are not looked at.
func spamText(text string) string {
	var c struct {
		Type json.Number `json:"type"`
		Data string      `json:"data"`
	}
	if text == "" || json.Unmarshal([]byte(text), &c) != nil {
		return text
	}
	if n := c.Type.String(); n != "" && n != "1" {
		return ""
	}
	return c.Data
}
