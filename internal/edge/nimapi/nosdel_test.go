package nimapi_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
)

const dayMs = 86_400_000

// form makes a multipart form of one file.
func formOf(content []byte) (body, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	p, _ := w.CreateFormFile("content", "a.bin")
	_, _ = p.Write(content)
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

// TestUploadOfFifteenMB: the limit is of the bytes, in every form that they come in.
func TestUploadOfFifteenMB(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	const most = 15 << 20
	for _, size := range []int{most, most + 1} {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		part, kind := formOf(content)
		for _, c := range []struct{ name, path, body, kind string }{
			{"base64", "upload", "content=" + url.QueryEscape(base64.StdEncoding.EncodeToString(content)), "application/x-www-form-urlencoded"},
			{"a file of a form", "fileUpload", part, kind},
			{"a plain form", "fileUpload", "content=" + string(content), "multipart/form-data"},
		} {
			got := n.send("POST", "/nimserver/msg/"+c.path+".action", c.body, n.header(map[string]string{"Content-Type": c.kind})).Body.String()
			if size > most {
				n.want(got, `{"code":414,"desc":"file too large"}`)
				continue
			}
			if _, text := stored(t, files, got); text != string(content) {
				t.Errorf("%s: %d bytes", c.name, len(text))
			}
		}
	}
}

// TestNosDelAnnounced: deletions match what the uploader said of the type, which
// nobody is served, as well as what the content looks like.
func TestNosDelAnnounced(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	n.set(map[string]string{"file_jobs": "now"})
	now := time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond).UnixMilli()
	put := func(kind string) string {
		t.Helper()
		f, _ := stored(t, files, n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D&type="+url.QueryEscape(kind), n.header(nil)).Body.String())
		if f.Type != "text/plain" {
			t.Errorf("%q: served as %q", kind, f.Type)
		}
		return f.Object
	}
	long := strings.Repeat("界", 127) + "!"
	image, word, longest, tooLong, none := put("image/x-own"), put("portrait"), put(long), put(long+"!"), put("")
	n.ahead.Add(3 * dayMs)
	for _, c := range []struct {
		kind string
		gone []string
	}{{"no such type", nil}, {"image", []string{image}}, {"trait", []string{image, word}}, {"!", []string{image, word, longest}},
		{"plain", []string{image, word, longest, tooLong, none}}} {
		if got := n.call("job/nos/del", fmt.Sprint("startTime=", now-dayMs), fmt.Sprint("endTime=", now+dayMs), "contentType="+c.kind); !strings.HasPrefix(got, `{"code":200`) {
			t.Fatalf("%s: %s", c.kind, got)
		}
		if err := files.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, object := range []string{image, word, longest, tooLong, none} {
			_, _, err := files.Find(t.Context(), object)
			if want := strings.Contains(strings.Join(c.gone, " "), object); errors.Is(err, file.ErrUnknown) != want {
				t.Errorf("after %s: %s: %v", c.kind, object, err)
			}
		}
	}
}

// TestNosDelRate: five calls a day, whatever becomes of them, then a block of a day
// that ends with its last millisecond.
func TestNosDelRate(t *testing.T) {
	n := newNode(t)
	begun := time.Now()
	n.config.Clock = im.Clock(func() time.Time { return begun.Add(time.Duration(n.ahead.Load()) * time.Millisecond) })
	withFiles(t, n)
	call := func() string { return n.call("job/nos/del", "startTime=1", "endTime=2")[:11] }
	for i := range 5 {
		if got := call(); got != `{"code":414` {
			t.Fatalf("call %d: %s", i+1, got)
		}
		n.ahead.Add(1000)
	}
	for _, c := range []struct {
		name   string
		ahead  int64
		answer string
	}{
		{"the sixth", 0, `{"code":416`}, {"during the block", 3_600_000, `{"code":416`}, {"in its last millisecond", 82_799_999, `{"code":416`},
		{"after it", 1, `{"code":414`},
	} {
		n.ahead.Add(c.ahead)
		if got := call(); got != c.answer {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if jobs, err := n.store.FileJobs(t.Context(), appKey, 10); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
}

// TestNosDelOnFriday: by default files are deleted on Friday of the following week
// and not before.
func TestNosDelOnFriday(t *testing.T) {
	n := newNode(t)
	files := withFiles(t, n)
	f, _ := stored(t, files, n.send("POST", "/nimserver/msg/upload.action", "content=aGVsbG8%3D", n.header(nil)).Body.String())
	n.ahead.Add(3 * dayMs)
	ordered := time.Now().Add(time.Duration(n.ahead.Load()) * time.Millisecond)
	if got := n.call("job/nos/del", fmt.Sprint("startTime=", f.CreatedMs-dayMs), fmt.Sprint("endTime=", f.CreatedMs+dayMs)); !strings.HasPrefix(got, `{"code":200`) {
		t.Fatalf("%s", got)
	}
	zone := time.FixedZone("", 8*3600)
	monday := ordered.In(zone)
	for monday.Weekday() != time.Monday {
		monday = monday.AddDate(0, 0, -1)
	}
	friday := time.Date(monday.Year(), monday.Month(), monday.Day()+11, 3, 0, 0, 0, zone)
	for _, c := range []struct {
		name string
		at   time.Time
		gone bool
	}{{"at once", ordered, false}, {"four days later", ordered.AddDate(0, 0, 4), false}, {"ten minutes before", friday.Add(-10 * time.Minute), false}, {"on Friday", friday.Add(time.Second), true}} {
		if c.at.After(ordered.Add(time.Hour)) {
			n.ahead.Store(time.Until(c.at).Milliseconds())
		}
		if err := files.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := files.Find(t.Context(), f.Object); errors.Is(err, file.ErrUnknown) != c.gone {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if jobs, err := n.store.FileJobs(t.Context(), appKey, 10); err != nil || len(jobs) != 1 || jobs[0].DueMs != friday.UnixMilli() || jobs[0].Files != 1 || jobs[0].EndedMs == 0 {
		t.Errorf("%+v, %v", jobs, err)
	}
}
