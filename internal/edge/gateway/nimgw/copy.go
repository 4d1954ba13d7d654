package nimgw

import (
	"strconv"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/presence"
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
	leftByOwn    = 3
	leftByPolicy = 4 // also for kicks by the app's server
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
		case gateway.ReasonKickedByOwn:
			b.Reason = leftByOwn
		case gateway.ReasonKicked:
			b.Reason = leftByPolicy
		default:
			b.Reason = leftLost
		}
	}
	return eventcopy.New(l.App, e, eventcopy.AccountLane(d.Accid), "", b)
}

// failedLoginCopy is the body of event 84.
type failedLoginCopy struct {
	EventType  string `json:"eventType"`
	Event      string `json:"event"` // 1: IM
	Accid      string `json:"accid"`
	ClientType string `json:"clientType,omitempty"`
	AppLogin   string `json:"appLogin,omitempty"`
	CustomTag  string `json:"customTag,omitempty"`
	SDK        string `json:"sdkVersion,omitempty"`
	SDKName    string `json:"sdkHumanVersion,omitempty"`
	SDKType    string `json:"sdkType,omitempty"`
	Conn       string `json:"consid"`
	IP         string `json:"clientIp,omitempty"`
	Device     string `json:"deviceId,omitempty"`
	Time       string `json:"timestamp"` // ms
	Code       string `json:"code"`
	Reason     string `json:"failReason,omitempty"`
}

// maxCopiedField bounds each field of a login that failed, in bytes: nobody has
// checked them.
const maxCopiedField = 128

// loginFailed has the copy of a login that failed stored. It is no record of the
// account, which may not even exist.
func (p *Product) loginFailed(s *gateway.Session, r *nimwire.LoginParams, err error) {
	a, ok := p.c.Apps.Get(r.Appkey.String())
	if !ok || !eventcopy.Wanted(a, eventcopy.LoginFailed) {
		return
	}
	field := func(v wire.Value) string {
		text := v.String()
		return strings.ToValidUTF8(strings.Clone(text[:min(len(text), maxCopiedField)]), "")
	}
	code := im.CodeOf(err)
	b := failedLoginCopy{EventType: eventcopy.LoginFailed.Text(), Event: "1", Accid: field(r.Account), ClientType: im.ClientTypeName(int(r.ClientType.IntOr(presence.ClientWeb))),
		AppLogin: field(r.AppLogin), CustomTag: field(r.CustomTag), SDK: field(r.SdkVersion), SDKName: field(r.SdkHumanVersion), SDKType: field(r.HostEnv),
		Conn: s.ID, IP: s.Peer.Addr().Unmap().String(), Device: field(r.DeviceId), Time: eventcopy.Ms(p.c.Clock.NowMs()), Code: strconv.Itoa(int(code)),
		Reason: failReason(code, a.Disabled)}
	p.c.LoginLog.Add(account.LoginRecord{App: a.Key, Event: account.RecordFailed,
		Copy: eventcopy.New(a, eventcopy.LoginFailed, eventcopy.AccountLane(b.Accid), "", b)})
}

// failReason is the word for a code (docs/api/copy.md section 4).
func failReason(code im.Code, disabled bool) string {
	switch {
	case code == im.CodeForbidden && disabled:
		return "special.app.forbidden"
	case code == im.CodeForbidden:
		return "authType.forbidden"
	case code == im.CodeBadParam:
		return "param.error"
	case code == im.CodeBlocked:
		return "account.block"
	case code == im.CodeBadLogin:
		return "login.token.error"
	case code == im.CodeInternal:
		return "res.eunknown"
	}
	return ""
}
