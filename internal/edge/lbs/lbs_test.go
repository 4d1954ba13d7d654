package lbs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"hongyan/internal/edge/lbs"
)

func TestAddressService(t *testing.T) {
	h := lbs.New("im.example:443", "https://im.example:443")
	want := map[string]any{
		"code": 200.0, "nos-chunk": "https://im.example:443",
		"common": map[string]any{"link": []any{"im.example:443"}, "link.default": []any{"im.example:443"}},
	}
	for _, c := range []struct {
		name, method, path string
		status             int
	}{
		{"browser", "GET", "/lbs/webconf.jsp?k=key&id=alice&sv=180&pv=1&networkType=0", 200},
		{"mini-program", "GET", "/lbs/wxwebconf.jsp?k=key&id=alice", 200},
		{"no query", "GET", "/lbs/webconf.jsp", 200},
		{"query that is not encoded", "GET", "/lbs/webconf.jsp?k=a b&id=%zz", 200},
		{"post", "POST", "/lbs/webconf.jsp", 200},
		{"unknown path", "GET", "/lbs/other.jsp", 404},
		{"the root", "GET", "/lbs/", 404},
		{"delete", "DELETE", "/lbs/webconf.jsp", 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequest(c.method, "/", nil)
			path, query, _ := strings.Cut(c.path, "?")
			req.URL.Path, req.URL.RawQuery = path, query
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != c.status {
				t.Fatalf("status %d, want %d", w.Code, c.status)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a browser could not read the answer")
			}
			if c.status != http.StatusOK {
				return
			}
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %v", w.Body, err)
			}
			if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
				t.Errorf("Content-Type %q", ct)
			}
		})
	}
}

// The SDK sets a Content-Type on its GET, so browsers ask first.
func TestPreflight(t *testing.T) {
	h := lbs.New("im.example:443", "https://im.example:443")
	for _, c := range []struct{ name, ask, allow string }{
		{"content type", "content-type", "content-type"},
		{"echoed", "content-type,x-custom", "content-type,x-custom"},
		{"nothing asked", "", "content-type"},
		{"absurdly long", strings.Repeat("x", 2000), "content-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := httptest.NewRequest("OPTIONS", "/lbs/webconf.jsp", nil)
			if c.ask != "" {
				req.Header.Set("Access-Control-Request-Headers", c.ask)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			hd := w.Header()
			if w.Code != http.StatusNoContent || hd.Get("Access-Control-Allow-Origin") != "*" || hd.Get("Access-Control-Allow-Headers") != c.allow {
				t.Errorf("%d %v", w.Code, hd)
			}
			if !strings.Contains(hd.Get("Access-Control-Allow-Methods"), "GET") {
				t.Errorf("methods %q", hd.Get("Access-Control-Allow-Methods"))
			}
		})
	}
}
