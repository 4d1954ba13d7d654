package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"hongyan/internal/im/moderation"
)

// maxLabels is the longest list of labels in bytes: it goes to the sender and
// into the event copy.
const maxLabels = 4096

// moderationBody is what the service of moderation_url gets
// (docs/api/security.md section 6.1).
type moderationBody struct {
	Kind         string `json:"convType"`
	From         string `json:"fromAccount"`
	To           string `json:"to"`
	MsgType      string `json:"msgType"`
	IDClient     string `json:"msgidClient"`
	Text         string `json:"text,omitempty"`
	URL          string `json:"url,omitempty"`
	BID          string `json:"bid,omitempty"`
	AntiCheating string `json:"yidunAntiCheating,omitempty"`
	Ext          string `json:"yidunAntiSpamExt,omitempty"`
	Time         string `json:"timestamp"` // ms
}

// Examine implements moderation.Examiner: one request to moderation_url, signed
// like a callback, behind the same guard and breaker.
func (c *Client) Examine(ctx context.Context, s *moderation.Subject) (moderation.Opinion, error) {
	begun, a, target := time.Now(), s.App, s.App.Settings.ModerationURL
	var o moderation.Opinion
	err := c.breakers.enter(a, target)
	if err == nil {
		o, err = c.examine(ctx, s, target)
		c.breakers.leave(a, target, err, err != nil && ctx.Err() != nil)
	}
	result := opinionOf(o, err)
	if err != nil && ctx.Err() != nil {
		result = "abandoned"
	} else if err != nil && !errors.Is(err, ErrOpen) {
		c.log.Warn("moderation failed", "app", a.Key, "host", hostOf(target), "result", result, "err", err)
	}
	c.metrics.moderations.WithLabelValues(a.Key, result).Inc()
	c.metrics.moderationSeconds.Observe(time.Since(begun).Seconds())
	return o, err
}

func opinionOf(o moderation.Opinion, err error) string {
	switch {
	case errors.Is(err, ErrOpen):
		return "suspended"
	case err != nil:
		return resultOf(Verdict{}, err)
	case o.Action == moderation.Fail:
		return "hit"
	case o.Text != nil:
		return "replaced"
	case o.Action == moderation.Suspect:
		return "suspect"
	}
	return "passed"
}

func (c *Client) examine(ctx context.Context, s *moderation.Subject, target string) (moderation.Opinion, error) {
	body := marshal(moderationBody{Kind: s.Kind, From: s.From, To: s.To, MsgType: s.MsgType, IDClient: s.IDClient, Text: s.Text, URL: s.URL,
		BID: s.BusinessID, AntiCheating: s.AntiCheating, Ext: s.Ext, Time: c.now()})
	answer, err := c.post(ctx, s.App, target, time.Duration(s.App.Settings.ModerationTimeout)*time.Millisecond, body)
	if err != nil {
		return moderation.Opinion{}, err
	}
	o, err := parseOpinion(answer)
	if err == nil && o.Text != nil && (strings.IndexByte(*o.Text, 0) >= 0 || int64(utf8.RuneCountInString(*o.Text)) > s.App.Settings.TextLimit) {
		err = fmt.Errorf("%w: text is none that a message may have", ErrMalformed)
	}
	if err != nil {
		return moderation.Opinion{}, err
	}
	return o, nil
}

// parseOpinion reads an answer of docs/api/security.md section 6.1. Who answers
// something else has not decided.
func parseOpinion(answer []byte) (moderation.Opinion, error) {
	var a struct {
		Action json.RawMessage `json:"action"`
		Text   *string         `json:"text"`
		Labels json.RawMessage `json:"labels"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(answer, []byte("\xef\xbb\xbf")), &a); err != nil {
		return moderation.Opinion{}, fmt.Errorf("%w: not the JSON object it should be", ErrMalformed)
	}
	n, ok := number(a.Action)
	if !ok || n < int64(moderation.Pass) || n > int64(moderation.Fail) {
		return moderation.Opinion{}, fmt.Errorf("%w: action is not 0, 1 or 2", ErrMalformed)
	}
	if string(a.Labels) == "null" {
		a.Labels = nil
	}
	if len(a.Labels) > 0 && a.Labels[0] != '[' || len(a.Labels) > maxLabels {
		return moderation.Opinion{}, fmt.Errorf("%w: labels are no list of at most %d bytes", ErrMalformed, maxLabels)
	}
	return moderation.Opinion{Action: moderation.Action(n), Text: a.Text, Labels: a.Labels}, nil
}
