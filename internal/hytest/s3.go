package hytest

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// S3Keys are the access and the secret key of the server that S3 starts.
const (
	S3AccessKey = "hytest"
	S3SecretKey = "hytest-secret"
)

// S3 starts versitygw on loopback over a temporary directory with one bucket, and
// returns its endpoint; the environment has its keys. A machine without
// bin/versitygw (tools/deps.sh builds it) leaves the test out.
func S3(t testing.TB, bucket string) (endpoint string) {
	t.Helper()
	bin := ""
	for dir, err := os.Getwd(); err == nil && bin == "" && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "bin", "versitygw")); err == nil {
			bin = filepath.Join(dir, "bin", "versitygw")
		}
	}
	if bin == "" {
		LeaveOut(t, "the S3 server versitygw is not built (tools/deps.sh)")
	}
	root, meta := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(root, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(bin, "--port", addr, "--access", S3AccessKey, "--secret", S3SecretKey, "--quiet", "posix", "--sidecar", meta, root)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Setenv("AWS_ACCESS_KEY_ID", S3AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", S3SecretKey)
	endpoint = "http://" + addr
	for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(endpoint)
		if err == nil {
			res.Body.Close()
			return endpoint
		}
		if time.Now().After(end) {
			t.Fatalf("versitygw does not answer: %v", err)
		}
	}
}
