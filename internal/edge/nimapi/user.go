package nimapi

import (
	"context"

	"hongyan/internal/im"
)

type uinfosParams struct {
	Accids     []string `form:"accids,required,accid,max=200"`
	MuteStatus bool     `form:"muteStatus"`
}

type uinfo struct {
	Accid  string `json:"accid"`
	Name   string `json:"name"`
	Icon   string `json:"icon"`
	Sign   string `json:"sign"`
	Email  string `json:"email"`
	Birth  string `json:"birth"`
	Mobile string `json:"mobile"`
	Ex     string `json:"ex"`
	Gender int    `json:"gender"`
	Valid  bool   `json:"valid"` // false while blocked
	Mute   bool   `json:"mute"`
	*moduleMutes
}

// userGetUinfos returns name cards. One unknown account fails the call: older
// documentation says so (docs/api/server-v1.json, getUinfos).
func (a *API) userGetUinfos(ctx context.Context, c *Call, p uinfosParams) (Result, error) {
	ids := unique(p.Accids)
	found, err := a.mustExist(ctx, c.App.Key, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]uinfo, 0, len(ids))
	for _, id := range ids {
		acc := found[id]
		u := uinfo{
			Accid: id, Name: acc.Card.Name, Icon: acc.Card.Icon, Sign: acc.Card.Sign, Email: acc.Card.Email,
			Birth: acc.Card.Birth, Mobile: acc.Card.Mobile, Ex: acc.Card.Ex, Gender: acc.Card.Gender,
			Valid: !acc.Blocked, Mute: acc.Mute.All,
		}
		if p.MuteStatus {
			m := mutesOf(acc.Mute)
			u.moduleMutes = &m
		}
		out = append(out, u)
	}
	return with("uinfos", out), nil
}

type updateUinfoParams struct {
	accidParam
	cardParams
	BID string `form:"bid,max=1024"` // for a moderation service; none is attached
}

// userUpdateUinfo changes the given fields and tells the account's own devices
// (docs/api/server-v1.md section 12.2). With no field it changes nothing.
func (a *API) userUpdateUinfo(ctx context.Context, c *Call, p updateUinfoParams) (Result, error) {
	if p.cardParams == (cardParams{}) {
		_, err := a.mustExist(ctx, c.App.Key, p.Accid)
		return nil, err
	}
	if _, err := a.Accounts.UpdateCard(ctx, c.App.Key, p.Accid, p.update()); err != nil {
		return nil, registered(p.Accid, err)
	}
	a.Bus.Publish(im.Event{Kind: im.EventCard, App: c.App.Key, To: p.Accid})
	return nil, nil
}
