package hooks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hongyan/internal/bench"
	"hongyan/internal/edge/wire"
	"hongyan/internal/hytest"
	"hongyan/internal/server"
)

// TestRefusalsAreCounted: whoever is refused by one of the APIs is counted there,
// by reason.
func TestRefusalsAreCounted(t *testing.T) {
	b := newBed(t)
	b.tool(func(ctx context.Context, tool *server.Tool) error {
		_, err := tool.Apps.SetName(ctx, key, "org", "hooks")
		return err
	})
	b.accounts("alice")
	for _, c := range []struct{ accid, token string }{{"alice", "wrong"}, {"ghost", "token"}} {
		var code *bench.CodeError
		if _, err := b.dial(c.accid, "d", c.token); !errors.As(err, &code) || code.Code != 302 {
			t.Errorf("login of %s: %v", c.accid, err)
		}
	}
	c, err := bench.Dial(hytest.Context(b), bench.Options{Addr: b.addr, AppKey: key, Account: "alice", Token: "wrong", Device: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Drop)
	login := params(`[{"t":"Property","v":{"3":16,"5":"` + key + `","6":"alice","8":"wrong","13":"d"}}]`)
	if r, err := c.Call(hytest.Context(b), wire.ID{SID: 24, CID: 2}, login); err == nil {
		t.Errorf("QChat: %+v", r)
	}
	b.post("/nimserver/user/create.action", "accid=x", http.Header{"Appkey": {key}})
	hytest.Eventually(t, "the app's Easemob name is known", func() bool {
		return b.post("/org/hooks/token", `{"grant_type":"client_credentials","client_id":"x","client_secret":"y"}`, nil) == http.StatusBadRequest
	})
	b.post("/org/hooks/token", `{"grant_type":"password","username":"alice","password":"y"}`, nil)
	res, err := http.Get("http://" + b.private + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`nim",reason="wrong token"} 1`, `nim",reason="no such account"} 1`, `qchat",reason="`, `rest",reason="bad header"} 1`,
		`easemob",reason="client_id does not match"} 1`, `easemob",reason="wrong password"} 1`} {
		if !strings.Contains(string(text), `hongyan_login_failures_total{api="`+want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(text), "wrong\"}") {
		t.Error("a token is in the metrics")
	}
}

// params are the parameters of a request as text.
type params string

// AppendQ implements wire.QEncoder.
func (p params) AppendQ(dst []byte) []byte { return append(dst, p...) }

// post returns the status of an answer.
func (b *bed) post(path, body string, head http.Header) int {
	b.Helper()
	r, err := http.NewRequestWithContext(hytest.Context(b), http.MethodPost, (&url.URL{Scheme: "http", Host: b.addr, Path: path}).String(), strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	for k, v := range head {
		r.Header[k] = v
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
