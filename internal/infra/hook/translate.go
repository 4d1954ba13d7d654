package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/translation"
)

// translateBody is what a provider of translations gets
// (docs/operations.md, "Translation").
type translateBody struct {
	Accid string `json:"accid"`
	Text  string `json:"text"`
	From  string `json:"from"` // "auto": the provider finds out
	To    string `json:"to"`
}

// translateAnswer is what it answers.
type translateAnswer struct {
	Code        int     `json:"code"` // 0 or 200; 414: language unknown
	Translation *string `json:"translation"`
	From        string  `json:"from"`
}

// Translate implements translation.Provider: one request to translate_url,
// signed like a callback, behind the same guard and breaker.
func (c *Client) Translate(ctx context.Context, r *translation.Request) (*translation.Answer, error) {
	begun, target := time.Now(), r.App.Settings.TranslateURL
	err := c.breakers.enter(r.App, target)
	var a *translation.Answer
	if err == nil {
		a, err = c.translate(ctx, r, target)
		// A language that is refused is an answer like any other.
		known := err
		if im.CodeOf(err) == im.CodeBadParam {
			known = nil
		}
		c.breakers.leave(r.App, target, known, ctx.Err() != nil)
	}
	result := "translated"
	switch {
	case err == nil:
	case im.CodeOf(err) == im.CodeBadParam:
		result = "refused"
	case errors.Is(err, ErrOpen):
		result = "suspended"
		err = im.Errorf(im.CodeBusy, "the provider of translations is suspended after failures")
	case errors.Is(err, ErrTimeout):
		result = "timeout"
		err = im.Errorf(im.CodeTimeout, "translation: %w", err)
	default:
		result = "failed"
		err = im.Errorf(im.CodeInternal, "translation: %w", err)
	}
	c.metrics.translations.WithLabelValues(r.App.Key, result).Inc()
	c.metrics.translationSeconds.Observe(time.Since(begun).Seconds())
	return a, err
}

func (c *Client) translate(ctx context.Context, r *translation.Request, target string) (*translation.Answer, error) {
	body, err := json.Marshal(translateBody{Accid: r.Accid, Text: r.Text, From: r.From, To: r.To})
	if err != nil {
		return nil, err
	}
	answer, err := c.post(ctx, r.App, target, time.Duration(r.App.Settings.TranslateTimeout)*time.Millisecond, body)
	var a translateAnswer
	switch {
	case err != nil:
		return nil, err
	case json.Unmarshal(answer, &a) != nil:
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	case a.Code == int(im.CodeBadParam):
		return nil, im.Errorf(im.CodeBadParam, "language unknown")
	case a.Code != 0 && a.Code != int(im.CodeOK):
		return nil, fmt.Errorf("%w: code %d", ErrMalformed, a.Code)
	case a.Translation == nil:
		return nil, fmt.Errorf("%w: no translation", ErrMalformed)
	}
	return &translation.Answer{Text: strings.ToValidUTF8(*a.Translation, "\uFFFD"), From: a.From}, nil
}
