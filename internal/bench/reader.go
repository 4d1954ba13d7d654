package bench

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// calls are the commands that wait for an answer.
type calls struct {
	mu      sync.Mutex
	ser     int64
	waiting map[int64]waiting
}

type waiting struct {
	id     wire.ID
	answer chan *Reply // room for one
}

func (c *calls) next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ser++
	return c.ser
}

func (c *calls) add(id wire.ID) (int64, <-chan *Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ser++
	if c.waiting == nil {
		c.waiting = map[int64]waiting{}
	}
	w := waiting{id: id, answer: make(chan *Reply, 1)}
	c.waiting[c.ser] = w
	return c.ser, w.answer
}

func (c *calls) remove(ser int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, ser)
	if len(c.waiting) == 0 {
		c.waiting = nil // an idle connection needs none
	}
}

// take hands a packet to the call it answers, by SER and command as the SDK does.
func (c *calls) take(p *Packet) bool {
	if p.SER == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.waiting[p.SER]
	if !ok || w.id != p.ID() {
		return false
	}
	delete(c.waiting, p.SER)
	reply := &Reply{Code: p.Code, R: make([][]byte, len(p.R))}
	for i, elem := range p.R {
		reply.R[i] = slices.Clone(elem)
	}
	w.answer <- reply
	return true
}

// read is the goroutine of the connection. What the packets of one read make it
// send is written at once, after the last of them.
func (c *Client) read() {
	defer close(c.done)
	p := Packet{At: time.Now()}
	connected := false
	for {
		text, ok, err := c.link.message()
		if err != nil {
			c.end(err)
			return
		}
		if !ok {
			if err := c.link.flush(); err != nil {
				c.end(err)
				return
			}
			if err := c.link.fill(); err != nil {
				c.end(err)
				return
			}
			p.At = time.Now()
			continue
		}
		typ, data, err := wire.SplitFrame(text)
		if err != nil {
			c.end(fmt.Errorf("%w: %q", err, text[:min(len(text), 64)]))
			return
		}
		switch typ {
		case wire.FrameConnect:
			if !connected {
				connected = true
				close(c.ready)
			}
		case wire.FrameHeartbeat:
			c.link.put(ws.OpText, []byte(wire.HeartbeatFrame))
		case wire.FrameDisconnect, wire.FrameError:
			c.end(fmt.Errorf("bench: ended by the server: %q", text[:min(len(text), 64)]))
			return
		case wire.FrameMessage:
			if err := wire.ParseResponse(data, &p.Response); err != nil {
				c.end(fmt.Errorf("%w: %q", err, text[:min(len(text), 256)]))
				return
			}
			c.packet(&p)
		}
	}
}

// end records why reading stopped. It runs once, at the end of the goroutine.
func (c *Client) end(err error) {
	if errors.Is(err, net.ErrClosed) {
		err = ErrClosed
	}
	c.err = err
	_ = c.link.nc.Close()
}

func (c *Client) packet(p *Packet) {
	if c.calls.take(p) {
		return
	}
	if c.opts.Acknowledge && p.SER == 0 && p.Code == 200 {
		c.acknowledge(p)
	}
	if fn := c.onPush.Load(); fn != nil {
		(*fn)(p)
	}
}

// acknowledge queues the 4-5 for a packet (docs/protocol/nim-core.md section 4.5).
func (c *Client) acknowledge(p *Packet) {
	switch p.ID() {
	case wire.ID{SID: 7, CID: 2}, wire.ID{SID: 8, CID: 3}:
		var f msgFields
		if len(p.R) > 0 && f.scan(p.R[0]) && len(f.id) > 0 {
			c.queueAck(p.SID, p.CID, f.id)
		}
	case wire.ID{SID: 4, CID: 4}:
		var list nimwire.SyncOfflineMsgsResponse
		if list.DecodeR(p.R) != nil {
			return
		}
		for i := range list.Msgs {
			m := &list.Msgs[i]
			sid, cid := uint16(7), uint16(2)
			if m.Scene.Int() == 1 {
				sid, cid = 8, 3
			}
			c.queueAck(sid, cid, []byte(m.IdServer.String()))
		}
	}
}

func (c *Client) queueAck(sid, cid uint16, id []byte) {
	ser := c.calls.next()
	l := c.link
	l.mu.Lock()
	var start int
	l.out, start = openFrame(l.out)
	l.out = appendAck(l.out, ser, sid, cid, id)
	l.out = sealFrame(l.out, start, ws.OpText)
	l.mu.Unlock()
}
