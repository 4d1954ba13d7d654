package move_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/config"
	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/move"
	"hongyan/internal/server"
)

const (
	key    = "app-of-the-source"
	secret = "secret-of-the-source-0123456789"
)

// source is a Hongyan that is moved away from.
type source struct {
	t   testing.TB
	url string
}

// newSource starts a server in this process.
func newSource(t testing.TB) *source {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	cfg := load(t, map[string][]string{"data": {t.TempDir()}, "http": {addr}, "listen": {"off"}, "metrics": {"off"}, "log-level": {"error"}})
	tool, err := server.OpenTool(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tool.Apps.Create(t.Context(), app.App{Key: key, Secret: secret})
	if err == nil {
		_, err = tool.Apps.Set(t.Context(), key, map[string]string{"rest_rate": "100000", "send_rate": "100000"})
	}
	if err := errors.Join(err, tool.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, cfg) }()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections() // or it waits for them
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s := &source{t, "http://" + addr}
	hytest.Eventually(t, "the source is ready", func() bool {
		res, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return s
}

func load(t testing.TB, flags map[string][]string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// call asks the source's API as the app's server does; it must say 200.
func (s *source) call(path string, args ...string) map[string]any {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, s.url+"/nimserver/"+path+".action", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte(secret + "nonce" + now))
	for k, v := range map[string]string{"AppKey": key, "Nonce": "nonce", "CurTime": now, "CheckSum": hex.EncodeToString(sum[:]), "Content-Type": "application/x-www-form-urlencoded"} {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(body, &out); err != nil || out["code"] != float64(200) {
		s.t.Fatalf("%s %v: %s", path, args, body)
	}
	return out
}

func (s *source) say(from, to, text string, more ...string) {
	s.t.Helper()
	body, _ := json.Marshal(map[string]string{"msg": text})
	s.call("msg/sendMsg", append([]string{"from", from, "ope", "0", "to", to, "type", "0", "body", string(body)}, more...)...)
}

// target is the data directory that is moved to.
type target struct {
	t   testing.TB
	cfg *config.Config
	out *bytes.Buffer
}

const targetKey = "app-of-the-target"

func newTarget(t testing.TB) *target {
	t.Helper()
	g := &target{t, load(t, map[string][]string{"data": {filepath.Join(t.TempDir(), "data")}}), &bytes.Buffer{}}
	g.with(func(tool *server.Tool) {
		if _, err := tool.Apps.Create(t.Context(), app.App{Key: targetKey, Secret: "secret-of-the-target-9876543210"}); err != nil {
			t.Fatal(err)
		}
	})
	return g
}

func (g *target) with(fn func(*server.Tool)) {
	g.t.Helper()
	tool, err := server.OpenBulkTool(context.Background(), g.cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := tool.Close(); err != nil {
			g.t.Error(err)
		}
	}()
	fn(tool)
}

// config is an import from a source with accounts that bring their tokens.
func (s *source) config(accids ...string) move.Config {
	c := move.Config{Source: move.SourceConfig{URL: s.url, Key: key, Secret: secret, Rate: 10_000, Block: 50 * time.Millisecond, Backoff: time.Millisecond}, Compare: true, Slack: 400 * time.Millisecond}
	for _, id := range accids {
		c.Accounts = append(c.Accounts, move.Account{Accid: id, Token: "token of " + id})
	}
	return c
}

// bring runs an import.
func (g *target) bring(ctx context.Context, c move.Config) (rep *move.Report, err error) {
	g.t.Helper()
	g.with(func(tool *server.Tool) {
		c.Target, c.App, c.TokenHash, c.Out = tool.Bulk(), targetKey, tool.Accounts.TokenHash, g.out
		rep, err = move.Import(ctx, c)
	})
	return rep, err
}

// mustEqual runs an import that must bring everything.
func (g *target) mustEqual(c move.Config) *move.Report {
	g.t.Helper()
	rep, err := g.bring(g.t.Context(), c)
	if err != nil {
		g.t.Fatalf("%v\n%s", err, g.out)
	}
	if !rep.Compared || !rep.Equal() {
		var b strings.Builder
		rep.Print(&b)
		g.t.Fatalf("not equal\n%s\n%s", g.out, b.String())
	}
	return rep
}

// count returns how many the comparison found of a kind.
func count(t testing.TB, rep *move.Report, name string) int64 {
	t.Helper()
	for _, s := range rep.Sections {
		if s.Name == name {
			return s.Target
		}
	}
	t.Fatalf("%s was not compared", name)
	return 0
}
