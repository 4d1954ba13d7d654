package nimgw

import (
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/notice"
)

// copyFacts is what copies of notifications tell of their sender.
func copyFacts(s *gateway.Session) notice.CopyFacts {
	return notice.CopyFacts{ClientType: s.Login().Device.ClientType, Peer: peerOf(s)}
}

// loginCopy is the body of events 2 and 3 (docs/api/copy.md section 4).
type loginCopy struct {
	EventType  string `json:"eventType"`
	Accid      string `json:"accid"`
	IP         string `json:"clientIp,omitempty"`
	ClientType string `json:"clientType,omitempty"`
	Code       string `json:"code"`
	SDK        string `json:"sdkVersion,omitempty"`
	SDKName    string `json:"sdkHumanVersion,omitempty"`
	Time       string `json:"timestamp"` // ms
	CustomTag  string `json:"customTag,omitempty"`
	Device     string `json:"deviceId,omitempty"`
	Reason     int    `json:"logOutReason,omitempty"`
}

// Reasons of a logout.
const (
	leftByUser   = 1
	leftLost     = 2
	leftByPolicy = 4 // also for kicks by another device and by the server
)

// copyOf is the copy of a login or logout; it is stored with its record.
func (p *Product) copyOf(s *gateway.Session, e eventcopy.Event, sdk int, why gateway.Reason) *eventcopy.Copy {
	l := s.Login()
	if !eventcopy.Wanted(l.App, e) {
		return nil
	}
	d := l.Device
	b := loginCopy{EventType: e.Text(), Accid: d.Accid, IP: d.IP, ClientType: im.ClientTypeName(d.ClientType), Code: "200", SDKName: d.SDKVersion,
		Time: eventcopy.Ms(p.c.Clock.NowMs()), CustomTag: d.CustomTag, Device: d.DeviceID}
	if sdk != 0 {
		b.SDK = strconv.Itoa(sdk)
	}
	if e == eventcopy.Logout {
		switch why {
		case gateway.ReasonLogout:
			b.Reason = leftByUser
		case gateway.ReasonKicked:
			b.Reason = leftByPolicy
		default:
			b.Reason = leftLost
		}
	}
	return eventcopy.New(l.App, e, eventcopy.AccountLane(d.Accid), "", b)
}
