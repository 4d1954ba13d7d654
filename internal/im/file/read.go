package file

import (
	"context"
	"errors"
	"io"
	"os"
	"sort"
)

// Reader reads a file from any position. It is for one goroutine; close it.
type Reader struct {
	ctx   context.Context // the reader's life is the request's
	blobs Blobs
	file  *File
	at    int64
	open  io.ReadCloser // current part, nil = none
}

// Open returns a reader of a finished file. ctx ends reading.
func (s *Service) Open(ctx context.Context, f *File) *Reader {
	return &Reader{ctx: ctx, blobs: s.blobs, file: f}
}

// Ready opens what the next byte is in, so that a content that is not there, or
// cannot be had now, is told before anything of it has been promised.
func (r *Reader) Ready() error {
	if r.open != nil || r.at >= r.file.Size {
		return nil
	}
	return r.openPart()
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		if r.at >= r.file.Size {
			return 0, io.EOF
		}
		if r.open == nil {
			if err := r.openPart(); err != nil {
				return 0, err
			}
		}
		n, err := r.open.Read(p)
		r.at += int64(n)
		if errors.Is(err, io.EOF) {
			r.closePart()
			err = nil
			if n == 0 && !r.boundary() {
				return 0, io.ErrUnexpectedEOF
			}
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Send gives w the next bytes, at most n, from one part of the file. Where the
// part is a file of the system and w can, the kernel copies.
func (r *Reader) Send(w io.Writer, n int64) (int64, error) {
	if r.at >= r.file.Size {
		return 0, io.EOF
	}
	if r.open == nil {
		if err := r.openPart(); err != nil {
			return 0, err
		}
	}
	p := r.file.Parts[r.part()]
	n = min(n, p.Start+p.Size-r.at)
	m, err := io.Copy(w, &io.LimitedReader{R: r.open, N: n})
	if r.at += m; err == nil && m < n {
		err = io.ErrUnexpectedEOF
	}
	if r.at == p.Start+p.Size {
		r.closePart()
	}
	return m, err
}

// Whole returns the file of the system that the content is, nil if it is in
// pieces or elsewhere. It is closed with the reader.
func (r *Reader) Whole() *os.File {
	if len(r.file.Parts) != 1 || r.open == nil && r.openPart() != nil {
		return nil
	}
	f, _ := r.open.(*os.File)
	return f
}

// boundary says whether a part begins, or the file ends, at the position.
func (r *Reader) boundary() bool {
	if r.at >= r.file.Size {
		return true
	}
	return r.file.Parts[r.part()].Start == r.at
}

func (r *Reader) part() int {
	return sort.Search(len(r.file.Parts), func(i int) bool { return r.file.Parts[i].Start > r.at }) - 1
}

func (r *Reader) openPart() error {
	i := r.part()
	if i < 0 {
		return io.ErrUnexpectedEOF
	}
	p := r.file.Parts[i]
	if r.at >= p.Start+p.Size {
		return io.ErrUnexpectedEOF
	}
	var err error
	r.open, err = r.blobs.Open(r.ctx, p.Blob, r.at-p.Start, -1)
	return err
}

func (r *Reader) closePart() {
	if r.open != nil {
		r.open.Close()
		r.open = nil
	}
}

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.file.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if offset != r.at {
		r.closePart()
		r.at = offset
	}
	return offset, nil
}

// Close implements io.Closer.
func (r *Reader) Close() error {
	r.closePart()
	return nil
}
