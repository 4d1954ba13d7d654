// Package chatroomgw owns the chatroom product on the gateway: its handlers, and a
// row for every command of its wire table. What is not served yet is answered 514.
//
// It decodes, calls a service of the domain and encodes. It must not hold rules
// and must not know sockets or storage.
package chatroomgw

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/file"
	"hongyan/internal/im/presence"
)

// Name is the product's name in dispatch tables, and of its devices.
const Name = presence.ProductChatroom

// Config is what the handlers call.
type Config struct {
	Apps      *app.Service
	Accounts  *account.Service
	Directory *presence.Directory
	Rooms     *chatroom.Service
	Clock     im.Clock
	Log       *slog.Logger
	Node      int
	Refused   *faillog.Log          // nil = refused logins are not recorded
	Files     *file.Service         // nil = files are not served
	Metrics   prometheus.Registerer // nil = nobody looks
}

// Product implements gateway.Product. Run it while the gateway runs.
type Product struct {
	c       Config
	passing *passing
	dropped prometheus.Counter
}

// New returns the product.
func New(c Config) *Product {
	p := &Product{c: c, dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "hongyan_chatroom_messages_dropped_total", Help: "Messages that connections did not get because of chatroom_receive_rate."})}
	p.passing = newPassing(c)
	if c.Metrics != nil {
		c.Metrics.MustRegister(p.dropped, p.passing.dropped)
	}
	return p
}

// Name implements gateway.Product.
func (p *Product) Name() string { return Name }

// Rows implements gateway.Product.
func (p *Product) Rows() []gateway.Row {
	rows := []gateway.Row{
		gateway.First(gateway.Handle(chatroomwire.Heartbeat, p.heartbeat)),
		gateway.First(gateway.Submit(chatroomwire.ChatroomLogin, p.login)),
		gateway.Handle(chatroomwire.ChatroomExit, p.exit),
		gateway.Handle(chatroomwire.GetServerTime, p.serverTime),
		gateway.Handle(chatroomwire.GetChatroom, p.room),
		gateway.Handle(chatroomwire.UpdateChatroom, p.update),
		gateway.Handle(chatroomwire.CloseChatroom, p.closeRoom),
		gateway.Handle(chatroomwire.SendChatroomMsg, p.send),
		gateway.Handle(chatroomwire.ChatroomQueryMessageHistory, p.history),
	}
	return gateway.Complete(append(rows, p.fileRows()...), chatroomwire.Commands(), func(c wire.Command) string { return c.Name + " of chatroom is not served yet" })
}

// Event implements gateway.Product.
func (p *Product) Event(ev im.Event, sessions []*gateway.Session) {
	switch ev.Kind {
	case chatroom.EventMessage:
		p.onMessage(ev, sessions)
	case chatroom.EventClosed:
		for _, s := range sessions {
			of(s).quiet.Store(true) // 311 has told the others
			kick(s, kickClosed)
		}
	case chatroom.EventReturned:
		others(ev, sessions, func(s *gateway.Session) {
			if of(s).member.Role == chatroom.Anonymous && s.Login().Device.DeviceID == string(ev.Body) {
				kick(s, kickSilent)
			}
		})
	case im.EventDeviceUp:
		p.onDeviceUp(ev, sessions)
	case im.EventKick:
		p.onKick(ev, sessions)
	}
}

// Closed implements gateway.Product: who has no connection left is told of.
func (p *Product) Closed(s *gateway.Session, _ gateway.Reason) {
	e := of(s)
	e.mu.Lock()
	announced := e.announced
	e.gone = true
	e.mu.Unlock()
	if announced && !e.quiet.Load() {
		p.passing.put(notice{app: s.App(), member: e.member, client: e.client})
	}
}

// others calls fn for the sessions that are not the event's origin.
func others(ev im.Event, sessions []*gateway.Session, fn func(*gateway.Session)) {
	for _, s := range sessions {
		if s.ID != ev.Origin {
			fn(s)
		}
	}
}

// pushFrame encodes a push once for any number of sessions.
func pushFrame(id wire.ID, r wire.REncoder) []byte {
	return gateway.Frame(wire.AppendPush(nil, id.SID, id.CID, r))
}
