package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
)

// friendRows are the commands of friends and relations.
func (p *Product) friendRows() []gateway.Row { return nil }

// friendEvents are the events of friends and relations.
func (p *Product) friendEvents() map[im.EventKind]eventFunc { return nil }

// relations is 3-8, sent even when empty: apps wait for the event.
func (r *syncRun) relations(context.Context) error {
	if r.ask.Relations.IsSet() {
		r.send(nimwire.SyncRelations, &nimwire.SyncRelationsResponse{List: []nimwire.Relation{}, Timetag: r.startMs})
	}
	return nil
}

// friends is 12-5.
func (r *syncRun) friends(context.Context) error { return nil }

// friendUsers is 12-6.
func (r *syncRun) friendUsers(context.Context) error { return nil }
