package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
)

// signalingRows are the commands of signaling.
func (p *Product) signalingRows() []gateway.Row { return nil }

// signalingEvents are the events of signaling.
func (p *Product) signalingEvents() map[im.EventKind]eventFunc { return nil }

// signaling is 15-14 and 15-13.
func (r *syncRun) signaling(context.Context) error { return nil }
