package nimapi

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
)

// noticeParams are what both calls have in common (docs/api/server-v1.md
// section 12.6).
type noticeParams struct {
	Attach       string `form:"attach,required,max=4096"`
	PushContent  string `form:"pushcontent"` // longer texts are cut, not refused
	Payload      string `form:"payload,object"`
	Sound        string `form:"sound,max=30"` // part of pushes, which are not sent
	Save         int    `form:"save,enum=1|2,default=2"`
	Option       string `form:"option,object"`
	ForcePush    bool   `form:"isForcePush"`
	ForceContent string `form:"forcePushContent,max=500"`
	Env          string `form:"env"`
	CheckLater   bool   `form:"checkAccidAsyncEnable"` // accounts are always checked at once
}

// copyFacts is what copies tell of what the app's server does.
func copyFacts() notice.CopyFacts { return notice.CopyFacts{ClientType: message.ClientTypeREST} }

// notice maps the parameters to a notification without parties.
func (p *noticeParams) notice(set *app.Settings) (notice.Notice, error) {
	n := notice.Notice{Attach: p.Attach, PushContent: cut(p.PushContent, int(set.PushTextLimit)), PushPayload: p.Payload,
		ForcePush: p.ForcePush, ForceContent: p.ForceContent, Env: p.Env}
	if p.Save == 1 {
		n.Flags |= notice.NoOffline
	}
	flags, err := noticeOption(p.Option)
	n.Flags |= flags
	return n, err
}

// noticeOption reads `option`. Values are booleans; their texts and 0 and 1 are
// understood too. needPushNick is off unless it is asked for.
func noticeOption(option string) (notice.Flags, error) {
	given := map[string]json.RawMessage{}
	if option != "" {
		if err := json.Unmarshal([]byte(option), &given); err != nil {
			return 0, im.Errorf(im.CodeBadParam, "option not a JSON object")
		}
	}
	var out notice.Flags
	for _, o := range []struct {
		key  string
		off  notice.Flags
		zero bool // off when absent
	}{{"badge", notice.NoBadge, false}, {"needPushNick", notice.NoPushNick, true}, {"route", notice.NoRoute, false}} {
		off := o.zero
		switch string(given[o.key]) {
		case "", "null":
		case "false", `"false"`, "0":
			off = true
		case "true", `"true"`, "1":
			off = false
		default:
			return 0, im.Errorf(im.CodeBadParam, "option.%s not boolean", o.key)
		}
		if off {
			out |= o.off
		}
	}
	return out, nil
}

type attachParams struct {
	From    string `form:"from,required,accid"`
	MsgType int    `form:"msgtype,required,enum=0|1"`
	To      string `form:"to,required"`
	noticeParams
	ForceAll  bool     `form:"forcePushAll"`
	ForceList []string `form:"forcePushList,accid,max=100"`
}

// sendAttachMsg sends a custom notification to an account or a team.
func (a *API) sendAttachMsg(ctx context.Context, c *Call, p attachParams) (Result, error) {
	n, err := p.notice(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	n.From, n.To, n.Type = p.From, p.To, notice.CustomP2P
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	if p.MsgType == opeTeam {
		n.Type = notice.CustomTeam
		switch {
		case p.ForceAll:
			n.ForcePush, n.ForceList = true, wholeTeam
		case len(p.ForceList) > 0:
			n.ForcePush, n.ForceList = true, jsonText(p.ForceList)
		}
	} else {
		to, ok := im.NormalizeAccid(p.To)
		if !ok {
			return nil, notRegistered(p.To)
		}
		if _, err := a.mustExist(ctx, c.App.Key, to); err != nil {
			return nil, err
		}
	}
	return nil, a.CustomNotices.Send(ctx, notice.Custom{App: c.App, Notice: n, REST: true, Copy: copyFacts()})
}

type batchAttachParams struct {
	From string   `form:"fromAccid,required,accid"`
	To   []string `form:"toAccids,required,accid,max=500"`
	noticeParams
}

// sendBatchAttachMsg sends one notification to many; unknown receivers are
// named, in a string or for the Go SDK in an array.
func (a *API) sendBatchAttachMsg(ctx context.Context, c *Call, p batchAttachParams) (Result, error) {
	n, err := p.notice(&c.App.Settings)
	if err != nil {
		return nil, err
	}
	n.From = p.From
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	receivers := unique(p.To)
	known, err := a.existing(ctx, c.App.Key, receivers)
	if err != nil {
		return nil, err
	}
	unknown, to := []string{}, make([]string, 0, len(receivers))
	for _, id := range receivers {
		if known[id] == nil {
			unknown = append(unknown, id)
		} else {
			to = append(to, id)
		}
	}
	if err := a.CustomNotices.SendMany(ctx, notice.Custom{App: c.App, Notice: n, REST: true, Copy: copyFacts()}, to); err != nil {
		return nil, err
	}
	if c.GoSDK {
		return with("unregister", unknown), nil
	}
	return with("unregister", jsonText(unknown)), nil
}
