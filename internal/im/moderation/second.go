package moderation

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Subject is what of a message is looked at, and what its sender says about it
// (docs/api/security.md section 3). Text or URL is set, or neither.
type Subject struct {
	App         *app.App
	Kind        string // of the conversation, as in event copies: PERSON, TEAM...
	From, To    string
	MsgType     string // as in event copies: TEXT, PICTURE...
	IDClient    string
	Text        string
	URL         string // of a picture
	Replaceable bool   // Text may be replaced: it is the body of the message

	BusinessID, AntiCheating, Ext string // of the sender, for the second stage
}

// Action is what the second stage decided (docs/api/security.md section 5).
type Action int

// Actions.
const (
	Pass    Action = 0
	Suspect Action = 1 // it passes, and the event copy tells of it
	Fail    Action = 2
)

// Opinion is the second stage's.
type Opinion struct {
	Action Action
	Text   *string         // replaces the text of what passes; nil: as it is
	Labels json.RawMessage // why: a JSON list; nil: it does not say
}

// Examiner is the second stage, outside this process. An error means that nobody
// decided; it answers within moderation_timeout_ms.
type Examiner interface {
	Examine(ctx context.Context, s *Subject) (Opinion, error)
}

// SetExaminer connects the second stage; without it there is none. Called once,
// before the first Judge.
func (s *Service) SetExaminer(e Examiner) { s.second = e }

// Judge looks at a message: the app's words first, which cost nothing, then the
// second stage for what they let pass, if the app has moderation_url. What cannot
// be replaced is judged as it is. When the second stage fails,
// moderation_on_failure decides: to refuse is 403. Whether a message has room for
// what replaces its words is for the caller to see.
func (s *Service) Judge(ctx context.Context, sub *Subject) (Result, error) {
	res := Result{Text: sub.Text}
	if sub.Text != "" {
		var err error
		if res, err = s.Check(ctx, sub.App, sub.Text); err != nil || res.Hit {
			return res, err
		}
		if res.Replaced && !sub.Replaceable {
			res = Result{Text: sub.Text}
		}
	}
	if s.second == nil || sub.App.Settings.ModerationURL == "" || sub.Text == "" && sub.URL == "" {
		return res, nil
	}
	asked := *sub
	asked.Text = res.Text
	o, err := s.second.Examine(ctx, &asked)
	switch {
	case err != nil && ctx.Err() != nil:
		return res, ctx.Err() // the sender has gone, or has waited long enough
	case err != nil && sub.App.Settings.ModerationOnFailure == "refuse":
		return res, im.Errorf(im.CodeForbidden, "moderation has not decided: %w", err)
	case err != nil:
		return res, nil
	}
	if o.Action != Pass {
		res.JSON = resultJSON(sub, o)
	}
	switch {
	case o.Action == Fail:
		res.Hit, res.Replaced, res.Text = true, false, sub.Text
	case o.Text != nil && sub.Replaceable:
		res.Replaced, res.Text = true, *o.Text
	}
	return res, nil
}

// resultJSON is the result of the second stage as clients and copies carry it
// (docs/api/security.md section 5).
func resultJSON(sub *Subject, o Opinion) string {
	r := struct {
		Type   int             `json:"yidunBusType"` // 0 text, 1 picture
		Action Action          `json:"action"`
		Labels json.RawMessage `json:"labels"`
	}{Action: o.Action, Labels: o.Labels}
	if sub.Text == "" {
		r.Type = 1
	}
	if r.Labels == nil {
		r.Labels = json.RawMessage("[]")
	}
	text, _ := json.Marshal(r) // Labels is JSON: cannot fail
	return string(text)
}
