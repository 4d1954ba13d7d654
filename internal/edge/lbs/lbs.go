// Package lbs owns the address service: it tells SDKs which links to connect to
// and where to upload (docs/protocol/nim-core.md section 2.1).
//
// It must not know who asks: every client of every app gets the same answer.
package lbs

import (
	"encoding/json"
	"net/http"
)

// Handler answers /lbs/webconf.jsp and /lbs/wxwebconf.jsp.
type Handler struct{ body []byte }

// New returns the handler. link is host:port of the sockets, upload an
// https:// address.
func New(link, upload string) *Handler {
	b, _ := json.Marshal(map[string]any{ // texts only: cannot fail
		"code": 200,
		// link.default is always sent: SDKs up to 0.11.1 fall back to their
		// built-in address when link alone is there.
		"common":    map[string]any{"link": []string{link}, "link.default": []string{link}},
		"nos-chunk": upload,
	})
	return &Handler{body: b}
}

// ServeHTTP implements http.Handler. SDKs in browsers send a preflight even
// for this GET, because they set a content type on it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hd := w.Header()
	hd.Set("Access-Control-Allow-Origin", "*")
	switch r.URL.Path {
	case "/lbs/webconf.jsp", "/lbs/wxwebconf.jsp", "/lbs/webconf", "/lbs/wxwebconf":
	default:
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodOptions:
		ask := r.Header.Get("Access-Control-Request-Headers")
		if ask == "" || len(ask) > 1024 {
			ask = "content-type"
		}
		hd.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		hd.Set("Access-Control-Allow-Headers", ask)
		hd.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodPost:
		hd.Set("Content-Type", "application/json; charset=utf-8")
		hd.Set("Cache-Control", "no-store")
		_, _ = w.Write(h.body)
	default:
		hd.Set("Allow", "GET, POST, OPTIONS")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}
