package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
)

// noticeRows are the commands of system notifications.
func (p *Product) noticeRows() []gateway.Row { return nil }

// noticeEvents are the events of system notifications.
func (p *Product) noticeEvents() map[im.EventKind]eventFunc { return nil }

// notices is 4-6 and 4-18.
func (r *syncRun) notices(context.Context) error { return nil }
