package bench

import (
	"bytes"
	"encoding/hex"
	"strconv"

	"github.com/gobwas/ws"

	"hongyan/internal/edge/wire"
)

// author writes numbered messages to one conversation. The n-th has the SER
// serBase+n and carries n in its text, so answers and deliveries need no table to
// be found in.
type author struct {
	run    string // eight characters, in every text of this run
	size   int    // bytes of a text
	from   string
	sender *Client
	head   []byte // the request between its SER and its text
	tail   []byte // the text after its number
}

const serBase = 1000000

const textHead = 8 + 1 + 8 + 1 // run, number

// Scenes of messages, tag 0 (docs/protocol/nim-core.md section 5.1).
const (
	sceneP2P       = 0
	sceneTeam      = 1
	sceneSuperTeam = 5
)

// newAuthor prepares the messages of command id (7-1, 8-2 or 21-2), in scene.
func newAuthor(run string, size int, id wire.ID, scene int, from, to string) author {
	a := author{run: run, size: max(size, textHead), from: from}
	a.head = append(a.head, `,"SID":`...)
	a.head = strconv.AppendInt(a.head, int64(id.SID), 10)
	a.head = append(a.head, `,"CID":`...)
	a.head = strconv.AppendInt(a.head, int64(id.CID), 10)
	a.head = append(a.head, `,"Q":[{"t":"Property","v":{"0":`...)
	a.head = strconv.AppendInt(a.head, int64(scene), 10)
	a.head = append(a.head, `,"1":`...)
	a.head = wire.AppendString(a.head, to)
	a.head = append(a.head, `,"2":`...)
	a.head = wire.AppendString(a.head, from)
	a.head = append(a.head, `,"4":16,"5":`...)
	a.head = wire.AppendString(a.head, deviceOf(from))
	a.head = append(a.head, `,"6":`...)
	a.head = wire.AppendString(a.head, from)
	a.head = append(a.head, `,"8":0,"9":"`+run+" "...)
	const words = "the quick brown fox jumps over the lazy dog and so on "
	a.tail = bytes.Repeat([]byte(words), a.size/len(words)+1)[:a.size-textHead]
	return a
}

// write queues message n at the sender's connection; the caller flushes, or is
// the reader of that connection.
func (a *author) write(n int) {
	l := a.sender.link
	l.mu.Lock()
	defer l.mu.Unlock()
	b, start := openFrame(l.out)
	b = append(b, `3:::{"SER":`...)
	b = strconv.AppendInt(b, int64(serBase+n), 10)
	b = append(b, a.head...)
	b = appendNumber(b, n)
	b = append(b, ' ')
	b = append(b, a.tail...)
	b = append(b, `","11":"`...)
	b = append(b, a.run...)
	b = hex.AppendEncode(b, []byte(a.from)[:min(len(a.from), 8)])
	for pad := len(a.from); pad < 8; pad++ {
		b = append(b, '0', '0')
	}
	b = appendNumber(b, n)
	b = append(b, `","14":0}}]}`...)
	l.out = sealFrame(b, start, ws.OpText)
}

// appendNumber appends n with eight digits.
func appendNumber(b []byte, n int) []byte {
	var d [8]byte
	for i := len(d) - 1; i >= 0; i-- {
		d[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, d[:]...)
}

// number reads the number of a message out of its text, -1 if it is not of this run.
func (a *author) number(text []byte) int {
	if len(text) < textHead || string(text[:len(a.run)]) != a.run {
		return -1
	}
	n, err := strconv.Atoi(string(text[len(a.run)+1 : textHead-1]))
	if err != nil {
		return -1
	}
	return n
}
