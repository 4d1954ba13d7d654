package moderation_test

import (
	"context"
	"errors"
	"testing"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/moderation"
	"hongyan/internal/infra/wordfilter"
)

// outside stands for a service of moderation.
type outside struct {
	opinion moderation.Opinion
	err     error
	asked   []moderation.Subject
}

func (o *outside) Examine(_ context.Context, s *moderation.Subject) (moderation.Opinion, error) {
	o.asked = append(o.asked, *s)
	return o.opinion, o.err
}

func TestJudge(t *testing.T) {
	store := hytest.Open(t, hytest.SQLite(t))
	set := func(more ...string) []string { return append(more, "moderation_url", "http://examiner.example/") }
	both := hytest.App(t, store, set("moderation", "local")...)
	strict := hytest.App(t, store, set("moderation", "local", "moderation_on_failure", "refuse")...)
	alone := hytest.App(t, store, set("text_limit", "10")...)
	local := hytest.App(t, store, "moderation", "local")
	down, text := errors.New("down"), "clean"
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		sub     moderation.Subject
		opinion moderation.Opinion
		err     error
		asked   string // text or URL; empty: nobody is asked
		want    moderation.Result
		code    im.Code
	}{
		{name: "pass", sub: moderation.Subject{App: both, Text: "good", Replaceable: true}, asked: "good", want: moderation.Result{Text: "good"}},
		{name: "stopped by a word", sub: moderation.Subject{App: both, Text: "bad", Replaceable: true},
			want: moderation.Result{Hit: true, Text: "bad", JSON: `{"yidunBusType":0,"action":2,"labels":[{"label":100,"level":2,"rate":1}]}`}},
		{name: "after words were replaced", sub: moderation.Subject{App: both, Text: "so mild", Replaceable: true}, asked: "so **", want: moderation.Result{Replaced: true, Text: "so **"}},
		{name: "what cannot be replaced is asked about as it is", sub: moderation.Subject{App: both, Text: "so mild"}, asked: "so mild", want: moderation.Result{Text: "so mild"}},
		{name: "no second stage", sub: moderation.Subject{App: local, Text: "good", Replaceable: true}, opinion: moderation.Opinion{Action: moderation.Fail}, want: moderation.Result{Text: "good"}},
		{name: "second stage alone", sub: moderation.Subject{App: alone, Text: "bad", Replaceable: true}, asked: "bad", want: moderation.Result{Text: "bad"}},
		{name: "hit", sub: moderation.Subject{App: both, Text: "mild", Replaceable: true}, opinion: moderation.Opinion{Action: moderation.Fail, Text: &text, Labels: []byte(`[{"label":300}]`)}, asked: "**",
			want: moderation.Result{Hit: true, Text: "mild", JSON: `{"yidunBusType":0,"action":2,"labels":[{"label":300}]}`}},
		{name: "picture", sub: moderation.Subject{App: both, URL: "https://x/bad"}, opinion: moderation.Opinion{Action: moderation.Fail}, asked: "https://x/bad",
			want: moderation.Result{Hit: true, JSON: `{"yidunBusType":1,"action":2,"labels":[]}`}},
		{name: "suspect", sub: moderation.Subject{App: both, Text: "good", Replaceable: true}, opinion: moderation.Opinion{Action: moderation.Suspect}, asked: "good",
			want: moderation.Result{Text: "good", JSON: `{"yidunBusType":0,"action":1,"labels":[]}`}},
		{name: "replaced", sub: moderation.Subject{App: both, Text: "dirty", Replaceable: true}, opinion: moderation.Opinion{Text: &text}, asked: "dirty", want: moderation.Result{Replaced: true, Text: "clean"}},
		{name: "replaced where it cannot be", sub: moderation.Subject{App: both, Text: "dirty"}, opinion: moderation.Opinion{Text: &text}, asked: "dirty", want: moderation.Result{Text: "dirty"}},
		{name: "failure", sub: moderation.Subject{App: both, Text: "mild", Replaceable: true}, err: down, asked: "**", want: moderation.Result{Replaced: true, Text: "**"}},
		{name: "failure, refused", sub: moderation.Subject{App: strict, Text: "good", Replaceable: true}, err: down, asked: "good", code: im.CodeForbidden},
		{name: "the sender has gone", ctx: gone, sub: moderation.Subject{App: both, Text: "good", Replaceable: true}, err: down, asked: "good", code: im.CodeOf(context.Canceled)},
		{name: "nothing", sub: moderation.Subject{App: both}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &outside{opinion: c.opinion, err: c.err}
			s := moderation.New(store, func(words []string) moderation.Matcher { return wordfilter.New(words) })
			s.SetExaminer(o)
			if err := s.Add(t.Context(), c.sub.App.Key, []moderation.Word{{List: moderation.Replace, Text: "mild"}, {List: moderation.Intercept, Text: "bad"}}); err != nil {
				t.Fatal(err)
			}
			ctx := c.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			got, err := s.Judge(ctx, &c.sub)
			if err != nil && im.CodeOf(err) != c.code || err == nil && (c.code != 0 || got != c.want) {
				t.Errorf("%+v, %v", got, err)
			}
			var asked string
			if len(o.asked) == 1 {
				asked = o.asked[0].Text + o.asked[0].URL
			}
			if asked != c.asked || len(o.asked) > 1 {
				t.Errorf("asked %+v", o.asked)
			}
		})
	}
}
