package gateway

import (
	"sync"
	"sync/atomic"
	"time"
)

// coalesce is how many bytes are joined into one write.
const coalesce = 32 << 10

// writer is a connection's bounded outgoing queue. Whoever has something to
// send appends and goes on; one worker at a time writes, and only while there is
// something to write. Nobody ever waits for a slow peer: a
// queue that grows over its bound ends the connection.
type writer struct {
	conn      Conn
	limit     int
	pool      *bufferPool
	flushSoon func() // has a worker call flush

	busySince atomic.Int64 // ms; when the write under way began, 0 = none

	mu      sync.Mutex // guards the rest
	frames  [][]byte
	bytes   int
	writing bool
	closed  bool
	last    bool // after what is queued the peer is expected to close
}

// put queues a frame made by Frame. It says false if the queue is over its
// bound, in which case the connection must be closed.
func (w *writer) put(frame []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.last {
		return true // on its way out: dropped, as with any lost connection
	}
	if w.bytes+len(frame) > w.limit {
		return false
	}
	w.frames = append(w.frames, frame)
	w.bytes += len(frame)
	w.start()
	return true
}

// finish ends writing when the queue has been written: the peer closes then.
func (w *writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.last {
		return
	}
	w.last = true
	w.start()
}

// close closes the connection at once.
func (w *writer) close() {
	w.mu.Lock()
	was := w.closed
	w.closed, w.frames, w.bytes = true, nil, 0
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
	var joined []byte
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
		w.busySince.Store(time.Now().UnixMilli())
		sent, ok := 0, true
		for i := 0; i < len(frames) && ok; {
			if len(frames[i]) >= coalesce || i == len(frames)-1 {
				ok = w.conn.Write(frames[i]) == nil
				sent += len(frames[i])
				i++
				continue
			}
			joined = (*buf)[:0]
			for i < len(frames) && len(joined)+len(frames[i]) <= coalesce {
				joined = append(joined, frames[i]...)
				i++
			}
			if cap(joined) > cap(*buf) {
				*buf = joined[:cap(joined)]
			}
			ok = w.conn.Write(joined) == nil
			sent += len(joined)
		}
		w.busySince.Store(0)
		w.mu.Lock()
		w.bytes -= sent
		w.mu.Unlock()
		if !ok {
			w.close()
		}
	}
}
