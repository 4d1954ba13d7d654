package blobstore

import (
	"io"
	"sync"
)

// bufferSize is what one upload reads at a time, in bytes: large enough that the
// calls cost little beside the bytes, small enough for hundreds of uploads.
const bufferSize = 128 << 10

// buffers lends the buffers of uploads. It is safe for concurrent use.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{pool: sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// copy copies with a buffer of ours, whatever the two can do by themselves.
func (b *buffers) copy(w io.Writer, r io.Reader) (int64, error) {
	p := b.pool.Get().(*[bufferSize]byte)
	defer b.pool.Put(p)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, p[:])
}
