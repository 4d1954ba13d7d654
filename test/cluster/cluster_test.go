// Package cluster runs two nodes of the real binary on one PostgreSQL.
package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

func TestMain(m *testing.M) {
	code := m.Run()
	proc.CleanUp()
	os.Exit(code)
}

// bed is a cluster of two nodes.
type bed struct {
	t    *testing.T
	n    [2]*proc.Server
	rest [2]*bench.REST
}

// newBed starts the nodes, with further flags of serve.
func newBed(t *testing.T, args ...string) *bed {
	t.Helper()
	return newBedVia(t, func(addr string) string { return addr }, args, args)
}

// newBedVia is newBed with flags of each node, and with something between the
// nodes: via returns the address at which a route's listener is dialled.
func newBedVia(t *testing.T, via func(addr string) string, args ...[]string) *bed {
	t.Helper()
	hytest.NoLeaks(t)
	db := hytest.Postgres(t)
	b := &bed{t: t}
	routes := [2]string{proc.Free(t), proc.Free(t)}
	for i := range b.n {
		b.n[i] = proc.New(t, append([]string{"--db", db, "--cluster", routes[i], "--peer", via(routes[1-i]), "--cluster-secret", "a-secret-of-both-nodes"}, args[i]...)...)
	}
	b.n[0].Start()
	// Secrets are sealed with one master key, the same on every node.
	key, err := os.ReadFile(filepath.Join(b.n[0].Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.n[1].Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.n[1].Data, "master.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.n[1].Start()
	for i := range b.n {
		b.rest[i] = b.n[i].REST()
	}
	b.joined()
	return b
}

// call makes a call of the API on one node and wants code 200.
func (b *bed) call(node int, action string, form url.Values) []byte {
	b.t.Helper()
	code, body, err := b.rest[node].Call(hytest.Context(b.t), action+".action", form)
	if err != nil || code != 200 {
		b.t.Fatalf("%s: %s, %v", action, body, err)
	}
	return body
}

func (b *bed) account(names ...string) {
	b.t.Helper()
	for _, name := range names {
		b.call(0, "user/create", url.Values{"accid": {name}, "token": {"token"}})
	}
}

// joined waits until events pass in both directions.
func (b *bed) joined() {
	b.t.Helper()
	name := "probe" + fmt.Sprint(time.Now().UnixNano()%1e9)
	b.account(name)
	for i := range b.n {
		p := b.online(i, name, fmt.Sprint("on", i))
		hytest.Eventually(b.t, fmt.Sprintf("node %d sees a device of node %d", 1-i, i), func() bool { return b.devices(1-i, name) > 0 })
		p.c.Drop()
		hytest.Eventually(b.t, "it is gone everywhere", func() bool { return b.devices(0, name)+b.devices(1, name) == 0 })
	}
}

// devices counts the devices of an account as one node sees them.
func (b *bed) devices(node int, accid string) int {
	b.t.Helper()
	body := b.call(node, "user/userOnlineStatus", url.Values{"accids": {`["` + accid + `"]`}})
	var r struct {
		Data struct {
			Status map[string][]json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &r); err != nil {
		b.t.Fatalf("%v in %s", err, body)
	}
	return len(r.Data.Status[accid])
}

// peer is a device and what it was sent.
type peer struct {
	t    *testing.T
	name string
	c    *bench.Client

	mu     sync.Mutex // guards pushes
	pushes []push
}

type push struct {
	id wire.ID
	r  [][]byte
}

func (b *bed) dial(node int, accid, device string) (*peer, error) {
	b.t.Helper()
	return b.dialWith(node, bench.Options{AppKey: proc.Key, Account: accid, Token: "token", Device: device, Acknowledge: true})
}

func (b *bed) dialWith(node int, o bench.Options) (*peer, error) {
	b.t.Helper()
	p := &peer{t: b.t, name: o.Account + "/" + o.Device}
	o.Addr = b.n[node].Addr
	var err error
	p.c, err = bench.Dial(hytest.Context(b.t), o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(p.c.Drop)
	p.c.OnPush(func(k *bench.Packet) {
		r := make([][]byte, len(k.R))
		for i := range k.R {
			r[i] = slices.Clone(k.R[i])
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.pushes = append(p.pushes, push{k.ID(), r})
	})
	_, err = p.c.Login(hytest.Context(b.t))
	return p, err
}

func (b *bed) online(node int, accid, device string) *peer {
	b.t.Helper()
	p, err := b.dial(node, accid, device)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := p.c.Sync(hytest.Context(b.t)); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// all returns the pushes of a command so far.
func (p *peer) all(sid, cid uint16) (out []push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.pushes {
		if (k.id == wire.ID{SID: sid, CID: cid}) {
			out = append(out, k)
		}
	}
	return out
}

// wait waits for a push whose r begins with these elements.
func (p *peer) wait(sid, cid uint16, r ...string) {
	p.t.Helper()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("%s: ended: %v", p.name, p.c.Err())
			for _, k := range p.all(sid, cid) {
				p.t.Logf("%s: %s", p.name, bytes.Join(k.r, []byte(" ")))
			}
		}
	}()
	hytest.Eventually(p.t, fmt.Sprintf("%s gets %d-%d %v", p.name, sid, cid, r), func() bool {
		for _, k := range p.all(sid, cid) {
			ok := len(k.r) >= len(r)
			for i := range r {
				ok = ok && strings.Contains(string(k.r[i]), r[i])
			}
			if ok {
				return true
			}
		}
		return false
	})
}

// gone waits until the server has closed the connection.
func (p *peer) gone(limit time.Duration) {
	p.t.Helper()
	select {
	case <-p.c.Done():
	case <-time.After(limit):
		p.t.Errorf("%s is still connected after %v", p.name, limit)
	}
}

// messages are the bodies and times of the messages the device got live.
func (p *peer) messages() (bodies []string, times []int64) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.pushes {
		if (k.id != wire.ID{SID: 7, CID: 2}) && (k.id != wire.ID{SID: 7, CID: 101}) {
			continue
		}
		var r nimwire.OnMsgResponse
		if err := r.DecodeR(k.r); err != nil {
			p.t.Fatal(err)
		}
		bodies, times = append(bodies, r.Msg.Body.String()), append(times, r.Msg.Time.Int())
	}
	return bodies, times
}

func (p *peer) send(to, body string) bench.Sent {
	p.t.Helper()
	sent, err := p.c.Send(hytest.Context(p.t), nimwire.Msg{Scene: wire.Int(0), To: wire.Str(to), Type: wire.Int(0), Body: wire.Str(body), IdClient: wire.Str(body + "-id")})
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return sent
}

func TestCluster(t *testing.T) {
	b := newBed(t)
	t.Run("both send into one conversation", b.oneConversation)
	t.Run("own devices on both nodes", b.ownDevices)
	t.Run("kick across nodes", b.kick)
	t.Run("block through the other node", b.block)
	t.Run("block by the tool", b.tool)
	t.Run("policy across nodes", b.policy)
	t.Run("a node dies", b.death)
}

// on makes the bed report to a subtest.
func (b *bed) on(t *testing.T) *bed {
	c := *b
	c.t = t
	return &c
}

// Four devices of two accounts on two nodes: every sender's messages arrive in
// order, exactly once, and all devices see the conversation in its order.
func (b *bed) oneConversation(t *testing.T) {
	b = b.on(t)
	b.account("alice", "bob")
	a1, a2 := b.online(0, "alice", "a1"), b.online(1, "alice", "a2")
	b1, b2 := b.online(1, "bob", "b1"), b.online(0, "bob", "b2")
	const n = 200
	var wg sync.WaitGroup
	for _, s := range []struct {
		p        *peer
		to, name string
	}{{a1, "bob", "a"}, {b1, "alice", "b"}} {
		wg.Go(func() {
			for i := range n {
				if _, err := s.p.c.Send(hytest.Context(t), nimwire.Msg{Scene: wire.Int(0), To: wire.Str(s.to), Type: wire.Int(0),
					Body: wire.Str(fmt.Sprintf("%s%03d", s.name, i)), IdClient: wire.Str(fmt.Sprintf("%s%03d-id", s.name, i))}); err != nil {
					t.Errorf("%s: %v", s.p.name, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	disorder := 0
	for _, d := range []struct {
		p    *peer
		want int
		from []string
	}{{a1, n, []string{"b"}}, {b1, n, []string{"a"}}, {a2, 2 * n, []string{"a", "b"}}, {b2, 2 * n, []string{"a", "b"}}} {
		hytest.Eventually(t, d.p.name+" has got all", func() bool {
			bodies, _ := d.p.messages()
			return len(bodies) >= d.want
		})
		bodies, times := d.p.messages()
		if len(bodies) != d.want {
			t.Errorf("%s got %d messages, want %d", d.p.name, len(bodies), d.want)
		}
		for _, from := range d.from {
			next := 0
			for _, body := range bodies {
				if strings.HasPrefix(body, from) {
					if want := fmt.Sprintf("%s%03d", from, next); body != want {
						t.Errorf("%s got %s, want %s", d.p.name, body, want)
						break
					}
					next++
				}
			}
		}
		back := 0
		for i := 1; i < len(times); i++ {
			if times[i] <= times[i-1] {
				back++
			}
		}
		disorder += back
	}
	if disorder > 0 {
		t.Errorf("%d messages came after a later one", disorder)
	}
}

func (b *bed) ownDevices(t *testing.T) {
	b = b.on(t)
	b.account("own", "friend")
	first := b.online(0, "own", "first")
	second := b.online(1, "own", "second")
	first.wait(2, 7, "2", `"13":"second"`)
	first.send("friend", "to-friend")
	second.wait(7, 101, `"9":"to-friend"`)
	if got := first.all(7, 101); len(got) != 0 {
		t.Errorf("the sending device got a copy: %s", got[0].r)
	}
	if _, err := second.c.Call(hytest.Context(t), nimwire.MarkSessionAck.ID(), &nimwire.MarkSessionAckRequest{Scene: 0, To: "friend", Timetag: 77}); err != nil {
		t.Fatal(err)
	}
	first.wait(7, 116, "0", `"friend"`, "77")
	b.call(1, "user/updateUinfo", url.Values{"accid": {"own"}, "name": {"New"}})
	first.wait(3, 110, `"3":"New"`)
	second.wait(3, 110, `"3":"New"`)
	for node := range b.n {
		if n := b.devices(node, "own"); n == 0 {
			t.Errorf("node %d says that the account is offline", node)
		}
	}
	second.c.Drop()
	first.wait(2, 7, "3", `"13":"second"`)
}

func (b *bed) kick(t *testing.T) {
	b = b.on(t)
	b.account("kicker")
	one, two := b.online(0, "kicker", "one"), b.online(1, "kicker", "two")
	one.wait(2, 7, "2", `"13":"two"`)
	reply, err := one.c.Call(hytest.Context(t), nimwire.Kick.ID(), &nimwire.KickRequest{DeviceIds: []string{"two"}})
	if err != nil || string(reply.R[0]) != `["two"]` {
		t.Fatalf("%s, %v", reply.R, err)
	}
	two.gone(hytest.Patience)
	two.wait(2, 5, "16", "3")
	one.wait(2, 7, "3", `"13":"two"`)
}

func (b *bed) refused(node int, accid string, code int) {
	b.t.Helper()
	hytest.Eventually(b.t, fmt.Sprintf("node %d refuses %s with %d", node, accid, code), func() bool {
		p, err := b.dial(node, accid, "again")
		p.c.Drop()
		var e *bench.CodeError
		return errors.As(err, &e) && e.Code == code
	})
}

func (b *bed) block(t *testing.T) {
	b = b.on(t)
	b.account("blocked", "reader")
	d := b.online(0, "blocked", "d")
	b.call(1, "user/block", url.Values{"accid": {"blocked"}, "needkick": {"true"}, "kickNotifyExt": {"because"}})
	d.gone(2 * time.Second)
	d.wait(2, 5, "32", "2", `"because"`)
	b.refused(1, "blocked", 422)
	b.refused(0, "blocked", 422)
	b.call(0, "user/unblock", url.Values{"accid": {"blocked"}})
	hytest.Eventually(t, "the other node lets the account in again", func() bool {
		p, err := b.dial(1, "blocked", "after")
		p.c.Drop()
		return err == nil
	})
}

func (b *bed) tool(t *testing.T) {
	b = b.on(t)
	b.account("tooled")
	d := []*peer{b.online(0, "tooled", "d0"), b.online(1, "tooled", "d1")}
	b.n[0].Tool([]string{"account", "block"}, "--key", proc.Key, "--accid", "tooled", "--kick")
	const limit = 1500 * time.Millisecond // a second, and what it takes to notice
	for i, p := range d {
		p.gone(limit)
		p.wait(2, 5, "32", "2")
		b.refused(i, "tooled", 422)
	}
}

func (b *bed) policy(t *testing.T) {
	b = b.on(t)
	b.account("single", "witness")
	b.setPolicy(1, true)
	first := b.online(0, "single", "first")
	second := b.online(1, "single", "second")
	first.gone(2 * time.Second)
	first.wait(2, 5, "16", "1")
	third := b.online(0, "single", "third")
	second.gone(2 * time.Second)
	second.wait(2, 5, "16", "1")
	select {
	case <-third.c.Done():
		t.Error("the newest device had to leave")
	default:
	}
	b.setPolicy(3, false)
}

// setPolicy changes the setting and waits until both nodes follow: two devices
// of one account tell.
func (b *bed) setPolicy(policy int, exclusive bool) {
	b.t.Helper()
	b.n[1].Tool([]string{"app", "set"}, "--key", proc.Key, fmt.Sprint("multi_device_policy=", policy))
	for node := range b.n {
		hytest.Eventually(b.t, fmt.Sprintf("node %d follows the setting", node), func() bool {
			x, y := b.online(node, "witness", "x"), b.online(node, "witness", "y")
			defer y.c.Drop()
			defer x.c.Drop()
			select {
			case <-x.c.Done():
				return exclusive
			case <-time.After(300 * time.Millisecond):
				return !exclusive
			}
		})
	}
}

// death kills one node: the other goes on, forgets its devices, and takes it
// back when it returns.
func (b *bed) death(t *testing.T) {
	b = b.on(t)
	b.account("left", "right", "both")
	left, right := b.online(0, "left", "d"), b.online(1, "right", "d")
	here := b.online(0, "both", "here")
	b.online(1, "both", "there")
	here.wait(2, 7, "2", `"13":"there"`)
	b.n[1].Kill()
	began := time.Now()
	right.gone(2 * time.Second)
	left.send("right", "while-dead")
	here.wait(2, 7, "3", `"13":"there"`)
	if took := time.Since(began); took > 14*time.Second {
		t.Errorf("the devices of the dead node were there for %v", took)
	}
	if n := b.devices(0, "right"); n != 0 {
		t.Errorf("%d devices of the dead node", n)
	}
	b.n[1].Start()
	b.joined()
	again := b.online(1, "right", "d")
	again.wait(4, 4, `"9":"while-dead"`)
	left.send("right", "after-return")
	again.wait(7, 2, `"9":"after-return"`)
	again.send("left", "answer")
	left.wait(7, 2, `"9":"answer"`)
	if err := b.n[1].Terminate(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	// A node that says good-bye is forgotten at once.
	began = time.Now()
	hytest.Eventually(t, "its devices are gone", func() bool { return b.devices(0, "right") == 0 })
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the devices of a node that has ended were there for %v", took)
	}
}
