// Package lifecycle owns the order in which the parts of a process start and stop.
//
// It must not know what the parts are: a part is a name and two functions. Stop happens in reverse order of start, each
// part within its own time, and one part that hangs or fails does not keep the others from stopping.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Service is what most components are.
//
// The context of Start bounds the starting only: it may end as soon as Start has returned, so a component that works
// in the background has a context of its own. Stop must release everything even if its context ends early.
type Service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

// Component is a named part with its time to stop. A nil function does nothing.
type Component struct {
	Name        string
	Start       func(ctx context.Context) error
	Stop        func(ctx context.Context) error
	StopTimeout time.Duration // 0: DefaultStopTimeout
}

const (
	// DefaultStopTimeout is the time to stop of a component that does not name one.
	DefaultStopTimeout = 5 * time.Second
	// MinStopTimeout is left to each component even after the deadline of the whole Stop: a store that is not
	// closed costs a recovery at the next start.
	MinStopTimeout = 500 * time.Millisecond
)

// ErrStopped is returned by Start after Stop.
var ErrStopped = errors.New("lifecycle: already stopped")

// Manager starts and stops components. Its methods may be called from several goroutines; a Stop during a Start waits
// for the Start (cancel the context of Start to shorten that).
type Manager struct {
	log *slog.Logger

	mu         sync.Mutex
	components []Component
	running    []Component // in order of start
	started    bool
	stopped    bool
	result     error // of Start or, later, of Stop: repeated calls get the first answer
}

// New returns a manager without components.
func New(log *slog.Logger) *Manager { return &Manager{log: log} }

// Add appends a component. It panics after Start, which is a mistake in the composition.
func (m *Manager) Add(c Component) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started || m.stopped {
		panic("lifecycle: Add after Start: " + c.Name)
	}
	m.components = append(m.components, c)
}

// AddService appends a service; stopTimeout 0 means DefaultStopTimeout.
func (m *Manager) AddService(name string, s Service, stopTimeout time.Duration) {
	m.Add(Component{Name: name, Start: s.Start, Stop: s.Stop, StopTimeout: stopTimeout})
}

// Start starts the components in the order of Add. When one fails or ctx ends, those that run are stopped again, and
// the errors of both are joined. A second call returns the result of the first.
func (m *Manager) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.stopped && !m.started:
		return ErrStopped
	case m.started && m.stopped && m.result == nil:
		return ErrStopped
	case m.started:
		return m.result
	}
	m.started = true
	for _, c := range m.components {
		if err := m.startOne(ctx, c); err != nil {
			m.stopped = true
			m.result = errors.Join(err, m.stopAll(ctx))
			return m.result
		}
		m.running = append(m.running, c)
	}
	return nil
}

func (m *Manager) startOne(ctx context.Context, c Component) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, context.Cause(ctx))
	}
	if c.Start == nil {
		return nil
	}
	began := time.Now()
	if err := c.Start(ctx); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	m.log.Debug("started", "component", c.Name, "took", time.Since(began))
	return nil
}

// Stop stops the running components in reverse order and joins their errors. A second call returns the result of the
// first. The deadline of ctx shortens the components' own, but leaves each MinStopTimeout; its cancellation alone is
// not passed on, because it is usually the reason why Stop is called.
func (m *Manager) Stop(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return m.result
	}
	m.stopped = true
	m.result = m.stopAll(ctx)
	return m.result
}

func (m *Manager) stopAll(ctx context.Context) error {
	var errs []error
	for len(m.running) > 0 {
		last := len(m.running) - 1
		c := m.running[last]
		m.running = m.running[:last]
		if err := m.stopOne(ctx, c); err != nil {
			m.log.Error("stop failed", "component", c.Name, "err", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) stopOne(parent context.Context, c Component) error {
	if c.Stop == nil {
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(parent), stopDeadline(parent, began, c.StopTimeout))
	defer cancel()
	// A component that ignores its deadline must not hold up the others. Its goroutine is left behind on purpose: the
	// process is about to end, and the error says which one it was.
	done := make(chan error, 1)
	go func() { done <- c.Stop(ctx) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stop %s: %w", c.Name, err)
		}
		m.log.Debug("stopped", "component", c.Name, "took", time.Since(began))
		return nil
	case <-ctx.Done():
	}
	// Most components return an error of their own at the deadline, which says more than ours.
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("stop %s: %w", c.Name, err)
		}
		return nil
	case <-time.After(MinStopTimeout / 5):
		return fmt.Errorf("stop %s: not done after %s: %w", c.Name, time.Since(began).Round(time.Millisecond), ctx.Err())
	}
}

func stopDeadline(parent context.Context, now time.Time, timeout time.Duration) time.Time {
	if timeout == 0 {
		timeout = DefaultStopTimeout
	}
	own := now.Add(timeout)
	whole, ok := parent.Deadline()
	if !ok || own.Before(whole) {
		return own
	}
	least := now.Add(min(timeout, MinStopTimeout))
	if whole.Before(least) {
		return least
	}
	return whole
}
