package nimapi

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

type broadcastParams struct {
	Body      string   `form:"body,required,max=4096"`
	From      string   `form:"from,accid"`
	IsOffline bool     `form:"isOffline"`
	TTL       int      `form:"ttl,default=168,max=168"` // hours
	TargetOS  []string `form:"targetOs"`
}

// broadcastMsg is a broadcast as callers see it. Absent fields are left out:
// the Go SDK does not survive a null.
type broadcastMsg struct {
	ID         int64    `json:"broadcastId"`
	From       string   `json:"from,omitempty"`
	Body       string   `json:"body"`
	TargetOS   []string `json:"targetOs,omitempty"`
	IsOffline  bool     `json:"isOffline"`
	CreateTime int64    `json:"createTime"` // ms
	ExpireTime int64    `json:"expireTime"` // ms
}

func broadcastOf(b *message.Broadcast) broadcastMsg {
	return broadcastMsg{ID: b.ID, From: b.From, Body: b.Body, TargetOS: b.TargetOS, IsOffline: b.Stored, CreateTime: b.CreatedMs, ExpireTime: b.ExpiresMs}
}

// broadcast sends a message to all users of the app (docs/api/server-v1.md section 12.5).
func (a *API) broadcast(ctx context.Context, c *Call, p broadcastParams) (Result, error) {
	if p.From != "" {
		if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
			return nil, err
		}
	}
	b := &message.Broadcast{From: p.From, Body: p.Body, TargetOS: unique(p.TargetOS), Stored: p.IsOffline}
	if err := a.Messages.SendBroadcast(ctx, c.App, b, p.TTL); err != nil {
		return nil, err
	}
	return with("msg", broadcastOf(b)), nil
}

type broadcastIDParams struct {
	ID int64 `form:"broadcastId,required"`
}

// delBroadcast ends the delivery of a broadcast.
func (a *API) delBroadcast(ctx context.Context, c *Call, p broadcastIDParams) (Result, error) {
	return nil, a.Messages.DeleteBroadcast(ctx, c.App, p.ID)
}

// queryBroadcast returns one broadcast.
func (a *API) queryBroadcast(ctx context.Context, c *Call, p broadcastIDParams) (Result, error) {
	b, err := a.Messages.Broadcast(ctx, c.App, p.ID)
	if err != nil {
		return nil, err
	}
	return with("msg", broadcastOf(b)), nil
}

// Kinds of broadcasts in a list.
const (
	broadcastsAll    = 1
	broadcastsStored = 2
	broadcastsOnline = 3
)

type broadcastListParams struct {
	ID    int64 `form:"broadcastId"` // the first of the page; 0 = newest
	Limit int   `form:"limit,default=100,max=100"`
	Type  int64 `form:"type,enum=1|2|3,default=1"`
}

// queryBroadcasts lists broadcasts, newest first.
func (a *API) queryBroadcasts(ctx context.Context, c *Call, p broadcastListParams) (Result, error) {
	if p.Limit < 1 || p.Limit > 100 {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to 100")
	}
	var stored *bool
	if p.Type != broadcastsAll {
		yes := p.Type == broadcastsStored
		stored = &yes
	}
	list, err := a.Messages.Broadcasts(ctx, c.App, p.ID, stored, p.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]broadcastMsg, len(list))
	for i, b := range list {
		out[i] = broadcastOf(b)
	}
	return with("msgs", out), nil
}
