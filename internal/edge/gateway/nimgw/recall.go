package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
)

// messageRows are the commands of what can be done to messages after they were sent.
func (p *Product) messageRows() []gateway.Row { return nil }

// messageEvents are the events of what is done to messages after they were sent.
func (p *Product) messageEvents() map[im.EventKind]eventFunc { return nil }

// receipts is 4-12.
func (r *syncRun) receipts(context.Context) error { return nil }

// clearedHistory is 4-24.
func (r *syncRun) clearedHistory(context.Context) error { return nil }

// deletedSelf is 4-21.
func (r *syncRun) deletedSelf(context.Context) error { return nil }

// recalls is 7-15 and 4-19.
func (r *syncRun) recalls(context.Context) error { return nil }

// broadcasts is 4-16.
func (r *syncRun) broadcasts(context.Context) error { return nil }
