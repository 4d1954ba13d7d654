package nimapi

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
)

type userEventsParams struct {
	Accid   string `form:"accid,required,accid"`
	Begin   int64  `form:"begintime,zero,min=0"` // ms, inclusive
	End     int64  `form:"endtime,zero,min=0"`   // ms, 0 = now
	Limit   int    `form:"limit,required"`
	Reverse int    `form:"reverse,enum=1|2,default=2"` // 1 ascending, 2 descending
}

// maxUserEvents is the largest page of login records.
const maxUserEvents = 100

type userEvent struct {
	Accid      string `json:"accid"`
	Time       int64  `json:"timestamp"` // ms
	Event      int    `json:"eventType"` // 2 login, 3 logout
	IP         string `json:"clientIp"`
	SDK        int    `json:"sdkVersion"` // protocol number
	ClientType string `json:"clientType"`
	Device     string `json:"deviceId"`
	CustomTag  string `json:"customTag"`
	Code       int    `json:"code"`
}

// queryUserEvents returns when an account logged in and out. Logins that failed
// leave no record.
func (a *API) queryUserEvents(ctx context.Context, c *Call, p userEventsParams) (Result, error) {
	if err := a.checkTimes(p.Begin, p.End); err != nil {
		return nil, err
	}
	if p.Limit < 1 || p.Limit > maxUserEvents {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to %d", maxUserEvents)
	}
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	records, err := a.Accounts.LoginRecords(ctx, c.App.Key, p.Accid,
		account.RecordQuery{FromMs: p.Begin, ToMs: p.End, Ascending: p.Reverse == 1, Limit: p.Limit})
	if err != nil {
		return nil, err
	}
	out := make([]userEvent, len(records))
	for i, r := range records {
		out[i] = userEvent{Accid: r.Accid, Time: r.TimeMs, Event: r.Event, IP: r.IP, SDK: r.SDKVersion, ClientType: im.ClientTypeName(r.ClientType),
			Device: r.Device, CustomTag: r.CustomTag, Code: int(im.CodeOK)}
	}
	return Result{{"size", len(out)}, {"events", out}}, nil
}
