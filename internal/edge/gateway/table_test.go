package gateway_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/gateway/chatroomgw"
	"hongyan/internal/edge/gateway/nimgw"
	"hongyan/internal/edge/gateway/qchatgw"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/chatroomwire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/edge/wire/qchatwire"
	"hongyan/internal/hytest"
)

// Every command of the three wire tables has exactly one row: a handler, a push
// of the server, or 514 with a reason; and the gateway finds that row.
func TestEveryCommandHasARow(t *testing.T) {
	products := []struct {
		product  gateway.Product
		commands []wire.Command
		count    int
		login    wire.ID
		beyond   []wire.Command // served and not in the table
	}{
		{nimgw.New(nimgw.Config{}), nimwire.Commands(), 184, nimwire.Login.ID(), nimwire.Beyond()},
		{qchatgw.New(qchatgw.Config{}), qchatwire.Commands(), 137, qchatwire.QchatLogin.ID(), nil},
		{chatroomgw.New(chatroomgw.Config{}), chatroomwire.Commands(), 38, chatroomwire.ChatroomLogin.ID(), nil},
	}
	g := gateway.New(gateway.Config{Clock: time.Now, Log: hytest.Quiet(), Metrics: prometheus.NewRegistry()},
		products[0].product, products[1].product, products[2].product)
	total := 0
	before := map[wire.ID]bool{} // commands of clients of any product
	for _, p := range products {
		if len(p.commands) != p.count {
			t.Errorf("%s: the wire table has %d commands, want %d", p.product.Name(), len(p.commands), p.count)
		}
		total += len(p.commands)
		rows := map[string]gateway.Row{}
		for _, r := range p.product.Rows() {
			if _, twice := rows[r.Command.Name]; twice {
				t.Errorf("%s has two rows", r.Command.Name)
			}
			rows[r.Command.Name] = r
		}
		known := map[string]bool{}
		ids := map[wire.ID]string{}
		for _, c := range append(p.commands, p.beyond...) {
			known[c.Name] = true
			t.Run(p.product.Name()+"/"+c.Name, func(t *testing.T) {
				r, ok := rows[c.Name]
				if !ok {
					t.Fatal("no row")
				}
				if !c.FromClient {
					if !r.Push {
						t.Fatal("no client sends it, and it is no push")
					}
					return
				}
				if r.Push {
					t.Fatal("clients send it, and it is a push")
				}
				if other, taken := ids[c.ID()]; taken {
					// 4-5 acknowledges packets of every kind; one handler looks at the kind.
					if c.Name != "signalingBatchMarkRead" || other != "batchMarkRead" {
						t.Fatalf("%s has the same id", other)
					}
					return
				}
				ids[c.ID()], before[c.ID()] = c.Name, true
				got, ok := g.RowOf(p.product.Name(), c.ID())
				if !ok || got.Command.Name != c.Name || got.Push {
					t.Fatalf("the gateway finds %q for %s", got.Command.Name, c.ID())
				}
				if c.ID() == p.login && !r.BeforeLogin {
					t.Fatal("the login is refused before login")
				}
			})
		}
		for name := range rows {
			if !known[name] {
				t.Errorf("%s is not in the wire table of %s", name, p.product.Name())
			}
		}
	}
	if total != 359 {
		t.Errorf("%d commands, want 359", total)
	}
	// Before login a command of any product is known: 403, not 404.
	for id := range before {
		if r, ok := g.RowOf("", id); !ok || r.Push {
			t.Errorf("%s is unknown before login", id)
		}
	}
	// Only logins and heartbeats go before login.
	for _, p := range products {
		for _, r := range p.product.Rows() {
			if r.BeforeLogin && r.Command.ID() != p.login && (r.Command.ID() != wire.ID{SID: 1, CID: 2}) {
				t.Errorf("%s is legal before login", r.Command.Name)
			}
		}
	}
}
