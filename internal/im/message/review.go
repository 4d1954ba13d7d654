package message

import (
	"context"
	"encoding/json"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/moderation"
)

// Verdict is what the app's server decided about a message
// (docs/api/callbacks.md section 3). A nil change leaves the field as it is.
type Verdict struct {
	Reject bool
	Code   im.Code // of a rejection: 403, 20000 to 20099, or 200: the sender is told success
	Ext    string  // callbackExt, for the sender and the receivers

	Body, Attach, MsgExt, PushContent, PushPayload *string
	Push, PushNick, Persist, History, Roaming      *bool
}

// Callback asks the app's server whether a client's message may go on. When
// nobody decides, it answers what callback_on_failure says; an error means that
// the sender has gone.
type Callback interface {
	Message(ctx context.Context, a *app.App, m *Message, p Peer) (Verdict, error)
}

// Moderator judges texts; it is the package moderation's.
type Moderator interface {
	Check(ctx context.Context, a *app.App, text string) (moderation.Result, error)
}

// Review is what looks at messages before they are stored. Every part may be
// nil: then nobody looks.
type Review struct {
	Callback  Callback
	Moderator Moderator
	Copies    interface {
		PutCopies(ctx context.Context, cs []*eventcopy.Copy) error
	}
	IDs interface{ Next() int64 } // for messages that are acknowledged and not stored
}

// SetReview connects what looks at messages. Called once, before the first
// message.
func (s *Service) SetReview(r Review) { s.review = r }

// SpamResult is what moderation has found in m: JSON text
// (docs/api/security.md section 5), empty if m was not stopped by it.
func (m *Message) SpamResult() string { return m.spam }

// look has a message looked at, in the order of docs/api/security.md section 6:
// the client's own word list, callback (client sends only), moderation. m has
// its parties and conversation. stop says that m ends here: it is acknowledged
// with id and time, and neither stored nor delivered.
func (s *Service) look(ctx context.Context, r Send) (stop bool, err error) {
	m := r.Msg
	if m.ClientHit && !r.REST && s.review.IDs != nil {
		return s.swallow(m), nil
	}
	if s.review.Callback != nil && !r.REST {
		v, err := s.review.Callback.Message(ctx, r.App, m, r.Peer)
		switch {
		case err != nil:
			return false, err
		case v.Reject && v.Code == im.CodeOK:
			return s.swallow(m), nil
		case v.Reject:
			return false, im.Errorf(v.Code, "refused by the app's server")
		}
		s.change(r.App, m, &v)
	}
	m.WantCopy(r.App, r.Peer)
	if m.copied != nil && m.Scene == im.SceneTeam {
		names, err := s.gate.Roster(ctx, m.App, m.Conv)
		if err != nil {
			return false, err
		}
		m.CopyMembers(names)
	}
	if s.review.Moderator == nil || r.REST && !r.App.Settings.ModerationREST {
		return false, nil
	}
	return s.moderate(ctx, r)
}

// swallow gives m what an acknowledgement needs.
func (s *Service) swallow(m *Message) bool {
	m.ID, m.Time = s.review.IDs.Next(), s.clock.NowMs()
	return true
}

// change applies the app server's modification. One that makes the message
// break the app's limits is not applied at all.
func (s *Service) change(a *app.App, m *Message, v *Verdict) {
	content, flags := m.Content, m.Flags
	c := &m.Content
	for _, t := range []struct{ field, to *string }{
		{&c.Body, v.Body}, {&c.Attach, v.Attach}, {&c.Ext, v.MsgExt}, {&c.PushContent, v.PushContent}, {&c.PushPayload, v.PushPayload},
	} {
		if t.to != nil {
			*t.field = *t.to
		}
	}
	for _, f := range []struct {
		on  *bool
		off Flags
	}{{v.Push, NoPush}, {v.PushNick, NoPushNick}, {v.Persist, NoOffline}, {v.History, NoHistory}, {v.Roaming, NoRoaming}} {
		switch {
		case f.on == nil:
		case *f.on:
			m.Flags &^= f.off
		default:
			m.Flags |= f.off
		}
	}
	if s.checkContent(a, m) != nil {
		m.Content, m.Flags = content, flags
	}
	c.CallbackExt = v.Ext
}

// moderate holds the texts of m against the app's words.
func (s *Service) moderate(ctx context.Context, r Send) (stop bool, err error) {
	m := r.Msg
	text, replace := moderated(m)
	if text == "" {
		return false, nil
	}
	res, err := s.review.Moderator.Check(ctx, r.App, text)
	if err != nil {
		return false, err
	}
	if !res.Hit {
		if replace && res.Replaced && s.fits(r.App, res.Text) {
			m.Content.Body = res.Text
		}
		return false, nil
	}
	s.swallow(m)
	m.spam = res.JSON
	if f := m.copied; f != nil && s.review.Copies != nil {
		f.spam, f.result = true, res.JSON
		if err := s.review.Copies.PutCopies(ctx, []*eventcopy.Copy{m.Copy()}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// fits says whether a text is still a legal body after words were replaced.
func (s *Service) fits(a *app.App, text string) bool {
	return int64(len(text)) <= a.Settings.TextLimit || int64(len([]rune(text))) <= a.Settings.TextLimit
}

// moderated returns the text of m that moderation looks at, and whether words
// may be replaced in it (docs/api/security.md section 6). Of a custom message
// it is what the sender offers for it, and the attachment if that is nothing.
func moderated(m *Message) (text string, replace bool) {
	spam := m.Content.Spam
	if spam != nil && spam.UseYidun == "0" {
		return "", false
	}
	switch m.Type {
	case Text, Tip:
		return m.Content.Body, true
	case Custom:
		if spam == nil || spam.Enabled != "1" && !strings.EqualFold(spam.Enabled, "true") {
			return "", false
		}
		if spam.Content == "" {
			return m.Content.Attach, false
		}
		var c struct {
			Type json.Number `json:"type"`
			Data string      `json:"data"`
		}
		if json.Unmarshal([]byte(spam.Content), &c) != nil {
			return spam.Content, false
		}
		if n := c.Type.String(); n != "" && n != "1" {
			return "", false // a picture or a video
		}
		return c.Data, false
	}
	return "", false
}
