package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
)

// superTeamRows are the commands of super teams.
func (p *Product) superTeamRows() []gateway.Row { return nil }

// superTeams is 21-109.
func (r *syncRun) superTeams(context.Context) error { return nil }

// mySuperTeamMembers is 21-111.
func (r *syncRun) mySuperTeamMembers(context.Context) error { return nil }

// superTeamRoaming is 4-17.
func (r *syncRun) superTeamRoaming(context.Context) error { return nil }
