package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
)

// sessionRows are the commands of sticky and cloud sessions.
func (p *Product) sessionRows() []gateway.Row { return nil }

// stickTopSessions is 4-23.
func (r *syncRun) stickTopSessions(context.Context) error { return nil }
