package nimapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTranslate(t *testing.T) {
	n := newNode(t)
	n.register("alice")
	path := "translator/textMsg"
	good := []string{"accid=alice", "text=你好", "to=en"}
	n.want(n.call(path, good...), `{"code":403,"desc":"translation is not enabled: the app has no translate_url"}`)

	var body string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		var q struct{ Text, To string }
		_ = json.Unmarshal(b, &q)
		switch {
		case q.To == "tlh":
			_, _ = io.WriteString(w, `{"code":414}`)
		case q.Text == "silent":
			_, _ = io.WriteString(w, `{"translation":"x"}`)
		case q.Text == "broken":
			_, _ = io.WriteString(w, `x`)
		default:
			_, _ = io.WriteString(w, `{"translation":"hello","from":"zh"}`)
		}
	}))
	defer provider.Close()
	n.set(map[string]string{"translate_url": provider.URL, "callback_breaker_failures": "0"})
	for _, c := range []teamCase{
		{"no account", path, []string{"text=x", "to=en"}, `{"code":414,"desc":"accid missing"}`},
		{"account unknown", path, []string{"accid=ghost", "text=x", "to=en"}, `{"code":414,"desc":"ghost is not registered"}`},
		{"no text", path, []string{"accid=alice", "to=en"}, `{"code":414,"desc":"text missing"}`},
		{"text too long", path, []string{"accid=alice", "to=en", "text=" + strings.Repeat("字", 5001)}, `{"code":414,"desc":"text longer than 5000 characters"}`},
		{"no language", path, []string{"accid=alice", "text=x"}, `{"code":414,"desc":"to missing"}`},
		{"no name of a language", path, []string{"accid=alice", "text=x", "to=2en"}, `{"code":414,"desc":"to is not a language"}`},
		{"into any language", path, []string{"accid=alice", "text=x", "to=auto"}, `{"code":414,"desc":"to is not a language"}`},
		{"from no language", path, []string{"accid=alice", "text=x", "to=en", "from=z h"}, `{"code":414,"desc":"from is not a language"}`},
		{"unknown to the provider", path, []string{"accid=alice", "text=x", "to=tlh"}, `{"code":414,"desc":"language unknown"}`},
		{"provider fails", path, []string{"accid=alice", "text=broken", "to=en"}, `{"code":500,"desc":"internal error"}`},
	} {
		if got := n.call(c.path, c.form...); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	for _, c := range []struct{ from, text, want string }{
		{"", "你好", "hello zh2en"}, {"ja", "silent", "x ja2en"}, {"", "silent", "x auto2en"},
	} {
		got := n.call(path, "accid=alice", "to=en", "text="+c.text, "from="+c.from)
		if text := fmt.Sprint(field(t, got, "data", "translation"), " ", field(t, got, "data", "language")); text != c.want || field(t, got, "data", "timestamp") == nil {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if body != `{"accid":"alice","text":"silent","from":"auto","to":"en"}` {
		t.Error(body)
	}

	// The provider is the app's own.
	if _, err := n.apps.Ensure(t.Context(), "app2", appSecret, "", ""); err != nil {
		t.Fatal(err)
	}
	second := map[string]string{"AppKey": "app2"}
	n.want(n.callAs(second, path, good...), `{"code":414,"desc":"alice is not registered"}`)
	n.callAs(second, "user/create", "accid=alice")
	n.want(n.callAs(second, path, good...), `{"code":403,"desc":"translation is not enabled: the app has no translate_url"}`)
}
