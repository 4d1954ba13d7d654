// Package qchatgw owns the qchat product on the gateway: a row for every command of
// its wire table. It must not hold rules and must not know sockets or storage.
package qchatgw

import (
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/qchatwire"
	"hongyan/internal/im"
)

// Name is the product's name in dispatch tables.
const Name = "qchat"

// Product implements gateway.Product.
type Product struct{}

// New returns the product.
func New() *Product { return &Product{} }

// Name implements gateway.Product.
func (p *Product) Name() string { return Name }

// Rows implements gateway.Product: the product is not served yet, and says so
// to its login too.
func (p *Product) Rows() []gateway.Row {
	rows := gateway.Complete(nil, qchatwire.Commands(), func(wire.Command) string { return "qchat is not served yet" })
	for i, r := range rows {
		if !r.Push && r.Command.ID() == qchatwire.QchatLogin.ID() {
			rows[i] = gateway.First(r)
		}
	}
	return rows
}

// Event implements gateway.Product.
func (p *Product) Event(im.Event, []*gateway.Session) {}

// Closed implements gateway.Product.
func (p *Product) Closed(*gateway.Session, gateway.Reason) {}
