package nimapi

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/session"
)

type sessionListParams struct {
	Accid   string `form:"accid,required,accid"`
	Min     int64  `form:"minTimestamp"`
	Max     int64  `form:"maxTimestamp"` // ms; 0 = now
	Limit   int    `form:"limit,default=100,max=100"`
	NeedMsg int    `form:"needLastMsg,enum=0|1,default=0"`
}

type sessionListData struct {
	HasMore  bool          `json:"hasMore"`
	Sessions []listSession `json:"sessions"`
}

// listSession is one conversation of an account's list. The kinds of sessions
// and the content of the last message are not documented: they follow the
// client protocol and the history calls.
type listSession struct {
	SessionType int     `json:"sessionType"` // 0 p2p, 1 team, 5 super team
	Accid       *string `json:"accid"`
	TID         *int64  `json:"tid"`
	UpdateTime  int64   `json:"updateTime"` // ms
	Ext         string  `json:"ext,omitempty"`
	LastMsgType string  `json:"lastMsgType,omitempty"` // "1": lastMsg is a recall
	LastMsg     string  `json:"lastMsg,omitempty"`
}

type recalledMsg struct {
	From         string `json:"from"`
	DeletedMsgID int64  `json:"deletedMsgid"`
	DeletedTime  int64  `json:"deletedMsgCreateTime"` // ms
	Time         int64  `json:"sendtime"`             // ms
	Text         string `json:"msg,omitempty"`
}

// querySessionList returns the conversation list of an account, newest first
// (docs/api/server-v1.md section 12.7).
func (a *API) querySessionList(ctx context.Context, c *Call, p sessionListParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	list, more, err := a.Sessions.CloudList(ctx, c.App, p.Accid, session.CloudPage{MinMs: p.Min, MaxMs: p.Max, Limit: p.Limit})
	if err != nil {
		return nil, err
	}
	out := make([]listSession, len(list))
	for i := range list {
		one := &list[i]
		out[i] = listSession{SessionType: int(one.Conv.Scene()), UpdateTime: one.UpdatedMs, Ext: one.Ext}
		if one.Conv.Scene() == im.SceneP2P {
			peer := one.Conv.Peer(p.Accid)
			out[i].Accid = &peer
		} else {
			tid := one.Conv.TID()
			out[i].TID = &tid
		}
		if p.NeedMsg == 1 {
			if err := out[i].fillLast(one); err != nil {
				return nil, err
			}
		}
	}
	return with("data", sessionListData{HasMore: more, Sessions: out}), nil
}

func (l *listSession) fillLast(c *session.Cloud) error {
	var last any
	switch {
	case c.Recalled != nil:
		n := c.Recalled
		l.LastMsgType, last = "1", recalledMsg{From: n.From, DeletedMsgID: n.MsgID, DeletedTime: n.MsgTime, Time: n.TimeMs, Text: n.Text}
	case c.Last != nil:
		m := c.Last
		l.LastMsgType, last = "0", historyMsg{From: m.From, MsgID: m.ID, MsgIDClient: m.IDClient, SendTime: m.Time, Type: int(m.Type),
			FromClientType: m.ClientType, Body: bodyOf(m), Ext: m.Content.Ext}
	default:
		return nil
	}
	b, err := json.Marshal(last)
	l.LastMsg = string(b)
	return err
}
