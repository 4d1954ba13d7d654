package kill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/app"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/seal"
	"hongyan/test/kill/proc"
)

// slowly gives its text in small pieces, so that a kill meets requests half-way.
type slowly struct{ rest string }

// Read implements io.Reader.
func (s *slowly) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	time.Sleep(time.Millisecond)
	n := copy(p, s.rest[:min(len(s.rest), 16<<10)])
	s.rest = s.rest[n:]
	return n, nil
}

// upload is one chunked upload as a client sees it.
type upload struct {
	grant   file.Grant
	content string
	session string
	acked   int64
	done    bool
}

// chunk sends the next chunk and takes the answer; an error is a broken
// connection.
func (u *upload) chunk(ctx context.Context, s *proc.Server, size int64) error {
	end := min(u.acked+size, int64(len(u.content)))
	last := end == int64(len(u.content))
	url := fmt.Sprintf("http://%s/nos/%s?offset=%d&complete=%v&context=%s&version=1.0", s.Addr, u.grant.Object, u.acked, last, u.session)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, &slowly{u.content[u.acked:end]})
	if err != nil {
		return err
	}
	r.ContentLength = end - u.acked
	r.Header.Set("x-nos-token", u.grant.Token)
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var a struct {
		Offset  int64  `json:"offset"`
		Context string `json:"context"`
		Text    string `json:"errMsg"`
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || a.Offset != end {
		return fmt.Errorf("HTTP %d %+v: %w", res.StatusCode, a, errRefused)
	}
	u.acked, u.session, u.done = a.Offset, a.Context, last
	return nil
}

var errRefused = fmt.Errorf("refused")

// get reads a path and returns status and body.
func get(t *testing.T, s *proc.Server, path, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("x-nos-token", token)
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// blobs lists what lies in the directory of files.
func blobs(t *testing.T, s *proc.Server) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.Data, "files"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestKillUploads kills the server in the middle of uploads: what was
// acknowledged stays, half files are never seen, and the space of what was
// under way comes back.
func TestKillUploads(t *testing.T) {
	const chunk, chunks, n = 256 << 10, 4, 4
	s := proc.New(t)
	s.Start()
	keys, err := seal.Load(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	signer := file.New(file.Config{Clock: time.Now, Key: keys.FileKey()})
	var ups []*upload
	for i := range n {
		g, err := signer.Grant(&app.App{Key: proc.Key, Settings: hytest.Settings(t)}, file.Ask{})
		if err != nil {
			t.Fatal(err)
		}
		ups = append(ups, &upload{grant: g, content: strings.Repeat(fmt.Sprintf("%08d", i), chunk*chunks/8)})
	}
	run := func(ctx context.Context) {
		var wg sync.WaitGroup
		for _, u := range ups {
			wg.Go(func() {
				for !u.done && u.chunk(ctx, s, chunk) == nil {
				}
			})
		}
		wg.Wait()
	}
	for range *rounds {
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { run(ctx); close(over) }()
		time.Sleep(40 * time.Millisecond)
		s.Kill()
		cancel()
		<-over
		s.Start()
		for i, u := range ups {
			if u.done {
				continue
			}
			if status, _ := get(t, s, "/nos/"+u.grant.Object, ""); status != http.StatusNotFound {
				t.Errorf("upload %d is unfinished and read with HTTP %d", i, status)
			}
			if u.session == "" {
				continue
			}
			var a struct {
				Offset int64 `json:"offset"`
			}
			status, body := get(t, s, "/nos/"+u.grant.Object+"?uploadContext&version=1.0&context="+u.session, u.grant.Token)
			if err := json.Unmarshal([]byte(body), &a); err != nil || status != http.StatusOK || a.Offset < u.acked {
				t.Errorf("upload %d: acknowledged up to %d, kept: HTTP %d %s", i, u.acked, status, body)
			}
		}
	}
	run(t.Context())
	for i, u := range ups {
		if !u.done {
			t.Fatalf("upload %d does not get to its end", i)
		}
		if status, body := get(t, s, "/nos/"+u.grant.Object, ""); status != http.StatusOK || body != u.content {
			t.Errorf("upload %d: HTTP %d, %d bytes", i, status, len(body))
		}
	}
	// Two hours later everything that belongs to no file is gone after a start.
	s.Kill()
	before := time.Now().Add(-2 * time.Hour)
	for _, path := range blobs(t, s) {
		if err := os.Chtimes(path, before, before); err != nil {
			t.Fatal(err)
		}
	}
	s.Start()
	hytest.Eventually(t, "the orphans are gone", func() bool { return len(blobs(t, s)) == n*chunks })
	for i, u := range ups {
		if status, body := get(t, s, "/nos/"+u.grant.Object, ""); status != http.StatusOK || body != u.content {
			t.Errorf("upload %d after the sweep: HTTP %d, %d bytes", i, status, len(body))
		}
	}
}
