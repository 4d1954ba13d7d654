// Package s3gw owns the small S3-compatible endpoint that clients upload to by
// the S3 way of mixed storage (docs/protocol/storage.md section 9): signatures,
// PutObject, uploads in parts, the answers and errors of S3.
//
// It must not know SQL, storage or the rules of who may store what: it reads
// requests, calls the domain and writes answers. Downloads go through filegw.
package s3gw

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

// maxXML bounds the list of parts, in bytes: 10,000 of them take 1 MiB.
const maxXML = 2 << 20

// Transfers runs uploads under the bounds that all façades share, when allow has
// no objection.
type Transfers interface {
	Transfer(w http.ResponseWriter, r *http.Request, allow func() error, fn func(context.Context, *http.Request) error) error
}

// Config is what a Handler needs.
type Config struct {
	Files     *file.Service
	Transfers Transfers
	Clock     im.Clock
	Log       *slog.Logger
}

// Handler serves /s3/. It is safe for concurrent use.
type Handler struct {
	files     *file.Service
	transfers Transfers
	clock     im.Clock
	log       *slog.Logger
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{files: c.Files, transfers: c.Transfers, clock: c.Clock, log: c.Log}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	hd := w.Header()
	hd.Set("Access-Control-Allow-Origin", "*")
	hd.Set("Access-Control-Expose-Headers", "ETag, x-amz-request-id, x-amz-bucket-region")
	hd.Set("x-amz-request-id", id)
	hd.Set("x-amz-bucket-region", file.S3Region)
	hd.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	var p *file.Policy
	var pieces *chain
	signed := func() error {
		var e *apiError
		if p, pieces, e = h.authenticate(r); e != nil {
			return e
		}
		return nil
	}
	if err := h.transfers.Transfer(w, r, signed, func(ctx context.Context, r *http.Request) error { return h.serve(ctx, w, r, p, pieces) }); err != nil {
		e := apiErrorOf(err)
		if e.status == http.StatusInternalServerError && r.Context().Err() == nil {
			h.log.Error("S3 request failed", "method", r.Method, "path", r.URL.Path, "request", id, "err", err)
		}
		writeXML(w, r, e.status, &errorBody{Code: e.code, Message: e.text, Region: e.region, Resource: printable(r.URL.Path), RequestID: id})
	}
}

// preflight lets every page upload: no cookies are used.
func preflight(w http.ResponseWriter, r *http.Request) {
	ask := r.Header.Get("Access-Control-Request-Headers")
	if ask == "" || len(ask) > 1024 {
		ask = "authorization, content-type, content-md5, x-amz-content-sha256, x-amz-date, x-amz-meta-token, x-amz-security-token, x-amz-user-agent"
	}
	hd := w.Header()
	hd.Set("Access-Control-Allow-Methods", "PUT, POST, DELETE, GET, HEAD")
	hd.Set("Access-Control-Allow-Headers", ask)
	hd.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// request is one that is signed by whom it says.
type request struct {
	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	policy *file.Policy
	chain  *chain
	query  url.Values
}

func (h *Handler) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, p *file.Policy, pieces *chain) error {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := &request{h: h, w: w, r: r, policy: p, chain: pieces, query: r.URL.Query()}
	if key == "" {
		return q.bucket()
	}
	if key != p.Object {
		return errAccess("the credentials are good for another object")
	}
	for name := range q.query {
		switch name {
		case "uploads", "uploadId", "partNumber", "x-id":
		default:
			return newError("NotImplemented", http.StatusNotImplemented, "the subresource '"+printable(name)+"' is not served")
		}
	}
	upload := q.query.Get("uploadId")
	switch {
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return newError("NotImplemented", http.StatusNotImplemented, "copies are not served")
	case r.Method == http.MethodPut && (q.query.Has("uploadId") || q.query.Has("partNumber")):
		return q.part(ctx, upload)
	case r.Method == http.MethodPut:
		return q.put(ctx)
	case r.Method == http.MethodPost && q.query.Has("uploads"):
		return q.create(ctx)
	case r.Method == http.MethodPost && q.query.Has("uploadId"):
		return q.complete(ctx, upload)
	case r.Method == http.MethodDelete && q.query.Has("uploadId"):
		if err := h.files.AbortParts(ctx, p, upload); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	case r.Method == http.MethodGet, r.Method == http.MethodHead, r.Method == http.MethodDelete:
		return errAccess("the credentials allow uploading alone")
	}
	return newError("MethodNotAllowed", http.StatusMethodNotAllowed, "the method is not allowed against this resource")
}

// bucket answers what SDKs ask to find a bucket's region.
func (q *request) bucket() error {
	switch {
	case q.r.Method == http.MethodHead:
		q.w.WriteHeader(http.StatusOK)
		return nil
	case q.r.Method == http.MethodGet && q.query.Has("location"):
		// us-east-1 is the empty text there.
		writeXML(q.w, q.r, http.StatusOK, &struct {
			XMLName xml.Name `xml:"LocationConstraint"`
		}{})
		return nil
	case q.r.Method == http.MethodGet:
		return errAccess("the credentials allow uploading alone")
	}
	return newError("MethodNotAllowed", http.StatusMethodNotAllowed, "the method is not allowed against this resource")
}

// put is PutObject.
func (q *request) put(ctx context.Context) error {
	src, err := q.source()
	if err != nil {
		return err
	}
	f, err := q.h.files.PutWhole(ctx, q.policy, src)
	if err != nil {
		return err
	}
	q.w.Header().Set("ETag", `"`+f.MD5+`"`)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// part is UploadPart.
func (q *request) part(ctx context.Context, upload string) error {
	number, err := strconv.Atoi(q.query.Get("partNumber"))
	if err != nil {
		return errArgument("the part number must be a number")
	}
	src, err := q.source()
	if err != nil {
		return err
	}
	tag, err := q.h.files.PutPart(ctx, q.policy, upload, number, src)
	if err != nil {
		return err
	}
	q.w.Header().Set("ETag", `"`+tag+`"`)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// create is CreateMultipartUpload.
func (q *request) create(ctx context.Context) error {
	upload, err := q.h.files.CreateParts(ctx, q.policy, q.r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	writeXML(q.w, q.r, http.StatusOK, &struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Bucket: file.S3Bucket, Key: q.policy.Object, UploadID: upload})
	return nil
}

// complete is CompleteMultipartUpload.
func (q *request) complete(ctx context.Context, upload string) error {
	body, err := q.checked()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(body, maxXML+1))
	if err != nil {
		return bodyError(err)
	}
	list, e := parseParts(text)
	if e != nil {
		return e
	}
	f, err := q.h.files.CompleteParts(ctx, q.policy, upload, list)
	if err != nil {
		return err
	}
	writeXML(q.w, q.r, http.StatusOK, &struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
		Location string
		Bucket   string
		Key      string
		ETag     string
	}{Location: q.h.files.S3Endpoint() + "/" + file.S3Bucket + "/" + f.Object, Bucket: file.S3Bucket, Key: f.Object, ETag: `"` + f.MD5 + `"`})
	return nil
}

// parseParts reads the list of CompleteMultipartUpload. A document type could
// declare entities; nobody needs one.
func parseParts(text []byte) ([]file.S3Part, *apiError) {
	malformed := func(text string) *apiError { return newError("MalformedXML", http.StatusBadRequest, text) }
	if len(text) > maxXML {
		return nil, malformed("the list of parts is too long")
	}
	if bytes.Contains(text, []byte("<!")) {
		return nil, malformed("document types, comments and CDATA are not accepted")
	}
	var doc struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Parts   []struct {
			Number string `xml:"PartNumber"`
			ETag   string
		} `xml:"Part"`
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		return nil, malformed("the list of parts is malformed")
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return nil, malformed("something follows the list of parts")
	}
	if len(doc.Parts) == 0 || len(doc.Parts) > file.MaxS3Part {
		return nil, malformed("the list must have 1 to 10000 parts")
	}
	list := make([]file.S3Part, len(doc.Parts))
	for i, p := range doc.Parts {
		n, err := strconv.Atoi(strings.TrimSpace(p.Number))
		if err != nil || n < 1 || n > file.MaxS3Part {
			return nil, malformed("a part's number must be from 1 to 10000")
		}
		list[i] = file.S3Part{Number: n, ETag: strings.ToLower(strings.Trim(strings.TrimSpace(p.ETag), `"`))}
	}
	return list, nil
}

// source is the body of an upload.
func (q *request) source() (file.Source, error) {
	body, err := q.checked()
	if err != nil {
		return file.Source{}, err
	}
	if body.size < 0 {
		return file.Source{}, newError("MissingContentLength", http.StatusLengthRequired, "the Content-Length header is needed")
	}
	return file.Source{Body: body, Size: body.size, Type: q.r.Header.Get("Content-Type")}, nil
}

// checked is a body that ends with an error unless it is what its headers say.
func (q *request) checked() (*checked, error) {
	c := &checked{r: q.r.Body, left: q.r.ContentLength, size: q.r.ContentLength}
	switch want := q.r.Header.Get(hashHeader); {
	case want == unsigned:
	case strings.HasPrefix(want, "STREAMING-"):
		n, err := strconv.ParseInt(q.r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, newError("MissingContentLength", http.StatusLengthRequired, "the x-amz-decoded-content-length header is needed")
		}
		p, e := q.pieces(want, n)
		if e != nil {
			return nil, e
		}
		c.r, c.left, c.size = p, n, n
	default:
		b, err := hex.DecodeString(want)
		if err != nil || len(b) != sha256.Size {
			return nil, errArgument("x-amz-content-sha256 must be " + unsigned + " or 64 hex characters")
		}
		c.add(sha256.New(), b, errHash)
	}
	for name := range q.r.Header {
		if sum := checksums(strings.ToLower(name)); sum != nil {
			b, err := base64.StdEncoding.DecodeString(q.r.Header.Get(name))
			if err != nil || len(b) != sum.Size() {
				return nil, newError("InvalidRequest", http.StatusBadRequest, "the value of "+strings.ToLower(name)+" is not valid")
			}
			c.add(sum, b, errChecksum)
		}
	}
	if want := q.r.Header.Get("Content-Md5"); want != "" {
		b, err := base64.StdEncoding.DecodeString(want)
		if err != nil || len(b) != md5.Size {
			return nil, newError("InvalidDigest", http.StatusBadRequest, "the Content-MD5 is not valid")
		}
		c.add(md5.New(), b, errDigest)
	}
	return c, nil
}

// checked compares digests at the end of a body. What reads it stores nothing of
// a body that ends with an error.
type checked struct {
	r     io.Reader
	size  int64 // bytes announced; -1 = not known
	left  int64 // of them still to come
	sums  []hash.Hash
	wants [][]byte
	errs  []error
}

func (c *checked) add(sum hash.Hash, want []byte, err error) {
	c.sums, c.wants, c.errs = append(c.sums, sum), append(c.wants, want), append(c.errs, err)
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for _, s := range c.sums {
		s.Write(p[:n])
	}
	if c.left >= 0 {
		c.left = max(c.left-int64(n), 0)
	}
	if err != io.EOF {
		return n, err
	}
	if c.left > 0 {
		return n, errIncomplete
	}
	for i, s := range c.sums {
		if !bytes.Equal(s.Sum(nil), c.wants[i]) {
			return n, c.errs[i]
		}
	}
	return n, io.EOF
}

// bodyError is the error of a body that is not an upload.
func bodyError(err error) error {
	if im.CodeOf(err) != im.CodeInternal {
		return err
	}
	return errIncomplete
}

func requestID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return strings.ToUpper(hex.EncodeToString(b))
}

func writeXML(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := xml.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	b = append([]byte(xml.Header), b...)
	hd := w.Header()
	hd.Set("Content-Type", "application/xml")
	hd.Set("Content-Length", strconv.Itoa(len(b)))
	hd.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // a client that has gone away cannot be told
	}
}
