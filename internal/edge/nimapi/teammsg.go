package nimapi

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// sendTeamMsg sends a message to a team whose member the sender is; its mutes do
// not stop the app's server.
func (a *API) sendTeamMsg(ctx context.Context, c *Call, p *sendParams, m *message.Message) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	m.From, m.To = p.From, p.To
	if err := a.commitTeam(ctx, message.Send{App: c.App, Msg: m, REST: true}, im.SceneTeam); err != nil {
		return nil, err
	}
	return with("data", sendData{MsgID: m.ID, TimeTag: m.Time, AntiSpam: m.SpamResult() != ""}), nil
}

type teamMsgParams struct {
	teamID
	accidParam
	pageParams
	CheckValid *bool `form:"checkTeamValid"` // absent = true
}

// queryTeamMsg returns a page of a team's messages as a member reads them;
// without checkTeamValid also as a former one or of a dismissed team
// (docs/api/server-v1.md section 12.7).
func (a *API) queryTeamMsg(ctx context.Context, c *Call, p teamMsgParams) (Result, error) {
	q, exclude, err := a.page(c, &p.pageParams)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	q.MaxSeq, err = a.Teams.ReadUntil(ctx, c.App.Key, p.Accid, team.Normal, p.TID, p.CheckValid != nil && !*p.CheckValid)
	if err != nil {
		return nil, err
	}
	q.Accid, q.Conv = p.Accid, team.Normal.Key(p.TID)
	msgs, err := a.Messages.History(ctx, q)
	if err != nil {
		return nil, err
	}
	return historyAnswer(msgs, p.Accid, exclude), nil
}

type markReadTeamParams struct {
	accidParam
	teamID
	IDs []int64 `form:"msgids,required,array,max=50"`
}

type markReadTeamData struct {
	Failed []int64 `json:"errMsgIds"`
}

// markReadTeam sends read receipts for messages of a team. Messages that are not
// there, or want no receipt of this account, are named.
func (a *API) markReadTeam(ctx context.Context, c *Call, p markReadTeamParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	failed, err := a.Teams.MarkRead(ctx, c.App, p.Accid, p.TID, p.IDs)
	if err != nil {
		return nil, err
	}
	if failed == nil {
		failed = []int64{}
	}
	return with("data", markReadTeamData{failed}), nil
}

type teamReadParams struct {
	teamID
	MsgID    int64  `form:"msgid,required"`
	From     string `form:"fromAccid,required,accid"` // who wrote it
	Snapshot bool   `form:"snapshot"`
}

type teamReadData struct {
	Read         int           `json:"readSize"`
	Unread       int           `json:"unreadSize"`
	ReadAccids   *[]string     `json:"readAccids,omitempty"`
	UnreadAccids *[]string     `json:"unreadAccids,omitempty"`
	Copy         *teamReadData `json:"data,omitempty"` // where the Go SDK looks
}

// teamReadInfo says who has read a message.
func (a *API) teamReadInfo(ctx context.Context, c *Call, p teamReadParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	r, err := a.Teams.ReadsOf(ctx, c.App, p.TID, p.MsgID, p.From)
	if err != nil {
		return nil, err
	}
	out := teamReadData{Read: len(r.Read), Unread: len(r.Unread)}
	if p.Snapshot {
		read, unread := append([]string{}, r.Read...), append([]string{}, r.Unread...)
		out.ReadAccids, out.UnreadAccids = &read, &unread
	}
	if c.GoSDK {
		inner := out
		out.Copy = &inner
	}
	return with("data", out), nil
}
