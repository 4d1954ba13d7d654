package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
)

// teamRows are the commands of teams.
func (p *Product) teamRows() []gateway.Row { return nil }

// teamEvents are the events of teams and super teams.
func (p *Product) teamEvents() map[im.EventKind]eventFunc { return nil }

// teams is 8-109.
func (r *syncRun) teams(context.Context) error { return nil }

// myTeamMembers is 8-126.
func (r *syncRun) myTeamMembers(context.Context) error { return nil }
