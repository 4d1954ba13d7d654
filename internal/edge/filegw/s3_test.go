package filegw_test

import (
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/blobstore"
)

// Contents in a real S3 store: form, chunks, ranges, deletion, a new process.
func TestOverS3(t *testing.T) {
	url := "s3://files?region=us-east-1&use_path_style=true&endpoint=" + hytest.S3(t, "files")
	b := newBedOn(t, url)
	small := b.put("hello", "text/plain")
	g := b.grant(file.Ask{})
	first := b.chunk(g, 0, false, "", strings.Repeat("a", 4<<20)).json(t)
	b.start(url) // in the middle of an upload
	if a := b.chunk(g, 4<<20, true, first["context"].(string), "tail"); a.status != 200 {
		t.Fatalf("the last chunk: %d %s", a.status, a.body)
	}
	gone := b.grant(file.Ask{ExpireSec: 86400})
	if a := b.form("text/plain", "Object="+gone.Object, "x-nos-token="+gone.Token, "@file=short-lived"); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.start(url)
	for _, c := range []struct {
		object, ranges, want string
		status               int
	}{
		{small, "", "hello", 200}, {small, "bytes=1-3", "ell", 206}, {g.Object, "bytes=4194300-", "aaaatail", 206}, {g.Object, "bytes=-4", "tail", 206},
		{g.Object, "", strings.Repeat("a", 4<<20) + "tail", 200}, {gone.Object, "", "short-lived", 200},
	} {
		head := map[string]string{}
		if c.ranges != "" {
			head["Range"] = c.ranges
		}
		if a := b.do("GET", "/nos/"+c.object, head, nil); a.status != c.status || a.body != c.want {
			t.Errorf("%s %q: %d, %d bytes", c.object, c.ranges, a.status, len(a.body))
		}
	}
	b.clock.Advance(25 * time.Hour)
	if err := b.files.Clean(t.Context()); err != nil {
		t.Error(err)
	}
	if a := b.do("GET", "/nos/"+gone.Object, nil, nil); a.status != 404 {
		t.Errorf("after its life: %d", a.status)
	}
	blobs, err := blobstore.Open(t.Context(), url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	n := 0
	if err := blobs.Walk(t.Context(), func(string, time.Time) error { n++; return nil }); err != nil || n != 3 {
		t.Errorf("%d blobs, want the one and the two pieces: %v", n, err)
	}
}
