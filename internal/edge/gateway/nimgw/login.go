package nimgw

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/presence"
)

func (p *Product) heartbeat(context.Context, *gateway.Session, *gateway.None) (*gateway.None, error) {
	return nil, nil // the gateway answers heartbeats before dispatch
}

// login is 2-3 (docs/protocol/nim-core.md section 3).
func (p *Product) login(ctx context.Context, s *gateway.Session, req *nimwire.LoginRequest) (*nimwire.LoginResponse, error) {
	if s.Login() != nil {
		return nil, im.Errorf(im.CodeRepeated, "already logged in")
	}
	resp, err := p.logIn(ctx, s, &req.Login)
	if err != nil {
		p.c.Refused.Add(faillog.Refusal{API: Name, App: req.Login.Appkey.String(), Accid: req.Login.Account.String(), Peer: s.Peer.Addr().Unmap().String(),
			Reason: im.PublicText(err), Code: int(im.CodeOf(err))})
		p.loginFailed(s, &req.Login, err)
		// The SDK closes the socket itself; an unanswered peer is closed by the
		// login time-out.
		return nil, err
	}
	return resp, nil
}

func (p *Product) logIn(ctx context.Context, s *gateway.Session, r *nimwire.LoginParams) (*nimwire.LoginResponse, error) {
	a, ok := p.c.Apps.Get(r.Appkey.String())
	if !ok {
		return nil, im.Errorf(im.CodeBadLogin, "no such app")
	}
	for _, f := range []struct {
		v     wire.Value
		limit int
	}{{r.Token, 4096}, {r.LoginExt, 4096}, {r.CustomTag, 32}, {r.DeviceId, 128}, {r.DeviceInfo, 4096}, {r.Os, 128}} {
		if utf8.RuneCountInString(f.v.String()) > f.limit {
			return nil, im.Errorf(im.CodeBadParam, "login field too long")
		}
	}
	l := account.Login{
		Accid: r.Account.String(), Token: r.Token.String(), AuthType: int(r.AuthType.Int()), Ext: r.LoginExt.String(),
		CustomTag: r.CustomTag.String(), CustomClientType: int(r.CustomClientType.Int()), ClientType: int(r.ClientType.IntOr(presence.ClientWeb)),
		DeviceID: r.DeviceId.String(), IP: s.Peer.Addr().String(), Port: strconv.Itoa(int(s.Peer.Port())), Automatic: !r.AppLogin.Bool(),
	}
	acc, err := p.c.Accounts.Authenticate(ctx, a, l)
	if err != nil {
		return nil, err
	}
	d := &presence.Device{
		// Cloned: decoded values share one copy of the whole request, user agent included.
		App: a.Key, Accid: acc.Accid, ConnectionID: s.ID, DeviceID: strings.Clone(l.DeviceID), Node: p.c.Node, ClientType: l.ClientType,
		CustomType: l.CustomClientType, CustomTag: strings.Clone(l.CustomTag), OS: strings.Clone(r.Os.String()), DeviceInfo: strings.Clone(r.DeviceInfo.String()),
		SDKVersion: strings.Clone(r.SdkHumanVersion.String()), IP: l.IP, LoginMs: p.c.Clock.NowMs(),
	}
	client := d.DeviceID
	if d.DeviceID == "" {
		// 0.15.0 sends an empty device id: two tabs must not count as one device
		// (docs/protocol/nim-core.md section 2.9).
		d.DeviceID = "server-" + s.ID
		client = strings.Join([]string{d.IP, strconv.Itoa(d.ClientType), d.SDKVersion}, "|")
	}
	others := p.c.Directory.Devices(a.Key, acc.Accid)
	if l.Automatic && presence.Exclusive(&a.Settings, others, d) {
		return nil, im.Errorf(im.CodeRepeated, "another device has taken this account's place")
	}
	ports := make([]nimwire.LoginPort, 0, len(others)+1)
	var known []string
	for _, o := range others {
		// The later login stays. Two in one millisecond, or one on a node whose
		// clock is behind, must not look like the earlier one.
		d.LoginMs = max(d.LoginMs, o.LoginMs+1)
		if presence.Displaced(&a.Settings, o, d) == presence.Stay {
			ports, known = append(ports, port(o)), append(known, o.ConnectionID)
		}
	}
	ports = append(ports, port(d))
	s.LogIn(&gateway.Login{App: a, Device: d, Product: Name, Auto: l.Automatic, SDK: d.SDKVersion, SDKNo: int(r.SdkVersion.Int()), Client: client, Others: known})
	p.record(s, 2, "")
	return &nimwire.LoginResponse{
		LoginRes:   &nimwire.LoginResult{ConnectionId: wire.Str(s.ID), Ip: wire.Str(l.IP), Port: wire.Str(l.Port), CustomTag: r.CustomTag},
		LoginPorts: ports,
	}, nil
}

func port(d *presence.Device) nimwire.LoginPort {
	lp := nimwire.LoginPort{
		Type: wire.Int(int64(d.ClientType)), Os: wire.Str(d.OS), DeviceId: wire.Str(d.DeviceID), Account: wire.Str(d.Accid),
		ConnectionId: wire.Str(d.ConnectionID), Ip: wire.Str(d.IP), Time: wire.Int(d.LoginMs),
	}
	if d.CustomTag != "" {
		lp.CustomTag = wire.Str(d.CustomTag)
	}
	if d.DeviceInfo != "" {
		lp.DeviceInfo = wire.Str(d.DeviceInfo)
	}
	return lp
}

// logout is 2-6. SDKs up to 0.11.1 wait for the answer before they close.
func (p *Product) logout(_ context.Context, s *gateway.Session, _ *gateway.None) (*gateway.None, error) {
	s.Leave(gateway.ReasonLogout)
	return nil, nil
}

// kick is 2-8: other devices of the caller's account, by device id
// (docs/protocol/nim-core.md section 3.7).
func (p *Product) kick(_ context.Context, s *gateway.Session, req *nimwire.KickRequest) (*nimwire.KickResponse, error) {
	me := s.Login().Device
	k := presence.Kick{Reason: presence.KickOtherDevice, ByClient: me.ClientType, CustomType: me.CustomType, Except: s.ID, Product: &me.Product}
	done := []string{}
	for _, id := range req.DeviceIds {
		for _, d := range p.c.Directory.Devices(me.App, me.Accid) {
			if d.DeviceID == id && d.ConnectionID != s.ID {
				done = append(done, id)
				break
			}
		}
	}
	if len(done) > 0 {
		k.Devices = done
		p.c.Bus.Publish(im.Event{Kind: im.EventKick, App: me.App, To: me.Accid, Origin: s.ID, Body: k.Encode()})
	}
	return &nimwire.KickResponse{DeviceIds: done}, nil
}

// Closed implements gateway.Product.
func (p *Product) Closed(s *gateway.Session, why gateway.Reason) {
	p.c.Subscriptions.Offline(s.Login().Device)
	p.record(s, 3, why)
}

func (p *Product) record(s *gateway.Session, event int, why gateway.Reason) {
	l := s.Login()
	d := l.Device
	p.c.LoginLog.Add(account.LoginRecord{App: d.App, Accid: d.Accid, TimeMs: p.c.Clock.NowMs(), Event: event,
		ClientType: d.ClientType, IP: d.IP, Device: d.DeviceID, CustomTag: d.CustomTag, SDKVersion: l.SDKNo,
		Copy: p.copyOf(s, eventcopy.Event(event), l.SDKNo, why)})
}

// onDeviceUp makes the devices that the newcomer displaces leave, and tells the
// others of it. Every node does so for its own connections.
func (p *Product) onDeviceUp(ev im.Event, sessions []*gateway.Session) {
	d, err := presence.DecodeDevice(ev.Body)
	if err != nil {
		p.c.Log.Error("device event", "err", err)
		return
	}
	if d.Product != "" {
		return // another product's device is none of NIM's
	}
	a, ok := p.c.Apps.Get(d.App)
	if !ok {
		return
	}
	surplus := map[string]bool{}
	if all := p.c.Directory.Devices(d.App, d.Accid); a.Settings.MultiDevicePolicy >= 3 && len(all) > int(a.Settings.MultiDeviceMax) {
		for _, o := range all[:len(all)-int(a.Settings.MultiDeviceMax)] {
			surplus[o.ConnectionID] = o.ConnectionID != d.ConnectionID
		}
	}
	var frame []byte
	others(ev, sessions, func(s *gateway.Session) {
		old := s.Login().Device
		reason := presence.Stay
		// Events of two simultaneous logins cross: the later one stays, on every node.
		if later := old.LoginMs > d.LoginMs || old.LoginMs == d.LoginMs && old.ConnectionID > d.ConnectionID; !later {
			reason = presence.Displaced(&a.Settings, old, d)
		} else if presence.Displaced(&a.Settings, d, old) != presence.Stay || slices.Contains(s.Login().Others, d.ConnectionID) {
			return // the other one leaves, or is known from the answer to the login
		}
		if reason == presence.Stay && surplus[old.ConnectionID] {
			reason = presence.KickPolicy
		}
		if reason != presence.Stay {
			sendKick(s, &presence.Kick{Reason: reason, ByClient: d.ClientType, CustomType: d.CustomType})
			return
		}
		if frame == nil {
			frame = pushFrame(nimwire.MultiPortLogin.PushID(), &nimwire.MultiPortLoginResponse{State: 2, LoginPorts: []nimwire.LoginPort{port(d)}})
		}
		s.PutFrame(frame)
	})
}

func (p *Product) onDeviceDown(ev im.Event, sessions []*gateway.Session) {
	d, err := presence.DecodeDevice(ev.Body)
	if err != nil {
		p.c.Log.Error("device event", "err", err)
		return
	}
	if d.Product != "" {
		return // another product's device is none of NIM's
	}
	frame := pushFrame(nimwire.MultiPortLogin.PushID(), &nimwire.MultiPortLoginResponse{State: 3, LoginPorts: []nimwire.LoginPort{port(d)}})
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}

func (p *Product) onKick(ev im.Event, sessions []*gateway.Session) {
	k, err := presence.DecodeKick(ev.Body)
	if err != nil {
		p.c.Log.Error("kick event", "err", err)
		return
	}
	others(ev, sessions, func(s *gateway.Session) {
		if k.Hits(s.Login().Device) {
			sendKick(s, k)
		}
	})
}

// sendKick is 2-5; the SDK does not reconnect after it.
func sendKick(s *gateway.Session, k *presence.Kick) {
	r := &nimwire.KickedResponse{ClientType: int64(k.ByClient), Reason: int64(k.Reason)}
	if k.Ext != "" || k.CustomType != 0 {
		r.Ext = wire.Str(k.Ext)
	}
	if k.CustomType != 0 {
		r.CustomClientType = wire.Int(int64(k.CustomType))
	}
	s.Push(nimwire.Kicked.PushID(), r)
	if k.Reason == presence.KickOtherDevice {
		s.Finish(gateway.ReasonKickedByOwn)
		return
	}
	s.Finish(gateway.ReasonKicked)
}
