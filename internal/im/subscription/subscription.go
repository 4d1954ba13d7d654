// Package subscription owns online-state subscription: who wants to know of
// whose presence, what an account publishes of itself, and what its subscribers
// are told when it comes, goes or publishes
// (docs/protocol/nim-social.md section 11).
//
// It must not know sockets, frames or SQL. Whether a device is there is
// presence's business; this package asks its directory.
package subscription

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/presence"
)

// Kinds of events on the bus.
const (
	// EventPublished tells that an account published a value; To is the
	// publisher, Body an Event.
	EventPublished = im.EventSubscriptionBase
	// EventChanged tells that the subscriptions of To have changed.
	EventChanged = im.EventSubscriptionBase + 1
	// EventFrame never leaves a node: Body is what the subscriber To is sent.
	EventFrame = im.EventSubscriptionBase + 2
)

// Limits of docs/protocol/nim-social.md section 11.3.
const (
	TypePresence = 1 // the only type of event

	ValueLogin  = 1
	ValueLogout = 2
	ValueLost   = 3

	MaxPerCall     = 100 // accounts in one call
	minSeconds     = 60
	maxSubscribe   = 2592000 // seconds a subscription may last
	maxValid       = 604800  // seconds a published value may last
	firstAppValue  = 10000   // values below are the server's
	maxValue       = 1<<31 - 1
	maxExt         = 256 // bytes
	maxIDClient    = 64  // bytes
	syncOnceWithin = 30_000
)

// Broadcast says which subscribers are told of a published value.
const (
	BroadcastOnline = 1 // those that are online now
	BroadcastLater  = 2 // those that come online while it is valid, too
)

// Subscription says that an account wants to know of another's presence.
type Subscription struct {
	App, Accid string // the subscriber
	Publisher  string
	CreatedMs  int64 // when it was made or renewed, ms
	ExpiresMs  int64
}

// Published is the value one kind of client of an account has published. It
// counts while a device with its id is logged in.
type Published struct {
	App, Accid string
	ClientType int
	Device     string // presence.Device.DeviceID
	Value      int64
	Ext        string
	ID         string // the server's id of the event
	IDClient   string
	TimeMs     int64
	ExpiresMs  int64
	Broadcast  int
}

// Event is what a subscriber is told.
type Event struct {
	App        string         `json:"app"`
	Accid      string         `json:"acc"` // the publisher
	Value      int64          `json:"v"`
	ID         string         `json:"id"`
	IDClient   string         `json:"idc,omitempty"`
	TimeMs     int64          `json:"t"`
	ClientType int            `json:"ct"`
	Ext        string         `json:"x,omitempty"`
	ValidS     int64          `json:"valid,omitempty"` // seconds; 0 = not the account's own event
	Broadcast  int            `json:"b,omitempty"`
	Sync       bool           `json:"s,omitempty"`  // the publisher's other devices want it too
	Online     []int          `json:"on"`           // client types after the change, oldest login first
	Exts       map[int]string `json:"xs,omitempty"` // client type -> published ext
}

// Encode packs e for the bus.
func (e *Event) Encode() []byte {
	b, _ := json.Marshal(e) // texts and numbers only: cannot fail
	return b
}

// DecodeEvent is the inverse of Encode.
func DecodeEvent(b []byte) (*Event, error) {
	e := &Event{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, err
	}
	return e, nil
}

// Store keeps subscriptions and published values. Every method is one durable
// unit of work; expired rows never count.
type Store interface {
	// PutSubscriptions makes or renews subscriptions of one subscriber. Beyond
	// max the oldest go; with refuse nothing new is made then and the call is
	// im.CodeTooMany. It returns when those that existed had been made, by
	// publisher, ms.
	PutSubscriptions(ctx context.Context, subs []Subscription, max int, refuse bool, nowMs int64) (map[string]int64, error)
	// DeleteSubscriptions ends subscriptions; no publishers means all.
	DeleteSubscriptions(ctx context.Context, app, accid string, publishers []string) error
	// Subscriptions returns an account's subscriptions that are valid at nowMs.
	Subscriptions(ctx context.Context, app, accid string, nowMs int64) ([]Subscription, error)
	// PutPublished replaces the value of one client type of an account.
	PutPublished(ctx context.Context, p Published) error
	// PublishedBy returns what accounts have published and is valid at nowMs.
	PublishedBy(ctx context.Context, app string, accids []string, nowMs int64) ([]Published, error)
	// DropExpired deletes at most limit rows of an app that expired before nowMs
	// and returns how many there were.
	DropExpired(ctx context.Context, app string, nowMs int64, limit int) (int, error)
}

// Config is what a Service needs.
type Config struct {
	Store     Store
	Apps      *app.Service
	Accounts  *account.Service
	Directory *presence.Directory
	Bus       im.Publisher
	Clock     im.Clock
	NextID    func() int64
	// Deliver sends an event to subscribers on this node.
	Deliver func(app string, subscribers []string, e *Event)
	// Failed is told of an error that nobody waits for.
	Failed func(what string, err error)
}

// Service has the rules.
type Service struct {
	c     Config
	watch *watch
	queue *queue
	// order lets what a subscriber is told at once, shared, not overtake a later
	// change, exclusive.
	order sync.RWMutex
}

// New returns a Service; Run must run for subscribers to be told.
func New(c Config) *Service {
	return &Service{c: c, watch: newWatch(), queue: newQueue()}
}

// Subscribe makes or renews subscriptions for seconds and returns the accounts
// that do not exist. A send that is not nil gets the events of those publishers
// that are online and were not subscribed within the last 30 s.
func (s *Service) Subscribe(ctx context.Context, a *app.App, accid string, typ, seconds int64, publishers []string, send func([]*Event)) (failed []string, err error) {
	failed, fresh, err := s.subscribe(ctx, a, accid, typ, seconds, false, publishers)
	if err != nil || send == nil || len(fresh) == 0 {
		return failed, err
	}
	return failed, s.sendCurrent(ctx, a.Key, fresh, send)
}

// SubscribeFor is Subscribe for the app's server: one that is over the limit is
// im.CodeTooMany instead of dropping the oldest, and nothing is sent at once.
func (s *Service) SubscribeFor(ctx context.Context, a *app.App, accid string, typ, seconds int64, publishers []string) (failed []string, err error) {
	failed, _, err = s.subscribe(ctx, a, accid, typ, seconds, true, publishers)
	return failed, err
}

// subscribe returns who could not be subscribed, and who was and had not been
// within the last 30 s.
func (s *Service) subscribe(ctx context.Context, a *app.App, accid string, typ, seconds int64, refuse bool, publishers []string) (failed, fresh []string, err error) {
	if err := s.allowed(a, typ, publishers); err != nil {
		return nil, nil, err
	}
	if seconds < minSeconds || seconds > maxSubscribe {
		return nil, nil, im.Errorf(im.CodeBadParam, "a subscription lasts %d to %d seconds", minSeconds, maxSubscribe)
	}
	ids, failed := normalize(publishers)
	found, err := s.c.Accounts.GetMany(ctx, a.Key, ids)
	if err != nil {
		return nil, nil, err
	}
	now := s.c.Clock.NowMs()
	var subs []Subscription
	for _, id := range ids {
		if found[id] == nil {
			failed = append(failed, id)
			continue
		}
		subs = append(subs, Subscription{App: a.Key, Accid: accid, Publisher: id, CreatedMs: now, ExpiresMs: now + seconds*1000})
	}
	if len(subs) == 0 {
		return failed, nil, nil
	}
	before, err := s.c.Store.PutSubscriptions(ctx, subs, int(a.Settings.SubscriptionMax), refuse, now)
	if err != nil {
		return nil, nil, err
	}
	// This node's index at once, so that the next event is not missed; the other
	// nodes' when they hear of it.
	s.watch.add(subs)
	s.changed(a.Key, accid)
	for _, b := range subs {
		if t, ok := before[b.Publisher]; !ok || now-t >= syncOnceWithin {
			fresh = append(fresh, b.Publisher)
		}
	}
	return failed, fresh, nil
}

// Unsubscribe ends subscriptions; accounts that are not subscribed are no
// failures. No publishers means all of the type.
func (s *Service) Unsubscribe(ctx context.Context, a *app.App, accid string, typ int64, publishers []string) (failed []string, err error) {
	if err := s.allowed(a, typ, publishers); err != nil {
		return nil, err
	}
	ids, failed := normalize(publishers)
	if len(publishers) > 0 && len(ids) == 0 {
		return failed, nil
	}
	if err := s.c.Store.DeleteSubscriptions(ctx, a.Key, accid, ids); err != nil {
		return nil, err
	}
	s.watch.remove(presence.Key{App: a.Key, Accid: accid}, ids)
	s.changed(a.Key, accid)
	return failed, nil
}

// Query returns the valid subscriptions of an account, those to publishers or,
// if there are none, all.
func (s *Service) Query(ctx context.Context, a *app.App, accid string, typ int64, publishers []string) ([]Subscription, error) {
	if err := s.allowed(a, typ, publishers); err != nil {
		return nil, err
	}
	all, err := s.c.Store.Subscriptions(ctx, a.Key, accid, s.c.Clock.NowMs())
	if err != nil || len(publishers) == 0 {
		return all, err
	}
	ids, _ := normalize(publishers)
	want := map[string]bool{}
	for _, id := range ids {
		want[id] = true
	}
	out := []Subscription{}
	for _, b := range all {
		if want[b.Publisher] {
			out = append(out, b)
		}
	}
	return out, nil
}

// Publish replaces what the device has published and tells the subscribers.
func (s *Service) Publish(ctx context.Context, a *app.App, d *presence.Device, e Event) (*Event, error) {
	if err := s.allowed(a, TypePresence, nil); err != nil {
		return nil, err
	}
	switch {
	case e.Value < firstAppValue || e.Value > maxValue:
		return nil, im.Errorf(im.CodeBadParam, "an application's value is %d or more", firstAppValue)
	case e.ValidS < minSeconds || e.ValidS > maxSubscribe:
		return nil, im.Errorf(im.CodeBadParam, "a value is valid %d to %d seconds", minSeconds, maxValid)
	case e.Broadcast != BroadcastOnline && e.Broadcast != BroadcastLater:
		return nil, im.Errorf(im.CodeBadParam, "broadcastType is 1 or 2")
	case len(e.Ext) > maxExt || len(e.IDClient) > maxIDClient:
		return nil, im.Errorf(im.CodeBadParam, "ext has at most %d bytes", maxExt)
	}
	e.ValidS = min(e.ValidS, maxValid) // the SDK lets more pass
	now := s.c.Clock.NowMs()
	e.App, e.Accid, e.ClientType, e.TimeMs = d.App, d.Accid, d.ClientType, now
	e.ID = strconv.FormatInt(s.c.NextID(), 10)
	err := s.c.Store.PutPublished(ctx, Published{App: e.App, Accid: e.Accid, ClientType: e.ClientType, Device: d.DeviceID, Value: e.Value, Ext: e.Ext,
		ID: e.ID, IDClient: e.IDClient, TimeMs: now, ExpiresMs: now + e.ValidS*1000, Broadcast: e.Broadcast})
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, &e); err != nil {
		return nil, err
	}
	s.c.Bus.Publish(im.Event{Kind: EventPublished, App: e.App, To: e.Accid, Origin: d.ConnectionID, Body: e.Encode()})
	return &e, nil
}

// DropExpired deletes expired rows of an app, at most limit, and says how many.
func (s *Service) DropExpired(ctx context.Context, a *app.App, limit int) (int, error) {
	return s.c.Store.DropExpired(ctx, a.Key, s.c.Clock.NowMs(), limit)
}

func (s *Service) changed(appKey, accid string) {
	s.c.Bus.Publish(im.Event{Kind: EventChanged, App: appKey, To: accid})
}

func (s *Service) allowed(a *app.App, typ int64, publishers []string) error {
	switch {
	case !a.Settings.Presence:
		return im.Errorf(im.CodeForbidden, "online-state subscription is switched off for this app")
	case typ != TypePresence:
		return im.Errorf(im.CodeBadParam, "the only type is %d", TypePresence)
	case len(publishers) > MaxPerCall:
		return im.Errorf(im.CodeBadParam, "at most %d accounts", MaxPerCall)
	}
	return nil
}

// normalize returns the accids, each once, and what cannot be one.
func normalize(accids []string) (ids, failed []string) {
	seen := map[string]bool{}
	failed = []string{}
	for _, a := range accids {
		id, ok := im.NormalizeAccid(a)
		switch {
		case !ok:
			failed = append(failed, a)
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, failed
}
