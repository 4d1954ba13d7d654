package nimapi

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"hongyan/internal/edge/multiform"
	"hongyan/internal/edge/spool"
	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxUpload is the largest file in bytes (docs/api/server-v1.md section 12.8).
	maxUpload = 15 << 20
	// maxUploadBody bounds the whole body: every character of the base64 text may
	// be percent-encoded.
	maxUploadBody = 3 * (maxUpload/3*4 + 1<<20)
	// maxUploadField bounds every other parameter, in bytes.
	maxUploadField = 4096
	// maxUploadFields bounds how many there are.
	maxUploadFields = 32
	// uploadDeadline is how long a caller may take to send a file.
	uploadDeadline = 60 * time.Second
	// maxSpools bounds the files of callers that lie on the disk before they are
	// stored.
	maxSpools = 32
)

type uploadParams struct {
	Type   string `form:"type,max=128"`
	HTTPS  bool   `form:"ishttps"` // URLs are always https
	Expire int    `form:"expireSec"`
	Tag    string `form:"tag,max=32"`
}

// aside is an uploaded file on its way: its parameters may come after it.
type aside struct {
	*spool.File
	free func()
}

func (s *aside) close() {
	if s != nil {
		s.Close()
		s.free()
	}
}

// upload makes the handler of an endpoint that takes a file. kind is the
// documented type of its parameter content: base64 or file.
func (a *API) upload(kind string) Handler {
	b := newBinder(reflect.TypeFor[uploadParams]())
	params := append([]Param{{Name: "content", Kind: kind, Required: true, Max: maxUpload >> 20}}, b.params...)
	return Handler{params: params,
		read: func(w http.ResponseWriter, r *http.Request, c *Call) (Values, error) {
			return a.readUpload(w, r, c, kind)
		},
		run: func(ctx context.Context, c *Call, v Values) (Result, error) {
			var p uploadParams
			if err := b.bind(v, reflect.ValueOf(&p).Elem()); err != nil {
				return nil, err
			}
			return a.storeUpload(ctx, c, p)
		}}
}

func (a *API) storeUpload(ctx context.Context, c *Call, p uploadParams) (Result, error) {
	if c.spool == nil || c.spool.Size() == 0 {
		return nil, im.Errorf(im.CodeBadParam, "content is empty")
	}
	if p.Expire != 0 && p.Expire < file.MinExpireSec {
		return nil, im.Errorf(im.CodeBadParam, "expireSec must be at least %d", file.MinExpireSec)
	}
	if err := c.spool.Rewind(); err != nil {
		return nil, err
	}
	u, err := a.Files.Put(ctx, c.App, file.Upload{Source: file.Source{Body: c.spool, Size: c.spool.Size(), Type: p.Type}, Scene: p.Tag, ExpireSec: int64(p.Expire)})
	if err != nil {
		return nil, err
	}
	return with("url", u), nil
}

// readUpload reads the body of an upload: the file goes to the spool, the rest
// into the values.
func (a *API) readUpload(w http.ResponseWriter, r *http.Request, c *Call, kind string) (Values, error) {
	if a.Files == nil {
		return nil, im.Errorf(im.CodeUnavailable, "uploads through the server API are not available on this server")
	}
	media, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	multi := err == nil && media == "multipart/form-data"
	if err != nil && strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "multipart/form-data") {
		multi, args = true, nil
	}
	if !multi && (err != nil || media != "application/x-www-form-urlencoded") || multi && kind == "base64" {
		return nil, im.Errorf(im.CodeBadParam, "unexpected Content-Type")
	}
	select {
	case a.spools <- struct{}{}:
	default:
		return nil, im.Errorf(im.CodeTooFrequent, "too many uploads at a time")
	}
	f, err := a.Spool.New(maxUpload)
	if err != nil {
		<-a.spools
		return nil, err
	}
	c.spool = &aside{File: f, free: func() { <-a.spools }}
	// A recorder in a test has no deadline to set.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadDeadline))
	body := http.MaxBytesReader(w, r.Body, maxUploadBody)
	var v Values
	if boundary := args["boundary"]; multi && boundary != "" {
		v, err = readParts(multiform.NewReader(body, boundary), c.spool)
	} else {
		// The documented sample names multipart and sends a plain form.
		v, err = readPairs(body, c.spool, kind == "base64")
	}
	if err != nil {
		return nil, uploadFault(err)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, im.Errorf(im.CodeBadParam, "malformed form")
	}
	for name, values := range query {
		if name = strings.ToLower(name); v[name] == "" {
			if err := v.keep(name, values[0]); err != nil {
				return nil, err
			}
		}
	}
	if utf8.RuneCountInString(v["type"]) > 128 {
		delete(v, "type") // too long counts as absent
	}
	return v, nil
}

// uploadFault makes an answer of what stopped reading.
func uploadFault(err error) error {
	var known *im.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &large):
		return file.ErrTooLarge
	case errors.Is(err, multiform.ErrCut), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		return im.Errorf(im.CodeTimeout, "request body incomplete")
	}
	return im.Errorf(im.CodeBadParam, "malformed form")
}

// keep adds a parameter; the first of a name counts.
func (v Values) keep(name, text string) error {
	name = strings.ToLower(name)
	if _, ok := v[name]; ok || name == "content" {
		return nil
	}
	if len(v) >= maxUploadFields || len(text) > maxUploadField {
		return im.Errorf(im.CodeBadParam, "too many or too long parameters")
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return im.Errorf(im.CodeBadParam, "%s is not UTF-8 text", clip(name))
	}
	v[name] = text
	return nil
}

// readParts reads a multipart form; content may be a file part or a plain field.
func readParts(form *multiform.Reader, to io.Writer) (Values, error) {
	v := Values{}
	for range maxUploadFields {
		p, err := form.Next(false)
		if err == io.EOF { //nolint:errorlint // a wrapped one is no end
			return v, nil
		}
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(p.FormName(), "content") {
			if _, err := io.Copy(to, p); err != nil {
				return nil, err
			}
			continue
		}
		b, err := io.ReadAll(io.LimitReader(p, maxUploadField+1))
		if err != nil {
			return nil, err
		}
		if err := v.keep(p.FormName(), string(b)); err != nil {
			return nil, err
		}
	}
	return nil, im.Errorf(im.CodeBadParam, "too many parameters")
}
