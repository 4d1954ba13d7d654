package nimgw

import (
	"strconv"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// moreRoaming is 4-22 and 4-25, about conversations with more roaming than was
// given: 4-22 names the oldest message that was, 4-25 the newest and the oldest
// (docs/protocol/nim-core.md section 4.4). The SDKs read the first and take the second.
func (r *syncRun) moreRoaming(res *message.SyncResult) {
	if len(res.More) == 0 {
		return
	}
	more := map[im.ConvKey]bool{}
	for _, c := range res.More {
		more[c] = true
	}
	var sessions []nimwire.MoreRoamingSession
	var spans []nimwire.SessionReliableInfo
	for _, lists := range [][][]*message.Message{res.Roaming, res.Super} {
		for _, msgs := range lists {
			newest, oldest := msgs[0], msgs[len(msgs)-1]
			if !more[oldest.Conv] {
				continue
			}
			sessions = append(sessions, nimwire.MoreRoamingSession{Scene: wire.Int(int64(oldest.Scene)), To: wire.Str(oldest.To),
				From: wire.Str(oldest.From), Time: wire.Int(oldest.Time), IdServer: wire.Int(oldest.ID)})
			spans = append(spans, nimwire.SessionReliableInfo{
				Scene: wire.Int(int64(oldest.Scene)), SessionId: wire.Str(target(oldest.Conv, r.s.Accid())), SyncStatus: wire.Int(0),
				SyncEndMsgId: wire.Int(newest.ID), SyncEndMsgidClient: wire.Str(newest.IDClient), SyncEndMsgTime: wire.Int(newest.Time),
				SyncStartMsgid: wire.Int(oldest.ID), SyncStartMsgidClient: wire.Str(oldest.IDClient), SyncStartMsgTime: wire.Int(oldest.Time),
				RoamMsgSync: wire.Bool(true),
			})
		}
	}
	r.send(nimwire.NimSyncSessionsWithMoreRoaming, &nimwire.NimSyncSessionsWithMoreRoamingResponse{Datas: sessions})
	r.send(nimwire.SyncSessionReliableInfo, &nimwire.SyncSessionReliableInfoResponse{
		Context: &nimwire.ReliableContext{Timetag: wire.Int(r.startMs), Type: wire.Int(1)}, Datas: spans})
}

// target is what a client of accid calls a conversation: the peer, or the team.
func target(conv im.ConvKey, accid string) string {
	if conv.Scene() == im.SceneP2P {
		return conv.Peer(accid)
	}
	return strconv.FormatInt(conv.TID(), 10)
}
