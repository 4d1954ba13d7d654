package s3gw

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/im"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/blobstore"
)

// Uploads to a bucket of the operator's, read through our own service.
func TestOperatorsBucket(t *testing.T) {
	endpoint := hytest.S3(t, "uploads")
	d, err := blobstore.OpenDirect(t.Context(), blobstore.DirectConfig{URL: "s3://uploads?region=us-east-1&use_path_style=true&endpoint=" + endpoint,
		Keys: hytest.S3AccessKey + ":" + hytest.S3SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	b := newBedWith(t, d, "file_max", "1", "file_account_quota", "2")
	put := func(g file.S3Grant, body, token string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/"+g.Bucket+"/"+g.Key, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().UTC()
		r.Header.Set("X-Amz-Date", at.Format(amzTime))
		r.Header.Set(hashHeader, unsigned)
		signed := []string{"host", "x-amz-content-sha256", "x-amz-date"}
		if token != "" {
			r.Header.Set("X-Amz-Meta-Token", token)
			signed = append(signed, "x-amz-meta-token")
		}
		cred := credential{accessKey: g.AccessKey, date: at.Format("20060102"), region: g.Region}
		r.Header.Set("Authorization", algorithm+" Credential="+cred.accessKey+"/"+cred.date+"/"+cred.region+"/s3/aws4_request, SignedHeaders="+
			strings.Join(sorted(signed), ";")+", Signature="+sign(t, r, cred, g.Secret, at, signed))
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Fatalf("put: %d", res.StatusCode)
		}
	}
	g := b.grant()
	if g.Bucket != "uploads" || g.Region != "us-east-1" || g.AccessKey != hytest.S3AccessKey || b.files.S3Endpoint() != endpoint {
		t.Fatalf("%+v", g.Grant)
	}
	if _, _, err := b.files.Find(t.Context(), g.Key); !errors.Is(err, file.ErrUnknown) {
		t.Errorf("before its upload: %v", err)
	}
	put(g, "hello", g.Token)
	if got := b.content(g.Key); got != "hello" {
		t.Errorf("read %q", got)
	}
	if _, f, err := b.files.Find(t.Context(), g.Key); err != nil || f.Owner != "alice" || f.Size != 5 || f.Type != "text/plain" || f.MD5 != "5d41402abc4b2a76b9719d911017c592" {
		t.Errorf("%+v, %v", f, err)
	}
	other := b.grant()
	for name, c := range map[string]struct {
		body  string
		token func(g file.S3Grant) string
		stays bool
	}{
		"no token":              {"x", func(file.S3Grant) string { return "" }, true},
		"of another upload":     {"x", func(file.S3Grant) string { return other.Token }, true},
		"a token changed":       {"x", func(g file.S3Grant) string { return g.Token + "x" }, true},
		"too large":             {strings.Repeat("x", 1<<20+1), func(g file.S3Grant) string { return g.Token }, false},
		"more than there is to": {strings.Repeat("x", 1<<20), func(g file.S3Grant) string { return g.Token }, false},
	} {
		if name == "more than there is to" {
			for range 2 {
				g := b.grant()
				put(g, c.body, g.Token)
				_, _, _ = b.files.Find(t.Context(), g.Key)
			}
			continue
		}
		g := b.grant()
		put(g, c.body, c.token(g))
		if _, _, err := b.files.Find(t.Context(), g.Key); !errors.Is(err, file.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Stat(t.Context(), g.Key); (err == nil) != c.stays {
			t.Errorf("%s: in the bucket: %v", name, err)
		}
	}
	// Two of 1 MiB do not fit beside the first file: the second one was removed, and
	// nothing more is granted when all is used.
	if n, err := b.store.FileUsage(t.Context(), "one", "alice"); err != nil || n != 5+1<<20 {
		t.Errorf("used: %d, %v", n, err)
	}
}

// Credentials that cannot be had are no error: an SDK would give the upload up,
// while keys that do not work lead it to the other provider
// (docs/protocol/storage.md section 8.4).
func TestNoCredentials(t *testing.T) {
	d := newFakeDirect()
	b := newBedWith(t, d)
	grant := func() file.S3Grant {
		t.Helper()
		g, err := b.files.GrantS3(t.Context(), b.app, file.Ask{Accid: "alice"})
		if err != nil || g.Token == "" || g.Key == "" || g.Bucket != "b" || g.URL == "" || g.Expires == 0 {
			t.Fatalf("%+v, %v", g, err)
		}
		return g
	}
	if g := grant(); g.AccessKey != "k" || g.Secret != "s" {
		t.Errorf("%+v", g)
	}
	d.broken = errors.New("the STS is away")
	for range 3 {
		if g := grant(); g.AccessKey != "" || g.Secret != "" || g.Session != "" {
			t.Errorf("without credentials: %+v", g)
		}
	}
	if d.asked != 2 || b.keys["ok"] != 1 || b.keys["failed"] != 1 || b.keys["not asked"] != 2 {
		t.Errorf("asked %d times, counted %v", d.asked, b.keys)
	}
	d.broken = nil
	b.clock.Advance(time.Minute)
	if g := grant(); g.AccessKey != "k" {
		t.Errorf("when it is back: %+v", g)
	}
}

func TestOperatorsBucketSwept(t *testing.T) {
	d := newFakeDirect()
	b := newBedWith(t, d)
	life, err := b.files.GrantS3(t.Context(), b.app, file.Ask{Accid: "alice", ExpireSec: 86400})
	if err != nil {
		t.Fatal(err)
	}
	d.put(life.Key, "hello", life.Token)
	d.put("somebody-elses/object", "x", "")
	b.clock.Advance(2 * time.Hour)
	if err := b.files.SweepDirect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.store.FileUsage(t.Context(), "one", "alice"); err != nil || n != 5 {
		t.Errorf("used after the sweep: %d, %v", n, err)
	}
	d.broken = im.Errorf(im.CodeBusy, "away")
	b.clock.Advance(25 * time.Hour)
	if err := b.files.Clean(t.Context()); err == nil {
		t.Error("cleaned without the store")
	}
	d.broken = nil
	if err := b.files.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.files.Find(t.Context(), life.Key); !errors.Is(err, file.ErrUnknown) || len(d.objects) != 1 {
		t.Errorf("after its life: %v, %d objects", err, len(d.objects))
	}
}
