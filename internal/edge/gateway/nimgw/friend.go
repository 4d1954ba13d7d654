package nimgw

import (
	"context"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/session"
)

// friendRows are the commands of friends and relations.
func (p *Product) friendRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.FriendReuqest, p.askFriend),
		gateway.Handle(nimwire.DeleteFriend, p.deleteFriend),
		gateway.Handle(nimwire.UpdateFriend, p.updateFriend),
		gateway.Handle(nimwire.GetFriends, p.getFriends),
		gateway.Handle(nimwire.SetBlack, p.setBlack),
		gateway.Handle(nimwire.SetMute, p.setMute),
		gateway.Handle(nimwire.SyncRelations, p.getRelations),
	}
}

// friendEvents are the events of friends and relations.
func (p *Product) friendEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{
		friend.EventRequest: p.ownDevices(func(e *friend.Event) (wire.Command, wire.REncoder) {
			return nimwire.SyncFriendRequest, &nimwire.SyncFriendRequestResponse{Account: e.Accid, Type: int64(e.Kind), Ps: e.Greeting}
		}),
		friend.EventDeleted: p.ownDevices(func(e *friend.Event) (wire.Command, wire.REncoder) {
			return nimwire.SyncDeleteFriend, &nimwire.SyncDeleteFriendResponse{Account: e.Accid}
		}),
		friend.EventUpdated: p.ownDevices(func(e *friend.Event) (wire.Command, wire.REncoder) {
			w := friendTo(e.Friend)
			return nimwire.SyncUpdateFriend, &nimwire.SyncUpdateFriendResponse{Friend: &w}
		}),
		friend.EventBlack: p.ownDevices(func(e *friend.Event) (wire.Command, wire.REncoder) {
			return nimwire.OnUpdateBlackList, &nimwire.OnUpdateBlackListResponse{Account: e.Accid, IsAdd: e.On}
		}),
		friend.EventMute: p.ownDevices(func(e *friend.Event) (wire.Command, wire.REncoder) {
			return nimwire.OnUpdateMuteList, &nimwire.OnUpdateMuteListResponse{Account: e.Accid, IsAdd: e.On}
		}),
	}
}

// ownDevices pushes what another device of the account did. A device that is
// between login and the end of its sync gets it after the lists it changes.
func (p *Product) ownDevices(push func(*friend.Event) (wire.Command, wire.REncoder)) eventFunc {
	return func(ev im.Event, sessions []*gateway.Session) {
		e, err := friend.DecodeEvent(ev.Body)
		if err != nil {
			p.c.Log.Error("friend event", "err", err)
			return
		}
		c, resp := push(e)
		frame := pushFrame(c.PushID(), resp)
		others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{Frame: frame}) })
	}
}

// askFriend is 12-1 (docs/protocol/nim-social.md section 10).
func (p *Product) askFriend(ctx context.Context, s *gateway.Session, req *nimwire.FriendReuqestRequest) (*gateway.None, error) {
	return nil, p.c.Friends.Ask(ctx, friend.Request{App: s.App(), From: s.Accid(), To: req.Account, Kind: friend.Kind(req.Type), Greeting: req.Ps, By: p.askingFriend(s, askAddFriend, req.Account, req.Type, req.Ps)})
}

// deleteFriend is 12-2.
func (p *Product) deleteFriend(ctx context.Context, s *gateway.Session, req *nimwire.DeleteFriendRequest) (*gateway.None, error) {
	return nil, p.c.Friends.Delete(ctx, s.App(), s.Accid(), req.Account, req.DelFriendParams.DelAlias.Bool(), p.askingFriend(s, askDeleteFriend, req.Account, 0, ""))
}

// updateFriend is 12-3: only the given fields change, an empty one is cleared.
func (p *Product) updateFriend(ctx context.Context, s *gateway.Session, req *nimwire.UpdateFriendRequest) (*gateway.None, error) {
	w := &req.UpdateFriendTag
	_, err := p.c.Friends.Update(ctx, s.App(), s.Accid(), w.Account.String(), friend.Update{Alias: given(w.Alias), Ext: given(w.Ext)}, s.ID)
	return nil, err
}

// getFriends is 12-4: live ones only, whatever the time tag
// (docs/protocol/nim-social.md section 4.2).
func (p *Product) getFriends(ctx context.Context, s *gateway.Session, _ *nimwire.GetFriendsRequest) (*nimwire.GetFriendsResponse, error) {
	now := p.c.Clock.NowMs()
	list, err := p.c.Friends.List(ctx, s.App().Key, s.Accid())
	if err != nil {
		return nil, err
	}
	return &nimwire.GetFriendsResponse{Friends: friendsTo(list), Timetag: now}, nil
}

// setBlack is 3-3.
func (p *Product) setBlack(ctx context.Context, s *gateway.Session, req *nimwire.SetBlackRequest) (*gateway.None, error) {
	return nil, p.c.Friends.SetBlack(ctx, s.App(), s.Accid(), req.Account, req.IsAdd, s.ID)
}

// setMute is 3-5.
func (p *Product) setMute(ctx context.Context, s *gateway.Session, req *nimwire.SetMuteRequest) (*gateway.None, error) {
	return nil, p.c.Friends.SetMute(ctx, s.App(), s.Accid(), req.Account, req.IsAdd, s.ID)
}

// getRelations is 3-8 as a command: the whole lists.
func (p *Product) getRelations(ctx context.Context, s *gateway.Session, _ *nimwire.SyncRelationsRequest) (*nimwire.SyncRelationsResponse, error) {
	now := p.c.Clock.NowMs()
	list, _, err := p.c.Friends.Relations(ctx, s.App().Key, s.Accid(), 0)
	if err != nil {
		return nil, err
	}
	return &nimwire.SyncRelationsResponse{List: relationsTo(list), Timetag: now}, nil
}

// relations is 3-8: with time tag 0 even when empty, because apps wait for the
// event; otherwise when something changed, and then whole, because the client
// replaces its lists.
func (r *syncRun) relations(ctx context.Context) error {
	if !r.ask.Relations.IsSet() {
		return nil
	}
	if !r.has.Any(session.HasRelations) {
		if r.ask.Relations.Int() == 0 {
			r.send(nimwire.SyncRelations, &nimwire.SyncRelationsResponse{List: []nimwire.Relation{}, Timetag: r.startMs})
		}
		return nil
	}
	list, changed, err := r.p.c.Friends.Relations(ctx, r.s.App().Key, r.s.Accid(), r.ask.Relations.Int())
	if err != nil || !changed {
		return err
	}
	r.send(nimwire.SyncRelations, &nimwire.SyncRelationsResponse{List: relationsTo(list), Timetag: r.startMs})
	return nil
}

// friends is 12-5.
func (r *syncRun) friends(ctx context.Context) error {
	if !r.ask.Friends.IsSet() || !r.has.Any(session.HasFriends) {
		return nil
	}
	list, err := r.p.c.Friends.Since(ctx, r.s.App().Key, r.s.Accid(), r.ask.Friends.Int())
	if err != nil || len(list) == 0 {
		return err
	}
	r.send(nimwire.SyncFriends, &nimwire.SyncFriendsResponse{Friends: friendsTo(list), Timetag: r.startMs})
	return nil
}

// friendUsers is 12-6.
func (r *syncRun) friendUsers(ctx context.Context) error {
	if !r.ask.FriendUsers.IsSet() || !r.has.Any(session.HasFriends) {
		return nil
	}
	list, err := r.p.c.Friends.Cards(ctx, r.s.App().Key, r.s.Accid(), r.ask.FriendUsers.Int())
	if err != nil || len(list) == 0 {
		return err
	}
	users := make([]nimwire.User, len(list))
	for i, a := range list {
		users[i] = card(a)
	}
	r.send(nimwire.SyncFriendUsers, &nimwire.SyncFriendUsersResponse{Users: users, Timetag: r.startMs})
	return nil
}

// friendTo is a friend as clients receive it. Tag 5 must be there: without it
// the record counts as no friend (docs/protocol/nim-social.md section 3.3).
func friendTo(f *friend.Friend) nimwire.Friend {
	return nimwire.Friend{
		Account: wire.Str(f.Accid), RelationShip: wire.Bool(f.Valid), PassRelationShip: wire.Int(int64(f.Origin)), Source: wire.Int(0),
		Alias: wire.Str(f.Alias), Ext: wire.Str(f.Ext), Serverex: wire.Str(f.ServerExt),
		CreateTime: wire.Int(f.CreatedMs), UpdateTime: wire.Int(f.UpdatedMs),
	}
}

func friendsTo(list []*friend.Friend) []nimwire.Friend {
	out := make([]nimwire.Friend, len(list))
	for i, f := range list {
		out[i] = friendTo(f)
	}
	return out
}

func relationsTo(list []*friend.Relation) []nimwire.Relation {
	out := make([]nimwire.Relation, len(list))
	for i, r := range list {
		out[i] = nimwire.Relation{Account: wire.Str(r.Accid), IsMuted: wire.Bool(r.Muted), IsBlack: wire.Bool(r.Black),
			CreateTime: wire.Int(r.CreatedMs), UpdateTime: wire.Int(r.UpdatedMs)}
	}
	return out
}
