package nimgw

import (
	"context"
	"encoding/json"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/session"
	"hongyan/internal/im/subscription"
)

// subscribeDefault is how long a subscription lasts when the client does not
// say, in seconds (docs/protocol/nim-social.md section 11.3).
const subscribeDefault = 2592000

// publishDefault is how long a published value is valid then, in seconds.
const publishDefault = 604800

// subscriptionRows are the commands of online-state subscription.
func (p *Product) subscriptionRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.PublishEvent, p.publishEvent),
		gateway.Handle(nimwire.SubscribeEvent, p.subscribeEvent),
		gateway.Handle(nimwire.UnSubscribeEventsByAccounts, p.unsubscribeAccounts),
		gateway.Handle(nimwire.UnSubscribeEventsByType, p.unsubscribeType),
		gateway.Handle(nimwire.QuerySubscribeEventsByAccounts, p.querySubscribedAccounts),
		gateway.Handle(nimwire.QuerySubscribeEventsByType, p.querySubscribedType),
	}
}

// subscriptionEvents are the events of online-state subscription.
func (p *Product) subscriptionEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{
		subscription.EventPublished: p.onPublished,
		subscription.EventFrame:     p.onPresenceFrame,
	}
}

// publishEvent is 14-1.
func (p *Product) publishEvent(ctx context.Context, s *gateway.Session, req *nimwire.PublishEventRequest) (*nimwire.PublishEventResponse, error) {
	w := &req.MsgEvent
	if w.Type.IntOr(subscription.TypePresence) != subscription.TypePresence {
		return nil, im.Errorf(im.CodeBadParam, "type")
	}
	e, err := p.c.Subscriptions.Publish(ctx, s.App(), s.Login().Device, subscription.Event{
		Value: w.Value.Int(), IDClient: w.IdClient.String(), Ext: w.Ext.String(), ValidS: w.ValidTime.IntOr(publishDefault),
		Broadcast: int(w.BroadcastType.IntOr(subscription.BroadcastLater)), Sync: w.Sync.Bool(),
	})
	if err != nil {
		return nil, err
	}
	out := eventTo(e)
	return &nimwire.PublishEventResponse{MsgEvent: &out}, nil
}

// subscribeEvent is 14-3.
func (p *Product) subscribeEvent(ctx context.Context, s *gateway.Session, req *nimwire.SubscribeEventRequest) (*nimwire.SubscribeEventResponse, error) {
	w := &req.MsgEventSubscribe
	var send func([]*subscription.Event)
	if w.Sync.Bool() {
		send = sendEvents(s)
	}
	failed, err := p.c.Subscriptions.Subscribe(ctx, s.App(), s.Accid(), w.Type.IntOr(subscription.TypePresence), w.SubscribeTime.IntOr(subscribeDefault), req.Accounts, send)
	if err != nil {
		return nil, err
	}
	return &nimwire.SubscribeEventResponse{Accounts: failed}, nil
}

// unsubscribeAccounts is 14-4.
func (p *Product) unsubscribeAccounts(ctx context.Context, s *gateway.Session, req *nimwire.UnSubscribeEventsByAccountsRequest) (*nimwire.UnSubscribeEventsByAccountsResponse, error) {
	if len(req.Accounts) == 0 {
		return &nimwire.UnSubscribeEventsByAccountsResponse{Accounts: []string{}}, nil
	}
	failed, err := p.c.Subscriptions.Unsubscribe(ctx, s.App(), s.Accid(), req.MsgEventSubscribe.Type.IntOr(subscription.TypePresence), req.Accounts)
	if err != nil {
		return nil, err
	}
	return &nimwire.UnSubscribeEventsByAccountsResponse{Accounts: failed}, nil
}

// unsubscribeType is 14-5.
func (p *Product) unsubscribeType(ctx context.Context, s *gateway.Session, req *nimwire.UnSubscribeEventsByTypeRequest) (*gateway.None, error) {
	_, err := p.c.Subscriptions.Unsubscribe(ctx, s.App(), s.Accid(), req.MsgEventSubscribe.Type.IntOr(subscription.TypePresence), nil)
	return nil, err
}

// querySubscribedAccounts is 14-6.
func (p *Product) querySubscribedAccounts(ctx context.Context, s *gateway.Session, req *nimwire.QuerySubscribeEventsByAccountsRequest) (*nimwire.QuerySubscribeEventsByAccountsResponse, error) {
	out := &nimwire.QuerySubscribeEventsByAccountsResponse{MsgEventSubscribes: []nimwire.MsgEventSubscribe{}}
	if len(req.Accounts) == 0 {
		return out, nil
	}
	subs, err := p.c.Subscriptions.Query(ctx, s.App(), s.Accid(), req.MsgEventSubscribe.Type.IntOr(subscription.TypePresence), req.Accounts)
	if err != nil {
		return nil, err
	}
	out.MsgEventSubscribes = subscriptionsTo(subs)
	return out, nil
}

// querySubscribedType is 14-7.
func (p *Product) querySubscribedType(ctx context.Context, s *gateway.Session, req *nimwire.QuerySubscribeEventsByTypeRequest) (*nimwire.QuerySubscribeEventsByTypeResponse, error) {
	subs, err := p.c.Subscriptions.Query(ctx, s.App(), s.Accid(), req.MsgEventSubscribe.Type.IntOr(subscription.TypePresence), nil)
	if err != nil {
		return nil, err
	}
	return &nimwire.QuerySubscribeEventsByTypeResponse{MsgEventSubscribes: subscriptionsTo(subs)}, nil
}

// presence sends the events of the publishers that are online (14-9,
// docs/protocol/nim-social.md section 11.3). The session listens already.
func (r *syncRun) presence(ctx context.Context) error {
	if !r.has.Any(session.HasSubscriptions) {
		return nil
	}
	return r.p.c.Subscriptions.Online(ctx, r.s.Login().Device, sendEvents(r.s))
}

func sendEvents(s *gateway.Session) func([]*subscription.Event) {
	return func(events []*subscription.Event) {
		list := make([]nimwire.MsgEvent, len(events))
		for i, e := range events {
			list[i] = eventTo(e)
		}
		s.Push(nimwire.PushEvents.PushID(), &nimwire.PushEventsResponse{MsgEvents: list})
	}
}

// onPublished shows the account's other devices what one has published (14-2).
func (p *Product) onPublished(ev im.Event, sessions []*gateway.Session) {
	e, err := subscription.DecodeEvent(ev.Body)
	if err != nil {
		p.c.Log.Error("published event", "err", err)
		return
	}
	if !e.Sync {
		return
	}
	frame := PresenceFrame(e)
	others(ev, sessions, func(s *gateway.Session) { s.PutFrame(frame) })
}

// onPresenceFrame sends subscribers what the server has made for all of them.
func (p *Product) onPresenceFrame(ev im.Event, sessions []*gateway.Session) {
	for _, s := range sessions {
		s.PutFrame(ev.Body)
	}
}

// PresenceFrame is 14-2, made once for any number of subscribers: the body of a
// subscription.EventFrame.
func PresenceFrame(e *subscription.Event) []byte {
	w := eventTo(e)
	return pushFrame(nimwire.PushEvent.PushID(), &nimwire.PushEventResponse{MsgEvent: &w})
}

// eventTo is an event as clients receive it (docs/protocol/nim-social.md section 11.2).
func eventTo(e *subscription.Event) nimwire.MsgEvent {
	config, _ := json.Marshal(struct {
		Online []int `json:"online"`
	}{e.Online}) // numbers only: cannot fail
	w := nimwire.MsgEvent{
		Type: wire.Int(subscription.TypePresence), Value: wire.Int(e.Value), IdClient: wire.Str(e.IDClient), IdServer: wire.Str(e.ID), Time: wire.Int(e.TimeMs),
		ClientType: wire.Int(int64(e.ClientType)), ServerConfig: wire.Str(string(config)), Account: wire.Str(e.Accid),
	}
	if len(e.Exts) > 0 {
		exts, _ := json.Marshal(e.Exts) // numbers and texts only: cannot fail
		w.ServerExt = wire.Str(string(exts))
	}
	if e.ValidS != 0 {
		w.Ext, w.ValidTime, w.BroadcastType, w.Sync = wire.Str(e.Ext), wire.Int(e.ValidS), wire.Int(int64(e.Broadcast)), wire.Bool(e.Sync)
	}
	return w
}

func subscriptionsTo(subs []subscription.Subscription) []nimwire.MsgEventSubscribe {
	out := make([]nimwire.MsgEventSubscribe, len(subs))
	for i, b := range subs {
		out[i] = nimwire.MsgEventSubscribe{Type: wire.Int(subscription.TypePresence), SubscribeTime: wire.Int((b.ExpiresMs - b.CreatedMs) / 1000),
			To: wire.Str(b.Publisher), Time: wire.Int(b.CreatedMs)}
	}
	return out
}
