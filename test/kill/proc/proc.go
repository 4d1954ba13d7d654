// Package proc runs the real binary for tests that kill it: start, kill, end
// in order, tools on its data. It knows no protocol.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hongyan/internal/bench"
)

// EnvBinary names the binary to test; it is built if not given.
const EnvBinary = "HONGYAN_BIN"

// patience is how long a process may take to start or to end.
const patience = 30 * time.Second

var build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(EnvBinary); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "hongyan-bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hongyan")
	cmd := exec.Command("go", "build", "-o", path, "hongyan/cmd/hongyan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// Binary returns the path of the binary. CleanUp removes what was built for it.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// environ is the environment of the processes: the server refuses variables
// with its prefix that it does not know, such as the one that names the binary.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "HONGYAN_") })
}

// CleanUp removes the binary if it was built here; for TestMain.
func CleanUp() {
	if os.Getenv(EnvBinary) == "" {
		if path, err := build(); err == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
	}
}

// Key and Secret are those of the app of every server here.
const (
	Key    = "app-of-tests"
	Secret = "secret-of-tests-0123456789"
)

// Server is a server process on a data directory that outlives it.
type Server struct {
	t       testing.TB
	Addr    string // plain HTTP
	Data    string
	args    []string
	cmd     *exec.Cmd
	exited  chan error // capacity 1
	logFile string
}

// New describes a server with further flags of serve; Start starts it. It is
// killed with the test, and then its log is shown if the test has failed.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, Addr: Free(t), Data: filepath.Join(t.TempDir(), "data"), logFile: filepath.Join(t.TempDir(), "log")}
	s.args = slices.Concat([]string{"serve", "--data", s.Data, "--http", s.Addr, "--listen", "off", "--metrics", "off",
		"--app", Key + ":" + Secret, "--log-level", "warn"}, args)
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.Addr, s.Log())
		}
	})
	return s
}

// Move puts the data directory somewhere else, before the first Start.
func (s *Server) Move(dir string) {
	for i, a := range s.args {
		if a == s.Data {
			s.args[i] = dir
		}
	}
	s.Data = dir
}

// Free returns a loopback address that was free a moment ago.
func Free(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// Start starts the process and waits until it is ready.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) start() error {
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(Binary(s.t), s.args...)
	s.cmd.Env = environ()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// Nothing here outlives the test, however that ends.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(s.cmd, s.exited)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		select {
		case err := <-s.exited:
			s.cmd = nil
			return fmt.Errorf("the server ended at its start: %w\n%s", err, s.Log())
		default:
		}
		if s.Ready() {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("the server does not get ready\n" + s.Log())
		}
	}
}

// Ready says whether the server answers that it is.
func (s *Server) Ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr+"/readyz", nil)
	if err != nil {
		return false
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// Running says whether the process has not ended by itself.
func (s *Server) Running() bool { return s.cmd != nil && len(s.exited) == 0 }

// Kill is kill -9: nothing in the process gets to know.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.exited
	s.cmd = nil
}

// Terminate sends SIGTERM and returns how the process ended; nil is exit code 0.
func (s *Server) Terminate() error {
	s.t.Helper()
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		return err
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-s.exited
		return errors.New("the server does not end after SIGTERM")
	}
}

// Tool runs a command of the binary on the server's database.
func (s *Server) Tool(command []string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	where := []string{"--data", s.Data}
	if i := slices.Index(s.args, "--db"); i >= 0 {
		where = append(where, "--db", s.args[i+1])
	}
	line := slices.Concat(command, where, args)
	cmd := exec.CommandContext(ctx, Binary(s.t), line...)
	cmd.Env = environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

// Command returns a command of the binary that works on another directory; it
// does not outlive the test.
func Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Log returns the end of what the process has logged.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(b[max(0, len(b)-8192):], nil))
}

// REST returns a client of the server's API, closed with the test.
func (s *Server) REST() *bench.REST {
	r := bench.NewREST(s.Addr, nil, Key, Secret)
	s.t.Cleanup(r.Close)
	return r
}
