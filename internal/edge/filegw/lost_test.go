package filegw_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A content that is lost, or cannot be had now, is told before the headers of a
// success are out.
func TestLostContents(t *testing.T) {
	b := newBed(t)
	object := b.put("0123456789", "text/plain")
	tag := b.do("GET", "/nos/"+object, nil, nil).head.Get("ETag")
	blob := ""
	_ = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && !d.IsDir() {
			blob = path
		}
		return nil
	})
	for _, c := range []struct {
		name   string
		status int
		lose   func() error
	}{
		{"lost", 404, func() error { return os.Remove(blob) }},
		{"cannot be opened", 503, func() error { return os.Symlink(filepath.Base(blob), blob) }}, // a link to itself
	} {
		if err := c.lose(); err != nil {
			t.Fatal(err)
		}
		for _, q := range []struct {
			name, method string
			head         map[string]string
		}{
			{"whole", "GET", nil}, {"head", "HEAD", nil}, {"a range", "GET", map[string]string{"Range": "bytes=3-"}},
			{"two ranges", "GET", map[string]string{"Range": "bytes=0-1,4-5"}}, {"another version known", "GET", map[string]string{"If-None-Match": `"x"`}},
		} {
			a := b.do(q.method, "/nos/"+object, q.head, nil)
			if a.status != c.status || q.method == "GET" && a.json(t)["errCode"] != float64(c.status) {
				t.Errorf("%s, %s: %d %q", c.name, q.name, a.status, a.body)
			}
			for _, k := range []string{"ETag", "Content-Range", "Last-Modified", "Accept-Ranges"} {
				if a.head.Get(k) != "" {
					t.Errorf("%s, %s: %s %q", c.name, q.name, k, a.head.Get(k))
				}
			}
			if !strings.Contains(a.head.Get("Cache-Control"), "no-store") || (a.head.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("%s, %s: %v", c.name, q.name, a.head)
			}
		}
		if a := b.do("GET", "/nos/"+object, map[string]string{"If-None-Match": tag}, nil); a.status != 304 {
			t.Errorf("%s, known already: %d", c.name, a.status)
		}
	}
}
