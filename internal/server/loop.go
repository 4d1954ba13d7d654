package server

import (
	"context"
	"sync"
)

// loop makes a lifecycle service of a function that runs until its context ends.
type loop struct {
	run  func(context.Context)
	stop context.CancelFunc
	wg   sync.WaitGroup
}

func newLoop(run func(context.Context)) *loop { return &loop{run: run} }

// Start implements lifecycle.Service.
func (l *loop) Start(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.wg.Add(1)
	go func() { defer l.wg.Done(); l.run(ctx) }()
	return nil
}

// Stop implements lifecycle.Service.
func (l *loop) Stop(context.Context) error {
	l.stop()
	l.wg.Wait()
	return nil
}
