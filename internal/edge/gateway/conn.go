package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"

	"github.com/gobwas/ws"
)

// Conn is one client's socket as the rest of the gateway needs it, so that the
// WebSocket library can be exchanged (docs/adr/0003-websocket.md).
type Conn interface {
	// ReadMessage returns the next text message; it is valid until the next call.
	ReadMessage() ([]byte, error)
	// Write sends prepared frames (see Frame) in one go.
	Write(frames []byte) error
	// CloseWrite tells the peer that nothing follows; reading goes on.
	CloseWrite() error
	// Close closes the socket; it may be called while others read and write.
	Close() error
	// Wait returns when bytes of a message are there or the connection has
	// ended. It is where an idle connection's goroutine sleeps. shallow says
	// that a goroutine that calls nothing else keeps its initial stack there.
	Wait() (shallow bool)
	// Pending says whether bytes beyond the last message have been read already.
	Pending() bool
}

// Frame wraps text into an unmasked WebSocket text frame, ready for Write on
// any number of connections.
func Frame(text []byte) []byte {
	b := make([]byte, 0, len(text)+10)
	return append(appendHeader(b, ws.OpText, len(text)), text...)
}

func appendHeader(b []byte, op ws.OpCode, n int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return append(b, 126, byte(n>>8), byte(n))
	default:
		u := uint64(n)
		return append(b, 127, byte(u>>56), byte(u>>48), byte(u>>40), byte(u>>32), byte(u>>24), byte(u>>16), byte(u>>8), byte(u))
	}
}

// Reasons a message cannot be read; the connection is closed after any of them.
var (
	errTooLarge   = errors.New("frame too large")
	errProtocol   = errors.New("websocket protocol violation")
	errPeerClosed = errors.New("closed by the peer")
)

// readChunk is the size of the pooled read buffers: most requests fit in one.
const readChunk = 4096

// bufferPool lends read buffers: a connection holds one only while bytes of an
// unfinished or unhandled frame are in it, so ten thousand idle connections
// hold none.
type bufferPool struct{ p sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{p: sync.Pool{New: func() any { b := make([]byte, readChunk); return &b }}}
}

func (p *bufferPool) get() *[]byte { return p.p.Get().(*[]byte) }

func (p *bufferPool) put(b *[]byte) {
	if cap(*b) == readChunk { // grown ones are left to the collector
		*b = (*b)[:readChunk]
		p.p.Put(b)
	}
}

// wsConn is Conn over RFC 6455 on a hijacked connection.
type wsConn struct {
	conn  net.Conn
	raw   syscall.RawConn // nil where bytes pass through TLS
	pool  *bufferPool
	limit int

	buf        *[]byte // nil while idle
	start, end int     // unread bytes of buf
	used       int     // bytes of buf that the last message returned still occupies
	partial    []byte  // earlier fragments of a fragmented message

	readErr error // result of the readiness callback, kept here so that it allocates nothing
	readN   int
	onReady func(fd uintptr) bool
	onPeek  func(fd uintptr) bool
	slept   bool // Wait found nothing and has slept

	writeMu sync.Mutex // guards writing: pongs are written by the reader
}

func newWSConn(c net.Conn, pool *bufferPool, limit int, early []byte) *wsConn {
	w := &wsConn{conn: c, pool: pool, limit: limit}
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			w.raw, w.onReady, w.onPeek = raw, w.readReady, w.peekReady
		}
	}
	if len(early) > 0 { // sent by the client before it had our answer
		w.buf = pool.get()
		w.end = copy(*w.buf, early)
	}
	return w
}

// Wait implements Conn.
func (w *wsConn) Wait() bool {
	w.release()
	if w.start == w.end && w.raw != nil {
		w.slept = false
		_ = w.raw.Read(w.onPeek) // an error comes again from ReadMessage
	}
	return w.raw != nil
}

// peekReady looks whether bytes are there without reading them, and after a
// sleep believes what woke it. It needs very little stack: whatever made the
// waiting goroutine's stack grow from 2 KiB to 4 would keep it there, as the
// runtime does not shrink a stack that small.
func (w *wsConn) peekReady(fd uintptr) bool {
	if w.slept {
		return true
	}
	var b byte
	_, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	w.slept = err == syscall.EAGAIN
	return !w.slept
}

// release gives up the bytes of the last message, and the buffer if it is empty.
func (w *wsConn) release() {
	w.start, w.used = w.start+w.used, 0
	if w.start == w.end && w.buf != nil {
		w.pool.put(w.buf)
		w.buf, w.start, w.end = nil, 0, 0
	}
}

// ReadMessage implements Conn.
func (w *wsConn) ReadMessage() ([]byte, error) {
	w.release()
	for {
		h, size, err := w.header()
		if err != nil {
			return nil, err
		}
		total := size + int(h.Length)
		if err := w.need(total); err != nil {
			return nil, err
		}
		payload := (*w.buf)[w.start+size : w.start+total]
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode.IsControl() {
			err := w.control(h, payload)
			w.start += total
			if err != nil {
				return nil, err
			}
			continue
		}
		if h.Fin && h.OpCode == ws.OpText && w.partial == nil {
			w.used = total
			return payload, nil
		}
		switch {
		case h.OpCode == ws.OpText && w.partial == nil:
			w.partial = append([]byte{}, payload...)
		case h.OpCode == ws.OpContinuation && w.partial != nil:
			if len(w.partial)+len(payload) > w.limit {
				return nil, errTooLarge
			}
			w.partial = append(w.partial, payload...)
		default:
			return nil, errProtocol // binary, or fragments out of order
		}
		w.start += total
		if h.Fin {
			msg := w.partial
			w.partial = nil
			return msg, nil
		}
	}
}

// header reads a frame header and returns it with its size in bytes.
func (w *wsConn) header() (ws.Header, int, error) {
	if err := w.need(2); err != nil {
		return ws.Header{}, 0, err
	}
	b := (*w.buf)[w.start:]
	size := 2 + 4
	switch b[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b[1]&0x80 == 0 || b[0]&0x70 != 0 { // clients mask; no extension was agreed on
		return ws.Header{}, 0, errProtocol
	}
	if err := w.need(size); err != nil {
		return ws.Header{}, 0, err
	}
	r := sliceReader((*w.buf)[w.start : w.start+size])
	h, err := ws.ReadHeader(&r)
	switch {
	case err != nil:
		return h, 0, errProtocol
	case h.Length > int64(w.limit):
		return h, 0, errTooLarge
	case h.OpCode > ws.OpPong:
		return h, 0, errProtocol
	case h.OpCode.IsControl() && (h.Length > ws.MaxControlFramePayloadSize || !h.Fin):
		return h, 0, errProtocol
	}
	return h, size, nil
}

type sliceReader []byte

func (r *sliceReader) Read(p []byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *r)
	*r = (*r)[n:]
	return n, nil
}

func (w *wsConn) control(h ws.Header, payload []byte) error {
	switch h.OpCode {
	case ws.OpPing:
		return w.Write(append(appendHeader(nil, ws.OpPong, len(payload)), payload...))
	case ws.OpClose:
		w.Write(append(appendHeader(nil, ws.OpClose, len(payload)), payload...))
		return errPeerClosed
	}
	return nil
}

// need makes sure that n bytes from start on are in buf.
func (w *wsConn) need(n int) error {
	for w.end-w.start < n {
		w.release()
		if w.buf != nil && w.end == len(*w.buf) { // full: room is made for what came, not for what is announced
			w.makeRoom(n)
		}
		if err := w.fill(); err != nil {
			return err
		}
	}
	return nil
}

// makeRoom moves the unread bytes to the front of a buffer that can hold n.
func (w *wsConn) makeRoom(n int) {
	old := w.buf
	if n > len(*old) {
		// Doubling: a peer that announces much and sends little gets little memory.
		size := min(max(2*len(*old), min(n, 64<<10)), max(n, readChunk))
		b := make([]byte, size)
		w.buf = &b
	}
	w.end = copy(*w.buf, (*old)[w.start:w.end])
	w.start = 0
	if w.buf != old {
		w.pool.put(old)
	}
}

// fill waits until bytes arrive and reads them into buf.
func (w *wsConn) fill() error {
	if w.buf != nil && w.end == len(*w.buf) {
		w.makeRoom(2 * len(*w.buf))
	}
	if w.raw == nil {
		if w.buf == nil {
			w.buf = w.pool.get()
		}
		n, err := w.conn.Read((*w.buf)[w.end:])
		w.end += n
		if n > 0 {
			return nil
		}
		return err
	}
	w.readErr, w.readN = nil, 0
	if err := w.raw.Read(w.onReady); err != nil {
		return err
	}
	w.end += w.readN
	return w.readErr
}

// readReady is called when the socket may have bytes; false waits. The buffer
// is borrowed only for the moment of the read.
func (w *wsConn) readReady(fd uintptr) bool {
	lent := w.buf == nil
	if lent {
		w.buf = w.pool.get()
	}
	for {
		n, err := syscall.Read(int(fd), (*w.buf)[w.end:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			if lent {
				w.pool.put(w.buf)
				w.buf = nil
			}
			return false
		case err != nil:
			w.readErr = err
		case n == 0:
			w.readErr = io.EOF
		default:
			w.readN = n
		}
		return true
	}
}

// Write implements Conn.
func (w *wsConn) Write(frames []byte) error {
	w.writeMu.Lock()
	defer w.writeMu.Unlock()
	_, err := w.conn.Write(frames)
	return err
}

// CloseWrite implements Conn.
func (w *wsConn) CloseWrite() error {
	if c, ok := w.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements Conn.
func (w *wsConn) Close() error { return w.conn.Close() }

// Pending implements Conn.
func (w *wsConn) Pending() bool { return w.start+w.used < w.end }
