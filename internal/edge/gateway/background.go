package gateway

import (
	"context"
	"fmt"

	"hongyan/internal/edge/wire"
	"hongyan/internal/im"
)

// maxBackground bounds the requests of one session that wait for somebody
// else's server.
const maxBackground = 8

// Background answers a Submit row from a goroutine of its own, so that neither
// the session's next requests nor a worker wait. Beyond maxBackground it
// refuses with 416.
func (s *Session) Background(reply func(wire.REncoder, error), fn func(ctx context.Context) (wire.REncoder, error)) error {
	if s.background.Add(1) > maxBackground {
		s.background.Add(-1)
		return im.Errorf(im.CodeTooFrequent, "too many requests wait for the app's server")
	}
	s.gw.wg.Add(1)
	go func() {
		defer s.gw.wg.Done()
		defer s.background.Add(-1)
		ctx, cancel := context.WithTimeout(s.gw.ctx, handlerTimeout)
		defer cancel()
		defer func() {
			if r := recover(); r != nil {
				s.gw.metrics.panics.Inc()
				reply(nil, fmt.Errorf("background handler panicked: %v", r))
			}
		}()
		resp, err := fn(ctx)
		reply(resp, err)
	}()
	return nil
}
