package message

import (
	"sync"

	"hongyan/internal/im"
)

// maxStopped bounds what is remembered of one app: the newest count, and a recall
// comes within minutes.
const maxStopped = 1024

// stopped remembers messages that moderation has stopped. They are in no store,
// and without it to recall one would look like recalling what does not exist.
// Each node knows those it has stopped itself since its start.
type stopped struct {
	mu   sync.Mutex // guards apps
	apps map[string]*stoppedRing
}

type stoppedRing struct {
	byID map[int64]stoppedMessage
	ids  []int64 // oldest first from next on, once it is full
	next int
}

type stoppedMessage struct {
	conv im.ConvKey
	from string
}

// add remembers m, which has its id, and forgets the oldest when there are too many.
func (s *stopped) add(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps == nil {
		s.apps = map[string]*stoppedRing{}
	}
	r := s.apps[m.App]
	if r == nil {
		r = &stoppedRing{byID: map[int64]stoppedMessage{}}
		s.apps[m.App] = r
	}
	if len(r.ids) < maxStopped {
		r.ids = append(r.ids, m.ID)
	} else {
		delete(r.byID, r.ids[r.next])
		r.ids[r.next] = m.ID
		r.next = (r.next + 1) % maxStopped
	}
	r.byID[m.ID] = stoppedMessage{m.Conv, m.From}
}

// has says whether a message of from in conv was stopped; nobody but the sender
// was told its id.
func (s *stopped) has(app string, conv im.ConvKey, from string, id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.apps[app]
	return r != nil && r.byID[id] == stoppedMessage{conv, from}
}
