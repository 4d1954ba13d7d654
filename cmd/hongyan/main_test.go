package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// childEnv makes this test binary behave as a server that never ends its drain.
const childEnv = "HONGYAN_TEST_SIGNAL_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		ctx, stop := signalContext()
		defer stop()
		fmt.Println("serving")
		<-ctx.Done()
		fmt.Println("draining")
		time.Sleep(time.Minute) // the parent kills it long before
		os.Exit(99)
	}
	os.Exit(m.Run())
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childEnv+"=1")
			stdout, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			for _, want := range []string{"serving", "draining"} {
				if !lines.Scan() || lines.Text() != want {
					t.Fatalf("got %q, want %q", lines.Text(), want)
				}
				if err := child.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			_ = child.Wait()
			if code := child.ProcessState.ExitCode(); code != 128+int(sig) {
				t.Errorf("exit code %d after the second signal", code)
			}
		})
	}
}

// hongyan runs a command line.
func hongyan(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, output{&o, &e})
	return code, o.String(), e.String()
}

func TestExitCodes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	tests := []struct {
		name   string
		args   []string
		env    string
		code   int
		stdout string
		stderr string
	}{
		{"no command", nil, "", 0, "serve", ""},
		{"help", []string{"--help"}, "", 0, "doctor", ""},
		{"help of serve", []string{"serve", "--help"}, "", 0, "--acme-domain", ""},
		{"version", []string{"version"}, "", 0, "hongyan ", ""},
		{"unknown command", []string{"sreve"}, "", 2, "", "Try hongyan --help"},
		{"unknown flag", []string{"serve", "--lisen", "x"}, "", 2, "", "--listen"},
		{"wrong flag", []string{"serve", "--listen", "7443"}, "", 2, "", `flag --listen "7443": is not HOST:PORT`},
		{"wrong toggle", []string{"serve", "--hook-private=maybe"}, "", 2, "", "neither true nor false"},
		{"flag given twice", []string{"serve", "--max-connections", "1", "--max-connections", "2"}, "", 2, "", "2 values where one is expected"},
		{"wrong variable", []string{"cert", "ca", "--data", dir}, "HONGYAN_NODE=x", 2, "", "environment HONGYAN_NODE"},
		{"unknown variable", []string{"cert", "ca", "--data", dir}, "HONGYAN_DATE=x", 2, "", "HONGYAN_DATA?"},
		{"demo secret beyond loopback", []string{"serve", "--listen", ":7443", "--app", "k:secret"}, "", 2, "", "beyond loopback"},
		{"certificate before there is one", []string{"cert", "show", "--data", dir}, "", 1, "", "first start"},
		{"ACME has no CA", []string{"cert", "ca", "--acme-domain", "im.example.com"}, "", 1, "", "ACME"},
		{"limit of no endpoint", []string{"app", "set", "--data", dir, "--key", "k", "rest_limits=msg/sendMessage=1/1/1"}, "", 1, "", "msg/sendMessage is no endpoint"},
		{"files cannot be renewed", []string{"cert", "renew", "--tls-cert", "c", "--tls-key", "k"}, "", 1, "", "is the file c"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if name, value, ok := strings.Cut(tt.env, "="); ok {
				t.Setenv(name, value)
			}
			code, stdout, stderr := hongyan(t, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("code %d\nstdout %s\nstderr %s", code, stdout, stderr)
			}
			if tt.code == 0 && stderr != "" {
				t.Errorf("stderr %s", stderr)
			}
		})
	}
}

// Flags reach package config as they were written.
func TestSettingFlags(t *testing.T) {
	tests := []struct {
		args []string
		want map[string][]string
	}{
		{nil, map[string][]string{}},
		{[]string{"--listen", ":1"}, map[string][]string{"listen": {":1"}}},
		{[]string{"--listen=:1", "--hook-private"}, map[string][]string{"listen": {":1"}, "hook-private": {"true"}}},
		{[]string{"--hook-private=false", "--metrics", "off"}, map[string][]string{"hook-private": {"false"}, "metrics": {"off"}}},
		{[]string{"--app", "a:b,c", "--app=d:e"}, map[string][]string{"app": {"a:b,c", "d:e"}}},
		{[]string{"--db", ""}, map[string][]string{"db": {""}}},
	}
	for _, tt := range tests {
		c := newCLI()
		parser, err := kong.New(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(append([]string{"serve"}, tt.args...)); err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if got := c.Serve.given(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %v", tt.args, got)
		}
	}
}

func TestStoreFlags(t *testing.T) {
	var c struct {
		settingFlags `embed:""`
		Key          string
	}
	c.settingFlags = newStoreFlags()
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{"--data", "/d", "--key", "k"}); err != nil {
		t.Fatal(err)
	}
	cfg, err := c.load()
	if err != nil || cfg.Data != "/d" || c.Key != "k" {
		t.Errorf("%v %v", cfg, err)
	}
	if _, err := parser.Parse([]string{"--listen", ":1"}); err == nil {
		t.Error("a store command takes --listen")
	}
}

func TestCertCommands(t *testing.T) {
	dir := t.TempDir()
	code, first, stderr := hongyan(t, "cert", "ca", "--data", dir)
	if code != 0 || !strings.HasPrefix(first, filepath.Join(dir, "tls", "ca.pem")+"\nSHA-256 ") {
		t.Fatalf("%d %s %s", code, first, stderr)
	}
	if _, again, _ := hongyan(t, "cert", "ca", "--data", dir); again != first {
		t.Errorf("the CA changed: %s", again)
	}
	_, before, _ := hongyan(t, "cert", "show", "--data", dir)
	code, renewed, stderr := hongyan(t, "cert", "renew", "--data", dir, "--public", "im.example.test:443")
	if code != 0 || !strings.Contains(renewed, "im.example.test") {
		t.Errorf("%d %s %s", code, renewed, stderr)
	}
	if _, after, _ := hongyan(t, "cert", "show", "--data", dir); after == before || !strings.HasSuffix(after, renewed) {
		t.Errorf("show after renew: %s", after)
	}
}

func TestVersionLine(t *testing.T) {
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
		{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
	}}
	if got := versionLine(info, true); !strings.HasPrefix(got, "hongyan v1.2.3 (0123456789ab+changes, 2026-01-02T03:04:05Z) go1") {
		t.Error(got)
	}
	if got := versionLine(nil, false); !strings.HasPrefix(got, "hongyan unknown go1") {
		t.Error(got)
	}
}
