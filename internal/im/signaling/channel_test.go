package signaling

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hongyan/internal/im"
)

// world is the model that a channel is held against: who is in it with which
// connection, which connections are up, and how each invitation stands.
type world struct {
	now     int64
	in      map[string]string // accid -> connection
	up      map[string]bool
	invites map[string]InviteState // request|from|to
}

func (w *world) online(conn string) bool { return w.up[conn] }

func key(request, from, to string) string { return request + "|" + from + "|" + to }

// TestChannelModel plays random calls with a channel and a model of it.
func TestChannelModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: 1, in: map[string]string{}, up: map[string]bool{}, invites: map[string]InviteState{}}
		c := &Channel{ID: 1, Name: "room", Creator: "a", CreatedMs: 1, ExpiresMs: 1 + lifeMs}
		uids := int64(100)
		draw := func() int64 { uids++; return uids }
		accid := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		device := rapid.SampledFrom([]string{"1", "2"})
		request := rapid.SampledFrom([]string{"r", "s"})
		by := func(t *rapid.T) Caller {
			a, d := accid.Draw(t, "who"), device.Draw(t, "device")
			conn := a + d
			w.up[conn] = true
			return Caller{Accid: a, Device: d, Client: d, Conn: conn}
		}
		code := func(t *rapid.T, what string, err error, want im.Code) {
			if im.CodeOf(err) != want {
				t.Fatalf("%s: %v, want %d", what, err, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"time":       func(t *rapid.T) { w.now += rapid.Int64Range(1, lifeMs/3).Draw(t, "ms") },
			"disconnect": func(t *rapid.T) { delete(w.up, accid.Draw(t, "who")+device.Draw(t, "device")) },
			"join": func(t *rapid.T) {
				q, uid := by(t), rapid.Int64Range(0, 3).Draw(t, "uid")
				conn, is := w.in[q.Accid]
				want := im.CodeOK
				switch {
				case is && conn == q.Conn:
					want = CodeMember
				case is && w.up[conn] && !strings.HasPrefix(conn, q.Conn):
					want = CodeOtherDevice
				default:
					for _, m := range c.Members {
						if uid != 0 && m.UID == uid && m.Accid != q.Accid {
							want = CodeUIDTaken
						}
					}
				}
				_, err := c.join(q, uid, w.now, w.online, draw)
				code(t, "join", err, want)
				if err == nil {
					w.in[q.Accid] = q.Conn
				}
			},
			"leave": func(t *rapid.T) {
				a := accid.Draw(t, "who")
				want := CodeNotMember
				if w.in[a] != "" {
					want = im.CodeOK
				}
				_, err := c.leave(a, w.now)
				code(t, "leave", err, want)
				delete(w.in, a)
			},
			"invite": func(t *rapid.T) {
				q, to, r := by(t), accid.Draw(t, "to"), request.Draw(t, "request")
				want := im.CodeOK
				switch {
				case w.in[q.Accid] == "":
					want = CodeNotMember
				case w.in[to] != "":
					want = CodeMember
				}
				err := c.invite(q, to, r, 1)
				code(t, "invite", err, want)
				if err == nil {
					w.invites[key(r, q.Accid, to)] = Pending
				}
			},
			"resolve": func(t *rapid.T) {
				from, to, r := accid.Draw(t, "from"), accid.Draw(t, "to"), request.Draw(t, "request")
				state, known := w.invites[key(r, from, to)]
				want := map[InviteState]im.Code{Pending: im.CodeOK, Accepted: CodeAccepted, Rejected: CodeRejected, Cancelled: CodeNoInvite}[state]
				if !known {
					want = CodeNoInvite
				}
				v, err := c.pending(from, to, r)
				code(t, "resolve", err, want)
				if err == nil {
					v.State = rapid.SampledFrom([]InviteState{Accepted, Rejected, Cancelled}).Draw(t, "state")
					w.invites[key(r, from, to)] = v.State
				}
			},
			"resume": func(t *rapid.T) {
				q := by(t)
				q.Conn += "'" // a new connection of the same client
				w.up[q.Conn] = true
				conn := w.in[q.Accid]
				m, _ := c.Member(q.Accid)
				want := conn != "" && m.Device == q.Device
				if got := c.resume(q, w.now, w.online); got != want {
					t.Fatalf("resume: %v, want %v", got, want)
				}
				if want {
					w.in[q.Accid] = q.Conn
				}
			},
			"expire": func(t *rapid.T) {
				for _, m := range c.expire(w.now, w.online) {
					if w.up[m.Conn] || m.ExpiresMs > w.now {
						t.Fatalf("%+v had to leave at %d", m, w.now)
					}
					delete(w.in, m.Accid)
				}
				if c.Closed {
					if len(c.Members) > 0 || c.ExpiresMs > w.now {
						t.Fatalf("ended too early: %+v", c)
					}
					c.Closed, c.ExpiresMs = false, w.now+lifeMs // and on with it
				}
				for _, m := range c.Members {
					if m.ExpiresMs <= w.now {
						t.Fatalf("%+v should have left", m)
					}
				}
			},
			"": func(t *rapid.T) {
				seen := map[int64]bool{}
				for _, m := range c.Members {
					if w.in[m.Accid] != m.Conn || seen[m.UID] || m.UID <= 0 {
						t.Fatalf("member %+v, the model has %v", m, w.in)
					}
					seen[m.UID] = true
				}
				if len(c.Members) != len(w.in) {
					t.Fatalf("%d members, the model has %d", len(c.Members), len(w.in))
				}
			},
		})
	})
}

// TestResume: which connection of an account takes a membership over.
func TestResume(t *testing.T) {
	up := map[string]bool{"c1": true}
	online := func(conn string) bool { return up[conn] }
	c := &Channel{ExpiresMs: lifeMs}
	if _, err := c.join(Caller{Accid: "a", Device: "d1", Client: "tab", Conn: "c1"}, 1, 1, online, nil); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		by   Caller
		lost bool
		want bool
	}{
		{Caller{Accid: "a", Device: "d2", Client: "tab", Conn: "c2"}, false, false}, // another tab
		{Caller{Accid: "a", Device: "d1", Client: "d1", Conn: "c2"}, false, true},   // the device, before its old connection was missed
		{Caller{Accid: "a", Device: "d2", Client: "tab", Conn: "c2"}, true, true},   // the tab again, for all anybody can tell
		{Caller{Accid: "a", Device: "d3", Client: "phone", Conn: "c3"}, true, false},
		{Caller{Accid: "b", Device: "d1", Client: "tab", Conn: "c4"}, true, false},
	} {
		up["c1"] = !x.lost
		if got := c.mayResume(x.by, online); got != x.want {
			t.Errorf("%+v, lost %v: %v", x.by, x.lost, got)
		}
	}
}

func TestChannelLimits(t *testing.T) {
	c := &Channel{ExpiresMs: lifeMs}
	uid := int64(0)
	draw := func() int64 { uid++; return uid }
	offline := func(string) bool { return false }
	for i := range maxMembers {
		if _, err := c.join(Caller{Accid: fmt.Sprint("m", i), Conn: fmt.Sprint("c", i)}, 0, 1, offline, draw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.join(Caller{Accid: "late", Conn: "x"}, 0, 1, offline, draw); im.CodeOf(err) != CodeFull {
		t.Error(err)
	}
	if err := c.invite(Caller{Accid: "m1", Conn: "c1"}, "late", "r", 1); im.CodeOf(err) != CodeFull {
		t.Error(err)
	}
	c.Members = c.Members[:2]
	for i := range maxInvites + 5 {
		if err := c.invite(Caller{Accid: "m1", Conn: "c1"}, "late", fmt.Sprint("r", i), 1); err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			c.Invites[2].State = Rejected
		}
	}
	if len(c.Invites) != maxInvites {
		t.Errorf("%d invitations", len(c.Invites))
	}
	if _, err := c.pending("m1", "late", "r2"); im.CodeOf(err) != CodeNoInvite {
		t.Errorf("an answered one should have gone first: %v", err)
	}
	if err := c.close("stranger"); im.CodeOf(err) != CodeNotMember {
		t.Error(err)
	}
}

// TestChannelLife: what keeps a channel and its members, and what ends them.
func TestChannelLife(t *testing.T) {
	up := map[string]bool{"c1": true}
	online := func(conn string) bool { return up[conn] }
	c := &Channel{ExpiresMs: lifeMs}
	if _, err := c.join(Caller{Accid: "m1", Conn: "c1"}, 1, 1000, online, nil); err != nil {
		t.Fatal(err)
	}
	at := int64(1000) + lifeMs - aheadMs
	if gone := c.expire(at, online); len(gone) > 0 || c.ExpiresMs != at+lifeMs || c.Members[0].ExpiresMs != at+lifeMs {
		t.Fatalf("a connected member stays: %+v", c)
	}
	if c.DueMs() != at+lifeMs-aheadMs {
		t.Error(c.DueMs())
	}
	up["c1"] = false
	if gone := c.expire(at+lifeMs-1, online); len(gone) > 0 || c.Closed {
		t.Fatalf("its time has not run out: %+v", c)
	}
	if gone := c.expire(at+lifeMs, online); len(gone) != 1 || c.Closed || c.ExpiresMs != at+2*lifeMs {
		t.Fatalf("the last one left, the channel lives for its life: %+v", c)
	}
	if c.expire(at+2*lifeMs-1, online); c.Closed {
		t.Fatal("closed too early")
	}
	if c.expire(at+2*lifeMs, online); !c.Closed {
		t.Fatal("not closed")
	}
}
