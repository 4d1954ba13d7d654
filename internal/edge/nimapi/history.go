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

// pageParams select a page of history.
type pageParams struct {
	Begin         int64   `form:"begintime,zero,min=0"` // ms, inclusive
	End           int64   `form:"endtime,zero,min=0"`   // ms, 0 = now
	Limit         int     `form:"limit,required"`
	Reverse       int     `form:"reverse,enum=1|2,default=2"` // 1 ascending, 2 descending
	Type          []int64 `form:"type"`
	IncludeHidden bool    `form:"includeNoSenseMsg"`
	Exclude       string  `form:"excludeMsgid"` // last message of the page before
}

// page makes the query of a page, and the id of the message it leaves out.
func (a *API) page(c *Call, p *pageParams) (q message.HistoryQuery, exclude int64, err error) {
	if err := a.checkTimes(p.Begin, p.End); err != nil {
		return q, 0, err
	}
	exclude, err = msgID("excludeMsgid", p.Exclude)
	return message.HistoryQuery{App: c.App, BeginMs: p.Begin, EndMs: p.End, LastID: exclude, Ascending: p.Reverse == 1, Limit: p.Limit, Types: p.Type,
		IncludeNoSense: p.IncludeHidden}, exclude, err
}

type sessionMsgParams struct {
	From string `form:"from,required,accid"`
	To   string `form:"to,required,accid"`
	pageParams
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
	q, exclude, err := a.page(c, &p.pageParams)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From, p.To); err != nil {
		return nil, err
	}
	q.Accid, q.Conv = p.From, im.P2PKey(p.From, p.To)
	msgs, err := a.Messages.History(ctx, q)
	if err != nil {
		return nil, err
	}
	return historyAnswer(msgs, p.From, exclude), nil
}

// historyAnswer is a page as viewer reads it, without the border message.
func historyAnswer(msgs []*message.Message, viewer string, exclude int64) Result {
	out := make([]historyMsg, 0, len(msgs))
	for _, m := range msgs {
		// What the receiver's black list stopped is the sender's alone, even here.
		if m.ID == exclude || m.From != viewer && m.Flags.Has(message.Refused) {
			continue
		}
		out = append(out, historyMsg{
			From: m.From, MsgID: m.ID, MsgIDClient: m.IDClient, SendTime: m.Time, Type: int(m.Type),
			FromClientType: m.ClientType, Body: bodyOf(m), Ext: m.Content.Ext,
		})
	}
	return Result{{"size", len(out)}, {"msgs", out}}
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
