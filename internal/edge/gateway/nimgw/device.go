package nimgw

import (
	"hongyan/internal/edge/gateway"
)

// deviceRows are the commands of the device: push tokens, background state, pass-through.
func (p *Product) deviceRows() []gateway.Row { return nil }
