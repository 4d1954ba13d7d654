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

// Moderator judges contents; it is the package moderation's.
type Moderator interface {
	Judge(ctx context.Context, s *moderation.Subject) (moderation.Result, error)
}

// Judged is what moderation has said about a message. Sends of messages that
// differ in their receivers alone share one, and it is asked about the first.
type Judged struct {
	done bool
	res  moderation.Result
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

// moderate has the contents of m judged.
func (s *Service) moderate(ctx context.Context, r Send) (stop bool, err error) {
	m := r.Msg
	res, err := s.judge(ctx, r)
	if err != nil {
		return false, err
	}
	if f := m.copied; f != nil {
		f.spam, f.result = res.Hit, res.JSON
	}
	if !res.Hit {
		if res.Replaced {
			m.Content.Body = res.Text
			if err := s.checkContent(r.App, m); err != nil {
				return false, im.Errorf(im.CodeBadParam, "with words replaced: %w", err)
			}
		}
		return false, nil
	}
	s.swallow(m)
	m.spam = res.JSON
	s.stopped.add(m)
	if m.copied != nil && s.review.Copies != nil {
		if err := s.review.Copies.PutCopies(ctx, []*eventcopy.Copy{m.Copy()}); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *Service) judge(ctx context.Context, r Send) (moderation.Result, error) {
	if r.Judged != nil && r.Judged.done {
		return r.Judged.res, nil
	}
	sub, ok := moderated(r.App, r.Msg)
	if !ok {
		return moderation.Result{}, nil
	}
	res, err := s.review.Moderator.Judge(ctx, &sub)
	if err == nil && r.Judged != nil {
		*r.Judged = Judged{true, res}
	}
	return res, err
}

// moderated returns what of m moderation looks at (docs/api/security.md section
// 6): the body of a text, the address of a picture, of a custom message what the
// sender offers for it, and the attachment if that is nothing.
func moderated(a *app.App, m *Message) (sub moderation.Subject, ok bool) {
	sub = moderation.Subject{App: a, Kind: convType(m.Scene), From: m.From, To: m.To, MsgType: m.Type.Name(), IDClient: m.IDClient}
	spam := m.Content.Spam
	if spam != nil {
		if spam.UseYidun == "0" {
			return sub, false
		}
		sub.BusinessID, sub.AntiCheating, sub.Ext = spam.BusinessID, spam.AntiCheating, spam.Ext
	}
	switch m.Type {
	case Text, Tip:
		sub.Text, sub.Replaceable = m.Content.Body, true
	case Image:
		var c struct {
			URL string `json:"url"`
		}
		if json.Unmarshal([]byte(m.Content.Attach), &c) == nil {
			sub.URL = c.URL
		}
	case Custom:
		if spam == nil || spam.Enabled != "1" && !strings.EqualFold(spam.Enabled, "true") {
			return sub, false
		}
		if sub.Text = spam.Content; sub.Text == "" {
			sub.Text = m.Content.Attach
			break
		}
		var c struct {
			Type json.Number `json:"type"`
			Data string      `json:"data"`
		}
		if json.Unmarshal([]byte(spam.Content), &c) != nil {
			break
		}
		switch c.Type.String() {
		case "", "1":
			sub.Text = c.Data
		case "2":
			sub.Text, sub.URL = "", c.Data
		default: // a video
			sub.Text = ""
		}
	}
	return sub, sub.Text != "" || sub.URL != ""
}
