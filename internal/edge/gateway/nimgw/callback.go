package nimgw

import (
	"context"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/friend"
)

// Operations asks the app's server whether a client's operation may go on
// (docs/api/callbacks.md section 5). Messages are asked about by the domain.
type Operations interface {
	Operation(ctx context.Context, a *app.App, event int, env string, body any) error
}

// Events of operations.
const (
	askCard         = 3
	askAddFriend    = 4
	askDeleteFriend = 5
	askRecall       = 35
)

// ask asks about an operation; nobody is asked when there is nobody.
func (p *Product) ask(ctx context.Context, s *gateway.Session, event int, env string, body any) error {
	if p.c.Operations == nil {
		return nil
	}
	return p.c.Operations.Operation(ctx, s.App(), event, env, body)
}

// operator is the fields that most operations begin with.
type operator struct {
	EventType  int    `json:"eventType"`
	Account    string `json:"fromAccount"`
	Device     string `json:"fromDeviceId,omitempty"`
	ClientType string `json:"fromClientType,omitempty"`
	IP         string `json:"fromClientIp,omitempty"`
	Port       string `json:"fromClientPort,omitempty"`
	Time       string `json:"timestamp"` // ms
}

func (p *Product) operator(s *gateway.Session, event int) operator {
	d, peer := s.Login().Device, peerOf(s)
	return operator{EventType: event, Account: d.Accid, Device: d.DeviceID, ClientType: im.ClientTypeName(d.ClientType), IP: peer.IP, Port: peer.Port,
		Time: strconv.FormatInt(p.c.Clock.NowMs(), 10)}
}

// cardQuestion is the body of event 3; its names are not those of the others.
type cardQuestion struct {
	EventType  int     `json:"eventType"`
	Account    string  `json:"account"`
	Device     string  `json:"deviceId,omitempty"`
	ClientType string  `json:"clientType,omitempty"`
	Name       *string `json:"name,omitempty"`
	Icon       *string `json:"icon,omitempty"`
	Sign       *string `json:"sign,omitempty"`
	Email      *string `json:"email,omitempty"`
	Birth      *string `json:"birth,omitempty"`
	Mobile     *string `json:"mobile,omitempty"`
	Gender     *int    `json:"gender,omitempty"`
	Ex         *string `json:"ex,omitempty"`
	Time       string  `json:"timestamp"`
}

// friendQuestion is the body of events 4 and 5.
type friendQuestion struct {
	operator
	To   string `json:"to"`
	Type int64  `json:"type,omitempty"`
	Msg  string `json:"msg,omitempty"`
}

// askingFriend is the session, about which the app's server is asked when the
// parameters of its operation have been checked.
func (p *Product) askingFriend(s *gateway.Session, event int, to string, kind int64, msg string) friend.By {
	return friend.By{Origin: s.ID, Copy: copyFacts(s), Ask: func(ctx context.Context) error {
		return p.ask(ctx, s, event, "", friendQuestion{p.operator(s, event), to, kind, msg})
	}}
}

// recallQuestion is the body of event 35.
type recallQuestion struct {
	operator
	Author   string `json:"msgFromAccid"`
	ID       int64  `json:"msgId"`
	IDClient string `json:"msgidClient,omitempty"`
	Sent     int64  `json:"time,omitempty"` // ms
	Kind     int64  `json:"opeType"`
	To       string `json:"toAccount"`
	Msg      string `json:"msg,omitempty"`
	Attach   string `json:"attach,omitempty"`
}

func (p *Product) askAboutRecall(ctx context.Context, s *gateway.Session, kind int64, w *nimwire.RecallParams) error {
	sent := w.Time.Int()
	if id := w.DeletedIdServer.Int(); sent == 0 && id != 0 {
		sent = im.IDTimeMs(id)
	}
	return p.ask(ctx, s, askRecall, w.Env.String(), recallQuestion{operator: p.operator(s, askRecall), Author: w.From.String(), ID: w.DeletedIdServer.Int(),
		IDClient: w.DeletedIdClient.String(), Sent: sent, Kind: kind, To: w.To.String(), Msg: w.Ps.String(), Attach: w.Attach.String()})
}
