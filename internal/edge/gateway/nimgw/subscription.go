package nimgw

import (
	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
)

// subscriptionRows are the commands of online-state subscription.
func (p *Product) subscriptionRows() []gateway.Row { return nil }

// subscriptionEvents are the events of online-state subscription.
func (p *Product) subscriptionEvents() map[im.EventKind]eventFunc { return nil }
