package nimapi

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/chatroom"
)

type roomSendParams struct {
	roomID
	MsgID          string `form:"msgId,required"`
	From           string `form:"fromAccid,required,accid"`
	Type           int    `form:"msgType,required,enum=0|1|2|3|4|6|10|100"`
	SubType        int    `form:"subType,min=0"`
	Resend         int    `form:"resendFlag,enum=0|1,default=0"`
	Attach         string `form:"attach,max=4096"`
	Ext            string `form:"ext"`
	IgnoreMute     bool   `form:"ignoreMute"`
	SkipHistory    int    `form:"skipHistory,enum=0|1,default=0"`
	Abandon        *int   `form:"abandonRatio,min=0,max=9999"` // in 10,000; present = no high priority
	HighPriority   bool   `form:"highPriority"`
	HighResend     *bool  `form:"needHighPriorityMsgResend"` // nothing is sent again to who re-enters
	Priority       *int   `form:"chatMsgPriority"`           // of the CDN channel, which there is not
	StrictHigh     int    `form:"forbiddenIfHighPriorityMsgFreq,enum=0|1,default=0"`
	Route          int    `form:"route,enum=0|1,default=1"` // nothing is copied
	AntiSpam       bool   `form:"antispam"`
	AntiSpamCustom string `form:"antispamCustom,max=5000"`
	UseYidun       *int   `form:"useYidun"`
	AntiCheating   string `form:"yidunAntiCheating,max=1024"`
	AntiSpamExt    string `form:"yidunAntiSpamExt,max=1024"`
	BID            string `form:"bid"`
	Target         string `form:"notifyTargetTags,max=128"`
	Env            string `form:"env"`
	LocX           string `form:"locX,double"` // everybody gets a message, wherever he is
	LocY           string `form:"locY,double"`
	LocZ           string `form:"locZ,double"`
}

// maxAbandon is the largest abandonRatio.
const maxAbandon = 9999

// roomSent is the message as it was delivered; numbers are texts
// (docs/api/server-v1.md section 12.12).
type roomSent struct {
	Time         any    `json:"time"` // ms
	FromAvatar   string `json:"fromAvator"`
	MsgID        string `json:"msgid_client"`
	FromClient   string `json:"fromClientType"`
	Attach       string `json:"attach"`
	Room         any    `json:"roomId"`
	From         string `json:"fromAccount"`
	FromNick     string `json:"fromNick"`
	Type         any    `json:"type"`
	Ext          string `json:"ext"`
	HighPriority int    `json:"highPriorityFlag,omitempty"`
	Abandoned    string `json:"msgAbandonFlag,omitempty"`
}

// roomSend sends a message to a chat room and answers after its commit.
func (a *API) roomSend(ctx context.Context, c *Call, p roomSendParams) (Result, error) {
	found, err := a.mustExist(ctx, c.App.Key, p.From)
	if err != nil {
		return nil, err
	}
	q := chatroom.Send{App: c.App, Account: found[p.From], Resend: p.Resend == 1, IgnoreMute: p.IgnoreMute, StrictHigh: p.StrictHigh == 1,
		NoModeration: p.UseYidun != nil && *p.UseYidun == 0,
		Msg: chatroom.Message{Room: p.Room, ClientID: p.MsgID, Type: int64(p.Type), SubType: int64(p.SubType), Body: p.Attach, Ext: p.Ext,
			NoHistory: p.SkipHistory == 1, HighPriority: p.HighPriority && p.Abandon == nil, Target: p.Target}}
	if p.AntiSpam {
		q.Spam = p.AntiSpamCustom
	}
	if p.Abandon != nil {
		if *p.Abandon > maxAbandon {
			return nil, im.Errorf(im.CodeBadParam, "abandonRatio more than %d", maxAbandon)
		}
		q.Abandon = int64(*p.Abandon)
	}
	m, err := a.Rooms.Send(ctx, q)
	if err != nil {
		return nil, err
	}
	out := roomSent{Time: strconv.FormatInt(m.TimeMs, 10), FromAvatar: m.FromAvatar, MsgID: m.ClientID, FromClient: "REST", Attach: m.Body,
		Room: strconv.FormatInt(m.Room, 10), From: m.From, FromNick: m.FromNick, Type: strconv.FormatInt(m.Type, 10), Ext: m.Ext}
	if m.HighPriority {
		out.HighPriority = 1
	}
	if m.Dropped {
		out.Abandoned = "1"
	}
	if c.GoSDK {
		out.Time, out.Room, out.Type = m.TimeMs, m.Room, m.Type
		return with("desc", roomText(out)), nil
	}
	return with("desc", out), nil
}

type roomHistoryParams struct {
	roomID
	accidParam
	Time    int64   `form:"timetag,zero,min=0"` // ms, not inclusive; 0 = from the end that reverse begins at
	Limit   int     `form:"limit,required"`
	Reverse int     `form:"reverse,enum=1|2,default=2"` // 1 ascending, 2 descending
	Type    []int64 `form:"type"`
}

// roomMsg is a message of a room as history answers it; msgid is the client's.
type roomMsg struct {
	From       string `json:"from"`
	MsgID      string `json:"msgid"`
	SendTime   int64  `json:"sendtime"` // ms
	Type       int64  `json:"type"`
	FromClient int64  `json:"fromclienttype"`
	Body       any    `json:"body"`
	Ext        string `json:"ext,omitempty"`
}

// roomHistory returns a page of a room's messages (docs/api/server-v1.md section 12.7).
func (a *API) roomHistory(ctx context.Context, c *Call, p roomHistoryParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	q := chatroom.History{Types: p.Type, Limit: p.Limit, Ascending: p.Reverse == 1}
	if q.Ascending {
		q.AfterMs = p.Time
	} else {
		q.BeforeMs = p.Time
	}
	msgs, err := a.Rooms.History(ctx, c.App, p.Room, q, true)
	if err != nil {
		return nil, err
	}
	out := make([]roomMsg, len(msgs))
	for i, m := range msgs {
		out[i] = roomMsg{From: m.From, MsgID: m.ClientID, SendTime: m.TimeMs, Type: m.Type, FromClient: m.FromClient, Body: roomBody(m), Ext: m.Ext}
	}
	return Result{{"size", len(out)}, {"msgs", out}}, nil
}

// roomBody is the content as an object, or as text where it is none.
func roomBody(m *chatroom.Message) any {
	if m.Type == chatroom.Text || m.Type == chatroom.Tip {
		return struct {
			Msg string `json:"msg"`
		}{m.Body}
	}
	body := strings.ToValidUTF8(m.Body, "\uFFFD")
	if !isObject(body) {
		return body
	}
	return json.RawMessage(bytes.TrimSpace([]byte(body)))
}

type roomDeleteParams struct {
	roomID
	From string `form:"fromAcc,required,accid"`
	Time int64  `form:"msgTimetag,required"` // ms
}

// roomDelete removes a message from the history of its room.
func (a *API) roomDelete(ctx context.Context, c *Call, p roomDeleteParams) (Result, error) {
	return nil, a.Rooms.Delete(ctx, c.App, p.Room, p.From, p.Time)
}

type roomRecallParams struct {
	roomID
	Time     int64  `form:"msgTimetag,required"` // ms
	From     string `form:"fromAcc,required,accid"`
	MsgID    string `form:"msgId,required"`
	Operator string `form:"operatorAcc,required,accid"`
	Ext      string `form:"notifyExt,max=1024"`
}

// roomRecall removes a message and tells the room who recalled it (323).
func (a *API) roomRecall(ctx context.Context, c *Call, p roomRecallParams) (Result, error) {
	found, err := a.mustExist(ctx, c.App.Key, p.Operator)
	if err != nil {
		return nil, err
	}
	return nil, a.Rooms.Recall(ctx, c.App.Key, chatroom.Recall{Room: p.Room, From: p.From, TimeMs: p.Time, ClientID: p.MsgID, By: found[p.Operator], Ext: p.Ext})
}

// roomText is v as JSON text, where the Go SDK reads one.
func roomText(v any) string {
	b, _ := json.Marshal(v) // texts and numbers: cannot fail
	return string(b)
}
