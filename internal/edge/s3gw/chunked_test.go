package s3gw

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/filegw"
	"hongyan/internal/infra/blobstore"
	"hongyan/internal/infra/thumb"
)

// The example of the S3 documentation ("Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks").
func TestPiecesOfTheDocumentation(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	c := newChain("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", credential{date: "20130524", region: "us-east-1"}, at)
	c.last = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	for _, p := range []struct {
		size int
		want string
	}{
		{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
		{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
		{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
	} {
		sum := sha256.Sum256(bytes.Repeat([]byte("a"), p.size))
		if got := c.piece(sum[:]); got != p.want {
			t.Errorf("%d bytes: %s", p.size, got)
		}
	}
}

// The check values of the checksums' catalogues, for the text 123456789.
func TestChecksums(t *testing.T) {
	for name, want := range map[string]string{"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888", "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		"sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"} {
		sum := checksums("x-amz-checksum-" + name)
		_, _ = io.WriteString(sum, "123456789")
		if got := hex.EncodeToString(sum.Sum(nil)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if checksums("x-amz-checksum-algorithm") != nil {
		t.Error("a checksum that is none")
	}
}

// body makes a body in pieces; chain is nil when they are not signed.
func inPieces(c *chain, trailer string, parts ...string) string {
	var b strings.Builder
	for _, p := range append(parts, "") {
		fmt.Fprintf(&b, "%x", len(p))
		if c != nil {
			sum := sha256.Sum256([]byte(p))
			b.WriteString(";chunk-signature=" + c.piece(sum[:]))
		}
		b.WriteString("\r\n" + p)
		if p != "" {
			b.WriteString("\r\n")
		}
	}
	if trailer != "" {
		b.WriteString(trailer + "\r\n")
		if c != nil {
			b.WriteString("x-amz-trailer-signature:" + c.trailer(trailer+"\n") + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

func TestPieces(t *testing.T) {
	b := newBed(t, "file_max", "1")
	const first, second = "the first piece ", "and the second"
	sum := checksums("x-amz-checksum-crc32")
	_, _ = io.WriteString(sum, first+second)
	crc := "x-amz-checksum-crc32:" + base64.StdEncoding.EncodeToString(sum.Sum(nil))
	const wrong = "x-amz-checksum-crc32:AAAAAA=="
	same := func(s string) string { return s }
	put := func(kind, trailer string, length int, spoil func(string) string) (string, answer) {
		g := b.grant()
		var seed *chain
		c := call{method: "PUT", path: "/" + g.Bucket + "/" + g.Key}
		c.before = func(r *http.Request) {
			r.Header.Set(hashHeader, kind)
			r.Header.Set("X-Amz-Decoded-Content-Length", strconv.Itoa(length))
			if trailer != "" {
				r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			}
		}
		c.after = func(r *http.Request) {
			if kind != streamTrailer {
				at, _ := signedAt(r)
				seed = newChain(g.Secret, credential{date: at.Format("20060102"), region: "us-east-1"}, at)
				_, seed.last, _ = strings.Cut(r.Header.Get("Authorization"), "Signature=")
			}
			text := spoil(inPieces(seed, trailer, first, second))
			r.ContentLength, r.Body = int64(len(text)), io.NopCloser(strings.NewReader(text))
		}
		return g.Key, b.do(g, c)
	}
	all := len(first + second)
	for _, c := range []struct {
		name, kind, trailer string
		length              int
		spoil               func(string) string
		want                string // "" = it is stored
	}{
		{"signed", streamSigned, "", all, same, ""},
		{"signed, with a trailer", streamSignedTrailer, crc, all, same, ""},
		{"a trailer alone", streamTrailer, crc, all, same, ""},
		{"without the last line's end", streamTrailer, crc, all, func(s string) string { return strings.TrimSuffix(s, "\r\n") }, ""},
		{"a byte changed", streamSigned, "", all, func(s string) string { return strings.Replace(s, "second", "Second", 1) }, "SignatureDoesNotMatch"},
		{"a byte changed, checksum", streamTrailer, crc, all, func(s string) string { return strings.Replace(s, "second", "Second", 1) }, "BadDigest"},
		{"another checksum", streamTrailer, wrong, all, same, "BadDigest"},
		{"another checksum, signed", streamSignedTrailer, wrong, all, same, "BadDigest"},
		{"the trailer is missing", streamTrailer, crc, all, func(s string) string { return strings.Replace(s, crc+"\r\n", "", 1) }, "BadDigest"},
		{"the trailer changed", streamSignedTrailer, crc, all, func(s string) string { return strings.Replace(s, crc, wrong, 1) }, "SignatureDoesNotMatch"},
		{"the trailer's signature is missing", streamSignedTrailer, crc, all, func(s string) string { i := strings.Index(s, "x-amz-trailer-s"); return s[:i] + "\r\n" }, "SignatureDoesNotMatch"},
		{"no trailer where one must be", streamTrailer, "", all, same, "InvalidRequest"},
		{"another trailer", streamTrailer, crc, all, func(s string) string { return strings.Replace(s, "crc32:", "crc32c:", 1) }, "InvalidRequest"},
		{"pieces without signatures", streamSigned, "", all, func(string) string { return inPieces(nil, "", first, second) }, "InvalidRequest"},
		{"less than announced", streamSigned, "", all + 1, same, "IncompleteBody"},
		{"more than announced", streamSigned, "", all - 1, same, "IncompleteBody"},
		{"cut in a piece", streamSigned, "", all, func(s string) string { return s[:len(s)/2] }, "IncompleteBody"},
		{"cut before the last piece", streamTrailer, crc, all, func(s string) string { return s[:strings.Index(s, "\r\n0\r\n")] }, "IncompleteBody"},
		{"something behind it", streamSigned, "", all, func(s string) string { return s + "x" }, "IncompleteBody"},
		{"no number", streamSigned, "", all, func(s string) string { return "x" + s }, "InvalidRequest"},
		{"a negative number", streamTrailer, crc, all, func(s string) string { return "-" + s }, "InvalidRequest"},
		{"an endless line", streamTrailer, crc, all, func(string) string { return strings.Repeat("0", 4096) }, "InvalidRequest"},
		{"an endless number", streamTrailer, crc, all, func(s string) string { return "ffffffffffffffff" + s }, "InvalidRequest"},
		{"too large", streamTrailer, crc, 1<<20 + 1, same, "EntityTooLarge"},
		{"another kind", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "", all, same, "NotImplemented"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, a := put(c.kind, c.trailer, c.length, c.spoil)
			if c.want != "" {
				if a.code() != c.want {
					t.Errorf("%d %s, want %s", a.status, a.body, c.want)
				}
				if _, _, err := b.files.Find(t.Context(), key); err == nil {
					t.Error("it is stored")
				}
				return
			}
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if got := b.content(key); got != first+second {
				t.Errorf("stored %q", got)
			}
		})
	}
	g := b.grant()
	if a := b.do(g, call{method: "PUT", path: "/" + g.Bucket + "/" + g.Key, body: "x", before: func(r *http.Request) { r.Header.Set(hashHeader, streamSigned) }}); a.code() != "MissingContentLength" {
		t.Errorf("no decoded length: %d %s", a.status, a.body)
	}
}

// A checksum beside the signature is compared, too.
func TestChecksumHeader(t *testing.T) {
	b := newBed(t)
	for name, c := range map[string]struct{ sum, want string }{"right": {"OhG36g==", ""}, "wrong": {"AAAAAA==", "BadDigest"}, "none": {"x", "InvalidRequest"}} {
		g := b.grant()
		sum := checksums("x-amz-checksum-crc32")
		_, _ = io.WriteString(sum, "hello")
		if c.want == "" {
			c.sum = base64.StdEncoding.EncodeToString(sum.Sum(nil))
		}
		a := b.do(g, call{method: "PUT", path: "/" + g.Bucket + "/" + g.Key, body: "hello", before: func(r *http.Request) { r.Header.Set("X-Amz-Checksum-Crc32", c.sum) }})
		if a.code() != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// The Go SDK, over TLS, sends a checksum behind pieces that are not signed.
func TestGoSDK(t *testing.T) {
	b := newBed(t)
	b.clock.Advance(time.Until(b.clock.Now()))
	var kinds []string
	h := New(Config{Files: b.files, Transfers: filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}}), Clock: time.Now})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kinds = append(kinds, r.Header.Get(hashHeader))
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	pem := "-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(srv.Certificate().Raw) + "\n-----END CERTIFICATE-----\n"
	if err := os.WriteFile(ca, []byte(pem), 0o600); err != nil {
		t.Fatal(err)
	}
	g := b.grant()
	for k, v := range map[string]string{"AWS_CA_BUNDLE": ca, "AWS_ACCESS_KEY_ID": g.AccessKey, "AWS_SECRET_ACCESS_KEY": g.Secret, "AWS_SESSION_TOKEN": g.Session} {
		t.Setenv(k, v)
	}
	blobs, err := blobstore.Open(t.Context(), "s3://"+g.Bucket+"?region=us-east-1&use_path_style=true&endpoint="+srv.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	content := strings.Repeat("0123456789abcdef", 1<<16)
	if _, err := blobs.Put(t.Context(), g.Key, io.MultiReader(strings.NewReader(content))); err != nil {
		t.Fatalf("%v, sent %v", err, kinds)
	}
	if strings.Join(kinds, " ") != streamTrailer {
		t.Errorf("sent %v: this test shows nothing of pieces any more", kinds)
	}
	if got := b.content(g.Key); got != content {
		t.Errorf("%d bytes stored, want %d; sent %v", len(got), len(content), kinds)
	}
}
