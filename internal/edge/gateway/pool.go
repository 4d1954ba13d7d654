package gateway

import (
	"sync"
	"time"
)

// workerIdle is how long a worker without work stays.
const workerIdle = 5 * time.Second

// pool runs tasks on goroutines that are kept for a while: handling a request
// makes a stack grow several times, and a worker that stays has grown already.
// There is no queue: a task finds an idle worker or starts one, so a handler
// that waits (for a callback, for the store) holds up nobody else.
type pool struct {
	tasks chan task // unbuffered: a send succeeds only if a worker waits
	gw    *Gateway
	wg    sync.WaitGroup // the workers themselves
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
)

// do runs a task. The gateway's wait group has been counted up for it.
func (p *pool) do(t task) {
	select {
	case p.tasks <- t:
	default:
		p.wg.Add(1)
		go p.work(t)
	}
}

func (p *pool) work(t task) {
	defer p.wg.Done()
	idle := time.NewTimer(workerIdle)
	defer idle.Stop()
	for {
		switch t.what {
		case taskRead:
			t.s.readTask()
		case taskWork:
			t.s.work()
		case taskFlush:
			t.s.out.flush()
		}
		p.gw.wg.Done()
		t = task{}
		idle.Reset(workerIdle)
		select {
		case t = <-p.tasks:
		case <-idle.C:
			return
		case <-p.gw.ctx.Done():
			return
		}
	}
}
