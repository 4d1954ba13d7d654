package nimapi

import (
	"context"
	"encoding/json"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/team"
)

type superTeamSendParams struct {
	superTeamID
	From           string   `form:"fromAccid,required,accid"`
	Type           int      `form:"type,required,enum=0|1|2|3|4|6|10|100"`
	Body           string   `form:"body,required,json"`
	MsgDesc        string   `form:"msgDesc,max=500"`
	AntiSpam       bool     `form:"antispam"`
	AntiSpamCustom string   `form:"antispamCustom,max=5000"`
	UseYidun       *int     `form:"useYidun"`
	AntiCheating   string   `form:"yidunAntiCheating,max=1024"`
	AntiSpamExt    string   `form:"yidunAntiSpamExt,max=1024"`
	BID            string   `form:"bid"`
	Option         string   `form:"option,object"`
	Ext            string   `form:"ext"`
	PushContent    string   `form:"pushContent,alias=pushcontent"` // longer texts are cut, not refused
	Payload        string   `form:"pushPayload,object,max=2048,alias=payload"`
	ForcePush      bool     `form:"isForcePush"`
	ForceContent   string   `form:"forcePushContent,max=500"`
	ForceAll       bool     `form:"forcePushAll"`
	ForceList      []string `form:"forcePushList,accid"`
	SubType        int      `form:"subType,min=0"`
	Env            string   `form:"env"`
	CheckMute      bool     `form:"isCheckMute"` // mutes stop this message as they stop clients'
}

// superTeamSend sends a message to a super team and answers after its commit.
func (a *API) superTeamSend(ctx context.Context, c *Call, p superTeamSendParams) (Result, error) {
	sp := sendParams{
		messageParams: messageParams{Type: p.Type, Body: p.Body, MsgDesc: p.MsgDesc, Option: p.Option, PushContent: p.PushContent, Payload: p.Payload,
			Ext: p.Ext, BID: p.BID, UseYidun: p.UseYidun, AntiCheating: p.AntiCheating, AntiSpamExt: p.AntiSpamExt, Env: p.Env},
		Ope: opeTeam, AntiSpam: p.AntiSpam, AntiSpamCustom: p.AntiSpamCustom, SubType: p.SubType,
		ForcePushList: p.ForceList, ForcePushContent: p.ForceContent, ForcePushAll: p.ForceAll,
	}
	m, err := sp.message(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	m.Flags &^= message.NoSession // the option is not among those of super teams
	if p.ForcePush {
		m.Content.ForcePush = "1"
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	m.From, m.To = p.From, strconv.FormatInt(p.TID, 10)
	if err := a.commitTeam(ctx, message.Send{App: c.App, Msg: m, REST: true, CheckMute: p.CheckMute}, im.SceneSuperTeam); err != nil {
		return nil, err
	}
	return with("data", sendData{MsgID: m.ID, TimeTag: m.Time, AntiSpam: m.SpamResult() != ""}), nil
}

// commitTeam is commit for a message to a team.
func (a *API) commitTeam(ctx context.Context, s message.Send, scene im.Scene) error {
	result := make(chan error, 1) // never blocks the committer
	if err := a.Messages.SendTeam(ctx, s, scene, func(_ *message.Message, err error) { result <- err }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return im.Errorf(im.CodeTimeout, "not committed in time")
	}
}

type superTeamAttachParams struct {
	From         string   `form:"from,required,accid"`
	To           int64    `form:"to,required,min=1"`
	Attach       string   `form:"attach,required,max=4096"`
	PushContent  string   `form:"pushContent,alias=pushcontent"` // longer texts are cut, not refused
	Payload      string   `form:"pushPayload,object,max=2048,alias=payload"`
	Sound        string   `form:"sound,max=30"`            // part of pushes, which are not sent
	Save         int      `form:"save,enum=1|2,default=2"` // those to teams reach who is online in any case
	Option       string   `form:"option,object"`
	ForcePush    bool     `form:"isForcePush"`
	ForceContent string   `form:"forcePushContent,max=500"`
	ForceAll     bool     `form:"forcePushAll"`
	ForceList    []string `form:"forcePushList,accid"`
}

// superTeamSendAttach sends a custom notification to the members who are online.
func (a *API) superTeamSendAttach(ctx context.Context, c *Call, p superTeamAttachParams) (Result, error) {
	np := noticeParams{Attach: p.Attach, PushContent: p.PushContent, Payload: p.Payload, Sound: p.Sound, Save: p.Save, Option: p.Option,
		ForcePush: p.ForcePush, ForceContent: p.ForceContent}
	n, err := np.notice(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	if err := a.Teams.Check(ctx, c.App.Key, p.From, team.Super, p.To); err != nil {
		return nil, err
	}
	n.From, n.To, n.Type = p.From, strconv.FormatInt(p.To, 10), notice.CustomSuperTeam
	switch {
	case p.ForceAll:
		n.ForcePush, n.ForceList = true, wholeTeam
	case len(p.ForceList) > 0:
		n.ForcePush, n.ForceList = true, jsonText(p.ForceList)
	}
	return nil, a.CustomNotices.Send(ctx, notice.Custom{App: c.App, Notice: n, REST: true, Copy: copyFacts()})
}

// superTeamMsg is a message of a super team as history answers it.
type superTeamMsg struct {
	MsgID    int64  `json:"msgid"`
	SendTime int64  `json:"sendtime"` // ms
	From     string `json:"from"`
	Type     int    `json:"type"`
	Ext      string `json:"ext"`
	Body     string `json:"body"` // JSON as text
}

func superTeamMsgOf(m *message.Message) superTeamMsg {
	out := superTeamMsg{MsgID: m.ID, SendTime: m.Time, From: m.From, Type: int(m.Type), Ext: m.Content.Ext}
	switch body := bodyOf(m).(type) {
	case string:
		out.Body = body
	case json.RawMessage:
		out.Body = string(body)
	default:
		b, _ := json.Marshal(body) // {"msg":text}: cannot fail
		out.Body = string(b)
	}
	return out
}

type superTeamHistoryParams struct {
	superTeamID
	Accid   string  `form:"accid,required,accid"`
	Begin   int64   `form:"begintime,zero,min=0"` // ms, inclusive
	End     int64   `form:"endtime,zero,min=0"`   // ms, 0 = now
	Limit   int     `form:"limit,required"`
	Reverse int     `form:"reverse,enum=1|2,default=2"` // 1 ascending, 2 descending
	Type    []int64 `form:"type"`
	Exclude string  `form:"excludeMsgid"` // last message of the page before
}

// superTeamHistory returns a page of a super team's messages as a member sees them.
func (a *API) superTeamHistory(ctx context.Context, c *Call, p superTeamHistoryParams) (Result, error) {
	if err := a.checkTimes(p.Begin, p.End); err != nil {
		return nil, err
	}
	exclude, err := msgID("excludeMsgid", p.Exclude)
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	if err := a.Teams.Check(ctx, c.App.Key, p.Accid, team.Super, p.TID); err != nil {
		return nil, err
	}
	msgs, err := a.Messages.History(ctx, message.HistoryQuery{App: c.App, Accid: p.Accid, Conv: team.Super.Key(p.TID), BeginMs: p.Begin, EndMs: p.End,
		LastID: exclude, Ascending: p.Reverse == 1, Limit: p.Limit, Types: p.Type})
	if err != nil {
		return nil, err
	}
	out := make([]superTeamMsg, 0, len(msgs))
	for _, m := range msgs {
		if m.ID != exclude {
			out = append(out, superTeamMsgOf(m))
		}
	}
	return Result{{"size", len(out)}, {"msgs", out}}, nil
}

type superTeamByIDParams struct {
	Msgs string `form:"msgs,required,objects,max=100"`
}

// superTeamByID returns messages by id; one that is not there, or not of that
// author in that super team, is left out.
func (a *API) superTeamByID(ctx context.Context, c *Call, p superTeamByIDParams) (Result, error) {
	var asked []struct {
		ID   json.Number `json:"msgid"`
		From string      `json:"from"`
		To   json.Number `json:"to"`
	}
	if err := json.Unmarshal([]byte(p.Msgs), &asked); err != nil {
		return nil, im.Errorf(im.CodeBadParam, "msgs not a JSON array of {msgid, from, to, time}")
	}
	authors, ids := map[int64]string{}, map[int64][]int64{}
	var order []int64
	for _, m := range asked {
		id, err1 := m.ID.Int64()
		tid, err2 := m.To.Int64()
		from, ok := im.NormalizeAccid(m.From)
		if err1 != nil || err2 != nil || !ok {
			return nil, im.Errorf(im.CodeBadParam, "msgs not a JSON array of {msgid, from, to, time}")
		}
		if _, twice := authors[id]; !twice {
			authors[id], ids[tid], order = from, append(ids[tid], id), append(order, id)
		}
	}
	found := map[int64]*message.Message{}
	for tid, of := range ids {
		msgs, err := a.Teams.MessagesByID(ctx, c.App.Key, team.Super, tid, of)
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			if m.From == authors[m.ID] {
				found[m.ID] = m
			}
		}
	}
	out := make([]superTeamMsg, 0, len(found))
	for _, id := range order {
		if m := found[id]; m != nil {
			out = append(out, superTeamMsgOf(m))
		}
	}
	return with("msgs", out), nil
}
