package easemob_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// login asks for a token with a password.
func (b *bed) login(name, password string) reply {
	b.t.Helper()
	q, _ := json.Marshal(map[string]string{"grant_type": "password", "username": name, "password": password})
	return b.call("POST", "token", "", string(q))
}

func TestTokenGrants(t *testing.T) {
	b := newBed(t)
	server := b.server(b.one)
	if _, err := b.apps.Get("one"); !err {
		t.Fatal("no app")
	}
	if r := b.call("POST", "users", server, `{"username":"Carol","password":"pw"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	client := func(id, secret, more string) string {
		return `{"grant_type":"client_credentials","client_id":"` + id + `","client_secret":"` + secret + `"` + more + `}`
	}
	id, secret := b.one.EasemobID, b.one.EasemobKey
	user := b.user(b.one, "alice")
	for _, c := range []struct {
		name, token, body string
		status            int
		error, text       string
		expires           float64
	}{
		{"app", "", client(id, secret, ""), 200, "", "", 5184000},
		{"app, life", "", client(id, secret, `,"ttl":1024000`), 200, "", "", 1024000},
		{"app, life as a text", "", client(id, secret, `,"ttl":"1024000"`), 200, "", "", 1024000},
		{"app, for ever", "", client(id, secret, `,"ttl":0`), 200, "", "", 2147483647},
		{"app, negative life", "", client(id, secret, `,"ttl":-1`), 400, "illegal_argument", "ttl", 0},
		{"app, life of 64 bits", "", client(id, secret, `,"ttl":9223372036854775807`), 400, "illegal_argument", "ttl", 0},
		{"app, life that is none", "", client(id, secret, `,"ttl":"long"`), 400, "illegal_argument", "", 0},
		{"app, wrong id", "", client(b.two.EasemobID, secret, ""), 400, "invalid_grant", "client_id does not match", 0},
		{"app, wrong secret", "", client(id, b.two.EasemobKey, ""), 400, "invalid_grant", "client_secret does not match", 0},
		{"app, no secret", "", client(id, "", ""), 400, "invalid_grant", "client_secret does not match", 0},
		{"another app's client", "", client(b.two.EasemobID, b.two.EasemobKey, ""), 400, "invalid_grant", "client_id does not match", 0},
		{"password", "", `{"grant_type":"password","username":"carol","password":"pw","timestamp":1}`, 200, "", "", 5184000},
		{"password, name in capitals", "", `{"grant_type":"password","username":"CAROL","password":"pw","ttl":60}`, 200, "", "", 60},
		{"wrong password", "", `{"grant_type":"password","username":"carol","password":"PW"}`, 400, "invalid_grant", "invalid password", 0},
		{"no password", "", `{"grant_type":"password","username":"carol"}`, 400, "invalid_grant", "invalid password", 0},
		{"password that is too long", "", `{"grant_type":"password","username":"carol","password":"` + strings.Repeat("p", 1000) + `"}`, 400, "invalid_grant", "invalid password", 0},
		{"user without a password", "", `{"grant_type":"password","username":"alice","password":"x"}`, 400, "invalid_grant", "invalid password", 0},
		{"no such user", "", `{"grant_type":"password","username":"nobody","password":"pw"}`, 404, "invalid_grant", "user not found", 0},
		{"no name at all", "", `{"grant_type":"password","username":"../x","password":"pw"}`, 404, "invalid_grant", "user not found", 0},
		{"inherit", server, `{"grant_type":"inherit","username":"alice"}`, 200, "", "", 5184000},
		{"inherit, made", server, `{"grant_type":"inherit","username":"Made","autoCreateUser":true,"ttl":"100"}`, 200, "", "", 100},
		{"inherit, made, as a text", server, `{"grant_type":"inherit","username":"made2","autoCreateUser":"true"}`, 200, "", "", 5184000},
		{"inherit, nobody", server, `{"grant_type":"inherit","username":"nobody"}`, 404, "invalid_grant", "user not found", 0},
		{"inherit, illegal name", server, `{"grant_type":"inherit","username":"a b","autoCreateUser":true}`, 400, "illegal_argument", "is not legal", 0},
		{"inherit without a token", "", `{"grant_type":"inherit","username":"alice"}`, 401, "unauthorized", "(OAuth)", 0},
		{"inherit with a user's token", user, `{"grant_type":"inherit","username":"carol"}`, 401, "auth_bad_access_token", "corrupt", 0},
		{"inherit with another app's token", b.server(b.two), `{"grant_type":"inherit","username":"alice"}`, 401, "auth_bad_access_token", "corrupt", 0},
		{"another grant", server, `{"grant_type":"agora"}`, 400, "invalid_grant", "grant_type", 0},
		{"no grant", "", `{}`, 400, "invalid_grant", "grant_type", 0},
		{"no JSON", "", `grant_type=password`, 400, "json_parse", "", 0},
		{"nothing", "", ``, 400, "json_parse", "", 0},
		{"a list", "", `[]`, 400, "illegal_argument", "", 0},
		{"wrong type", "", `{"grant_type":5}`, 400, "illegal_argument", "grant_type", 0},
		{"too long", "", `{"grant_type":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "file exceeding maximum limit", "", 0},
	} {
		r := b.call("POST", "token", c.token, c.body)
		if c.status != 200 {
			r.refused(t, c.name, c.status, c.error, c.text)
			continue
		}
		m := r.json(t)
		if r.status != 200 || m["expires_in"] != c.expires || !strings.HasPrefix(fmt.Sprint(m["access_token"]), "YWMt") {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
			continue
		}
		if got := b.call("GET", "chatfiles/exists", "Bearer "+m["access_token"].(string), ""); got.status != 200 {
			t.Errorf("%s: its token: %d %s", c.name, got.status, got.body)
		}
		if u, ok := m["user"].(map[string]any); ok && (u["type"] != "user" || u["activated"] != true || u["username"] != strings.ToLower(u["username"].(string))) {
			t.Errorf("%s: %v", c.name, u)
		}
		if strings.HasPrefix(c.name, "app") && m["application"] != app.FormatUUID(b.one.Application()) {
			t.Errorf("%s: %s", c.name, r.body)
		}
	}
	b.call("POST", "users/carol/deactivate", server, "")
	b.login("carol", "pw").refused(t, "blocked", 400, "invalid_grant", "user not activated")
	b.login("carol", "no").refused(t, "blocked, wrong password: nothing is told", 400, "invalid_grant", "invalid password")
	b.call("POST", "token", server, `{"grant_type":"inherit","username":"carol"}`).refused(t, "blocked", 400, "invalid_grant", "user not activated")
	// A token for ever, after a long time.
	m := b.call("POST", "token", "", client(id, secret, `,"ttl":0`)).json(t)
	b.clock.Advance(50 * 365 * 24 * time.Hour)
	if r := b.call("GET", "users", "Bearer "+m["access_token"].(string), ""); r.status != 200 {
		t.Errorf("a token for ever: %d %s", r.status, r.body)
	}
}

// Guessing is slowed, by account and address.
func TestWrongPasswordsAreCounted(t *testing.T) {
	b := newBed(t, "login_failures", "3")
	b.call("POST", "users", b.server(b.one), `{"username":"carol","password":"pw"}`)
	for range 3 {
		b.login("carol", "no").refused(t, "wrong", 400, "invalid_grant", "invalid password")
	}
	r := b.login("carol", "pw")
	r.refused(t, "too many", 429, "reach_limit", "")
	if r.head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.clock.Advance(time.Minute)
	if r := b.login("carol", "pw"); r.status != 200 {
		t.Errorf("a minute later: %d %s", r.status, r.body)
	}
}

// Whoever tries many names, or the app's secret, is stopped by address.
func TestGuessesOfAnAddressAreCounted(t *testing.T) {
	b := newBed(t, "login_failures_address", "3")
	b.call("POST", "users", b.server(b.one), `{"username":"carol","password":"pw"}`)
	secret := func(id, secret string) reply {
		return b.call("POST", "token", "", `{"grant_type":"client_credentials","client_id":"`+id+`","client_secret":"`+secret+`"}`)
	}
	secret("x", "y").refused(t, "client id", 400, "invalid_grant", "client_id does not match")
	secret(b.one.EasemobID, "y").refused(t, "client secret", 400, "invalid_grant", "client_secret does not match")
	b.login("nobody", "no").refused(t, "no such user", 404, "invalid_grant", "")
	for name, r := range map[string]reply{"the right password": b.login("carol", "pw"), "the right secret": secret(b.one.EasemobID, b.one.EasemobKey)} {
		r.refused(t, name, 429, "reach_limit", "")
		if wait, err := strconv.Atoi(r.head.Get("Retry-After")); err != nil || wait < 1 || wait > 60 || int64(wait) != b.accounts.FailuresLeft() {
			t.Errorf("%s: Retry-After %q", name, r.head.Get("Retry-After"))
		}
	}
	b.clock.Advance(time.Minute)
	if r := secret(b.one.EasemobID, b.one.EasemobKey); r.status != 200 {
		t.Errorf("a minute later: %d %s", r.status, r.body)
	}
}

func TestAutoCreateAtOnce(t *testing.T) {
	b := newBed(t)
	server := b.server(b.one)
	var wg sync.WaitGroup
	got := make([]int, 8)
	for i := range got {
		wg.Add(1)
		go func() {
			defer wg.Done()
			got[i] = b.call("POST", "token", server, `{"grant_type":"inherit","username":"new","autoCreateUser":true}`).status
		}()
	}
	wg.Wait()
	for _, s := range got {
		if s != 200 {
			t.Fatalf("%v", got)
		}
	}
}

// A token that the app's server makes itself (docs/api/easemob.md section 3.1).
func TestDynamicTokens(t *testing.T) {
	b := newBed(t)
	b.user(b.one, "alice")
	b.user(b.two, "alice")
	b.user(b.one, "blocked")
	if err := b.accounts.SetBlocked(t.Context(), "one", "blocked", true); err != nil {
		t.Fatal(err)
	}
	now := b.clock.Now().Unix()
	make := func(a *app.App, key, user string, cur, ttl int64, secret string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s%s%s%d%d%s", a.EasemobID, key, user, cur, ttl, secret))
		body := fmt.Sprintf(`dt-{"signature":"%s","appkey":"%s","userId":"%s","curTime":%d,"ttl":%d}`, hex.EncodeToString(sum[:]), key, user, cur, ttl)
		return "Bearer " + base64.URLEncoding.EncodeToString([]byte(body))
	}
	for _, c := range []struct {
		name, token string
		status      int
		text        string
	}{
		{"right", make(b.one, "org#one", "alice", now, 60, b.one.EasemobKey), 200, ""},
		{"name in capitals", make(b.one, "org#one", "Alice", now, 60, b.one.EasemobKey), 200, ""},
		{"without padding", strings.TrimRight(make(b.one, "org#one", "alice", now, 61, b.one.EasemobKey), "="), 200, ""},
		{"expired", make(b.one, "org#one", "alice", now-60, 60, b.one.EasemobKey), 401, "expired access token"},
		{"no life", make(b.one, "org#one", "alice", now, 0, b.one.EasemobKey), 401, "corrupt"},
		{"absurd life", make(b.one, "org#one", "alice", now, 1<<60, b.one.EasemobKey), 401, "corrupt"},
		{"absurd time", make(b.one, "org#one", "alice", 1<<62, 60, b.one.EasemobKey), 401, "corrupt"},
		{"wrong secret", make(b.one, "org#one", "alice", now, 60, "other"), 401, "Unable to authenticate"},
		{"nobody", make(b.one, "org#one", "nobody", now, 60, b.one.EasemobKey), 401, "Unable to authenticate"},
		{"blocked", make(b.one, "org#one", "blocked", now, 60, b.one.EasemobKey), 401, "Unable to authenticate"},
		{"another app's", make(b.two, "org#two", "alice", now, 60, b.two.EasemobKey), 401, "corrupt"},
		{"another app's with our name", make(b.two, "org#one", "alice", now, 60, b.two.EasemobKey), 401, "Unable to authenticate"},
		{"no JSON", "Bearer " + base64.URLEncoding.EncodeToString([]byte("dt-{")), 401, "corrupt"},
		{"nothing", "Bearer ZHQt", 401, "corrupt"},
	} {
		if r := b.call("GET", "users/alice", c.token, ""); r.status != c.status || !strings.Contains(r.body, c.text) {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
	}
}

func TestRegistration(t *testing.T) {
	b := newBed(t)
	server, user := b.server(b.one), b.user(b.one, "alice")
	b.call("POST", "users", "", `{"username":"eve","password":"p"}`).refused(t, "no token", 401, "unauthorized", "registration is not open, please contact the app admin")
	b.call("POST", "users", user, `{"username":"eve","password":"p"}`).refused(t, "a user", 401, "unauthorized", "registration is not open")
	b.call("POST", "users", b.server(b.two), `{"username":"eve","password":"p"}`).refused(t, "another app", 401, "auth_bad_access_token", "corrupt")
	for _, c := range []struct {
		name, body  string
		status      int
		error, text string
	}{
		{"good", `{"username":"bob","password":"p","nickname":""}`, 200, "", ""},
		{"folded", `{"username":"BoB2","password":"p","nickname":"Bobby"}`, 200, "", ""},
		{"longest", `{"username":"` + strings.Repeat("a", 32) + `","password":"` + strings.Repeat("密", 64) + `"}`, 200, "", ""},
		{"exists", `{"username":"Bob","password":"p"}`, 400, "duplicate_unique_property_exists", "Application null Entity user requires that property named username be unique, value of bob exists"},
		{"an account of the other API", `{"username":"alice","password":"p"}`, 400, "duplicate_unique_property_exists", "username be unique"},
		{"no name", `{"password":"p"}`, 400, "illegal_argument", "Entity user requires a property named username"},
		{"empty name", `{"username":" ","password":"p"}`, 400, "illegal_argument", "is not legal"},
		{"illegal name", `{"username":"a b","password":"p"}`, 400, "illegal_argument", "username a b is not legal"},
		{"Chinese name", `{"username":"鸿雁","password":"p"}`, 400, "illegal_argument", "is not legal"},
		{"a path", `{"username":"../x","password":"p"}`, 400, "illegal_argument", "is not legal"},
		{"long name", `{"username":"` + strings.Repeat("a", 33) + `","password":"p"}`, 400, "illegal_argument", "USERNAME_TOO_LONG"},
		{"no password", `{"username":"x"}`, 400, "illegal_argument", "password or pin must provided"},
		{"empty password", `{"username":"x","password":""}`, 400, "illegal_argument", "password or pin must provided"},
		{"long password", `{"username":"x","password":"` + strings.Repeat("p", 65) + `"}`, 400, "illegal_argument", "TOO_LONG"},
		{"long nickname", `{"username":"x","password":"p","nickname":"` + strings.Repeat("n", 65) + `"}`, 400, "illegal_argument", "NICKNAME_TOO_LONG"},
		{"a NUL", `{"username":"x","password":"p","nickname":"a\u0000b"}`, 400, "illegal_argument", ""},
		{"a number", `{"username":5,"password":"p"}`, 400, "illegal_argument", ""},
		{"no JSON", `{"username":`, 400, "json_parse", ""},
		{"a text", `"x"`, 400, "illegal_argument", ""},
		{"nothing", ``, 400, "json_parse", ""},
	} {
		r := b.do("POST", "/org/one/users", strings.NewReader(c.body), "Authorization", server, "Content-Type", "application/x-www-form-urlencoded")
		if c.status != 200 {
			r.refused(t, c.name, c.status, c.error, c.text)
			continue
		}
		if e := r.entity(t); r.status != 200 || e["type"] != "user" || e["activated"] != true || len(e["uuid"].(string)) != 36 {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
	}
	if r := b.login("bob2", "p"); r.status != 200 || !strings.Contains(r.body, `"nickname":"Bobby"`) {
		t.Errorf("login: %d %s", r.status, r.body)
	}
	// The other API knows the account, and not by its password.
	acc, err := b.accounts.Get(t.Context(), "one", "bob2")
	if err != nil || acc.Card.Name != "Bobby" || strings.Contains(acc.Password, "p:") {
		t.Errorf("%+v, %v", acc, err)
	}
	b.set("easemob_registration", "open")
	if r := b.call("POST", "users", "", `{"username":"eve","password":"p"}`); r.status != 200 {
		t.Errorf("open: %d %s", r.status, r.body)
	}
	b.call("POST", "users", "", `[{"username":"eve2","password":"p"}]`).refused(t, "a batch needs the server", 401, "unauthorized", "registration is not open")
}

func TestBatchRegistration(t *testing.T) {
	b := newBed(t)
	server := b.server(b.one)
	batch := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"username":"u%d","password":"p"}`, i))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	b.user(b.one, "u1")
	r := b.call("POST", "users", server, batch(3))
	m := r.json(t)
	if made := m["entities"].([]any); r.status != 200 || len(made) != 2 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if d := fmt.Sprint(m["data"]); d != "[map[registerUserFailReason:the u1 already exists username:u1]]" {
		t.Errorf("failures: %s", d)
	}
	if r := b.call("POST", "users", server, `[{"username":"x","password":"p"},{"username":"X","password":"q"}]`); !strings.Contains(r.body, "the x already exists") {
		t.Errorf("twice in one: %s", r.body)
	}
	b.call("POST", "users", server, `[{"username":"y","password":"p"},{"password":"p"}]`).refused(t, "one without a name", 400, "illegal_argument", "username")
	b.call("GET", "users/y", server, "").refused(t, "none of them is made", 404, "service_resource_not_found", "")
	b.call("POST", "users", server, batch(61)).refused(t, "61", 400, "illegal_argument", "60")
	b.call("POST", "users", server, "[]").refused(t, "none", 400, "illegal_argument", "")
}

func TestUsers(t *testing.T) {
	b := newBed(t)
	server := b.server(b.one)
	alice, bob := b.user(b.one, "alice"), b.user(b.one, "bob")
	b.user(b.two, "foreign")
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
		error, text                     string
	}{
		{"get by the server", "GET", "users/alice", server, "", 200, "", `"count":1`},
		{"get in capitals", "GET", "users/ALICE", server, "", 200, "", `"username":"alice"`},
		{"get oneself", "GET", "users/alice", alice, "", 200, "", `"username":"alice"`},
		{"get another", "GET", "users/alice", bob, "", 403, "forbidden_op", ""},
		{"get without a token", "GET", "users/alice", "", "", 401, "unauthorized", ""},
		{"get nobody", "GET", "users/nobody", server, "", 404, "service_resource_not_found", "Service resource not found"},
		{"get another app's", "GET", "users/foreign", server, "", 404, "service_resource_not_found", ""},
		{"get what is no name", "GET", "users/%00%2e", server, "", 404, "service_resource_not_found", ""},
		{"list by a user", "GET", "users", alice, "", 401, "auth_bad_access_token", ""},
		{"list, bad limit", "GET", "users?limit=x", server, "", 400, "illegal_argument", "limit"},
		{"list, bad cursor", "GET", "users?cursor=%7c", server, "", 400, "illegal_argument", "cursor"},
		{"nickname", "PUT", "users/alice", alice, `{"nickname":"Al"}`, 200, "", `"nickname":"Al"`},
		{"nickname of another", "PUT", "users/alice", bob, `{"nickname":"Al"}`, 403, "forbidden_op", ""},
		{"long nickname", "PUT", "users/alice", server, `{"nickname":"` + strings.Repeat("n", 65) + `"}`, 400, "illegal_argument", "NICKNAME_TOO_LONG"},
		{"push token", "PUT", "users/alice", alice, `{"device_id":"x","device_token":"y","notifier_name":"z"}`, 200, "", `"nickname":"Al"`},
		{"password without one", "PUT", "users/alice/password", server, `{}`, 400, "illegal_argument", "newpassword is required"},
		{"password by the user", "PUT", "users/alice/password", alice, `{"newpassword":"x"}`, 401, "auth_bad_access_token", ""},
		{"password", "PUT", "users/bob/password", server, `{"newpassword":"x"}`, 200, "", `"action":"set user password"`},
		{"offline", "GET", "users/alice/status", server, "", 200, "", `{"alice":"offline"}`},
		{"status of another", "GET", "users/alice/status", bob, "", 401, "auth_bad_access_token", "Unable to authenticate"},
		{"disconnect", "GET", "users/alice/disconnect", server, "", 200, "", `"result":true`},
		{"deactivate", "POST", "users/alice/deactivate", server, "", 200, "", `"activated":false`},
		{"as a deactivated user", "GET", "users/alice", alice, "", 401, "auth_bad_access_token", "Unable to authenticate"},
		{"activate", "POST", "users/alice/activate", server, "", 200, "", `"activated":true`},
		{"active again", "GET", "users/alice", alice, "", 200, "", ""},
		{"delete by a user", "DELETE", "users/alice", alice, "", 401, "auth_bad_access_token", ""},
		{"delete", "DELETE", "users/alice", server, "", 200, "", `"username":"alice"`},
		{"delete twice", "DELETE", "users/alice", server, "", 404, "service_resource_not_found", ""},
		{"get a deleted one", "GET", "users/alice", server, "", 404, "service_resource_not_found", ""},
		{"its password", "PUT", "users/alice/password", server, `{"newpassword":"x"}`, 404, "service_resource_not_found", ""},
		{"delete many", "DELETE", "users?limit=2", server, "", 403, "forbidden_op", "easemob_bulk_delete"},
	} {
		r := b.call(c.method, c.path, c.token, c.body)
		if c.status != 200 {
			r.refused(t, c.name, c.status, c.error, c.text)
		} else if r.status != 200 || !strings.Contains(r.body, c.text) {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
	}
	kicks := 0
	for _, e := range b.bus.Events() {
		if e.Kind == im.EventKick && e.App == "one" && e.To == "alice" {
			kicks++
		}
	}
	if kicks != 3 { // disconnect, deactivate, delete
		t.Errorf("%d kicks", kicks)
	}
	// The name can be had again, by somebody else.
	before := b.call("POST", "users", server, `{"username":"alice","password":"second","nickname":"New"}`)
	if before.status != 200 || b.login("alice", "second").status != 200 {
		t.Errorf("registered anew: %d %s", before.status, before.body)
	}
	b.call("GET", "users/alice", alice, "").refused(t, "the old token", 401, "auth_bad_access_token", "")
}

func TestListAndBulkDelete(t *testing.T) {
	b := newBed(t, "easemob_bulk_delete", "true")
	server := b.server(b.one)
	for i := range 25 {
		b.user(b.one, fmt.Sprintf("u%02d", i))
	}
	for _, i := range []int{3, 4, 9} {
		if err := b.accounts.Remove(t.Context(), "one", fmt.Sprintf("u%02d", i)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	cursor := ""
	for range 10 {
		m := b.call("GET", "users?limit=5&cursor="+cursor, server, "").json(t)
		list := m["entities"].([]any)
		if int(m["count"].(float64)) != len(list) {
			t.Errorf("count %v of %d", m["count"], len(list))
		}
		for _, e := range list {
			names = append(names, e.(map[string]any)["username"].(string))
		}
		next, more := m["cursor"].(string)
		if cursor = next; !more {
			break
		}
	}
	if len(names) != 22 || names[3] != "u05" {
		t.Errorf("%v", names)
	}
	if m := b.call("GET", "users", server, "").json(t); len(m["entities"].([]any)) != 10 {
		t.Errorf("default page: %d", len(m["entities"].([]any)))
	}
	if m := b.call("DELETE", "users?limit=7", server, "").json(t); len(m["entities"].([]any)) != 7 || m["cursor"] == "" {
		t.Errorf("deleted: %v", m)
	}
	if m := b.call("GET", "users?limit=1000", server, "").json(t); len(m["entities"].([]any)) != 15 {
		t.Errorf("left: %v", m["count"])
	}
	b.call("DELETE", "users", b.user(b.one, "u24"), "").refused(t, "by a user", 401, "auth_bad_access_token", "")
}

func TestTokenExpiryQuery(t *testing.T) {
	b := newBed(t)
	m := b.call("GET", "sdk/users/alice/token/expires", b.user(b.one, "alice"), "").json(t)
	if at := int64(m["expire_timestamp"].(float64)); at < b.clock.NowMs()+3590_000 || at > b.clock.NowMs()+3600_000 {
		t.Errorf("%v", m)
	}
}
