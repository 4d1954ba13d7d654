// Package multiform owns the reading of multipart forms of which nothing may be
// missing: a form that was cut off is told from one that has ended.
//
// It must not know what is in a form.
package multiform

import (
	"errors"
	"io"
	"mime/multipart"
	"strings"
)

// ErrCut says that a form has no end.
var ErrCut = errors.New("the form ends before its last boundary")

// Reader reads the parts of a form.
type Reader struct {
	parts *multipart.Reader
	ended bool
}

// NewReader returns a reader of a form between boundaries of this text.
//
// The library takes the end of the body for the end of a form at many places: in
// the boundary, in a part's headers. So it is never shown that end: what a body
// that has ended gives is a line's end, which makes a last boundary complete if it
// is one, and an error behind it.
func NewReader(body io.Reader, boundary string) *Reader {
	return &Reader{parts: multipart.NewReader(io.MultiReader(body, strings.NewReader("\r\n"), cut{}), boundary)}
}

// Next returns the next part, or io.EOF itself behind the last boundary, however
// often it is asked. Reading a part, too, fails with ErrCut in a form that is cut
// off. raw parts keep their transfer encoding.
func (r *Reader) Next(raw bool) (p *multipart.Part, err error) {
	switch {
	case r.ended:
		return nil, io.EOF
	case raw:
		p, err = r.parts.NextRawPart()
	default:
		p, err = r.parts.NextPart()
	}
	r.ended = err == io.EOF //nolint:errorlint // a wrapped one is no end
	return p, err
}

type cut struct{}

// Read implements io.Reader.
func (cut) Read([]byte) (int, error) { return 0, ErrCut }

// Meter reads at most Left bytes, then fails with Err: what a form has beside its
// file is kept in memory.
type Meter struct {
	R    io.Reader
	Left int64
	Err  error
}

// Read implements io.Reader.
func (m *Meter) Read(p []byte) (int, error) {
	if m.Left <= 0 {
		return 0, m.Err
	}
	if int64(len(p)) > m.Left {
		p = p[:m.Left]
	}
	n, err := m.R.Read(p)
	m.Left -= int64(n)
	return n, err
}
