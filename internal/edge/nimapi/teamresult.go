package nimapi

import (
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
)

// as makes who acts in a call: the app's server acts for a member, and may do
// what that member may.
func (c *Call) as(accid string) team.Actor {
	return team.Actor{App: c.App, Accid: accid, ClientType: message.ClientTypeREST}
}

// failedAccids names accounts that were left out of a call that succeeded for
// the others.
type failedAccids struct {
	Accid []string `json:"accid"`
	Msg   string   `json:"msg"`
}

// leftOut adds to an answer who was left out for being in too many teams; the
// field is there only when there is somebody (docs/api/server-v1.md section 3).
func leftOut(r Result, aborted []string) Result {
	if len(aborted) == 0 {
		return r
	}
	return append(r, Field{"faccid", failedAccids{Accid: aborted, Msg: "team count exceed"}})
}

// wide turns an optional parameter into the domain's kind of number.
func wide(n *int) *int64 {
	if n == nil {
		return nil
	}
	v := int64(*n)
	return &v
}

// given is an optional text of a call; an empty one counts as absent.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
