package easemob_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/easemob"
	"hongyan/internal/edge/filegw"
	"hongyan/internal/hytest"
	"hongyan/internal/im/access"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/im/presence"
	"hongyan/internal/infra/blobstore"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/infra/thumb"
)

// bed is the façade on a real store, a directory and a listener, with two apps:
// one is org/one, two is org/two.
type bed struct {
	t        *testing.T
	apps     *app.Service
	accounts *account.Service
	tokens   *access.Service
	files    *file.Service
	transfer *filegw.Handler
	store    *sqlstore.Store
	clock    *hytest.Clock
	bus      *hytest.Bus
	dir      string
	url      string
	one, two *app.App
}

func newBed(t *testing.T, settings ...string) *bed {
	t.Helper()
	return newBedOn(t, hytest.Store(t), settings...)
}

func newBedOn(t *testing.T, store *sqlstore.Store, settings ...string) *bed {
	t.Helper()
	b := &bed{t: t, clock: hytest.NewClock(time.Time{}), dir: t.TempDir(), bus: &hytest.Bus{}, store: store}
	b.apps = app.New(b.store, b.clock.Now)
	set := map[string]string{}
	for i := 0; i+1 < len(settings); i += 2 {
		set[settings[i]] = settings[i+1]
	}
	b.one = b.create(app.App{Key: "one", Org: "org", Name: "one", Overrides: set})
	b.two = b.create(app.App{Key: "two", Org: "org", Name: "two"})
	b.accounts = account.New(account.Config{Store: b.store, Clock: b.clock.Now, TokenKey: hytest.Keys(t).TokenKey()})
	b.tokens = access.New(b.accounts, b.clock.Now, hytest.Keys(t).AccessKey())
	blobs, err := blobstore.Open(t.Context(), "", b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.files = file.New(file.Config{Store: b.store, Blobs: blobs, Apps: b.apps, Accounts: b.accounts, Clock: b.clock.Now,
		Key: hytest.Keys(t).FileKey(), Sniff: thumb.Sniff, Host: "files.example.com/nos"})
	b.transfer = filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}, Films: cinema{}})
	srv := httptest.NewServer(easemob.New(easemob.Config{Apps: b.apps, Accounts: b.accounts, Tokens: b.tokens, Files: b.files, Transfers: b.transfer,
		Presence: presence.NewDirectory(0, b.clock.Now), Bus: b.bus, Clock: b.clock.Now, PublicURL: "https://im.example.com",
		ClientIP: func(*http.Request) string { return "192.0.2.1" }}))
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

// cinema stands for ffmpeg.
type cinema struct{}

func (cinema) Probe(context.Context, io.ReadSeeker) (file.Film, error) {
	return file.Film{}, file.ErrNoMedia
}

func (cinema) Frame(context.Context, io.ReadSeeker, int64) ([]byte, error) {
	return []byte(noise(400, 200)), nil
}

func (b *bed) create(a app.App) *app.App {
	b.t.Helper()
	out, err := b.apps.Create(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// set changes settings of the first app.
func (b *bed) set(pairs ...string) {
	b.t.Helper()
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	var err error
	if b.one, err = b.apps.Set(b.t.Context(), "one", m); err != nil {
		b.t.Fatal(err)
	}
}

// user makes an account without a password and returns a token of it.
func (b *bed) user(a *app.App, accid string) string {
	b.t.Helper()
	acc, err := b.accounts.Get(b.t.Context(), a.Key, accid)
	if err != nil {
		if acc, err = b.accounts.Enrol(b.t.Context(), a.Key, account.Enrolment{Accid: accid}); err != nil {
			b.t.Fatal(err)
		}
	}
	return "Bearer " + b.tokens.OfUser(a, acc, 3600)
}

func (b *bed) server(a *app.App) string { return "Bearer " + b.tokens.OfApp(a, 3600) }

type reply struct {
	status int
	head   http.Header
	body   string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return m
}

// entity returns the first entity.
func (r reply) entity(t *testing.T) map[string]any {
	t.Helper()
	list, _ := r.json(t)["entities"].([]any)
	if len(list) == 0 {
		t.Fatalf("%d %s: no entities", r.status, r.body)
	}
	return list[0].(map[string]any)
}

// refused checks status, `error` and a part of `error_description`, and that the
// body has every documented field.
func (r reply) refused(t *testing.T, what string, status int, name, text string) {
	t.Helper()
	if r.status != status {
		t.Errorf("%s: %d %s, want %d", what, r.status, r.body, status)
		return
	}
	m := r.json(t)
	if m["error"] != name || !strings.Contains(fmt.Sprint(m["error_description"]), text) {
		t.Errorf("%s: %s, want %s with %q", what, r.body, name, text)
	}
	if m["exception"] == "" || m["timestamp"] == nil || m["duration"] == nil || !strings.HasPrefix(r.head.Get("Content-Type"), "application/json") {
		t.Errorf("%s: %s %v", what, r.body, r.head)
	}
}

// do sends a request; head is pairs of name and value. Every answer is held to
// what all answers must have.
func (b *bed) do(method, path string, body io.Reader, head ...string) reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(head); i += 2 {
		if head[i+1] == "" && head[i] == "Authorization" {
			continue
		}
		r.Header[http.CanonicalHeaderKey(head[i])] = append(r.Header[http.CanonicalHeaderKey(head[i])], head[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		b.t.Errorf("%s %s: headers %v", method, path, res.Header)
	}
	if res.StatusCode >= 400 && len(text) > 0 && !json.Valid(text) {
		b.t.Errorf("%s %s: %d %q is not JSON", method, path, res.StatusCode, text)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// call sends JSON to org/one.
func (b *bed) call(method, path, token, body string) reply {
	b.t.Helper()
	return b.do(method, "/org/one/"+path, strings.NewReader(body), "Authorization", token)
}

// formPart is one part of a form: head is its Content-Disposition behind
// form-data, kind its type.
type formPart struct{ head, kind, content string }

func formBody(parts ...formPart) (kind string, body *bytes.Buffer) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, p := range parts {
		h := map[string][]string{"Content-Disposition": {"form-data; " + p.head}}
		if p.kind != "" {
			h["Content-Type"] = []string{p.kind}
		}
		x, _ := w.CreatePart(h)
		_, _ = io.WriteString(x, p.content)
	}
	_ = w.Close()
	return w.FormDataContentType(), body
}

func filePart(content string) formPart {
	return formPart{`name="file"; filename="a.bin"`, "application/octet-stream", content}
}

// upload sends a form to org/one.
func (b *bed) upload(token string, parts []formPart, head ...string) reply {
	b.t.Helper()
	kind, body := formBody(parts...)
	return b.do("POST", "/org/one/chatfiles", body, append([]string{"Authorization", token, "Content-Type", kind}, head...)...)
}

// put stores content and returns its UUID and secret.
func (b *bed) put(token, content string, head ...string) (uuid, secret string) {
	b.t.Helper()
	r := b.upload(token, []formPart{filePart(content)}, head...)
	if r.status != 200 {
		b.t.Fatalf("%d %s", r.status, r.body)
	}
	e := r.entity(b.t)
	return e["uuid"].(string), e["share-secret"].(string)
}

// blobs counts the files in the directory.
func (b *bed) blobs() (n int) {
	_ = filepath.WalkDir(b.dir, func(_ string, d fs.DirEntry, _ error) error {
		if d != nil && !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

// noise is a PNG that does not compress.
func noise(w, h int) string {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	x := uint32(1)
	for i := range img.Pix {
		x = x*1664525 + 1013904223
		img.Pix[i] = byte(x >> 24)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.String()
}
