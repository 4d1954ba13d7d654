package nimapi

import (
	"context"

	"hongyan/internal/im/subscription"
)

type subscribeParams struct {
	Accid      string   `form:"accid,required,accid"`
	EventType  int      `form:"eventType,required,enum=1"`
	Publishers []string `form:"publisherAccids,required,accid,max=100"`
	TTL        int64    `form:"ttl,required,min=60,max=2592000"`
}

// eventSubscribe subscribes for an account; what its clients get is as if they
// had done it (docs/api/server-v1.md section 12.14).
func (a *API) eventSubscribe(ctx context.Context, c *Call, p subscribeParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	failed, err := a.Subscriptions.SubscribeFor(ctx, c.App, p.Accid, int64(p.EventType), p.TTL, p.Publishers)
	if err != nil {
		return nil, err
	}
	return with("failedAccid", failed), nil
}

type publishersParams struct {
	Accid      string   `form:"accid,required,accid"`
	EventType  int      `form:"eventType,required,enum=1"`
	Publishers []string `form:"publisherAccids,required,accid,max=100"`
}

// eventUnsubscribe names publishers that do not exist; those that are not
// subscribed to are no failures.
func (a *API) eventUnsubscribe(ctx context.Context, c *Call, p publishersParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	failed := []string{}
	if len(p.Publishers) > 0 {
		if _, err := a.Subscriptions.Unsubscribe(ctx, c.App, p.Accid, int64(p.EventType), p.Publishers); err != nil {
			return nil, err
		}
		known, err := a.existing(ctx, c.App.Key, p.Publishers)
		if err != nil {
			return nil, err
		}
		for _, id := range unique(p.Publishers) {
			if known[id] == nil {
				failed = append(failed, id)
			}
		}
	}
	return with("failedAccid", failed), nil
}

type eventTypeParams struct {
	Accid     string `form:"accid,required,accid"`
	EventType int    `form:"eventType,required,enum=1"`
}

func (a *API) eventUnsubscribeAll(ctx context.Context, c *Call, p eventTypeParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	_, err := a.Subscriptions.Unsubscribe(ctx, c.App, p.Accid, int64(p.EventType), nil)
	return nil, err
}

type subscribed struct {
	Accid         string `json:"accid"`
	EventType     int    `json:"eventType"`
	ExpireTime    int64  `json:"expireTime"`    // ms
	SubscribeTime int64  `json:"subscribeTime"` // ms
}

func (a *API) eventQuery(ctx context.Context, c *Call, p publishersParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	out := []subscribed{}
	if len(p.Publishers) > 0 {
		subs, err := a.Subscriptions.Query(ctx, c.App, p.Accid, int64(p.EventType), p.Publishers)
		if err != nil {
			return nil, err
		}
		for _, b := range subs {
			out = append(out, subscribed{b.Publisher, subscription.TypePresence, b.ExpiresMs, b.CreatedMs})
		}
	}
	return with("subscribes", out), nil
}
