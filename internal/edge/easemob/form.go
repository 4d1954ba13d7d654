package easemob

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hongyan/internal/edge/multiform"
	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const (
	// maxParts bounds the parts of a form.
	maxParts = 20
	// maxField bounds one field that is read, in bytes.
	maxField = 1 << 10
	// besideFile bounds what a form has beside its file, in bytes: other parts,
	// and headers, which are kept in memory.
	besideFile = 1 << 20
	// maxName is the longest file name in bytes.
	maxName = 255
	// minSide and maxSide bound the box of a thumbnail, in pixels.
	minSide = 16
	maxSide = 1024
)

// form is a multipart form that is being read; its fields come before and behind
// the file.
type form struct {
	parts  *multiform.Reader
	meter  multiform.Meter
	seen   int
	fields map[string]string
}

// form begins to read the request's body, in which a file of fileMax bytes may be.
func (c *call) form(fileMax int64) (*form, error) {
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" || len(params["boundary"]) > 200 {
		return nil, errMediaType
	}
	if c.r.ContentLength > fileMax+besideFile {
		return nil, errTooLarge
	}
	c.read = true
	f := &form{meter: multiform.Meter{R: c.r.Body, Left: besideFile, Err: file.ErrTooLarge}, fields: map[string]string{}}
	f.parts = multiform.NewReader(&f.meter, params["boundary"])
	return f, nil
}

// next reads up to the first part of this name; "" reads all there is. At the end
// of the form it returns nil.
func (f *form) next(name string) (*multipart.Part, error) {
	for {
		p, err := f.parts.Next(true)
		if err == io.EOF { //nolint:errorlint // a wrapped one is a form without an end
			return nil, nil
		}
		if err != nil {
			return nil, brokenForm(err)
		}
		if f.seen++; f.seen > maxParts {
			return nil, errArgument.because("too many parts")
		}
		switch n := p.FormName(); {
		case n == name && name != "":
			return p, nil
		case n == "filename", n == "thumbnail-width", n == "thumbnail-height", n == "part_number":
			b, err := io.ReadAll(io.LimitReader(p, maxField+1))
			if err != nil {
				return nil, brokenForm(err)
			}
			if len(b) > maxField {
				return nil, errArgument.because("field too long")
			}
			f.fields[n] = string(b)
		}
	}
}

// source is the content of a part. Behind it, what else is in the form is bounded
// anew.
func (f *form) source(p *multipart.Part, fileMax int64) file.Source {
	f.meter.Left += fileMax + 1
	return file.Source{Body: p, Size: -1, Type: p.Header.Get("Content-Type")}
}

func (f *form) rest() error {
	f.meter.Left = besideFile
	_, err := f.next("")
	return err
}

func brokenForm(err error) error {
	var known *im.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, multiform.ErrCut), errors.Is(err, io.ErrUnexpectedEOF):
		return errArgument.because("the form has no end")
	}
	return errArgument.because("malformed form")
}

// fileName is a name that can be shown and saved, "" if nothing is left of it.
func fileName(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), `\`, "/")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, path.Base(s))
	s = strings.TrimSpace(s)
	if s == "." || s == ".." || s == "/" {
		return ""
	}
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// chat is what an upload says of its file: part before header before query
// (docs/api/easemob.md section 5.2).
func (c *call) chat(fields map[string]string, name string) *file.Chat {
	side := func(what string) int {
		for _, v := range []string{fields[what], c.r.Header.Get(what), c.query.Get(what)} {
			if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && n > 0 {
				return min(max(n, minSide), maxSide)
			}
		}
		return 0
	}
	if name == "" {
		name = fields["filename"]
	}
	out := &file.Chat{Name: fileName(name), Restricted: c.restricted(), ThumbWidth: side("thumbnail-width"), ThumbHeight: side("thumbnail-height")}
	switch t := c.query.Get("chat-type"); t {
	case "CHAT", "GROUP", "ROOM":
		target := c.query.Get("chat-target")
		if out.ChatType = t; target != "undefined" && len(target) <= 64 && utf8.ValidString(target) && strings.IndexByte(target, 0) < 0 {
			out.ChatTarget = target
		}
	}
	return out
}

// restricted says whether the upload restricts access: by presence of the header,
// or of the query of an upload by parts, unless the app has chosen the value.
func (c *call) restricted() bool {
	const name = "restrict-access"
	values := append(c.r.Header[http.CanonicalHeaderKey(name)], c.query[name]...)
	if len(values) == 0 {
		return false
	}
	if c.app.Settings.Easemob.Restrict == "presence" {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(values[0])) {
	case "false", "0", "no":
		return false
	}
	return true
}
