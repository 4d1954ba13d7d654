// Package hooks runs a whole server in this process against a receiver that
// stands for an app's own server: what it is asked, what it is told, and what
// happens when it fails.
package hooks

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"hongyan/internal/bench"
	"hongyan/internal/config"
	"hongyan/internal/edge/wire"
	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/server"
)

const (
	key    = "app-of-hooks"
	secret = "a-secret-of-hooks"
)

// bed is a server with one app, and the receiver of its calls.
type bed struct {
	*testing.T
	r       *receiver
	cfg     *config.Config
	addr    string
	private string // address of the metrics
	rest    *bench.REST
}

// newBed starts both. The receiver's URLs are set; settings are NAME, VALUE...
func newBed(t *testing.T, settings ...string) *bed {
	t.Helper()
	hytest.NoLeaks(t)
	b := &bed{T: t, r: newReceiver(t), addr: free(t), private: free(t)}
	var err error
	b.cfg, err = config.Load(config.Sources{Flags: map[string][]string{"data": {t.TempDir()}, "http": {b.addr}, "listen": {"off"}, "metrics": {b.private},
		"commit-sync": {"normal"}, "hook-private": {"true"}, "log-level": {"error"}}})
	if err != nil {
		t.Fatal(err)
	}
	overrides := map[string]string{"rest_rate": "100000", "callback_url": b.r.url("/callback"), "copy_url": b.r.url("/copy")}
	for i := 0; i < len(settings); i += 2 {
		overrides[settings[i]] = settings[i+1]
	}
	b.tool(func(ctx context.Context, tool *server.Tool) error {
		_, err := tool.Apps.Create(ctx, app.App{Key: key, Secret: secret, Overrides: overrides})
		return err
	})
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(run, b.cfg) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with: %v", err)
			}
		case <-time.After(hytest.Patience):
			t.Error("the server does not end")
		}
		http.DefaultClient.CloseIdleConnections()
	})
	hytest.Eventually(t, "the server is ready", func() bool {
		res, err := http.Get("http://" + b.addr + "/readyz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
	b.rest = bench.NewREST(b.addr, nil, key, secret)
	t.Cleanup(b.rest.Close)
	return b
}

func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// tool does something to the database beside the running server.
func (b *bed) tool(fn func(context.Context, *server.Tool) error) {
	b.Helper()
	ctx := hytest.Context(b)
	tool, err := server.OpenTool(ctx, b.cfg)
	if err == nil {
		err = fn(ctx, tool)
	}
	if err == nil {
		err = tool.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// dead are the copies that were given up.
func (b *bed) dead() (out []*eventcopy.Dead) {
	b.Helper()
	b.tool(func(ctx context.Context, tool *server.Tool) (err error) {
		out, err = tool.DeadCopies(ctx, key, 0, 100)
		return err
	})
	return out
}

// api makes a call of the server API and wants code 200.
func (b *bed) api(action string, form ...string) map[string]any {
	b.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	code, body, err := b.rest.Call(hytest.Context(b), action+".action", v)
	if err != nil || code != 200 {
		b.Fatalf("%s: %s, %v", action, body, err)
	}
	var out map[string]any
	if err := json.Unmarshal(body, &out); err != nil {
		b.Fatal(err)
	}
	return out
}

func (b *bed) accounts(names ...string) {
	b.Helper()
	for _, name := range names {
		b.api("user/create", "accid", name, "name", name, "token", "token")
	}
}

func (b *bed) dial(accid, device, token string) (*bench.Client, error) {
	b.Helper()
	c, err := bench.Dial(hytest.Context(b), bench.Options{Addr: b.addr, AppKey: key, Account: accid, Token: token, Device: device, Acknowledge: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Drop)
	_, err = c.Login(hytest.Context(b))
	return c, err
}

// online logs a device in; what it is pushed goes to onPush, which may be nil.
func (b *bed) online(accid string, onPush func(*bench.Packet)) *bench.Client {
	b.Helper()
	c, err := b.dial(accid, "device-"+accid, "token")
	if err != nil {
		b.Fatal(err)
	}
	c.OnPush(onPush)
	if _, err := c.Sync(hytest.Context(b)); err != nil {
		b.Fatal(err)
	}
	return c
}

// request is a command with its content.
type request struct {
	id wire.ID
	q  wire.QEncoder
}

// call sends a request and returns the code of its answer.
func (b *bed) call(c *bench.Client, q request) (int, *bench.Reply) {
	b.Helper()
	reply, err := c.Call(hytest.Context(b), q.id, q.q)
	if reply == nil {
		b.Fatalf("%v: %v", q.id, err)
	}
	return reply.Code, reply
}

// ok sends a request and wants code 200.
func (b *bed) ok(c *bench.Client, q request) *bench.Reply {
	b.Helper()
	code, reply := b.call(c, q)
	if code != 200 {
		b.Fatalf("%v is answered %d", q.id, code)
	}
	return reply
}
