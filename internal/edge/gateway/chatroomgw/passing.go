package chatroomgw

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
)

const (
	// passingLanes write notifications of who comes and goes: of a room in order,
	// of several rooms at a time.
	passingLanes = 8
	// passingQueue bounds what waits for a lane: beyond it they are not told.
	passingQueue = 2048
	// passingTimeout bounds one of them.
	passingTimeout = 5 * time.Second
)

// passing tells rooms of who comes and goes, behind the logins: thousands may come
// at a time, and none of them has to wait for it.
type passing struct {
	c       Config
	lanes   [passingLanes]chan notice
	dropped prometheus.Counter
}

// notice is one connection that came, or went.
type notice struct {
	app        *app.App
	member     *chatroom.Member
	client     int64
	came       bool
	ext        string // of those that came
	connection string
}

func newPassing(c Config) *passing {
	p := &passing{c: c, dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hongyan_chatroom_notices_dropped_total", Help: "Notifications of who entered or left a chat room that were not made: too many waited."})}
	for i := range p.lanes {
		p.lanes[i] = make(chan notice, passingQueue)
	}
	return p
}

func (p *passing) put(n notice) {
	select {
	case p.lanes[uint64(n.member.Room)>>12%passingLanes] <- n: // an id's last 12 bits are node and counter, mostly the same
	default:
		p.dropped.Inc()
	}
}

// Run writes the notifications until ctx ends, and then those that still wait.
func (p *Product) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, lane := range p.passing.lanes {
		wg.Go(func() {
			for {
				select {
				case n := <-lane:
					p.passing.tell(n)
				case <-ctx.Done():
					for {
						select {
						case n := <-lane:
							p.passing.tell(n)
						default:
							return
						}
					}
				}
			}
		})
	}
	wg.Wait()
}

func (p *passing) tell(n notice) {
	ctx, cancel := context.WithTimeout(context.Background(), passingTimeout)
	defer cancel()
	var err error
	if n.came {
		err = p.c.Rooms.Entered(ctx, n.app, n.member, n.client, n.ext, n.connection)
	} else {
		err = p.c.Rooms.Left(ctx, n.app, n.member, n.client)
	}
	if err != nil {
		p.c.Log.Error("tell a chat room of who comes and goes", "app", n.app.Key, "room", n.member.Room, "err", err)
	}
}
