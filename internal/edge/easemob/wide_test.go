package easemob_test

import (
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
)

func TestRates(t *testing.T) {
	b := newBed(t, "easemob_rate", "2", "easemob_token_rate", "3")
	token, server := b.user(b.one, "alice"), b.server(b.one)
	uuid, _ := b.put(token, "x")
	b.clock.Advance(time.Second)
	for _, c := range []struct {
		name string
		rate int
		call func() reply
	}{
		{"uploads", 2, func() reply { return b.upload(token, []formPart{filePart("x")}) }},
		{"downloads", 2, func() reply { return b.call("GET", "chatfiles/"+uuid, token, "") }},
		{"users", 2, func() reply { return b.call("GET", "users/alice", server, "") }},
		{"tokens", 3, func() reply { return b.call("POST", "token", "", `{}`) }},
	} {
		limited := 0
		for range c.rate + 8 {
			r := c.call()
			if r.status != 429 {
				continue
			}
			limited++
			r.refused(t, c.name, 429, "reach_limit", "This request has reached api limit")
			if r.head.Get("Retry-After") != "1" {
				t.Errorf("%s: Retry-After %q", c.name, r.head.Get("Retry-After"))
			}
		}
		if limited == 0 || limited > 8 {
			t.Errorf("%s: %d of %d refused", c.name, limited, c.rate+8)
		}
		b.clock.Advance(time.Second)
		if r := c.call(); r.status == 429 {
			t.Errorf("%s: a second later: %d %s", c.name, r.status, r.body)
		}
	}
	// What is refused for its token counts for nobody; another app has its own count.
	b.clock.Advance(time.Second)
	for range 20 {
		b.call("GET", "chatfiles/"+uuid, "Bearer x", "")
		b.call("GET", "chatfiles/"+uuid, "", "")
		b.call("GET", "chatfiles/"+uuid+"?share-secret=wrong", "", "")
		b.do("GET", "/org/two/chatfiles/"+uuid, nil, "Authorization", b.user(b.two, "alice"))
	}
	if r := b.call("GET", "chatfiles/"+uuid, token, ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	b.set("easemob_rate", "0")
	for range 20 {
		if r := b.call("GET", "chatfiles/"+uuid, token, ""); r.status != 200 {
			t.Errorf("no limit: %d %s", r.status, r.body)
		}
	}
}

// A server that ends refuses everything so that clients come again.
func TestDraining(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	uuid, _ := b.put(token, "x")
	b.transfer.Close()
	for _, r := range []reply{
		b.upload(token, []formPart{filePart("x")}), b.call("GET", "chatfiles/"+uuid, token, ""), b.login("alice", "x"), b.call("GET", "nothing", "", ""),
	} {
		r.refused(t, "draining", 503, "service_unavailable", "")
		if r.head.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", r.head.Get("Retry-After"))
		}
	}
	if r := b.do("OPTIONS", "/org/one/chatfiles", nil); r.status != 204 {
		t.Errorf("OPTIONS: %d", r.status)
	}
}

func TestEveryRefusalIsJSON(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	for _, c := range []struct {
		name, method, path, token string
		status                    int
		error, text               string
	}{
		{"root", "GET", "/", "", 404, "service_resource_not_found", ""},
		{"one segment", "GET", "/favicon.ico", "", 404, "service_resource_not_found", ""},
		{"no such app", "POST", "/org/three/token", "", 404, "organization_application_not_found", "Could not find application for org/three from URI: org/three/token"},
		{"no such org", "GET", "/other/one/chatfiles/x", token, 404, "organization_application_not_found", "other/one"},
		{"app in capitals", "GET", "/org/ONE/users", token, 404, "organization_application_not_found", ""},
		{"the app alone", "GET", "/org/one", token, 404, "service_resource_not_found", ""},
		{"no such service", "GET", "/org/one/chatgroups", token, 404, "service_resource_not_found", ""},
		{"deeper", "GET", "/org/one/users/a/b/c", token, 404, "service_resource_not_found", ""},
		{"empty name", "GET", "/org/one/users//password", token, 404, "service_resource_not_found", ""},
		{"method", "GET", "/org/one/token", token, 405, "unsupported_service_operation", ""},
		{"method of files", "GET", "/org/one/chatfiles", token, 405, "unsupported_service_operation", ""},
		{"deletion of a file", "DELETE", "/org/one/chatfiles/x", token, 405, "unsupported_service_operation", ""},
		{"odd method", "BREW", "/org/one/users", token, 405, "unsupported_service_operation", ""},
		{"bytes that are no text", "GET", "/%ff%fe/%ff/x", "", 404, "organization_application_not_found", ""},
		{"dots", "GET", "/../../etc/passwd", "", 404, "organization_application_not_found", ""},
	} {
		r := b.do(c.method, c.path, nil, "Authorization", c.token)
		r.refused(t, c.name, c.status, c.error, c.text)
		if c.status == 405 && r.head.Get("Allow") == "" {
			t.Errorf("%s: no Allow", c.name)
		}
	}
	long := b.do("GET", "/org/"+strings.Repeat("x", 3000)+"/y", nil)
	long.refused(t, "long", 404, "organization_application_not_found", "")
	if len(long.body) > 1000 {
		t.Errorf("it is repeated: %d bytes", len(long.body))
	}
}

func TestPreflight(t *testing.T) {
	b := newBed(t)
	for _, path := range []string{"/org/one/chatfiles", "/org/one/users", "/no/such/app", "/"} {
		r := b.do("OPTIONS", path, nil, "Origin", "https://page.example.com", "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,restrict-access,x-of-the-app")
		allow := strings.ToLower(r.head.Get("Access-Control-Allow-Headers"))
		for _, h := range []string{"authorization", "content-type", "restrict-access", "share-secret", "thumbnail", "thumbnail-width", "x-requested-with", "range", "x-of-the-app"} {
			if !strings.Contains(allow, h) {
				t.Errorf("%s: %s is not allowed: %s", path, h, allow)
			}
		}
		if r.status != 204 || !strings.Contains(r.head.Get("Access-Control-Allow-Methods"), "PUT") || r.head.Get("Access-Control-Max-Age") == "" {
			t.Errorf("%s: %d %v", path, r.status, r.head)
		}
	}
}

// A quota is the app's, whatever façade the files come through.
func TestQuota(t *testing.T) {
	b := newBed(t, "file_account_quota", "1")
	token := b.user(b.one, "alice")
	b.put(token, strings.Repeat("x", 900<<10))
	b.upload(token, []formPart{filePart(strings.Repeat("x", 200<<10))}).refused(t, "over the quota", 507, "resource_limited", "")
	b.put(b.user(b.one, "bob"), strings.Repeat("x", 200<<10))
	if n := b.blobs(); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
}

func TestNothingLeaks(t *testing.T) {
	hytest.NoLeaks(t)
	b := newBed(t)
	b.put(b.user(b.one, "alice"), "x")
}
