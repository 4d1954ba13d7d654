package filegw_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/filegw"
	"hongyan/internal/hytest"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/blobstore"
	"hongyan/internal/infra/sqlstore"
	"hongyan/internal/infra/thumb"
)

// bed is the file service on a real store, a directory and a listener.
type bed struct {
	t     *testing.T
	apps  *app.Service
	acc   *account.Service
	files *file.Service
	store *sqlstore.Store
	clock *hytest.Clock
	dir   string
	url   string
	app   *app.App

	handler *filegw.Handler
	thumbs  string
}

func newBed(t *testing.T, settings ...string) *bed {
	t.Helper()
	return newBedOn(t, "", settings...)
}

// newBedOn is newBed over another store of blobs; "" = a directory.
func newBedOn(t *testing.T, url string, settings ...string) *bed {
	t.Helper()
	b := &bed{t: t, clock: hytest.NewClock(time.Time{}), dir: t.TempDir()}
	b.store = hytest.Store(t)
	b.apps = app.New(b.store, b.clock.Now)
	set := map[string]string{}
	for i := 0; i+1 < len(settings); i += 2 {
		set[settings[i]] = settings[i+1]
	}
	var err error
	if b.app, err = b.apps.Create(t.Context(), app.App{Key: "one", Overrides: set}); err != nil {
		t.Fatal(err)
	}
	if _, err = b.apps.Create(t.Context(), app.App{Key: "two"}); err != nil {
		t.Fatal(err)
	}
	b.acc = account.New(account.Config{Store: b.store, Clock: b.clock.Now, TokenKey: hytest.Keys(t).TokenKey()})
	for _, k := range []string{"one", "two"} {
		if _, _, err := b.acc.Register(t.Context(), k, "alice", "t", account.CardUpdate{}); err != nil {
			t.Fatal(err)
		}
	}
	b.start(url)
	return b
}

// start makes the service and its listener anew, as a new process would.
func (b *bed) start(url string) {
	t := b.t
	t.Helper()
	blobs, err := blobstore.Open(t.Context(), url, b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.thumbs = t.TempDir()
	cache, err := thumb.OpenCache(b.thumbs, 1<<20, b.clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b.files = file.New(file.Config{Removed: cache.Drop, Store: b.store, Blobs: blobs, Apps: b.apps, Accounts: b.acc, Clock: b.clock.Now,
		Key: hytest.Keys(t).FileKey(), Sniff: thumb.Sniff, Host: "files.example.com/nos"})
	b.handler = filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}, Cache: cache})
	srv := httptest.NewServer(b.handler)
	t.Cleanup(srv.Close)
	b.url = srv.URL
}

func (b *bed) grant(ask file.Ask) file.Grant {
	b.t.Helper()
	if ask.Accid == "" {
		ask.Accid = "alice"
	}
	g, err := b.files.Grant(b.app, ask)
	if err != nil {
		b.t.Fatal(err)
	}
	return g
}

type answer struct {
	status int
	head   http.Header
	body   string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return m
}

func (b *bed) do(method, path string, head map[string]string, body io.Reader) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range head {
		r.Header.Set(k, v)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		b.t.Errorf("%s %s: headers %v", method, path, res.Header)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// form uploads by form; fields come in the order given, name=value or @name=content.
func (b *bed) form(kind string, fields ...string) answer {
	b.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		if at, ok := strings.CutPrefix(name, "@"); ok {
			p, _ := w.CreatePart(map[string][]string{"Content-Disposition": {`form-data; name="` + at + `"; filename="../../x"`}, "Content-Type": {kind}})
			_, _ = io.WriteString(p, value)
			continue
		}
		_ = w.WriteField(name, value)
	}
	_ = w.Close()
	return b.do("POST", "/nos", map[string]string{"Content-Type": w.FormDataContentType()}, &buf)
}

func (b *bed) chunk(g file.Grant, offset int64, last bool, session, body string) answer {
	b.t.Helper()
	q := fmt.Sprintf("?offset=%d&complete=%v&context=%s&version=1.0", offset, last, session)
	return b.do("POST", "/nos/"+g.Object+q, map[string]string{"x-nos-token": g.Token}, strings.NewReader(body))
}

// put stores content and returns its object.
func (b *bed) put(content, kind string) string {
	b.t.Helper()
	g := b.grant(file.Ask{})
	if a := b.form(kind, "Object="+g.Object, "x-nos-token="+g.Token, "@file="+content); a.status != 200 {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
	return g.Object
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

func sum(s string) string {
	x := md5.Sum([]byte(s))
	return hex.EncodeToString(x[:])
}

func picture(w, h int) string {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.String()
}

const imageBody = `{\"md5\":\"$(Etag)\",\"size\":$(ObjectSize),\"w\":\"$(ImageInfo.Width)\",\"h\":\"$(ImageInfo.Height)\",\"orientation\":\"$(ImageInfo.Orientation)\",\"x\":\"$(Nothing)\"}`

func TestForm(t *testing.T) {
	b := newBed(t)
	pic := picture(7, 5)
	g := b.grant(file.Ask{ReturnBody: imageBody})
	a := b.form("application/octet-stream", "Object="+g.Object, "x-nos-token="+g.Token, "x-nos-entity-type=json", "@file="+pic)
	want := fmt.Sprintf(`{"md5":"%s","size":%d,"w":"7","h":"5","orientation":"","x":""}`, sum(pic), len(pic))
	if a.status != 200 || a.body != want {
		t.Errorf("%d %s, want %s", a.status, a.body, want)
	}
	if a := b.form("image/png", "x-nos-token="+g.Token, "@file="+pic); a.status != 200 || a.body != want {
		t.Errorf("repeated: %d %s", a.status, a.body)
	}
	if a := b.form("image/png", "x-nos-token="+g.Token, "@file=other"); a.status != 403 {
		t.Errorf("another content with a used token: %d %s", a.status, a.body)
	}
	if a := b.do("GET", "/nos/"+g.Object, nil, nil); a.body != pic {
		t.Error("the content changed")
	}
	g = b.grant(file.Ask{})
	if a := b.form("text/plain", "@file=late fields", "Object="+g.Object, "x-nos-token="+g.Token); a.status != 200 || a.json(t)["md5"] != sum("late fields") {
		t.Errorf("fields after the file: %d %s", a.status, a.body)
	}
	other := b.grant(file.Ask{})
	used := b.blobs()
	for _, c := range []struct {
		name   string
		status int
		fields []string
	}{
		{"no token", 403, []string{"@file=x"}},
		{"wrong token", 403, []string{"x-nos-token=" + other.Token + "x", "@file=x"}},
		{"other object", 403, []string{"Object=" + g.Object, "x-nos-token=" + other.Token, "@file=x"}},
		{"traversal", 403, []string{"Object=../../etc/passwd", "x-nos-token=" + other.Token, "@file=x"}},
		{"no file", 400, []string{"x-nos-token=" + other.Token}},
		{"field too long", 400, []string{"x-nos-token=" + strings.Repeat("x", 9000), "@file=x"}},
	} {
		if a := b.form("text/plain", c.fields...); a.status != c.status || a.json(t)["errCode"] != float64(c.status) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	if a := b.do("POST", "/nos", map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"x-nos-token\"\r\n\r\n"+other.Token+"\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf")); a.status != 408 && a.status != 400 {
		t.Errorf("cut off: %d %s", a.status, a.body)
	}
	if a := b.do("POST", "/nos", map[string]string{"Content-Type": "text/plain"}, strings.NewReader("x")); a.status != 400 {
		t.Errorf("no form: %d", a.status)
	}
	if n := b.blobs(); n != used {
		t.Errorf("%d blobs left by refused uploads", n-used)
	}
}

func TestLimits(t *testing.T) {
	b := newBed(t, "file_max", "1", "file_account_quota", "2")
	big := strings.Repeat("x", 1<<20+1)
	g := b.grant(file.Ask{})
	if a := b.form("text/plain", "x-nos-token="+g.Token, "@file="+big); a.status != 413 {
		t.Errorf("form too large: %d %s", a.status, a.body)
	}
	if a := b.chunk(g, 0, true, "", big); a.status != 413 {
		t.Errorf("chunk too large: %d %s", a.status, a.body)
	}
	if a := b.chunk(g, 1<<40, true, "", "x"); a.status != 413 {
		t.Errorf("offset too large: %d %s", a.status, a.body)
	}
	if n := b.blobs(); n != 0 {
		t.Errorf("%d blobs left", n)
	}
	b.put(big[:1<<20], "text/plain")
	b.put(big[:1<<20], "text/plain")
	g = b.grant(file.Ask{})
	if a := b.form("text/plain", "x-nos-token="+g.Token, "@file=x"); a.status != 507 {
		t.Errorf("over the quota: %d %s", a.status, a.body)
	}
	if err := b.acc.SetBlocked(t.Context(), "one", "alice", true); err != nil {
		t.Fatal(err)
	}
	if a := b.form("text/plain", "x-nos-token="+g.Token, "@file=x"); a.status != 403 {
		t.Errorf("blocked account: %d %s", a.status, a.body)
	}
	b.clock.Advance(25 * time.Hour)
	if a := b.chunk(g, 0, true, "", "x"); a.status != 403 {
		t.Errorf("old token: %d %s", a.status, a.body)
	}
}

func TestChunks(t *testing.T) {
	b := newBed(t)
	const n = 100 << 10
	content := strings.Repeat("0123456789abcdef", 3*n/16)
	part := func(i, j int) string { return content[i*n : j*n] }
	g := b.grant(file.Ask{})
	session := func(a answer) string { t.Helper(); return a.json(t)["context"].(string) }
	expect := func(what string, a answer, status int, offset int) {
		t.Helper()
		if a.status != status || status == 200 && a.json(t)["offset"] != float64(offset) {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	a := b.chunk(g, 0, false, "", part(0, 1))
	expect("first", a, 200, n)
	old := session(a)
	a = b.chunk(g, 0, false, "", part(0, 1))
	expect("first again", a, 200, n)
	s := session(a)
	if s == old {
		t.Error("a new start keeps the old context")
	}
	expect("old context", b.chunk(g, n, false, old, part(1, 2)), 404, 0)
	expect("ahead", b.chunk(g, 2*n, false, s, part(2, 3)), 400, 0)
	expect("inside a chunk", b.chunk(g, 5, false, s, part(1, 2)), 400, 0)
	expect("negative", b.chunk(g, -1, false, s, part(1, 2)), 400, 0)
	expect("tiny, not the last", b.chunk(g, n, false, s, "x"), 400, 0)
	expect("empty, not the last", b.chunk(g, n, false, s, ""), 400, 0)
	expect("second", b.chunk(g, n, false, s, part(1, 2)), 200, 2*n)
	expect("second again", b.chunk(g, n, false, s, part(1, 2)), 200, 2*n)
	resume := func(ctx string) answer {
		return b.do("GET", "/nos/"+g.Object+"?uploadContext&version=1.0&context="+ctx, map[string]string{"x-nos-token": g.Token}, nil)
	}
	expect("resume", resume(s), 200, 2*n)
	expect("resume, unknown", resume("nothing"), 404, 0)
	expect("not readable yet", b.do("GET", "/nos/"+g.Object, nil, nil), 404, 0)
	expect("last", b.chunk(g, 2*n, true, s, part(2, 3)), 200, 3*n)
	expect("last again", b.chunk(g, 2*n, true, s, part(2, 3)), 200, 3*n)
	expect("after the end", b.chunk(g, 0, true, "", "other"), 403, 0)
	if got := b.do("GET", "/nos/"+g.Object, nil, nil); got.body != content || got.head.Get("ETag") != `"`+sum(content)+`"` {
		t.Errorf("%d bytes, %v", len(got.body), got.head)
	}
	if n := b.blobs(); n != 3 {
		t.Errorf("%d blobs", n)
	}

	g = b.grant(file.Ask{})
	a = b.chunk(g, 0, false, "", part(0, 1))
	expect("exact multiple", a, 200, n)
	expect("its empty end", b.chunk(g, n, true, session(a), ""), 200, n)
	g = b.grant(file.Ask{})
	expect("empty file", b.chunk(g, 0, true, "", ""), 200, 0)
	if got := b.do("GET", "/nos/"+g.Object, nil, nil); got.status != 200 || got.body != "" {
		t.Errorf("empty file: %+v", got)
	}
	if a := b.do("POST", "/nos/"+g.Object+"?offset=0&complete=true", map[string]string{"x-nos-token": "UPLOAD x:y:z"}, strings.NewReader("x")); a.status != 403 {
		t.Errorf("foreign token: %d", a.status)
	}
	if a := b.do("POST", "/nos/two."+strings.Repeat("0", 32)+"?offset=0&complete=true", map[string]string{"x-nos-token": g.Token}, strings.NewReader("x")); a.status != 403 {
		t.Errorf("another object: %d", a.status)
	}
}

func TestDownload(t *testing.T) {
	b := newBed(t)
	object := b.put("0123456789", "text/plain")
	tag := `"` + sum("0123456789") + `"`
	for _, c := range []struct {
		name, method string
		head         map[string]string
		status       int
		body         string
	}{
		{"whole", "GET", nil, 200, "0123456789"},
		{"head", "HEAD", nil, 200, ""},
		{"range", "GET", map[string]string{"Range": "bytes=2-4"}, 206, "234"},
		{"suffix", "GET", map[string]string{"Range": "bytes=-3"}, 206, "789"},
		{"open range", "GET", map[string]string{"Range": "bytes=8-"}, 206, "89"},
		{"beyond", "GET", map[string]string{"Range": "bytes=20-"}, 416, "*"},
		{"nonsense", "GET", map[string]string{"Range": "bytes=x"}, 416, "*"},
		{"other unit", "GET", map[string]string{"Range": "lines=1-2"}, 416, "*"},
		{"known", "GET", map[string]string{"If-None-Match": tag}, 304, ""},
		{"unknown", "GET", map[string]string{"If-None-Match": `"x"`}, 200, "0123456789"},
		{"range if same", "GET", map[string]string{"Range": "bytes=0-0", "If-Range": tag}, 206, "0"},
		{"range if other", "GET", map[string]string{"Range": "bytes=0-0", "If-Range": `"x"`}, 200, "0123456789"},
		{"precondition", "GET", map[string]string{"If-Match": `"x"`}, 412, ""},
	} {
		for _, path := range []string{"/nos/" + object, "/" + object} {
			a := b.do(c.method, path, c.head, nil)
			if a.status != c.status || c.body != "*" && a.body != c.body {
				t.Errorf("%s: %d %q", c.name, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/nos/one." + strings.Repeat("0", 32), "/nos/x", "/nos/..%2f..%2fetc", "/nos/" + object + "/x", "/nos/two" + object[3:], "/nos/%00"} {
		if a := b.do("GET", path, nil, nil); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := b.do("OPTIONS", "/nos/"+object, map[string]string{"Access-Control-Request-Headers": "x-nos-token,content-type"}, nil); a.status != 204 ||
		a.head.Get("Access-Control-Allow-Headers") != "x-nos-token,content-type" {
		t.Errorf("preflight: %+v", a)
	}
	if a := b.do("DELETE", "/nos/"+object, nil, nil); a.status != 405 {
		t.Errorf("delete: %d", a.status)
	}
}

func TestHostileTypes(t *testing.T) {
	b := newBed(t)
	for _, c := range []struct {
		name, kind, content, want string
		saved                     bool
	}{
		{"page said to be a picture", "image/png", "<html><script>1</script></html>", "text/html", true},
		{"svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" onload="1"/>`, "image/svg+xml", true},
		{"xml", "text/xml", `<?xml version="1.0"?><a/>`, "text/xml", true},
		{"text said to be a page", "text/html", "just text", "text/html", true},
		{"picture", "text/html", picture(1, 1), "image/png", false},
		{"text", "", "just text", "text/plain; charset=utf-8", false},
		{"binary", "", "\x00\x01\x02\x03", "application/octet-stream", true},
		{"type with a line break", "text/x\r\nX-Evil: 1", "just text", "text/plain; charset=utf-8", false},
	} {
		kind := strings.NewReplacer("\r", "", "\n", "").Replace(c.kind)
		a := b.do("GET", "/nos/"+b.put(c.content, kind), nil, nil)
		saved := strings.HasPrefix(a.head.Get("Content-Disposition"), "attachment")
		if a.head.Get("Content-Type") != c.want || saved != c.saved {
			t.Errorf("%s: %s, %q", c.name, a.head.Get("Content-Type"), a.head.Get("Content-Disposition"))
		}
	}
	object := b.put(picture(1, 1), "image/png")
	for name, want := range map[string]string{
		"a.png": "attachment; filename=a.png", "../../etc/passwd": "attachment; filename=passwd", "": "attachment",
		"报告.pdf": "attachment; filename*=utf-8''%E6%8A%A5%E5%91%8A.pdf", "a\r\nX: y": `attachment; filename="aX: y"`,
	} {
		a := b.do("GET", "/nos/"+object+"?download="+url.QueryEscape(name), nil, nil)
		if got := a.head.Get("Content-Disposition"); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestPictures(t *testing.T) {
	b := newBed(t)
	object := b.put(picture(400, 200), "image/png")
	if a := b.do("GET", "/nos/"+object+"?imageInfo", nil, nil); a.status != 200 || a.json(t)["Width"] != 400.0 || a.json(t)["Height"] != 200.0 || a.json(t)["Type"] != "png" {
		t.Errorf("imageInfo: %d %s", a.status, a.body)
	}
	size := func(query string) (string, string) {
		t.Helper()
		a := b.do("GET", "/nos/"+object+"?"+query, nil, nil)
		c, _, err := image.DecodeConfig(strings.NewReader(a.body))
		if a.status != 200 || err != nil {
			t.Fatalf("%s: %d %v", query, a.status, err)
		}
		return fmt.Sprintf("%dx%d", c.Width, c.Height), a.head.Get("ETag")
	}
	for query, want := range map[string]string{
		"imageView&thumbnail=100x100": "100x50", "imageView&thumbnail=100y100": "100x100", "imageView=&thumbnail=100z100": "200x100",
		"imageView|thumbnail=0x50": "100x50", "imageView&thumbnail=99999x1": "400x200", "imageView&thumbnail=ax": "400x200",
		"imageView&crop=10_10_100_50": "100x50", "imageView&crop=10_10_100_50&thumbnail=50x50": "50x25", "imageView&crop=x": "400x200",
		"imageView&thumbnail=40y40&axis=0_10": "40x40", "imageView&thumbnail=40y40&axis=0-10_0-10": "40x40", "imageView&pixel=200": "20x10",
		"imageView&rotate=90": "200x400", "imageView&rotate=45&thumbnail=10x10": "400x200", "imageView&blur=5x3&thumbnail=20x20": "20x10",
		"imageView&tostatic=1&stripmeta=1&interlace=1&thumbnail=10x10": "10x5", "imageView&enlarge=1&thumbnail=800x800": "800x400",
		"imageView&type=jpg&quality=10&thumbnail=10x10": "10x5", "imageView": "400x200", "createTime=1&imageView&thumbnail=10x10": "10x5",
	} {
		if got, _ := size(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	_, one := size("imageView&thumbnail=100x100")
	_, other := size("imageView&thumbnail=50x50")
	if one == other {
		t.Error("two thumbnails share an ETag")
	}
	if a := b.do("GET", "/nos/"+object+"?imageView&thumbnail=50x50", map[string]string{"If-None-Match": other}, nil); a.status != 304 {
		t.Errorf("a known thumbnail: %d", a.status)
	}
	text := b.put("text", "text/plain")
	for query, want := range map[string]int{"imageInfo": 404, "vinfo": 404, "vframe&offset=1": 415, "audioTrans&type=mp3": 415, "imageView&thumbnail=1x1": 200} {
		if a := b.do("GET", "/nos/"+text+"?"+query, nil, nil); a.status != want {
			t.Errorf("%s of a text: %d", query, a.status)
		}
	}
}

// cinema stands for ffmpeg.
type cinema struct{ asked []int64 }

func (c *cinema) Probe(context.Context, io.ReadSeeker) (file.Film, error) {
	return file.Film{Video: true, Width: 64, Height: 48, DurationMs: 2000, VideoCodec: "h264", Container: "mov"}, nil
}

func (c *cinema) Frame(_ context.Context, r io.ReadSeeker, atMs int64) ([]byte, error) {
	if c.asked = append(c.asked, atMs); atMs > 2000 {
		return nil, file.ErrNoMedia
	}
	return []byte(picture(64, 48)), nil
}

func TestFrames(t *testing.T) {
	b := newBed(t)
	films := &cinema{}
	cache, err := thumb.OpenCache(b.thumbs, 1<<20, b.clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}, Films: films, Cache: cache}))
	defer srv.Close()
	b.url = srv.URL
	film := b.put("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42"+strings.Repeat("\x00", 100), "video/mp4")
	text := b.put("text", "text/plain")
	for _, c := range []struct {
		name, object, query string
		status              int
		kind, size          string
	}{
		{"first frame", film, "vframe&offset=0", 200, "image/jpeg", "64x48"},
		{"no offset", film, "vframe", 200, "image/jpeg", "64x48"},
		{"smaller, png", film, "vframe&offset=1&resize=32x32&type=png", 200, "image/png", "32x24"},
		{"half a second", film, "vframe&offset=0.5&type=jpg", 200, "image/jpeg", "64x48"},
		{"beyond the end", film, "vframe&offset=9", 415, "", ""},
		{"no number", film, "vframe&offset=x", 400, "", ""},
		{"not a number", film, "vframe&offset=NaN", 400, "", ""},
		{"before the beginning", film, "vframe&offset=-1", 400, "", ""},
		{"for ever", film, "vframe&offset=1e300", 400, "", ""},
		{"no box", film, "vframe&resize=1", 400, "", ""},
		{"of a text", text, "vframe&offset=0", 415, "", ""},
	} {
		a := b.do("GET", "/nos/"+c.object+"?"+c.query, nil, nil)
		conf, _, _ := image.DecodeConfig(strings.NewReader(a.body))
		if a.status != c.status || a.status == 200 && (a.head.Get("Content-Type") != c.kind || fmt.Sprintf("%dx%d", conf.Width, conf.Height) != c.size) {
			t.Errorf("%s: %d %s %+v", c.name, a.status, a.head.Get("Content-Type"), conf)
		}
	}
	n := len(films.asked)
	if a := b.do("GET", "/nos/"+film+"?vframe&offset=1&resize=32x32&type=png", nil, nil); a.status != 200 || len(films.asked) != n {
		t.Errorf("made again: %d, %d runs", a.status, len(films.asked)-n)
	}
	n = len(films.asked)
	if a := b.do("GET", "/nos/"+film+"?vframe&offset=9", nil, nil); a.status != 415 || len(films.asked) != n {
		t.Errorf("what has just failed is tried again: %d, %d runs", a.status, len(films.asked)-n)
	}
	if a := b.do("GET", "/nos/"+film+"?vinfo", nil, nil); a.status != 200 || !strings.Contains(a.body, `"VideoCodec":"h264"`) {
		t.Errorf("vinfo: %d %s", a.status, a.body)
	}
	if a := b.do("GET", "/nos/"+text+"?vinfo", nil, nil); a.status != 404 {
		t.Errorf("vinfo of a text: %d %s", a.status, a.body)
	}
}

// A thumbnail is made once, kept on the disk, and goes with its file.
func TestThumbnailsAreKept(t *testing.T) {
	b := newBed(t)
	g := b.grant(file.Ask{ExpireSec: 86400})
	if a := b.form("image/png", "x-nos-token="+g.Token, "@file="+picture(400, 200)); a.status != 200 {
		t.Fatal(a.body)
	}
	kept := func() []string {
		list, err := filepath.Glob(filepath.Join(b.thumbs, "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	get := func() answer { return b.do("GET", "/nos/"+g.Object+"?imageView&thumbnail=20x20", nil, nil) }
	first := get()
	if len(kept()) != 1 {
		t.Fatalf("kept: %v", kept())
	}
	// What is on the disk is what is given.
	mark := bytes.Repeat([]byte("x"), len(first.body))
	if err := os.WriteFile(kept()[0], mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := get(); a.body != string(mark) || a.head.Get("ETag") != first.head.Get("ETag") || a.head.Get("Content-Type") != "image/png" {
		t.Errorf("made again: %v", a.head)
	}
	b.clock.Advance(25 * time.Hour)
	if err := b.files.Clean(t.Context()); err != nil || len(kept()) != 0 {
		t.Errorf("after the file's end: %v, %v", kept(), err)
	}
}

func TestDownloadTokens(t *testing.T) {
	b := newBed(t, "download_auth", "true", "download_token_ttl", "60")
	object, second := b.put("secret", "text/plain"), b.put("other", "text/plain")
	all, _ := b.files.DownloadToken(b.app, "alice")
	one, _, err := b.files.URLTokens(b.app, "alice", []string{"https://x/nos/" + object + "?a=b"})
	if err != nil {
		t.Fatal(err)
	}
	two, _ := b.apps.Get("two")
	foreign, _ := b.files.DownloadToken(two, "alice")
	theirs, _, err := b.files.URLTokens(two, "alice", []string{"https://x/nos/" + object})
	if err != nil {
		t.Fatal(err)
	}
	g := b.grant(file.Ask{})
	own := file.Ask{Accid: "alice"}
	open, err := b.files.Grant(two, own)
	if err != nil {
		t.Fatal(err)
	}
	if a := b.form("text/plain", "x-nos-token="+open.Token, "@file=open"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	get := func(object, token, key, uid string) int {
		q := url.Values{"nim-mixstore-ctoken": {token}, "appKey": {key}, "uid": {uid}}
		return b.do("GET", "/nos/"+object+"?"+q.Encode(), nil, nil).status
	}
	for name, c := range map[string]struct {
		object, token, key, uid string
		want                    int
	}{
		"all":           {object, all, "one", "alice", 200},
		"doubled name":  {object, "nim-mixstore-ctoken=" + all, "one", "alice", 200},
		"one":           {object, one[0], "one", "alice", 200},
		"one, other":    {second, one[0], "one", "alice", 403},
		"none":          {object, "", "one", "alice", 403},
		"changed":       {object, all + "A", "one", "alice", 403},
		"other account": {object, all, "one", "bob", 403},
		"other app key": {object, all, "two", "alice", 403},
		"foreign":       {object, foreign, "two", "alice", 403},
		"upload token":  {object, g.Token, "one", "alice", 403},

		"foreign, with the key of the file's app": {object, foreign, "one", "alice", 403},
		"foreign, for this very URL":              {object, theirs[0], "two", "alice", 403},
		"the same with our key":                   {object, theirs[0], "one", "alice", 403},
		"no account":                              {object, all, "one", "", 403},
		"no app key":                              {object, all, "", "alice", 403},
		"one, doubled name":                       {object, "nim-mixstore-ctoken=" + one[0], "one", "alice", 200},
		"one, other account":                      {object, one[0], "one", "bob", 403},
		"doubled twice":                           {object, "nim-mixstore-ctoken=nim-mixstore-ctoken=" + all, "one", "alice", 403},
		"account in capitals":                     {object, all, "one", "ALICE", 200},
		"a file of an app without protection":     {open.Object, "", "", "", 200},
		"the same with a foreign token":           {open.Object, all, "one", "alice", 200},
	} {
		if got := get(c.object, c.token, c.key, c.uid); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
	// The query as the original's page writes it, with the name twice and nothing escaped.
	for _, value := range []string{"nim-mixstore-ctoken=" + all, all} {
		if a := b.do("GET", "/"+object+"?nim-mixstore-ctoken="+value+"&appKey=one&uid=alice", nil, nil); a.status != 200 || a.body != "secret" {
			t.Errorf("%s: %d", value, a.status)
		}
	}
	for _, query := range []string{"", "?imageInfo", "?vinfo", "?imageView&thumbnail=1x1", "?vframe&offset=0", "?audioTrans&type=mp3", "?download=x", "?token=undefined"} {
		for _, method := range []string{"GET", "HEAD"} {
			if a := b.do(method, "/nos/"+object+query, nil, nil); a.status != 403 {
				t.Errorf("%s %s without a token: %d", method, query, a.status)
			}
		}
	}
	if a := b.do("GET", "/nos/"+open.Object+"?token=undefined", nil, nil); a.status != 200 {
		t.Errorf("the parameter of 10.8.1 without protection: %d", a.status)
	}
	b.clock.Advance(2 * time.Minute)
	if got := get(object, all, "one", "alice"); got != 403 {
		t.Errorf("after its time: %d", got)
	}
}

// What a killed process leaves is found; what is in use stays.
func TestCleanAndSweep(t *testing.T) {
	b := newBed(t)
	ctx := context.Background()
	keep := b.put("stays", "text/plain")
	g := b.grant(file.Ask{ExpireSec: 1})
	if a := b.form("text/plain", "x-nos-token="+g.Token, "@file=for a day"); a.status != 200 {
		t.Fatal(a.body)
	}
	unfinished := b.grant(file.Ask{})
	if a := b.chunk(unfinished, 0, false, "", strings.Repeat("x", 70000)); a.status != 200 {
		t.Fatal(a.body)
	}
	blobs, err := blobstore.Open(ctx, "", b.dir)
	if err != nil {
		t.Fatal(err)
	}
	random := strings.Repeat("ab", 16)
	for _, key := range []string{"one/ab/" + random + "-0123456789abcdef", "one/ab/fileblob123456", "notours"} {
		if _, err := blobs.Put(ctx, key, strings.NewReader("orphan")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.files.Sweep(ctx); err != nil || b.blobs() != 6 {
		t.Errorf("young blobs were swept: %d left, %v", b.blobs(), err)
	}
	b.clock.Advance(2 * time.Hour)
	if err := b.files.Sweep(ctx); err != nil || b.blobs() != 4 {
		t.Errorf("%d blobs after the sweep, %v", b.blobs(), err)
	}
	b.clock.Advance(25 * time.Hour)
	if a := b.do("GET", "/nos/"+g.Object, nil, nil); a.status != 404 {
		t.Errorf("an expired file: %d", a.status)
	}
	if err := b.files.Clean(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := b.store.FileUsage(ctx, "one", "alice"); err != nil || n != 5 || b.blobs() != 2 {
		t.Errorf("%d bytes counted, %d blobs, %v", n, b.blobs(), err)
	}
	if a := b.do("GET", "/nos/"+keep, nil, nil); a.body != "stays" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// A client that takes nothing does not keep the process from ending.
func TestClose(t *testing.T) {
	b := newBed(t)
	object := b.put(strings.Repeat("x", 20<<20), "text/plain")
	res, err := http.Get(b.url + "/nos/" + object)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pr, pw := io.Pipe()
	defer pw.Close()
	g := b.grant(file.Ask{})
	r, _ := http.NewRequestWithContext(t.Context(), "POST", b.url+"/nos/"+g.Object+"?offset=0&complete=true", pr)
	r.Header.Set("x-nos-token", g.Token)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
		}
	}()
	_, _ = pw.Write([]byte("some"))
	began := time.Now()
	b.handler.Close()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	pw.Close()
	<-answered
	if a := b.do("GET", "/nos/"+object, nil, nil); a.status != 503 {
		t.Errorf("afterwards: %d", a.status)
	}
	if n := b.blobs(); n != 1 {
		t.Errorf("%d blobs", n)
	}
}

// FuzzRequest: no path, query or token breaks the handler.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/nos/x?imageView&thumbnail=1x1", "UPLOAD hongyan:a:b")
	f.Add("POST", "/nos/one.0123456789abcdef0123456789abcdef?offset=-1&complete=true", "")
	h := filegw.New(filegw.Config{Files: file.New(file.Config{Apps: app.New(nil, time.Now), Clock: time.Now, Key: []byte("k")}), Media: thumb.Studio{}})
	f.Fuzz(func(t *testing.T, method, target, token string) {
		u, err := url.Parse(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{"X-Nos-Token": {token}}, Body: io.NopCloser(strings.NewReader("x"))}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s: %d", method, target, w.Code)
		}
	})
}
