package nimapi

import (
	"context"
	"strconv"

	"hongyan/internal/im"
)

type markReadParams struct {
	From     string `form:"from,required,accid"` // reader
	To       string `form:"to,required,accid"`   // who wrote
	IDClient string `form:"msgidClient,required"`
}

type markReadData struct {
	Timestamp int64 `json:"timestamp"` // ms
}

// markReadMsg sends a read receipt for p2p messages (docs/api/server-v1.md section 12.5).
func (a *API) markReadMsg(ctx context.Context, c *Call, p markReadParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From, p.To); err != nil {
		return nil, err
	}
	at, err := a.Messages.MarkReceiptFor(ctx, c.App, p.From, p.To, p.IDClient)
	if err != nil {
		return nil, err
	}
	return with("data", markReadData{at}), nil
}

// Kinds of conversations of delRoamSession.
const (
	roamP2P       = 1
	roamTeam      = 2
	roamSuperTeam = 3
)

type delRoamParams struct {
	Type int    `form:"type,required,enum=1|2|3"`
	From string `form:"from,required,accid"`
	To   string `form:"to,required"`
}

// delRoamSession ends the roaming of a conversation up to now for one account.
func (a *API) delRoamSession(ctx context.Context, c *Call, p delRoamParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.From); err != nil {
		return nil, err
	}
	var conv im.ConvKey
	if p.Type == roamP2P {
		to, ok := im.NormalizeAccid(p.To)
		if !ok {
			return nil, notRegistered(p.To)
		}
		if _, err := a.mustExist(ctx, c.App.Key, to); err != nil {
			return nil, err
		}
		conv = im.P2PKey(p.From, to)
	} else {
		tid, err := strconv.ParseInt(p.To, 10, 64)
		if err != nil || tid <= 0 {
			return nil, im.Errorf(im.CodeBadParam, "to not a team id")
		}
		if conv = im.TeamKey(tid); p.Type == roamSuperTeam {
			conv = im.SuperTeamKey(tid)
		}
	}
	return nil, a.Messages.DeleteRoaming(ctx, c.App, p.From, []im.ConvKey{conv})
}
