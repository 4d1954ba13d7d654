package nimapi

import (
	"cmp"
	"context"

	"hongyan/internal/im/friend"
)

// pairParams name the owner of a relation and the other account.
type pairParams struct {
	Accid  string `form:"accid,required,accid"`
	Friend string `form:"faccid,required,accid"`
}

type friendAddParams struct {
	pairParams
	Type      int    `form:"type,required,enum=1|2|3|4"`
	Msg       string `form:"msg,max=256"`
	ServerExt string `form:"serverex,max=256"`
}

// friendAdd adds, asks, accepts or rejects; an answer needs no request
// (docs/api/server-v1.md section 12.3).
func (a *API) friendAdd(ctx context.Context, c *Call, p friendAddParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid, p.Friend); err != nil {
		return nil, err
	}
	return nil, a.Friends.Ask(ctx, friend.Request{App: c.App, From: p.Accid, To: p.Friend, Kind: friend.Kind(p.Type),
		Greeting: p.Msg, ServerExt: p.ServerExt, REST: true, By: friend.By{Copy: copyFacts()}})
}

type friendUpdateParams struct {
	pairParams
	Alias     *string `form:"alias,max=128"`
	Ext       *string `form:"ex,max=256"`
	ServerExt *string `form:"serverex,max=256"`
}

func (a *API) friendUpdate(ctx context.Context, c *Call, p friendUpdateParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid, p.Friend); err != nil {
		return nil, err
	}
	_, err := a.Friends.Update(ctx, c.App, p.Accid, p.Friend, friend.Update{Alias: p.Alias, Ext: p.Ext, ServerExt: p.ServerExt}, "")
	return nil, err
}

type friendDeleteParams struct {
	pairParams
	DeleteAlias bool `form:"isDeleteAlias"`
}

func (a *API) friendDelete(ctx context.Context, c *Call, p friendDeleteParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid, p.Friend); err != nil {
		return nil, err
	}
	return nil, a.Friends.Delete(ctx, c.App, p.Accid, p.Friend, p.DeleteAlias, friend.By{Copy: copyFacts()})
}

type friendGetParams struct {
	accidParam
	UpdatedMs int64 `form:"updatetime,required,zero"`
	CreatedMs int64 `form:"createtime"` // its old name
}

// listedFriend is an entry of friend/get. Times are microseconds, as the
// original's answers show them.
type listedFriend struct {
	CreateTime    int64  `json:"createtime"`
	Bidirectional bool   `json:"bidirection"`
	Accid         string `json:"faccid"`
	Alias         string `json:"alias,omitempty"`
}

// friendGet lists the friends that were changed after a time.
func (a *API) friendGet(ctx context.Context, c *Call, p friendGetParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	after := cmp.Or(p.UpdatedMs, p.CreatedMs)
	list, err := a.Friends.List(ctx, c.App.Key, p.Accid)
	if err != nil {
		return nil, err
	}
	out := []listedFriend{}
	for _, f := range list {
		if f.UpdatedMs > after {
			out = append(out, listedFriend{CreateTime: f.CreatedMs * 1000, Bidirectional: true, Accid: f.Accid, Alias: f.Alias})
		}
	}
	return Result{{"size", len(out)}, {"friends", out}}, nil
}

// oneFriend is the answer of friend/getByAccid; times as in listedFriend.
type oneFriend struct {
	CreateTime    int64  `json:"createtime"`
	Ext           string `json:"ex"`
	Bidirectional bool   `json:"bidirection"`
	Accid         string `json:"faccid"`
	Alias         string `json:"alias,omitempty"`
	ServerExt     string `json:"serverex"`
	UpdateTime    int64  `json:"updatetime"`
}

// friendGetByAccid answers without `friend` when there is no relation.
func (a *API) friendGetByAccid(ctx context.Context, c *Call, p pairParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid, p.Friend); err != nil {
		return nil, err
	}
	f, err := a.Friends.Get(ctx, c.App.Key, p.Accid, p.Friend)
	if err != nil || f == nil {
		return nil, err
	}
	return with("friend", oneFriend{CreateTime: f.CreatedMs * 1000, Ext: f.Ext, Bidirectional: true, Accid: f.Accid, Alias: f.Alias,
		ServerExt: f.ServerExt, UpdateTime: f.UpdatedMs * 1000}), nil
}
