package move_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hongyan/internal/im/account"
	"hongyan/internal/move"
	"hongyan/internal/server"
)

// between puts fault between an import and its source: it is asked before every
// call, by its number, and says whether it has answered.
func (s *source) between(fault func(n int64, w http.ResponseWriter, r *http.Request) bool) string {
	s.t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	var calls atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fault(calls.Add(1), w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(front.Close)
	return front.URL
}

func answer(w http.ResponseWriter, body string) bool {
	fmt.Fprint(w, body)
	return true
}

func TestAFailingSourceIsAskedAgain(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(6)
	want := s.talk(accids)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams}
	c.Source.Timeout = 300 * time.Millisecond
	var limited atomic.Int64
	c.Source.URL = s.between(func(n int64, w http.ResponseWriter, r *http.Request) bool {
		switch n % 21 {
		case 2:
			return answer(w, `{"code":500,"desc":"internal server error"}`)
		case 5:
			return answer(w, `<html>not what you expect</html>`)
		case 7:
			w.WriteHeader(http.StatusBadGateway)
			return true
		case 9:
			return answer(w, `{"code":200,"uinfos":17,"friends":{},"msgs":"[","data":[]}`)
		case 11:
			if n > 100 {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body) // or nobody notices that the client has gone
			<-r.Context().Done()
			return true
		case 13:
			w.Header().Set("Content-Length", "1000")
			return answer(w, `{"code":2`)
		case 15:
			limited.Add(1)
			return answer(w, `{"code":416,"desc":"frequency limit exceeded"}`)
		case 17:
			limited.Add(1)
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		case 19:
			panic(http.ErrAbortHandler)
		}
		return false
	})
	rep := g.mustEqual(c)
	if n := count(t, rep, "messages"); n != int64(want) {
		t.Errorf("%d messages, want %d", n, want)
	}
	if rep.Retries == 0 || rep.Blocks != limited.Load() {
		t.Errorf("%d repeated, %d times asked to wait of %d", rep.Retries, rep.Blocks, limited.Load())
	}
}

// A source that says 416 is left alone for the whole time it asks for.
func TestALimitedSourceIsLeftAlone(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(6)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams, move.SkipSuperTeams, move.SkipHistory}
	c.Compare, c.Source.Block = false, 300*time.Millisecond
	var mu sync.Mutex // guards blocked and early
	var blocked time.Time
	early := 0
	c.Source.URL = s.between(func(_ int64, w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "friend/get.action") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if blocked.IsZero() {
			blocked = time.Now()
			return answer(w, `{"code":416,"desc":"frequency limit exceeded"}`)
		}
		// Calls that were under way count as before.
		if d := time.Since(blocked); d > 100*time.Millisecond && d < 290*time.Millisecond {
			early++
		}
		return false
	})
	if _, err := g.bring(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if early > 0 {
		t.Errorf("%d calls while blocked", early)
	}
}

func TestCallsArePaced(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(9)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams, move.SkipSuperTeams, move.SkipHistory}
	c.Compare, c.Source.Rate, c.Concurrency = false, 40, 9
	var first, last atomic.Int64
	c.Source.URL = s.between(func(_ int64, _ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "friend/get.action") {
			first.CompareAndSwap(0, time.Now().UnixMilli())
			last.Store(time.Now().UnixMilli())
		}
		return false
	})
	if _, err := g.bring(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if d := last.Load() - first.Load(); d < 8*25-20 {
		t.Errorf("nine calls in %d ms at 40 a second", d)
	}
}

func TestAnImportGoesOnWhereItWasInterrupted(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(8)
	want := s.talk(accids)
	c := s.config(accids...)
	c.Skip = []string{move.SkipTeams}
	rnd := rand.New(rand.NewPCG(7, 9))
	stored := int64(0)
	for range 8 {
		ctx, cancel := context.WithCancel(t.Context())
		left := int64(1 + rnd.IntN(40))
		cut := c
		cut.Source.URL = s.between(func(n int64, w http.ResponseWriter, _ *http.Request) bool {
			if n >= left {
				cancel()
			}
			return false
		})
		rep, err := g.bring(ctx, cut)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		stored += rep.Stored
	}
	rep := g.mustEqual(c)
	if stored += rep.Stored; stored != int64(want) || count(t, rep, "messages") != int64(want) {
		t.Errorf("%d stored in all, %d here, want %d", stored, count(t, rep, "messages"), want)
	}
}

func TestASourceThatDoesNotLetUsIn(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	s.people(2)
	for name, c := range map[string]struct {
		change func(*move.Config)
		want   string
	}{
		"wrong secret":      {func(c *move.Config) { c.Source.Secret = "wrong" }, "AppKey or AppSecret is wrong"},
		"wrong key":         {func(c *move.Config) { c.Source.Key = "wrong" }, "AppKey or AppSecret is wrong"},
		"no address":        {func(c *move.Config) { c.Source.URL = "example.com" }, "no URL of a server"},
		"nobody listens":    {func(c *move.Config) { c.Source.URL, c.Source.Retries = "http://127.0.0.1:1", 1 }, "2 attempts"},
		"something else":    {func(c *move.Config) { c.Source.URL += "/elsewhere" }, "does not serve user/getUinfos"},
		"a token too long":  {func(c *move.Config) { c.Accounts[0].Token = strings.Repeat("x", 129) }, "token longer"},
		"no token, no file": {func(c *move.Config) { c.Accounts[0].Token = "" }, "has no token"},
		"file others can read": {func(c *move.Config) {
			c.Tokens = filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(c.Tokens, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}, "may be read by others"},
	} {
		t.Run(name, func(t *testing.T) {
			in := s.config("p0", "p1")
			c.change(&in)
			_, err := g.bring(t.Context(), in)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), in.Source.Secret) && in.Source.Secret != "wrong") {
				t.Error("the error holds the secret")
			}
		})
	}
}

// An endpoint that the source does not have ends the import with the way round it.
func TestMissingEndpointsAreNamed(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	accids := s.people(6)
	want := s.talk(accids)
	for path, body := range map[string]string{"superteam/joinTeams": `{"code":514,"desc":"service unavailable"}`, "history/querySessionList": `{"code":404,"desc":"no"}`} {
		c := s.config(accids...)
		c.Source.URL = s.between(func(_ int64, w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, path+".action") && answer(w, body)
		})
		skip := map[string]string{"superteam/joinTeams": move.SkipSuperTeams, "history/querySessionList": move.SkipSessions}[path]
		c.Skip = []string{move.SkipTeams}
		_, err := g.bring(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "does not serve "+path) || !strings.Contains(err.Error(), "--skip "+skip) {
			t.Errorf("%v", err)
		}
		c.Skip = append(c.Skip, skip)
		c.Pairs = nil
		rep := g.mustEqual(c)
		if n := count(t, rep, "messages"); n != int64(want) && skip == move.SkipSuperTeams {
			t.Errorf("%d messages, want %d", n, want)
		}
	}
}

func TestTokensAreIssuedOnce(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	s.people(3)
	file := filepath.Join(t.TempDir(), "tokens.csv")
	// The end of an earlier attempt, cut off in the middle of a line.
	if err := os.WriteFile(file, []byte("p1,0123456789abcdef0123456789abcdef\np2,012"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := s.config("p0", "p1", "p2", "nobody")
	c.Accounts[1].Token, c.Accounts[2].Token, c.Accounts[3].Token = "", "", ""
	c.Tokens, c.Skip = file, []string{move.SkipTeams, move.SkipSuperTeams}
	for range 2 {
		rep := g.mustEqual(c)
		if len(rep.LeftOut) != 1 || rep.LeftOut[0] != "account nobody is not in the source" {
			t.Errorf("left out %q", rep.LeftOut)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	list, err := move.ReadAccounts(strings.NewReader(string(raw)))
	if err != nil || len(list) != 2 || list[0].Token != "0123456789abcdef0123456789abcdef" || len(list[1].Token) != 32 || strings.Count(string(raw), "\n") != 2 {
		t.Fatalf("%q, %v", raw, err)
	}
	g.with(func(tool *server.Tool) {
		for _, a := range append(list, move.Account{Accid: "p0", Token: "token of p0"}) {
			want, err := tool.Accounts.TokenHash(targetKey, a.Accid, a.Token)
			if err != nil {
				t.Fatal(err)
			}
			var acc *account.Account
			if acc, err = tool.Accounts.Get(t.Context(), targetKey, a.Accid); err != nil || acc.TokenHash != want {
				t.Errorf("%s: the token does not open it, %v", a.Accid, err)
			}
		}
	})
}

func TestAnotherSourceIsRefused(t *testing.T) {
	s, g := newSource(t), newTarget(t)
	s.people(2)
	c := s.config("p0")
	c.Skip = []string{move.SkipTeams, move.SkipSuperTeams}
	g.mustEqual(c)
	g.with(func(tool *server.Tool) {
		c.Target, c.App, c.TokenHash, c.Out = tool.Bulk(), targetKey, tool.Accounts.TokenHash, g.out
		c.Source.Key = "another"
		c.Source.URL = s.between(func(_ int64, w http.ResponseWriter, _ *http.Request) bool {
			return answer(w, `{"code":200,"uinfos":[]}`)
		})
		if _, err := move.Import(t.Context(), c); err == nil || !strings.Contains(err.Error(), "filled from another source") {
			t.Error(err)
		}
	})
}
