package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

func at(ms int64) im.Clock { return func() time.Time { return time.UnixMilli(ms) } }

// TestSign holds the check sums against the vectors of docs/api/callbacks.md section 2.
func TestSign(t *testing.T) {
	for _, v := range []struct{ body, md5, sum string }{
		{`{}`, "99914b932bd37a50b983c5e7c90ae93b", "dc15361880b59d61f822fdc086b35c7399973ad8"},
		{`{"eventType":1,"fromAccount":"alice","to":"bob","body":"hi"}`, "cfd8b96e511ce14b82177a5859fc3e51", "fff805c02f485123ac5ca7268acdd33799fa88b0"},
	} {
		h := http.Header{}
		sign(h, &app.App{Key: "k", Secret: "1234567890abcdef"}, 1440570500855, []byte(v.body))
		for name, want := range map[string]string{"AppKey": "k", "CurTime": "1440570500855", "MD5": v.md5, "CheckSum": v.sum} {
			if got := h[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: header %s = %v, want %s", v.body, name, got, want)
			}
		}
	}
}

func TestParseVerdict(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         Verdict
		malformed    bool
	}{
		{name: "pass", answer: `{"errCode":0}`},
		{name: "pass with text number and unknown fields", answer: `{"errCode":"0","x":[1]}`},
		{name: "byte order mark", answer: "\xef\xbb\xbf{\"errCode\":0}"},
		{name: "reject", answer: `{"errCode":1}`, want: Verdict{Reject: true}},
		{name: "reject with code", answer: `{"errCode":1,"responseCode":20001}`, want: Verdict{Reject: true, Code: 20001}},
		{name: "last allowed code", answer: `{"errCode":1,"responseCode":20099}`, want: Verdict{Reject: true, Code: 20099}},
		{name: "code beyond the range", answer: `{"errCode":1,"responseCode":20100}`, want: Verdict{Reject: true}},
		{name: "success towards the sender", answer: `{"errCode":1,"responseCode":200}`, want: Verdict{Reject: true, Code: 200}},
		{name: "code of a pass is not looked at", answer: `{"errCode":0,"responseCode":20001}`},
		{name: "modification", answer: `{"errCode":0,"modifyResponse":{"body":"x"},"callbackExt":"e"}`, want: Verdict{Modify: []byte(`{"body":"x"}`), Ext: "e"}},
		{name: "modification in a text", answer: `{"errCode":0,"modifyResponse":"{\"body\":\"x\"}"}`, want: Verdict{Modify: []byte(`{"body":"x"}`)}},
		{name: "modification of a rejection", answer: `{"errCode":1,"modifyResponse":{"body":"x"}}`, want: Verdict{Reject: true}},
		{name: "modification that is no object", answer: `{"errCode":0,"modifyResponse":"x"}`},
		{name: "ext too long", answer: `{"errCode":0,"callbackExt":"` + strings.Repeat("字", 1025) + `"}`},
		{name: "errCode missing", answer: `{}`, malformed: true},
		{name: "errCode 2", answer: `{"errCode":2}`, malformed: true},
		{name: "errCode null", answer: `{"errCode":null}`, malformed: true},
		{name: "errCode true", answer: `{"errCode":true}`, malformed: true},
		{name: "empty", answer: ``, malformed: true},
		{name: "page", answer: `<html></html>`, malformed: true},
		{name: "array", answer: `[]`, malformed: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseVerdict([]byte(c.answer))
			if errors.Is(err, ErrMalformed) != c.malformed {
				t.Fatalf("err = %v", err)
			}
			if got.Reject != c.want.Reject || got.Code != c.want.Code || string(got.Modify) != string(c.want.Modify) || got.Ext != c.want.Ext {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func FuzzParseVerdict(f *testing.F) {
	f.Add([]byte(`{"errCode":1,"responseCode":20001,"modifyResponse":"{}","callbackExt":"x"}`))
	f.Add([]byte(`{"errCode":"1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseVerdict(b)
		if err == nil && v.Modify != nil && (v.Reject || !json.Valid(v.Modify)) {
			t.Errorf("%q: %+v", b, v)
		}
	})
}

func TestPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"93.184.216.34": true, "1.1.1.1": true, "2606:4700::1111": true,
		"127.0.0.1": false, "127.255.0.9": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.100.100.200": false, "0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false,
		"255.255.255.255": false, "240.0.0.1": false, "198.18.0.1": false, "168.63.129.16": false, "168.63.129.17": true, "192.0.0.192": false,
		"::": false, "::1": false, "::7f00:1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false,
		"fec0::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:1.1.1.1": true,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::101:101": true, "64:ff9b:1::101:101": false,
		"2002:7f00:1::": false, "2002:101:101::": true, "2001:0:1::1": false,
	} {
		if got := public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("public(%s) = %v", ip, got)
		}
	}
}

// TestGuardResolvesOnce: the address that was checked is the one connected to.
func TestGuardResolvesOnce(t *testing.T) {
	lookups := 0
	g := &guard{lookup: func(context.Context, string, string) ([]netip.Addr, error) {
		lookups++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.1.1.1")}, nil
	}}
	if _, err := g.dial(t.Context(), "tcp", "rebinding.example:80"); !errors.Is(err, ErrRefused) || lookups != 1 {
		t.Errorf("err = %v after %d lookups", err, lookups)
	}
}

// server is an app's server whose behaviour a test chooses.
func server(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func testApp(t *testing.T, url string, more map[string]string) *app.App {
	o := map[string]string{"callback_url": url, "callback_login_timeout": "5000"}
	for k, v := range more {
		o[k] = v
	}
	set, err := app.ParseSettings(o)
	if err != nil {
		t.Fatal(err)
	}
	return &app.App{Key: "key", Secret: "the-app-secret", Settings: set}
}

func TestLogin(t *testing.T) {
	elsewhere := server(t, answer(`{"errCode":0}`))
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller has gone
		<-r.Context().Done()
	}
	pass, reject := map[string]string{"callback_on_failure": "pass"}, map[string]string{"callback_on_failure": "reject"}
	short := map[string]string{"callback_on_failure": "reject", "callback_login_timeout": "20"}
	for _, c := range []struct {
		name     string
		handler  http.HandlerFunc
		settings map[string]string
		authType int
		want     im.Code
	}{
		{"pass", answer(`{"errCode":0}`), reject, 2, 200},
		{"reject", answer(`{"errCode":1}`), pass, 0, 302},
		{"reject with code", answer(`{"errCode":1,"responseCode":20007}`), pass, 1, 20007},
		{"200 is no answer to a login", answer(`{"errCode":1,"responseCode":200}`), pass, 2, 302},
		{"malformed, policy pass", answer(`ok`), pass, 0, 200},
		{"malformed, policy reject", answer(`ok`), reject, 0, 302},
		{"malformed, callback is the only check", answer(`ok`), pass, 2, 302},
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, `{"errCode":0}`, 500) }, reject, 1, 302},
		{"redirect is not followed", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, 307) }, reject, 1, 302},
		{"too long", answer(`{"errCode":0,"x":"` + strings.Repeat("x", maxAnswer) + `"}`), reject, 0, 302},
		{"timeout", hang, short, 0, 302},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := New(Config{AllowPrivate: true, Clock: at(1)})
			defer cl.Close()
			err := cl.Login(t.Context(), testApp(t, server(t, c.handler), c.settings), account.Login{Accid: "a", AuthType: c.authType})
			if got := im.CodeOf(err); got != c.want {
				t.Errorf("code %d (%v), want %d", got, err, c.want)
			}
		})
	}
}

func TestLoginRequest(t *testing.T) {
	var got map[string]any
	var head http.Header
	var calls atomic.Int32
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		head = r.Header.Clone()
		_ = json.NewDecoder(r.Body).Decode(&got)
		_, _ = io.WriteString(w, `{"errCode":0}`)
	})
	cl := New(Config{AllowPrivate: true, Clock: at(1700000000123)})
	defer cl.Close()
	err := cl.Login(t.Context(), testApp(t, url, nil), account.Login{
		Accid: "Alice", Token: "tok<\r\nX-Evil: 1", AuthType: 2, Ext: "e", CustomTag: "tag", CustomClientType: 7,
		ClientType: 16, DeviceID: "dev", IP: "1.2.3.4", Port: "555", Automatic: true,
	})
	if err != nil || calls.Load() != 1 {
		t.Fatalf("%v after %d calls", err, calls.Load())
	}
	for name, want := range map[string]any{
		"eventType": 36.0, "fromAccount": "alice", "fromDeviceId": "dev", "fromClientType": "WEB", "fromClientIp": "1.2.3.4",
		"fromClientPort": "555", "token": "tok<\r\nX-Evil: 1", "authType": 2.0, "loginExt": "e", "customTag": "tag",
		"customClientType": "7", "autoLogin": true, "timestamp": "1700000000123",
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if head.Get("CurTime") != "1700000000123" || head.Get("X-Evil") != "" || head.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", head)
	}
}

func TestLoginWithoutURL(t *testing.T) {
	cl := New(Config{Clock: at(1)})
	for authType, want := range map[int]im.Code{0: 200, 1: 200, 2: 302} {
		if got := im.CodeOf(cl.Login(t.Context(), testApp(t, "", nil), account.Login{AuthType: authType})); got != want {
			t.Errorf("authType %d: %d, want %d", authType, got, want)
		}
	}
}

// TestPrivateRefused: without permission a loopback URL is never connected to,
// and nothing secret reaches the log.
func TestPrivateRefused(t *testing.T) {
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	url := server(t, func(http.ResponseWriter, *http.Request) { t.Error("called") })
	cl := New(Config{Clock: at(1), Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: reg})
	a := testApp(t, strings.Replace(url, "http://", "http://user:pass-in-url@", 1)+"/?key=in-query", map[string]string{"callback_on_failure": "reject"})
	if got := im.CodeOf(cl.Login(t.Context(), a, account.Login{Accid: "a", Token: "the-token"})); got != 302 {
		t.Errorf("code %d", got)
	}
	for _, secret := range []string{"the-token", "the-app-secret", "pass-in-url", "in-query"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s in log: %s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "address refused") {
		t.Errorf("log: %s", log.String())
	}
	seen, err := reg.Gather()
	if err != nil || len(seen) == 0 || seen[0].GetName() != "hongyan_callback_calls_total" || seen[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("metrics %v, %v", seen, err)
	}
}

func TestLoginAbandoned(t *testing.T) {
	cl := New(Config{AllowPrivate: true, Clock: at(1)})
	defer cl.Close()
	ctx, cancel := context.WithCancel(t.Context())
	url := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	if err := cl.Login(ctx, testApp(t, url, nil), account.Login{Accid: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}
