package nimgw

import (
	"context"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
	"hongyan/internal/im/session"
)

// Scenes as deletions count them (docs/protocol/nim-core.md sections 5.8 and 5.12).
const (
	deleteP2P  = 1
	deleteTeam = 2
)

// deleteScene reads the scene of a deletion.
func deleteScene(n int64) (im.Scene, error) {
	switch n {
	case deleteP2P:
		return im.SceneP2P, nil
	case deleteTeam:
		return im.SceneTeam, nil
	}
	return 0, im.Errorf(im.CodeBadParam, "scene")
}

// deleteSelf is 7-24.
func (p *Product) deleteSelf(ctx context.Context, s *gateway.Session, req *nimwire.DeleteSelfMsgsRequest) (*nimwire.DeleteSelfMsgsResponse, error) {
	items := make([]message.Deleted, len(req.DeletedMsgs))
	for i, d := range req.DeletedMsgs {
		scene, err := deleteScene(d.Scene.Int())
		if err != nil {
			return nil, err
		}
		items[i] = message.Deleted{Scene: scene, ID: d.IdServer.Int(), Ext: d.Ext.String()}
	}
	at, err := p.c.Messages.DeleteForSelf(ctx, s.App(), s.Accid(), s.ID, items)
	if err != nil {
		return nil, err
	}
	return &nimwire.DeleteSelfMsgsResponse{Timetag: at}, nil
}

// onDeleted is 7-124, to the account's other devices; for one message 7-123.
func (p *Product) onDeleted(ev im.Event, sessions []*gateway.Session) {
	list, err := message.DecodeDeleted(ev.Body)
	if err != nil {
		p.c.Log.Error("deletion event", "err", err)
		return
	}
	w := deletedTo(list)
	frame := pushFrame(nimwire.OnDeleteSelfMsgs.PushID(), &nimwire.OnDeleteSelfMsgsResponse{DeletedMsgs: w})
	if len(w) == 1 {
		frame = pushFrame(nimwire.OnDeleteSelfMsg.PushID(), &nimwire.OnDeleteSelfMsgResponse{DeletedMsg: &w[0]})
	}
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
}

// deletedSelf is 4-21, ascending by time of deletion and never empty.
func (r *syncRun) deletedSelf(ctx context.Context) error {
	if !r.ask.DeleteSelfMsgs.IsSet() || !r.has.Any(session.HasDeleted) {
		return nil
	}
	list, err := r.p.c.Messages.DeletedSince(ctx, r.s.App(), r.s.Accid(), r.ask.DeleteSelfMsgs.Int())
	if err != nil {
		return err
	}
	for len(list) > 0 {
		n := min(len(list), maxSyncFrame)
		r.send(nimwire.SyncDeleteSelfMsgs, &nimwire.SyncDeleteSelfMsgsResponse{DeletedMsgs: deletedTo(list[:n])})
		list = list[n:]
	}
	return nil
}

func deletedTo(list []message.Deleted) []nimwire.DeletedMsg {
	out := make([]nimwire.DeletedMsg, len(list))
	for i, d := range list {
		scene := int64(deleteP2P)
		if d.Scene == im.SceneTeam {
			scene = deleteTeam
		}
		out[i] = nimwire.DeletedMsg{Scene: wire.Int(scene), From: wire.Str(d.From), To: wire.Str(d.To), IdServer: wire.Int(d.ID), IdClient: wire.Str(d.IDClient),
			DeletedMsgCreateTime: wire.Int(d.TimeMs), Time: wire.Int(d.DeletedMs), Ext: text(d.Ext)}
	}
	return out
}

// clearHistory is 7-18 (docs/protocol/nim-core.md section 5.12).
func (p *Product) clearHistory(ctx context.Context, s *gateway.Session, req *nimwire.ClearHistoryMsgsFromServerRequest) (*nimwire.ClearHistoryMsgsFromServerResponse, error) {
	w := &req.ClearHistoryMsgsFromServerReqTag
	scene, err := deleteScene(w.Type.Int())
	if err != nil {
		return nil, err
	}
	target := w.OtherAccid.String()
	if scene == im.SceneTeam {
		target = w.ToTid.String()
	}
	at, err := p.c.Messages.ClearHistory(ctx, s.App(), s.Accid(), s.ID, scene, target,
		message.ClearMode{Roaming: w.IsDeleteRoam.BoolOr(true), Sync: w.IsSyncSelf.Bool(), Ext: w.Ext.String()})
	if err != nil {
		return nil, err
	}
	return &nimwire.ClearHistoryMsgsFromServerResponse{Timetag: at}, nil
}

// onCleared is 7-118, to the account's other devices.
func (p *Product) onCleared(ev im.Event, sessions []*gateway.Session) {
	c, err := message.DecodeCleared(ev.Body)
	if err != nil {
		p.c.Log.Error("clearing event", "err", err)
		return
	}
	w := clearedTo(ev.To, c)
	frame := pushFrame(nimwire.MultiSyncClearServerHistoryMsgs.PushID(), &nimwire.MultiSyncClearServerHistoryMsgsResponse{Data: &w})
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
}

// clearedHistory is 4-24.
func (r *syncRun) clearedHistory(ctx context.Context) error {
	if !r.ask.SessionHistoryMsgsDelete.IsSet() || !r.has.Any(session.HasCleared) {
		return nil
	}
	list, err := r.p.c.Messages.ClearedSessions(ctx, r.s.App(), r.s.Accid())
	if err != nil || len(list) == 0 {
		return err
	}
	out := make([]nimwire.ClearedHistory, len(list))
	for i := range list {
		out[i] = clearedTo(r.s.Accid(), &list[i])
	}
	r.send(nimwire.SyncClearServerHistoryMsgs, &nimwire.SyncClearServerHistoryMsgsResponse{Datas: out})
	return nil
}

func clearedTo(me string, c *message.Cleared) nimwire.ClearedHistory {
	w := nimwire.ClearedHistory{Type: wire.Int(deleteP2P), IsDeleteRoam: wire.Bool(c.Roaming), IsSyncSelf: wire.Bool(true),
		FromAccid: wire.Str(me), Time: wire.Int(c.TimeMs), Ext: text(c.Ext)}
	if c.Conv.Scene() == im.SceneP2P {
		w.OtherAccid = wire.Str(c.Conv.Peer(me))
	} else {
		w.Type, w.ToTid = wire.Int(deleteTeam), wire.Str(strconv.FormatInt(c.Conv.TID(), 10))
	}
	return w
}

// deleteRoaming is 7-9; sessions that do not exist are ignored.
func (p *Product) deleteRoaming(ctx context.Context, s *gateway.Session, req *nimwire.DeleteRoamingMsgsRequest) (*gateway.None, error) {
	var convs []im.ConvKey
	for _, id := range req.Ids {
		if conv, ok := session.ParseID(s.Accid(), id); ok {
			convs = append(convs, conv)
		}
	}
	return nil, p.c.Messages.DeleteRoaming(ctx, s.App(), s.Accid(), convs)
}
