package message

import (
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Limits of fields that no setting changes, in characters. Those of robots and
// moderation are what REST documents (docs/api/server-v1.md section 10.1).
const (
	maxAccid     = 64 // in references: of accounts and teams, old spellings too
	maxNick      = 64
	maxEnv       = 64
	maxDevice    = 128
	maxIDClient  = 128
	maxIDServer  = 32
	maxSwitch    = 16 // "1", "true"
	maxShort     = 1024
	maxLong      = 5000
	maxDesc      = 500
	messageExtra = 512 // bytes of a message beside its texts, about
)

// eachText calls yield for every text of c with the most characters it may have
// until yield says false. What is not in it is not bounded.
func (c *Content) eachText(set *app.Settings, yield func(name, text string, limit int64) bool) {
	if !(yield("body", c.Body, set.TextLimit) && yield("attach", c.Attach, set.TextLimit) && yield("ext", c.Ext, set.ExtLimit) &&
		yield("pushContent", c.PushContent, set.PushTextLimit) && yield("forcePushContent", c.ForceContent, set.PushTextLimit) &&
		yield("pushPayload", c.PushPayload, set.PayloadLimit) && yield("forcePushIDsList", c.ForceList, set.TextLimit) &&
		yield("needForcePush", c.ForcePush, maxSwitch) && yield("env", c.Env, maxEnv) && yield("fromDeviceId", c.FromDevice, maxDevice) &&
		yield("fromNick", c.FromNick, maxNick) && yield("callbackExt", c.CallbackExt, maxShort) && yield("isReplyMsg", c.IsReply, maxSwitch) &&
		yield("msgDesc", c.MsgDesc, maxDesc) && c.Reply.eachText(yield) && c.Thread.eachText(yield)) {
		return
	}
	if r := c.Robot; r != nil && !(yield("robot account", r.Account, maxAccid) && yield("robot topic", r.Topic, maxShort) &&
		yield("robot function", r.Function, maxShort) && yield("robot custom content", r.Custom, maxLong)) {
		return
	}
	if s := c.Spam; s != nil {
		_ = yield("needAntiSpam", s.Enabled, maxSwitch) && yield("antiSpamContent", s.Content, maxLong) && yield("antiSpamBIZID", s.BusinessID, maxShort) &&
			yield("antiSpamUsingYidun", s.UseYidun, maxSwitch) && yield("yidunAntiCheating", s.AntiCheating, maxShort) && yield("yidunAntiSpamExtension", s.Ext, maxShort)
	}
}

func (r *Ref) eachText(yield func(name, text string, limit int64) bool) bool {
	return r == nil || yield("account of a reference", r.From, maxAccid) && yield("account of a reference", r.To, maxAccid) &&
		yield("idServer of a reference", r.IDServer, maxIDServer) && yield("idClient of a reference", r.IDClient, maxIDClient)
}

// checkText holds one text against its limit in characters.
func checkText(name, text string, limit int64) error {
	if strings.IndexByte(text, 0) >= 0 { // no database keeps it in a text
		return im.Errorf(im.CodeBadParam, "%s holds a NUL", name)
	}
	// Characters are never more than bytes: count them only when it matters.
	if int64(len(text)) > limit && int64(utf8.RuneCountInString(text)) > limit {
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters", name, limit)
	}
	return nil
}

// checkContent holds m against the app's limits (docs/protocol/nim-core.md section 5.2).
func (s *Service) checkContent(a *app.App, m *Message) error {
	set := &a.Settings
	switch {
	case m.Type == Notification:
		return im.Errorf(im.CodeForbidden, "notifications are the server's")
	case !m.Type.Sendable():
		return im.Errorf(im.CodeBadParam, "message type %d", m.Type)
	case m.IDClient == "":
		return im.Errorf(im.CodeBadParam, "idClient missing")
	case m.Content.SubType < 0:
		return im.Errorf(im.CodeBadParam, "subType must be positive")
	}
	err := checkText("idClient", m.IDClient, maxIDClient)
	bytes := int64(len(m.IDClient))
	m.Content.eachText(set, func(name, text string, limit int64) bool {
		bytes += int64(len(text))
		if err == nil {
			err = checkText(name, text, limit)
		}
		return err == nil
	})
	if err == nil && bytes > set.MessageLimit {
		err = im.Errorf(im.CodeBadParam, "all texts together longer than %d bytes", set.MessageLimit)
	}
	return err
}

// Bytes returns about how much of a packet m takes.
func (m *Message) Bytes() int {
	if m.dropped > 0 {
		return m.dropped
	}
	n := messageExtra + len(m.IDClient)
	m.Content.eachText(&app.Settings{}, func(_, text string, _ int64) bool {
		n += len(text)
		return true
	})
	return n
}

// check holds what an operator says about a recall against the app's limits.
func (n *RecallNotice) check(set *app.Settings) error {
	for _, f := range []struct {
		name, text string
		limit      int64
	}{
		{"ps", n.Text, maxRecallText}, {"attach", n.Attach, maxRecallAttach}, {"pushContent", n.PushContent, set.PushTextLimit},
		{"pushPayload", n.PushPayload, set.PayloadLimit}, {"env", n.Env, maxEnv},
		{"needPush", n.NeedPush, maxSwitch}, {"needPushBadge", n.NeedBadge, maxSwitch}, {"needPushNick", n.NeedNick, maxSwitch},
	} {
		if err := checkText(f.name, f.text, f.limit); err != nil {
			return err
		}
	}
	return nil
}
