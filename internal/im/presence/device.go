// Package presence owns who is connected: the devices of an account on all
// nodes, and which of them must leave when a new one logs in.
//
// It must not know sockets or frames; edge/gateway owns the connections and
// does what this package decides.
package presence

import (
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Client type numbers (docs/protocol/nim-core.md section 3.4).
const (
	ClientAndroid = 1
	ClientIOS     = 2
	ClientPC      = 4
	ClientWinPh   = 8
	ClientWeb     = 16
	ClientServer  = 32
	ClientMac     = 64
	ClientHarmony = 65
)

// Products of devices that are not NIM's.
const (
	ProductQChat    = "qchat"
	ProductChatroom = "chatroom"
)

// Device is one logged-in connection.
type Device struct {
	App          string `json:"app"`
	Accid        string `json:"acc"`
	ConnectionID string `json:"cid"`
	DeviceID     string `json:"dev"` // the client's own; never empty here
	Node         int    `json:"node"`
	ClientType   int    `json:"ct"`
	CustomType   int    `json:"cct,omitempty"`
	CustomTag    string `json:"tag,omitempty"`
	OS           string `json:"os,omitempty"`
	DeviceInfo   string `json:"info,omitempty"`
	SDKVersion   string `json:"sdk,omitempty"`
	IP           string `json:"ip,omitempty"`
	LoginMs      int64  `json:"at"`
	// Product is the SDK product that holds the connection, "" for NIM. Products
	// are independent of each other: none sees or displaces another's devices.
	Product string `json:"p,omitempty"`
	// Room is the chat room that the connection is in.
	Room int64 `json:"room,omitempty"`
	// Lost is set when the device went away without a good-bye.
	Lost bool `json:"lost,omitempty"`
}

// Key names the account the device belongs to.
func (d *Device) Key() Key { return Key{d.App, d.Accid} }

// Key names an account inside an app.
type Key struct{ App, Accid string }

// Encode packs d for the bus.
func (d *Device) Encode() []byte {
	b, _ := json.Marshal(d) // strings and numbers only: cannot fail
	return b
}

// DecodeDevice is the inverse of Encode.
func DecodeDevice(b []byte) (*Device, error) {
	var d Device
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// KickReason is why a connection is told to leave (docs/protocol/nim-core.md section 3.6).
type KickReason int

// Kick reasons; 0 means stay.
const (
	Stay            KickReason = 0
	KickPolicy      KickReason = 1 // exclusive policy
	KickServer      KickReason = 2 // by the app's server
	KickOtherDevice KickReason = 3 // another device of the account asked for it
	KickSameDevice  KickReason = 4 // the same device logged in again
)

// Displaced says whether old must leave because newer has logged in under the
// app's policy (docs/protocol/nim-core.md section 3.4). The same device id of
// the same account always replaces itself.
func Displaced(set *app.Settings, old, newer *Device) KickReason {
	if old.ConnectionID == newer.ConnectionID || old.Key() != newer.Key() || old.Product != newer.Product {
		return Stay
	}
	if old.DeviceID == newer.DeviceID {
		return KickSameDevice
	}
	switch set.MultiDevicePolicy {
	case 1:
		return KickPolicy
	case 2:
		if mobile(old.ClientType) == mobile(newer.ClientType) {
			return KickPolicy
		}
	case 4:
		if set.MultiDeviceMatrix[typeForMatrix(set, newer)][typeForMatrix(set, old)] {
			return KickPolicy
		}
	}
	return Stay
}

// Exclusive says whether newer's login would make other devices leave for
// policy reasons: a mere reconnect must not do that to a device that replaced
// it (docs/protocol/nim-core.md section 3.3, code 417).
func Exclusive(set *app.Settings, others []*Device, newer *Device) bool {
	for _, o := range others {
		if Displaced(set, o, newer) == KickPolicy {
			return true
		}
	}
	return false
}

func mobile(clientType int) bool {
	switch clientType {
	case ClientAndroid, ClientIOS, ClientWinPh, ClientHarmony:
		return true
	}
	return false
}

// typeForMatrix is the custom client type where the matrix knows it, else the
// built-in one.
func typeForMatrix(set *app.Settings, d *Device) int64 {
	if c := int64(d.CustomType); c > 0 {
		if set.MultiDeviceMatrix[c] != nil {
			return c
		}
		for _, olds := range set.MultiDeviceMatrix {
			if olds[c] {
				return c
			}
		}
	}
	return int64(d.ClientType)
}

// Kick is the body of im.EventKick: which devices of an account must leave.
type Kick struct {
	Reason     KickReason `json:"r"`
	ByClient   int        `json:"ct"`            // client type of who caused it
	CustomType int        `json:"cct,omitempty"` // and its custom type
	Ext        string     `json:"x,omitempty"`
	Except     string     `json:"not,omitempty"` // connection id that stays
	Devices    []string   `json:"dev,omitempty"` // device ids; empty = all
	BeforeMs   int64      `json:"b,omitempty"`   // only those logged in before; 0 = all
	Product    *string    `json:"p,omitempty"`   // only this product's; nil = every product's
}

// Encode packs k for the bus.
func (k *Kick) Encode() []byte {
	b, _ := json.Marshal(k) // strings and numbers only: cannot fail
	return b
}

// DecodeKick is the inverse of Encode.
func DecodeKick(b []byte) (*Kick, error) {
	var k Kick
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, err
	}
	return &k, nil
}

// Hits says whether d is meant by k.
func (k *Kick) Hits(d *Device) bool {
	if d.ConnectionID == k.Except || k.BeforeMs != 0 && d.LoginMs >= k.BeforeMs || k.Product != nil && *k.Product != d.Product {
		return false
	}
	if len(k.Devices) == 0 {
		return true
	}
	for _, id := range k.Devices {
		if id == d.DeviceID {
			return true
		}
	}
	return false
}

// KickAll asks every node to close the account's connections.
func KickAll(bus im.Publisher, app, accid, ext string) {
	k := Kick{Reason: KickServer, ByClient: ClientServer, Ext: ext}
	bus.Publish(im.Event{Kind: im.EventKick, App: app, To: accid, Body: k.Encode()})
}
