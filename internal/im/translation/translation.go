// Package translation owns the translation of texts
// (docs/api/server-v1.md section 12.16): what may be asked, and of whom.
//
// It translates nothing itself and knows no HTTP: who does is a Provider, which
// the operator of an app names by a URL.
package translation

import (
	"context"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// MaxText is the longest text in characters.
const MaxText = 5000

// maxLanguage is the longest name of a language; "zh-Hans-CN" has 10 letters.
const maxLanguage = 16

// Auto as the source language lets the provider find out.
const Auto = "auto"

// Request asks for a translation.
type Request struct {
	App   *app.App
	Accid string // for whom
	Text  string
	From  string // language, or Auto
	To    string
}

// Answer is a translation.
type Answer struct {
	Text string
	From string // language that Text was in
}

// Provider translates. A language it does not know is im.CodeBadParam, a slow
// answer im.CodeTimeout, everything else that goes wrong im.CodeInternal or, when
// it is not worth asking, im.CodeBusy.
type Provider interface {
	Translate(ctx context.Context, r *Request) (*Answer, error)
}

// Service has the rules.
type Service struct{ provider Provider }

// New returns a Service.
func New(p Provider) *Service { return &Service{p} }

// Translate hands a text to the app's provider: 403 without one.
func (s *Service) Translate(ctx context.Context, r Request) (*Answer, error) {
	if r.From == "" {
		r.From = Auto
	}
	switch {
	case r.App.Settings.TranslateURL == "":
		return nil, im.Errorf(im.CodeForbidden, "translation is not enabled: the app has no translate_url")
	case utf8.RuneCountInString(r.Text) > MaxText:
		return nil, im.Errorf(im.CodeBadParam, "text longer than %d characters", MaxText)
	case !language(r.To) || r.To == Auto:
		return nil, im.Errorf(im.CodeBadParam, "to is not a language")
	case !language(r.From):
		return nil, im.Errorf(im.CodeBadParam, "from is not a language")
	}
	a, err := s.provider.Translate(ctx, &r)
	if err != nil {
		return nil, err
	}
	if !language(a.From) || a.From == Auto {
		a.From = r.From // a provider that does not say what it has found
	}
	return a, nil
}

// language says whether a text may be the name of one: letters, digits and
// hyphens, a letter first, so that it can stand in an answer's `language`.
func language(s string) bool {
	if s == "" || len(s) > maxLanguage {
		return false
	}
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}
