package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// coalesce is how many bytes are joined into one write.
	coalesce = 32 << 10
	// writePiece is the most that is written at once: writeLimit is for a piece,
	// so that a slow peer has its time for a long frame.
	writePiece = 64 << 10
)

// errEnded says that nothing will be written any more.
var errEnded = errors.New("the connection has ended")

// writer is a connection's bounded outgoing queue. Whoever has something to
// send appends and goes on; one worker at a time writes, and only while there is
// something to write. Nobody who tells many ever waits for a slow peer: a queue
// of such frames that grows over its bound ends the connection. What the peer
// itself asked for does not count, as its request waits for room first.
type writer struct {
	conn      Conn
	limit     int
	pool      *bufferPool
	flushSoon func() // has a worker call flush

	busySince atomic.Int64 // ms; when the write under way began, 0 = none

	mu      sync.Mutex // guards the rest
	frames  []outFrame
	bytes   int // that wait or are being written
	pushed  int // those of them that count against limit
	writing bool
	closed  bool
	last    bool          // after what is queued the peer is expected to close
	room    chan struct{} // closed when something was written or nothing will be; nil: nobody waits
}

// outFrame is a frame in the queue; asked ones do not count against the bound.
type outFrame struct {
	b     []byte
	asked bool
}

// put queues a frame made by Frame. It says false if the queue is over its
// bound, in which case the connection must be closed. One frame may be longer
// than the bound.
func (w *writer) put(frame []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.last {
		return true // on its way out: dropped, as with any lost connection
	}
	if w.pushed > 0 && w.pushed+len(frame) > w.limit {
		return false
	}
	w.pushed += len(frame)
	w.append(outFrame{b: frame})
	return true
}

// putAsked queues a frame that the peer asked for, after wait.
func (w *writer) putAsked(frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && !w.last {
		w.append(outFrame{b: frame, asked: true})
	}
}

func (w *writer) append(f outFrame) {
	w.frames = append(w.frames, f)
	w.bytes += len(f.b)
	w.start()
}

// crowded says whether more waits than what a further request may be added to.
func (w *writer) crowded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes > w.limit/2
}

// wait returns when no more than half the bound waits. took is called whenever
// the peer has taken something meanwhile.
func (w *writer) wait(ctx context.Context, took func()) error {
	for {
		w.mu.Lock()
		if w.closed || w.last {
			w.mu.Unlock()
			return errEnded
		}
		if w.bytes <= w.limit/2 {
			w.mu.Unlock()
			return nil
		}
		if w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		w.mu.Unlock()
		select {
		case <-room:
			took()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake has those who wait for room look again; mu is held.
func (w *writer) wake() {
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
}

// finish ends writing when the queue has been written: the peer closes then.
func (w *writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.last {
		return
	}
	w.last = true
	w.wake()
	w.start()
}

// close closes the connection at once.
func (w *writer) close() {
	w.mu.Lock()
	was := w.closed
	w.closed, w.frames, w.bytes, w.pushed = true, nil, 0, 0
	w.wake()
	w.mu.Unlock()
	if !was {
		w.conn.Close()
	}
}

func (w *writer) start() {
	if !w.writing {
		w.writing = true
		w.flushSoon()
	}
}

func (w *writer) flush() {
	buf := w.pool.get()
	defer func() { w.pool.put(buf) }()
	for {
		w.mu.Lock()
		frames := w.frames
		w.frames = nil
		if len(frames) == 0 || w.closed {
			w.writing = false
			last := w.last
			w.mu.Unlock()
			// Closing at once would reset the connection if the peer has sent
			// something meanwhile, and what was written last would be lost.
			if last && w.conn.CloseWrite() != nil {
				w.close()
			}
			return
		}
		w.mu.Unlock()
		ok := true
		for i := 0; i < len(frames) && ok; {
			if len(frames[i].b) >= coalesce || i == len(frames)-1 {
				ok = w.writeLong(frames[i])
				frames[i].b = nil // what was sent is not kept until all is
				i++
				continue
			}
			joined, pushed := (*buf)[:0], 0
			for i < len(frames) && len(joined)+len(frames[i].b) <= coalesce {
				joined = append(joined, frames[i].b...)
				if !frames[i].asked {
					pushed += len(frames[i].b)
				}
				i++
			}
			if cap(joined) > cap(*buf) {
				*buf = joined[:cap(joined)]
			}
			ok = w.write(joined, pushed)
		}
		w.busySince.Store(0)
		if !ok {
			w.close()
		}
	}
}

func (w *writer) writeLong(f outFrame) bool {
	for piece := range slices.Chunk(f.b, writePiece) {
		pushed := len(piece)
		if f.asked {
			pushed = 0
		}
		if !w.write(piece, pushed) {
			return false
		}
	}
	return true
}

// write writes and takes what was written off the queue.
func (w *writer) write(b []byte, pushed int) bool {
	w.busySince.Store(time.Now().UnixMilli())
	ok := w.conn.Write(b) == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.bytes -= len(b)
		w.pushed -= pushed
	}
	w.wake()
	return ok
}
