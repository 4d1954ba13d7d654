package chatroomgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/chatroom"
)

func (p *Product) info(r *chatroom.Room) chatroomwire.Room {
	return chatroomwire.Room{Id: wire.Int(r.ID), Name: wire.Str(r.Name), Announcement: wire.Str(r.Announcement), BroadcastUrl: wire.Str(r.BroadcastURL), Ext: wire.Str(r.Ext),
		CreateTime: wire.Int(r.CreatedMs), UpdateTime: wire.Int(r.UpdatedMs), Queuelevel: wire.Int(r.QueueLevel), Creator: wire.Str(r.Creator),
		OnlineMemberNum: wire.Int(int64(p.c.Rooms.Online(r.App, r.ID))), Mute: wire.Bool(r.Muted)}
}

// room is 13-13.
func (p *Product) room(ctx context.Context, s *gateway.Session, _ *gateway.None) (*chatroomwire.GetChatroomResponse, error) {
	r, err := p.c.Rooms.Get(ctx, s.App().Key, of(s).member.Room)
	if err != nil {
		return nil, err
	}
	info := p.info(r)
	return &chatroomwire.GetChatroomResponse{Chatroom: &info}, nil
}

// update is 13-14 (docs/protocol/chatroom.md section 6).
func (p *Product) update(ctx context.Context, s *gateway.Session, req *chatroomwire.UpdateChatroomRequest) (*gateway.None, error) {
	e, r := of(s), &req.Chatroom
	c := chatroom.Change{Name: text(r.Name), Announcement: text(r.Announcement), BroadcastURL: text(r.BroadcastUrl), Ext: text(r.Ext), By: *e.member,
		FromClient: e.client, Notify: req.NeedNotify, NotifyExt: req.Ext.String()}
	if r.Queuelevel.IsSet() {
		level, ok := r.Queuelevel.IntOK()
		if !ok {
			return nil, im.Errorf(im.CodeBadParam, "no queue level")
		}
		c.QueueLevel = &level
	}
	_, err := p.c.Rooms.Update(ctx, s.App().Key, e.member.Room, c)
	return nil, err
}

// closeRoom is 13-12.
func (p *Product) closeRoom(ctx context.Context, s *gateway.Session, req *chatroomwire.CloseChatroomRequest) (*gateway.None, error) {
	e := of(s)
	_, err := p.c.Rooms.SetOpen(ctx, s.App().Key, e.member.Room, *e.member, e.client, false, req.Ext)
	return nil, err
}

// send is 13-6 (section 9.2).
func (p *Product) send(ctx context.Context, s *gateway.Session, req *chatroomwire.SendChatroomMsgRequest) (*chatroomwire.SendChatroomMsgResponse, error) {
	e, r, a := of(s), &req.ChatroomMsg, s.App()
	var acc *account.Account
	if e.member.Role != chatroom.Anonymous {
		var err error
		if acc, err = p.c.Accounts.Get(ctx, a.Key, e.member.Accid); err != nil {
			return nil, err
		}
	}
	typ, ok := r.Type.IntOK()
	if !ok {
		return nil, im.Errorf(im.CodeBadParam, "no type of message")
	}
	q := chatroom.Send{App: a, From: e.member, Account: acc, Resend: r.Resend.Bool(), Connection: s.ID, ClientHit: r.ClientAntiSpam.Bool(),
		Allow:        func() bool { return e.sends.allow(p.c.Clock.NowMs(), a.Settings.RoomSendRate) },
		NoModeration: r.AntiSpamUsingYidun.IsSet() && !r.AntiSpamUsingYidun.Bool(),
		Msg: chatroom.Message{Room: e.member.Room, ClientID: r.IdClient.String(), Type: typ, SubType: r.SubType.Int(), Body: r.Body.String(), Ext: r.Ext.String(),
			NoHistory: r.SkipHistory.Bool(), HighPriority: r.HighPriority.Bool(), Target: r.NotifyTargetTags.String(), FromClient: e.client}}
	if r.NeedAntiSpam.Bool() {
		q.Spam = r.AntiSpamContent.String()
	}
	m, err := p.c.Rooms.Send(ctx, q)
	if err != nil {
		return nil, err
	}
	out := msg(m.Message)
	return &chatroomwire.SendChatroomMsgResponse{ChatroomMsg: &out}, nil
}

func msg(m *chatroom.Message) chatroomwire.Msg {
	out := chatroomwire.Msg{IdClient: wire.Str(m.ClientID), Type: wire.Int(m.Type), Time: wire.Int(m.TimeMs), From: wire.Str(m.From), ChatroomId: wire.Int(m.Room),
		FromClientType: wire.Int(m.FromClient)}
	for _, f := range []struct {
		to   *wire.Value
		text string
	}{{&out.Body, m.Body}, {&out.Ext, m.Ext}, {&out.FromNick, m.FromNick}, {&out.FromAvatar, m.FromAvatar}, {&out.FromExt, m.FromExt}, {&out.NotifyTargetTags, m.Target},
		{&out.YidunAntiSpamRes, m.SpamResult}} {
		if f.text != "" {
			*f.to = wire.Str(f.text)
		}
	}
	if m.SubType != 0 {
		out.SubType = wire.Int(m.SubType)
	}
	if m.CardMs != 0 {
		out.UserUpdateTime = wire.Int(m.CardMs)
	}
	if m.NoHistory {
		out.SkipHistory = wire.Bool(true)
	}
	if m.HighPriority {
		out.HighPriority = wire.Bool(true)
	}
	return out
}

// history is 13-9 (section 11).
func (p *Product) history(ctx context.Context, s *gateway.Session, req *chatroomwire.ChatroomQueryMessageHistoryRequest) (*chatroomwire.ChatroomQueryMessageHistoryResponse, error) {
	q := chatroom.History{Types: req.MsgTypes, Limit: int(req.Limit), Ascending: req.Reverse}
	if q.Ascending {
		q.AfterMs = req.Timetag
	} else {
		q.BeforeMs = req.Timetag
	}
	list, err := p.c.Rooms.History(ctx, s.App(), of(s).member.Room, q, false)
	if err != nil {
		return nil, err
	}
	out := make([]chatroomwire.Msg, len(list))
	for i, m := range list {
		out[i] = msg(m)
	}
	return &chatroomwire.ChatroomQueryMessageHistoryResponse{ChatroomMsgs: out}, nil
}

// onMessage is 13-7 to the connections of a room that a message is for, as far as
// their rate allows (section 9.4).
func (p *Product) onMessage(ev im.Event, sessions []*gateway.Session) {
	m, err := chatroom.DecodeMessage(ev.App, ev.Body)
	if err != nil {
		p.c.Log.Error("message event of a chat room", "err", err)
		return
	}
	target, err := chatroom.ParseTarget(m.Audience)
	if err != nil {
		p.c.Log.Error("message event of a chat room", "err", err)
		return
	}
	out := msg(m)
	frame := pushFrame(chatroomwire.OnChatroomMsg.PushID(), &chatroomwire.OnChatroomMsgResponse{ChatroomMsg: &out})
	ordinary, now := !m.HighPriority && (m.Type != chatroom.Notification || m.Passing), p.c.Clock.NowMs()
	others(ev, sessions, func(s *gateway.Session) {
		e := of(s)
		if !target.Match(e.member.Tags) {
			return
		}
		if ordinary && !e.receives.allow(now, s.App().Settings.RoomReceiveRate) {
			p.dropped.Inc()
			return
		}
		s.Offer(gateway.Delivery{Frame: frame})
	})
}
