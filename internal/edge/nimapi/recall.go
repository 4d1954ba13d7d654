package nimapi

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// defaultNotice is what a recall says when the caller says nothing
// (docs/api/server-v1.md section 12.5).
const defaultNotice = "撤回了一条信息"

// taken names a message that is taken back.
type taken struct {
	ID   int64  `form:"deleteMsgid,required"`
	Time int64  `form:"timetag,required"` // ms; the id is enough
	From string `form:"from,required,accid"`
	To   string `form:"to,required"`
}

type recallParams struct {
	taken
	Type        int    `form:"type,required,enum=7|8,refusal=illegal type!"`
	Text        string `form:"msg,max=128"`
	IgnoreTime  string `form:"ignoreTime"`
	PushContent string `form:"pushcontent"` // longer texts are cut, not refused
	Payload     string `form:"payload,object,max=2048"`
	Env         string `form:"env,max=32"`
	Attach      string `form:"attach,max=5000"`
}

// msgRecall takes a message back from both sides.
func (a *API) msgRecall(ctx context.Context, c *Call, p recallParams) (Result, error) {
	if p.IgnoreTime != "" && p.IgnoreTime != "1" {
		return nil, im.Errorf(im.CodeBadParam, "ignoreTime has no value %s", clip(p.IgnoreTime))
	}
	r := p.recall(c, p.Type)
	r.IgnoreWindow = p.IgnoreTime == "1"
	r.Notice = message.RecallNotice{Text: orDefault(p.Text), Attach: p.Attach, PushContent: cut(p.PushContent, int(c.App.Settings.PushTextLimit)), PushPayload: p.Payload, Env: p.Env}
	return nil, a.Messages.Recall(ctx, r)
}

type delMsgParams struct {
	taken
	Type int `form:"type,required,enum=7|8,refusal=illegal type!"`
}

// msgDelMsg deletes a message from the server silently.
func (a *API) msgDelMsg(ctx context.Context, c *Call, p delMsgParams) (Result, error) {
	r := p.recall(c, p.Type)
	r.Silent = true
	return nil, a.Messages.Recall(ctx, r)
}

type delOneWayParams struct {
	taken
	Type int    `form:"type,required,enum=13|14,refusal=illegal type!"`
	Text string `form:"msg,max=128"`
}

// msgDelMsgOneWay takes a message back from its receivers; the author keeps it.
func (a *API) msgDelMsgOneWay(ctx context.Context, c *Call, p delOneWayParams) (Result, error) {
	r := p.recall(c, p.Type)
	r.IgnoreWindow = true
	r.Notice.Text = orDefault(p.Text)
	return nil, a.Messages.Recall(ctx, r)
}

// recall makes the request.
func (t *taken) recall(c *Call, typ int) message.Recall {
	return message.Recall{App: c.App, Operator: t.From, Kind: message.RecallKind(typ), From: t.From, To: t.To, ID: t.ID, ClientType: message.ClientTypeREST}
}

func orDefault(text string) string {
	if text == "" {
		return defaultNotice
	}
	return text
}

type recallSuperParams struct {
	ID          int64  `form:"deleteMsgid,required"`
	Time        int64  `form:"timetag,required"` // ms; the id is enough
	From        string `form:"from,required,accid"`
	To          int64  `form:"to,required"`
	Text        string `form:"msg"`
	IgnoreTime  int    `form:"ignoreTime,enum=0|1,default=0"`
	PushContent string `form:"pushContent,alias=pushcontent"` // longer texts are cut, not refused
	Payload     string `form:"pushPayload,object,max=2048,alias=payload"`
}

// superTeamRecall takes a message back from a super team: 803 without one, while
// a message that is not there is no fault.
func (a *API) superTeamRecall(ctx context.Context, c *Call, p recallSuperParams) (Result, error) {
	if _, err := a.Teams.Get(ctx, c.App.Key, team.Super, p.To); err != nil {
		return nil, err
	}
	return nil, a.Messages.Recall(ctx, message.Recall{
		App: c.App, Operator: p.From, Kind: message.RecallSuperTeam, From: p.From, To: strconv.FormatInt(p.To, 10), ID: p.ID, IgnoreWindow: p.IgnoreTime == 1, ClientType: message.ClientTypeREST,
		Notice: message.RecallNotice{Text: p.Text, PushContent: cut(p.PushContent, int(c.App.Settings.PushTextLimit)), PushPayload: p.Payload},
	})
}
