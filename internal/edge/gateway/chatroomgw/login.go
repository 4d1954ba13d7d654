package chatroomgw

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/chatroom"
	"hongyan/internal/im/presence"
)

// Kick reasons of 13-3 (docs/protocol/chatroom.md section 5).
const (
	kickClosed = 1
	kickOther  = 3 // of the account's connections
	kickSilent = 4
)

// entered is what is remembered of a connection in a room.
type entered struct {
	member   *chatroom.Member
	client   int64       // its client type
	quiet    atomic.Bool // its leaving is not told
	sends    bucket      // the session's worker's
	receives bucket      // the lane's of the room's events

	mu              sync.Mutex // guards announced and gone
	announced, gone bool
}

// of returns what is remembered of a logged-in connection.
func of(s *gateway.Session) *entered { return s.Login().Data.(*entered) }

// bucket is a token bucket that one goroutine at a time uses.
type bucket struct {
	tokens float64
	lastMs int64
}

func (b *bucket) allow(nowMs, perSecond int64) bool {
	if perSecond <= 0 {
		return true
	}
	if b.lastMs == 0 {
		b.tokens = float64(perSecond)
	} else {
		b.tokens = min(float64(perSecond), b.tokens+float64(max(0, nowMs-b.lastMs))*float64(perSecond)/1000)
	}
	b.lastMs = nowMs
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (p *Product) heartbeat(context.Context, *gateway.Session, *gateway.None) (*gateway.None, error) {
	return nil, nil // the gateway answers heartbeats before dispatch
}

func (p *Product) serverTime(context.Context, *gateway.Session, *gateway.None) (*chatroomwire.GetServerTimeResponse, error) {
	return &chatroomwire.GetServerTimeResponse{Time: p.c.Clock.NowMs()}, nil
}

// login is 13-2 (docs/protocol/chatroom.md section 3).
func (p *Product) login(ctx context.Context, s *gateway.Session, req *chatroomwire.ChatroomLoginRequest, reply func(wire.REncoder, error)) error {
	if s.Login() != nil {
		return im.Errorf(im.CodeRepeated, "already logged in")
	}
	err := p.logIn(ctx, s, req, reply)
	if r := &req.ChatroomLogin; err != nil {
		p.c.Refused.Add(faillog.Refusal{API: Name, App: r.Appkey.String(), Accid: r.Account.String(), Peer: s.Peer.Addr().Unmap().String(),
			Reason: im.PublicText(err), Code: int(im.CodeOf(err))})
	}
	return err
}

func (p *Product) logIn(ctx context.Context, s *gateway.Session, req *chatroomwire.ChatroomLoginRequest, reply func(wire.REncoder, error)) error {
	r, l := &req.ChatroomLogin, &req.ChatroomIMLogin
	a, err := p.check(r, l)
	if err != nil {
		return err
	}
	who := account.Login{
		Accid: r.Account.String(), Token: l.Token.String(), AuthType: int(r.AuthType.IntOr(l.AuthType.Int())), Ext: r.LoginExt.Or(l.LoginExt.String()),
		CustomTag: l.CustomTag.String(), CustomClientType: int(l.CustomClientType.Int()), ClientType: int(l.ClientType.IntOr(presence.ClientWeb)),
		DeviceID: strings.Clone(r.DeviceId.Or(l.DeviceId.String())), IP: s.Peer.Addr().String(), Port: strconv.Itoa(int(s.Peer.Port())),
		Automatic: l.AppLogin.IntOr(1) == 0,
	}
	e := chatroom.Entry{Nick: text(r.ChatroomNick), Avatar: text(r.ChatroomAvatar), Ext: text(r.ChatroomExt), EnterExt: strings.Clone(r.ChatroomEnterExt.String()),
		Tags: r.Tags.String(), Target: strings.Clone(r.NotifyTargetTags.String()), Device: who.DeviceID, Automatic: who.Automatic}
	var ok bool
	if e.Room, ok = r.ChatroomId.IntOK(); !ok {
		return im.Errorf(im.CodeBadParam, "no room id")
	}
	if r.IsAnonymous.Bool() {
		e.Anonymous = strings.Clone(who.Accid)
	} else if e.Account, err = p.c.Accounts.Authenticate(ctx, a, who); err != nil {
		return err
	}
	_, m, err := p.c.Rooms.Enter(ctx, a, e)
	if err != nil {
		return err
	}
	d := &presence.Device{
		// Cloned: decoded values share one copy of the whole request.
		App: a.Key, Accid: m.Accid, ConnectionID: s.ID, DeviceID: who.DeviceID, Node: p.c.Node, ClientType: who.ClientType, CustomType: who.CustomClientType,
		CustomTag: strings.Clone(who.CustomTag), OS: strings.Clone(l.Os.String()), DeviceInfo: strings.Clone(l.DeviceInfo.String()),
		SDKVersion: strings.Clone(l.SdkHumanVersion.String()), IP: who.IP, LoginMs: m.EnterMs, Product: Name, Room: m.Room,
	}
	if d.DeviceID == "" {
		d.DeviceID = "server-" + s.ID
	}
	for _, o := range p.inRoom(d) {
		d.LoginMs = max(d.LoginMs, o.LoginMs+1) // the later login stays
	}
	data := &entered{member: m, client: int64(d.ClientType)}
	room := strconv.FormatInt(m.Room, 10)
	s.LogIn(&gateway.Login{App: a, Device: d, Product: Name, SDK: d.SDKVersion, SDKNo: int(l.SdkVersion.Int()), Client: Name + "|" + room + "|" + d.DeviceID, Data: data})
	answer, err := p.enter(ctx, s, m)
	if err != nil {
		reply(nil, err)
		s.Finish(gateway.ReasonLoginRefused)
		return nil
	}
	if back := (chatroom.Replaced{Room: m.Room, Accid: m.Accid, Device: d.DeviceID}); !who.Automatic {
		p.c.Rooms.Return(a.Key, back)
	} else if m.Role == chatroom.Anonymous {
		p.c.Rooms.AnonymousBack(a.Key, m.Room, d.DeviceID, s.ID)
	}
	// What happened in the room meanwhile comes after the answer.
	s.GoLive(nil, nil, func() { reply(answer, nil) })
	data.mu.Lock()
	defer data.mu.Unlock()
	if data.announced = !data.gone; data.announced {
		p.passing.put(notice{app: a, member: m, client: data.client, came: true, ext: e.EnterExt, connection: s.ID})
	}
	return nil
}

// check looks at what needs no store.
func (p *Product) check(r *chatroomwire.RoomLogin, l *chatroomwire.IMLogin) (*app.App, error) {
	if l.Appkey.IsSet() && l.Appkey.String() != r.Appkey.String() || l.Account.IsSet() && l.Account.String() != r.Account.String() {
		return nil, im.Errorf(im.CodeBadParam, "the two parts of the login do not agree")
	}
	a, ok := p.c.Apps.Get(r.Appkey.String())
	if !ok {
		return nil, im.Errorf(im.CodeForbidden, "no such app")
	}
	for _, f := range []struct {
		v     wire.Value
		limit int
	}{{l.Token, 4096}, {r.LoginExt, 4096}, {l.LoginExt, 4096}, {l.CustomTag, 32}, {r.DeviceId, 128}, {l.DeviceId, 128}, {l.DeviceInfo, 4096}, {l.Os, 128},
		{l.SdkHumanVersion, 128}, {r.Tags, 4096}} {
		if utf8.RuneCountInString(f.v.String()) > f.limit {
			return nil, im.Errorf(im.CodeBadParam, "login field too long")
		}
	}
	return a, nil
}

// text is a field that the client has sent, or nil.
func text(v wire.Value) *string {
	if !v.IsSet() {
		return nil
	}
	s := strings.Clone(v.String())
	return &s
}

// enter puts a connection where it gets what happens in its room, and looks at the
// room once more: who enters while it is closed must not stay.
func (p *Product) enter(ctx context.Context, s *gateway.Session, m *chatroom.Member) (*chatroomwire.ChatroomLoginResponse, error) {
	err := s.EnterRooms(ctx, func(context.Context) ([]im.ConvKey, error) { return []im.ConvKey{im.ChatroomKey(m.Room)}, nil })
	if err != nil {
		return nil, err
	}
	r, err := p.c.Rooms.Get(ctx, s.App().Key, m.Room)
	if err != nil {
		return nil, err
	}
	if !r.Open {
		return nil, im.Errorf(im.CodeRoomClosed, "the chat room is closed")
	}
	info := p.info(r)
	return &chatroomwire.ChatroomLoginResponse{Chatroom: &info, ChatroomMember: memberOf(m)}, nil
}

// memberOf is a member as its own login answers it (section 8.1).
func memberOf(m *chatroom.Member) *chatroomwire.Member {
	out := &chatroomwire.Member{ChatroomId: wire.Int(m.Room), Account: wire.Str(m.Accid), Type: wire.Int(int64(m.Role)), Nick: wire.Str(m.Nick), Avatar: wire.Str(m.Avatar),
		Ext: wire.Str(m.Ext), Online: wire.Bool(true), EnterTime: wire.Int(m.EnterMs), UpdateTime: wire.Int(m.EnterMs), Blacked: wire.Bool(false), Muted: wire.Bool(false),
		TempMuted: wire.Bool(false), TempMuteDuration: wire.Int(0)}
	switch m.Role {
	case chatroom.Owner:
		out.Valid = wire.Bool(true)
	case chatroom.Guest:
		out.Guest = wire.Bool(true) // with it the SDK says guest, whatever the type: so not for anonymous members
	}
	return out
}

// exit is 13-4. The client closes the socket when it has the answer.
func (p *Product) exit(_ context.Context, s *gateway.Session, _ *gateway.None) (*gateway.None, error) {
	s.Leave(gateway.ReasonLogout)
	return nil, nil
}

// inRoom returns the connections of a device's account in its room, oldest first.
func (p *Product) inRoom(d *presence.Device) []*presence.Device {
	all := p.c.Directory.DevicesOf(Name, d.App, d.Accid)
	out := all[:0]
	for _, o := range all {
		if o.Room == d.Room {
			out = append(out, o)
		}
	}
	return out
}

// onDeviceUp makes the connections leave that a new one of the account displaces
// (section 4.3). Every node does so for its own.
func (p *Product) onDeviceUp(ev im.Event, sessions []*gateway.Session) {
	d, err := presence.DecodeDevice(ev.Body)
	if err != nil || d.Product != Name {
		return
	}
	a, ok := p.c.Apps.Get(d.App)
	if !ok {
		return
	}
	surplus := map[string]bool{}
	if all, most := p.inRoom(d), int(a.Settings.RoomDevicesMax); len(all) > most {
		for _, o := range all[:len(all)-most] {
			surplus[o.ConnectionID] = true
		}
	}
	others(ev, sessions, func(s *gateway.Session) {
		old := s.Login().Device
		// Events of two simultaneous logins cross: the later one stays, on every node.
		if old.Room != d.Room || old.LoginMs > d.LoginMs || old.LoginMs == d.LoginMs && old.ConnectionID > d.ConnectionID {
			return
		}
		switch {
		case old.DeviceID == d.DeviceID: // most likely it is dead; a live one must not fight for its place
			kick(s, kickSilent)
		case a.Settings.RoomMultiLogin == "one" || surplus[old.ConnectionID]:
			p.c.Rooms.Replace(d.App, chatroom.Replaced{Room: d.Room, Accid: d.Accid, Device: old.DeviceID})
			kick(s, kickOther)
		}
	})
}

// onKick makes connections of an account leave that the app's server has blocked.
func (p *Product) onKick(ev im.Event, sessions []*gateway.Session) {
	k, err := presence.DecodeKick(ev.Body)
	if err != nil {
		p.c.Log.Error("kick event", "err", err)
		return
	}
	others(ev, sessions, func(s *gateway.Session) {
		if k.Hits(s.Login().Device) {
			kick(s, kickSilent)
		}
	})
}

// kick is 13-3; the SDK does not reconnect after it, but 0.15.0 does not know it.
func kick(s *gateway.Session, reason int64) {
	s.Push(chatroomwire.BeKickedFromChatroom.PushID(), &chatroomwire.BeKickedFromChatroomResponse{Reason: reason, Ext: wire.Str("")})
	s.Finish(gateway.ReasonKicked)
}
