package nimgw

import (
	"context"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// sendMsg is 7-1 (docs/protocol/nim-core.md section 5.3).
func (p *Product) sendMsg(ctx context.Context, s *gateway.Session, req *nimwire.SendMsgRequest, reply func(wire.REncoder, error)) error {
	d := s.Login().Device
	m := messageFrom(&req.Msg)
	m.From, m.ClientType = d.Accid, d.ClientType
	if m.Content.FromDevice == "" {
		m.Content.FromDevice = d.DeviceID
	}
	return p.c.Messages.SendP2P(ctx, message.Send{App: s.App(), Msg: m, Origin: s.ID, Peer: peerOf(s)}, func(m *message.Message, err error) {
		if err != nil && im.CodeOf(err) != im.CodeBlacklisted {
			reply(nil, err)
			return
		}
		w := nimwire.Msg{Time: wire.Int(m.Time), IdClient: wire.Str(m.IDClient), IdServer: wire.Int(m.ID),
			CallbackExt: text(m.Content.CallbackExt), YidunAntiSpamResult: text(m.SpamResult())}
		if m.Flags.Has(message.Refused) {
			w.IsInBlackList = wire.Bool(true)
		}
		reply(&nimwire.SendMsgResponse{Msg: &w}, err)
	})
}

// peerOf is where the client of s is.
func peerOf(s *gateway.Session) message.Peer {
	return message.Peer{IP: s.Peer.Addr().Unmap().String(), Port: strconv.Itoa(int(s.Peer.Port())), DeviceID: s.Login().Device.DeviceID}
}

// onMessage delivers a committed message: 7-2 to the receiver's devices, 7-101
// to the sender's other ones. Every frame is encoded once.
func (p *Product) onMessage(ev im.Event, sessions []*gateway.Session) {
	m, err := message.Decode(ev.Body)
	if err != nil {
		p.c.Log.Error("message event", "err", err)
		return
	}
	if m.Scene != im.SceneP2P {
		p.onTeamMessage(ev, m, sessions)
		return
	}
	var frame []byte
	others(ev, sessions, func(s *gateway.Session) {
		mine := m.From == ev.To
		if frame == nil {
			id := wire.ID{SID: 7, CID: 2}
			if mine {
				id.CID = 101
			}
			w := messageTo(m)
			frame = pushFrame(id, &nimwire.OnMsgResponse{Msg: &w})
		}
		d := gateway.Delivery{ID: m.ID, TimeMs: m.Time, Frame: frame}
		// Own copies are not acknowledged (docs/protocol/nim-core.md section 5.3).
		if !mine && !m.Flags.Has(message.NoOffline) {
			d.At = message.Position{Conv: m.Conv, Seq: m.Seq}
		}
		s.Offer(d)
	})
}

// switches pairs the need... tags of a message with the flag that is set when
// they are 0.
func switches(w *nimwire.Msg) []struct {
	tag *wire.Value
	off message.Flags
} {
	return []struct {
		tag *wire.Value
		off message.Flags
	}{
		{&w.NeedSaveHistory, message.NoHistory},
		{&w.NeedRoaming, message.NoRoaming},
		{&w.NeedSelfSync, message.NoSelfSync},
		{&w.NeedOffline, message.NoOffline},
		{&w.NeedPush, message.NoPush},
		{&w.NeedPushBadge, message.NoBadge},
		{&w.NeedPushNick, message.NoPushNick},
		{&w.NeedRouted, message.NoRoute},
		{&w.NeedUpdateSession, message.NoSession},
	}
}

// messageFrom takes what a sender may choose. Sender, time and id are the
// server's: forwarded and resent messages carry old ones (section 5.5).
func messageFrom(w *nimwire.Msg) *message.Message {
	m := &message.Message{
		To: w.To.String(), Type: message.Type(w.Type.Int()), IDClient: w.IdClient.String(),
		Content: message.Content{
			Body: w.Body.String(), Attach: w.Attach.String(), Ext: w.Ext.String(), FromDevice: w.FromDeviceId.String(),
			PushPayload: w.PushPayload.String(), PushContent: w.PushContent.String(),
			ForceList: w.ForcePushIDsList.String(), ForceContent: w.ForcePushContent.String(), ForcePush: w.NeedForcePush.String(),
			SubType: w.SubType.Int(), Env: w.EnvConfig.String(), IsReply: w.IsReplyMsg.String(),
			Reply:  refFrom(w.ReplyMsgFromAccount, w.ReplyMsgToAccount, w.ReplyMsgTime, w.ReplyMsgIdServer, w.ReplyMsgIdClient),
			Thread: refFrom(w.ThreadMsgFromAccount, w.ThreadMsgToAccount, w.ThreadMsgTime, w.ThreadMsgIdServer, w.ThreadMsgIdClient),
		},
	}
	if !w.Type.IsSet() {
		m.Type = -1
	}
	for _, sw := range switches(w) {
		if sw.tag.IsSet() && !sw.tag.Bool() {
			m.Flags |= sw.off
		}
	}
	m.ClientHit = w.ClientAntispamHitting.Bool()
	if w.NeedACK.Bool() {
		m.Flags |= message.NeedReceipt
	}
	if w.ResendFlag.Bool() {
		m.Flags |= message.Resent
	}
	if w.Function.IsSet() || w.Topic.IsSet() || w.CustomContent.IsSet() || w.Account.IsSet() {
		m.Content.Robot = &message.RobotCall{Account: w.Account.String(), Topic: w.Topic.String(), Function: w.Function.String(), Custom: w.CustomContent.String()}
	}
	if w.NeedAntiSpam.IsSet() || w.AntiSpamContent.IsSet() || w.AntiSpamBIZID.IsSet() || w.AntiSpamUsingYidun.IsSet() || w.YidunAntiCheating.IsSet() || w.YidunAntiSpamExtension.IsSet() {
		m.Content.Spam = &message.Spam{Enabled: w.NeedAntiSpam.String(), Content: w.AntiSpamContent.String(), BusinessID: w.AntiSpamBIZID.String(),
			UseYidun: w.AntiSpamUsingYidun.String(), AntiCheating: w.YidunAntiCheating.String(), Ext: w.YidunAntiSpamExtension.String()}
	}
	return m
}

func refFrom(from, to, time, idServer, idClient wire.Value) *message.Ref {
	if !idServer.IsSet() && !idClient.IsSet() {
		return nil
	}
	return &message.Ref{From: from.String(), To: to.String(), Time: time.Int(), IDServer: idServer.String(), IDClient: idClient.String()}
}

// messageTo is a message as clients receive it (section 5.1).
func messageTo(m *message.Message) nimwire.Msg {
	c := &m.Content
	w := nimwire.Msg{
		Scene: wire.Int(int64(m.Scene)), To: wire.Str(m.To), From: wire.Str(m.From), FromClientType: wire.Int(int64(m.ClientType)),
		Time: wire.Int(m.Time), Type: wire.Int(int64(m.Type)), IdClient: wire.Str(m.IDClient), IdServer: wire.Int(m.ID),
		FromDeviceId: text(c.FromDevice), FromNick: text(c.FromNick), Body: text(c.Body), Attach: text(c.Attach), Ext: text(c.Ext),
		PushPayload: text(c.PushPayload), PushContent: text(c.PushContent), ForcePushIDsList: text(c.ForceList), ForcePushContent: text(c.ForceContent),
		NeedForcePush: text(c.ForcePush), EnvConfig: text(c.Env), CallbackExt: text(c.CallbackExt), IsReplyMsg: text(c.IsReply),
		UserUpdateTime: number(c.CardTime), SubType: number(c.SubType), AckSnapshot: number(c.AckSnapshot),
	}
	for _, sw := range switches(&w) {
		if m.Flags.Has(sw.off) {
			*sw.tag = wire.Bool(false)
		}
	}
	if m.Flags.Has(message.NeedReceipt) {
		w.NeedACK = wire.Bool(true)
	}
	if m.Flags.Has(message.Resent) {
		w.ResendFlag = wire.Bool(true)
	}
	if m.Flags.Has(message.Refused) {
		w.IsInBlackList = wire.Bool(true)
	}
	if r := c.Reply; r != nil {
		w.ReplyMsgFromAccount, w.ReplyMsgToAccount, w.ReplyMsgTime = text(r.From), text(r.To), number(r.Time)
		w.ReplyMsgIdServer, w.ReplyMsgIdClient = text(r.IDServer), text(r.IDClient)
	}
	if r := c.Thread; r != nil {
		w.ThreadMsgFromAccount, w.ThreadMsgToAccount, w.ThreadMsgTime = text(r.From), text(r.To), number(r.Time)
		w.ThreadMsgIdServer, w.ThreadMsgIdClient = text(r.IDServer), text(r.IDClient)
	}
	if r := c.Robot; r != nil {
		w.Function, w.Topic, w.CustomContent, w.Account = text(r.Function), text(r.Topic), text(r.Custom), text(r.Account)
	}
	return w
}

func messagesTo(msgs []*message.Message) []nimwire.Msg {
	out := make([]nimwire.Msg, len(msgs))
	for i, m := range msgs {
		out[i] = messageTo(m)
	}
	return out
}

// text leaves an empty field out.
func text(s string) wire.Value {
	if s == "" {
		return wire.Value{}
	}
	return wire.Str(s)
}

func number(n int64) wire.Value {
	if n == 0 {
		return wire.Value{}
	}
	return wire.Int(n)
}
