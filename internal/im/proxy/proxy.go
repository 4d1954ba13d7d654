// Package proxy owns pass-through: requests of clients that the server hands to
// the app's own server, and messages of that server to online clients
// (docs/protocol/nim-social.md section 13.1, docs/adr/0010-pass-through.md).
//
// It decides what may be forwarded where. It knows no HTTP: who carries a
// request out is an Upstream.
package proxy

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

// Event is the kind of a message of the app's server on the bus; Body is a
// Message.
const Event = im.EventProxyBase

const (
	maxPath     = 2048
	maxHeaders  = 32
	maxHeader   = 8 << 10 // bytes of all names and values
	maxBody     = 64 << 10
	maxZone     = 64
	maxAccounts = 100
	maxMessage  = 8 << 10 // bytes
)

// Request is what a client asks to be forwarded.
type Request struct {
	Zone    string // name of an upstream; "" = the default one
	Path    string // below the upstream's base URL, with its query
	Method  int64  // 1 GET, 2 POST, 3 PUT, 4 DELETE; 0 = POST
	Headers string // JSON object of extra headers; "" = none
	Body    string
}

// Call is a request that may be made.
type Call struct {
	App     *app.App
	Accid   string
	Zone    string
	Method  string
	URL     string // complete; its host is the app's own setting
	Path    string // what is signed: path and query of URL
	Headers map[string]string
	Body    []byte
}

// Upstream makes calls to the app's server. An answer with a status other than
// 2xx, one that is too long and a broken connection are im.CodeInternal, a slow
// one im.CodeTimeout.
type Upstream interface {
	Forward(ctx context.Context, c *Call) (body string, err error)
}

// Service has the rules.
type Service struct{ upstream Upstream }

// New returns a Service.
func New(u Upstream) *Service { return &Service{u} }

// Forward hands a client's request to the app's server and returns the body of
// its answer. An upstream that is not configured is im.CodeNotFound.
func (s *Service) Forward(ctx context.Context, a *app.App, accid string, r Request) (string, error) {
	c, err := prepare(a, accid, r)
	if err != nil {
		return "", err
	}
	return s.upstream.Forward(ctx, c)
}

func prepare(a *app.App, accid string, r Request) (*Call, error) {
	base := a.Settings.ProxyURL
	if r.Zone != "" {
		if len(r.Zone) > maxZone {
			return nil, im.Errorf(im.CodeBadParam, "zone too long")
		}
		base = a.Settings.ProxyZones[r.Zone]
	}
	if base == "" {
		return nil, im.Errorf(im.CodeNotFound, "no such upstream")
	}
	methods := [...]string{"POST", "GET", "POST", "PUT", "DELETE"}
	if r.Method < 0 || int(r.Method) >= len(methods) {
		return nil, im.Errorf(im.CodeBadParam, "method is 1 to 4")
	}
	if len(r.Body) > maxBody {
		return nil, im.Errorf(im.CodeBadParam, "a body has at most %d bytes", maxBody)
	}
	u, err := join(base, r.Path)
	if err != nil {
		return nil, err
	}
	headers, err := parseHeaders(r.Headers)
	if err != nil {
		return nil, err
	}
	return &Call{App: a, Accid: accid, Zone: r.Zone, Method: methods[r.Method], URL: u.String(), Path: u.RequestURI(), Headers: headers, Body: []byte(r.Body)}, nil
}

// join appends a client's path to the configured URL. It can lead nowhere else:
// no scheme, no host, no step up, no trick with slashes or escapes.
func join(base, path string) (*url.URL, error) {
	bad := im.Errorf(im.CodeBadParam, "malformed path")
	if path == "" || len(path) > maxPath || !utf8.ValidString(path) || strings.ContainsAny(path, "\\#") ||
		strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, bad
	}
	if path[0] != '/' {
		path = "/" + path
	}
	if strings.HasPrefix(path, "//") {
		return nil, bad
	}
	p, err := url.ParseRequestURI(path)
	if err != nil || p.Scheme != "" || p.Host != "" || p.User != nil {
		return nil, bad
	}
	for _, segment := range strings.FieldsFunc(p.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment == "." || segment == ".." {
			return nil, bad
		}
	}
	if strings.ContainsFunc(p.Path, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.Contains(strings.ToLower(p.EscapedPath()), "%2f") ||
		strings.Contains(strings.ToLower(p.EscapedPath()), "%5c") {
		return nil, bad
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, im.Errorf(im.CodeInternal, "proxy URL: %w", err)
	}
	u.RawPath = strings.TrimSuffix(u.EscapedPath(), "/") + p.EscapedPath()
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, bad
	}
	u.RawQuery, u.Fragment = p.RawQuery, ""
	return u, nil
}

// parseHeaders reads the extra headers and leaves out those that are not the
// client's to set.
func parseHeaders(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	bad := im.Errorf(im.CodeBadParam, "header is a JSON object of texts")
	if len(text) > maxHeader {
		return nil, bad
	}
	var raw map[string]any
	if json.Unmarshal([]byte(text), &raw) != nil || len(raw) > maxHeaders {
		return nil, bad
	}
	out := map[string]string{}
	for name, v := range raw {
		value, ok := v.(string)
		if !ok || !token(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, bad
		}
		if !reserved(strings.ToLower(name)) {
			out[name] = value
		}
	}
	return out, nil
}

func token(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

// reserved are the headers that this server, the connection or a proxy on the
// way owns. CGI and its like do not tell "_" from "-", so neither does this.
func reserved(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	if slices.Contains([]string{"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "expect",
		"forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "x-original-url", "x-rewrite-url",
		"x-http-method", "x-http-method-override", "x-method-override",
		"appkey", "curtime", "md5", "checksum", "nonce", "accept-encoding"}, name) {
		return true
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-hongyan-")
}

// Message is what the app's server tells an account's online sessions.
type Message struct {
	From   string `json:"from"`
	Body   string `json:"body"`
	TimeMs int64  `json:"t"`
}

// Decode reads the body of an Event.
func Decode(b []byte) (*Message, error) {
	m := &Message{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	return m, nil
}

// Notify sends a message to the online sessions of accounts. It is not stored:
// who is not online never gets it.
func Notify(bus im.Publisher, clock im.Clock, appKey, from string, to []string, body string) error {
	switch {
	case len(to) == 0 || len(to) > maxAccounts:
		return im.Errorf(im.CodeBadParam, "1 to %d accounts", maxAccounts)
	case body == "" || len(body) > maxMessage:
		return im.Errorf(im.CodeBadParam, "a body has 1 to %d bytes", maxMessage)
	}
	b, _ := json.Marshal(Message{From: from, Body: body, TimeMs: clock.NowMs()}) // texts and numbers only: cannot fail
	events := make([]im.Event, len(to))
	for i, id := range to {
		events[i] = im.Event{Kind: Event, App: appKey, To: id, Body: b}
	}
	bus.Publish(events...)
	return nil
}
