package kill

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// TestSlowCommits runs load on a store whose every commit takes 20 ms: order
// stays, and heartbeats wait for none of it.
func TestSlowCommits(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t, "--fault", "commit-delay=20ms")
	s.Start()
	users := accounts(t, s, 4)
	beats := make(chan time.Time, 16)
	c := member(t, s, users[0].name, "beater", func(p *bench.Packet) {
		if (p.ID() == wire.ID{SID: 1, CID: 2}) {
			beats <- p.At
		}
	})
	end := load(t, users)
	progress(t, users, 5)
	for range 20 {
		sent := time.Now()
		if err := c.Ping(); err != nil {
			t.Fatal(err)
		}
		select {
		case at := <-beats:
			// Far below the 3 s after which the SDK counts a heartbeat as lost.
			if took := at.Sub(sent); took > 500*time.Millisecond {
				t.Errorf("a heartbeat was answered after %v", took)
			}
		case <-time.After(3 * time.Second):
			t.Fatal("a heartbeat was not answered")
		}
	}
	progress(t, users, 10)
	c.Drop()
	end()
	deliverRest(t, s, users)
	verify(t, s, users)
}

func member(t *testing.T, s *proc.Server, name, device string, onPush func(*bench.Packet)) *bench.Client {
	t.Helper()
	ctx := hytest.Context(t)
	c, err := bench.Dial(ctx, bench.Options{Addr: s.Addr, AppKey: proc.Key, Account: name, Token: "token", Device: device})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Drop)
	c.OnPush(onPush)
	if _, err := c.Login(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFullDisk fills the disk under the database: sends are refused with 500 or
// 503, the process stays up and answers what needs no room, and when there is
// room again everything goes on; what was acknowledged is there.
func TestFullDisk(t *testing.T) {
	hytest.NoLeaks(t)
	dir := smallDisk(t, 12)
	s := proc.New(t)
	s.Move(filepath.Join(dir, "data"))
	s.Start()
	users := accounts(t, s, 1)
	a := users[0]
	c := member(t, s, a.name, "sender", nil)
	next := 0
	send := func() error {
		next++
		sent, err := c.Send(hytest.Context(t), nimwire.Msg{Scene: wire.Int(0), To: wire.Str(a.peer), Type: wire.Int(0),
			Body: wire.Str(fmt.Sprintf("%04d %03000d", next, next)), IdClient: wire.Str(a.idClient(next))})
		if err == nil {
			a.answered[next] = acked{sent.Time, sent.IDServer}
			a.order = append(a.order, next)
		}
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	refused := 0
	hytest.Eventually(t, "sends are refused", func() bool {
		err := send()
		if err == nil {
			return false
		}
		code, ok := err.(*bench.CodeError)
		if !ok || code.Code != 500 && code.Code != 503 {
			t.Fatalf("refused with %v", err)
		}
		refused++
		return refused >= 3
	})
	if !s.Running() {
		t.Fatal("the process has ended")
	}
	// Reading needs no room.
	if _, err := c.Call(hytest.Context(t), nimwire.GetHistoryMsgs.ID(), &nimwire.GetHistoryMsgsRequest{To: a.peer, Limit: 100}); err != nil {
		t.Errorf("history on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	recovered := 0
	hytest.Eventually(t, "it goes on", func() bool {
		if send() == nil {
			recovered++
		}
		return recovered >= 5
	})
	// Killed on top of it, nothing acknowledged is lost.
	c.Drop()
	s.Kill()
	s.Start()
	stored := map[string]string{}
	for _, m := range fromREST(t, s, a.name, a.peer) {
		if _, twice := stored[m.idClient]; twice {
			t.Errorf("%s is stored twice", m.idClient)
		}
		stored[m.idClient] = m.id
	}
	for n, want := range a.answered {
		if stored[a.idClient(n)] != want.id {
			t.Errorf("%s was acknowledged as %s and is stored as %q", a.idClient(n), want.id, stored[a.idClient(n)])
		}
	}
	t.Logf("%d acknowledged, %d refused", len(a.answered), next-len(a.answered))
	s.Kill() // before the file system goes
}

// fill takes all the room that is left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}
