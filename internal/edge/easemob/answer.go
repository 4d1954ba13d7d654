package easemob

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"hongyan/internal/im/app"
)

// answer is the envelope of a success (docs/api/easemob.md section 1.4); its
// fields come in the order of the original.
type answer struct {
	Action          string              `json:"action"`
	Application     string              `json:"application"`
	Path            string              `json:"path"`
	URI             string              `json:"uri"`
	Params          map[string][]string `json:"params,omitempty"`
	Entities        any                 `json:"entities,omitempty"`
	Data            any                 `json:"data,omitempty"`
	Timestamp       int64               `json:"timestamp"` // ms since 1970
	Duration        int64               `json:"duration"`  // ms
	Organization    string              `json:"organization"`
	ApplicationName string              `json:"applicationName"`
	Count           *int                `json:"count,omitempty"`
	Cursor          string              `json:"cursor,omitempty"`
}

// envelope begins the answer of a call about a collection, such as /chatfiles.
func (c *call) envelope(path string) answer {
	return answer{
		Action: strings.ToLower(c.r.Method), Application: app.FormatUUID(c.app.Application()), Path: path,
		URI:       c.h.PublicURL + "/" + c.app.Org + "/" + c.app.Name + path,
		Timestamp: c.h.Clock.NowMs(), Duration: c.ms(), Organization: c.app.Org, ApplicationName: c.app.Name,
	}
}

func (c *call) entities(path string, entities any) error {
	a := c.envelope(path)
	a.Entities = entities
	return c.json(a)
}

func (c *call) data(path string, data any) error {
	a := c.envelope(path)
	a.Data = data
	return c.json(a)
}

// ms is how long the call has taken.
func (c *call) ms() int64 { return max(0, c.h.Clock().Sub(c.begun).Milliseconds()) }

func (c *call) json(v any) error {
	writeJSON(c.w, http.StatusOK, v)
	return nil
}

// writeJSON answers. A client that has gone away cannot be told.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // texts, numbers and lists of them: a fault of the program
		status, b = http.StatusInternalServerError, []byte(`{"error":"web_application"}`)
	}
	hd := w.Header()
	hd.Set("Content-Type", "application/json;charset=UTF-8")
	hd.Set("Content-Length", strconv.Itoa(len(b)))
	hd.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// errorBody is what every refusal looks like (section 1.5).
type errorBody struct {
	Error       string `json:"error"`
	Exception   string `json:"exception"`
	Timestamp   int64  `json:"timestamp"`
	Duration    int64  `json:"duration"`
	Description string `json:"error_description"`
}

// preflight answers OPTIONS of every path (section 1.3).
func preflight(w http.ResponseWriter, r *http.Request) {
	allow := "Authorization, Content-Type, Accept, X-Requested-With, restrict-access, share-secret, thumbnail, thumbnail-width, thumbnail-height, Range, If-None-Match"
	if ask := r.Header.Get("Access-Control-Request-Headers"); ask != "" && len(ask) <= 1024 {
		allow += ", " + ask
	}
	hd := w.Header()
	hd.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD, OPTIONS")
	hd.Set("Access-Control-Allow-Headers", allow)
	hd.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// cors lets every page call: no cookies are used. Errors need it too.
func cors(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Accept-Ranges, Content-Disposition, ETag, Retry-After")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}
