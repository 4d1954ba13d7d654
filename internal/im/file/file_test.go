package file

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

func service(now time.Time) *Service {
	return New(Config{Clock: func() time.Time { return now }, Key: []byte("key"), Host: "h/nos"})
}

func testApp(t testing.TB, overrides map[string]string) *app.App {
	t.Helper()
	set, err := app.ParseSettings(overrides)
	if err != nil {
		t.Fatal(err)
	}
	return &app.App{Key: "app-1", Settings: set}
}

func TestGrant(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := service(now)
	a := testApp(t, map[string]string{"file_scenes": "avatar=864000, tmp=86400", "file_max": "3"})
	for _, c := range []struct {
		name string
		ask  Ask
		life int64
		err  error
	}{
		{"no scene", Ask{}, 0, nil},
		{"scene with a life", Ask{Scene: "avatar"}, 864000, nil},
		{"own life wins", Ask{Scene: "avatar", ExpireSec: 90000}, 90000, nil},
		{"too short a life", Ask{ExpireSec: 5}, MinExpireSec, nil},
		{"negative life", Ask{ExpireSec: -5}, 0, nil},
		{"endless life", Ask{ExpireSec: 1 << 62}, 0, nil},
		{"scene of 32", Ask{Scene: strings.Repeat("界", 32)}, 0, nil},
		{"scene too long", Ask{Scene: strings.Repeat("s", 33)}, 0, im.Errorf(im.CodeBadParam, "")},
		{"template too long", Ask{ReturnBody: strings.Repeat("x", 2049)}, 0, im.Errorf(im.CodeBadParam, "")},
		{"scene with NUL", Ask{Scene: "a\x00"}, 0, im.Errorf(im.CodeBadParam, "")},
	} {
		g, err := s.Grant(a, c.ask)
		if im.CodeOf(err) != im.CodeOf(c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		p, err := s.Verify(g.Token)
		if err != nil || p.ExpireSec != c.life || p.Object != g.Object || p.App != "app-1" || p.MaxSize != 3<<20 || p.Expires != now.Unix()+TokenLifeSec {
			t.Errorf("%s: %+v, %v", c.name, p, err)
		}
		if AppOf(g.Object) != "app-1" || strings.ContainsAny(g.Object, "/%") {
			t.Errorf("%s: object %s", c.name, g.Object)
		}
	}
	g, _ := s.Grant(a, Ask{ReturnBody: `{\"md5\":\"$(Etag)\"}`})
	if p, err := s.Verify(" " + g.Token + " "); err != nil || p.ReturnBody != `{"md5":"$(Etag)"}` {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := service(now)
	g, _ := s.Grant(testApp(t, nil), Ask{Accid: "alice"})
	head, body := g.Token[:strings.LastIndexByte(g.Token, ':')+1], g.Token[strings.LastIndexByte(g.Token, ':')+1:]
	raw, _ := base64.RawURLEncoding.DecodeString(body)
	other := base64.RawURLEncoding.EncodeToString(bytes.Replace(raw, []byte("alice"), []byte("mallo"), 1))
	strange := service(now)
	strange.key = []byte("another key")
	foreign, _ := strange.Grant(testApp(t, nil), Ask{})
	download, _ := s.DownloadToken(testApp(t, nil), "alice")
	dbody, dmac, _ := strings.Cut(download, ".")
	for name, token := range map[string]string{
		"empty": "", "prefix": tokenPrefix, "colons": tokenPrefix + ":::", "changed": head + other, "cut": g.Token[:len(g.Token)-1], "longer": g.Token + "A",
		"other key": foreign.Token, "no base64": head + "!!", "download token": tokenPrefix + dmac + ":" + dbody, "huge": strings.Repeat("x", 1<<20),
		"lower case": strings.ToLower(g.Token),
	} {
		if _, err := s.Verify(token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	late := service(now.Add(25 * time.Hour))
	if _, err := late.Verify(g.Token); !errors.Is(err, ErrToken) {
		t.Errorf("expired: %v", err)
	}
}

func TestNames(t *testing.T) {
	hex := strings.Repeat("0f", 16)
	for name, want := range map[string]string{
		"a." + hex: "a", "A_b-9." + hex: "A_b-9", "." + hex: "", hex: "", "a." + hex[1:]: "", "a." + hex + "0": "", "a." + strings.ToUpper(hex): "",
		"a/b." + hex: "", "..." + hex: "", "a." + hex + "/..": "", strings.Repeat("k", 65) + "." + hex: "", "é." + hex: "", "": "",
	} {
		if got := AppOf(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	o := newObject("app-1")
	if a, back := objectOf(newBlob(o)); a != "app-1" || back != o {
		t.Errorf("%s becomes %s of %s", o, back, a)
	}
	for _, b := range []string{"", "x", "a/b", "a/b/c", "a/b/c-d", "a/b/c/d", "a/00/" + hex, "/00/" + hex + "-0"} {
		if a, o := objectOf(b); a != "" || o != "" {
			t.Errorf("%q: %q %q", b, a, o)
		}
	}
}

func TestFillReturnBody(t *testing.T) {
	f := &File{MD5: "m", Size: 12, Type: `a"b`, Object: "o"}
	for _, c := range []struct{ template, want string }{
		{`{"md5":"$(Etag)","size":$(ObjectSize)}`, `{"md5":"m","size":12}`},
		{`{"t":"$(MimeType)"}`, `{"t":"a\"b"}`},
		{`{"x":"$(No.Such)","w":"$(ImageInfo.Width)","o":"$(ImageInfo.Orientation)"}`, `{"x":"","w":"5","o":""}`},
		{`{"d":"$(AVinfo.Audio.Duration)","v":"$(AVinfo.Video.Width)"}`, `{"d":"1500","v":""}`},
		{``, `{"md5":"m","size":"12"}`},
		{`not JSON $(Etag)`, `{"md5":"m","size":"12"}`},
		{`[1]`, `{"md5":"m","size":"12"}`},
		{`null`, `{"md5":"m","size":"12"}`},
		{`{"a":"$(Etag"}`, `{"md5":"m","size":"12"}`},
		{`{"a":"$($(Etag))"}`, `{"a":")"}`},
	} {
		if got := FillReturnBody(c.template, f, &Picture{Width: 5, Height: 6}, &Film{Audio: true, DurationMs: 1500}); got != c.want {
			t.Errorf("%s: %s, want %s", c.template, got, c.want)
		}
	}
}

func TestMediaType(t *testing.T) {
	for _, c := range []struct{ seen, said, want string }{
		{"image/png", "text/html", "image/png"}, {"text/html", "image/png", "text/html"}, {"text/plain", "text/csv; charset=x", "text/csv"},
		{"text/plain", "image/png", "text/plain"}, {"application/octet-stream", "application/x-thing", "application/x-thing"},
		{"application/octet-stream", "image/png", "application/octet-stream"}, {"application/octet-stream", "bad type", "application/octet-stream"},
		{"", "", "application/octet-stream"}, {"application/octet-stream", "application/x\r\ny", "application/octet-stream"},
	} {
		s := New(Config{Sniff: func([]byte) string { return c.seen }})
		if got := s.mediaType(nil, c.said); got != c.want {
			t.Errorf("%s said to be %q: %s, want %s", c.seen, c.said, got, c.want)
		}
	}
}

func TestFridayOfNextWeek(t *testing.T) {
	for day := 16; day <= 22; day++ { // Monday to Sunday
		got := fridayOfNextWeek(time.Date(2026, 11, day, 12, 0, 0, 0, serverZone()))
		if got.Format(time.DateOnly) != "2026-11-27" || got.Weekday() != time.Friday {
			t.Errorf("from the %dth: %v", day, got)
		}
	}
}

// memory keeps blobs; full says that nothing more fits.
type memory struct {
	blobs map[string]string
	full  bool
}

func (m *memory) Put(_ context.Context, key string, r io.Reader) (int64, error) {
	b, err := io.ReadAll(r)
	if err == nil && m.full {
		err = fmt.Errorf("%w: of this test", ErrDiskFull)
	}
	if err == nil {
		m.blobs[key] = string(b)
	}
	return int64(len(b)), err
}

func (m *memory) Open(_ context.Context, key string, offset, _ int64) (io.ReadCloser, error) {
	b, ok := m.blobs[key]
	if !ok {
		return nil, ErrNoBlob
	}
	return io.NopCloser(strings.NewReader(b[offset:])), nil
}

func (m *memory) Delete(_ context.Context, key string) error { delete(m.blobs, key); return nil }

func (m *memory) Walk(context.Context, func(string, time.Time) error) error { return nil }

func TestReader(t *testing.T) {
	m := &memory{blobs: map[string]string{"a": "0123", "b": "4", "c": "56789", "short": "56"}}
	s := New(Config{Blobs: m})
	f := &File{Size: 10, Parts: []Part{{Start: 0, Size: 4, Blob: "a"}, {Start: 4, Size: 1, Blob: "b"}, {Start: 5, Size: 5, Blob: "c"}}}
	for from := range int64(11) {
		r := s.Open(t.Context(), f)
		if _, err := r.Seek(from-10, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != "0123456789"[from:] {
			t.Errorf("from %d: %q, %v", from, b, err)
		}
		for _, piece := range []int64{1, 3, 100} {
			if _, err := r.Seek(from, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			var sent bytes.Buffer
			for err = nil; err == nil; {
				_, err = r.Send(&sent, piece)
			}
			if !errors.Is(err, io.EOF) || sent.String() != "0123456789"[from:] {
				t.Errorf("sent from %d in pieces of %d: %q, %v", from, piece, sent.String(), err)
			}
		}
		if _, err := r.Seek(-1, io.SeekStart); err == nil {
			t.Error("a seek before the beginning")
		}
		r.Close()
	}
	f.Parts[2].Blob = "short"
	if b, err := io.ReadAll(s.Open(t.Context(), f)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a blob that lost its end: %q, %v", b, err)
	}
	f.Parts[2].Blob = "gone"
	if _, err := io.ReadAll(s.Open(t.Context(), f)); !errors.Is(err, ErrNoBlob) {
		t.Errorf("a blob that is gone: %v", err)
	}
}

// rows is a Store of one process, for what a real one cannot be brought to.
type rows struct {
	Store
	files map[string]*File
}

func (r *rows) File(_ context.Context, _, object string) (*File, error) {
	if f := r.files[object]; f != nil {
		return f, nil
	}
	return nil, ErrUnknown
}

func (r *rows) ChangeFile(_ context.Context, _, object string, _ Quota, change func(*File) (*File, error)) error {
	f, err := change(r.files[object])
	if err == nil {
		r.files[object] = f
	}
	return err
}

type appRows struct{ a *app.App }

func (a appRows) Apps(context.Context) ([]*app.App, error) { return []*app.App{a.a}, nil }
func (a appRows) PutApp(context.Context, *app.App) error   { return nil }

func TestFullStore(t *testing.T) {
	a := testApp(t, nil)
	apps := app.New(appRows{a}, time.Now)
	if err := apps.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, r := &memory{blobs: map[string]string{}, full: true}, &rows{files: map[string]*File{}}
	s := New(Config{Store: r, Blobs: m, Apps: apps, Clock: time.Now, Key: []byte("k")})
	g, _ := s.Grant(a, Ask{})
	p, _ := s.Verify(g.Token)
	body := func() Source { return Source{Body: strings.NewReader("x"), Size: 1} }
	if _, err := s.PutWhole(t.Context(), p, body()); !errors.Is(err, ErrFull) {
		t.Errorf("form: %v", err)
	}
	if _, err := s.PutChunk(t.Context(), p, Chunk{Source: body(), Last: true}); !errors.Is(err, ErrFull) {
		t.Errorf("chunk: %v", err)
	}
	if len(r.files) != 0 || len(s.busy) != 0 || len(s.owners) != 0 {
		t.Errorf("%d rows, %d turns, %d owners left", len(r.files), len(s.busy), len(s.owners))
	}
	m.full = false
	if _, err := s.PutWhole(t.Context(), p, Source{Body: io.MultiReader(strings.NewReader("half"), broken{}), Size: -1}); !errors.Is(err, ErrBroken) {
		t.Errorf("broken body: %v", err)
	}
	if len(m.blobs) != 0 {
		t.Errorf("%d blobs left", len(m.blobs))
	}
	if _, err := s.PutWhole(t.Context(), p, body()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	gone := testApp(t, nil)
	gone.Disabled = true
	*a = *gone
	if _, err := s.PutWhole(t.Context(), p, body()); im.CodeOf(err) != im.CodeForbidden {
		t.Errorf("disabled app: %v", err)
	}
}

func TestUploadsOfOneAccount(t *testing.T) {
	s := service(time.Now())
	var ends []func()
	for i := range maxPerOwner {
		end, err := s.take(t.Context(), &Policy{App: "a", Uploader: "alice", Object: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	if _, err := s.take(t.Context(), &Policy{App: "a", Uploader: "alice", Object: "x"}); im.CodeOf(err) != im.CodeTooFrequent {
		t.Errorf("one too many: %v", err)
	}
	for _, app := range []string{"b", "a"} {
		end, err := s.take(t.Context(), &Policy{App: app, Uploader: map[string]string{"a": "bob", "b": "alice"}[app], Object: "y"})
		if err != nil {
			t.Fatalf("somebody else: %v", err)
		}
		end()
	}
	for _, end := range ends {
		end()
	}
	if len(s.busy) != 0 || len(s.owners) != 0 {
		t.Errorf("%d turns, %d owners left", len(s.busy), len(s.owners))
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func FuzzVerify(f *testing.F) {
	s := service(time.Unix(1_800_000_000, 0))
	token := s.sign(&Policy{Object: "a." + strings.Repeat("0", 32), Expires: 1_900_000_000, App: "a"})
	f.Add(token)
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := s.Verify(text); err == nil && strings.TrimSpace(text) != token {
			t.Errorf("%q is good for %+v", text, p)
		}
		_ = s.CheckDownload(&File{}, text, "", "")
	})
}

func FuzzFillReturnBody(f *testing.F) {
	f.Add(`{"md5":"$(Etag)"}`)
	f.Fuzz(func(t *testing.T, template string) {
		var m map[string]any
		if out := FillReturnBody(template, &File{MD5: "m"}, nil, nil); json.Unmarshal([]byte(out), &m) != nil {
			t.Errorf("%q: %s", template, out)
		}
	})
}

func TestOriginURL(t *testing.T) {
	a := testApp(t, nil)
	a.Overrides = map[string]string{"cdn_domain": "cdn.example.com/x"}
	apps := app.New(appRows{a}, time.Now)
	if err := apps.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	object := a.Key + "." + strings.Repeat("ab", 16)
	r := &rows{files: map[string]*File{object: {App: a.Key, Object: object, Done: true}}}
	s := New(Config{Store: r, Apps: apps, Clock: time.Now, Key: []byte("k"), Host: "im.example.com/nos"})
	if got := s.Link(a, object); got != "https://cdn.example.com/x/"+object {
		t.Errorf("link %s", got)
	}
	origin, unknown := "https://im.example.com/nos/"+object, "https://x/app-1."+strings.Repeat("00", 16)
	for _, c := range []struct {
		name, url, want string
		app             *app.App
	}{
		{"short", "https://s.example.com/" + object + "?_im_url=1", origin, a},
		{"of a CDN", s.Link(a, object), origin, a},
		{"asked by another app", s.Link(a, object), s.Link(a, object), &app.App{Key: "two"}},
		{"not there", unknown, unknown, a},
		{"something else", "https://x/y?_im_url=1", "https://x/y?_im_url=1", a},
		{"empty", "", "", a},
	} {
		if got := s.OriginURL(t.Context(), c.app, c.url); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
