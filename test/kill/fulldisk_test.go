package kill

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/seal"
	"hongyan/test/kill/proc"
)

// smallDisk mounts a file system of some MiB, gone with the test.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if os.Getuid() != 0 {
		hytest.LeaveOut(t, "a full disk: mounting a small file system needs root")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", dir).CombinedOutput(); err != nil {
		hytest.LeaveOut(t, fmt.Sprintf("a full disk: mount: %v %s", err, out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// TestFullDiskUploads fills the disk under the files: uploads are refused with
// 507, in chunks, by form and by the app's server (503); the process stays up and
// gives what it has, what was refused leaves nothing, and when there is room
// again, the same uploads go on where they were.
func TestFullDiskUploads(t *testing.T) {
	dir := smallDisk(t, 24)
	s := proc.New(t)
	s.Move(filepath.Join(dir, "data"))
	s.Start()
	keys, err := seal.Load(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	signer := file.New(file.Config{Clock: time.Now, Key: keys.FileKey()})
	begin := func(content string) *upload {
		t.Helper()
		g, err := signer.Grant(&app.App{Key: proc.Key, Settings: hytest.Settings(t)}, file.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		return &upload{grant: g, content: content}
	}
	ctx := hytest.Context(t)
	const chunk = 1 << 20
	whole := begin(strings.Repeat("0123456789abcdef", 2*chunk/16))
	half := begin(strings.Repeat("fedcba9876543210", 3*chunk/16))
	for _, u := range []*upload{whole, half, whole} {
		if err := u.chunk(ctx, s, chunk); err != nil {
			t.Fatal(err)
		}
	}
	if !whole.done {
		t.Fatal("not done")
	}
	before := len(blobs(t, s))
	filler := filepath.Join(dir, "filler")
	fill(t, filler)

	rest := func() int {
		t.Helper()
		code, _, err := s.REST().Call(ctx, "msg/upload.action", url.Values{"content": {base64.StdEncoding.EncodeToString(make([]byte, chunk))}})
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	for range 3 {
		if status := put(ctx, t, s, half, chunk); status != http.StatusInsufficientStorage {
			t.Errorf("a chunk on a full disk: HTTP %d", status)
		}
		if status := put(ctx, t, s, begin("a small file"), chunk); status != http.StatusInsufficientStorage {
			t.Errorf("a small file on a full disk: HTTP %d", status)
		}
		if code := rest(); code != 503 {
			t.Errorf("msg/upload on a full disk: %d", code)
		}
	}
	if !s.Running() {
		t.Fatal("the process has ended")
	}
	if status, body := get(t, s, "/nos/"+whole.grant.Object, ""); status != http.StatusOK || body != whole.content {
		t.Errorf("a file on a full disk: HTTP %d, %d bytes", status, len(body))
	}
	if n := len(blobs(t, s)); n != before {
		t.Errorf("%d blobs, %d before", n, before)
	}
	if !strings.Contains(s.Log(), "no space left for files") {
		t.Errorf("the log does not say it:\n%s", s.Log())
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for !half.done {
		if err := half.chunk(ctx, s, chunk); err != nil {
			t.Fatalf("with room again: %v", err)
		}
	}
	if status, body := get(t, s, "/nos/"+half.grant.Object, ""); status != http.StatusOK || body != half.content {
		t.Errorf("the other file: HTTP %d, %d bytes", status, len(body))
	}
	if code := rest(); code != 200 {
		t.Errorf("msg/upload with room again: %d", code)
	}
	s.Kill() // before the file system goes
}

// TestFullDatabase fills the disk under the database while the files have room:
// uploads are refused in the same way, and leave nothing either.
func TestFullDatabase(t *testing.T) {
	dir := smallDisk(t, 12)
	s := proc.New(t)
	s.Move(filepath.Join(dir, "data"))
	if err := os.Mkdir(s.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(s.Data, "files")); err != nil {
		t.Fatal(err)
	}
	s.Start()
	keys, err := seal.Load(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	signer := file.New(file.Config{Clock: time.Now, Key: keys.FileKey()})
	ctx := hytest.Context(t)
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	one := func() int {
		g, err := signer.Grant(&app.App{Key: proc.Key, Settings: hytest.Settings(t)}, file.Ask{Scene: "scene"})
		if err != nil {
			t.Fatal(err)
		}
		return put(ctx, t, s, &upload{grant: g, content: "a small file"}, 1<<20)
	}
	// There may be room in pages that the database has already.
	hytest.Eventually(t, "uploads are refused", func() bool {
		status := one()
		if status != http.StatusOK && status != http.StatusInsufficientStorage {
			t.Fatalf("HTTP %d", status)
		}
		return status != http.StatusOK
	})
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	hytest.Eventually(t, "it goes on", func() bool { return one() == http.StatusOK })
	s.Kill()
}

// TestFullSpool sends files that have to lie on the disk before they can be
// stored, and for which it has no room, while the contents of files have.
func TestFullSpool(t *testing.T) {
	dir := smallDisk(t, 12)
	s := proc.New(t)
	s.Move(filepath.Join(dir, "data"))
	if err := os.Mkdir(s.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(s.Data, "files")); err != nil {
		t.Fatal(err)
	}
	s.Start()
	keys, err := seal.Load(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	signer := file.New(file.Config{Clock: time.Now, Key: keys.FileKey()})
	ctx := hytest.Context(t)
	rest := func(size int) int {
		t.Helper()
		code, _, err := s.REST().Call(ctx, "msg/upload.action", url.Values{"content": {base64.StdEncoding.EncodeToString(make([]byte, size))}})
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	// The token comes behind the file.
	form := func(size int) int {
		t.Helper()
		g, err := signer.Grant(&app.App{Key: proc.Key, Settings: hytest.Settings(t)}, file.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		body := "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + strings.Repeat("x", size) +
			"\r\n--B\r\nContent-Disposition: form-data; name=\"x-nos-token\"\r\n\r\n" + g.Token + "\r\n--B--\r\n"
		res, err := http.Post("http://"+s.Addr+"/nos", "multipart/form-data; boundary=B", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	const large, small = 14 << 20, 1 << 10
	for range 3 {
		if code := rest(large); code != 503 {
			t.Errorf("msg/upload: %d", code)
		}
		if status := form(large); status != http.StatusInsufficientStorage {
			t.Errorf("a form: HTTP %d", status)
		}
		if code, status := rest(small), form(small); code != 200 || status != http.StatusOK {
			t.Errorf("small files: %d, HTTP %d", code, status)
		}
	}
	if !strings.Contains(s.Log(), "no space left for files") {
		t.Errorf("the log does not say it:\n%s", s.Log())
	}
	s.Kill()
}

// put sends the next chunk and returns the status of the answer.
func put(ctx context.Context, t *testing.T, s *proc.Server, u *upload, size int64) int {
	t.Helper()
	end := min(u.acked+size, int64(len(u.content)))
	to := fmt.Sprintf("http://%s/nos/%s?offset=%d&complete=%v&context=%s&version=1.0", s.Addr, u.grant.Object, u.acked, end == int64(len(u.content)), u.session)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(u.content[u.acked:end]))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-nos-token", u.grant.Token)
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}
