// Package qchatgw owns the QChat product (圈组) on the gateway: its handlers, and
// a row for every command of its wire table. What is not served yet is answered
// 514.
//
// It decodes, calls a service of the domain and encodes. It must not hold rules
// and must not know sockets or storage.
package qchatgw

import (
	"log/slog"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/qchatwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/qchat"
)

// Name is the product's name in dispatch tables, and of its devices.
const Name = presence.ProductQChat

// Config is what the handlers call.
type Config struct {
	Apps      *app.Service
	Accounts  *account.Service
	Directory *presence.Directory
	Bus       im.Publisher
	Clock     im.Clock
	Log       *slog.Logger
	Refused   *faillog.Log // nil = refused logins are not recorded
	Node      int
	Files     *file.Service  // nil = files are not served
	Chat      *qchat.Service // nil = servers and channels are not served
}

// Product implements gateway.Product.
type Product struct{ c Config }

// New returns the product.
func New(c Config) *Product { return &Product{c: c} }

// Name implements gateway.Product.
func (p *Product) Name() string { return Name }

// Rows implements gateway.Product.
func (p *Product) Rows() []gateway.Row {
	rows := []gateway.Row{
		gateway.First(gateway.Handle(qchatwire.Heartbeat, p.heartbeat)),
		gateway.First(gateway.Handle(qchatwire.QchatLogin, p.login)),
		gateway.Handle(qchatwire.QchatExit, p.exit),
		gateway.Handle(qchatwire.QchatKick, p.kick),
		gateway.Handle(qchatwire.QchatSync, p.sync),
	}
	rows = append(append(rows, p.fileRows()...), p.chatRows()...)
	return gateway.Complete(rows, qchatwire.Commands(), func(c wire.Command) string { return c.Service + " of qchat is not served yet" })
}

// Event implements gateway.Product.
func (p *Product) Event(ev im.Event, sessions []*gateway.Session) {
	switch ev.Kind {
	case im.EventDeviceUp:
		p.onDeviceUp(ev, sessions)
	case im.EventDeviceDown:
		p.onDeviceDown(ev, sessions)
	case im.EventKick:
		p.onKick(ev, sessions)
	case qchat.EventMessage:
		p.onMessage(ev, sessions)
	case qchat.EventRead:
		p.onRead(ev, sessions)
	}
}

// Closed implements gateway.Product: connections have no state beside their login.
func (p *Product) Closed(*gateway.Session, gateway.Reason) {}

// others calls fn for the sessions that are not the event's origin.
func others(ev im.Event, sessions []*gateway.Session, fn func(*gateway.Session)) {
	for _, s := range sessions {
		if s.ID != ev.Origin {
			fn(s)
		}
	}
}

// pushFrame encodes a push once for any number of sessions.
func pushFrame(id wire.ID, r wire.REncoder) []byte {
	return gateway.Frame(wire.AppendPush(nil, id.SID, id.CID, r))
}
