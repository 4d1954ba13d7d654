package nimapi

import "context"

// muteList is the other list of setSpecialRelation; 1 is the black list.
const muteList = 2

type relationParams struct {
	accidParam
	Target string `form:"targetAcc,required,accid"`
	Type   int    `form:"relationType,required,enum=1|2"`
	Value  int    `form:"value,required,enum=0|1"`
}

// setSpecialRelation puts an account on a list or takes it off
// (docs/api/server-v1.md section 12.4).
func (a *API) setSpecialRelation(ctx context.Context, c *Call, p relationParams) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid, p.Target); err != nil {
		return nil, err
	}
	set := a.Friends.SetBlack
	if p.Type == muteList {
		set = a.Friends.SetMute
	}
	return nil, set(ctx, c.App, p.Accid, p.Target, p.Value == 1, "")
}

func (a *API) listRelations(ctx context.Context, c *Call, p accidParam) (Result, error) {
	if _, err := a.mustExist(ctx, c.App.Key, p.Accid); err != nil {
		return nil, err
	}
	list, _, err := a.Friends.Relations(ctx, c.App.Key, p.Accid, 0)
	if err != nil {
		return nil, err
	}
	muted, black := []string{}, []string{}
	for _, r := range list {
		if r.Muted {
			muted = append(muted, r.Accid)
		}
		if r.Black {
			black = append(black, r.Accid)
		}
	}
	return Result{{"mutelist", muted}, {"blacklist", black}}, nil
}
