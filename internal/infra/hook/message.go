package hook

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
)

// Events of messages (docs/api/callbacks.md section 5.1).
const (
	p2pEvent       = 1
	teamEvent      = 2
	superTeamEvent = 22
)

// messageBody is the body of events 1, 2 and 22.
type messageBody struct {
	EventType  int    `json:"eventType"`
	From       string `json:"fromAccount"`
	Nick       string `json:"fromNick,omitempty"`
	ClientType string `json:"fromClientType,omitempty"`
	Device     string `json:"fromDeviceId,omitempty"`
	To         string `json:"to"`
	Time       string `json:"msgTimestamp"` // ms
	Type       string `json:"msgType"`
	IP         string `json:"fromClientIp,omitempty"`
	Port       string `json:"fromClientPort,omitempty"`
	IDClient   string `json:"msgidClient"`
	Body       string `json:"body,omitempty"`
	Attach     string `json:"attach,omitempty"`
	Ext        string `json:"ext,omitempty"`
}

// Message asks the app's server whether a client's message may go on; it is a
// message.Callback. Without an answer callback_on_failure decides.
func (c *Client) Message(ctx context.Context, a *app.App, m *message.Message, p message.Peer) (message.Verdict, error) {
	event := p2pEvent
	switch m.Scene {
	case im.SceneTeam:
		event = teamEvent
	case im.SceneSuperTeam:
		event = superTeamEvent
	}
	if !a.Settings.CallsBack(event) {
		return message.Verdict{}, nil
	}
	now := strconv.FormatInt(c.clock.NowMs(), 10)
	body := marshal(messageBody{EventType: event, From: m.From, Nick: m.Content.FromNick, ClientType: im.ClientTypeName(m.ClientType), Device: m.Content.FromDevice,
		To: m.To, Time: now, Type: m.Type.Name(), IP: p.IP, Port: p.Port, IDClient: m.IDClient, Body: m.Content.Body, Attach: m.Content.Attach, Ext: m.Content.Ext})
	v, err := c.ask(ctx, a, event, m.Content.Env, time.Duration(a.Settings.CallbackTimeout)*time.Millisecond, body)
	switch {
	case ctx.Err() != nil:
		return message.Verdict{}, ctx.Err() // the sender has gone away: there is nobody to answer
	case err != nil:
		return message.Verdict{Reject: a.Settings.CallbackOnFailure == "reject", Code: im.CodeForbidden}, nil
	case v.Reject && v.Code == 0:
		v.Code = im.CodeForbidden
	}
	out := message.Verdict{Reject: v.Reject, Code: v.Code, Ext: v.Ext}
	if v.Modify != nil {
		modify(&out, v.Modify)
	}
	return out, nil
}

// modify reads modifyResponse (docs/api/callbacks.md section 3). Fields of
// another type than they should have are ignored; attach and pushPayload may
// also come as an object.
func modify(v *message.Verdict, raw json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return
	}
	for name, to := range map[string]**string{"body": &v.Body, "attach": &v.Attach, "ext": &v.MsgExt, "pushContent": &v.PushContent, "pushPayload": &v.PushPayload} {
		var text string
		switch raw := fields[name]; {
		case len(raw) == 0 || string(raw) == "null":
		case json.Unmarshal(raw, &text) == nil:
			*to = &text
		case raw[0] == '{' && name != "body":
			text = string(raw)
			*to = &text
		}
	}
	for name, to := range map[string]**bool{"pushEnable": &v.Push, "needPushNick": &v.PushNick, "persistEnable": &v.Persist, "historyEnable": &v.History, "roamingEnable": &v.Roaming} {
		switch string(fields[name]) {
		case "true", `"true"`, "1":
			on := true
			*to = &on
		case "false", `"false"`, "0":
			off := false
			*to = &off
		}
	}
}

// Operation asks the app's server whether an operation of a client that is no
// message may go on (docs/api/callbacks.md sections 5.2 and 5.4 to 5.6): nil,
// 403, or the code 20000 to 20099 that the server chose. body carries eventType.
// An operation whose event is not switched on passes.
func (c *Client) Operation(ctx context.Context, a *app.App, event int, env string, body any) error {
	if !a.Settings.CallsBack(event) {
		return nil
	}
	v, err := c.ask(ctx, a, event, env, time.Duration(a.Settings.CallbackTimeout)*time.Millisecond, marshal(body))
	refused := im.Errorf(im.CodeForbidden, "refused by the app's server")
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && a.Settings.CallbackOnFailure == "reject":
		return refused
	case err != nil || !v.Reject:
		return nil
	case v.Code >= minCustomCode:
		return im.Errorf(v.Code, "refused by the app's server")
	}
	return refused
}

// failedBody is the body of copy event 83 (docs/api/copy.md section 7).
type failedBody struct {
	EventType string `json:"eventType"`
	Reason    string `json:"reason"` // 1 time-out, 2 malformed answer, 3 breaker
	Body      string `json:"callbackBody"`
	Time      string `json:"timestamp"`
}

// reportPatience bounds the storing of a report: somebody waits for the verdict.
const reportPatience = 2 * time.Second

// report has a failed callback copied. A login's body is left out: it holds the
// account's token.
func (c *Client) report(ctx context.Context, a *app.App, event int, reason string, body []byte) {
	if c.copies == nil {
		return
	}
	text := string(body)
	if event == loginEvent {
		text = ""
	}
	e := eventcopy.New(a, eventcopy.CallbackFailed, "", "", failedBody{eventcopy.CallbackFailed.Text(), reason, text, eventcopy.Ms(c.clock.NowMs())})
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportPatience)
	defer cancel()
	if err := c.copies.PutCopies(ctx, []*eventcopy.Copy{e}); err != nil {
		c.log.Error("copy of a failed callback", "app", a.Key, "err", err)
	}
}
