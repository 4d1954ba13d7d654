package nimapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

type sessionMsgParams struct {
	From          string  `form:"from,required,accid"`
	To            string  `form:"to,required,accid"`
	Begin         int64   `form:"begintime,zero,min=0"` // ms, inclusive
	End           int64   `form:"endtime,zero,min=0"`   // ms, 0 = now
	Limit         int     `form:"limit,required"`
	Reverse       int     `form:"reverse,enum=1|2,default=2"` // 1 ascending, 2 descending
	Type          []int64 `form:"type"`
	IncludeHidden bool    `form:"includeNoSenseMsg"`
	Exclude       string  `form:"excludeMsgid"` // last message of the page before
}

type historyMsg struct {
	From           string `json:"from"`
	MsgID          int64  `json:"msgid"`
	MsgIDClient    string `json:"msgidclient"`
	SendTime       int64  `json:"sendtime"` // ms
	Type           int    `json:"type"`
	FromClientType int    `json:"fromclienttype"`
	Body           any    `json:"body"`
	Ext            string `json:"ext,omitempty"`
}

// querySessionMsg returns a page of the conversation of two accounts, as the
// first one sees it (docs/api/server-v1.md section 12.7).
func (a *API) querySessionMsg(ctx context.Context, c *Call, p sessionMsgParams) (Result, error) {
	if err := a.checkTimes(p.Begin, p.End); err != nil {
		return nil, err
	}
	exclude, err := msgID("excludeMsgid", p.Exclude)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From, p.To); err != nil {
		return nil, err
	}
	msgs, err := a.Messages.History(ctx, message.HistoryQuery{
		App: c.App, Accid: p.From, Conv: im.P2PKey(p.From, p.To), BeginMs: p.Begin, EndMs: p.End, LastID: exclude,
		Ascending: p.Reverse == 1, Limit: p.Limit, Types: p.Type, IncludeNoSense: p.IncludeHidden,
	})
	if err != nil {
		return nil, err
	}
	out := make([]historyMsg, 0, len(msgs))
	for _, m := range msgs {
		// What the receiver's black list stopped is the sender's alone, even here.
		if m.ID == exclude || m.From != p.From && m.Flags.Has(message.Refused) {
			continue
		}
		out = append(out, historyMsg{
			From: m.From, MsgID: m.ID, MsgIDClient: m.IDClient, SendTime: m.Time, Type: int(m.Type),
			FromClientType: m.ClientType, Body: bodyOf(m), Ext: m.Content.Ext,
		})
	}
	return Result{{"size", len(out)}, {"msgs", out}}, nil
}

// checkTimes refuses a page that ends before it begins. An end of 0 means now,
// and stays open: the times of a busy conversation run ahead of the clock.
func (a *API) checkTimes(beginMs, endMs int64) error {
	if endMs == 0 {
		endMs = a.Clock.NowMs()
	}
	if beginMs >= endMs {
		return im.Errorf(im.CodeBadParam, "bad time")
	}
	return nil
}

// msgID reads an optional server message id; absent is 0.
func msgID(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, im.Errorf(im.CodeBadParam, "%s not a message id", name)
	}
	return n, nil
}

// bodyOf returns the content as the object the sender's API call held; content
// that is no object is returned as text (docs/api/server-v1.md section 10.1).
func bodyOf(m *message.Message) any {
	if textual(m.Type) {
		return struct {
			Msg string `json:"msg"`
		}{m.Content.Body}
	}
	attach := strings.ToValidUTF8(m.Content.Attach, "\uFFFD")
	if !isObject(attach) {
		return attach
	}
	return json.RawMessage(bytes.TrimSpace([]byte(attach)))
}
