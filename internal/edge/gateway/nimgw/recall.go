package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

// messageRows are the commands of what can be done to messages after they were sent.
func (p *Product) messageRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.RecallMsg, p.recallMsg),
		gateway.Handle(nimwire.RecallSuperTeamMsg, p.recallSuperTeamMsg),
		gateway.Handle(nimwire.SendMsgReceipt, p.sendReceipt),
		gateway.Handle(nimwire.DeleteSelfMsgs, p.deleteSelf),
		gateway.Handle(nimwire.ClearHistoryMsgsFromServer, p.clearHistory),
		gateway.Handle(nimwire.DeleteRoamingMsgs, p.deleteRoaming),
		gateway.Handle(nimwire.GetThreadMsgs, p.threadMsgs),
		gateway.Handle(nimwire.NimFtsCloudMsgLogs, p.search),
		gateway.Handle(nimwire.NimFtsCloudMsgLogsAggWithSession, p.searchBySession),
		gateway.Handle(nimwire.GetMsgsByIdServer, p.msgsByID),
	}
}

// messageEvents are the events of what is done to messages after they were sent.
func (p *Product) messageEvents() map[im.EventKind]eventFunc {
	t := p.sessionEvents()
	t[message.EventRecall] = p.onRecall
	t[message.EventReceipt] = p.onReceipt
	t[message.EventDeleted] = p.onDeleted
	t[message.EventCleared] = p.onCleared
	t[message.EventBroadcast] = p.onBroadcast
	return t
}

// recallMsg is 7-13 (docs/protocol/nim-core.md section 5.7).
func (p *Product) recallMsg(ctx context.Context, s *gateway.Session, req *nimwire.RecallMsgRequest) (*gateway.None, error) {
	kind := message.RecallKind(req.RecallMsgTag.Type.Int())
	if kind != message.RecallP2P && kind != message.RecallTeam {
		return nil, im.Errorf(im.CodeBadParam, "illegal type!")
	}
	return nil, p.recall(ctx, s, kind, &req.RecallMsgTag)
}

// recallSuperTeamMsg is 21-17.
func (p *Product) recallSuperTeamMsg(ctx context.Context, s *gateway.Session, req *nimwire.RecallSuperTeamMsgRequest) (*gateway.None, error) {
	return nil, p.recall(ctx, s, message.RecallSuperTeam, &req.RecallMsgTag)
}

func (p *Product) recall(ctx context.Context, s *gateway.Session, kind message.RecallKind, w *nimwire.RecallParams) error {
	return p.c.Messages.Recall(ctx, message.Recall{
		Ask: func(ctx context.Context) error { return p.askAboutRecall(ctx, s, int64(kind), w) },
		App: s.App(), Operator: s.Accid(), Origin: s.ID, Kind: kind, From: w.From.String(), To: w.To.String(),
		ClientType: s.Login().Device.ClientType, ID: w.DeletedIdServer.Int(), IDClient: w.DeletedIdClient.String(),
		Notice: message.RecallNotice{Text: w.Ps.String(), Attach: w.Attach.String(), PushContent: w.PushContent.String(), PushPayload: w.PushPayload.String(),
			Env: w.Env.String(), NeedPush: w.NeedPush.String(), NeedBadge: w.NeedPushBadge.String(), NeedNick: w.NeedPushNick.String()},
	})
}

// onRecall announces a recall: 7-14, for super teams 21-18 and to the
// operator's own devices 21-117.
func (p *Product) onRecall(ev im.Event, sessions []*gateway.Session) {
	n, err := message.DecodeRecall(ev.Body)
	if err != nil {
		p.c.Log.Error("recall event", "err", err)
		return
	}
	id := nimwire.OnRecallMsg.PushID()
	if n.Kind == message.RecallSuperTeam {
		id = wire.ID{SID: 21, CID: 18}
		if n.Operator == ev.To {
			id.CID = 117
		}
	}
	w := recallTo(n)
	frame := pushFrame(id, &nimwire.OnRecallMsgResponse{SysMsg: &w})
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{ID: n.ID, TimeMs: n.TimeMs, Frame: frame}) })
}

// recallTo is a recall notice as clients receive it.
func recallTo(n *message.RecallNotice) nimwire.SysMsg {
	w := nimwire.SysMsg{
		Time: wire.Int(n.TimeMs), Type: wire.Int(int64(n.Kind)), To: wire.Str(n.To), From: wire.Str(n.From), IdServer: wire.Int(n.ID),
		Content: text(n.Text), Attach: text(n.Attach), PushContent: text(n.PushContent), PushPayload: text(n.PushPayload), EnvConfig: text(n.Env),
		DeletedIdClient: wire.Str(n.IDClient), DeletedIdServer: wire.Int(n.MsgID), DeletedMsgTime: wire.Int(n.MsgTime), DeletedMsgFromNick: text(n.FromNick),
		NeedPush: text(n.NeedPush), NeedPushBadge: text(n.NeedBadge), NeedPushNick: text(n.NeedNick),
	}
	if n.Operator != n.From {
		w.OpeAccount = wire.Str(n.Operator)
	}
	return w
}

// recalls is 7-15 and 4-19: notices that no device of the account has (type 1),
// and those that one has and this device may not (type 2). The time tag is when
// the sync began: a recall of before that was committed meanwhile is not in it,
// so the next sync looks behind the tag. Clients know notices twice: what came live
// does not move the tag either.
func (r *syncRun) recalls(ctx context.Context) error {
	plain, super := r.ask.RecallMsg.IsSet(), r.ask.DeleteSuperTeamMsg.IsSet()
	if !plain && !super || !r.has.Any(session.HasConversations|session.HasTeams) {
		return nil
	}
	all, err := r.p.c.Messages.Recalls(ctx, r.s.App(), r.s.Accid())
	if err != nil {
		return err
	}
	lists := map[wire.ID]map[int64][]nimwire.SysMsg{{SID: 7, CID: 15}: {}, {SID: 4, CID: 19}: {}}
	for _, n := range all {
		id, asked, since := wire.ID{SID: 7, CID: 15}, plain, r.ask.RecallMsg.Int()
		if n.Kind == message.RecallSuperTeam {
			// SDKs keep the time tag of 4-19 as that of 7-15.
			id, asked, since = wire.ID{SID: 4, CID: 19}, super, max(since, r.ask.DeleteSuperTeamMsg.Int())
		}
		typ := int64(1)
		if n.Acked {
			typ = 2
		}
		if !asked || typ == 2 && n.TimeMs <= since-im.OverlapMs {
			continue
		}
		lists[id][typ] = append(lists[id][typ], recallTo(n))
		r.s.Listed(n.ID)
	}
	for _, id := range []wire.ID{{SID: 7, CID: 15}, {SID: 4, CID: 19}} {
		for _, typ := range []int64{1, 2} {
			for rest := lists[id][typ]; len(rest) > 0; {
				n := min(len(rest), maxSyncFrame)
				r.push(id, &nimwire.SyncRecallMsgOfflineAndRoamingResponse{SysMsgs: rest[:n], Timetag: r.startMs, Type: typ})
				rest = rest[n:]
			}
		}
	}
	return nil
}

// ackRecalls is 4-5 for recall notices, which are acknowledged as system messages.
func (p *Product) ackRecalls(ctx context.Context, s *gateway.Session, ids []int64) error {
	return p.c.Messages.AckRecalls(ctx, s.App(), s.Accid(), ids)
}
