package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/account"
)

// maxCards is how many cards one 3-7 may ask for (docs/protocol/nim-core.md section 8).
const maxCards = 150

// card is a name card as clients receive it.
func card(a *account.Account) nimwire.User {
	c := &a.Card
	return nimwire.User{
		Account: wire.Str(a.Accid), Nick: wire.Str(c.Name), Avatar: wire.Str(c.Icon), Signature: wire.Str(c.Sign), Gender: wire.Int(int64(c.Gender)),
		Email: wire.Str(c.Email), Birth: wire.Str(c.Birth), Tel: wire.Str(c.Mobile), Ext: wire.Str(c.Ex),
		CreateTime: wire.Int(c.CreatedMs), UpdateTime: wire.Int(c.UpdatedMs),
	}
}

// cards is 3-7; accounts that do not exist are left out.
func (p *Product) cards(ctx context.Context, s *gateway.Session, req *nimwire.GetUsersNameCardFromServerRequest) (*nimwire.GetUsersNameCardFromServerResponse, error) {
	if len(req.Accounts) > maxCards {
		return nil, im.Errorf(im.CodeBadParam, "at most %d accounts", maxCards)
	}
	ids := make([]string, 0, len(req.Accounts))
	for _, a := range req.Accounts {
		if id, ok := im.NormalizeAccid(a); ok {
			ids = append(ids, id)
		}
	}
	found, err := p.c.Accounts.GetMany(ctx, s.App().Key, ids)
	if err != nil {
		return nil, err
	}
	users := make([]nimwire.User, 0, len(found))
	for _, id := range ids {
		if a := found[id]; a != nil {
			users = append(users, card(a))
			delete(found, id)
		}
	}
	return &nimwire.GetUsersNameCardFromServerResponse{Users: users}, nil
}

// updateCard is 3-10: only the given fields change, an empty one is cleared.
func (p *Product) updateCard(ctx context.Context, s *gateway.Session, req *nimwire.UpdateMyNameCardRequest) (*nimwire.UpdateMyNameCardResponse, error) {
	w := &req.User
	u := account.CardUpdate{Name: given(w.Nick), Icon: given(w.Avatar), Sign: given(w.Signature), Email: given(w.Email),
		Birth: given(w.Birth), Mobile: given(w.Tel), Ex: given(w.Ext)}
	if w.Gender.IsSet() {
		n, ok := w.Gender.IntOK()
		g := int(n)
		if !ok || n < 0 || n > 2 {
			return nil, im.Errorf(im.CodeBadParam, "gender is 0, 1 or 2")
		}
		u.Gender = &g
	}
	if err := u.Check(); err != nil {
		return nil, err
	}
	me := p.operator(s, askCard)
	if err := p.ask(ctx, s, askCard, "", cardQuestion{EventType: askCard, Account: me.Account, Device: me.Device, ClientType: me.ClientType, Name: u.Name, Icon: u.Icon,
		Sign: u.Sign, Email: u.Email, Birth: u.Birth, Mobile: u.Mobile, Gender: u.Gender, Ex: u.Ex, Time: me.Time}); err != nil {
		return nil, err
	}
	a, err := p.c.Accounts.UpdateCard(ctx, s.App().Key, s.Accid(), u)
	if err != nil {
		return nil, err
	}
	p.c.Bus.Publish(im.Event{Kind: im.EventCard, App: a.App, To: a.Accid, Origin: s.ID})
	return &nimwire.UpdateMyNameCardResponse{Timetag: a.Card.UpdatedMs}, nil
}

func given(v wire.Value) *string {
	if !v.IsSet() {
		return nil
	}
	s := v.String()
	return &s
}

// onCard tells the account's other devices of its new card (3-110).
func (p *Product) onCard(ev im.Event, sessions []*gateway.Session) {
	ctx := sessions[0].Context()
	p.c.Accounts.Forget(ev.App, ev.To) // another node may have changed it
	a, err := p.c.Accounts.Get(ctx, ev.App, ev.To)
	if err != nil {
		p.c.Log.Error("card event", "err", err)
		return
	}
	u := card(a)
	frame := pushFrame(nimwire.OnUpdateMyNameCard.PushID(), &nimwire.OnUpdateMyNameCardResponse{User: &u})
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}
