package nimgw

import (
	"hongyan/internal/edge/gateway"
)

// fileRows are the commands of files (6-x).
func (p *Product) fileRows() []gateway.Row { return nil }
