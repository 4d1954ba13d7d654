package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// copyReceiver is an app's server that takes event copies of the messages of
// pairs and counts each once.
type copyReceiver struct {
	ln   net.Listener
	srv  *http.Server
	done chan struct{} // closed when srv has ended
	byTo map[string]*copiedPair

	mu    sync.Mutex
	open  chan struct{} // closed while copies are taken
	count CopiesStep    // of the phase
	lag   Histogram
	total int // taken since the beginning, each once
}

// copiedPair is what was taken of one pair.
type copiedPair struct {
	pair *pair
	seen []bool // by number of the message
	last int
}

func newCopyReceiver(pairs []*pair) (*copyReceiver, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &copyReceiver{ln: ln, done: make(chan struct{}), byTo: map[string]*copiedPair{}, open: make(chan struct{})}
	close(r.open)
	for _, p := range pairs {
		r.byTo[p.to] = &copiedPair{pair: p, last: -1}
	}
	r.srv = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(r.done)
		_ = r.srv.Serve(ln) // ends with close
	}()
	return r, nil
}

func (r *copyReceiver) url() string { return "http://" + r.ln.Addr().String() + "/copy" }

func (r *copyReceiver) close() error {
	err := r.srv.Close()
	<-r.done
	return err
}

// hold keeps every copy waiting until release.
func (r *copyReceiver) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = make(chan struct{})
}

func (r *copyReceiver) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.open)
}

// begin starts a phase with counters of its own.
func (r *copyReceiver) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count, r.lag = CopiesStep{}, Histogram{}
}

// ServeHTTP implements http.Handler.
func (r *copyReceiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 64<<10))
	if err != nil {
		return
	}
	r.mu.Lock()
	open := r.open
	r.mu.Unlock()
	select {
	case <-open:
	case <-req.Context().Done():
		return
	}
	r.take(body, time.Now())
}

// take counts one copy. Texts of the workload need no escapes, so fields are
// found by their names.
func (r *copyReceiver) take(body []byte, at time.Time) {
	ms, err := strconv.ParseInt(string(fieldOf(body, "msgTimestamp")), 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.byTo[string(fieldOf(body, "to"))]
	n := -1
	if c != nil {
		n = c.pair.number(fieldOf(body, "body"))
	}
	if n < 0 || err != nil {
		r.count.Foreign++
		return
	}
	for len(c.seen) <= n {
		c.seen = append(c.seen, false)
	}
	if c.seen[n] {
		r.count.Duplicate++
		return
	}
	c.seen[n] = true
	if n < c.last {
		r.count.Disorder++
	}
	c.last = max(c.last, n)
	r.count.Copies++
	r.total++
	r.lag.Add(at.Sub(time.UnixMilli(ms)))
}

// fieldOf returns the text of a field of an object, without its quotes.
func fieldOf(body []byte, name string) []byte {
	_, rest, ok := bytes.Cut(body, []byte(`"`+name+`":"`))
	if !ok {
		return nil
	}
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return text
}

// acknowledged counts the messages that have to be copied.
func acknowledged(pairs []*pair) (n int) {
	for _, p := range pairs {
		p.mu.Lock()
		for _, m := range p.messages {
			if m.state&acked != 0 {
				n++
			}
		}
		p.mu.Unlock()
	}
	return n
}

// wait waits until every acknowledged message has been copied, or until none has
// for a while: what is missing is reported.
func (r *copyReceiver) wait(ctx context.Context, pairs []*pair) error {
	want, last, progress := acknowledged(pairs), -1, time.Now()
	for {
		r.mu.Lock()
		got := r.total
		r.mu.Unlock()
		switch {
		case got >= want:
			return nil
		case got != last:
			last, progress = got, time.Now()
		case time.Since(progress) > drainTime:
			return nil
		}
		if err := errors.Join(firstBroken(pairs), pauseFor(ctx, 5*time.Millisecond)); err != nil {
			return err
		}
	}
}

func firstBroken(pairs []*pair) error {
	for _, p := range pairs {
		if err := p.broken(); err != nil {
			return err
		}
	}
	return nil
}

// figures fills in what the phase has counted.
func (r *copyReceiver) figures(s *CopiesStep, pairs []*pair) {
	want := acknowledged(pairs)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Copies, s.Duplicate, s.Disorder, s.Foreign = r.count.Copies, r.count.Duplicate, r.count.Disorder, r.count.Foreign
	s.Missing, s.Lag = want-r.total, r.lag.Latency()
}
