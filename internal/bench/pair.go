package bench

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// pair is one sender and one receiver, and what became of every message between
// them. The n-th message of the pair has the SER serBase+n and carries n in its
// text, so answers and deliveries need no table to be found in.
type pair struct {
	run    string // eight characters, in every text of this run
	size   int    // bytes of a text
	sender *Client
	to     string
	from   string
	head   []byte // the request between its SER and its text
	tail   []byte // the text after its number

	mu       sync.Mutex
	messages []message
	phase    *phase
	lastTime int64 // server time of the last delivery
	lastSeq  int   // number of the last delivery
}

// message is one message of a pair.
type message struct {
	due   time.Time
	state state
}

type state uint8

const (
	acked state = 1 << iota
	refused
	delivered
)

const serBase = 1000000

// phase is a part of a run with figures of its own. Its counters belong to the
// pair, under its lock.
type phase struct {
	first int // number of the first message
	again func() bool

	ack       Histogram
	delivery  Histogram
	sent      int
	acked     int
	refused   map[int]int // by code
	delivered int
	duplicate int
	disorder  int // delivered after a later one, or with a time that does not increase
	foreign   int // deliveries that belong to nobody here
}

const textHead = 8 + 1 + 8 + 1 // run, number

func newPair(i int, run string, size int) *pair {
	from, to := account(2*i), account(2*i+1)
	p := &pair{run: run, size: max(size, textHead), from: from, to: to, lastSeq: -1}
	p.head = append(p.head, `,"SID":7,"CID":1,"Q":[{"t":"Property","v":{"0":0,"1":`...)
	p.head = wire.AppendString(p.head, to)
	p.head = append(p.head, `,"2":`...)
	p.head = wire.AppendString(p.head, from)
	p.head = append(p.head, `,"4":16,"5":`...)
	p.head = wire.AppendString(p.head, deviceOf(from))
	p.head = append(p.head, `,"6":`...)
	p.head = wire.AppendString(p.head, from)
	p.head = append(p.head, `,"8":0,"9":"`+run+" "...)
	const words = "the quick brown fox jumps over the lazy dog and so on "
	p.tail = bytes.Repeat([]byte(words), p.size/len(words)+1)[:p.size-textHead]
	return p
}

// begin starts a phase. again decides after each answer whether the next message
// follows at once; nil: never.
func (p *pair) begin(again func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = &phase{first: len(p.messages), again: again, refused: map[int]int{}}
}

// send queues the next message and, unless called from the reader, writes it.
func (p *pair) send(due time.Time) error {
	p.mu.Lock()
	p.queue(due)
	p.mu.Unlock()
	return p.sender.link.flush()
}

// queue appends the next message to the output of the sender. The lock is held.
func (p *pair) queue(due time.Time) {
	n := len(p.messages)
	p.messages = append(p.messages, message{due: due})
	p.phase.sent++
	l := p.sender.link
	l.mu.Lock()
	defer l.mu.Unlock()
	b, start := openFrame(l.out)
	b = append(b, `3:::{"SER":`...)
	b = strconv.AppendInt(b, int64(serBase+n), 10)
	b = append(b, p.head...)
	b = appendNumber(b, n)
	b = append(b, ' ')
	b = append(b, p.tail...)
	b = append(b, `","11":"`...)
	b = append(b, p.run...)
	b = hex.AppendEncode(b, []byte(p.from)[:min(len(p.from), 8)])
	for pad := len(p.from); pad < 8; pad++ {
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

// onSender sees what arrives at the sender: answers.
func (p *pair) onSender(pk *Packet) {
	if pk.SID != nimwire.SendMsg.SID || pk.CID != nimwire.SendMsg.CID {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := int(pk.SER - serBase)
	if p.phase == nil || n < 0 || n >= len(p.messages) {
		return
	}
	m := &p.messages[n]
	if pk.Code != 200 {
		m.state |= refused
		p.phase.refused[pk.Code]++
		return
	}
	if m.state&acked == 0 {
		m.state |= acked
		p.phase.acked++
		p.phase.ack.Add(pk.At.Sub(m.due))
	}
	if p.phase.again != nil && p.phase.again() {
		p.queue(pk.At) // the reader writes it
	}
}

// onReceiver sees what arrives at the receiver: deliveries.
func (p *pair) onReceiver(pk *Packet) {
	if pk.SID != nimwire.OnMsg.SID || pk.CID != nimwire.OnMsg.CID || len(pk.R) == 0 {
		return
	}
	var f msgFields
	ok := f.scan(pk.R[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == nil {
		return
	}
	n := p.number(f.body)
	if !ok || n < 0 || n >= len(p.messages) || string(f.to) != p.to || string(f.from) != p.from {
		// Only an earlier run between the same two may have left something.
		if !ok || string(f.to) != p.to || string(f.from) != p.from {
			p.phase.foreign++
		}
		return
	}
	m := &p.messages[n]
	if m.state&delivered != 0 {
		p.phase.duplicate++
		return
	}
	m.state |= delivered
	p.phase.delivered++
	p.phase.delivery.Add(pk.At.Sub(m.due))
	at, err := strconv.ParseInt(string(f.time), 10, 64)
	if n < p.lastSeq || err != nil || at <= p.lastTime {
		p.phase.disorder++
	}
	p.lastSeq, p.lastTime = n, at
}

// number reads the number of a message out of its text, -1 if it is not of this run.
func (p *pair) number(text []byte) int {
	if len(text) < textHead || string(text[:len(p.run)]) != p.run {
		return -1
	}
	n, err := strconv.Atoi(string(text[len(p.run)+1 : textHead-1]))
	if err != nil {
		return -1
	}
	return n
}

// progress returns how many answers and deliveries of the phase there were, and
// whether no more are to come.
func (p *pair) progress() (n int, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ph := p.phase
	answered := ph.acked
	for _, n := range ph.refused {
		answered += n
	}
	return answered + ph.delivered, answered == ph.sent && ph.delivered >= ph.acked
}

// open reports how many messages of the phase have no answer, and how many were
// acknowledged and not delivered.
func (p *pair) open() (unanswered, undelivered int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := p.phase.first; i < len(p.messages); i++ {
		switch s := p.messages[i].state; {
		case s&(acked|refused) == 0:
			unanswered++
		case s&acked != 0 && s&delivered == 0:
			undelivered++
		}
	}
	return unanswered, undelivered
}

// broken says why the pair cannot go on, nil if it can.
func (p *pair) broken(receiver *Client) error {
	for _, c := range []*Client{p.sender, receiver} {
		if err := c.Err(); err != nil {
			return fmt.Errorf("bench: connection of %s lost: %w", c.opts.Account, err)
		}
	}
	return nil
}
