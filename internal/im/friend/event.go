package friend

import (
	"encoding/json"
	"fmt"

	"hongyan/internal/im"
)

// Events tell an account's other devices what one of them, or the app's server,
// has done (docs/protocol/nim-social.md section 4.4).
const (
	EventRequest = im.EventFriendBase + iota // a friend request was sent or answered
	EventDeleted                             // a friendship was ended
	EventUpdated                             // a friend's alias or ext was changed
	EventBlack                               // the black list was changed
	EventMute                                // the mute list was changed
)

// Event is the body of these events; each kind fills what it needs.
type Event struct {
	Accid    string  `json:"a"` // the other account
	Kind     Kind    `json:"k,omitempty"`
	Greeting string  `json:"g,omitempty"`
	On       bool    `json:"o,omitempty"` // put on the list, not taken off
	Friend   *Friend `json:"f,omitempty"`
}

// DecodeEvent reads the body of an event.
func DecodeEvent(b []byte) (*Event, error) {
	e := &Event{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("friend event: %w", err)
	}
	return e, nil
}

func (s *Service) tell(kind im.EventKind, app, accid, origin string, e Event) {
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("friend event: %v", err)) // texts and numbers only: cannot fail
	}
	s.bus.Publish(im.Event{Kind: kind, App: app, To: accid, Origin: origin, Body: b})
}
