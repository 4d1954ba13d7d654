package nimapi

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/signaling"
)

// room is `data` of the answers about a channel (docs/api/server-v1.md section 12.15).
type room struct {
	Name       string       `json:"channelName"`
	Type       string       `json:"type"`
	ID         string       `json:"channelId"`
	CreateTime int64        `json:"channelCreateTime"` // ms
	ExpireTime int64        `json:"channelExpireTime"` // ms
	Creator    string       `json:"creator"`
	Ext        string       `json:"ext"`
	Members    []roomMember `json:"members"`
}

type roomMember struct {
	Accid      string `json:"accid"`
	UID        int64  `json:"uid"`
	DeviceID   string `json:"deviceId"`
	CreateTime int64  `json:"createTime"` // ms
	ExpireTime int64  `json:"expireTime"` // ms
}

func roomResult(c *signaling.Channel) Result {
	r := room{Name: c.Name, Type: [...]string{"", "AUDIO", "VIDEO", "CUSTOM"}[c.Type], ID: strconv.FormatInt(c.ID, 10), CreateTime: c.CreatedMs,
		ExpireTime: c.ExpiresMs, Creator: c.Creator, Ext: c.Ext, Members: []roomMember{}}
	for _, m := range c.Members {
		r.Members = append(r.Members, roomMember{m.Accid, m.UID, m.Device, m.JoinedMs, m.ExpiresMs})
	}
	return with("data", r)
}

// noData is `"data":{}`.
func noData(err error) (Result, error) {
	if err != nil {
		return nil, err
	}
	return with("data", struct{}{}), nil
}

// channelID reads a channel's id; what is no number names no channel.
func channelID(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, im.Errorf(signaling.CodeNoChannel, "no such channel")
	}
	return n, nil
}

type createRoomParams struct {
	Name    string `form:"channelName,max=128"`
	Type    int    `form:"type,required,enum=1|2|3"`
	From    string `form:"from,required,accid"`
	Ext     string `form:"ext,max=4096"`
	IsRoute int    `form:"isRoute,enum=0|1,default=1"`
}

func (a *API) createRoom(ctx context.Context, c *Call, p createRoomParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	ch, err := a.Signaling.Create(ctx, c.App, signaling.Caller{Accid: p.From}, signaling.Ask{Name: p.Name, Type: p.Type, Ext: p.Ext, NoRoute: p.IsRoute == 0})
	if err != nil {
		return nil, err
	}
	return roomResult(ch), nil
}

type delayRoomParams struct {
	ID string `form:"channelId,required"`
}

func (a *API) delayRoom(ctx context.Context, c *Call, p delayRoomParams) (Result, error) {
	id, err := channelID(p.ID)
	if err != nil {
		return nil, err
	}
	ch, err := a.Signaling.Delay(ctx, c.App, signaling.Caller{}, signaling.Ask{Channel: id})
	if err != nil {
		return nil, err
	}
	return roomResult(ch), nil
}

type roomInfoParams struct {
	Name string `form:"channelName,max=128"`
	ID   string `form:"channelId"`
}

func (a *API) roomInfo(ctx context.Context, c *Call, p roomInfoParams) (Result, error) {
	if p.Name == "" && p.ID == "" {
		return nil, im.Errorf(im.CodeBadParam, "neither channelName nor channelId")
	}
	var id int64
	if p.ID != "" {
		var err error
		if id, err = channelID(p.ID); err != nil {
			return nil, err
		}
	}
	ch, err := a.Signaling.Get(ctx, c.App, id, p.Name)
	if err != nil {
		return nil, err
	}
	return roomResult(ch), nil
}

type closeRoomParams struct {
	ID        string `form:"channelId,required"`
	From      string `form:"from,required,accid"`
	IsSave    int    `form:"isSave,enum=0|1"`
	AttachExt string `form:"attachExt,max=4096"`
	IsRoute   int    `form:"isRoute,enum=0|1,default=1"`
}

func (a *API) closeRoom(ctx context.Context, c *Call, p closeRoomParams) (Result, error) {
	id, err := channelID(p.ID)
	if err != nil {
		return nil, err
	}
	_, err = a.Signaling.Close(ctx, c.App, signaling.Caller{Accid: p.From}, signaling.Ask{Channel: id, AttachExt: p.AttachExt, Offline: p.IsSave == 1, NoRoute: p.IsRoute == 0})
	return noData(err)
}

type inviteParams struct {
	ID          string `form:"channelId,required"`
	From        string `form:"from,required,accid"`
	To          string `form:"to,required,accid"`
	RequestID   string `form:"requestId,required,max=128"`
	AttachExt   string `form:"attachExt,max=4096"`
	NeedPush    int    `form:"needPush,enum=0|1"`
	PushTitle   string `form:"pushTitle,max=32"`
	PushContent string `form:"pushContent,max=500"`
	PushPayload string `form:"pushPayload,object,max=4096"`
	NeedBadge   *int   `form:"needBadge,enum=0|1"`
	IsSave      int    `form:"isSave,enum=0|1"`
	IsRoute     int    `form:"isRoute,enum=0|1,default=1"`
}

func (p *inviteParams) ask() (signaling.Caller, signaling.Ask, error) {
	id, err := channelID(p.ID)
	q := signaling.Ask{Channel: id, Peer: p.To, Request: p.RequestID, AttachExt: p.AttachExt, Offline: p.IsSave == 1, NoRoute: p.IsRoute == 0}
	if p.NeedPush == 1 || p.PushTitle != "" || p.PushContent != "" || p.PushPayload != "" {
		q.Push = &signaling.Push{Need: p.NeedPush == 1, Title: p.PushTitle, Content: p.PushContent, Payload: p.PushPayload,
			NoBadge: p.NeedBadge != nil && *p.NeedBadge == 0}
	}
	return signaling.Caller{Accid: p.From}, q, err
}

// signalInvite answers 10201 and 10202 for an invitation that stands although
// nobody has heard of it.
func (a *API) signalInvite(ctx context.Context, c *Call, p inviteParams) (Result, error) {
	by, q, err := p.ask()
	if err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.From, p.To); err != nil {
		return nil, err
	}
	return noData(a.Signaling.Invite(ctx, c.App, by, q))
}

func (a *API) signalCancelInvite(ctx context.Context, c *Call, p inviteParams) (Result, error) {
	by, q, err := p.ask()
	if err != nil {
		return nil, err
	}
	return noData(a.Signaling.CancelInvite(ctx, c.App, by, q))
}

type signalKickParams struct {
	ID        string `form:"channelId,required"`
	From      string `form:"from,required,accid"`
	To        string `form:"to,required,accid"`
	AttachExt string `form:"attachExt,max=4096"`
	IsSave    int    `form:"isSave,enum=0|1"`
	IsRoute   int    `form:"isRoute,enum=0|1,default=1"`
}

func (a *API) signalKick(ctx context.Context, c *Call, p signalKickParams) (Result, error) {
	id, err := channelID(p.ID)
	if err != nil {
		return nil, err
	}
	return noData(a.Signaling.Kick(ctx, c.App, signaling.Ask{Channel: id, Peer: p.To, AttachExt: p.AttachExt, Offline: p.IsSave == 1, NoRoute: p.IsRoute == 0}))
}

type ctrlRoomParams struct {
	ID        string `form:"channelId,required"`
	From      string `form:"from,required,accid"`
	To        string `form:"to,accid"`
	AttachExt string `form:"attachExt,max=4096"`
	IsRoute   int    `form:"isRoute,enum=0|1,default=1"`
}

func (a *API) ctrlRoom(ctx context.Context, c *Call, p ctrlRoomParams) (Result, error) {
	id, err := channelID(p.ID)
	if err != nil {
		return nil, err
	}
	return noData(a.Signaling.Custom(ctx, c.App, signaling.Caller{Accid: p.From}, signaling.Ask{Channel: id, Peer: p.To, AttachExt: p.AttachExt, NoRoute: p.IsRoute == 0}))
}
