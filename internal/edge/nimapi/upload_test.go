package nimapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/nimapi"
	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/blobstore"
	"hongyan/internal/infra/thumb"
)

// withFiles gives the node's API a file service on a directory.
func withFiles(t *testing.T, n *node) *file.Service {
	t.Helper()
	return withFilesIn(t, n, t.TempDir())
}

// withFilesIn is withFiles on a directory of the caller's.
func withFilesIn(t *testing.T, n *node, dir string) *file.Service {
	t.Helper()
	blobs, err := blobstore.Open(t.Context(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	clock := im.Clock(func() time.Time { return time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond) })
	files := file.New(file.Config{Store: n.store, Blobs: blobs, Apps: n.apps, Accounts: n.accounts, Clock: clock,
		Key: hytest.Keys(t).FileKey(), Sniff: thumb.Sniff, Host: "im.example.com:7443/nos"})
	n.config.Files, n.config.Metrics = files, nil
	n.api = nimapi.New(n.config)
	return files
}

// stored returns what the URL of an answer leads to.
func stored(t *testing.T, files *file.Service, answer string) (*file.File, string) {
	t.Helper()
	var a struct {
		Code int
		URL  string
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Code != 200 {
		t.Fatalf("%s (%v)", answer, err)
	}
	object, ok := strings.CutPrefix(a.URL, "https://im.example.com:7443/nos/")
	if !ok {
		t.Fatalf("url %s", a.URL)
	}
	_, f, err := files.Find(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	r := files.Open(t.Context(), f)
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return f, string(b)
}

func TestUpload(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	odd := "\xfb\xff\xfe?>~" // its base64 holds + and /
	std := base64.StdEncoding.EncodeToString([]byte(odd))
	for _, c := range []struct{ name, body, want string }{
		{"padded", "content=" + url.QueryEscape("aGVsbG8="), "hello"},
		{"without padding", "content=aGVsbG8", "hello"},
		{"a letter too many", "content=aGVsb", "hel"},
		{"line breaks", "content=aGVs%0D%0AbG8%3D%0A", "hello"},
		{"plus not encoded", "content=" + std, odd},
		{"URL alphabet", "content=" + base64.RawURLEncoding.EncodeToString([]byte(odd)), odd},
		{"parameters after it", "content=aGVsbG8%3D&tag=s&expireSec=86400&type=text%2Fcsv", "hello"},
		{"parameters in the query", "content=aGVsbG8%3D", "hello"},
		{"name in capitals", "Content=aGVsbG8%3D", "hello"},
		{"type too long", "type=" + strings.Repeat("x", 129) + "&content=aGVsbG8%3D", "hello"},
		{"large", "content=" + url.QueryEscape(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0123456789abcdef"), 100_000))), strings.Repeat("0123456789abcdef", 100_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := n.send("POST", "/nimserver/msg/upload.action", c.body, n.header(nil))
			f, got := stored(t, files, w.Body.String())
			if got != c.want {
				t.Errorf("stored %.100q, want %.100q", got, c.want)
			}
			if c.name == "parameters after it" && (f.Scene != "s" || f.ExpiresMs-f.CreatedMs != 86400_000 || f.Type != "text/csv") {
				t.Errorf("%+v", f)
			}
		})
	}
	for _, c := range []struct{ name, body, want string }{
		{"missing", "type=x", `{"code":414,"desc":"content is empty"}`},
		{"empty", "content=", `{"code":414,"desc":"content is empty"}`},
		{"one letter is no byte", "content=a", `{"code":414,"desc":"content is empty"}`},
		{"no base64", "content=%00%01", `{"code":414,"desc":"content is not base64"}`},
		{"more after the padding", "content=aGVsbG8%3DaGVs", `{"code":414,"desc":"content is not base64"}`},
		{"broken escape", "content=aGV%4", `{"code":414,"desc":"malformed form"}`},
		{"expireSec", "content=aGVsbG8%3D&expireSec=86399", `{"code":414,"desc":"expireSec must be at least 86400"}`},
		{"too large", "content=" + strings.Repeat("AAAA", 5<<20+1), `{"code":414,"desc":"file too large"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.want(n.send("POST", "/nimserver/msg/upload.action", c.body, n.header(nil)).Body.String(), c.want)
		})
	}
	if w := n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D&tag="+strings.Repeat("t", 33), n.header(nil)); !strings.HasPrefix(w.Body.String(), `{"code":414`) {
		t.Errorf("long tag: %s", w.Body)
	}
	if w := n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D", n.header(map[string]string{"CheckSum": "x"})); !strings.HasPrefix(w.Body.String(), `{"code":414`) {
		t.Errorf("unsigned: %s", w.Body)
	}
}

func TestFileUpload(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	form := func(asFile bool) (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if asFile {
			p, _ := w.CreateFormFile("content", "a.txt")
			_, _ = p.Write([]byte("raw bytes"))
		} else {
			_ = w.WriteField("content", "raw bytes")
		}
		_ = w.WriteField("tag", "scene")
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	for name, asFile := range map[string]bool{"file part": true, "field": false} {
		body, kind := form(asFile)
		f, got := stored(t, files, n.send("POST", "/nimserver/msg/fileUpload.action", body, n.header(map[string]string{"Content-Type": kind})).Body.String())
		if got != "raw bytes" || f.Scene != "scene" || f.Owner != "" || f.App != appKey {
			t.Errorf("%s: %q %+v", name, got, f)
		}
	}
	// What the documented sample sends: a header without boundary, a plain form.
	_, got := stored(t, files, n.send("POST", "/nimserver/msg/fileUpload.action", "tag=x&content=a+b%2B", n.header(map[string]string{"Content-Type": "multipart/form-data"})).Body.String())
	if got != "a b+" {
		t.Errorf("plain form: %q", got)
	}
	body, kind := form(true)
	boundary := strings.LastIndex(body, "\r\n--")
	for name, cut := range map[string]int{"in the file": strings.Index(body, " bytes"), "before a boundary": strings.Index(body, "\r\n--"),
		"before the last boundary": boundary, "in its line's end": boundary + 1, "before the last hyphens": len(body) - 4, "between them": len(body) - 3} {
		w := n.send("POST", "/nimserver/msg/fileUpload.action", body[:cut], n.header(map[string]string{"Content-Type": kind}))
		if w.Body.String() != `{"code":408,"desc":"request body incomplete"}` {
			t.Errorf("cut %s: %s", name, w.Body)
		}
	}
}

// TestFileUploadRefused: what fileUpload refuses, as a form and as parts.
func TestFileUploadRefused(t *testing.T) {
	n := newNode(t)
	withFiles(t, n)
	parts := func(fields ...string) (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i < len(fields); i += 2 {
			_ = w.WriteField(fields[i], fields[i+1])
		}
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	long := strings.Repeat("t", 33)
	for _, c := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"content missing", []string{"tag", "x"}, `{"code":414,"desc":"content is empty"}`},
		{"content empty", []string{"content", ""}, `{"code":414,"desc":"content is empty"}`},
		{"expireSec too small", []string{"content", "x", "expireSec", "86399"}, `{"code":414,"desc":"expireSec must be at least 86400"}`},
		{"expireSec no number", []string{"content", "x", "expireSec", "soon"}, `{"code":414,"desc":"expireSec not a number"}`},
		{"tag too long", []string{"content", "x", "tag", long}, `{"code":414,"desc":"tag longer than 32 characters"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.t = t
			body, kind := parts(c.fields...)
			n.want(n.send("POST", "/nimserver/msg/fileUpload.action", body, n.header(map[string]string{"Content-Type": kind})).Body.String(), c.want)
			form := url.Values{}
			for i := 0; i < len(c.fields); i += 2 {
				form.Set(c.fields[i], c.fields[i+1])
			}
			n.want(n.send("POST", "/nimserver/msg/fileUpload.action", form.Encode(), n.header(nil)).Body.String(), c.want)
		})
	}
}

// TestUploadFails: 403 for an app that is switched off, 500 when contents cannot
// be stored, for both calls.
func TestUploadFails(t *testing.T) {
	n := newNode(t)
	dir := filepath.Join(t.TempDir(), "files")
	withFilesIn(t, n, dir)
	both := func(want string) {
		t.Helper()
		for _, path := range []string{"upload", "fileUpload"} {
			if got := n.send("POST", "/nimserver/msg/"+path+".action", "content=aGVsbG8%3D", n.header(nil)).Body.String(); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	both(`{"code":500,"desc":"internal error"}`)
	if !strings.Contains(n.log.String(), "msg/upload.action") {
		t.Error("the failure is not logged")
	}
	if _, err := n.apps.SetDisabled(t.Context(), appKey, true); err != nil {
		t.Fatal(err)
	}
	both(`{"code":403,"desc":"app disabled"}`)
}

func TestUploadQuota(t *testing.T) {
	n := newNode(t)
	withFiles(t, n)
	n.set(map[string]string{"file_app_quota": "1", "file_account_quota": "1"})
	big := "content=" + strings.Repeat("AAAA", 200_000)
	if w := n.send("POST", "/nimserver/msg/upload.action", big, n.header(nil)); !strings.HasPrefix(w.Body.String(), `{"code":200`) {
		t.Fatalf("%s", w.Body)
	}
	n.want(n.send("POST", "/nimserver/msg/upload.action", big, n.header(nil)).Body.String(), `{"code":419,"desc":"storage quota exceeded"}`)
	// The quota of an account is not that of the app's server.
	n.set(map[string]string{"file_app_quota": "10"})
	for range 3 {
		if w := n.send("POST", "/nimserver/msg/upload.action", big, n.header(nil)); !strings.HasPrefix(w.Body.String(), `{"code":200`) {
			t.Fatalf("%s", w.Body)
		}
	}
}

func TestNosDel(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	const day = 86_400_000
	now := time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond).UnixMilli()
	num := func(v int64) string { b, _ := json.Marshal(v); return string(b) }
	ask := func(from, to int64, more ...string) string {
		return n.call("job/nos/del", append([]string{"startTime=" + num(from), "endTime=" + num(to)}, more...)...)
	}
	for name, c := range map[string][2]int64{
		"zero": {0, now - 2*day}, "turned round": {now - 2*day, now - 3*day}, "short": {now - 3*day, now - 3*day + 1000},
	} {
		if got := ask(c[0], c[1]); !strings.HasPrefix(got, `{"code":414`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	n.set(map[string]string{"file_jobs": "now"})
	f, _ := stored(t, files, n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D&tag=old", n.header(nil)).Body.String())
	other, _ := stored(t, files, n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D", n.header(nil)).Body.String())
	n.ahead.Add(3 * day)
	if got := ask(now-day, now+day, "tag=old"); !strings.HasPrefix(got, `{"code":200,"data":{"taskid":"`) {
		t.Fatalf("%s", got)
	}
	if err := files.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := files.Find(t.Context(), f.Object); im.CodeOf(err) != im.CodeNotFound {
		t.Errorf("the file is still there: %v", err)
	}
	if _, _, err := files.Find(t.Context(), other.Object); err != nil {
		t.Errorf("a file of another scene: %v", err)
	}
}

// TestNosDelRules holds the range of times against docs/protocol/storage.md
// section 14.3, the content type as a part, the scene as a whole, and the five
// orders a day.
func TestNosDelRules(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	const day = 86_400_000
	n.set(map[string]string{"file_jobs": "now"})
	put := func(kind, tag string) string {
		t.Helper()
		f, _ := stored(t, files, n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D&type="+kind+"&tag="+tag, n.header(nil)).Body.String())
		return f.Object
	}
	csv, exact, longer := put("text%2Fcsv", "usericon"), put("text%2Fplain", "usericon"), put("text%2Fcsv", "usericons")
	now := time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond)
	n.ahead.Add(9 * day)
	zone := time.FixedZone("", 8*3600)
	y, m, d := now.Add(9 * 24 * time.Hour).In(zone).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, zone).UnixMilli()
	for _, c := range []struct {
		name     string
		from, to int64
		ok       bool
	}{
		{"seven days and a millisecond", today - 1 - 7*day - 1, today - 1, false},
		{"a day less a millisecond", today - 1 - day + 1, today - 1, false},
		{"until today begins", today - day, today, false},
		{"from before time", 0, day, false},
		{"negative", -day, day, false},
		{"seven days, until the end of yesterday", today - 1 - 7*day, today - 1, true},
		{"a day", today - 1 - day, today - 1, true},
	} {
		if _, err := files.Order(t.Context(), testedApp(n), c.from, c.to, "", "none"); (err == nil) != c.ok || err != nil && im.CodeOf(err) != im.CodeBadParam {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	from := now.UnixMilli() - day
	for _, c := range []struct{ kind, tag string }{{"csv", "usericon"}, {"text/plain", "usericon"}} {
		if _, err := files.Order(t.Context(), testedApp(n), from, from+2*day, c.kind, c.tag); err != nil {
			t.Fatal(err)
		}
		if err := files.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		gone := func(object string) bool { _, _, err := files.Find(t.Context(), object); return err != nil }
		if !gone(csv) || gone(exact) != (c.kind == "text/plain") || gone(longer) {
			t.Errorf("%s, %s: gone %v, %v, %v", c.kind, c.tag, gone(csv), gone(exact), gone(longer))
		}
	}
	jobs, err := n.store.FileJobs(t.Context(), appKey, 10)
	if err != nil || len(jobs) != 4 || jobs[0].EndedMs == 0 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	// The fifth order of this day, and one too many; another API remembers, too.
	if _, err := files.Order(t.Context(), testedApp(n), from, from+2*day, "", ""); err != nil {
		t.Fatal(err)
	}
	num := func(v int64) string { b, _ := json.Marshal(v); return string(b) }
	if got := n.call("job/nos/del", "startTime="+num(from), "endTime="+num(from+2*day)); !strings.HasPrefix(got, `{"code":416`) {
		t.Errorf("the sixth: %s", got)
	}
	n.ahead.Add(day)
	if got := n.call("job/nos/del", "startTime="+num(from), "endTime="+num(from+2*day)); !strings.HasPrefix(got, `{"code":200`) {
		t.Errorf("a day later: %s", got)
	}
}

// TestUploadRate: a hundred a second, then a block of ten seconds, for each of
// the two calls alone.
func TestUploadRate(t *testing.T) {
	n := newNode(t)
	withFiles(t, n)
	up := func() string {
		return n.send("POST", "/nimserver/msg/upload.action", "content=", n.header(nil)).Body.String()[:11]
	}
	allowed := 0
	for ; allowed < 10_000 && up() == `{"code":414`; allowed++ { // a slow machine gets into the next second
	}
	if got := up(); allowed < 100 || got != `{"code":416` {
		t.Errorf("after %d calls: %s", allowed, got)
	}
	if w := n.send("POST", "/nimserver/msg/fileUpload.action", "content=x", n.header(map[string]string{"Content-Type": "multipart/form-data"})); !strings.HasPrefix(w.Body.String(), `{"code":200`) {
		t.Errorf("the other call: %s", w.Body)
	}
	n.ahead.Add(8_000)
	if got := up(); got != `{"code":416` {
		t.Errorf("8 s later: %s", got)
	}
	n.ahead.Add(2_001)
	if got := up(); got != `{"code":414` {
		t.Errorf("10 s later: %s", got)
	}
}

func FuzzUploadForm(f *testing.F) {
	f.Add("content=aGVsbG8%3D&tag=a", true)
	f.Add("content=%zz&&=&a", false)
	f.Fuzz(func(t *testing.T, body string, base64 bool) {
		var b bytes.Buffer
		v, err := nimapi.ReadPairs(strings.NewReader(body), &b, base64)
		if err == nil && (b.Len() > len(body) || len(v) > 64) {
			t.Errorf("%d bytes and %d values of %d", b.Len(), len(v), len(body))
		}
	})
}

func testedApp(n *node) *app.App {
	n.t.Helper()
	a, ok := n.apps.Get(appKey)
	if !ok {
		n.t.Fatal("no app")
	}
	return a
}
