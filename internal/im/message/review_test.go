package message_test

import (
	"context"
	"strings"
	"testing"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/moderation"
	"hongyan/internal/infra/wordfilter"
)

// verdicts answers every question with what a test chose, and counts.
type verdicts struct {
	v     message.Verdict
	asked int
}

func (c *verdicts) Message(_ context.Context, _ *app.App, m *message.Message, _ message.Peer) (message.Verdict, error) {
	c.asked++
	return c.v, nil
}

// bad stops what contains "bad" and rewrites "mild".
type bad struct{}

func (bad) Judge(_ context.Context, s *moderation.Subject) (moderation.Result, error) {
	text := s.Text
	if strings.Contains(text, "bad") {
		return moderation.Result{Hit: true, JSON: `{"action":2}`}, nil
	}
	r := strings.ReplaceAll(text, "mild", "**")
	return moderation.Result{Replaced: s.Replaceable && r != text, Text: r}, nil
}

func ptr[T any](v T) *T { return &v }

// copies returns the bodies of the copies that wait.
func (w *world) copies() (out []string) {
	w.t.Helper()
	cs, err := w.store.Copies(w.t.Context(), w.app.Key, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range cs {
		out = append(out, string(c.Body))
	}
	return out
}

// TestReplacedBeyondTheLimit: a text that has no room for what replaces its words
// is refused; it must not pass as it was.
func TestReplacedBeyondTheLimit(t *testing.T) {
	w := newWorld(t, "moderation", "local", "text_limit", "10")
	words := moderation.New(w.store, func(words []string) moderation.Matcher { return wordfilter.New(words) })
	w.svc.SetReview(message.Review{Moderator: words, IDs: w.store.IDs()})
	if err := words.Add(t.Context(), w.app.Key, []moderation.Word{{List: moderation.Replace, Text: "darn", Replacement: "(removed)"}}); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]im.Code{"darn": im.CodeOK, "darn darn": im.CodeBadParam, "fine words": im.CodeOK} {
		m := w.message("alice", "bob", 0)
		m.Content.Body = body
		if err := w.try(m, false); err == nil && want != im.CodeOK || err != nil && im.CodeOf(err) != want {
			t.Errorf("%q: %v, want %d", body, err, want)
		}
		if want == im.CodeOK && body == "darn" && m.Content.Body != "(removed)" {
			t.Errorf("%q became %q", body, m.Content.Body)
		}
	}
}

// TestRecallOfStopped: what moderation has stopped cannot be recalled, and only
// its sender is told that (docs/api/server-v1.md sections 4 and 10.4).
func TestRecallOfStopped(t *testing.T) {
	w := newWorld(t)
	w.svc.SetReview(message.Review{Moderator: bad{}, IDs: w.store.IDs()})
	send := func(body string) *message.Message {
		t.Helper()
		m := w.message("alice", "bob", 0)
		m.Content.Body = body
		if err := w.try(m, false); err != nil {
			t.Fatal(err)
		}
		return m
	}
	hit, flagged, fine := send("bad"), w.message("alice", "bob", 0), send("good")
	flagged.ClientHit = true
	if err := w.try(flagged, false); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name               string
		operator, from, to string
		id                 int64
		silent             bool
		want               im.Code
	}{
		{"the sender", "alice", "alice", "bob", hit.ID, false, im.CodeBadParam},
		{"the receiver, who cannot know of it", "bob", "alice", "bob", hit.ID, false, im.CodeOK},
		{"in another conversation", "alice", "alice", "eve", hit.ID, false, im.CodeOK},
		{"deleted silently", "alice", "alice", "bob", hit.ID, true, im.CodeOK},
		{"flagged by the client: it looks sent", "alice", "alice", "bob", flagged.ID, false, im.CodeOK},
		{"what was delivered", "alice", "alice", "bob", fine.ID, false, im.CodeOK},
		{"what does not exist", "alice", "alice", "bob", 12345, false, im.CodeOK},
	} {
		err := w.svc.Recall(t.Context(), message.Recall{App: w.app, Operator: c.operator, Kind: message.RecallP2P, From: c.from, To: c.to, ID: c.id, Silent: c.silent})
		if err == nil && c.want != im.CodeOK || err != nil && im.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %d", c.name, err, c.want)
		}
	}
}

func TestReview(t *testing.T) {
	custom := func(enabled, content string) func(*message.Message) {
		return func(m *message.Message) {
			m.Type, m.Content.Attach, m.Content.Spam = message.Custom, `{"x":"bad"}`, &message.Spam{Enabled: enabled, Content: content}
		}
	}
	for _, c := range []struct {
		name    string
		v       message.Verdict
		rest    bool
		change  func(*message.Message)
		code    im.Code // 0 = acknowledged
		stored  bool
		copied  int
		unasked bool
		check   func(t *testing.T, m *message.Message)
	}{
		{name: "pass", stored: true, copied: 1},
		{name: "deny", v: message.Verdict{Reject: true, Code: 403}, code: 403},
		{name: "deny with a code", v: message.Verdict{Reject: true, Code: 20001}, code: 20001},
		{name: "silent drop", v: message.Verdict{Reject: true, Code: 200}},
		{name: "modified", v: message.Verdict{Body: ptr("new"), MsgExt: ptr("e"), Push: ptr(false), Ext: "ce"}, stored: true, copied: 1, check: func(t *testing.T, m *message.Message) {
			if m.Content.Body != "new" || m.Content.Ext != "e" || !m.Flags.Has(message.NoPush) || m.Content.CallbackExt != "ce" {
				t.Errorf("%+v", m)
			}
		}},
		{name: "modified beyond the limit", v: message.Verdict{Body: ptr(strings.Repeat("x", 5001)), Ext: "ce"}, stored: true, copied: 1, check: func(t *testing.T, m *message.Message) {
			if len(m.Content.Body) > 5000 || m.Content.CallbackExt != "ce" {
				t.Errorf("%+v", m.Content)
			}
		}},
		{name: "modified into a hit", v: message.Verdict{Body: ptr("bad")}, copied: 1},
		{name: "REST is not asked", v: message.Verdict{Reject: true, Code: 403}, rest: true, stored: true, copied: 1, unasked: true},
		{name: "REST is moderated", rest: true, change: func(m *message.Message) { m.Content.Body = "bad" }, copied: 1, unasked: true},
		{name: "the client's own list", change: func(m *message.Message) { m.ClientHit = true }, unasked: true},
		{name: "hit", change: func(m *message.Message) { m.Content.Body = "so bad" }, copied: 1, check: func(t *testing.T, m *message.Message) {
			if m.SpamResult() != `{"action":2}` {
				t.Errorf("result %q", m.SpamResult())
			}
		}},
		{name: "hit that is not to be looked at", change: func(m *message.Message) {
			m.Content.Body, m.Content.Spam = "bad", &message.Spam{UseYidun: "0"}
		}, stored: true, copied: 1},
		{name: "replaced", change: func(m *message.Message) { m.Content.Body = "mild" }, stored: true, copied: 1, check: func(t *testing.T, m *message.Message) {
			if m.Content.Body != "**" {
				t.Errorf("body %q", m.Content.Body)
			}
		}},
		{name: "custom without antispam", change: custom("", ""), stored: true, copied: 1},
		{name: "custom: attachment", change: custom("1", ""), copied: 1},
		{name: "custom: content", change: custom("1", `{"type":1,"data":"bad"}`), copied: 1},
		{name: "custom: harmless content", change: custom("1", `{"type":1,"data":"good"}`), stored: true, copied: 1},
		{name: "custom: picture", change: custom("1", `{"type":2,"data":"bad"}`), stored: true, copied: 1},
		{name: "not copied", change: func(m *message.Message) { m.Flags |= message.NoRoute }, stored: true},
		{name: "hit, not copied", change: func(m *message.Message) { m.Flags |= message.NoRoute; m.Content.Body = "bad" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "copy_url", "http://receiver.example/", "copy_events", "1")
			v := &verdicts{v: c.v}
			w.svc.SetReview(message.Review{Callback: v, Moderator: bad{}, Copies: w.store, IDs: w.store.IDs()})
			m := w.message("alice", "bob", 0)
			if c.change != nil {
				c.change(m)
			}
			err := w.try(m, c.rest)
			if got := im.CodeOf(err); err != nil && got != c.code || err == nil && c.code != 0 {
				t.Fatalf("err = %v", err)
			}
			if (v.asked == 0) != c.unasked || v.asked > 1 {
				t.Errorf("asked %d times", v.asked)
			}
			if err == nil && (m.ID == 0 || m.Time == 0) {
				t.Errorf("acknowledged without id or time: %+v", m)
			}
			page, perr := w.store.Page(t.Context(), w.app.Key, im.P2PKey("alice", "bob"), message.PageQuery{Limit: 10})
			if perr != nil || (len(page) == 1) != c.stored {
				t.Errorf("%d stored, %v", len(page), perr)
			}
			if !c.stored && len(w.bus.Events()) != 0 {
				t.Errorf("told: %v", w.bus.Events())
			}
			copies := w.copies()
			if len(copies) != c.copied {
				t.Errorf("copies %v", copies)
			}
			if c.copied == 1 && strings.Contains(copies[0], `"antispam":"true"`) == c.stored {
				t.Errorf("copy %s", copies[0])
			}
			if c.check != nil {
				c.check(t, m)
			}
		})
	}
}
