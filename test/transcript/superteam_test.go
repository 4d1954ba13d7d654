package transcript

import (
	"errors"
	"strconv"
	"time"

	"hongyan/internal/edge/gateway/nimgw"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/seal"
	"hongyan/internal/infra/sqlstore"
)

// nobody hears of what happens before anybody logs in.
type nobody struct{}

func (nobody) Publish(...im.Event) {}

// superTeam makes a super team of one's choice beside the running server: no
// client command does. Its id becomes a variable.
func (p *player) superTeam(name, owner string, members []string) (err error) {
	keys, err := seal.Load(p.s.cfg.Data)
	if err != nil {
		return err
	}
	store, err := sqlstore.Open(p.ctx, sqlstore.Config{URL: p.s.cfg.DB, Dir: p.s.cfg.Data, Keys: keys, Clock: time.Now, NodeKind: "tool"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	apps := app.New(store, time.Now)
	if err := apps.Reload(p.ctx); err != nil {
		return err
	}
	a, ok := apps.Get(p.s.key(""))
	if !ok {
		return errors.New("no such app")
	}
	accounts := account.New(account.Config{Store: store, Clock: time.Now, TokenKey: keys.TokenKey()})
	teams := team.New(team.Config{Store: store, Accounts: accounts, Messages: message.New(store, accounts, nobody{}, time.Now), Bus: nobody{},
		Clock: time.Now, IDs: store.IDs(), Attach: nimgw.TeamAttach})
	title, free := "legion", team.JoinFree
	t, _, err := teams.Create(p.ctx, team.Actor{App: a, Accid: owner, ClientType: message.ClientTypeREST},
		team.Creation{Kind: team.Super, Type: team.Advanced, Fields: team.Update{Name: &title, JoinMode: &free}, Accids: members, Direct: true})
	if err != nil {
		return err
	}
	p.vars[name] = strconv.FormatInt(t.TID, 10)
	return nil
}
