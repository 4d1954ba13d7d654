package subscription

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/presence"
)

// queueLimit bounds the changes that wait to be told. Beyond it the oldest are
// given up: subscribers read the state again when they log in.
const queueLimit = 65_536

// askLimit bounds one question to the store.
const askLimit = 5 * time.Second

// change is something subscribers must be told of.
type change struct {
	dueMs  int64 // not before
	reload bool  // not a change: read the subscriptions of key anew
	key    presence.Key
	device *presence.Device // that came or went
	value  int64
	event  *Event // published; nil for presence
}

// queue holds what waits, by time.
type queue struct {
	mu    sync.Mutex // guards the rest
	items []change
	lost  int
	wake  chan struct{} // capacity 1
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) put(c change) {
	q.mu.Lock()
	// Behind what is due at the same time; usually that is the end.
	i := len(q.items)
	for i > 0 && q.items[i-1].dueMs > c.dueMs {
		i--
	}
	q.items = slices.Insert(q.items, i, c)
	if len(q.items) > queueLimit {
		q.items = q.items[1:]
		q.lost++
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// cancel takes back that a device was lost: its client is there again.
func (q *queue) cancel(d *presence.Device) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(c change) bool {
		return c.value == ValueLost && c.device != nil && c.key == d.Key() && c.device.ClientType == d.ClientType && c.device.DeviceID == d.DeviceID
	})
}

// take returns the next change that is due, or how long to wait for it.
func (q *queue) take(nowMs int64) (c change, ok bool, wait time.Duration, lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost, q.lost = q.lost, 0
	if len(q.items) == 0 {
		q.items = nil
		return c, false, time.Hour, lost
	}
	if d := q.items[0].dueMs - nowMs; d > 0 {
		return c, false, time.Duration(d) * time.Millisecond, lost
	}
	c = q.items[0]
	q.items = q.items[1:]
	return c, true, 0, lost
}

// Observe follows an event of the bus on every node. The directory must have
// followed it before.
func (s *Service) Observe(ev im.Event) {
	switch ev.Kind {
	case im.EventDeviceUp, im.EventDeviceDown:
		k := presence.Key{App: ev.App, Accid: ev.To}
		if !s.watch.watched(k) {
			return
		}
		d, err := presence.DecodeDevice(ev.Body)
		if err != nil {
			return // the directory has reported it
		}
		if ev.Kind == im.EventDeviceUp {
			s.Came(d)
		} else {
			s.Gone(d)
		}
	case EventPublished:
		k := presence.Key{App: ev.App, Accid: ev.To}
		if !s.watch.watched(k) {
			return
		}
		e, err := DecodeEvent(ev.Body)
		if err != nil {
			s.c.Failed("decode a published event", err)
			return
		}
		s.queue.put(change{key: k, event: e, dueMs: s.c.Clock.NowMs()})
	case EventChanged:
		k := presence.Key{App: ev.App, Accid: ev.To}
		if s.watch.here(k) {
			s.queue.put(change{key: k, reload: true, dueMs: s.c.Clock.NowMs()})
		}
	}
}

// Came tells of a device that is there.
func (s *Service) Came(d *presence.Device) {
	if d.Product != "" || !s.watch.watched(d.Key()) {
		return
	}
	s.queue.cancel(d)
	s.queue.put(change{key: d.Key(), device: d, value: ValueLogin, dueMs: s.c.Clock.NowMs()})
}

// Gone tells of a device that logged out or was lost. A lost one may come back
// within the app's grace; then nobody is told that it was away.
func (s *Service) Gone(d *presence.Device) {
	k := d.Key()
	if d.Product != "" || !s.watch.watched(k) {
		return
	}
	c := change{key: k, device: d, value: ValueLogout, dueMs: s.c.Clock.NowMs()}
	if d.Lost {
		c.value = ValueLost
		if a, ok := s.c.Apps.Get(d.App); ok {
			c.dueMs += a.Settings.PresenceGrace * 1000
		}
	}
	s.queue.put(c)
}

// Listen makes a connection's account a listener on this node: from now on what
// it subscribes anywhere is heard of here. Who then finds that the account has no
// subscriptions need not call Online.
func (s *Service) Listen(d *presence.Device) {
	if a, ok := s.c.Apps.Get(d.App); !ok || !a.Settings.Presence {
		return
	}
	k := d.Key()
	s.watch.online(k, d.ConnectionID)
	if !slices.ContainsFunc(s.c.Directory.Devices(d.App, d.Accid), func(o *presence.Device) bool { return o.ConnectionID == d.ConnectionID }) {
		s.watch.offline(k, d.ConnectionID) // its connection ended before it was noted
	}
}

// Online reads the subscriptions of a listener and sends what it has to know at
// once: the events of its publishers that are online.
func (s *Service) Online(ctx context.Context, d *presence.Device, send func([]*Event)) error {
	if a, ok := s.c.Apps.Get(d.App); !ok || !a.Settings.Presence {
		return nil
	}
	k := d.Key()
	subs, err := s.load(ctx, k)
	if err != nil {
		return err
	}
	var online []string
	for _, b := range subs {
		if len(s.c.Directory.Devices(k.App, b.Publisher)) > 0 {
			online = append(online, b.Publisher)
		}
	}
	if len(online) == 0 {
		return nil
	}
	return s.sendCurrent(ctx, k.App, online, send)
}

func (s *Service) sendCurrent(ctx context.Context, app string, accids []string, send func([]*Event)) error {
	s.order.RLock()
	defer s.order.RUnlock()
	events, err := s.current(ctx, app, accids)
	if len(events) > 0 {
		send(events)
	}
	return err
}

// Offline ends what Listen began.
func (s *Service) Offline(d *presence.Device) { s.watch.offline(d.Key(), d.ConnectionID) }

func (s *Service) load(ctx context.Context, k presence.Key) ([]Subscription, error) {
	if !s.watch.begin(k) {
		return nil, nil
	}
	subs, err := s.c.Store.Subscriptions(ctx, k.App, k.Accid, s.c.Clock.NowMs())
	s.watch.set(k, subs, err == nil)
	return subs, err
}

// Run tells subscribers of changes until ctx ends.
func (s *Service) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c, ok, wait, lost := s.queue.take(s.c.Clock.NowMs())
		if lost > 0 {
			s.c.Failed("tell subscribers", im.Errorf(im.CodeBusy, "%d presence changes given up", lost))
		}
		if ok {
			if err := s.tell(ctx, c); err != nil && ctx.Err() == nil {
				s.c.Failed("tell subscribers", err)
			}
			if ctx.Err() != nil {
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-s.queue.wake:
		case <-timer.C:
		}
	}
}

func (s *Service) tell(ctx context.Context, c change) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if c.reload {
		_, err := s.load(ctx, c.key)
		return err
	}
	to := s.watch.of(c.key, s.c.Clock.NowMs())
	if len(to) == 0 {
		return nil
	}
	s.order.Lock()
	defer s.order.Unlock()
	e := c.event
	if e == nil {
		e = s.presence(c.device, c.value, s.c.Clock.NowMs())
	}
	if err := s.fill(ctx, e); err != nil {
		return err
	}
	s.c.Deliver(c.key.App, to, e)
	return nil
}

// presence is the server's own event about a device.
func (s *Service) presence(d *presence.Device, value, timeMs int64) *Event {
	id := strconv.FormatInt(s.c.NextID(), 10)
	return &Event{App: d.App, Accid: d.Accid, Value: value, ID: id, IDClient: id, TimeMs: timeMs, ClientType: d.ClientType}
}

// fill adds the account's state as it is now: its devices and what they have
// published.
func (s *Service) fill(ctx context.Context, e *Event) error {
	devices := s.c.Directory.Devices(e.App, e.Accid)
	var published []Published
	if len(devices) > 0 {
		var err error
		if published, err = s.c.Store.PublishedBy(ctx, e.App, []string{e.Accid}, s.c.Clock.NowMs()); err != nil {
			return err
		}
	}
	e.state(devices, published)
	return nil
}

// state sets Online and Exts; it returns the published values that count.
func (e *Event) state(devices []*presence.Device, published []Published) []Published {
	e.Online, e.Exts = []int{}, nil
	var live []Published
	for _, d := range devices {
		if !slices.Contains(e.Online, d.ClientType) {
			e.Online = append(e.Online, d.ClientType)
		}
		for _, p := range published {
			if p.Accid != d.Accid || p.ClientType != d.ClientType || p.Device != d.DeviceID {
				continue
			}
			if live = append(live, p); p.Ext != "" {
				if e.Exts == nil {
					e.Exts = map[int]string{}
				}
				e.Exts[p.ClientType] = p.Ext
			}
		}
	}
	return live
}

// current returns the events of accounts that are online: a login, then the
// published values that later subscribers are told of.
func (s *Service) current(ctx context.Context, app string, accids []string) ([]*Event, error) {
	if len(accids) == 0 {
		return nil, nil
	}
	now := s.c.Clock.NowMs()
	published, err := s.c.Store.PublishedBy(ctx, app, accids, now)
	if err != nil {
		return nil, err
	}
	var out []*Event
	for _, id := range accids {
		devices := s.c.Directory.Devices(app, id)
		if len(devices) == 0 {
			continue
		}
		last := devices[len(devices)-1]
		e := s.presence(last, ValueLogin, last.LoginMs)
		out = append(out, e)
		for _, p := range e.state(devices, published) {
			if p.Broadcast == BroadcastLater {
				out = append(out, &Event{App: app, Accid: id, Value: p.Value, ID: p.ID, IDClient: p.IDClient, TimeMs: p.TimeMs, ClientType: p.ClientType,
					Ext: p.Ext, ValidS: (p.ExpiresMs - p.TimeMs) / 1000, Broadcast: p.Broadcast, Online: e.Online, Exts: e.Exts})
			}
		}
	}
	return out, nil
}
