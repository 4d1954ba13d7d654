package qchatgw

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/qchatwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/presence"
)

// Kick reasons of 24-5 (docs/protocol/qchat.md section 4.2).
const (
	kickSamePlatform = 1
	kickServer       = 2
	kickOtherClient  = 3
	kickSilent       = 4
)

func (p *Product) heartbeat(context.Context, *gateway.Session, *gateway.None) (*gateway.None, error) {
	return nil, nil // the gateway answers heartbeats before dispatch
}

// login is 24-2 (docs/protocol/qchat.md section 4.1). There is no telling a
// reconnect from a first login.
func (p *Product) login(ctx context.Context, s *gateway.Session, req *qchatwire.QchatLoginRequest) (*qchatwire.QchatLoginResponse, error) {
	if s.Login() != nil {
		return nil, im.Errorf(im.CodeRepeated, "already logged in")
	}
	r := &req.QchatLoginReqTag
	resp, err := p.logIn(ctx, s, r)
	if err != nil {
		p.c.Refused.Add(faillog.Refusal{API: Name, App: r.Appkey.String(), Accid: r.Account.String(), Peer: s.Peer.Addr().Unmap().String(),
			Reason: im.PublicText(err), Code: int(im.CodeOf(err))})
	}
	return resp, err
}

func (p *Product) logIn(ctx context.Context, s *gateway.Session, r *qchatwire.Login) (*qchatwire.QchatLoginResponse, error) {
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
		DeviceID: r.DeviceId.String(), IP: s.Peer.Addr().String(), Port: strconv.Itoa(int(s.Peer.Port())),
	}
	acc, err := p.c.Accounts.Authenticate(ctx, a, l)
	if err != nil {
		return nil, err
	}
	d := &presence.Device{
		// Cloned: decoded values share one copy of the whole request.
		App: a.Key, Accid: acc.Accid, ConnectionID: s.ID, DeviceID: strings.Clone(l.DeviceID), Node: p.c.Node, ClientType: l.ClientType,
		CustomType: l.CustomClientType, CustomTag: strings.Clone(l.CustomTag), OS: strings.Clone(r.Os.String()), DeviceInfo: strings.Clone(r.DeviceInfo.String()),
		SDKVersion: strings.Clone(r.SdkHumanVersion.String()), IP: l.IP, LoginMs: p.c.Clock.NowMs(), Product: Name,
	}
	if d.DeviceID == "" {
		d.DeviceID = "server-" + s.ID
	}
	devices := []qchatwire.Login{}
	var known []string
	for _, o := range p.c.Directory.DevicesOf(Name, a.Key, acc.Accid) {
		d.LoginMs = max(d.LoginMs, o.LoginMs+1) // the later login stays
		if presence.Displaced(&a.Settings, o, d) == presence.Stay {
			devices, known = append(devices, device(o)), append(known, o.ConnectionID)
		}
	}
	// The client's name keeps apart from NIM: both use one device id.
	s.LogIn(&gateway.Login{App: a, Device: d, Product: Name, SDK: d.SDKVersion, Client: Name + "|" + d.DeviceID, Others: known})
	own := device(d)
	own.Appkey, own.ClientPort = r.Appkey, wire.Str(l.Port)
	return &qchatwire.QchatLoginResponse{QchatLoginResTag: &own, QchatMultiLoginResult: devices}, nil
}

// device is a device as others of its account see it.
func device(d *presence.Device) qchatwire.Login {
	l := qchatwire.Login{
		Account: wire.Str(d.Accid), ClientType: wire.Int(int64(d.ClientType)), DeviceId: wire.Str(d.DeviceID), Consid: wire.Str(d.ConnectionID),
		ClientIP: wire.Str(d.IP), LoginTime: wire.Int(d.LoginMs),
	}
	for _, f := range []struct {
		to   *wire.Value
		text string
	}{{&l.CustomTag, d.CustomTag}, {&l.Os, d.OS}, {&l.DeviceInfo, d.DeviceInfo}} {
		if f.text != "" {
			*f.to = wire.Str(f.text)
		}
	}
	if d.CustomType != 0 {
		l.CustomClientType = wire.Int(int64(d.CustomType))
	}
	return l
}

// exit is 24-4.
func (p *Product) exit(_ context.Context, s *gateway.Session, _ *gateway.None) (*gateway.None, error) {
	s.Leave(gateway.ReasonLogout)
	return nil, nil
}

// sync is 24-19 (section 4.3): from now on the connection gets the messages of its
// servers. Nothing is stored that would have to be synced.
func (p *Product) sync(ctx context.Context, s *gateway.Session, _ *qchatwire.QchatSyncRequest) (*qchatwire.QchatSyncResponse, error) {
	if p.c.Chat != nil {
		err := s.EnterRooms(ctx, func(ctx context.Context) ([]im.ConvKey, error) { return p.c.Chat.Rooms(ctx, s.App().Key, s.Accid()) })
		if err != nil {
			return nil, err
		}
	}
	return &qchatwire.QchatSyncResponse{Timetag: p.c.Clock.NowMs()}, nil
}

// kick is 24-9: other devices of the caller's account.
func (p *Product) kick(_ context.Context, s *gateway.Session, req *qchatwire.QchatKickRequest) (*qchatwire.QchatKickResponse, error) {
	me := s.Login().Device
	k := presence.Kick{Reason: presence.KickOtherDevice, ByClient: me.ClientType, CustomType: me.CustomType, Except: s.ID, Product: &me.Product}
	done := []string{}
	for _, id := range req.DeviceIds {
		for _, d := range p.c.Directory.DevicesOf(Name, me.App, me.Accid) {
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
	return &qchatwire.QchatKickResponse{DeviceIds: done}, nil
}

// onDeviceUp makes the devices that the newcomer displaces leave, and tells the
// others of it. Every node does so for its own connections.
func (p *Product) onDeviceUp(ev im.Event, sessions []*gateway.Session) {
	d, err := presence.DecodeDevice(ev.Body)
	if err != nil || d.Product != Name {
		return // another product's device is none of ours
	}
	a, ok := p.c.Apps.Get(d.App)
	if !ok {
		return
	}
	surplus := map[string]bool{}
	if all := p.c.Directory.DevicesOf(Name, d.App, d.Accid); a.Settings.MultiDevicePolicy >= 3 && len(all) > int(a.Settings.MultiDeviceMax) {
		for _, o := range all[:len(all)-int(a.Settings.MultiDeviceMax)] {
			surplus[o.ConnectionID] = o.ConnectionID != d.ConnectionID
		}
	}
	frame := changeFrame(1, d)
	others(ev, sessions, func(s *gateway.Session) {
		old := s.Login().Device
		reason := presence.Stay
		// Events of two simultaneous logins cross: the later one stays, on every node.
		if later := old.LoginMs > d.LoginMs || old.LoginMs == d.LoginMs && old.ConnectionID > d.ConnectionID; !later {
			reason = presence.Displaced(&a.Settings, old, d)
		} else if presence.Displaced(&a.Settings, d, old) != presence.Stay {
			return // the other one leaves
		}
		if reason == presence.Stay && surplus[old.ConnectionID] {
			reason = presence.KickPolicy
		}
		if reason != presence.Stay {
			sendKick(s, &presence.Kick{Reason: reason, ByClient: d.ClientType, CustomType: d.CustomType})
			return
		}
		for _, known := range s.Login().Others {
			if known == d.ConnectionID {
				return // named by the answer to its login
			}
		}
		s.PutFrame(frame)
	})
}

func (p *Product) onDeviceDown(ev im.Event, sessions []*gateway.Session) {
	d, err := presence.DecodeDevice(ev.Body)
	if err != nil || d.Product != Name {
		return
	}
	frame := changeFrame(2, d)
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}

// changeFrame is 24-8: a device of the account came (1) or went (2).
func changeFrame(state int64, d *presence.Device) []byte {
	l := device(d)
	return pushFrame(qchatwire.QchatMultiSpotLogin.PushID(), &qchatwire.QchatMultiSpotLoginResponse{State: state, QchatLoginResTag: &l})
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

// sendKick is 24-5; the SDK does not reconnect after it.
func sendKick(s *gateway.Session, k *presence.Kick) {
	reason := int64(kickSamePlatform)
	switch k.Reason {
	case presence.KickServer:
		reason = kickServer
	case presence.KickOtherDevice:
		reason = kickOtherClient
	case presence.KickSameDevice:
		reason = kickSilent
	}
	b := &qchatwire.BeKicked{ClientType: wire.Int(int64(k.ByClient)), Reason: wire.Int(reason)}
	if k.Ext != "" {
		b.Ext = wire.Str(k.Ext)
	}
	if k.CustomType != 0 {
		b.CustomClientType = wire.Int(int64(k.CustomType))
	}
	s.Push(qchatwire.QchatBeKicked.PushID(), &qchatwire.QchatBeKickedResponse{BeKickedTag: b})
	s.Finish(gateway.ReasonKicked)
}
