package team_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/team"
	"hongyan/internal/infra/sqlstore"
)

// bed is a service on a database, with a clock of its own.
type bed struct {
	testing.TB
	clock    *hytest.Clock
	store    *sqlstore.Store
	bus      *hytest.Bus
	accounts *account.Service
	messages *message.Service
	teams    *team.Service
	app      *app.App

	mu   sync.Mutex // guards sent
	sent []team.Notify
}

func newBed(t testing.TB, config sqlstore.Config, overrides ...string) *bed {
	t.Helper()
	b := &bed{TB: t, clock: hytest.NewClock(time.Time{}), bus: &hytest.Bus{}}
	config.Clock = b.clock.Now
	b.store = hytest.Open(t, config)
	b.app = hytest.App(t, b.store, overrides...)
	b.accounts = account.New(account.Config{Store: b.store, Clock: b.clock.Now, TokenKey: []byte("key")})
	b.messages = message.New(b.store, b.accounts, b.bus, b.clock.Now)
	b.teams = team.New(team.Config{Store: b.store, Accounts: b.accounts, Messages: b.messages, Bus: b.bus, Clock: b.clock.Now, IDs: b.store.IDs(),
		Attach:  func(n *team.Notification) string { return fmt.Sprint(n.ID) },
		Notices: notice.New(b.store, b.store.IDs(), b.bus, b.clock.Now),
		Notify: func(n team.Notify) (out []*notice.Notice) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, n)
			for _, to := range n.To {
				out = append(out, &notice.Notice{App: n.App, Receiver: to, Type: notice.TeamInvite, To: fmt.Sprint(n.Team.TID), From: n.From, Content: n.Text})
			}
			return out
		}})
	b.messages.SetGate(b.teams)
	return b
}

func (b *bed) ctx() context.Context { return context.Background() }

func (b *bed) register(a *app.App, accids ...string) {
	b.Helper()
	for _, id := range accids {
		if _, _, err := b.accounts.Register(b.ctx(), a.Key, id, "t", account.CardUpdate{}); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bed) as(accid string) team.Actor {
	return team.Actor{App: b.app, Accid: accid, ClientType: 16, Origin: "conn-" + accid}
}

// make makes a team in which everybody is at once; change may edit its fields.
func (b *bed) make(c team.Creation, owner string, members ...string) *team.Team {
	b.Helper()
	name := "crew"
	c.Fields.Name, c.Accids, c.Direct = &name, members, true
	t, _, err := b.teams.Create(b.ctx(), b.as(owner), c)
	if err != nil {
		b.Fatal(err)
	}
	return t
}

func (b *bed) remove(t *team.Team, by, who string) {
	b.Helper()
	_, err := b.teams.Remove(b.ctx(), b.as(by), t.Kind, t.TID, []string{who})
	b.ok(err)
}

func (b *bed) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bed) code(what string, err error, want im.Code) {
	b.Helper()
	if got := im.CodeOf(err); got != want {
		b.Errorf("%s: %d (%v), want %d", what, got, err, want)
	}
}

// send sends a text and waits for its commit.
func (b *bed) send(t *team.Team, from, body string, flags message.Flags) (*message.Message, error) {
	done := make(chan error, 1)
	m := &message.Message{From: from, To: fmt.Sprint(t.TID), IDClient: body + from, ClientType: 16, Flags: flags, Content: message.Content{Body: body}}
	if err := b.messages.SendTeam(b.ctx(), message.Send{App: b.app, Msg: m}, t.Kind.Scene(), func(_ *message.Message, err error) { done <- err }); err != nil {
		return nil, err
	}
	return m, <-done
}

// engines runs a test on both databases.
func engines(t *testing.T, test func(t *testing.T, config func(testing.TB) sqlstore.Config)) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) { test(t, config) })
	}
}
