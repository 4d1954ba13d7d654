// Package kill ends the real binary in every way there is while clients use it,
// and holds what is left against what it had acknowledged.
package kill

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

var rounds = flag.Int("kill.rounds", 2, "how often TestKill kills the server")

func TestMain(m *testing.M) {
	code := m.Run()
	proc.CleanUp()
	os.Exit(code)
}

// load runs the users until end is called, which waits until everything they
// have begun is answered.
func load(t *testing.T, users []*user) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, u := range users {
		wg.Go(func() { u.run(ctx, stop) })
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return func() {
		t.Helper()
		close(stop)
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(hytest.Patience):
			t.Fatal("not everything is answered")
		}
	}
}

// progress waits until every user has n more messages acknowledged.
func progress(t *testing.T, users []*user, n int) {
	t.Helper()
	for _, u := range users {
		from := u.ackedCount()
		hytest.Eventually(t, u.name+" gets on", func() bool { return u.ackedCount() >= from+n })
	}
}

// TestKill kills the server at random moments under load and starts it again on
// the same data.
func TestKill(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t)
	s.Start()
	users := accounts(t, s, 4)
	end := load(t, users)
	for range *rounds {
		progress(t, users, 10)
		// A moment of the server's, not one between two of ours.
		moment := time.NewTimer(time.Duration(rand.Int64N(int64(400 * time.Millisecond))))
		<-moment.C
		s.Kill()
		s.Start()
	}
	progress(t, users, 10)
	end()
	deliverRest(t, s, users)
	verify(t, s, users)
}

// TestTerminate ends the server with SIGTERM under load.
func TestTerminate(t *testing.T) {
	hytest.NoLeaks(t)
	s := proc.New(t)
	s.Start()
	users := accounts(t, s, 4)
	end := load(t, users)
	progress(t, users, 20)
	began := time.Now()
	if err := s.Terminate(); err != nil {
		t.Fatalf("after SIGTERM: %v\n%s", err, s.Log())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
	s.Start()
	progress(t, users, 10)
	end()
	deliverRest(t, s, users)
	verify(t, s, users)
}

// deliverRest logs everyone in once more: what a user missed when it had left
// before its peer waits in the offline queue.
func deliverRest(t *testing.T, s *proc.Server, users []*user) {
	t.Helper()
	stop := make(chan struct{})
	close(stop)
	for _, u := range users {
		if !u.connection(hytest.Context(t), stop) {
			t.Fatalf("%s cannot connect", u.name)
		}
	}
}
