package gateway

import (
	"sync/atomic"
	"time"
)

// pool runs tasks on goroutines that are kept for a while: handling a request
// makes a stack grow several times, and a worker that stays has grown already.
// There is no queue: a task finds an idle worker or starts one, so a handler
// that waits (for a callback, for the store) holds up nobody else.
//
// A worker waits for nothing but a task, which is cheaper than a choice with a
// timer: those that are too many are sent away.
type pool struct {
	tasks   chan task // unbuffered: a send succeeds only if a worker waits
	gw      *Gateway
	workers atomic.Int64
	idle    atomic.Int64
	stopped atomic.Bool

	sweeps int   // since the last trim; of the goroutine that sweeps
	spare  int64 // fewest idle workers seen since
}

// task is one of the things sessions have done by workers.
type task struct {
	s    *Session
	what byte
}

const (
	taskRead  = 'r' // read what has arrived, then handle it
	taskWork  = 'w' // handle what is queued
	taskFlush = 'f' // write what is queued
	taskLeave = 'l' // end the worker
)

// do runs a task. The gateway's wait group has been counted up for it.
func (p *pool) do(t task) {
	select {
	case p.tasks <- t:
	default:
		p.workers.Add(1)
		go p.work(t)
	}
}

func (p *pool) work(t task) {
	defer p.workers.Add(-1)
	for {
		switch t.what {
		case taskRead:
			t.s.readTask()
		case taskWork:
			t.s.work()
		case taskFlush:
			t.s.out.flush()
		case taskLeave:
			return
		}
		p.gw.wg.Done()
		if p.stopped.Load() {
			return
		}
		p.idle.Add(1)
		t = <-p.tasks
		p.idle.Add(-1)
	}
}

// trimSweeps is how many sweeps a worker has to be idle before it is sent away.
const trimSweeps = 5

// trim sends away workers that nobody needed lately. It is called by every sweep.
func (p *pool) trim() {
	now := p.idle.Load()
	if p.sweeps == 0 || now < p.spare {
		p.spare = now
	}
	if p.sweeps++; p.sweeps < trimSweeps {
		return
	}
	p.sweeps = 0
	for range p.spare {
		if !p.sendAway() {
			return
		}
	}
}

func (p *pool) sendAway() bool {
	select {
	case p.tasks <- task{what: taskLeave}:
		return true
	default:
		return false
	}
}

// stop ends all workers and waits for them.
func (p *pool) stop() {
	p.stopped.Store(true)
	for p.workers.Load() > 0 {
		if !p.sendAway() {
			time.Sleep(time.Millisecond) // one is between its task and its rest
		}
	}
}
