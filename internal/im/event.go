package im

import "strings"

// EventKind says what an Event tells.
type EventKind uint8

// Event kinds.
const (
	EventMessage    EventKind = 1 + iota // a committed message; Body is message.Encode
	EventSessionAck                      // a conversation was read on another device
	EventCard                            // the account's own card changed
	EventDeviceUp                        // a device logged in; Body is presence.Device
	EventDeviceDown                      // a device went away
	EventKick                            // close devices of the account
	_                                    // was never sent; the number stays reserved
	EventNodeState                       // a node's directory: heartbeat or snapshot
)

// Event travels on the bus from the node where something was committed to the
// nodes whose connections should hear of it. Delivery is at most once: what an
// event reports must be readable from the store.
type Event struct {
	Kind   EventKind
	App    string
	To     string  // accid it is addressed to
	Conv   ConvKey // messages only
	Seq    int64   // sequence inside Conv; messages only
	ID     int64   // message or notice id
	Origin string  // connection id that must not get it, or FromDevice's text
	From   string  // with FromDevice: whose device it is; not carried by the bus
	Body   []byte  // encoding owned by the package that defines the kind
	Again  bool    // nobody misses it, or it is told again soon, when it is lost; not carried by the bus
}

// Ranges of kinds by feature, so that features grow without renumbering.
const (
	EventFriendBase       EventKind = 20
	EventNoticeBase       EventKind = 30
	EventTeamBase         EventKind = 40
	EventMessageOpBase    EventKind = 60
	EventSubscriptionBase EventKind = 80
	EventSignalingBase    EventKind = 90
	EventProxyBase        EventKind = 110
	EventQChatBase        EventKind = 130
	EventChatroomBase     EventKind = 150
	EventAPIBase          EventKind = 200
)

// Publisher sends events to every node, this one included. It never blocks for
// long and never fails visibly: what is lost is re-read from the store.
type Publisher interface {
	Publish(events ...Event)
}

const devicePrefix = "device:"

// FromDevice makes an Origin of a device id: what is read back from the store
// tells the device that sent it, not the connection.
func FromDevice(deviceID string) string { return devicePrefix + deviceID }

// OriginDevice returns the device id of an Origin made by FromDevice.
func OriginDevice(origin string) (string, bool) { return strings.CutPrefix(origin, devicePrefix) }
