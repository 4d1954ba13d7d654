package signaling

import (
	"strconv"

	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// copyBody is the body of event 31 (docs/api/copy.md section 7).
type copyBody struct {
	EventType   string `json:"eventType"`
	Type        string `json:"type"`
	ChannelID   string `json:"channelId"`
	ChannelName string `json:"channelName,omitempty"`
	Created     string `json:"createTime,omitempty"` // ms
	Creator     string `json:"creator,omitempty"`
	Ext         string `json:"ext,omitempty"`
	From        string `json:"from"`
	To          string `json:"to,omitempty"`
	Time        string `json:"timestamp"` // ms
	AttachExt   string `json:"attachExt,omitempty"`
	Save        string `json:"isSave,omitempty"`
	UID         string `json:"uid,omitempty"`
	Request     string `json:"requestId,omitempty"`
	NeedPush    string `json:"needPush,omitempty"`
	PushTitle   string `json:"pushTitle,omitempty"`
	PushContent string `json:"pushContent,omitempty"`
	PushPayload string `json:"pushPayload,omitempty"`
	NeedBadge   string `json:"needBadge,omitempty"`
}

// word is how app servers know what a note tells.
func (k Kind) word() string {
	switch k {
	case KindClose:
		return "CLOSE_ROOM"
	case KindJoin:
		return "JOIN_ROOM"
	case KindInvite:
		return "INVITE"
	case KindCancel:
		return "CANCEL_INVITE"
	case KindReject:
		return "REJECT"
	case KindAccept:
		return "ACCEPT"
	case KindLeave:
		return "LEAVE_ROOM"
	}
	return "CTRL"
}

// routed says whether the app's server is told of what comes of q.
func routed(a *app.App, q Ask) bool { return !q.NoRoute && eventcopy.Wanted(a, eventcopy.Signaling) }

// copied is what the app's server is told of the outcome of q: its notes,
// whoever gets them, but for those that tell the sender's own devices.
func copied(a *app.App, q Ask, out Outcome) (cs []*eventcopy.Copy) {
	if !routed(a, q) {
		return nil
	}
	for _, x := range out.Sends {
		if x.Note.Echo {
			continue
		}
		n := x.Note
		b := headCopy(n.Kind.word(), n.Channel, n.From, n.TimeMs)
		b.To, b.AttachExt, b.Save, b.Request = n.To, n.AttachExt, text(x.Keep), n.Request
		if n.Member != nil {
			b.UID = strconv.FormatInt(n.Member.UID, 10)
		}
		if p := n.Push; p != nil {
			b.NeedPush, b.PushTitle, b.PushContent, b.PushPayload, b.NeedBadge = text(p.Need), p.Title, p.Content, p.Payload, text(!p.NoBadge)
		}
		cs = append(cs, channelCopy(a, n.Channel.ID, b))
	}
	return cs
}

// created is what the app's server is told of a new channel; nil: nothing.
func created(a *app.App, q Ask, c *Channel) []*eventcopy.Copy {
	if !routed(a, q) {
		return nil
	}
	return []*eventcopy.Copy{channelCopy(a, c.ID, headCopy("CREATE_ROOM", c.Head(), c.Creator, c.CreatedMs))}
}

func headCopy(word string, h Head, from string, ms int64) copyBody {
	return copyBody{EventType: eventcopy.Signaling.Text(), Type: word, ChannelID: strconv.FormatInt(h.ID, 10), ChannelName: h.Name,
		Created: eventcopy.Ms(h.CreatedMs), Creator: h.Creator, Ext: h.Ext, From: from, Time: eventcopy.Ms(ms)}
}

// channelCopy is a copy in the lane of its channel.
func channelCopy(a *app.App, channel int64, b copyBody) *eventcopy.Copy {
	return eventcopy.New(a, eventcopy.Signaling, "channel:"+strconv.FormatInt(channel, 10), "", b)
}

func text(on bool) string {
	if on {
		return "true"
	}
	return "false"
}
