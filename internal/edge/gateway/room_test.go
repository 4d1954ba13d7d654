package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
)

const smallQueue = 64 << 10

// most follows how many bytes wait for a session until stop is called.
func (s *Session) most(stop <-chan struct{}) int {
	most := 0
	for {
		s.out.mu.Lock()
		most = max(most, s.out.bytes)
		s.out.mu.Unlock()
		select {
		case <-stop:
			return most
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// What a client asks for reaches it however long it is, one answer after the
// other; meanwhile events still come, and little waits.
func TestAnswersLongerThanTheQueue(t *testing.T) {
	b := newBed(t, func(c *Config) { c.SendQueue = smallQueue })
	c := b.online("alice")
	s := b.product.last()
	const answers, long = 6, 8 << 20
	stop, most := make(chan struct{}), make(chan int, 1)
	go func() { most <- s.most(stop) }()
	for i := range answers {
		c.send(10+i, 9, 12, fmt.Sprint(long))
	}
	hytest.Eventually(t, "the first answer waits for the client", func() bool { return s.out.crowded() })
	s.PutFrame(Frame([]byte("event")))
	s.PutFrame(heartbeatFrame) // has its place too
	got, events := 0, 0
	for got < answers {
		switch text := c.next(); {
		case text == "":
			t.Fatalf("closed after %d answers", got)
		case text == "event":
			events++
		case len(text) > long:
			got++
		}
	}
	close(stop)
	if n := <-most; n > long+2*smallQueue {
		t.Errorf("%d bytes waited: more than one answer and the queue", n)
	}
	if events != 1 {
		t.Errorf("%d events", events)
	}
	c.call(99, 9, 1, "", 200)
}

// A sync far longer than the queue reaches a client that takes its time.
func TestPushesThatAreAskedForWait(t *testing.T) {
	b := newBed(t, func(c *Config) { c.SendQueue = smallQueue })
	c := b.online("alice")
	s := b.product.last()
	stop, most := make(chan struct{}), make(chan int, 1)
	go func() { most <- s.most(stop) }()
	const pushes = 200
	var later int64
	c.send(10, 9, 13, fmt.Sprint(pushes))
	for i := 0; i < pushes; {
		if i == pushes/10 {
			b.clock.Advance(writeLimit / 2)
			later = b.clock.NowMs()
		}
		switch text := c.next(); {
		case text == "2::": // a heartbeat
		case len(text) < 100_000:
			t.Fatalf("push %d: %.100q", i, text)
		default:
			i++
		}
	}
	if s.lastRead.Load() < later {
		t.Error("a client that takes what it asked for counts as silent")
	}
	close(stop)
	if n := <-most; n > 200_000+smallQueue {
		t.Errorf("%d bytes waited", n)
	}
}

// Who asks and does not read is closed, and the request ends.
func TestPushesThatNobodyTakesEnd(t *testing.T) {
	b := newBed(t, func(c *Config) { c.SendQueue = smallQueue })
	c := b.online("alice")
	s := b.product.last()
	c.send(10, 9, 13, "10000")
	hytest.Eventually(t, "the request waits", func() bool { return s.out.crowded() })
	b.clock.Advance(writeLimit + time.Minute)
	b.closedFor(ReasonSlowClient)
	hytest.Eventually(t, "the request ends", func() bool {
		b.product.mu.Lock()
		defer b.product.mu.Unlock()
		return len(b.product.handled) == 1 && b.product.handled[0] == "asked false"
	})
}

// Requests that wait for their turn are bounded in bytes: a connection that has
// sent that much is not read on, and none of it is lost.
func TestPendingRequestsAreBoundedInBytes(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool // the login
		limit  int
		bytes  int // of a request
	}{
		{"before login", true, maxEarlyBytes, 30 << 10},
		{"after it", false, maxPendingBytes, 50 << 10},
		{"requests longer than the bound", true, maxEarlyBytes, 200 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, func(c *Config) { c.MaxFrame = 512 << 10 })
			release := b.product.hold()
			defer release()
			cl := b.dial()
			if !c.before {
				cl.call(2, 2, 3, "alice", 200)
				cl.send(3, 9, 2, "held")
			} else {
				cl.send(3, 2, 4, "alice")
			}
			<-b.product.started
			s := b.g.all()[0]
			const requests = 200
			sent := make(chan error, 1)
			go func() {
				pad := strings.Repeat("x", c.bytes)
				for i := range requests {
					if err := cl.write(fmt.Sprintf(`3:::{"SER":%d,"SID":9,"CID":1,"Q":[{"t":"String","v":"%s"}]}`, 10+i, pad)); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			hytest.Eventually(t, "the reader waits", func() bool {
				s.inMu.Lock()
				defer s.inMu.Unlock()
				if s.inBytes > max(c.limit, c.bytes+1000) {
					t.Errorf("%d bytes wait", s.inBytes)
				}
				return s.inRoom != nil
			})
			release()
			if c.before {
				cl.answer(3, 2, 4, 200)
			} else {
				cl.answer(3, 9, 2, 200)
			}
			for i := range requests {
				cl.answer(10+i, 9, 1, 200)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// Stopping does not wait for a client that reads slowly.
func TestStopWhileAnAnswerWaits(t *testing.T) {
	b := newBed(t, func(c *Config) { c.SendQueue = smallQueue })
	c := b.online("alice")
	s := b.product.last()
	c.send(10, 9, 13, "10000")
	hytest.Eventually(t, "the request waits", func() bool { return s.out.crowded() })
	b.stop()
}
