package nimapi

import (
	"context"
	"encoding/json"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/presence"
)

// accidParam is what most account calls take.
type accidParam struct {
	Accid string `form:"accid,required,accid"`
}

// cardParams are the fields of a name card. Their limits are the domain's
// (account.CardUpdate).
type cardParams struct {
	Name   *string `form:"name"`
	Icon   *string `form:"icon"`
	Sign   *string `form:"sign"`
	Email  *string `form:"email"`
	Birth  *string `form:"birth"`
	Mobile *string `form:"mobile"`
	Gender *int    `form:"gender,enum=0|1|2"`
	Ex     *string `form:"ex"`
}

func (p *cardParams) update() account.CardUpdate {
	return account.CardUpdate{Name: p.Name, Icon: p.Icon, Sign: p.Sign, Email: p.Email,
		Birth: p.Birth, Mobile: p.Mobile, Ex: p.Ex, Gender: p.Gender}
}

type createParams struct {
	accidParam
	cardParams
	Token string `form:"token,max=128"`
	Props string `form:"props"` // obsolete, ignored
}

type createInfo struct {
	Token string `json:"token"`
	Accid string `json:"accid"`
	Name  string `json:"name"`
}

func (a *API) userCreate(ctx context.Context, c *Call, p createParams) (Result, error) {
	acc, token, err := a.Accounts.Register(ctx, c.App.Key, p.Accid, p.Token, p.update())
	if err != nil {
		return nil, err
	}
	return with("info", createInfo{Token: token, Accid: acc.Accid, Name: acc.Card.Name}), nil
}

type tokenParams struct {
	accidParam
	Token string `form:"token,max=128"`
	Props string `form:"props"` // obsolete, ignored
}

// userUpdate sets the token. Running sessions stay (docs/api/server-v1.md section 12.1).
func (a *API) userUpdate(ctx context.Context, c *Call, p tokenParams) (Result, error) {
	_, err := a.Accounts.SetToken(ctx, c.App.Key, p.Accid, p.Token)
	return nil, registered(p.Accid, err)
}

type tokenInfo struct {
	Token string `json:"token"`
	Accid string `json:"accid"`
}

func (a *API) userRefreshToken(ctx context.Context, c *Call, p accidParam) (Result, error) {
	token, err := a.Accounts.SetToken(ctx, c.App.Key, p.Accid, "")
	if err != nil {
		return nil, registered(p.Accid, err)
	}
	return with("info", tokenInfo{Token: token, Accid: p.Accid}), nil
}

type blockParams struct {
	accidParam
	NeedKick        bool   `form:"needkick"`
	KickNotifyExt   string `form:"kickNotifyExt,max=256"`
	UnbindPushToken bool   `form:"needUnbindPushToken"`
}

// userBlock closes sessions only when asked to, and after the block is stored:
// a client that logs in again at once is refused. Push tokens go last: a device
// that was not closed may set its own again.
func (a *API) userBlock(ctx context.Context, c *Call, p blockParams) (Result, error) {
	if err := a.Accounts.SetBlocked(ctx, c.App.Key, p.Accid, true); err != nil {
		return nil, registered(p.Accid, err)
	}
	if p.NeedKick {
		presence.KickAll(a.Bus, c.App.Key, p.Accid, p.KickNotifyExt)
	}
	if p.UnbindPushToken {
		return nil, a.Devices.DropTokens(ctx, c.App.Key, p.Accid)
	}
	return nil, nil
}

func (a *API) userUnblock(ctx context.Context, c *Call, p accidParam) (Result, error) {
	return nil, registered(p.Accid, a.Accounts.SetBlocked(ctx, c.App.Key, p.Accid, false))
}

type muteParams struct {
	accidParam
	Mute bool `form:"mute,required"`
}

func (a *API) userMute(ctx context.Context, c *Call, p muteParams) (Result, error) {
	_, err := a.Accounts.SetMutes(ctx, c.App.Key, p.Accid, func(m *account.Mutes) { m.All = p.Mute })
	return nil, registered(p.Accid, err)
}

// userMuteAv stores a flag that only real-time media products look at.
func (a *API) userMuteAv(ctx context.Context, c *Call, p muteParams) (Result, error) {
	_, err := a.Accounts.SetMutes(ctx, c.App.Key, p.Accid, func(m *account.Mutes) { m.AV = p.Mute })
	return nil, registered(p.Accid, err)
}

type muteModuleParams struct {
	accidParam
	P2P   *bool `form:"muteP2P"`
	Team  *bool `form:"muteTeam"`
	Room  *bool `form:"muteRoom"`
	QChat *bool `form:"muteQChat"`
}

type moduleMutes struct {
	P2P   bool `json:"muteP2P"`
	Team  bool `json:"muteTeam"`
	Room  bool `json:"muteRoom"`
	QChat bool `json:"muteQChat"`
}

func (a *API) userMuteModule(ctx context.Context, c *Call, p muteModuleParams) (Result, error) {
	if p.P2P == nil && p.Team == nil && p.Room == nil && p.QChat == nil {
		return nil, im.Errorf(im.CodeBadParam, "one of muteP2P, muteTeam, muteRoom, muteQChat is needed")
	}
	m, err := a.Accounts.SetMutes(ctx, c.App.Key, p.Accid, func(m *account.Mutes) {
		for _, f := range []struct {
			dst *bool
			src *bool
		}{{&m.P2P, p.P2P}, {&m.Team, p.Team}, {&m.Room, p.Room}, {&m.QChat, p.QChat}} {
			if f.src != nil {
				*f.dst = *f.src
			}
		}
	})
	if err != nil {
		return nil, registered(p.Accid, err)
	}
	return with("data", mutesOf(m)), nil
}

func mutesOf(m account.Mutes) moduleMutes {
	return moduleMutes{P2P: m.P2P, Team: m.Team, Room: m.Room, QChat: m.QChat}
}

type donnopParams struct {
	accidParam
	Open bool `form:"donnopOpen,required"`
}

func (a *API) userSetDonnop(ctx context.Context, c *Call, p donnopParams) (Result, error) {
	return nil, registered(p.Accid, a.Accounts.SetDonnop(ctx, c.App.Key, p.Accid, p.Open))
}

type onlineParams struct {
	Accids []string `form:"accids,required,accid,max=100"`
}

type onlineClient struct {
	ClientType int   `json:"clientType"`
	LoginTime  int64 `json:"loginTime"` // ms
}

type accountClients struct {
	Accid   string         `json:"accid"`
	Clients []onlineClient `json:"statusList"`
}

type onlineStatus struct {
	Invalid []string                  `json:"invalidAccids"`
	Status  map[string][]onlineClient `json:"status"`
	List    *[]accountClients         `json:"onlineStatusList,omitempty"`
}

// userOnlineStatus lists the online clients of accounts. Unknown accounts are
// named, offline ones left out. The Go SDK reads a list instead of the map
// (docs/api/server-v1.md section 13).
func (a *API) userOnlineStatus(ctx context.Context, c *Call, p onlineParams) (Result, error) {
	ids := unique(p.Accids)
	known, err := a.existing(ctx, c.App.Key, ids)
	if err != nil {
		return nil, err
	}
	data := onlineStatus{Invalid: []string{}, Status: map[string][]onlineClient{}}
	list := []accountClients{}
	for _, id := range ids {
		if known[id] == nil {
			data.Invalid = append(data.Invalid, id)
			continue
		}
		var clients []onlineClient
		for _, d := range a.Presence.Devices(c.App.Key, id) {
			clients = append(clients, onlineClient{ClientType: d.ClientType, LoginTime: d.LoginMs})
		}
		if len(clients) > 0 {
			data.Status[id] = clients
			list = append(list, accountClients{Accid: id, Clients: clients})
		}
	}
	if c.GoSDK {
		data.List = &list
	}
	return with("data", data), nil
}

// registered turns "no such account" into the answer callers know
// (docs/api/server-v1.md section 4).
func registered(accid string, err error) error {
	if im.CodeOf(err) == im.CodeNotFound {
		return notRegistered(accid)
	}
	return err
}

func notRegistered(accid string) error {
	return im.Errorf(im.CodeBadParam, "%s is not registered", clip(accid))
}

// existing returns those of accids that are accounts. What cannot be an accid
// is not looked up: a store may choke on texts that a caller makes up.
func (a *API) existing(ctx context.Context, app string, accids []string) (map[string]*account.Account, error) {
	legal := make([]string, 0, len(accids))
	for _, id := range accids {
		if n, ok := im.NormalizeAccid(id); ok && n == id {
			legal = append(legal, id)
		}
	}
	return a.Accounts.GetMany(ctx, app, legal)
}

// mustExist returns the accounts, or an error that names the first unknown one.
func (a *API) mustExist(ctx context.Context, app string, accids ...string) (map[string]*account.Account, error) {
	found, err := a.existing(ctx, app, accids)
	if err != nil {
		return nil, err
	}
	for _, id := range accids {
		if found[id] == nil {
			return nil, notRegistered(id)
		}
	}
	return found, nil
}

// unique returns list without repetitions, in its order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

// jsonText returns v as a JSON text, for answers that nest JSON in a string.
func jsonText(v []string) string {
	b, _ := json.Marshal(v) // texts only: cannot fail
	return string(b)
}
