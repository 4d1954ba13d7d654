package nimapi

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
)

// sendMsg's kinds of receiver.
const (
	opeP2P  = 0
	opeTeam = 1
)

// wholeTeam in the list of forced pushes means every member
// (docs/api/server-v1.md section 10.1).
const wholeTeam = "#%@all@%#"

// messageParams are what all sends have in common. Limits that are settings of
// the app are checked by the domain.
type messageParams struct {
	Type         int    `form:"type,required,enum=0|1|2|3|4|6|10|100"`
	Body         string `form:"body,required,json"`
	MsgDesc      string `form:"msgDesc,max=500"`
	Option       string `form:"option,object"`
	PushContent  string `form:"pushcontent"` // longer texts are cut, not refused
	Payload      string `form:"payload,object"`
	Ext          string `form:"ext"`
	BID          string `form:"bid,max=1024"`
	UseYidun     *int   `form:"useYidun"`
	AntiCheating string `form:"yidunAntiCheating,max=1024"`
	AntiSpamExt  string `form:"yidunAntiSpamExt,max=1024"`
	SenderHidden int    `form:"msgSenderNoSense,enum=0|1"`
	Env          string `form:"env"`
}

type sendParams struct {
	From string `form:"from,required,accid"`
	Ope  int    `form:"ope,required,enum=0|1"`
	To   string `form:"to,required,max=32"`
	messageParams
	AntiSpam         bool     `form:"antispam"`
	AntiSpamCustom   string   `form:"antispamCustom,max=5000"`
	ForcePushList    []string `form:"forcepushlist,accid"`
	ForcePushContent string   `form:"forcepushcontent,max=500"`
	ForcePushAll     bool     `form:"forcepushall"`
	MarkRead         int      `form:"markRead,enum=0|1"`
	Async            bool     `form:"async"` // answers always wait for the commit
	CheckFriend      bool     `form:"checkFriend"`
	SubType          int      `form:"subType,min=0"`
	ReceiverHidden   int      `form:"msgReceiverNoSense,enum=0|1"`
	RobotAccount     string   `form:"robotAccount,accid"`
	RobotTopic       string   `form:"robotTopic,max=1024"`
	RobotFunction    string   `form:"robotFunction,max=1024"`
	RobotContent     string   `form:"robotCustomContent,max=5000"`
}

type sendData struct {
	MsgID    int64 `json:"msgid"`
	TimeTag  int64 `json:"timetag"` // ms
	AntiSpam bool  `json:"antispam"`
}

// sendMsg sends one message and answers after its commit
// (docs/api/server-v1.md section 12.5).
func (a *API) sendMsg(ctx context.Context, c *Call, p sendParams) (Result, error) {
	m, err := p.message(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	if p.Ope == opeTeam {
		return a.sendTeamMsg(ctx, c, &p, m)
	}
	to, ok := im.NormalizeAccid(p.To)
	if !ok {
		return nil, notRegistered(p.To)
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From, to); err != nil {
		return nil, err
	}
	if p.CheckFriend {
		friends, err := a.Friends.AreFriends(ctx, c.App.Key, p.From, to)
		if err != nil {
			return nil, err
		}
		if !friends {
			return nil, im.Errorf(im.CodeForbidden, "not friends")
		}
	}
	m.From, m.To = p.From, to
	if err := a.commit(ctx, c.App, m); err != nil {
		return nil, err
	}
	return with("data", sendData{MsgID: m.ID, TimeTag: m.Time, AntiSpam: m.SpamResult() != ""}), nil
}

type sendBatchParams struct {
	From string   `form:"fromAccid,required,accid"`
	To   []string `form:"toAccids,required,accid,max=500"`
	messageParams
	ReturnMsgID bool `form:"returnMsgid"`
}

// maxBatchWithIDs is the largest batch whose message ids are returned.
const maxBatchWithIDs = 100

// sendBatchMsg sends one text to many. Unknown receivers are named and do not
// fail the call; a receiver whose message could not be committed does, because
// 200 means that everybody named in the call and not in unregister has it.
func (a *API) sendBatchMsg(ctx context.Context, c *Call, p sendBatchParams) (Result, error) {
	if p.ReturnMsgID && len(p.To) > maxBatchWithIDs {
		return nil, im.Errorf(im.CodeBadParam, "toAccids has more than %d elements", maxBatchWithIDs)
	}
	tmpl, err := p.message(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	receivers := unique(p.To)
	known, err := a.existing(ctx, c.App.Key, receivers)
	if err != nil {
		return nil, err
	}
	unknown := []string{}
	var msgs []*message.Message
	for _, to := range receivers {
		if known[to] == nil {
			unknown = append(unknown, to)
			continue
		}
		m := *tmpl
		m.From, m.To, m.IDClient = p.From, to, randomHex()
		msgs = append(msgs, &m)
	}
	if err := a.commit(ctx, c.App, msgs...); err != nil {
		return nil, err
	}
	return batchAnswer(c, p.ReturnMsgID, unknown, msgs, a.Clock.NowMs()), nil
}

// batchAnswer names the unknown receivers in a string, or for the Go SDK in an
// array (docs/api/server-v1.md section 13).
func batchAnswer(c *Call, withIDs bool, unknown []string, msgs []*message.Message, now int64) Result {
	res := with("unregister", any(jsonText(unknown)))
	if c.GoSDK {
		res[0].Value = unknown
	}
	at := now
	ids := make(map[string]int64, len(msgs))
	for i, m := range msgs {
		ids[m.To] = m.ID
		if i == 0 || m.Time > at {
			at = m.Time
		}
	}
	res = append(res, Field{"timetag", at})
	if withIDs {
		res = append(res, Field{"msgids", ids})
	}
	return res
}

// commit queues messages, which differ in their receivers alone, and returns when
// all of them are committed; the first refusal or failure is returned. After an error the messages belong to the
// committer and must not be looked at.
func (a *API) commit(ctx context.Context, ap *app.App, msgs ...*message.Message) error {
	results := make(chan error, len(msgs)) // never blocks the committer
	var refused error
	queued, judged := 0, new(message.Judged)
	for _, m := range msgs {
		err := a.Messages.SendP2P(ctx, message.Send{App: ap, Msg: m, REST: true, Judged: judged},
			func(_ *message.Message, err error) { results <- err })
		if err != nil {
			refused = err
			break
		}
		queued++
	}
	for range queued {
		select {
		case err := <-results:
			if err != nil && refused == nil {
				refused = err
			}
		case <-ctx.Done():
			return im.Errorf(im.CodeTimeout, "not committed in time")
		}
	}
	return refused
}

// message maps the parameters of sendMsg to a message without parties.
func (p *sendParams) message(set *app.Settings) (*message.Message, error) {
	m, err := p.messageParams.message(set)
	if err != nil {
		return nil, err
	}
	ct := &m.Content
	ct.SubType = int64(p.SubType)
	if p.ReceiverHidden == 1 {
		m.Flags |= message.ReceiverNoSense
	}
	if p.AntiSpam || p.AntiSpamCustom != "" {
		spam := message.Spam{}
		if ct.Spam != nil {
			spam = *ct.Spam
		}
		spam.Content = p.AntiSpamCustom
		if p.AntiSpam {
			spam.Enabled = "1"
		}
		ct.Spam = &spam
	}
	if p.Ope != opeTeam { // the rest concerns teams only
		return m, nil
	}
	if p.MarkRead == 1 {
		m.Flags |= message.NeedReceipt
	}
	ct.ForceContent = p.ForcePushContent
	switch {
	case p.ForcePushAll:
		ct.ForceList = wholeTeam
	case len(p.ForcePushList) > 0:
		ct.ForceList = jsonText(p.ForcePushList)
	}
	if ct.ForceList != "" {
		ct.ForcePush = "1"
	}
	if p.RobotAccount != "" {
		ct.Robot = &message.RobotCall{Account: p.RobotAccount, Topic: p.RobotTopic, Function: p.RobotFunction, Custom: p.RobotContent}
	}
	return m, nil
}

// message maps the common parameters (docs/api/server-v1.md section 10.1).
func (p *messageParams) message(set *app.Settings) (*message.Message, error) {
	if err := (&Param{Name: "body", Max: int(set.TextLimit)}).checkText(p.Body); err != nil {
		return nil, err
	}
	flags, err := optionFlags(p.Option)
	if err != nil {
		return nil, err
	}
	if p.SenderHidden == 1 {
		flags |= message.SenderNoSense
	}
	m := &message.Message{
		Type: message.Type(p.Type), Flags: flags, ClientType: message.ClientTypeREST, IDClient: randomHex(),
		Content: message.Content{
			Ext: p.Ext, PushPayload: p.Payload, PushContent: cut(p.PushContent, int(set.PushTextLimit)),
			Env: p.Env, MsgDesc: p.MsgDesc,
		},
	}
	spam := message.Spam{BusinessID: p.BID, AntiCheating: p.AntiCheating, Ext: p.AntiSpamExt}
	if p.UseYidun != nil {
		spam.UseYidun = strconv.Itoa(*p.UseYidun)
	}
	if spam != (message.Spam{}) {
		m.Content.Spam = &spam
	}
	if !textual(m.Type) {
		m.Content.Attach = p.Body
		return m, nil
	}
	m.Content.Body, err = bodyText(p.Body)
	return m, err
}

// textual says whether a message of this type carries its text as body rather
// than JSON as attach.
func textual(t message.Type) bool { return t == message.Text || t == message.Tip }

// bodyText returns msg of {"msg":...}. A missing msg is an empty text, and one
// that is no text counts as its JSON: the official tests send incomplete bodies
// (docs/api/server-v1.md section 10.1).
func bodyText(body string) (string, error) {
	if !isObject(body) {
		return "", im.Errorf(im.CodeBadParam, "body not a JSON object")
	}
	var b struct {
		Msg json.RawMessage `json:"msg"`
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		return "", im.Errorf(im.CodeBadParam, "body not a JSON object")
	}
	var text string
	if len(b.Msg) == 0 || json.Unmarshal(b.Msg, &text) == nil {
		// \u0000 in the JSON is the one way a NUL can still get here.
		if strings.IndexByte(text, 0) >= 0 {
			return "", im.Errorf(im.CodeBadParam, "body is not text")
		}
		return text, nil
	}
	return string(b.Msg), nil
}

// optionFlags reads `option`: each false key sets its flag. Values are
// booleans; their texts and 0 and 1 are understood too
// (docs/api/server-v1.md section 10.2).
func optionFlags(option string) (message.Flags, error) {
	if option == "" {
		return 0, nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal([]byte(option), &given); err != nil {
		return 0, im.Errorf(im.CodeBadParam, "option not a JSON object")
	}
	var out message.Flags
	for _, o := range []struct {
		key string
		off message.Flags
	}{
		{"roam", message.NoRoaming}, {"history", message.NoHistory}, {"sendersync", message.NoSelfSync},
		{"push", message.NoPush}, {"route", message.NoRoute}, {"badge", message.NoBadge},
		{"needPushNick", message.NoPushNick}, {"persistent", message.NoOffline}, {"sessionUpdate", message.NoSession},
	} {
		switch v := string(given[o.key]); v {
		case "", "null":
		case "false", `"false"`, "0":
			out |= o.off
		case "true", `"true"`, "1":
			if o.off == message.NoPushNick {
				out |= message.PushNickSet
			}
		default:
			return 0, im.Errorf(im.CodeBadParam, "option.%s not boolean", o.key)
		}
	}
	return out, nil
}
