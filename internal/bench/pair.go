package bench

import (
	"strconv"
	"sync"
	"time"

	"hongyan/internal/edge/wire/nimwire"
)

// pair is one sender and one receiver, and what became of every message between
// them.
type pair struct {
	author
	to       string
	receiver *Client

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

func newPair(i int, run string, size int) *pair {
	from, to := account(2*i), account(2*i+1)
	return &pair{author: newAuthor(run, size, nimwire.SendMsg.ID(), sceneP2P, from, to), to: to, lastSeq: -1}
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
	p.write(n)
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
func (p *pair) broken() error { return firstLost(p.sender, p.receiver) }
