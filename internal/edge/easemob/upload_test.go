package easemob_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
)

var (
	uuidPattern   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	secretPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{48}$`)
)

// The answer of an upload, field by field, as the order document has it.
func TestUploadAnswer(t *testing.T) {
	b := newBed(t)
	before := b.clock.NowMs()
	pic := noise(8, 8)
	r := b.upload(b.user(b.one, "alice"), []formPart{{`name="file"; filename="a.jpg"`, "image/jpeg", pic}}, "restrict-access", "true")
	m := r.json(t)
	for k, want := range map[string]any{
		"action": "post", "application": app.FormatUUID(b.one.Application()), "path": "/chatfiles",
		"uri": "https://im.example.com/org/one/chatfiles", "organization": "org", "applicationName": "one",
	} {
		if m[k] != want {
			t.Errorf("%s is %v, want %v", k, m[k], want)
		}
	}
	if at := int64(m["timestamp"].(float64)); at < before || at > b.clock.NowMs() {
		t.Errorf("timestamp %d", at)
	}
	if d := m["duration"].(float64); d < 0 || d > 60000 {
		t.Errorf("duration %v", d)
	}
	if len(m["entities"].([]any)) != 1 {
		t.Errorf("entities: %v", m["entities"])
	}
	e := r.entity(t)
	if !uuidPattern.MatchString(e["uuid"].(string)) || e["type"] != "chatfile" || !secretPattern.MatchString(e["share-secret"].(string)) {
		t.Errorf("entity: %v", e)
	}
	if meta := e["file-metadata"].(map[string]any); meta["content-length"] != float64(len(pic)) || meta["content-type"] != "image/png" {
		t.Errorf("metadata: %v", meta)
	}
	if r.status != 200 || r.head.Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Errorf("%d %v", r.status, r.head)
	}
}

func TestRestrictAccess(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	for _, c := range []struct {
		name       string
		head       []string
		presence   bool // restricted by presence
		restricted bool // by value
	}{
		{"absent", nil, false, false},
		{"true", []string{"restrict-access", "true"}, true, true},
		{"True in capitals", []string{"RESTRICT-ACCESS", "TRUE"}, true, true},
		{"false", []string{"restrict-access", "false"}, true, false},
		{"empty", []string{"restrict-access", ""}, true, true},
		{"anything", []string{"restrict-access", "maybe"}, true, true},
		{"zero", []string{"restrict-access", "0"}, true, false},
		{"no", []string{"restrict-access", "No"}, true, false},
	} {
		for mode, want := range map[string]bool{"presence": c.presence, "value": c.restricted} {
			b.set("easemob_restrict", mode)
			uuid, _ := b.put(token, "x", c.head...)
			if got := b.call("GET", "chatfiles/"+uuid, token, "").status; (got == 403) != want {
				t.Errorf("%s, by %s: %d, restricted should be %v", c.name, mode, got, want)
			}
		}
	}
}

func TestBadUploads(t *testing.T) {
	b := newBed(t, "easemob_file_max", "1")
	token := b.user(b.one, "alice")
	const mib = 1 << 20
	good := filePart("x")
	many := make([]formPart, 25)
	for i := range many {
		many[i] = formPart{fmt.Sprintf(`name="p%d"`, i), "", "x"}
	}
	heads := "X: " + strings.Repeat("h", 1000) + "\r\n"
	for _, c := range []struct {
		name   string
		kind   string // Content-Type; "" = a form's with the boundary B
		body   string
		status int
		error  string
		text   string
	}{
		{"no file part", "", form("B", formPart{`name="other"`, "", "x"}), 400, "illegal_argument", "file must be provided."},
		{"an empty form", "", "--B--\r\n", 400, "illegal_argument", "file must be provided."},
		{"no body", "", "", 400, "illegal_argument", ""},
		{"JSON", "application/json", `{"file":"x"}`, 415, "web_application", "Unsupported Media Type"},
		{"no type", "none", "x", 415, "web_application", ""},
		{"url-encoded form", "application/x-www-form-urlencoded", "file=x", 415, "web_application", ""},
		{"multipart of another kind", "multipart/mixed; boundary=B", form("B", good), 415, "web_application", ""},
		{"no boundary", "multipart/form-data", form("B", good), 415, "web_application", ""},
		{"empty boundary", `multipart/form-data; boundary=""`, form("B", good), 415, "web_application", ""},
		{"endless boundary", "multipart/form-data; boundary=" + strings.Repeat("b", 300), "x", 415, "web_application", ""},
		{"another boundary", "", form("C", good), 400, "illegal_argument", ""},
		{"garbage", "", strings.Repeat("\x00\xff", 5000), 400, "illegal_argument", ""},
		{"cut off in the headers", "", "--B\r\nContent-Dispo", 400, "illegal_argument", ""},
		{"cut off in the file", "", "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nsome", 400, "illegal_argument", "broke off"},
		{"cut off behind the file", "", strings.TrimSuffix(form("B", good), "--\r\n"), 400, "illegal_argument", "no end"},
		{"cut off between the last hyphens", "", strings.TrimSuffix(form("B", good), "-\r\n"), 400, "illegal_argument", "broke off"},
		{"cut off in a header behind the file", "", strings.TrimSuffix(form("B", good), "--\r\n") + "\r\nContent-Disposition: form-data\r\n", 400, "illegal_argument", "no end"},
		{"cut off in a field behind the file", "", strings.TrimSuffix(form("B", good, formPart{`name="thumbnail-width"`, "", "100"}), "\r\n--B--\r\n"), 400, "illegal_argument", "no end"},
		{"one byte too many", "", form("B", filePart(strings.Repeat("x", mib+1))), 413, "file exceeding maximum limit", "the file size exceeds the maximum limit."},
		{"much too large", "", form("B", filePart(strings.Repeat("x", 3*mib))), 413, "file exceeding maximum limit", ""},
		{"a large part that is not the file", "", form("B", formPart{`name="other"`, "", strings.Repeat("x", 2*mib)}, good), 413, "file exceeding maximum limit", ""},
		{"a large part behind the file", "", form("B", good, formPart{`name="other"`, "", strings.Repeat("x", 2*mib)}), 413, "file exceeding maximum limit", ""},
		{"too many parts", "", form("B", append(many, good)...), 400, "illegal_argument", "too many parts"},
		{"too many parts behind the file", "", form("B", append([]formPart{good}, many...)...), 400, "illegal_argument", "too many parts"},
		{"a header bomb", "", "--B\r\n" + strings.Repeat(heads, 1500) + "Content-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--B--\r\n", 413, "file exceeding maximum limit", ""},
		{"many headers", "", "--B\r\n" + strings.Repeat("a: b\r\n", 20000) + "Content-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--B--\r\n", 400, "illegal_argument", ""},
		{"a long preamble", "", strings.Repeat("x\r\n", mib) + form("B", good), 413, "file exceeding maximum limit", ""},
		{"a long field", "", form("B", formPart{`name="filename"`, "", strings.Repeat("n", 5000)}, good), 400, "illegal_argument", "field too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				kind := c.kind
				switch kind {
				case "":
					kind = "multipart/form-data; boundary=B"
				case "none":
					kind = ""
				}
				var body io.Reader = strings.NewReader(c.body)
				if chunked { // without a Content-Length
					body = io.MultiReader(body)
				}
				head := []string{"Authorization", token}
				if kind != "" {
					head = append(head, "Content-Type", kind)
				}
				b.do("POST", "/org/one/chatfiles", body, head...).refused(t, c.name, c.status, c.error, c.text)
			}
			if n := b.blobs(); n != 0 {
				t.Errorf("%d blobs are left", n)
			}
		})
	}
}

// form writes a form with the boundary.
func form(boundary string, parts ...formPart) string {
	var w strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&w, "--%s\r\nContent-Disposition: form-data; %s\r\n", boundary, p.head)
		if p.kind != "" {
			fmt.Fprintf(&w, "Content-Type: %s\r\n", p.kind)
		}
		fmt.Fprintf(&w, "\r\n%s\r\n", p.content)
	}
	fmt.Fprintf(&w, "--%s--\r\n", boundary)
	return w.String()
}

func TestGoodUploads(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	ten := strings.Repeat("0123456789abcdef", 10<<20/16)
	for _, c := range []struct {
		name    string
		parts   []formPart
		content string
		saved   string // in Content-Disposition
	}{
		{"exactly 10 MiB", []formPart{filePart(ten)}, ten, `attachment; filename=a.bin`},
		{"empty", []formPart{filePart("")}, "", `attachment; filename=a.bin`},
		{"no file name", []formPart{{`name="file"`, "", "x"}}, "x", "attachment"},
		{"no file name, a part for it before", []formPart{{`name="filename"`, "", "b.txt"}, {`name="file"`, "", "x"}}, "x", "attachment; filename=b.txt"},
		{"no file name, a part for it behind", []formPart{{`name="file"`, "", "x"}, {`name="filename"`, "", "b.txt"}}, "x", "attachment; filename=b.txt"},
		{"two files: the first counts", []formPart{filePart("first"), filePart("second")}, "first", `attachment; filename=a.bin`},
		{"other parts", []formPart{{`name="x"`, "", "y"}, filePart("z"), {`name="x"; filename="q"`, "", "y"}}, "z", `attachment; filename=a.bin`},
		{"traversal", []formPart{{`name="file"; filename="../../../etc/passwd"`, "", "x"}}, "x", "attachment; filename=passwd"},
		{"traversal of another system", []formPart{{`name="file"; filename="..\\..\\boot.ini"`, "", "x"}}, "x", "attachment; filename=boot.ini"},
		{"only dots", []formPart{{`name="file"; filename=".."`, "", "x"}}, "x", "attachment"},
		{"UTF-8", []formPart{{`name="file"; filename="图片.txt"`, "", "x"}}, "x", "attachment; filename*=utf-8''%E5%9B%BE%E7%89%87.txt"},
		{"quotes", []formPart{{`name="file"; filename="a\"b.txt"`, "", "x"}}, "x", `attachment; filename="a\"b.txt"`},
		{"percent-encoded line end", []formPart{{`name="file"; filename="a%0d%0aSet-Cookie: x"`, "", "x"}}, "x", `attachment; filename="a%0d%0aSet-Cookie: x"`},
		{"control characters", []formPart{{`name="file"; filename*=utf-8''a%01%0d%0a%7fb`, "", "x"}}, "x", "attachment; filename=ab"},
		{"a name that turns text round", []formPart{{"name=\"file\"; filename=\"a\u202egpj.exe\"", "", "x"}}, "x", "attachment; filename=agpj.exe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := b.upload(token, c.parts)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			got := b.call("GET", "chatfiles/"+r.entity(t)["uuid"].(string), token, "")
			if got.status != 200 || got.body != c.content || got.head.Get("Content-Disposition") != c.saved {
				t.Errorf("%d %d bytes %q", got.status, len(got.body), got.head.Get("Content-Disposition"))
			}
		})
	}
	long := strings.Repeat("界", 200) + ".txt"
	r := b.upload(token, []formPart{{`name="file"; filename="` + long + `"`, "", "x"}})
	if d := b.call("GET", "chatfiles/"+r.entity(t)["uuid"].(string), token, "").head.Get("Content-Disposition"); strings.Count(d, "%E7%95%8C") != 85 {
		t.Errorf("a long name: %s", d)
	}
}

func TestWhoMayUpload(t *testing.T) {
	b := newBed(t)
	acc, _ := b.accounts.Get(t.Context(), "one", "alice")
	if acc != nil {
		t.Fatal("alice is there")
	}
	user := b.user(b.one, "alice")
	acc, _ = b.accounts.Get(t.Context(), "one", "alice")
	short := "Bearer " + b.tokens.OfUser(b.one, acc, 1)
	b.clock.Advance(time.Second)
	for _, c := range []struct {
		name, token string
		status      int
		error, text string
	}{
		{"user", user, 200, "", ""},
		{"app's server", b.server(b.one), 200, "", ""},
		{"nobody", "", 401, "unauthorized", "Unable to authenticate (OAuth)"},
		{"Bearer null", "Bearer null", 401, "unauthorized", "Unable to authenticate (OAuth)"},
		{"expired", short, 401, "unauthorized", "Unable to authenticate due to expired access token"},
		{"garbage", "Bearer abc", 401, "auth_bad_access_token", "corrupt"},
		{"endless", "Bearer " + strings.Repeat("YWMt", 2000), 401, "auth_bad_access_token", "corrupt"},
		{"of another app", b.user(b.two, "alice"), 401, "auth_bad_access_token", "corrupt"},
		{"changed", changed(user), 401, "auth_bad_access_token", "Unable to authenticate"},
	} {
		r := b.upload(c.token, []formPart{filePart("x")})
		if c.status == 200 && r.status != 200 {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		} else if c.status != 200 {
			r.refused(t, c.name, c.status, c.error, c.text)
		}
	}
	if _, err := b.apps.SetDisabled(t.Context(), "one", true); err != nil {
		t.Fatal(err)
	}
	b.upload(user, []formPart{filePart("x")}).refused(t, "disabled app", 403, "forbidden_op", "disabled")
}

// A body whose sender goes away in the middle leaves nothing behind.
func TestAbandonedUpload(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /org/one/chatfiles HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 100000\r\n\r\n", token)
	fmt.Fprint(c, "--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"+strings.Repeat("x", 50000))
	hytest.Eventually(t, "the upload begins", func() bool { return b.blobs() > 0 })
	c.Close()
	hytest.Eventually(t, "nothing is left", func() bool { return b.blobs() == 0 })
}

// A refusal that comes before the body lets a client that waits keep it.
func TestRefusalBeforeTheBody(t *testing.T) {
	b := newBed(t)
	u, _ := url.Parse(b.url)
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(hytest.Patience))
	fmt.Fprint(c, "POST /org/one/chatfiles HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000\r\n\r\n")
	var got bytes.Buffer
	_, _ = io.CopyN(&got, c, 12)
	if got.String() != fmt.Sprintf("HTTP/1.1 %d", http.StatusUnauthorized) {
		t.Errorf("%q", got.String())
	}
}
