package chatroom

import (
	"bytes"
	"encoding/json"
)

// Notifications (docs/protocol/chatroom.md section 10).
const (
	noteEntered = 301
	noteLeft    = 302
	noteClosed  = 311
	noteUpdated = 312
	noteDeleted = 323
)

// author is who did something: the operator of a notification.
type author struct {
	accid, nick string
	client      int64
}

// field is what a notification says beyond the common keys.
type field struct {
	name  string
	value any
}

// note makes the notification that an operator did something, with whom or what
// it was done to.
func (s *Service) note(r *Room, id int, by author, target *author, ext string, more ...field) *Message {
	fields := []field{{"operator", by.accid}, {"opeNick", by.nick}}
	if target != nil {
		fields = append(fields, field{"target", []string{target.accid}}, field{"tarNick", []string{target.nick}})
	}
	if ext != "" {
		fields = append(fields, field{"ext", ext})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	put := func(v any) {
		_ = e.Encode(v)         // texts and numbers: cannot fail
		b.Truncate(b.Len() - 1) // the newline
	}
	b.WriteString(`{"id":`)
	put(id)
	b.WriteString(`,"data":{`)
	for i, f := range append(fields, more...) {
		if i > 0 {
			b.WriteByte(',')
		}
		put(f.name)
		b.WriteByte(':')
		put(f.value)
	}
	b.WriteString(`}}`)
	return &Message{App: r.App, Room: r.ID, TimeMs: s.c.Clock.NowMs(), ClientID: s.c.NewUUID(), From: by.accid, FromNick: by.nick, FromClient: by.client,
		Type: Notification, Body: b.String(), Passing: id == noteEntered || id == noteLeft}
}
