package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dialTest(t *testing.T, p *peer, account string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), Options{Addr: p.addr(), AppKey: "k", Account: account, Token: "t", Acknowledge: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Drop)
	return c
}

func TestClient(t *testing.T) {
	p := newPeer(t)
	alice, bob := dialTest(t, p, "alice"), dialTest(t, p, "bob")
	got := make(chan string, 10)
	bob.OnPush(func(pk *Packet) {
		if pk.SID == 7 {
			var in nimwire.OnMsgResponse
			if err := in.DecodeR(pk.R); err != nil {
				t.Error(err)
			}
			got <- in.Msg.From.String() + ": " + in.Msg.Body.String()
		}
	})
	for _, c := range []*Client{alice, bob} {
		res, err := c.Login(t.Context())
		if err != nil || res.LoginRes == nil {
			t.Fatalf("login: %+v %v", res, err)
		}
		if at, err := c.Sync(t.Context()); err != nil || at != 1717200000120 {
			t.Fatalf("sync: %d %v", at, err)
		}
		if err := c.Ping(); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := alice.Send(t.Context(), nimwire.Msg{To: wire.Str("bob"), Type: wire.Int(0), Body: wire.Str("hello"), IdClient: wire.Str("1")})
	if err != nil || sent != (Sent{Time: 1, IDServer: "1001"}) {
		t.Fatalf("sent: %+v %v", sent, err)
	}
	if text := <-got; text != "alice: hello" {
		t.Errorf("got %q", text)
	}
	var coded *CodeError
	if _, err := alice.Call(t.Context(), wire.ID{SID: 99, CID: 1}, nil); !errors.As(err, &coded) || coded.Code != 404 {
		t.Errorf("unknown command: %v", err)
	}
	if err := alice.Logout(t.Context()); err != nil {
		t.Errorf("logout: %v", err)
	}
	if err := bob.Close(); err != nil || bob.Close() != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := bob.Send(t.Context(), nimwire.Msg{}); err == nil {
		t.Error("a closed client sends")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	acks := strings.Join(p.acks, "\n")
	for _, want := range []string{
		`"Q":[{"t":"byte","v":7},{"t":"byte","v":2},{"t":"LongArray","v":["1001"]}]`,
		`"Q":[{"t":"byte","v":7},{"t":"byte","v":2},{"t":"LongArray","v":["5"]}]`,
		`"Q":[{"t":"byte","v":8},{"t":"byte","v":3},{"t":"LongArray","v":["6"]}]`,
	} {
		if !strings.Contains(acks, want) {
			t.Errorf("no acknowledgement %s in\n%s", want, acks)
		}
	}
}

func TestClientRefusedLogin(t *testing.T) {
	p := newPeer(t)
	p.loginTo = 302
	var coded *CodeError
	if _, err := dialTest(t, p, "alice").Login(t.Context()); !errors.As(err, &coded) || coded.Code != 302 {
		t.Errorf("%v", err)
	}
}

func TestClientLosesTheServer(t *testing.T) {
	p := newPeer(t)
	c := dialTest(t, p, "alice")
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	_ = p.conns["alice"].Close()
	p.mu.Unlock()
	<-c.Done()
	if c.Err() == nil || errors.Is(c.Err(), ErrClosed) {
		t.Errorf("%v", c.Err())
	}
	if _, err := c.Sync(t.Context()); err == nil {
		t.Error("a lost connection answers")
	}
}

func TestDialGivesUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	addrs, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(ctx, Options{Addr: addrs[0]}); err == nil {
		t.Error("connected to nobody")
	}
}
