package easemob_test

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// A content that is lost, or cannot be had now, is told in JSON and not behind the
// headers of a success.
func TestLostContents(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	uuid, _ := b.put(token, "0123456789")
	blob := ""
	_ = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && !d.IsDir() {
			blob = path
		}
		return nil
	})
	for _, c := range []struct {
		name, error string
		status      int
		lose        func() error
	}{
		{"lost", "entity_not_found", 404, func() error { return os.Remove(blob) }},
		{"cannot be opened", "service_unavailable", 503, func() error { return os.Symlink(filepath.Base(blob), blob) }}, // a link to itself
	} {
		if err := c.lose(); err != nil {
			t.Fatal(err)
		}
		for _, head := range [][]string{nil, {"Range", "bytes=3-"}, {"Range", "bytes=0-1,4-5"}} {
			r := b.do("GET", "/org/one/chatfiles/"+uuid, nil, append([]string{"Authorization", token}, head...)...)
			r.refused(t, c.name, c.status, c.error, "")
			if again := r.head.Get("Retry-After"); (again != "") != (c.status == 503) {
				t.Errorf("%s: Retry-After %q", c.name, again)
			}
		}
		if r := b.do("HEAD", "/org/one/chatfiles/"+uuid, nil, "Authorization", token); r.status != c.status {
			t.Errorf("%s: HEAD: %d", c.name, r.status)
		}
	}
}

// A node that reads as many uploads as it can says when to come again.
func TestBusy(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	held, release := make(chan struct{}), make(chan struct{})
	const all = 256
	for range all {
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			err := b.transfer.Upload(httptest.NewRecorder(), r, func(context.Context, http.ResponseWriter, *http.Request) error {
				held <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			held <- struct{}{}
		}()
	}
	for range all {
		<-held
	}
	r := b.upload(token, []formPart{filePart("x")})
	r.refused(t, "all places taken", 503, "service_unavailable", "")
	if r.head.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", r.head.Get("Retry-After"))
	}
	close(release)
	for range all {
		<-held
	}
	if r := b.upload(token, []formPart{filePart("x")}); r.status != 200 {
		t.Errorf("later: %d %s", r.status, r.body)
	}
}
