package nimgw

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/team"
)

// receiptIDs sorts the messages of a request by team.
func receiptIDs(list []nimwire.TeamMsgReceipt) (map[int64][]int64, error) {
	if len(list) > team.MaxReceipts {
		return nil, im.Errorf(im.CodeBadParam, "at most %d messages", team.MaxReceipts)
	}
	out := map[int64][]int64{}
	for _, r := range list {
		out[r.TeamId.Int()] = append(out[r.TeamId.Int()], r.IdServer.Int())
	}
	return out, nil
}

// sendTeamReceipts is 8-28. The SDK awaits no answer and an error would surface
// as an unhandled rejection: it is always 200 (docs/protocol/nim-core.md section 5.10).
func (p *Product) sendTeamReceipts(ctx context.Context, s *gateway.Session, req *nimwire.SendTeamMsgReceiptRequest) (*nimwire.SendTeamMsgReceiptResponse, error) {
	byTeam, err := receiptIDs(req.TeamMsgReceipts)
	for tid, ids := range byTeam {
		if err == nil {
			_, err = p.c.Teams.MarkRead(ctx, s.App(), s.Accid(), tid, ids)
		}
	}
	if err != nil && im.CodeOf(err) == im.CodeInternal {
		p.c.Log.Error("team receipts", "app", s.App().Key, "accid", s.Accid(), "err", err)
	}
	return &nimwire.SendTeamMsgReceiptResponse{TeamMsgReceipts: []nimwire.TeamMsgReceipt{}}, nil
}

// teamReads is 8-29.
func (p *Product) teamReads(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamMsgReadsRequest) (*nimwire.GetTeamMsgReadsResponse, error) {
	byTeam, err := receiptIDs(req.TeamMsgReceipts)
	if err != nil {
		return nil, err
	}
	out := []nimwire.TeamMsgReceipt{}
	for _, tid := range slices.Sorted(maps.Keys(byTeam)) {
		reads, err := p.c.Teams.Reads(ctx, s.App(), s.Accid(), tid, byTeam[tid])
		if err != nil {
			return nil, err
		}
		for i := range reads {
			out = append(out, teamReadTo(&reads[i]))
		}
	}
	return &nimwire.GetTeamMsgReadsResponse{TeamMsgReceipts: out}, nil
}

// teamReadAccounts is 8-30: 414 for a message without receipts.
func (p *Product) teamReadAccounts(ctx context.Context, s *gateway.Session, req *nimwire.GetTeamMsgReadAccountsRequest) (*nimwire.GetTeamMsgReadAccountsResponse, error) {
	w := &req.TeamMsgReceiptTag
	reads, err := p.c.Teams.Reads(ctx, s.App(), s.Accid(), w.TeamId.Int(), []int64{w.IdServer.Int()})
	if err != nil {
		return nil, err
	}
	if len(reads) == 0 {
		return nil, im.Errorf(im.CodeBadParam, "no such message, or it asks for no receipts")
	}
	r := &reads[0]
	return &nimwire.GetTeamMsgReadAccountsResponse{
		TeamMsgReceipt: &nimwire.TeamMsgReceipt{TeamId: w.TeamId, IdServer: wire.Int(r.ID), IdClient: wire.Str(r.IDClient)},
		ReadAccounts:   list(r.Read), UnreadAccounts: list(r.Unread),
	}, nil
}

func teamReadTo(r *team.Reads) nimwire.TeamMsgReceipt {
	return nimwire.TeamMsgReceipt{TeamId: wire.Str(strconv.FormatInt(r.TID, 10)), IdServer: wire.Int(r.ID), IdClient: wire.Str(r.IDClient),
		Read: wire.Int(int64(len(r.Read))), Unread: wire.Int(int64(len(r.Unread)))}
}

// onTeamReceipts is 8-31, to all devices of the author.
func (p *Product) onTeamReceipts(ev im.Event, sessions []*gateway.Session) {
	list, err := team.DecodeReceipts(ev.Body)
	if err != nil {
		p.c.Log.Error("team receipt event", "err", err)
		return
	}
	out := make([]nimwire.TeamMsgReceipt, len(list))
	for i, r := range list {
		out[i] = nimwire.TeamMsgReceipt{TeamId: wire.Int(r.TID), IdServer: wire.Int(r.ID), IdClient: wire.Str(r.IDClient),
			Read: wire.Int(r.Read), Unread: wire.Int(r.Unread), Account: wire.Str(r.Reader)}
	}
	frame := pushFrame(nimwire.NotifyTeamMsgReceipts.PushID(), &nimwire.NotifyTeamMsgReceiptsResponse{TeamMsgReceipts: out})
	for _, s := range sessions {
		s.PutFrame(frame)
	}
}
