package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/notice"
	"hongyan/internal/im/session"
)

// noticeRows are the commands of system notifications.
func (p *Product) noticeRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.SendCustomSysMsg, p.sendCustom),
		gateway.Handle(nimwire.SendSuperTeamCustomSysMsg, p.sendSuperTeamCustom),
		gateway.Handle(nimwire.SendFilterCustomSysMsg, p.sendFiltered),
	}
}

// sendCustom is 7-7, p2p and team.
func (p *Product) sendCustom(ctx context.Context, s *gateway.Session, req *nimwire.SendCustomSysMsgRequest) (*gateway.None, error) {
	n := customFrom(&req.SysMsg)
	if n.Type == notice.CustomSuperTeam {
		return nil, im.Errorf(im.CodeBadParam, "a notification of a super team goes by another command")
	}
	return nil, p.custom(ctx, s, n)
}

// sendSuperTeamCustom is 21-16.
func (p *Product) sendSuperTeamCustom(ctx context.Context, s *gateway.Session, req *nimwire.SendSuperTeamCustomSysMsgRequest) (*gateway.None, error) {
	n := customFrom(&req.SysMsg)
	n.Type = notice.CustomSuperTeam
	return nil, p.custom(ctx, s, n)
}

// sendFiltered is 101-7: 7-7 by packets of its own, 101-3 and 4-101. No call of
// the SDKs sends it.
func (p *Product) sendFiltered(ctx context.Context, s *gateway.Session, req *nimwire.SendFilterCustomSysMsgRequest) (*gateway.None, error) {
	n := customFrom(&req.SysMsg)
	if n.Type == notice.CustomSuperTeam {
		return nil, im.Errorf(im.CodeBadParam, "a notification of a super team goes by another command")
	}
	n.Flags |= notice.Filtered
	return nil, p.custom(ctx, s, n)
}

func (p *Product) custom(ctx context.Context, s *gateway.Session, n notice.Notice) error {
	n.From, n.Origin = s.Accid(), s.ID
	return p.c.CustomNotices.Send(ctx, notice.Custom{App: s.App(), Notice: n, Copy: copyFacts(s)})
}

// customFrom takes what a sender may choose. Without tag 7 only who is online
// gets it (docs/protocol/nim-social.md section 8).
func customFrom(w *nimwire.SysMsg) notice.Notice {
	n := notice.Notice{
		Type: -1, To: w.To.String(), Attach: w.Attach.String(), PushContent: w.PushContent.String(), PushPayload: w.PushPayload.String(), Env: w.EnvConfig.String(),
	}
	if w.Type.IsSet() {
		n.Type = notice.Type(w.Type.Int())
	}
	if !w.NeedSaveOffline.Bool() {
		n.Flags |= notice.NoOffline
	}
	for _, sw := range noticeSwitches(w) {
		if sw.tag.IsSet() && !sw.tag.Bool() {
			n.Flags |= sw.off
		}
	}
	return n
}

// noticeSwitch pairs a need... tag with the flag that is set when it is 0.
type noticeSwitch struct {
	tag *wire.Value
	off notice.Flags
}

func noticeSwitches(w *nimwire.SysMsg) []noticeSwitch {
	return []noticeSwitch{
		{&w.NeedPush, notice.NoPush}, {&w.NeedPushBadge, notice.NoBadge}, {&w.NeedPushNick, notice.NoPushNick}, {&w.IsRoutable, notice.NoRoute},
	}
}

// noticeEvents are the events of system notifications.
func (p *Product) noticeEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{notice.Event: p.onNotice}
}

// onNotice delivers a notification to all devices of its receiver, or to those
// of a team's members: 7-3, 21-19
// for those of super teams, 101-3 for filtered ones, 7-14 and 21-18 for withdrawn
// messages (docs/protocol/nim-core.md section 5.16).
func (p *Product) onNotice(ev im.Event, sessions []*gateway.Session) {
	n, err := notice.Decode(ev)
	if err != nil {
		p.c.Log.Error("notice event", "err", err)
		return
	}
	w := noticeTo(n)
	var frame []byte
	switch {
	case n.Type == notice.RecallSuperTeam:
		frame = pushFrame(wire.ID{SID: 21, CID: 18}, &nimwire.OnRecallMsgResponse{SysMsg: &w})
	case n.Type.Class() == notice.Recall:
		frame = pushFrame(wire.ID{SID: 7, CID: 14}, &nimwire.OnRecallMsgResponse{SysMsg: &w})
	case n.Class() == notice.Filter:
		frame = pushFrame(wire.ID{SID: 101, CID: 3}, &nimwire.OnSysMsgResponse{SysMsg: &w})
	case n.Type.Class() == notice.SuperTeam:
		frame = pushFrame(wire.ID{SID: 21, CID: 19}, &nimwire.OnSysMsgResponse{SysMsg: &w})
	default:
		frame = pushFrame(wire.ID{SID: 7, CID: 3}, &nimwire.OnSysMsgResponse{SysMsg: &w})
	}
	others(ev, sessions, func(s *gateway.Session) {
		if n.Receiver == "" && s.Accid() == n.From {
			return // nobody gets one's own notification to a team
		}
		s.Offer(gateway.Delivery{ID: n.ID, TimeMs: n.Time, Frame: frame})
	})
}

// notices is 4-6, 4-18 and 4-101, newest first. Recalls have lists of their own.
func (r *syncRun) notices(ctx context.Context) error {
	if !r.ask.OfflineMsgs.IsSet() || !r.has.Any(session.HasNotices) {
		return nil
	}
	waiting, err := r.p.c.Notices.Pending(ctx, r.s.App(), r.s.Accid())
	if err != nil {
		return err
	}
	for _, list := range []struct {
		class notice.Class
		id    wire.ID
	}{{notice.Plain, wire.ID{SID: 4, CID: 6}}, {notice.SuperTeam, wire.ID{SID: 4, CID: 18}}, {notice.Filter, wire.ID{SID: 4, CID: 101}}} {
		for rest := waiting[list.class]; len(rest) > 0; {
			n := min(len(rest), maxSyncFrame)
			part := make([]nimwire.SysMsg, n)
			for i, one := range rest[:n] {
				part[i] = noticeTo(one)
				r.s.Listed(one.ID)
			}
			r.push(list.id, &nimwire.SyncOfflineSysMsgsResponse{SysMsgs: part})
			rest = rest[n:]
		}
	}
	return nil
}

// ackNotices is 4-5 for notifications, those of recalls too.
func (p *Product) ackNotices(ctx context.Context, s *gateway.Session, ids []int64) error {
	p.c.Notices.Acknowledge(s.App().Key, s.Accid(), ids)
	return p.ackRecalls(ctx, s, ids)
}

// noticeTo is a notification as clients receive it (docs/protocol/nim-core.md section 5.16).
func noticeTo(n *notice.Notice) nimwire.SysMsg {
	w := nimwire.SysMsg{
		Time: wire.Int(n.Time), Type: wire.Int(int64(n.Type)), To: wire.Str(n.Target()), From: wire.Str(n.From), IdServer: wire.Int(n.ID),
		Content: text(n.Content), Attach: text(n.Attach), PushContent: text(n.PushContent), PushPayload: text(n.PushPayload),
		ForcePushIDsList: text(n.ForceList), ForcePushContent: text(n.ForceContent), EnvConfig: text(n.Env), CallbackExt: text(n.CallbackExt),
		NeedSaveOffline: wire.Bool(!n.Flags.Has(notice.NoOffline)),
	}
	if n.ForcePush {
		w.NeedForcePush = wire.Bool(true)
	}
	if m := n.Recalled; m != nil {
		w.DeletedIdClient, w.DeletedIdServer, w.DeletedMsgTime = text(m.IDClient), number(m.IDServer), number(m.Time)
		w.DeletedMsgFromNick, w.OpeAccount = text(m.FromNick), text(m.Operator)
	}
	for _, sw := range noticeSwitches(&w) {
		if n.Flags.Has(sw.off) {
			*sw.tag = wire.Bool(false)
		}
	}
	return w
}
