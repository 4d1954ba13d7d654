package qchatgw

import (
	"context"
	"encoding/json"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/qchatwire"
	"hongyan/internal/im"
	"hongyan/internal/im/qchat"
)

// chatRows are servers, channels and messages, as far as they are served.
func (p *Product) chatRows() []gateway.Row {
	if p.c.Chat == nil {
		return nil
	}
	return []gateway.Row{
		gateway.Handle(qchatwire.QchatCreateServer, p.createServer),
		gateway.Handle(qchatwire.QchatGetServers, p.getServers),
		gateway.Handle(qchatwire.QchatApplyServerJoin, p.applyServerJoin),
		gateway.Handle(qchatwire.QchatCreateChannel, p.createChannel),
		gateway.Handle(qchatwire.QchatGetChannels, p.getChannels),
		gateway.Handle(qchatwire.QchatSendMsg, p.sendMsg),
		gateway.Handle(qchatwire.QchatGetHistoryMsg, p.history),
		gateway.Handle(qchatwire.QchatGetUnreadInfo, p.unreadInfo),
		gateway.Handle(qchatwire.QchatMarkMessageRead, p.markRead),
	}
}

// createServer is 24-31.
func (p *Product) createServer(ctx context.Context, s *gateway.Session, req *qchatwire.QchatCreateServerRequest) (*qchatwire.QchatCreateServerResponse, error) {
	r := &req.ServerInfo
	v, err := p.c.Chat.CreateServer(ctx, qchat.Server{App: s.App().Key, Name: r.Name.String(), Icon: r.Icon.String(), Ext: r.Ext.String(), Owner: s.Accid(),
		InviteMode: r.InviteMode.Int(), ApplyMode: r.ApplyMode.Int(), SearchType: r.SearchType.Int(), Searchable: r.SearchEnable.IntOr(1) != 0})
	if err != nil {
		return nil, err
	}
	info := serverInfo(v)
	return &qchatwire.QchatCreateServerResponse{ServerInfo: &info}, nil
}

func serverInfo(v *qchat.Server) qchatwire.ServerInfo {
	return qchatwire.ServerInfo{ServerId: wire.Int(v.ID), Name: wire.Str(v.Name), Icon: wire.Str(v.Icon), Ext: wire.Str(v.Ext), Owner: wire.Str(v.Owner),
		MemberNumber: wire.Int(v.Members), InviteMode: wire.Int(v.InviteMode), ApplyMode: wire.Int(v.ApplyMode), ValidFlag: wire.Bool(true),
		CreateTime: wire.Int(v.CreatedMs), UpdateTime: wire.Int(v.UpdatedMs), ChannelNumber: wire.Int(v.Channels), CategoryNumber: wire.Int(0),
		SearchType: wire.Int(v.SearchType), SearchEnable: wire.Bool(v.Searchable), ReorderWeight: wire.Int(0)}
}

// getServers is 24-34.
func (p *Product) getServers(ctx context.Context, s *gateway.Session, req *qchatwire.QchatGetServersRequest) (*qchatwire.QchatGetServersResponse, error) {
	list, err := p.c.Chat.Servers(ctx, s.App().Key, req.ServerIds)
	if err != nil {
		return nil, err
	}
	out := make([]qchatwire.ServerInfo, len(list))
	for i, v := range list {
		out[i] = serverInfo(v)
	}
	return &qchatwire.QchatGetServersResponse{ServerList: out}, nil
}

// applyServerJoin is 24-39. Who is let in at once has no record to refer to.
func (p *Product) applyServerJoin(ctx context.Context, s *gateway.Session, req *qchatwire.QchatApplyServerJoinRequest) (*qchatwire.QchatApplyServerJoinResponse, error) {
	if err := p.c.Chat.Join(ctx, s.App().Key, req.ServerId, s.Accid()); err != nil {
		return nil, err
	}
	return &qchatwire.QchatApplyServerJoinResponse{Data: &qchatwire.InviteRecord{}}, nil
}

// createChannel is 24-48. Private channels and categories are not served yet.
func (p *Product) createChannel(ctx context.Context, s *gateway.Session, req *qchatwire.QchatCreateChannelRequest) (*qchatwire.QchatCreateChannelResponse, error) {
	r := &req.ChannelInfo
	if r.ViewMode.Int() != 0 || r.CategoryId.Int() != 0 || r.SyncMode.Int() != 0 {
		return nil, im.Errorf(im.CodeUnavailable, "private channels and categories are not served yet")
	}
	v, err := p.c.Chat.CreateChannel(ctx, qchat.Channel{App: s.App().Key, Server: r.ServerId.Int(), Name: r.Name.String(), Topic: r.Topic.String(),
		Ext: r.Ext.String(), Owner: s.Accid(), Type: r.Type.Int(), VisitorMode: r.VisitorMode.IntOr(2)})
	if err != nil {
		return nil, err
	}
	info := channelInfo(v)
	return &qchatwire.QchatCreateChannelResponse{ChannelInfo: &info}, nil
}

func channelInfo(v *qchat.Channel) qchatwire.ChannelInfo {
	return qchatwire.ChannelInfo{ChannelId: wire.Int(v.ID), ServerId: wire.Int(v.Server), Name: wire.Str(v.Name), Topic: wire.Str(v.Topic), Ext: wire.Str(v.Ext),
		Type: wire.Int(v.Type), ValidFlag: wire.Bool(true), CreateTime: wire.Int(v.CreatedMs), UpdateTime: wire.Int(v.UpdatedMs), Owner: wire.Str(v.Owner),
		ViewMode: wire.Int(0), CategoryId: wire.Int(0), SyncMode: wire.Int(0), ReorderWeight: wire.Int(0), VisitorMode: wire.Int(v.VisitorMode)}
}

// getChannels is 24-51.
func (p *Product) getChannels(ctx context.Context, s *gateway.Session, req *qchatwire.QchatGetChannelsRequest) (*qchatwire.QchatGetChannelsResponse, error) {
	list, err := p.c.Chat.Channels(ctx, s.App().Key, req.ChannelIds)
	if err != nil {
		return nil, err
	}
	out := make([]qchatwire.ChannelInfo, len(list))
	for i, v := range list {
		out[i] = channelInfo(v)
	}
	return &qchatwire.QchatGetChannelsResponse{ChannelList: out}, nil
}

// sendMsg is 24-10 (docs/protocol/qchat.md section 10.1).
func (p *Product) sendMsg(ctx context.Context, s *gateway.Session, req *qchatwire.QchatSendMsgRequest) (*qchatwire.QchatSendMsgResponse, error) {
	r := &req.QchatMsg
	if r.ReplyMsgIdServer.String() != "" || r.ThreadMsgIdServer.String() != "" || r.MentionRoleIds.String() != "" {
		return nil, im.Errorf(im.CodeUnavailable, "replies and mentioned roles are not served yet")
	}
	mentions, ok := r.MentionAccids.Strings()
	if !ok && r.MentionAccids.String() != "" {
		return nil, im.Errorf(im.CodeBadParam, "mentionAccids must be a list of texts")
	}
	d := s.Login().Device
	m, err := p.c.Chat.Send(ctx, s.App(), qchat.Message{
		Server: r.ServerId.Int(), Channel: r.ChannelId.Int(), From: s.Accid(), FromClient: int64(d.ClientType), FromDevice: d.DeviceID, ClientID: r.MsgIdClient.String(),
		Type: r.Type.Int(), SubType: r.SubType.Int(), Body: r.Body.String(), Attach: r.Attach.String(), Ext: r.Ext.String(), Env: r.Env.String(),
		CallbackExt: r.CallbackExt.String(), PushContent: r.PushContent.String(), PushPayload: r.PushPayload.String(), Mentions: mentions,
		MentionAll: r.MentionAll.Bool(), NoHistory: r.HistoryEnable.IntOr(1) == 0, NoPush: r.PushEnable.IntOr(1) == 0, NoBadge: r.NeedBadge.IntOr(1) == 0,
		PushNick: r.NeedPushNick.Bool(), NoRoute: r.RouteEnable.IntOr(1) == 0,
	}, s.ID)
	if err != nil {
		return nil, err
	}
	out := msg(m)
	return &qchatwire.QchatSendMsgResponse{QchatMsg: &out}, nil
}

// reasonAll is the reason of a push to everybody in a small server (section 10.2).
const reasonAll = 1

func msg(m *qchat.Message) qchatwire.Msg {
	out := qchatwire.Msg{ServerId: wire.Int(m.Server), ChannelId: wire.Int(m.Channel), FromAccount: wire.Str(m.From), FromClientType: wire.Int(m.FromClient),
		FromDeviceId: wire.Str(m.FromDevice), FromNick: wire.Str(m.FromNick), Time: wire.Int(m.TimeMs), UpdateTime: wire.Int(m.TimeMs), Type: wire.Int(m.Type),
		MsgIdClient: wire.Str(m.ClientID), MsgIdServer: wire.Int(m.ID), Status: wire.Int(0), NotifyReason: wire.Int(reasonAll),
		HistoryEnable: wire.Bool(!m.NoHistory), PushEnable: wire.Bool(!m.NoPush), NeedBadge: wire.Bool(!m.NoBadge), NeedPushNick: wire.Bool(m.PushNick),
		RouteEnable: wire.Bool(!m.NoRoute)}
	for _, f := range []struct {
		to   *wire.Value
		text string
	}{{&out.Body, m.Body}, {&out.Attach, m.Attach}, {&out.Ext, m.Ext}, {&out.Env, m.Env}, {&out.CallbackExt, m.CallbackExt}, {&out.PushContent, m.PushContent},
		{&out.PushPayload, m.PushPayload}} {
		if f.text != "" {
			*f.to = wire.Str(f.text)
		}
	}
	if m.SubType != 0 {
		out.SubType = wire.Int(m.SubType)
	}
	if len(m.Mentions) > 0 {
		b, _ := json.Marshal(m.Mentions) // texts: cannot fail
		out.MentionAccids = wire.Str(string(b))
	}
	if m.MentionAll {
		out.MentionAll = wire.Bool(true)
	}
	return out
}

// history is 24-16 (section 10.5).
func (p *Product) history(ctx context.Context, s *gateway.Session, req *qchatwire.QchatGetHistoryMsgRequest) (*qchatwire.QchatGetHistoryMsgResponse, error) {
	r := &req.GetHistoryMsgTag
	list, err := p.c.Chat.History(ctx, s.App().Key, s.Accid(), r.ServerId.Int(), r.ChannelId.Int(), qchat.History{FromMs: r.BeginTime.Int(), ToMs: r.EndTime.Int(),
		Exclude: r.ExcludeMsgId.Int(), Limit: int(r.Limit.Int()), Ascending: r.Reverse.Bool()})
	if err != nil {
		return nil, err
	}
	out := make([]qchatwire.Msg, len(list))
	for i, m := range list {
		out[i] = msg(m)
	}
	return &qchatwire.QchatGetHistoryMsgResponse{QchatMsgs: out}, nil
}

// maxRefs bounds the channels of one request (section 16).
const maxRefs = 100

// unreadInfo is 24-27: what cannot be seen is left out (section 11.3).
func (p *Product) unreadInfo(ctx context.Context, s *gateway.Session, req *qchatwire.QchatGetUnreadInfoRequest) (*qchatwire.QchatGetUnreadInfoResponse, error) {
	if len(req.Channels) > maxRefs {
		return nil, im.Errorf(im.CodeBadParam, "at most %d channels", maxRefs)
	}
	out := []qchatwire.UnreadInfo{}
	for _, c := range req.Channels {
		u, err := p.c.Chat.Unread(ctx, s.App().Key, s.Accid(), c.ServerId.Int(), c.ChannelId.Int())
		switch im.CodeOf(err) {
		case im.CodeOK:
			out = append(out, unread(u))
		case im.CodeForbidden, im.CodeNotFound:
		default:
			return nil, err
		}
	}
	return &qchatwire.QchatGetUnreadInfoResponse{UnreadInfos: out}, nil
}

func unread(u *qchat.Unread) qchatwire.UnreadInfo {
	return qchatwire.UnreadInfo{ServerId: wire.Int(u.Server), ChannelId: wire.Int(u.Channel), AckTimestamp: wire.Int(u.AckMs), UnreadCount: wire.Int(u.Count),
		MentionedCount: wire.Int(u.Mentioned), MaxCount: wire.Int(qchat.UnreadMax), LastMsgTime: wire.Int(u.LastMs)}
}

// markRead is 24-17.
func (p *Product) markRead(ctx context.Context, s *gateway.Session, req *qchatwire.QchatMarkMessageReadRequest) (*qchatwire.QchatMarkMessageReadResponse, error) {
	r := &req.MarkMsgReadTag
	u, err := p.c.Chat.MarkRead(ctx, s.App().Key, s.Accid(), r.ServerId.Int(), r.ChannelId.Int(), r.Time.Int(), s.ID)
	if err != nil {
		return nil, err
	}
	out := unread(u)
	return &qchatwire.QchatMarkMessageReadResponse{UnreadInfo: &out}, nil
}

// onMessage is 24-11 to the connections of a server's members.
func (p *Product) onMessage(ev im.Event, sessions []*gateway.Session) {
	m, err := qchat.DecodeMessage(ev.App, ev.Body)
	if err != nil {
		p.c.Log.Error("message event", "err", err)
		return
	}
	out := msg(m)
	frame := pushFrame(qchatwire.QchatOnMsg.PushID(), &qchatwire.QchatOnMsgResponse{QchatMsg: &out})
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}

// onRead is 24-18 to the account's other devices.
func (p *Product) onRead(ev im.Event, sessions []*gateway.Session) {
	u, err := qchat.DecodeUnread(ev.Body)
	if err != nil {
		p.c.Log.Error("read event", "err", err)
		return
	}
	out := unread(u)
	frame := pushFrame(qchatwire.QchatMultiSyncMessageRead.PushID(), &qchatwire.QchatMultiSyncMessageReadResponse{UnreadInfo: &out})
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}
