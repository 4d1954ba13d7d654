package nimapi_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/nimapi"
	"hongyan/internal/im"
)

func TestHTTP(t *testing.T) {
	n := newNode(t)
	none := http.Header{}
	for _, c := range []struct {
		name, method, path, body string
		head                     http.Header
		status                   int
		want                     string
	}{
		{"unknown path", "POST", "/nimserver/user/nothing.action", "", n.header(nil), 404, `{"code":404,"desc":"no such endpoint"}`},
		{"GET on an action", "GET", "/nimserver/user/create.action", "", n.header(nil), 405, `{"code":405,"desc":"method not allowed"}`},
		{"liveness GET", "GET", "/nimserver/health/liveness.action", "", none, 200, `{"code":200}`},
		{"liveness POST", "POST", "/nimserver/health/liveness.action", "", none, 200, `{"code":200}`},
		{"not served", "POST", "/nimserver/chatroom/queueInit.action", "x=1", n.header(nil), 200, `{"code":514,"desc":"chat rooms have no queues on this server"}`},
		{"not served, unsigned", "POST", "/nimserver/chatroom/queueInit.action", "x=1", none, 200, `{"code":414,"desc":"bad http header"}`},
		{"multipart", "POST", "/nimserver/user/create.action", "x", n.header(map[string]string{"Content-Type": "multipart/form-data; boundary=x"}), 200,
			`{"code":414,"desc":"Content-Type must be application/x-www-form-urlencoded"}`},
		{"JSON body", "POST", "/nimserver/user/create.action", `{"accid":"a"}`, n.header(map[string]string{"Content-Type": "application/json"}), 200,
			`{"code":414,"desc":"Content-Type must be application/x-www-form-urlencoded"}`},
		{"no content type", "POST", "/nimserver/user/unblock.action", "accid=ghost", n.header(map[string]string{"Content-Type": ""}), 200,
			`{"code":414,"desc":"ghost is not registered"}`},
		{"body too large", "POST", "/nimserver/user/create.action", "accid=" + strings.Repeat("a", 1<<20), n.header(nil), 200, `{"code":414,"desc":"body too large"}`},
		{"upload is not served", "POST", "/nimserver/msg/fileUpload.action", "x", n.header(map[string]string{"Content-Type": "multipart/form-data; boundary=x"}), 200,
			`{"code":514,"desc":"uploads through the server API are not available on this server"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := n.send(c.method, c.path, c.body, c.head)
			if w.Code != c.status || w.Body.String() != c.want {
				t.Errorf("HTTP %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestAllocate(t *testing.T) {
	n := newNode(t)
	get := func(query string) string {
		return n.send("GET", "/srv-sdk/allocate?sv=1&biz=1&p=go&"+query, "", http.Header{}).Body.String()
	}
	first := get("k=" + appKey)
	tag, _ := field(t, first, "data", "md5").(string)
	n.want(first, `{"code":200,"data":{"default.endpoint":"https://im.example.com:7443/nimserver","backup.endpoints":[],"ttl":30,"md5":"`+tag+`"}}`)
	n.want(get("k="+appKey+"&md5="+tag), `{"code":304}`)
	n.want(get("k=ghost"), `{"code":414,"desc":"unknown app"}`)
}

// Wrong signatures are counted by key and address.
func TestWrongSignaturesAreLimited(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	n.set(map[string]string{"rest_failures": "3"})
	const bad, many, right = `{"code":414,"desc":"bad http header"}`, `{"code":416,"desc":"too many wrong signatures"}`, `{"code":200}`
	wrong := map[string]string{"CheckSum": strings.Repeat("0", 40)}
	n.ahead.Store((60 - time.Now().Unix()%60) * 1000) // a minute begins: the count is by minute
	from := "192.0.2.1"
	n.config.TrustedIP = func(*http.Request) string { return from }
	n.config.Metrics = nil
	n.api = nimapi.New(n.config)
	call := func(change map[string]string) string { return n.callAs(change, "user/unblock", "accid=alice") }
	n.want(call(map[string]string{"CurTime": "1"}), bad) // no guess: nothing is compared
	for range 3 {
		n.want(call(wrong), bad)
	}
	n.want(call(wrong), many)
	n.want(call(nil), many)
	n.want(call(map[string]string{"AppKey": "app2"}), bad) // another key
	from = "192.0.2.2"
	n.want(call(nil), right)
	from = "127.0.0.1"
	for range 4 {
		n.want(call(wrong), bad)
	}
	n.want(call(nil), right)
	from = "192.0.2.1"
	n.ahead.Add(60_000)
	n.want(call(nil), right)
	for range 600 {
		call(map[string]string{"AppKey": "app2"})
	}
	n.want(call(map[string]string{"AppKey": "app2"}), many) // a key that nobody has, after the default
	n.want(call(nil), right)
}

func TestAuthentication(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	const bad = `{"code":414,"desc":"bad http header"}`
	stale := func(seconds int64) map[string]string {
		cur := strconv.FormatInt(time.Now().Unix()+seconds, 10)
		sum := sha1.Sum([]byte(appSecret + "nonce" + cur))
		return map[string]string{"CurTime": cur, "CheckSum": hex.EncodeToString(sum[:])}
	}
	long := func(chars int) map[string]string {
		nonce, cur := strings.Repeat("鸿", chars), strconv.FormatInt(time.Now().Unix(), 10)
		sum := sha1.Sum([]byte(appSecret + nonce + cur))
		return map[string]string{"Nonce": nonce, "CurTime": cur, "CheckSum": hex.EncodeToString(sum[:])}
	}
	for _, c := range []struct {
		name   string
		change map[string]string
		want   string
	}{
		{"right", nil, `{"code":200}`},
		{"upper-case sum", map[string]string{"CheckSum": strings.ToUpper(n.header(nil).Get("CheckSum"))}, `{"code":200}`},
		{"no AppKey", map[string]string{"AppKey": ""}, bad},
		{"no Nonce", map[string]string{"Nonce": ""}, bad},
		{"no CurTime", map[string]string{"CurTime": ""}, bad},
		{"no CheckSum", map[string]string{"CheckSum": ""}, bad},
		{"unknown AppKey", map[string]string{"AppKey": "app2"}, bad},
		{"other Nonce", map[string]string{"Nonce": "nonce2"}, bad},
		{"wrong sum", map[string]string{"CheckSum": strings.Repeat("0", 40)}, bad},
		{"CurTime no number", map[string]string{"CurTime": "now"}, bad},
		{"almost too old", stale(-295), `{"code":200}`},
		{"too old", stale(-310), bad},
		{"almost too new", stale(295), `{"code":200}`},
		{"too new", stale(310), bad},
		{"128 characters of Nonce", long(128), `{"code":200}`},
		{"129 characters of Nonce", long(129), bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := n.callAs(c.change, "user/unblock", "accid=alice"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	n.set(map[string]string{"rest_allow": "10.0.0.0/8"})
	n.want(n.call("user/unblock", "accid=alice"), `{"code":315,"desc":"ip restricted"}`)
	n.set(map[string]string{"rest_allow": "10.0.0.0/8,192.0.2.1"}) // httptest's address
	n.want(n.call("user/unblock", "accid=alice"), `{"code":200}`)
	if _, err := n.apps.SetDisabled(t.Context(), appKey, true); err != nil {
		t.Fatal(err)
	}
	n.want(n.call("user/unblock", "accid=alice"), `{"code":403,"desc":"app disabled"}`)
	n.want(n.callAs(map[string]string{"Nonce": "x"}, "user/unblock", "accid=alice"), bad)
}

func TestRateAndRequestID(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	id := func(id string) map[string]string { return map[string]string{"RequestId": id} }
	const repeated, limited = `{"code":431,"desc":"HTTP request repeated"}`, `{"code":416,"desc":"frequency limit exceeded"}`

	// A refused signature does not occupy the id, a wrong parameter does.
	n.want(n.callAs(map[string]string{"RequestId": "1", "Nonce": "x"}, "user/unblock", "accid=alice"), `{"code":414,"desc":"bad http header"}`)
	n.want(n.callAs(id("1"), "user/unblock", "accid=alice"), `{"code":200}`)
	n.want(n.callAs(id("1"), "user/unblock", "accid=alice"), repeated)
	n.want(n.callAs(id("1"), "user/block", "accid=alice"), repeated)
	n.want(n.callAs(id("2"), "user/unblock"), `{"code":414,"desc":"accid missing"}`)
	n.want(n.callAs(id("2"), "user/unblock", "accid=alice"), repeated)
	n.ahead.Add(600_000)
	n.want(n.callAs(id("1"), "user/unblock", "accid=alice"), `{"code":200}`)

	n.set(map[string]string{"rest_rate": "2", "rest_block": "10"})
	n.ahead.Add(60_000)
	n.want(n.call("user/unblock", "accid=alice"), `{"code":200}`)
	n.want(n.call("user/unblock", "accid=alice"), `{"code":200}`)
	n.want(n.callAs(id("3"), "user/unblock", "accid=alice"), limited)
	n.want(n.call("user/mute", "accid=alice", "mute=false"), `{"code":200}`)
	n.ahead.Add(10_000)
	n.want(n.callAs(id("3"), "user/unblock", "accid=alice"), `{"code":200}`)
	for i, path := range []string{"team/create", "team/add", "team/query"} { // teams share a bucket
		if got := n.call(path); (got == limited) != (i == 2) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := n.call("superteam/create"); got == limited { // and super teams have one of their own
		t.Error(got)
	}

	text := gathered(t, n.metrics)
	for _, want := range []string{
		`hongyan_rest_limited_total{/nimserver/team/query.action} 1`,
		`hongyan_rest_requests_total{416 /nimserver/team/query.action} 1`,
		`hongyan_rest_blocks_total{app1 team/*} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s:\n%s", want, text)
		}
	}
}

// TestInternalErrorsStayInside: the caller gets a code, the log the cause, once.
func TestInternalErrorsStayInside(t *testing.T) {
	n := newNode(t)
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	got := n.callAs(map[string]string{"RequestId": "request-7"}, "user/unblock", "accid=alice")
	if code := field(t, got, "code").(json.Number).String(); code != "500" && code != "503" {
		t.Errorf("answer %s", got)
	}
	if strings.Contains(got, "database") || strings.Contains(got, "sql") {
		t.Errorf("internal text in %s", got)
	}
	if c := strings.Count(n.log.String(), "REST call failed"); c != 1 || !strings.Contains(n.log.String(), "request=request-7") {
		t.Errorf("logged %d times: %s", c, n.log)
	}
}

// TestRequestIDElsewhere: what one node of a cluster has taken, another refuses;
// events of other apps, of no app and of no id change nothing.
func TestRequestIDElsewhere(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	n.config.Clustered, n.config.Metrics = true, nil
	here, there := nimapi.New(n.config), nimapi.New(n.config)
	at := func(node *nimapi.API, key, id string) string {
		t.Helper()
		n.api = node
		return n.callAs(map[string]string{"RequestId": id, "AppKey": key}, "user/getUinfos", `accids=["alice"]`)[:11]
	}
	const fine, repeated = `{"code":200`, `{"code":431`
	n.want(at(here, appKey, "one"), fine)
	e := n.event(nimapi.EventRequest)
	if !there.Observe(e) || !here.Observe(e) {
		t.Error("the event is left to others")
	}
	n.want(at(there, appKey, "one"), repeated)
	n.want(at(here, appKey, "one"), repeated)
	n.want(at(here, appKey, "two"), fine)
	e = n.event(nimapi.EventRequest)
	for _, other := range []im.Event{{Kind: e.Kind, App: "app2", Body: e.Body}, {Kind: e.Kind, App: "none", Body: e.Body}, {Kind: e.Kind, App: appKey, Body: e.Body[1:]}, {Kind: e.Kind, App: appKey}} {
		if !there.Observe(other) {
			t.Errorf("%+v is left to others", other)
		}
	}
	if there.Observe(im.Event{Kind: im.EventMessage, App: appKey, Body: e.Body}) {
		t.Error("an event of others is taken")
	}
	n.want(at(there, appKey, "two"), fine)
	n.want(at(there, "app2", "two"), repeated)
	n.ahead.Add(600_000)
	n.want(at(there, appKey, "one"), fine) // the window is over
	n.config.Clustered = false
	before := len(n.published.Events())
	n.want(at(nimapi.New(n.config), appKey, "three"), fine)
	if list := n.published.Events(); len(list) != before {
		t.Errorf("alone, a node publishes %+v", list[before:])
	}
}

// TestOverTheWire runs a call through a real server and the stock client.
func TestOverTheWire(t *testing.T) {
	n := newNode(t)
	s := httptest.NewServer(n.api)
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/nimserver/user/create.action", strings.NewReader("accid=Alice01&name=Alice&token=t"))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, n.header(nil))
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	described().check(t, "POST", "/nimserver/user/create.action", res.StatusCode, b)
	n.want(string(b), `{"code":200,"info":{"token":"t","accid":"alice01","name":"Alice"}}`)
}
