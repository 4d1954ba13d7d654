package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/test/kill/proc"
)

// easemob is a client of the Easemob API.
type easemob struct {
	t     *testing.T
	s     *proc.Server
	token string
}

// do sends a request; its connection is its own, since the server dies.
func (e *easemob) do(ctx context.Context, method, path, kind string, body io.Reader, head ...string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+e.s.Addr+"/org/app/"+path, body)
	if err != nil {
		return 0, "", err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Authorization", "Bearer "+e.token)
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// must is do for a server that is there.
func (e *easemob) must(method, path, kind, body string, head ...string) string {
	e.t.Helper()
	status, answer, err := e.do(e.t.Context(), method, path, kind, strings.NewReader(body), head...)
	if err != nil || status != http.StatusOK {
		e.t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
	}
	return answer
}

// field finds a text in an answer.
func field(answer, name string) string {
	m := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindStringSubmatch(answer)
	if m == nil {
		return ""
	}
	return m[1]
}

func chatForm(name, content string, more ...string) (kind, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	p, _ := w.CreateFormFile(name, "a.bin")
	_, _ = io.WriteString(p, content)
	for i := 0; i+1 < len(more); i += 2 {
		_ = w.WriteField(more[i], more[i+1])
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

type storedFile struct{ uuid, secret, content string }

// TestKillChatFiles kills the server in the middle of uploads through the
// Easemob API: what was acknowledged is read with the tokens and secrets given
// before, the rest leaves nothing, and the sweep of orphans knows the one from
// the other.
func TestKillChatFiles(t *testing.T) {
	s := proc.New(t)
	s.Start()
	s.Tool([]string{"app", "name"}, "--key", proc.Key, "org/app")
	shown := s.Tool([]string{"app", "show"}, "--key", proc.Key)
	secretOf := func(what string) string {
		m := regexp.MustCompile(`easemob client ` + what + `\s+(\S+)`).FindStringSubmatch(shown)
		if m == nil {
			t.Fatalf("no client %s in %s", what, shown)
		}
		return m[1]
	}
	server, user := &easemob{t: t, s: s}, &easemob{t: t, s: s}
	ask := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, secretOf("id"), secretOf("secret"))
	hytest.Eventually(t, "the app has its name", func() bool {
		_, answer, err := server.do(t.Context(), "POST", "token", "", strings.NewReader(ask))
		server.token = field(answer, "access_token")
		return err == nil && server.token != ""
	})
	server.must("POST", "users", "", `{"username":"alice","password":"one"}`)
	login := func(password string) string {
		return field(user.must("POST", "token", "", `{"grant_type":"password","username":"alice","password":"`+password+`"}`), "access_token")
	}
	old := login("one")
	server.must("PUT", "users/alice/password", "", `{"newpassword":"two"}`)
	user.token = login("two")
	upload := field(user.must("POST", "sdk/chatfiles/part-upload", "application/json", ""), "uuid")
	tail := strings.Repeat("tail", 1000)
	kind, body := chatForm("part_file", tail, "part_number", "2")
	user.must("PUT", "sdk/chatfiles/part-upload/"+upload, kind, body)

	var mu sync.Mutex // guards kept
	var kept []storedFile
	for round := range *rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					content := strings.Repeat(fmt.Sprintf("%d-%d-%d.", round, i, n), 20<<10)
					kind, body := chatForm("file", content)
					status, answer, err := user.do(ctx, "POST", "chatfiles", kind, &slowly{body}, "restrict-access", "true")
					if err != nil {
						return
					}
					if status != http.StatusOK {
						t.Errorf("HTTP %d %s", status, answer)
						return
					}
					mu.Lock()
					kept = append(kept, storedFile{field(answer, "uuid"), field(answer, "share-secret"), content})
					mu.Unlock()
				}
			})
		}
		hytest.Eventually(t, "uploads are acknowledged", func() bool { mu.Lock(); defer mu.Unlock(); return len(kept) > 6*round+3 })
		s.Kill()
		cancel()
		wg.Wait()
		s.Start()
	}
	check := func(when string) {
		t.Helper()
		for _, f := range kept {
			if got := user.must("GET", "chatfiles/"+f.uuid, "", "", "share-secret", f.secret); got != f.content {
				t.Errorf("%s: %s has %d bytes, %d were acknowledged", when, f.uuid, len(got), len(f.content))
			}
		}
		if status, _, err := user.do(t.Context(), "GET", "chatfiles/"+kept[0].uuid, "", nil); err != nil || status != http.StatusForbidden {
			t.Errorf("%s: without the secret: %d %v", when, status, err)
		}
	}
	check("after the kills")
	if status, answer, _ := (&easemob{t: t, s: s, token: old}).do(t.Context(), "GET", "users/alice", "", nil); status != http.StatusUnauthorized {
		t.Errorf("a token of the old password: %d %s", status, answer)
	}
	// The part that was acknowledged before is there; the others follow.
	first := strings.Repeat("head", 5<<20/4)
	kind, body = chatForm("part_file", first, "part_number", "1")
	user.must("PUT", "sdk/chatfiles/part-upload/"+upload, kind, body)
	var done struct {
		Entities []struct {
			UUID     string `json:"uuid"`
			Metadata struct {
				Length int `json:"content-length"`
			} `json:"file-metadata"`
		} `json:"entities"`
	}
	if err := json.Unmarshal([]byte(user.must("POST", "sdk/chatfiles/part-upload/"+upload, "", "")), &done); err != nil || len(done.Entities) != 1 || done.Entities[0].Metadata.Length != len(first)+len(tail) {
		t.Errorf("%+v %v", done, err)
	}
	if got := user.must("GET", "chatfiles/"+upload, "", ""); got != first+tail {
		t.Errorf("the parts: %d bytes", len(got))
	}
	// Two hours later what belongs to no file is gone after a start, and only that.
	s.Kill()
	before := time.Now().Add(-2 * time.Hour)
	for _, path := range blobs(t, s) {
		if err := os.Chtimes(path, before, before); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	s.Start()
	// Each file of a round that was stored and not acknowledged is a file too.
	hytest.Eventually(t, "the orphans are gone", func() bool { n := len(blobs(t, s)); return n >= len(kept)+2 && n <= len(kept)+2+4**rounds })
	check("after the sweep")
	if err := s.Terminate(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}
