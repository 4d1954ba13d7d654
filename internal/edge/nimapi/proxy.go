package nimapi

import (
	"context"

	"hongyan/internal/im/proxy"
)

type proxyNotifyParams struct {
	From   string   `form:"from,required,accid"`
	Accids []string `form:"accids,required,accid,max=100"`
	Body   string   `form:"body,required"`
}

// proxyNotify sends a message to the online sessions of accounts (22-2). It is
// this server's own endpoint (docs/adr/0010-pass-through.md).
func (a *API) proxyNotify(ctx context.Context, c *Call, p proxyNotifyParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	ids := unique(p.Accids)
	found, err := a.Accounts.GetMany(ctx, c.App.Key, ids)
	if err != nil {
		return nil, err
	}
	to, failed := []string{}, []string{}
	for _, id := range ids {
		if found[id] == nil {
			failed = append(failed, id)
		} else {
			to = append(to, id)
		}
	}
	if len(to) > 0 {
		if err := proxy.Notify(a.Bus, a.Clock, c.App.Key, p.From, to, p.Body); err != nil {
			return nil, err
		}
	}
	return with("failedAccid", failed), nil
}
