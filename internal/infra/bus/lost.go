package bus

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"

	"hongyan/internal/im"
)

// A frame ends with a mark: an event of a kind that nobody else uses, with the
// process that sent the frame and how many frames it has sent until now. NATS
// repairs a broken route without a word; who receives finds in the numbers that
// frames are missing. Nodes of an older release take a mark for an event that
// concerns nobody.
const kindMark im.EventKind = 0

// maxSenders bounds the processes that a node follows; the one that was heard
// of longest ago is forgotten.
const maxSenders = 256

// marker numbers the frames of one process.
type marker struct {
	id int64 // of this process, random

	mu   sync.Mutex // guards sent; held while a frame is handed to NATS, so that numbers and frames are in one order
	sent int64
}

func newMarker() *marker {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return &marker{id: int64(binary.BigEndian.Uint64(b[:]) >> 1)}
}

// mark appends the next mark to a frame; mu is held. Frames of nothing but what
// is said again anyway, as heartbeats are, count nothing: they tell of the
// number alone, so that the last frame before a silence is missed too.
func (m *marker) mark(buf []byte, counts bool) []byte {
	seq := m.sent << 1
	if counts {
		m.sent++
		seq = m.sent<<1 | 1
	}
	return appendEvent(buf, &im.Event{Kind: kindMark, ID: m.id, Seq: seq})
}

// senders follows the numbers of all processes. It belongs to the one goroutine
// that receives.
type senders struct {
	begun time.Time // nothing was received before
	last  map[int64]heard
}

type heard struct {
	sent int64
	at   time.Time // when the last mark came
}

// missed follows a mark and says whether frames before it did not arrive, and
// until when all did. Of a process that is new here everything counts that it
// has ever sent: nobody knows since when it could be heard.
func (s *senders) missed(mark im.Event, now time.Time) (since time.Time, missed bool) {
	if s.last == nil {
		s.last = map[int64]heard{}
	}
	sent := mark.Seq >> 1
	before := sent - mark.Seq&1 // sent before this frame
	old, known := s.last[mark.ID]
	if !known && len(s.last) >= maxSenders {
		s.forget()
	}
	since = old.at
	if !known {
		since = s.begun
	}
	s.last[mark.ID] = heard{max(old.sent, sent), now}
	return since, before > old.sent
}

func (s *senders) forget() {
	oldest := int64(0)
	for id, h := range s.last {
		if o, ok := s.last[oldest]; !ok || h.at.Before(o.at) {
			oldest = id
		}
	}
	delete(s.last, oldest)
}
