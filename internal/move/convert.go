package move

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/message"
)

// toMessage turns a message of the source into one of ours. tids are the new
// ids of teams by the old ones, for notifications that name teams. views are
// whose views m was looked for in.
func toMessage(conv im.ConvKey, m *seen, views []string, tids map[string]int64) (*message.Message, error) {
	from, ok := im.NormalizeAccid(string(m.From))
	if !ok {
		return nil, fmt.Errorf("its sender %q is no accid", m.From)
	}
	out := &message.Message{Conv: conv, Scene: conv.Scene(), From: from, Time: int64(m.Time), IDClient: string(m.IDClient),
		Type: message.Type(m.Type), ClientType: int(m.ClientType), Content: message.Content{Ext: string(m.Ext)}}
	if out.To = conv.Peer(from); conv.Scene() != im.SceneP2P {
		out.To = string(conv[2:])
	} else if out.To == "" {
		return nil, fmt.Errorf("its sender %s takes no part in the conversation", from)
	}
	if out.IDClient == "" { // super teams tell none; clients know messages by it
		sum := md5.Sum([]byte("moved " + string(conv) + " " + string(m.ID)))
		out.IDClient = hex.EncodeToString(sum[:])
	}
	body := bodyText(m.Body)
	switch out.Type {
	case message.Text, message.Tip:
		var holds struct {
			Msg text `json:"msg"`
		}
		if json.Unmarshal([]byte(body), &holds) == nil {
			body = string(holds.Msg)
		}
		out.Content.Body = storable(body)
	case message.Notification:
		out.Content.Attach = storable(renumber(body, tids))
	default:
		out.Content.Attach = storable(body)
	}
	if conv.Scene() == im.SceneP2P {
		for i, who := range views {
			switch {
			case m.views&(1<<i) != 0:
			case who == from:
				out.Flags |= message.SenderNoSense
			default:
				out.Flags |= message.ReceiverNoSense
			}
		}
	}
	return out, nil
}

// bodyText returns the content of a message as JSON text. Team history has it as
// an object, super team history as a text (docs/api/server-v1.json).
func bodyText(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	var s string
	switch {
	case len(raw) == 0 || bytes.Equal(raw, []byte("null")):
		return ""
	case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
		return s
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// canonical writes JSON in one form, so that two texts of one value are equal;
// other texts stay as they are.
func canonical(s string) string {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return s
	}
	if _, err := d.Token(); err != io.EOF {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return s
	}
	return string(b)
}

// renumber puts the new ids of teams into the content of a notification: the
// team of {"data":{"tinfo":{"1":TID}}} (docs/protocol/nim-social.md section 7)
// and values called tid. Everything else stays as it is, byte by byte.
func renumber(body string, tids map[string]int64) string {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var out strings.Builder
	var path []string // keys from the root; "" for elements of arrays
	var inObject []bool
	wantKey, done := false, int64(0)
	afterValue := func() { wantKey = len(inObject) > 0 && inObject[len(inObject)-1] }
	for {
		t, err := d.Token()
		if err == io.EOF && len(path) == 0 {
			break
		}
		if err != nil {
			return body
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				path = append(path, "")
				inObject = append(inObject, t == '{')
				afterValue()
			default:
				path, inObject = path[:len(path)-1], inObject[:len(inObject)-1]
				afterValue()
			}
		default:
			if s, ok := t.(string); ok && wantKey {
				path[len(path)-1] = s
				wantKey = false
				continue
			}
			if old, quoted, ok := scalar(t); ok && namesTeam(path) {
				if tid, ok := tids[old]; ok {
					end := d.InputOffset()
					start := end - int64(len(old))
					now := strconv.FormatInt(tid, 10)
					if quoted {
						start, now = start-2, `"`+now+`"`
					}
					// An old id written with escapes is no id of ours.
					if start >= done && strings.Trim(body[start:end], `"`) == old {
						out.WriteString(body[done:start])
						out.WriteString(now)
						done = end
					}
				}
			}
			afterValue()
		}
	}
	out.WriteString(body[done:])
	return out.String()
}

// scalar returns a number or a text as it may name a team.
func scalar(t json.Token) (s string, quoted, ok bool) {
	switch t := t.(type) {
	case json.Number:
		return t.String(), false, true
	case string:
		return t, true, true
	}
	return "", false, false
}

func namesTeam(path []string) bool {
	n := len(path)
	return n > 0 && path[n-1] == "tid" || n > 1 && path[n-1] == "1" && path[n-2] == "tinfo"
}

// toAccount turns a card of the source into an account, whose token is not set.
func toAccount(app, accid string, c *sourceCard, nowMs int64) *account.Account {
	return &account.Account{App: app, Accid: accid, CreatedMs: nowMs,
		Card: account.Card{Name: string(c.Name), Icon: string(c.Icon), Sign: string(c.Sign), Email: string(c.Email), Birth: string(c.Birth),
			Mobile: string(c.Mobile), Ex: string(c.Ex), Gender: int(c.Gender), UpdatedMs: nowMs},
		Blocked: c.Valid != nil && !bool(*c.Valid),
		Mute:    account.Mutes{All: bool(c.Mute), P2P: bool(c.MuteP2P), Team: bool(c.MuteTeam), Room: bool(c.MuteRoom), QChat: bool(c.MuteQChat)}}
}

// accountLine is everything an account is compared by.
func accountLine(a *account.Account) string {
	c, m := &a.Card, a.Mute
	return fmt.Sprintf("%q %q %q %q %q %q %q %q %d blocked=%v mute=%v/%v/%v/%v/%v", a.Accid, c.Name, c.Icon, c.Sign, c.Email, c.Birth, c.Mobile, c.Ex, c.Gender,
		a.Blocked, m.All, m.P2P, m.Team, m.Room, m.QChat)
}

// messageLine is everything a message is compared by; id is its id here.
func messageLine(id int64, m *message.Message) string {
	kept := m.Flags & (message.SenderNoSense | message.ReceiverNoSense)
	return fmt.Sprintf("id=%d time=%d from=%s type=%d client=%d idClient=%q hidden=%d body=%q attach=%q ext=%q", id, m.Time, m.From, m.Type, m.ClientType,
		m.IDClient, kept, m.Content.Body, canonical(m.Content.Attach), m.Content.Ext)
}

// orNow is a time of the source, or the present one where it tells none.
func orNow(t number, nowMs int64) int64 { return cmp.Or(int64(t), nowMs) }
