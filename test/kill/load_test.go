package kill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

const (
	window  = 8                     // messages of a sender that wait for an answer
	pace    = 5 * time.Millisecond  // between two of them
	again   = 20 * time.Millisecond // between two attempts to connect
	timeout = 8 * time.Second       // of a command, as in the SDK
)

// acked is a message as its sender was told.
type acked struct {
	time int64
	id   string
}

// user is an account that sends to its peer, survives the server and sends
// again what was not answered, under the same idClient.
type user struct {
	t    *testing.T
	s    *proc.Server
	name string
	peer string

	mu       sync.Mutex // guards the rest
	made     int        // messages begun
	answered map[int]acked
	order    []int           // their numbers in the order of the answers
	got      map[string]int  // messages of the peer by idServer: how often they arrived
	here     map[string]bool // of those the ones that came on this connection
	refused  map[int]int     // codes other than 200 and how often
	faults   []string
	logins   int
}

func newUser(t *testing.T, s *proc.Server, name, peer string) *user {
	return &user{t: t, s: s, name: name, peer: peer, answered: map[int]acked{}, got: map[string]int{}, refused: map[int]int{}}
}

func (u *user) idClient(n int) string { return fmt.Sprintf("%s-%d", u.name, n) }

func (u *user) fault(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.faults) < 20 {
		u.faults = append(u.faults, u.name+": "+fmt.Sprintf(format, args...))
	}
}

// run sends until stop is closed, and then until everything is answered.
func (u *user) run(ctx context.Context, stop <-chan struct{}) {
	for ctx.Err() == nil {
		if u.connection(ctx, stop) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// connection lives on one connection; true means that everything is done.
func (u *user) connection(ctx context.Context, stop <-chan struct{}) bool {
	dctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	u.mu.Lock()
	first := u.logins == 0
	u.here = map[string]bool{}
	u.mu.Unlock()
	c, err := bench.Dial(dctx, bench.Options{Addr: u.s.Addr, AppKey: proc.Key, Account: u.name, Token: "token", Acknowledge: true, Reconnect: !first})
	if err != nil {
		return false
	}
	defer c.Drop()
	answer := make(chan struct{}, 10_000)
	c.OnPush(func(p *bench.Packet) { u.packet(p, answer) })
	if _, err := c.Login(dctx); err != nil {
		var code *bench.CodeError
		if errors.As(err, &code) && code.Code != 503 && code.Code != 500 && code.Code != 408 {
			u.fault("login: %v", err)
		}
		return false
	}
	if _, err := c.Sync(dctx); err != nil {
		return false
	}
	u.mu.Lock()
	u.logins++
	var open []int
	for n := 1; n <= u.made; n++ {
		if _, ok := u.answered[n]; !ok {
			open = append(open, n)
		}
	}
	u.mu.Unlock()
	for _, n := range open {
		if u.send(c, n) != nil {
			return false
		}
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	stuck := time.NewTimer(timeout)
	defer stuck.Stop()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-c.Done():
			return false
		case <-stuck.C:
			u.fault("no answer within %v", timeout)
			return false
		case <-answer:
			stuck.Reset(timeout)
			continue
		case <-tick.C:
		}
		u.mu.Lock()
		waiting := u.made - len(u.answered)
		u.mu.Unlock()
		select {
		case <-stop:
			if waiting == 0 {
				return true
			}
			continue
		default:
		}
		if waiting >= window {
			continue
		}
		u.mu.Lock()
		u.made++
		n := u.made
		u.mu.Unlock()
		if u.send(c, n) != nil {
			return false
		}
	}
}

func (u *user) send(c *bench.Client, n int) error {
	return c.Raw(fmt.Sprintf(`3:::{"SER":%d,"SID":7,"CID":1,"Q":[{"t":"Property","v":{"0":0,"1":%q,"2":%q,"4":16,"8":0,"9":"message %d","11":%q}}]}`,
		1_000_000+n, u.peer, u.name, n, u.idClient(n)))
}

// packet is everything that arrives apart from the answers to login and sync.
func (u *user) packet(p *bench.Packet, answer chan<- struct{}) {
	switch id := p.ID(); {
	case id == nimwire.SendMsg.ID() && p.SER > 1_000_000:
		n := int(p.SER) - 1_000_000
		if p.Code != 200 {
			u.mu.Lock()
			u.refused[p.Code]++
			u.mu.Unlock()
			return
		}
		var r nimwire.SendMsgResponse
		if err := r.DecodeR(p.R); err != nil || r.Msg == nil || r.Msg.IdClient.String() != u.idClient(n) {
			u.fault("answer to %d: %v %s", n, err, p.R)
			return
		}
		a := acked{r.Msg.Time.Int(), r.Msg.IdServer.String()}
		u.mu.Lock()
		if old, ok := u.answered[n]; ok && old != a {
			u.faults = append(u.faults, fmt.Sprintf("%s: message %d was answered %v and then %v", u.name, n, old, a))
		} else if !ok {
			u.answered[n] = a
			u.order = append(u.order, n)
		}
		u.mu.Unlock()
		select {
		case answer <- struct{}{}:
		default:
		}
	case id == wire.ID{SID: 7, CID: 2}:
		var r nimwire.OnMsgResponse
		if err := r.DecodeR(p.R); err != nil {
			u.fault("7-2: %v", err)
			return
		}
		u.arrived([]nimwire.Msg{*r.Msg})
	case id == wire.ID{SID: 4, CID: 4}:
		var r nimwire.SyncOfflineMsgsResponse
		if err := r.DecodeR(p.R); err != nil {
			u.fault("4-4: %v", err)
			return
		}
		u.arrived(r.Msgs)
	case id == wire.ID{SID: 4, CID: 9}:
		var r nimwire.SyncRoamingMsgsResponse
		if err := r.DecodeR(p.R); err != nil {
			u.fault("4-9: %v", err)
			return
		}
		u.arrived(r.Msgs)
	}
}

func (u *user) arrived(msgs []nimwire.Msg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range msgs {
		m := &msgs[i]
		switch m.From.String() {
		case u.peer:
			id := m.IdServer.String()
			if u.here[id] {
				u.faults = append(u.faults, fmt.Sprintf("%s got %s twice on one connection", u.name, m.IdClient))
			}
			u.here[id] = true
			u.got[id]++
		case u.name:
		default:
			u.faults = append(u.faults, fmt.Sprintf("%s got a message from %s to %s", u.name, m.From, m.To))
		}
	}
}

func (u *user) ackedCount() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.answered)
}

// accounts makes the users of n conversations.
func accounts(t *testing.T, s *proc.Server, n int) []*user {
	t.Helper()
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=100000") // history is read in pages below
	rest := s.REST()
	var users []*user
	for i := range n {
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		for _, name := range []string{a, b} {
			code, body, err := rest.Call(hytest.Context(t), "user/create.action", url.Values{"accid": {name}, "token": {"token"}})
			if err != nil || code != 200 {
				t.Fatalf("create %s: %s, %v", name, body, err)
			}
		}
		users = append(users, newUser(t, s, a, b), newUser(t, s, b, a))
	}
	return users
}

// stored is a message as history shows it.
type stored struct {
	from, idClient, id string
	time               int64
}

// fromREST reads a whole conversation by history/querySessionMsg.
func fromREST(t *testing.T, s *proc.Server, a, b string) (out []stored) {
	t.Helper()
	rest := s.REST()
	begin, exclude := int64(0), ""
	for {
		form := url.Values{"from": {a}, "to": {b}, "begintime": {strconv.FormatInt(begin, 10)}, "endtime": {strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)},
			"limit": {"100"}, "reverse": {"1"}}
		if exclude != "" {
			form.Set("excludeMsgid", exclude)
		}
		code, body, err := rest.Call(hytest.Context(t), "history/querySessionMsg.action", form)
		if err != nil || code != 200 {
			t.Fatalf("querySessionMsg: %.300s, %v", body, err)
		}
		var page struct {
			Msgs []struct {
				From, Msgidclient string
				Msgid, Sendtime   int64
			}
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Msgs {
			begin, exclude = m.Sendtime, strconv.FormatInt(m.Msgid, 10)
			out = append(out, stored{m.From, m.Msgidclient, exclude, m.Sendtime})
		}
		if len(page.Msgs) < 100 {
			return out
		}
	}
}

// fromWire reads a whole conversation by 7-6 as account a.
func fromWire(t *testing.T, s *proc.Server, a, b string) (out []stored) {
	t.Helper()
	ctx := hytest.Context(t)
	c, err := bench.Dial(ctx, bench.Options{Addr: s.Addr, AppKey: proc.Key, Account: a, Token: "token", Device: "historian"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	if _, err := c.Login(ctx); err != nil {
		t.Fatal(err)
	}
	begin, last := int64(0), int64(0)
	for {
		reply, err := c.Call(ctx, nimwire.GetHistoryMsgs.ID(), &nimwire.GetHistoryMsgsRequest{To: b, BeginTime: begin, LastMsgId: last, Limit: 100, Reverse: true})
		if err != nil {
			t.Fatal(err)
		}
		var page nimwire.GetHistoryMsgsResponse
		if err := page.DecodeR(reply.R); err != nil {
			t.Fatal(err)
		}
		for i := range page.Msgs {
			m := &page.Msgs[i]
			begin, last = m.Time.Int(), m.IdServer.Int()
			out = append(out, stored{m.From.String(), m.IdClient.String(), m.IdServer.String(), begin})
		}
		if len(page.Msgs) < 100 {
			return out
		}
	}
}

// verify holds what is stored and what arrived against what was acknowledged.
func verify(t *testing.T, s *proc.Server, users []*user) {
	t.Helper()
	total := 0
	for i := 0; i < len(users); i += 2 {
		a, b := users[i], users[i+1]
		list := fromREST(t, s, a.name, b.name)
		if wired := fromWire(t, s, b.name, a.name); fmt.Sprint(wired) != fmt.Sprint(list) {
			t.Errorf("%s and %s: the history of the API has %d messages, that of the protocol %d, or others", a.name, b.name, len(list), len(wired))
		}
		at := map[string]stored{}
		ids := map[string]bool{}
		for k, m := range list {
			if _, twice := at[m.from+"/"+m.idClient]; twice {
				t.Errorf("%s is stored twice", m.idClient)
			}
			if ids[m.id] {
				t.Errorf("id %s is there twice", m.id)
			}
			if k > 0 && m.time <= list[k-1].time {
				t.Errorf("time %d after %d", m.time, list[k-1].time)
			}
			at[m.from+"/"+m.idClient], ids[m.id] = m, true
		}
		for _, u := range []*user{a, b} {
			u.mu.Lock()
			for _, f := range u.faults {
				t.Error(f)
			}
			before := int64(0)
			for _, n := range u.order {
				want := u.answered[n]
				m, ok := at[u.name+"/"+u.idClient(n)]
				if !ok {
					t.Errorf("%s was acknowledged and is not in history", u.idClient(n))
					continue
				}
				if m.id != want.id || m.time != want.time {
					t.Errorf("%s is stored as %s at %d, acknowledged as %s at %d", u.idClient(n), m.id, m.time, want.id, want.time)
				}
				if m.time <= before {
					t.Errorf("%s of %s is not after what was acknowledged before it", u.idClient(n), u.name)
				}
				before = m.time
			}
			if len(u.answered) != u.made {
				t.Errorf("%s: %d of %d messages were never answered", u.name, u.made-len(u.answered), u.made)
			}
			total += len(u.answered)
			u.mu.Unlock()
		}
		if len(list) != len(a.answered)+len(b.answered) {
			t.Errorf("%s and %s: %d messages stored, %d and %d acknowledged", a.name, b.name, len(list), len(a.answered), len(b.answered))
		}
	}
	// Live, offline or roaming: every message reached its receiver.
	for i, u := range users {
		peer := users[i^1]
		hytest.Eventually(t, u.name+" has got everything", func() bool {
			u.mu.Lock()
			defer u.mu.Unlock()
			for _, m := range peer.answered {
				if u.got[m.id] == 0 {
					return false
				}
			}
			return true
		})
	}
	t.Logf("%d messages acknowledged, stored once and delivered", total)
}
