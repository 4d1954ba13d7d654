package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/device"
	"hongyan/internal/im/proxy"
)

// deviceRows are the commands of the device: push tokens, background state, pass-through.
func (p *Product) deviceRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.UpdatePushToken, p.updatePushToken),
		gateway.Handle(nimwire.UpdateAppBackground, p.updateAppBackground),
		gateway.Submit(nimwire.RequestProxy, p.requestProxy),
	}
}

// deviceEvents are the events of pass-through.
func (p *Product) deviceEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{proxy.Event: p.onProxy}
}

func pushDevice(s *gateway.Session) device.Device {
	d := s.Login().Device
	return device.Device{App: d.App, Accid: d.Accid, ID: d.DeviceID, ClientType: d.ClientType}
}

// updatePushToken is 3-1 (docs/protocol/nim-social.md section 13.4).
func (p *Product) updatePushToken(ctx context.Context, s *gateway.Session, req *nimwire.UpdatePushTokenRequest) (*gateway.None, error) {
	d := pushDevice(s)
	d.TokenName, d.Token, d.Pushkit = req.TokenName, req.Token, req.Pushkit
	return nil, p.c.Devices.SetToken(ctx, d)
}

// updateAppBackground is 3-2.
func (p *Product) updateAppBackground(ctx context.Context, s *gateway.Session, req *nimwire.UpdateAppBackgroundRequest) (*gateway.None, error) {
	d := pushDevice(s)
	d.Background, d.Badge = req.IsBackground, req.Badge
	return nil, p.c.Devices.SetBackground(ctx, d)
}

// requestProxy is 22-1. The app's server may take its time: the next requests
// of the session do not wait for it.
func (p *Product) requestProxy(_ context.Context, s *gateway.Session, req *nimwire.RequestProxyRequest, reply func(wire.REncoder, error)) error {
	w := req.RequestProxyTag
	r := proxy.Request{Zone: w.Zone.String(), Path: w.Path.String(), Method: w.Method.Int(), Headers: w.Header.String(), Body: w.Body.String()}
	a, accid := s.App(), s.Accid()
	return s.Background(reply, func(ctx context.Context) (wire.REncoder, error) {
		body, err := p.c.Proxy.Forward(ctx, a, accid, r)
		if err != nil {
			return nil, err
		}
		w.Body = wire.Str(body)
		return &nimwire.RequestProxyResponse{RequestProxyTag: &w}, nil
	})
}

// onProxy is 22-2: a message of the app's server.
func (p *Product) onProxy(ev im.Event, sessions []*gateway.Session) {
	m, err := proxy.Decode(ev.Body)
	if err != nil {
		p.c.Log.Error("proxy event", "err", err)
		return
	}
	frame := pushFrame(nimwire.OnRequestProxy.PushID(), &nimwire.OnRequestProxyResponse{ProxyMsg: &nimwire.ProxyMsg{
		From: wire.Str(m.From), Body: wire.Str(m.Body), Time: wire.Int(m.TimeMs)}})
	for _, s := range sessions {
		s.PutFrame(frame)
	}
}
