// Package nimgw owns the NIM product on the gateway: one handler per command of
// the NIM wire table, in one file per service, and what an event looks like to
// a NIM client.
//
// It decodes, calls a service of the domain and encodes. It must not hold rules
// and must not know sockets or storage.
package nimgw

import (
	"log/slog"
	"time"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/device"
	"hongyan/internal/im/file"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/presence"
	"hongyan/internal/im/proxy"
	"hongyan/internal/im/session"
	"hongyan/internal/im/signaling"
	"hongyan/internal/im/subscription"
	"hongyan/internal/im/team"
)

// Name is the product's name in dispatch tables.
const Name = "nim"

// Config is what the handlers call.
type Config struct {
	Apps     *app.Service
	Accounts *account.Service
	Messages *message.Service
	Sessions *session.Service
	Teams    *team.Service

	Subscriptions *subscription.Service
	Signaling     *signaling.Service
	Devices       *device.Service
	Proxy         *proxy.Service

	Friends       *friend.Service
	CustomNotices *notice.Sender
	Notices       *notice.Service
	Directory     *presence.Directory
	Bus           im.Publisher
	Operations    Operations // nil = nobody is asked
	Words         Vocabularies
	LoginLog      *account.LoginLog
	Refused       *faillog.Log // nil = refused logins are not recorded
	Clock         im.Clock
	Log           *slog.Logger
	Node          int
	LinkAddr      string // host:port that SDKs connect to

	Files *file.Service // nil = files are not served

	RoundTrip func(time.Duration) // takes the measurements of clients; nil = nobody
}

// Product implements gateway.Product for NIM.
type Product struct {
	c      Config
	rows   []gateway.Row
	events map[im.EventKind]eventFunc
	acks   map[wire.ID]ackFunc
}

// New returns the NIM product.
func New(c Config) *Product {
	p := &Product{c: c}
	p.rows, p.events, p.acks = p.table(), p.eventTable(), p.ackTable()
	return p
}

// Name implements gateway.Product.
func (p *Product) Name() string { return Name }

// Rows implements gateway.Product.
func (p *Product) Rows() []gateway.Row { return p.rows }

// Event implements gateway.Product.
func (p *Product) Event(ev im.Event, sessions []*gateway.Session) {
	if fn := p.events[ev.Kind]; fn != nil {
		fn(ev, sessions)
	}
}

// eventFunc sends what an event means to the sessions it is addressed to.
type eventFunc func(ev im.Event, sessions []*gateway.Session)

// eventTable says what each event is to a NIM client.
func (p *Product) eventTable() map[im.EventKind]eventFunc {
	t := map[im.EventKind]eventFunc{
		im.EventMessage:    p.onMessage,
		im.EventSessionAck: p.onSessionAck,
		im.EventCard:       p.onCard,
		im.EventDeviceUp:   p.onDeviceUp,
		im.EventDeviceDown: p.onDeviceDown,
		im.EventKick:       p.onKick,
	}
	for _, more := range []map[im.EventKind]eventFunc{
		p.friendEvents(), p.noticeEvents(), p.teamEvents(), p.messageEvents(), p.subscriptionEvents(), p.signalingEvents(), p.deviceEvents(),
	} {
		for k, fn := range more {
			t[k] = fn
		}
	}
	return t
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

// table has a row for every command of the NIM wire table
// (docs/protocol/wire/nim.json) and for those beyond it; a test compares them.
func (p *Product) table() []gateway.Row {
	rows := []gateway.Row{
		gateway.First(gateway.Handle(nimwire.Heartbeat, p.heartbeat)),
		gateway.First(gateway.Handle(nimwire.Login, p.login)),
		gateway.Handle(nimwire.Logout, p.logout),
		gateway.Handle(nimwire.Kick, p.kick),
		gateway.Submit(nimwire.Sync, p.sync),
		gateway.Handle(nimwire.BatchMarkRead, p.batchMarkRead),

		gateway.Handle(nimwire.GetServerTime, p.serverTime),

		gateway.Handle(nimwire.GetUsersNameCardFromServer, p.cards),
		gateway.Handle(nimwire.UpdateMyNameCard, p.updateCard),

		gateway.Submit(nimwire.SendMsg, p.sendMsg),
		gateway.Handle(nimwire.GetHistoryMsgs, p.history),
		gateway.Handle(nimwire.MarkSessionAck, p.markSessionAck),
		gateway.Handle(nimwire.MarkMultSessionsAck, p.markSessionAcks),
		gateway.Handle(nimwire.MarkSuperTeamSessionAck, p.markSuperTeamAck),
		gateway.Handle(nimwire.MarkMultSuperTeamSessionsAck, p.markSuperTeamAcks),
		gateway.Handle(nimwire.GetChatroomAddress, p.chatroomAddress),
		gateway.Handle(nimwire.GetQChatAddress, p.qchatAddress),
		gateway.Handle(nimwire.V2DownloadLocalAntiSpamVocabs, p.vocabs),
	}
	for _, more := range [][]gateway.Row{
		p.friendRows(), p.noticeRows(), p.teamRows(), p.superTeamRows(), p.messageRows(), p.sessionRows(),
		p.subscriptionRows(), p.signalingRows(), p.deviceRows(), p.fileRows(), p.detectRows(),
	} {
		rows = append(rows, more...)
	}
	return gateway.Complete(rows, nimwire.Commands(), notYet)
}

// notYet says why a client command without a handler is answered 514.
func notYet(c wire.Command) string {
	switch c.Service {
	case "friend":
		return "friends are not served yet"
	case "cloudStorage":
		return "files are not served yet"
	default:
		return c.Service + " is not served yet"
	}
}
