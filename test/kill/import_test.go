package kill

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/test/kill/proc"
)

// TestKilledImport kills an import at random moments and starts it again: in
// the end everything is there, once.
func TestKilledImport(t *testing.T) {
	s := proc.New(t)
	dir := t.TempDir()
	list, target := filepath.Join(dir, "accounts.csv"), filepath.Join(dir, "target")
	s.Tool([]string{"app", "create"}, "--key", proc.Key, "--secret", proc.Secret)
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=1000000")
	s.Tool([]string{"bench", "seed"}, "--accounts", "60", "--teams", "20", "--messages", "6000", "--list", list)
	s.Start()
	if out, err := proc.Command(t, "app", "create", "--data", target, "--key", "target").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(kill time.Duration) (string, error) {
		t.Helper()
		var out bytes.Buffer
		cmd := proc.Command(t, "import", "yunxin", "--data", target, "--from", "http://"+s.Addr, "--from-key", proc.Key, "--accounts", list, "--rate", "100000")
		cmd.Env = append(cmd.Env, "YUNXIN_APP_SECRET="+proc.Secret)
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if kill > 0 {
			timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() }) // it may have ended
			defer timer.Stop()
		}
		err := cmd.Wait()
		return out.String(), err
	}
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for i := range 4 {
		// History begins two seconds after the first start.
		after := time.Duration(400+rnd.IntN(700)) * time.Millisecond
		if _, err := run(after); err == nil {
			t.Logf("kill %d came too late", i)
		}
	}
	out, err := run(0)
	if err != nil || !strings.Contains(out, "\nequal\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"accounts 60 60 0", "teams 18 18 0", "super teams 2 2 0", "messages 6000 6000 0"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// An app that is in use is not imported into; a disabled one is, while the
// server goes on with the others.
func TestImportBesideARunningServer(t *testing.T) {
	s := proc.New(t)
	list := filepath.Join(t.TempDir(), "accounts.csv")
	s.Tool([]string{"app", "create"}, "--key", proc.Key, "--secret", proc.Secret)
	s.Tool([]string{"app", "set"}, "--key", proc.Key, "rest_rate=1000000")
	s.Tool([]string{"bench", "seed"}, "--accounts", "30", "--teams", "10", "--messages", "600", "--list", list)
	s.Tool([]string{"app", "create"}, "--key", "second")
	s.Start()
	run := func() (string, error) {
		cmd := proc.Command(t, "import", "yunxin", "--data", s.Data, "--key", "second", "--from", "http://"+s.Addr, "--from-key", proc.Key, "--accounts", list, "--rate", "100000")
		cmd.Env = append(cmd.Env, "YUNXIN_APP_SECRET="+proc.Secret)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err == nil || !strings.Contains(out, "app second is in use") {
		t.Fatalf("%v\n%s", err, out)
	}
	s.Tool([]string{"app", "disable"}, "--key", "second")
	if out, err := run(); err != nil || !strings.Contains(out, "\nequal\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if !s.Running() {
		t.Error("the server has ended")
	}
}
