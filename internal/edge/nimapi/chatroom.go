package nimapi

import (
	"context"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/presence"
)

type roomID struct {
	Room int64 `form:"roomid,required"`
}

// maxDelay is the longest delaySeconds.
const maxDelay = 604800

// delayParams close a room by themselves, in apps that have it.
type delayParams struct {
	DelayPolicy  int   `form:"delayClosePolicy,enum=0|1|2,default=0"`
	DelaySeconds int64 `form:"delaySeconds,min=0,max=604800,default=604800"`
}

func (p *delayParams) check() error {
	switch {
	case p.DelaySeconds > maxDelay:
		return im.Errorf(im.CodeBadParam, "delaySeconds more than %d", maxDelay)
	case p.DelayPolicy != 0:
		return im.Errorf(im.CodeForbidden, "delay-close is not enabled for this app")
	}
	return nil
}

type roomCreateParams struct {
	Creator      string `form:"creator,required,accid"`
	Name         string `form:"name,required"`
	Announcement string `form:"announcement,max=4096"`
	BroadcastURL string `form:"broadcasturl,max=1024"`
	Ext          string `form:"ext"`
	QueueLevel   int    `form:"queuelevel,enum=0|1,default=0"`
	delayParams
	InOut int    `form:"inOutNotification,enum=0|1,default=1"`
	BID   string `form:"bid"`
}

// delayInfo says when a room closes by itself: no room does.
type delayInfo struct {
	Enable    bool  `json:"delayCloseEnable"`
	Policy    int   `json:"delayClosePolicy"`
	Seconds   int64 `json:"delaySeconds"`
	Status    int   `json:"status"`
	StartTime int64 `json:"startTime"` // ms
}

// chatRoom is a room as the calls that change it answer.
type chatRoom struct {
	ID           int64      `json:"roomid"`
	Valid        bool       `json:"valid"`
	Announcement *string    `json:"announcement"`
	Name         string     `json:"name"`
	BroadcastURL string     `json:"broadcasturl"`
	Ext          string     `json:"ext"`
	Creator      string     `json:"creator"`
	QueueLevel   int64      `json:"queuelevel"`
	Muted        bool       `json:"muted"`
	Delay        *delayInfo `json:"delayInfo,omitempty"`
	Online       *int       `json:"onlineusercount,omitempty"`
	InOut        *bool      `json:"ionotify,omitempty"`
}

func chatRoomOf(r *chatroom.Room) chatRoom {
	out := chatRoom{ID: r.ID, Valid: r.Open, Name: r.Name, BroadcastURL: r.BroadcastURL, Ext: r.Ext, Creator: r.Creator, QueueLevel: r.QueueLevel, Muted: r.Muted}
	if r.Announcement != "" {
		out.Announcement = &r.Announcement
	}
	return out
}

// changedRoom is a room with what get does not answer.
func changedRoom(r *chatroom.Room) chatRoom {
	out := chatRoomOf(r)
	out.Delay = &delayInfo{}
	return out
}

// readRoom is a room with what get adds.
func (a *API) readRoom(r *chatroom.Room, count bool) chatRoom {
	out := chatRoomOf(r)
	out.InOut = &r.InOut
	if count {
		n := a.Rooms.Online(r.App, r.ID)
		out.Online = &n
	}
	return out
}

// roomCreate makes a chat room (docs/api/server-v1.md section 12.11).
func (a *API) roomCreate(ctx context.Context, c *Call, p roomCreateParams) (Result, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.Creator); err != nil {
		return nil, err
	}
	r, err := a.Rooms.Create(ctx, chatroom.Room{App: c.App.Key, Creator: p.Creator, Name: p.Name, Announcement: p.Announcement, BroadcastURL: p.BroadcastURL,
		Ext: p.Ext, QueueLevel: int64(p.QueueLevel), InOut: p.InOut == 1})
	if err != nil {
		return nil, err
	}
	return with("chatroom", changedRoom(r)), nil
}

type roomGetParams struct {
	roomID
	Count bool `form:"needOnlineUserCount"`
}

func (a *API) roomGet(ctx context.Context, c *Call, p roomGetParams) (Result, error) {
	r, err := a.Rooms.Get(ctx, c.App.Key, p.Room)
	if err != nil {
		return nil, err
	}
	return with("chatroom", a.readRoom(r, p.Count)), nil
}

type roomGetBatchParams struct {
	Rooms []int64 `form:"roomids,required,array,max=20"`
	Count bool    `form:"needOnlineUserCount"`
}

// roomGetBatch names the rooms that there are not; the Go SDK reads its lists
// from texts only (docs/api/server-v1.md section 13).
func (a *API) roomGetBatch(ctx context.Context, c *Call, p roomGetBatchParams) (Result, error) {
	found, err := a.Rooms.List(ctx, c.App.Key, p.Rooms)
	if err != nil {
		return nil, err
	}
	known, rooms, missing := map[int64]bool{}, []chatRoom{}, []int64{}
	for _, r := range found {
		known[r.ID] = true
		rooms = append(rooms, a.readRoom(r, p.Count))
	}
	for _, id := range p.Rooms {
		if !known[id] {
			known[id], missing = true, append(missing, id)
		}
	}
	if c.GoSDK {
		return Result{{"noExistRooms", roomText(missing)}, {"succRooms", roomText(rooms)}, {"failRooms", "[]"}}, nil
	}
	return Result{{"noExistRooms", missing}, {"succRooms", rooms}, {"failRooms", []int64{}}}, nil
}

type roomUpdateParams struct {
	roomID
	Name         *string `form:"name"`
	Announcement *string `form:"announcement,max=4096"`
	BroadcastURL *string `form:"broadcasturl,max=1024"`
	Ext          *string `form:"ext"`
	QueueLevel   *int    `form:"queuelevel,enum=0|1"`
	Notify       *bool   `form:"needNotify"` // absent = true
	NotifyExt    string  `form:"notifyExt,max=2048"`
	BID          string  `form:"bid"`
}

func (a *API) roomUpdate(ctx context.Context, c *Call, p roomUpdateParams) (Result, error) {
	change := chatroom.Change{Name: p.Name, Announcement: p.Announcement, BroadcastURL: p.BroadcastURL, Ext: p.Ext, FromClient: presence.ClientServer,
		Notify: p.Notify == nil || *p.Notify, NotifyExt: p.NotifyExt}
	if p.QueueLevel != nil {
		level := int64(*p.QueueLevel)
		change.QueueLevel = &level
	}
	r, err := a.Rooms.Update(ctx, c.App.Key, p.Room, change)
	if err != nil {
		return nil, err
	}
	return with("chatroom", changedRoom(r)), nil
}

type roomToggleParams struct {
	roomID
	Operator string `form:"operator,required,accid"`
	Valid    bool   `form:"valid,required"`
	delayParams
}

// roomToggle opens or closes a room; the answer has it under `desc`.
func (a *API) roomToggle(ctx context.Context, c *Call, p roomToggleParams) (Result, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	by := chatroom.Member{Accid: p.Operator}
	if acc, err := a.Accounts.Get(ctx, c.App.Key, p.Operator); err == nil {
		by.Nick = acc.Card.Name
	} else if im.CodeOf(err) != im.CodeNotFound { // an unknown one is not the creator
		return nil, err
	}
	r, err := a.Rooms.SetOpen(ctx, c.App.Key, p.Room, by, presence.ClientServer, p.Valid, "")
	if err != nil {
		return nil, err
	}
	return with("desc", changedRoom(r)), nil
}

type roomAddrParams struct {
	roomID
	accidParam
	ClientType int    `form:"clienttype,enum=1|2|3,default=1"`
	ClientIP   string `form:"clientip"` // there is no nearer address
}

// roomAddr says where clients enter a room: every link is this server.
func (a *API) roomAddr(ctx context.Context, c *Call, p roomAddrParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	if _, err := a.Rooms.Get(ctx, c.App.Key, p.Room); err != nil {
		return nil, err
	}
	return with("addr", []string{strings.TrimPrefix(a.PublicURL, "https://")}), nil
}
