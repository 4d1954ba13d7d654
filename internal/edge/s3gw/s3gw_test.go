package s3gw

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
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

// The examples of the S3 documentation ("Signature Calculations for the
// Authorization Header"), so that we do not only agree with ourselves.
func TestSignatureOfTheDocumentation(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for _, c := range []struct {
		name, method, path string
		head               map[string]string
		want               string
	}{
		{"get", "GET", "/test.txt", map[string]string{"Range": "bytes=0-9",
			"X-Amz-Content-Sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "X-Amz-Date": "20130524T000000Z"},
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"put", "PUT", "/test%24file.text", map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY",
			"X-Amz-Content-Sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", "X-Amz-Date": "20130524T000000Z"},
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"lifecycle", "GET", "/?lifecycle", map[string]string{
			"X-Amz-Content-Sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "X-Amz-Date": "20130524T000000Z"},
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"list", "GET", "/?prefix=J&max-keys=2", map[string]string{
			"X-Amz-Content-Sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "X-Amz-Date": "20130524T000000Z"},
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		r := httptest.NewRequest(c.method, "https://examplebucket.s3.amazonaws.com"+c.path, nil)
		signed := []string{"host"}
		for k, v := range c.head {
			r.Header.Set(k, v)
			signed = append(signed, strings.ToLower(k))
		}
		at, ok := signedAt(r)
		if !ok {
			t.Fatalf("%s: no date", c.name)
		}
		if got := sign(t, r, credential{date: "20130524", region: "us-east-1"}, secret, at, signed); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func sign(t *testing.T, r *http.Request, c credential, secret string, at time.Time, signed []string) string {
	t.Helper()
	c.signed = sorted(signed)
	text, e := canonicalRequest(r, c.signed)
	if e != nil {
		t.Fatal(e)
	}
	return newChain(secret, c, at).request(text)
}

func sorted(list []string) []string {
	out := append([]string(nil), list...)
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j] < out[i] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

// bed is the endpoint on a real store, a directory and a listener.
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
	keys  map[string]int // results of asking for credentials
}

func newBed(t *testing.T, settings ...string) *bed {
	t.Helper()
	return newBedWith(t, nil, settings...)
}

// newBedWith is newBed with a bucket of the operator's.
func newBedWith(t *testing.T, direct file.Direct, settings ...string) *bed {
	t.Helper()
	b := &bed{t: t, clock: hytest.NewClock(time.Now()), dir: t.TempDir(), keys: map[string]int{}}
	store := hytest.Store(t)
	b.store = store
	b.apps = app.New(store, b.clock.Now)
	set := map[string]string{}
	for i := 0; i+1 < len(settings); i += 2 {
		set[settings[i]] = settings[i+1]
	}
	var err error
	if b.app, err = b.apps.Create(t.Context(), app.App{Key: "one", Overrides: set}); err != nil {
		t.Fatal(err)
	}
	b.acc = account.New(account.Config{Store: store, Clock: b.clock.Now, TokenKey: hytest.Keys(t).TokenKey()})
	if _, _, err := b.acc.Register(t.Context(), "one", "alice", "t", account.CardUpdate{}); err != nil {
		t.Fatal(err)
	}
	blobs, err := blobstore.Open(t.Context(), "", b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.files = file.New(file.Config{Direct: direct, Store: store, Blobs: blobs, Apps: b.apps, Accounts: b.acc, Clock: b.clock.Now,
		Key: hytest.Keys(t).FileKey(), Sniff: thumb.Sniff, Host: "files.example.com/nos", Keys: func(result string) { b.keys[result]++ }})
	h := New(Config{Files: b.files, Transfers: filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}}), Clock: b.clock.Now})
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

func (b *bed) grant() file.S3Grant {
	b.t.Helper()
	g, err := b.files.GrantS3(b.t.Context(), b.app, file.Ask{Accid: "alice"})
	if err != nil {
		b.t.Fatal(err)
	}
	return g
}

// call is a request that a test may spoil before and after it is signed.
type call struct {
	method, path, body string
	length             int64 // 0 = of the body
	before, after      func(*http.Request)
	cred               func(*credential)
	secret, session    string // "" = of the grant
	at                 time.Duration
	unsigned           []string // headers left out of the signature
}

type answer struct {
	status int
	head   http.Header
	body   string
}

func (a answer) code() string {
	var e struct{ Code string }
	_ = xml.Unmarshal([]byte(a.body), &e)
	return e.Code
}

func (b *bed) do(g file.S3Grant, c call) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), c.method, b.url+c.path, io.NopCloser(strings.NewReader(c.body)))
	if err != nil {
		b.t.Fatal(err)
	}
	r.ContentLength = int64(len(c.body))
	if c.length != 0 {
		r.ContentLength = c.length
	}
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	at := b.clock.Now().UTC().Add(c.at)
	session, secret := g.Session, g.Secret
	if c.session != "" {
		session = c.session
	}
	if c.secret != "" {
		secret = c.secret
	}
	r.Header.Set("X-Amz-Date", at.Format(amzTime))
	r.Header.Set(hashHeader, unsigned)
	r.Header.Set("X-Amz-Security-Token", session)
	r.Header.Set("X-Amz-Meta-Token", g.Token)
	if c.before != nil {
		c.before(r)
	}
	cred := credential{accessKey: g.AccessKey, date: at.Format("20060102"), region: "us-east-1"}
	if c.cred != nil {
		c.cred(&cred)
	}
	signed := []string{"host"}
	for name := range r.Header {
		if low := strings.ToLower(name); strings.HasPrefix(low, "x-amz-") && !strings.Contains(strings.Join(c.unsigned, " "), low) {
			signed = append(signed, low)
		}
	}
	r.Host = strings.TrimPrefix(b.url, "http://")
	sig := sign(b.t, r, cred, secret, at, signed)
	if r.Header.Get("Authorization") == "" {
		r.Header.Set("Authorization", algorithm+" Credential="+cred.accessKey+"/"+cred.date+"/"+cred.region+"/s3/aws4_request, SignedHeaders="+
			strings.Join(sorted(signed), ";")+", Signature="+sig)
	}
	if c.after != nil {
		c.after(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		if c.length != 0 {
			return answer{body: "<Error><Code>broken</Code></Error>"} // our side noticed first
		}
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "ETag") {
		b.t.Errorf("%s %s: headers %v", c.method, c.path, res.Header)
	}
	if res.StatusCode >= 300 && c.method != "HEAD" {
		var e struct {
			XMLName                       xml.Name `xml:"Error"`
			Code, Message, Resource, Host string
			RequestID                     string `xml:"RequestId"`
		}
		if err := xml.Unmarshal(text, &e); err != nil || e.Code == "" || e.Message == "" || e.RequestID == "" {
			b.t.Errorf("%s %s: an error that is none: %d %s", c.method, c.path, res.StatusCode, text)
		}
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// content reads a stored object.
func (b *bed) content(object string) string {
	b.t.Helper()
	_, f, err := b.files.Find(b.t.Context(), object)
	if err != nil {
		b.t.Fatal(err)
	}
	r := b.files.Open(b.t.Context(), f)
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bed) blobs() (n int) {
	_ = filepath.WalkDir(b.dir, func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			n++
		}
		return nil
	})
	return n
}

func digestOf(text string) (sha, md string) {
	a, m := sha256.Sum256([]byte(text)), md5.Sum([]byte(text))
	return hex.EncodeToString(a[:]), base64.StdEncoding.EncodeToString(m[:])
}

func TestPutObject(t *testing.T) {
	b := newBed(t)
	g := b.grant()
	sha, md := digestOf("hello")
	put := call{method: "PUT", path: "/s3/" + g.Key, body: "hello", before: func(r *http.Request) {
		r.Header.Set(hashHeader, sha)
		r.Header.Set("Content-MD5", md)
		r.Header.Set("Content-Type", "text/plain")
	}}
	for range 2 { // the repetition of an answer that was lost
		a := b.do(g, put)
		if a.status != 200 || a.head.Get("ETag") != `"5d41402abc4b2a76b9719d911017c592"` {
			t.Fatalf("%d %s %s", a.status, a.head.Get("ETag"), a.body)
		}
	}
	if got := b.content(g.Key); got != "hello" {
		t.Errorf("stored %q", got)
	}
	_, f, _ := b.files.Find(t.Context(), g.Key)
	if f.Owner != "alice" || f.Type != "text/plain" || b.blobs() != 1 {
		t.Errorf("%+v, %d blobs", f, b.blobs())
	}
	if a := b.do(g, call{method: "PUT", path: "/s3/" + g.Key, body: "other"}); a.status != 403 || a.code() != "AccessDenied" {
		t.Errorf("another content: %d %s", a.status, a.body)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{{"HEAD", "/s3", 200}, {"HEAD", "/s3/", 200}, {"GET", "/s3?location", 200}, {"GET", "/s3?max-keys=0", 403}, {"GET", "/s3/" + g.Key, 403}, {"HEAD", "/s3/" + g.Key, 403},
		{"DELETE", "/s3/" + g.Key, 403}, {"DELETE", "/s3", 405}, {"PATCH", "/s3/" + g.Key, 405}, {"POST", "/s3/" + g.Key, 405}} {
		if a := b.do(g, call{method: c.method, path: c.path}); a.status != c.status || a.head.Get("x-amz-bucket-region") != "us-east-1" {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
}

func TestPreflight(t *testing.T) {
	b := newBed(t)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, b.url+"/s3/x", nil)
	r.Header.Set("Origin", "https://app.example.com")
	r.Header.Set("Access-Control-Request-Method", "PUT")
	r.Header.Set("Access-Control-Request-Headers", "authorization,x-amz-date")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 204 || !strings.Contains(res.Header.Get("Access-Control-Allow-Methods"), "PUT") ||
		res.Header.Get("Access-Control-Allow-Headers") != "authorization,x-amz-date" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// upload begins an upload in parts.
func (b *bed) upload(g file.S3Grant) string {
	b.t.Helper()
	a := b.do(g, call{method: "POST", path: "/s3/" + g.Key + "?uploads", before: func(r *http.Request) { r.Header.Set("Content-Type", "video/mp4") }})
	var doc struct {
		Bucket, Key string
		UploadID    string `xml:"UploadId"`
	}
	if err := xml.Unmarshal([]byte(a.body), &doc); a.status != 200 || err != nil || doc.Bucket != "s3" || doc.Key != g.Key || doc.UploadID == "" {
		b.t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	return doc.UploadID
}

func (b *bed) part(g file.S3Grant, upload string, n int, body string) answer {
	b.t.Helper()
	return b.do(g, call{method: "PUT", path: fmt.Sprintf("/s3/%s?partNumber=%d&uploadId=%s", g.Key, n, upload), body: body})
}

func list(tags ...any) string {
	var s strings.Builder
	s.WriteString(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`)
	for i := 0; i+1 < len(tags); i += 2 {
		fmt.Fprintf(&s, "<Part><ETag>&quot;%v&quot;</ETag><PartNumber>%v</PartNumber></Part>", tags[i+1], tags[i])
	}
	return s.String() + "</CompleteMultipartUpload>"
}

func TestParts(t *testing.T) {
	b := newBed(t)
	g := b.grant()
	id := b.upload(g)
	big, other, tail := strings.Repeat("a", file.MinS3Part), strings.Repeat("b", file.MinS3Part+1), "tail"
	tags := map[int]string{}
	for _, p := range []struct {
		n    int
		body string
	}{{3, tail}, {1, other}, {2, other}, {1, big}, {7, other}} { // out of order, and one again
		a := b.part(g, id, p.n, p.body)
		if a.status != 200 {
			t.Fatalf("part %d: %d %s", p.n, a.status, a.body)
		}
		tags[p.n] = strings.Trim(a.head.Get("ETag"), `"`)
	}
	for n, what := range map[int]string{9: "a second small part", 1: "a part that becomes one"} {
		if a := b.part(g, id, n, tail); a.status != 400 || a.code() != "EntityTooSmall" {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	if n := b.blobs(); n != 4 {
		t.Errorf("%d blobs of 4 parts", n)
	}
	if _, _, err := b.files.Find(t.Context(), g.Key); err == nil {
		t.Error("an unfinished upload can be read")
	}
	path := "/s3/" + g.Key + "?uploadId=" + id
	for _, c := range []struct {
		name, body, code string
	}{
		{"none", list(), "MalformedXML"},
		{"unknown part", list(1, tags[1], 4, tags[1]), "InvalidPart"},
		{"wrong tag", list(1, tags[2]), "InvalidPart"},
		{"out of order", list(2, tags[2], 1, tags[1]), "InvalidPartOrder"},
		{"twice", list(1, tags[1], 1, tags[1]), "InvalidPartOrder"},
		{"too small before the last", list(3, tags[3], 7, tags[7]), "EntityTooSmall"},
		{"number 0", list(0, tags[1]), "MalformedXML"},
		{"number 10001", list(10001, tags[1]), "MalformedXML"},
		{"no number", list("x", tags[1]), "MalformedXML"},
		{"no XML", "hello", "MalformedXML"},
		{"empty", "", "MalformedXML"},
		{"cut off", list(1, tags[1])[:60], "MalformedXML"},
		{"another root", "<Other/>", "MalformedXML"},
		{"something after it", list(1, tags[1]) + "<x/>", "MalformedXML"},
		{"entities that grow", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&b;</ETag></Part></CompleteMultipartUpload>`, "MalformedXML"},
		{"an entity that is nowhere", `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&boom;</ETag></Part></CompleteMultipartUpload>`, "MalformedXML"},
		{"an external entity", `<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><CompleteMultipartUpload/>`, "MalformedXML"},
		{"deep", strings.Repeat("<a>", 20000), "MalformedXML"},
		{"too long", strings.Repeat(" ", maxXML+1), "MalformedXML"},
		{"too many", list(many(10001)...), "MalformedXML"},
	} {
		if a := b.do(g, call{method: "POST", path: path, body: c.body}); a.code() != c.code || a.status != 400 {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	for range 2 {
		a := b.do(g, call{method: "POST", path: path, body: list(1, tags[1], 2, tags[2], 3, tags[3])})
		var doc struct{ Location, Bucket, Key, ETag string }
		if err := xml.Unmarshal([]byte(a.body), &doc); a.status != 200 || err != nil || doc.Key != g.Key || !strings.HasSuffix(doc.ETag, `-3"`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if got := b.content(g.Key); got != big+other+tail {
		t.Errorf("%d bytes, want %d", len(got), len(big+other+tail))
	}
	if n := b.blobs(); n != 3 {
		t.Errorf("%d blobs of 3 parts", n)
	}
	for name, a := range map[string]answer{
		"a part after it":  b.part(g, id, 4, "late"),
		"an abort of it":   b.do(g, call{method: "DELETE", path: path}),
		"another complete": b.do(g, call{method: "POST", path: "/s3/" + g.Key + "?uploadId=s3-other", body: list(1, tags[1])}),
	} {
		if a.status != 404 || a.code() != "NoSuchUpload" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// An upload has no more parts than the largest file.
func TestTooManyParts(t *testing.T) {
	b := newBed(t, "file_max", "20")
	g := b.grant()
	id := b.upload(g)
	big := strings.Repeat("a", file.MinS3Part)
	for n := 10; n > 6; n-- {
		if a := b.part(g, id, n, big); a.status != 200 {
			t.Fatalf("part %d: %d %s", n, a.status, a.body)
		}
	}
	if a := b.part(g, id, 11, ""); a.status != 200 {
		t.Errorf("a last one: %d %s", a.status, a.body)
	}
	if a := b.part(g, id, 10, big); a.status != 200 {
		t.Errorf("one again: %d %s", a.status, a.body)
	}
	if a := b.part(g, id, 1, big); a.status != 400 || a.code() != "EntityTooLarge" {
		t.Errorf("one more: %d %s", a.status, a.body)
	}
	if n := b.blobs(); n != 5 {
		t.Errorf("%d blobs of 5 parts", n)
	}
}

func many(n int) (out []any) {
	for i := range n {
		out = append(out, i+1, "d41d8cd98f00b204e9800998ecf8427e")
	}
	return out
}

func TestAbandonedParts(t *testing.T) {
	b := newBed(t)
	g := b.grant()
	id := b.upload(g)
	if a := b.part(g, id, 1, "x"); a.status != 200 {
		t.Fatal(a.body)
	}
	if a := b.do(g, call{method: "DELETE", path: "/s3/" + g.Key + "?uploadId=" + id}); a.status != 204 || b.blobs() != 0 {
		t.Errorf("abort: %d %s, %d blobs", a.status, a.body, b.blobs())
	}
	if a := b.part(g, id, 2, "x"); a.code() != "NoSuchUpload" {
		t.Errorf("after the abort: %s", a.body)
	}
	id = b.upload(g)
	if a := b.part(g, id, 1, "x"); a.status != 200 {
		t.Fatal(a.body)
	}
	// The chunk protocol cannot go on with it.
	p, err := b.files.Verify(g.Token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.files.PutChunk(t.Context(), p, file.Chunk{Source: file.Source{Body: strings.NewReader("y"), Size: 1}, Offset: 1, Last: true, Context: id}); err == nil {
		t.Error("a chunk behind a part")
	}
	b.clock.Advance(3 * time.Hour)
	if err := b.files.Clean(t.Context()); err != nil || b.blobs() != 0 {
		t.Errorf("clean-up: %v, %d blobs left", err, b.blobs())
	}
}

func TestRefused(t *testing.T) {
	b := newBed(t, "file_max", "1")
	g, foreign := b.grant(), b.grant()
	two, err := b.apps.Create(t.Context(), app.App{Key: "two"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := b.files.GrantS3(t.Context(), two, file.Ask{Accid: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	path := "/s3/" + g.Key
	header := func(k, v string) func(*http.Request) { return func(r *http.Request) { r.Header.Set(k, v) } }
	auth := func(v string) func(*http.Request) { return header("Authorization", v) }
	scope := func(f func(*credential)) func(*credential) { return f }
	sha, md := digestOf("other")
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string
	}{
		{"not signed", call{before: auth("-"), after: func(r *http.Request) { r.Header.Del("Authorization") }}, 403, "AccessDenied"},
		{"signed in the old way", call{before: auth("AWS key:signature")}, 400, "InvalidRequest"},
		{"another algorithm", call{before: auth("AWS4-ECDSA-P256-SHA256 Credential=a")}, 400, "InvalidArgument"},
		{"basic", call{before: auth("Basic YTpi")}, 400, "InvalidArgument"},
		{"no parts", call{before: auth(algorithm + " x")}, 400, "AuthorizationHeaderMalformed"},
		{"no signature", call{before: auth(algorithm + " Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host")}, 400, "AuthorizationHeaderMalformed"},
		{"a part twice", call{before: auth(algorithm + " Credential=a, Credential=a, SignedHeaders=host")}, 400, "AuthorizationHeaderMalformed"},
		{"a short signature", call{before: auth(algorithm + " Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00")}, 400, "AuthorizationHeaderMalformed"},
		{"headers out of order", call{before: auth(algorithm + " Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=x-amz-date;host, Signature=" + strings.Repeat("0", 64))}, 400, "AuthorizationHeaderMalformed"},
		{"headers without end", call{before: auth(algorithm + " Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=" + strings.Repeat("a;", 3000) + "b, Signature=" + strings.Repeat("0", 64))}, 400, "AuthorizationHeaderMalformed"},
		{"wrong secret", call{secret: "x"}, 403, "SignatureDoesNotMatch"},
		{"wrong key", call{cred: scope(func(c *credential) { c.accessKey = "AKIAIOSFODNN7EXAMPLE" })}, 403, "InvalidAccessKeyId"},
		{"key of another upload", call{cred: scope(func(c *credential) { c.accessKey = foreign.AccessKey })}, 403, "InvalidAccessKeyId"},
		{"session token of another upload", call{session: foreign.Session}, 403, "InvalidAccessKeyId"},
		{"session token changed", call{session: "x" + g.Session}, 400, "InvalidToken"},
		{"session token without end", call{session: strings.Repeat("x", 9000)}, 400, "InvalidToken"},
		{"session token is the upload token", call{session: g.Token}, 400, "InvalidToken"},
		{"no session token", call{before: func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }}, 403, "InvalidAccessKeyId"},
		{"wrong region", call{cred: scope(func(c *credential) { c.region = "eu-central-1" })}, 400, "AuthorizationHeaderMalformed"},
		{"wrong date in the scope", call{cred: scope(func(c *credential) { c.date = "20200101" })}, 400, "AuthorizationHeaderMalformed"},
		{"wrong service", call{before: auth(algorithm + " Credential=" + g.AccessKey + "/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64))}, 400, "AuthorizationHeaderMalformed"},
		{"clock behind", call{at: -16 * time.Minute}, 403, "RequestTimeTooSkewed"},
		{"clock ahead", call{at: 16 * time.Minute}, 403, "RequestTimeTooSkewed"},
		{"no date", call{before: func(r *http.Request) { r.Header.Del("X-Amz-Date") }}, 403, "AccessDenied"},
		{"no date that is one", call{before: header("X-Amz-Date", "yesterday")}, 403, "AccessDenied"},
		{"a header that is not signed", call{unsigned: []string{"x-amz-meta-token"}}, 403, "AccessDenied"},
		{"a header that was changed", call{after: header("X-Amz-Meta-Token", "other")}, 403, "SignatureDoesNotMatch"},
		{"a header that was added", call{after: header("X-Amz-Acl", "public-read")}, 403, "AccessDenied"},
		{"host that was changed", call{after: func(r *http.Request) { r.Host = "evil.example.com" }}, 403, "SignatureDoesNotMatch"},
		{"query that was added", call{after: func(r *http.Request) { r.URL.RawQuery = "x-id=PutObject" }}, 403, "SignatureDoesNotMatch"},
		{"signed in the query", call{path: path + "?X-Amz-Signature=00"}, 400, "InvalidRequest"},
		{"broken query", call{after: func(r *http.Request) { r.URL.RawQuery = "%zz" }}, 400, "InvalidArgument"},
		{"no hash of the content", call{before: func(r *http.Request) { r.Header.Del(hashHeader) }}, 400, "InvalidArgument"},
		{"a hash that is none", call{before: header(hashHeader, "abc")}, 400, "InvalidArgument"},
		{"pieces of no length", call{before: header(hashHeader, streamSigned)}, 411, "MissingContentLength"},
		{"wrong hash", call{before: header(hashHeader, sha)}, 400, "XAmzContentSHA256Mismatch"},
		{"wrong MD5", call{before: header("Content-MD5", md)}, 400, "BadDigest"},
		{"an MD5 that is none", call{before: header("Content-MD5", "abc")}, 400, "InvalidDigest"},
		{"another object", call{path: "/s3/" + foreign.Key}, 403, "AccessDenied"},
		{"another app's object", call{path: "/s3/" + theirs.Key}, 403, "AccessDenied"},
		{"out of the bucket", call{path: "/s3/../" + g.Key}, 403, "AccessDenied"},
		{"out of the bucket, escaped", call{path: "/s3/%2e%2e%2f" + g.Key}, 403, "AccessDenied"},
		{"below the object", call{path: path + "/../../etc/passwd"}, 403, "AccessDenied"},
		{"an object with a NUL", call{path: path + "%00"}, 403, "AccessDenied"},
		{"too large", call{body: strings.Repeat("x", 1<<20+1)}, 400, "EntityTooLarge"},
		{"a copy", call{before: header("X-Amz-Copy-Source", "/s3/"+foreign.Key)}, 501, "NotImplemented"},
		{"a subresource", call{path: path + "?acl"}, 501, "NotImplemented"},
		{"part without upload", call{path: path + "?partNumber=1"}, 404, "NoSuchUpload"},
		{"part of no upload", call{path: path + "?partNumber=1&uploadId=s3-x"}, 404, "NoSuchUpload"},
		{"part number 0", call{path: path + "?partNumber=0&uploadId=s3-x"}, 400, "InvalidArgument"},
		{"part number 10001", call{path: path + "?partNumber=10001&uploadId=s3-x"}, 400, "InvalidArgument"},
		{"part number -1", call{path: path + "?partNumber=-1&uploadId=s3-x"}, 400, "InvalidArgument"},
		{"no part number", call{path: path + "?partNumber=x&uploadId=s3-x"}, 400, "InvalidArgument"},
		{"upload without part number", call{path: path + "?uploadId=s3-x"}, 400, "InvalidArgument"},
		{"abort of no upload", call{method: "DELETE", path: path + "?uploadId=s3-x"}, 404, "NoSuchUpload"},
		{"complete no upload", call{method: "POST", path: path + "?uploadId=s3-x", body: list(1, "x")}, 404, "NoSuchUpload"},
	} {
		if c.call.method == "" {
			c.call.method = "PUT"
		}
		if c.call.path == "" {
			c.call.path = path
		}
		if c.call.body == "" && c.call.method == "PUT" {
			c.call.body = "hello"
		}
		a := b.do(g, c.call)
		if a.status != c.status || a.code() != c.code {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if strings.Contains(a.body, g.Secret) || strings.Contains(a.body, g.Session) {
			t.Errorf("%s: tells a secret", c.name)
		}
	}
	if n := b.blobs(); n != 0 {
		t.Errorf("%d blobs are left of refused uploads", n)
	}
	b.clock.Advance(61 * time.Minute)
	if a := b.do(g, call{method: "PUT", path: path, body: "x"}); a.status != 400 || a.code() != "ExpiredToken" {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	g = b.grant()
	if err := b.acc.SetBlocked(t.Context(), "one", "alice", true); err != nil {
		t.Fatal(err)
	}
	if a := b.do(g, call{method: "PUT", path: "/s3/" + g.Key, body: "x"}); a.status != 403 || a.code() != "AccessDenied" {
		t.Errorf("blocked: %d %s", a.status, a.body)
	}
}

// A body that ends before its length is not stored, and neither is one that has
// no length.
func TestIncompleteBodies(t *testing.T) {
	b := newBed(t)
	g := b.grant()
	b.do(g, call{method: "PUT", path: "/s3/" + g.Key, body: "hello", length: 10})
	if a := b.do(g, call{method: "PUT", path: "/s3/" + g.Key, body: "hello", length: -1}); a.status != 411 || a.code() != "MissingContentLength" {
		t.Errorf("no length: %d %s", a.status, a.body)
	}
	if _, _, err := b.files.Find(t.Context(), g.Key); err == nil || b.blobs() != 0 {
		t.Errorf("stored: %v, %d blobs", err, b.blobs())
	}
}

func TestQuota(t *testing.T) {
	b := newBed(t, "file_account_quota", "1")
	g := b.grant()
	if a := b.do(g, call{method: "PUT", path: "/s3/" + g.Key, body: strings.Repeat("x", 1<<20)}); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	g = b.grant()
	for _, c := range []call{{method: "PUT", path: "/s3/" + g.Key, body: "x"}, {method: "POST", path: "/s3/" + g.Key + "?uploads"}} {
		if a := b.do(g, c); a.status != 403 || a.code() != "QuotaExceeded" {
			t.Errorf("%s: %d %s", c.method, a.status, a.body)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=HY/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0", 64))
	f.Add("AWS a:b")
	f.Add("AWS4-HMAC-SHA256 Credential=,SignedHeaders==,Signature=")
	f.Fuzz(func(t *testing.T, h string) {
		c, e := parseAuthorization(h)
		if e != nil {
			if e.code == "" || e.status < 400 || e.text == "" {
				t.Errorf("%q: %+v", h, e)
			}
			return
		}
		if c.region != file.S3Region || len(c.signed) == 0 || len(c.signed) > maxSigned || len(c.signature) != 64 {
			t.Errorf("%q: %+v", h, c)
		}
	})
}

func FuzzParts(f *testing.F) {
	f.Add([]byte(list(1, "a", 2, "b")))
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber> 1 </PartNumber></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<!DOCTYPE x><a/>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parts, e := parseParts(text)
		if e != nil {
			if e.code != "MalformedXML" || len(parts) > 0 {
				t.Errorf("%q: %+v", text, e)
			}
			return
		}
		if len(parts) == 0 || len(parts) > file.MaxS3Part || bytes.Contains(text, []byte("<!")) {
			t.Errorf("%q: %v", text, parts)
		}
		for _, p := range parts {
			if p.Number < 1 || p.Number > file.MaxS3Part {
				t.Errorf("%q: %v", text, p)
			}
		}
	})
}
