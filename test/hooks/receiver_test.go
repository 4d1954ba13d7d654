package hooks

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
)

// hook is one request that the receiver got.
type hook struct {
	path string
	body map[string]any
	raw  string
	id   string // X-Copy-Id
	at   time.Time
}

// text is a field as a text; numbers and lists as Go prints them.
func (h hook) text(field string) string {
	if v, ok := h.body[field]; ok {
		return fmt.Sprint(v)
	}
	return ""
}

// receiver is an app's server. It checks signatures, keeps what it gets and
// answers by its functions, which may be replaced at any time.
type receiver struct {
	t    *testing.T
	addr string
	srv  *http.Server

	mu     sync.Mutex // guards the rest
	got    []hook
	answer map[string]answer // by path
}

// answer decides about a request: status, body, and after which wait.
type answer func(h hook) (status int, body string, wait time.Duration)

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, addr: free(t), answer: map[string]answer{}}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) url(path string) string { return "http://" + r.addr + path }

// start listens, also again after stop.
func (r *receiver) start() {
	r.t.Helper()
	ln, err := net.Listen("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.srv = &http.Server{Handler: r}
	go func(s *http.Server) { _ = s.Serve(ln) }(r.srv)
}

// stop ends the listener and every connection.
func (r *receiver) stop() { _ = r.srv.Close() }

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	h := hook{path: req.URL.Path, raw: string(raw), id: req.Header.Get("X-Copy-Id"), at: time.Now()}
	sum := md5.Sum(raw)
	check := sha1.Sum([]byte(secret + hex.EncodeToString(sum[:]) + req.Header.Get("CurTime")))
	if req.Header.Get("AppKey") != key || req.Header.Get("MD5") != hex.EncodeToString(sum[:]) || req.Header.Get("CheckSum") != hex.EncodeToString(check[:]) {
		r.t.Errorf("bad signature of %s", raw)
	}
	d := json.NewDecoder(strings.NewReader(h.raw))
	d.UseNumber()
	if err := d.Decode(&h.body); err != nil {
		r.t.Errorf("%v in %s", err, raw)
	}
	r.mu.Lock()
	r.got = append(r.got, h)
	answer := r.answer[h.path]
	r.mu.Unlock()
	if answer == nil {
		fmt.Fprint(w, `{"errCode":0}`)
		return
	}
	status, body, wait := answer(h)
	select {
	case <-time.After(wait):
	case <-req.Context().Done():
		return
	}
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// answers replaces what is answered on a path; nil lets everything pass.
func (r *receiver) answers(path string, f answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer[path] = f
}

// of returns what came to a path.
func (r *receiver) of(path string) (out []hook) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.got {
		if h.path == path {
			out = append(out, h)
		}
	}
	return out
}

// copies are the copies taken so far, each once, whose fields have these
// values: NAME, VALUE...
func (r *receiver) copies(want ...string) (out []hook) {
	seen := map[string]bool{}
next:
	for _, h := range r.of("/copy") {
		for i := 0; i < len(want); i += 2 {
			if h.text(want[i]) != want[i+1] {
				continue next
			}
		}
		if !seen[h.id] {
			seen[h.id] = true
			out = append(out, h)
		}
	}
	return out
}

// wait waits for a copy with these fields.
func (r *receiver) wait(want ...string) (h hook) {
	r.t.Helper()
	hytest.Eventually(r.t, fmt.Sprintf("a copy with %v", want), func() bool {
		found := r.copies(want...)
		if len(found) > 0 {
			h = found[0]
		}
		return len(found) > 0
	})
	return h
}
