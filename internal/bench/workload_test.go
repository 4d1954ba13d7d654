package bench

import (
	"os"
	"strings"
	"testing"
	"time"
)

func testConfig(p *peer) Config {
	return Config{Addr: p.addr(), Key: "k", Secret: "s", Metrics: p.URL, Create: true}
}

func TestP2PAtARate(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, err := P2P(t.Context(), testConfig(p), P2PConfig{Pairs: 3, Size: 100, Rate: 200, Duration: time.Second, History: 20, Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	f := r.Figures.(P2PFigures)
	if f.Sent != 200 || f.Acked != 200 || f.Delivered != 200 || r.Failed {
		t.Errorf("%+v %v", f, r.Notes)
	}
	if f.Ack.Count != 200 || f.Delivery.Count != 200 || f.Ack.P99 <= 0 {
		t.Errorf("%+v", f)
	}
}

func TestP2PSaturated(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, err := P2P(t.Context(), testConfig(p), P2PConfig{Pairs: 2, Size: 20, Window: 3, Duration: 200 * time.Millisecond, Warmup: 50 * time.Millisecond, Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Figures.(P2PFigures); f.Acked < 10 || f.Acked != f.Delivered || r.Failed {
		t.Errorf("%+v %v", f, r.Notes)
	}
}

func TestP2PSeesWhatIsRepeated(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.double = true
	r, err := P2P(t.Context(), testConfig(p), P2PConfig{Pairs: 1, Size: 100, Rate: 50, Duration: time.Second, Concurrency: 2})
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Figures.(P2PFigures); f.Duplicate < 49 || !r.Failed {
		t.Errorf("%+v", f)
	}
}

func TestPairSeesGapsAndDisorder(t *testing.T) {
	p := newPair(0, "abcdefgh", 100)
	p.sender = &Client{link: &link{}}
	p.begin(nil)
	p.mu.Lock()
	for range 4 {
		p.queue(time.Now())
	}
	p.mu.Unlock()
	answer := Packet{At: time.Now()}
	for n := range 4 {
		answer.SID, answer.CID, answer.Code, answer.SER = 7, 1, 200, int64(serBase+n)
		if n == 3 {
			answer.Code = 416
		}
		p.onSender(&answer)
	}
	for i, n := range []string{"00000002", "00000001"} {
		push := Packet{At: time.Now()}
		push.SID, push.CID, push.R = 7, 2, [][]byte{[]byte(`{"1":"u1","2":"u0","7":"` + string('1'+rune(i)) + `","9":"abcdefgh ` + n + ` x"}`)}
		p.onReceiver(&push)
	}
	stranger := Packet{}
	stranger.SID, stranger.CID, stranger.R = 7, 2, [][]byte{[]byte(`{"1":"u1","2":"u7","9":"x"}`)}
	p.onReceiver(&stranger)
	unanswered, missing := p.open()
	if ph := p.phase; unanswered != 0 || missing != 1 || ph.disorder != 1 || ph.acked != 3 || ph.refused[416] != 1 || ph.foreign != 1 {
		t.Errorf("unanswered %d, missing %d, %+v", unanswered, missing, ph)
	}
}

func TestIdleAndLogin(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, err := Idle(t.Context(), testConfig(p), IdleConfig{Connections: 5, Concurrency: 2, Hold: 10 * time.Millisecond})
	if err != nil || r.Failed {
		t.Fatalf("%+v %v", r, err)
	}
	if f := r.Figures.(IdleFigures); f.KiBTotal < 204 || f.KiBTotal > 206 {
		t.Errorf("%+v", f)
	}
	r, err = Logins(t.Context(), testConfig(p), LoginConfig{Count: 10, Concurrency: 3, Warmup: 2})
	if err != nil || r.Failed {
		t.Fatalf("%+v %v", r, err)
	}
	if f := r.Figures.(LoginFigures); f.Login.Count != 10 {
		t.Errorf("%+v", f)
	}
	var out strings.Builder
	if err := r.Write(&out, true); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(out.String(), "\n"); !strings.HasPrefix(lines[2], "| 10 ") || !strings.Contains(out.String(), `"count":10`) {
		t.Errorf("%s", out.String())
	}
}

func TestOnlyThisMachine(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "localhost:1": true, "[::1]:1": true,
		"10.0.0.1:1": false, "example.org:1": false, "127.0.0.1.example.org:1": false, "127.0.0.1": false,
	} {
		if loopback(addr) != want {
			t.Errorf("%s: %v", addr, !want)
		}
	}
	if _, err := Idle(t.Context(), Config{Addr: "192.0.2.1:7443"}, IdleConfig{Connections: 1, Concurrency: 1}); err == nil {
		t.Error("a server elsewhere was measured")
	}
}

func TestProcUsage(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	u, err := procUsage(os.Getpid())
	if err != nil || u.RSS < 1<<20 || u.RSS > 1<<34 {
		t.Errorf("%+v %v", u, err)
	}
}

func TestFsyncAndMachine(t *testing.T) {
	r, err := Fsync(FsyncConfig{Dir: t.TempDir(), Count: 3, Duration: time.Second})
	if err != nil || r.Figures.(FsyncFigures).Fsync.Count == 0 {
		t.Errorf("%+v %v", r, err)
	}
	if line := Machine(); !strings.HasPrefix(line, "Machine: ") || strings.Contains(line, "\n") {
		t.Errorf("%q", line)
	}
}
