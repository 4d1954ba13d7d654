package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Server is a server process that this tool started, in a directory of its own
// that it removes at the end.
type Server struct {
	Addr    string // plain address
	TLSAddr string
	CA      string // file of its development CA
	Metrics string // URL of the private listener
	Key     string
	Secret  string
	dir     string
	binary  string
	args    []string
	cmd     *exec.Cmd
	exited  chan error
}

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// Spawn starts binary serve on free loopback ports with a new directory below
// parent (empty: the directory for temporary files) and waits until it is ready.
func Spawn(ctx context.Context, binary, parent string, args []string) (_ *Server, err error) {
	dir, err := os.MkdirTemp(parent, "hongyan-bench-*")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &Server{Addr: ports[0], TLSAddr: ports[1], Metrics: "http://" + ports[2], CA: filepath.Join(dir, "data", "tls", "ca.pem"),
		Key: strings.ToLower(rand.Text()), Secret: strings.ToLower(rand.Text()), dir: dir, binary: binary}
	s.args = append([]string{"serve", "--data", filepath.Join(dir, "data"), "--http", s.Addr, "--listen", s.TLSAddr,
		"--metrics", ports[2], "--app", s.Key + ":" + s.Secret}, args...)
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--log-level") }) {
		s.args = append(s.args, "--log-level", "warn")
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// freePorts returns addresses that were free a moment ago.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() //nolint:errcheck // nothing was accepted
		out = append(out, ln.Addr().String())
	}
	return out, nil
}

func (s *Server) start(ctx context.Context) error {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the child has its own
	s.cmd = exec.Command(s.binary, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(s.cmd, s.exited)
	deadline := time.Now().Add(startTimeout)
	for {
		select {
		case err := <-s.exited:
			s.cmd = nil
			return fmt.Errorf("bench: the server ended: %w\n%s", err, s.logTail())
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.halt())
		case <-time.After(20 * time.Millisecond):
		}
		if ready(ctx, "http://"+s.Addr+"/readyz") {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("bench: the server is not ready after %s\n%s", startTimeout, s.logTail()), s.halt())
		}
	}
}

func ready(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

// PID returns the process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Data returns the data directory.
func (s *Server) Data() string { return filepath.Join(s.dir, "data") }

// Restart stops the server and starts it again on its data, for a clean baseline.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.halt(); err != nil {
		return err
	}
	return s.start(ctx)
}

// SetApp sets settings of the app with hongyan app set. The server takes them
// within a second, for which this waits.
func (s *Server) SetApp(ctx context.Context, settings ...string) error {
	args := append([]string{"app", "set", "--data", s.Data(), "--key", s.Key}, settings...)
	out, err := exec.CommandContext(ctx, s.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bench: app set %s: %w: %s", strings.Join(settings, " "), err, bytes.TrimSpace(out))
	}
	return pauseFor(ctx, 1200*time.Millisecond)
}

// Stop ends the server and removes its directory. A server that does not end
// with code 0 in time is an error, with what it logged.
func (s *Server) Stop() error {
	err := s.halt()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, s.logTail())
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

func (s *Server) halt() error {
	if s.cmd == nil {
		return nil
	}
	defer func() { s.cmd = nil }()
	if err := s.cmd.Process.Signal(terminate); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("bench: the server ended: %w", err)
		}
		return nil
	case <-time.After(stopTimeout):
		err := s.cmd.Process.Kill()
		<-s.exited
		return errors.Join(fmt.Errorf("bench: the server did not end within %s", stopTimeout), err)
	}
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "server.log") }

// logTail returns the end of the server's log.
func (s *Server) logTail() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4096):])
}
