package bench

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/gobwas/ws"
)

// link is one WebSocket connection: a read buffer that one goroutine uses, and
// an output buffer that many may append to. Whoever finds no write under way
// writes everything there is, so frames of several goroutines and all frames
// that answer one read leave in one call.
type link struct {
	nc   net.Conn
	buf  []byte // read buffer
	r, w int    // its unread part
	part []byte // earlier fragments of a message

	mu      sync.Mutex
	out     []byte // frames to be written
	spare   []byte // the other output buffer
	writing bool
	werr    error
}

// newLink takes a connection after its upgrade and what was read too much.
func newLink(nc net.Conn, size int, ahead []byte) *link {
	l := &link{nc: nc, buf: make([]byte, max(size, len(ahead)))}
	l.w = copy(l.buf, ahead)
	return l
}

// message returns the next text message if it is in the buffer; it is valid until
// the next call of message or fill. Control frames are handled on the way.
func (l *link) message() (text []byte, ok bool, err error) {
	for {
		f, ok, err := splitServerFrame(l.buf[l.r:l.w])
		if !ok || err != nil {
			return nil, false, err
		}
		l.r += f.size
		switch f.op {
		case ws.OpText, ws.OpBinary, ws.OpContinuation:
			if f.op != ws.OpContinuation {
				l.part = l.part[:0]
			}
			if f.fin && len(l.part) == 0 {
				return f.payload, true, nil
			}
			if len(l.part)+len(f.payload) > maxFrame {
				return nil, false, errFrameTooLong
			}
			l.part = append(l.part, f.payload...)
			if f.fin {
				text := l.part
				l.part = nil
				return text, true, nil
			}
		case ws.OpPing:
			l.put(ws.OpPong, f.payload)
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.payload)
			return nil, false, fmt.Errorf("bench: closed by the server: %d %s: %w", code, reason, io.EOF)
		}
	}
}

// fill reads more into the buffer.
func (l *link) fill() error {
	if l.r == l.w {
		l.r, l.w = 0, 0
	} else if l.w == len(l.buf) {
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r = 0
		if l.w > len(l.buf)/2 {
			if len(l.buf) > 2*maxFrame {
				return errFrameTooLong
			}
			l.buf = slices.Grow(l.buf, len(l.buf))
			l.buf = l.buf[:cap(l.buf)]
		}
	}
	n, err := l.nc.Read(l.buf[l.w:])
	l.w += n
	if n > 0 {
		return nil
	}
	return err
}

// put queues one frame; flush writes it.
func (l *link) put(op ws.OpCode, payload []byte) {
	l.mu.Lock()
	var start int
	l.out, start = openFrame(l.out)
	l.out = sealFrame(append(l.out, payload...), start, op)
	l.mu.Unlock()
}

// flush writes all queued frames, or leaves them to the write under way.
func (l *link) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing {
		return l.werr
	}
	l.writing = true
	for len(l.out) > 0 && l.werr == nil {
		frames := l.out
		l.out = l.spare[:0]
		l.mu.Unlock()
		_, err := l.nc.Write(frames)
		l.mu.Lock()
		l.spare = frames[:0]
		l.werr = err
	}
	l.writing = false
	return l.werr
}
