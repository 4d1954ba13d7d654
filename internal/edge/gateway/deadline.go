package gateway

import (
	"context"
	"sync/atomic"
)

// deadlines gives requests their contexts. Those that begin within the same
// round share one: a timer and a context of its own would be a twentieth of what
// a request costs.
type deadlines struct{ now atomic.Pointer[deadline] }

type deadline struct {
	ctx context.Context
	end context.CancelFunc
}

// renew begins a round. It is called every sweepEvery by one goroutine, so a
// request has between handlerTimeout - sweepEvery and handlerTimeout.
func (d *deadlines) renew(parent context.Context) {
	next := &deadline{}
	next.ctx, next.end = context.WithTimeout(parent, handlerTimeout)
	if before := d.now.Swap(next); before != nil {
		// Requests of the last round still have it: it ends when its time is over.
		context.AfterFunc(before.ctx, before.end)
	}
}

// context returns the context of a request that begins now.
func (d *deadlines) context() context.Context { return d.now.Load().ctx }
