// Package eventcopy owns event copies (抄送): what has happened is reported to
// the app's own server (docs/api/copy.md). It decides which events an app wants,
// and in which order, how often and by which node a copy is sent.
//
// It must not know what the events mean, nor HTTP or SQL: features build a Copy
// and store it in the transaction of the event; a Courier has it sent.
package eventcopy

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Event is the number of a kind of event (docs/api/copy.md section 2).
type Event int

// Events.
const (
	Message         Event = 1
	Login           Event = 2
	Logout          Event = 3
	RecallP2P       Event = 7
	RecallTeam      Event = 8
	RecallSuperTeam Event = 25
	Receipt         Event = 30
	Signaling       Event = 31
	CallbackFailed  Event = 83
	LoginFailed     Event = 84
)

// Text is the number as copies carry it.
func (e Event) Text() string { return strconv.Itoa(int(e)) }

// Copy is one event on its way to the app's server. Copies of one lane are sent
// one after the other, in the order of their ids.
type Copy struct {
	App   string
	ID    int64 // stable over all attempts; set by the store unless given
	Event Event
	Lane  string // a conversation or an account; empty: the event has no order
	Env   string // name of the environment that gets it; empty: the default
	Body  []byte // the exact bytes that are sent

	Attempts int   // failed so far
	DueMs    int64 // not to be sent before, ms since 1970
}

// Dead is a copy that was given up.
type Dead struct {
	Copy
	DiedMs int64  // ms since 1970
	Cause  string // of the last failure
}

// Finished is what became of copies of one app.
type Finished struct {
	Sent   []int64
	Failed []*Copy // Attempts and DueMs are to be kept
	Dead   []*Dead
}

// Store keeps copies. Copies that belong to a change are stored by the change's
// own method, in its transaction.
type Store interface {
	// PutCopies stores copies for events that have no other transaction.
	PutCopies(ctx context.Context, cs []*Copy) error
	// Copies returns waiting copies with id > after, by id.
	Copies(ctx context.Context, app string, after int64, limit int) ([]*Copy, error)
	// CountCopies counts waiting copies, up to limit, and returns the oldest id;
	// 0 when there is none.
	CountCopies(ctx context.Context, app string, limit int) (n int, oldest int64, err error)
	// FinishCopies records what became of copies.
	FinishCopies(ctx context.Context, app string, f Finished) error
	// LeaseShards renews and takes this holder's fair share of the shards for
	// ttlMs and returns what it holds now.
	LeaseShards(ctx context.Context, holder string, ttlMs int64) ([]int, error)
	// ReleaseShards gives all shards of a holder back.
	ReleaseShards(ctx context.Context, holder string) error
	// ForgetDead deletes dead copies of before, at most limit at once.
	ForgetDead(ctx context.Context, app string, before int64, limit int) (int, error)
	// SetCopied names who is told of an app whose copies were committed here. It
	// must not block.
	SetCopied(func(app string))
}

// Shards is how many parts the lanes are divided into; a part is one node's.
const Shards = 16

// shard is the part a lane belongs to.
func shard(app, lane string) int {
	h := fnv.New32a()
	h.Write([]byte(app))
	h.Write([]byte{0})
	h.Write([]byte(lane))
	return int(h.Sum32() % Shards)
}

// Wanted says whether a has copies of e sent.
func Wanted(a *app.App, e Event) bool {
	return a.Settings.CopyURL != "" && a.Settings.CopyEvents[e.Text()]
}

// Kinds of conversations that event 1 tells apart (docs/api/copy.md section 3.1).
const (
	ConvPerson       = "PERSON"
	ConvTeam         = "TEAM"
	ConvSuperTeam    = "SUPER_TEAM"
	ConvCustomPerson = "CUSTOM_PERSON" // notifications of one account
	ConvCustomTeam   = "CUSTOM_TEAM"   // notifications of a team or super team
)

// WantedConv says whether a has copies of event 1 sent for a kind of conversation.
func WantedConv(a *app.App, conv string) bool {
	return Wanted(a, Message) && a.Settings.CopyConvTypes[conv]
}

// Names is a list of accounts as copies carry it: [a, b].
func Names(accids []string) string {
	if len(accids) == 0 {
		return ""
	}
	return "[" + strings.Join(accids, ", ") + "]"
}

// New returns a copy for the transaction of its event, nil if the app does not
// want it. body is marshalled at once; its field eventType is the caller's.
func New(a *app.App, e Event, lane, env string, body any) *Copy {
	if !Wanted(a, e) {
		return nil
	}
	return &Copy{App: a.Key, Event: e, Lane: lane, Env: env, Body: Marshal(body)}
}

// Peer is where a client's request came from; empty for the app's server.
type Peer struct {
	IP, Port string
	DeviceID string
}

// AccountLane is the lane of what concerns one account: logins, profile.
func AccountLane(accid string) string { return "account:" + accid }

// Marshal builds a body once: its MD5 is over exactly these bytes. Texts are
// not escaped more than JSON needs (docs/api/copy.md section 10).
func Marshal(body any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // texts and numbers only: cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Ms is a time as copies carry it: decimal text, ms.
func Ms(ms int64) string { return strconv.FormatInt(ms, 10) }

// ageMs is how long ago an id was given.
func ageMs(id, nowMs int64) int64 {
	if id == 0 {
		return 0
	}
	return max(0, nowMs-im.IDTimeMs(id))
}
