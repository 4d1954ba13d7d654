package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// journal records what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) component(name string, startErr, stopErr error) Component {
	return Component{
		Name:  name,
		Start: func(context.Context) error { j.add("+" + name); return startErr },
		Stop:  func(context.Context) error { j.add("-" + name); return stopErr },
	}
}

func TestOrder(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name      string
		startErr  map[string]error
		stopErr   map[string]error
		wantStart string // part of the error, empty: none
		wantStop  []string
		wantLines string
	}{
		{name: "clean", wantLines: "+a +b +c -c -b -a"},
		{name: "first fails", startErr: map[string]error{"a": boom}, wantStart: "start a: boom", wantLines: "+a"},
		{name: "last fails", startErr: map[string]error{"c": boom}, wantStart: "start c: boom", wantLines: "+a +b +c -b -a"},
		{name: "rollback fails too", startErr: map[string]error{"c": boom}, stopErr: map[string]error{"a": boom},
			wantStart: "stop a: boom", wantLines: "+a +b +c -b -a"},
		{name: "stop errors are joined", stopErr: map[string]error{"a": boom, "c": boom},
			wantStop: []string{"stop a: boom", "stop c: boom"}, wantLines: "+a +b +c -c -b -a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j journal
			m := New(slog.New(slog.DiscardHandler))
			for _, name := range []string{"a", "b", "c"} {
				m.Add(j.component(name, tt.startErr[name], tt.stopErr[name]))
			}
			err := m.Start(t.Context())
			if tt.wantStart == "" && err != nil || tt.wantStart != "" && !mentions(err, tt.wantStart) {
				t.Fatalf("Start: %v, want %q", err, tt.wantStart)
			}
			if again := m.Start(t.Context()); !same(again, err) {
				t.Errorf("second Start: %v, want %v", again, err)
			}
			stopErr := m.Stop(t.Context())
			for _, want := range tt.wantStop {
				if !mentions(stopErr, want) {
					t.Errorf("Stop: %v, want %q", stopErr, want)
				}
			}
			if tt.wantStart == "" && tt.wantStop == nil && stopErr != nil {
				t.Errorf("Stop: %v", stopErr)
			}
			if again := m.Stop(t.Context()); !same(again, stopErr) {
				t.Errorf("second Stop: %v, want %v", again, stopErr)
			}
			if got := strings.Join(j.lines, " "); got != tt.wantLines {
				t.Errorf("got %s, want %s", got, tt.wantLines)
			}
		})
	}
}

func mentions(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func same(a, b error) bool { return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error()) }

func TestStartAfterStop(t *testing.T) {
	var j journal
	m := New(slog.New(slog.DiscardHandler))
	m.Add(j.component("a", nil, nil))
	if err := m.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("Start after Stop: %v", err)
	}
	if j.lines != nil {
		t.Errorf("got %v", j.lines)
	}
}

func TestStartCancelled(t *testing.T) {
	var j journal
	ctx, cancel := context.WithCancel(t.Context())
	m := New(slog.New(slog.DiscardHandler))
	m.Add(j.component("a", nil, nil))
	m.Add(Component{Name: "b", Start: func(context.Context) error { cancel(); return nil }})
	m.Add(j.component("c", nil, nil))
	if err := m.Start(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Start: %v", err)
	}
	if want := []string{"+a", "-a"}; !slices.Equal(j.lines, want) {
		t.Errorf("got %v, want %v", j.lines, want)
	}
}

func TestStopDeadlines(t *testing.T) {
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	tests := []struct {
		name  string
		own   time.Duration
		whole time.Duration // 0: none
		want  time.Duration
	}{
		{"default", 0, 0, DefaultStopTimeout},
		{"own", time.Second, 0, time.Second},
		{"whole is shorter", 10 * time.Second, 2 * time.Second, 2 * time.Second},
		{"whole is longer", time.Second, time.Minute, time.Second},
		{"whole is over", 10 * time.Second, time.Nanosecond, MinStopTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				m := New(slog.New(slog.DiscardHandler))
				m.Add(j.component("below", nil, nil))
				m.Add(Component{Name: "slow", Stop: hang, StopTimeout: tt.own})
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if tt.whole > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.whole)
					defer cancel()
				}
				began := time.Now()
				if err := m.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) || !mentions(err, "stop slow") {
					t.Errorf("Stop: %v", err)
				}
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %s, want %s", took, tt.want)
				}
				if !slices.Contains(j.lines, "-below") {
					t.Error("the next component was not stopped")
				}
			})
		})
	}
}

func TestStopOfOneThatIgnoresItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		defer close(release)
		m := New(slog.New(slog.DiscardHandler))
		m.Add(j.component("below", nil, nil))
		m.Add(Component{Name: "deaf", StopTimeout: time.Second, Stop: func(context.Context) error { <-release; return nil }})
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := m.Stop(t.Context()); !mentions(err, "stop deaf: not done") {
			t.Errorf("Stop: %v", err)
		}
		if !slices.Contains(j.lines, "-below") {
			t.Error("the next component was not stopped")
		}
	})
}

func TestStopAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := New(slog.New(slog.DiscardHandler))
	m.Add(Component{Name: "a", Stop: func(ctx context.Context) error { return ctx.Err() }})
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := m.Stop(ctx); err != nil {
		t.Errorf("the cancellation was passed on: %v", err)
	}
}

func TestConcurrentStop(t *testing.T) {
	var j journal
	m := New(slog.New(slog.DiscardHandler))
	m.Add(j.component("a", nil, nil))
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := m.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(j.lines) != 2 {
		t.Errorf("got %v", j.lines)
	}
}
