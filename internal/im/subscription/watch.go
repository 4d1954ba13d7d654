package subscription

import (
	"slices"
	"sync"

	"hongyan/internal/im/presence"
)

// watch is this node's index: the publishers that accounts logged in here have
// subscribed. A publisher that nobody here listens to costs one look-up.
type watch struct {
	mu          sync.RWMutex // guards the rest
	subscribers map[presence.Key]*watcher
	publishers  map[presence.Key]map[string]*watcher // publisher -> subscriber's accid
}

// watcher is a subscriber with at least one connection here.
type watcher struct {
	key     presence.Key
	conns   []string         // few; most accounts have one and subscribe nobody
	until   map[string]int64 // publisher -> expiry, ms; nil when empty
	loading int              // readings of the store under way
	missed  []Subscription   // made while one was
}

func newWatch() *watch {
	return &watch{subscribers: map[presence.Key]*watcher{}, publishers: map[presence.Key]map[string]*watcher{}}
}

// online notes a connection of a subscriber. Its subscriptions come by set.
func (w *watch) online(k presence.Key, conn string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[k]
	if s == nil {
		s = &watcher{key: k}
		w.subscribers[k] = s
	}
	if !slices.Contains(s.conns, conn) {
		s.conns = append(s.conns, conn)
	}
}

// offline forgets a connection, and with the last one the subscriber.
func (w *watch) offline(k presence.Key, conn string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[k]
	if s == nil || !slices.Contains(s.conns, conn) {
		return
	}
	if s.conns = slices.DeleteFunc(s.conns, func(c string) bool { return c == conn }); len(s.conns) > 0 {
		return
	}
	for p := range s.until {
		w.drop(s, p)
	}
	delete(w.subscribers, k)
}

// here says whether k has a connection here.
func (w *watch) here(k presence.Key) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.subscribers[k] != nil
}

// begin marks that k's subscriptions are being read; false: nobody is here.
func (w *watch) begin(k presence.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[k]
	if s == nil {
		return false
	}
	s.loading++
	return true
}

// set replaces what k has subscribed by what was read; subscriptions made since
// begin stay. ok is false when the reading failed.
func (w *watch) set(k presence.Key, subs []Subscription, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[k]
	if s == nil {
		return
	}
	if s.loading > 0 {
		s.loading--
	}
	if ok {
		want := map[string]bool{}
		for _, b := range append(subs, s.missed...) {
			want[b.Publisher] = true
			w.put(s, b)
		}
		for p := range s.until {
			if !want[p] {
				w.drop(s, p)
			}
		}
	}
	if s.loading == 0 {
		s.missed = nil
	}
}

// add notes subscriptions of one subscriber, if it is here.
func (w *watch) add(subs []Subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[presence.Key{App: subs[0].App, Accid: subs[0].Accid}]
	if s == nil {
		return
	}
	for _, b := range subs {
		w.put(s, b)
	}
	if s.loading > 0 {
		s.missed = append(s.missed, subs...)
	}
}

// remove ends subscriptions of k; no publishers means all.
func (w *watch) remove(k presence.Key, publishers []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.subscribers[k]
	if s == nil {
		return
	}
	if len(publishers) == 0 {
		for p := range s.until {
			w.drop(s, p)
		}
		return
	}
	for _, p := range publishers {
		w.drop(s, p)
	}
}

func (w *watch) put(s *watcher, b Subscription) {
	if s.until == nil {
		s.until = map[string]int64{}
	}
	s.until[b.Publisher] = b.ExpiresMs
	k := presence.Key{App: s.key.App, Accid: b.Publisher}
	if w.publishers[k] == nil {
		w.publishers[k] = map[string]*watcher{}
	}
	w.publishers[k][s.key.Accid] = s
}

func (w *watch) drop(s *watcher, publisher string) {
	delete(s.until, publisher)
	k := presence.Key{App: s.key.App, Accid: publisher}
	if m := w.publishers[k]; m != nil {
		if delete(m, s.key.Accid); len(m) == 0 {
			delete(w.publishers, k)
		}
	}
}

// watched says whether anybody here listens to k.
func (w *watch) watched(k presence.Key) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.publishers[k]) > 0
}

// of returns the subscribers here whose subscription to k is valid, and ends
// the others.
func (w *watch) of(k presence.Key, nowMs int64) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for accid, s := range w.publishers[k] {
		if s.until[k.Accid] <= nowMs {
			w.drop(s, k.Accid)
			continue
		}
		out = append(out, accid)
	}
	return out
}
