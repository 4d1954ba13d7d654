package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongyan/internal/im"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/sqlstore"
)

// putFile stores a finished object of one part.
func putFile(t testing.TB, e *env, s *sqlstore.Store, f file.File) {
	t.Helper()
	f.Done, f.Parts = true, []file.Part{{Size: f.Size, Blob: f.App + "/" + f.Object}}
	if err := s.ChangeFile(e.ctx(), f.App, f.Object, file.Quota{}, func(*file.File) (*file.File, error) { return &f, nil }); err != nil {
		t.Fatalf("put %s: %v", f.Object, err)
	}
}

func part(start, size int64, blob string, hash byte) file.Part {
	return file.Part{Start: start, Size: size, Blob: blob, Hash: []byte{hash, 0}}
}

func testFiles(t *testing.T, e *env) {
	s, app := e.openApp()
	other := e.putApp(s, "app-two")
	if _, err := s.File(e.ctx(), app, "o"); !errors.Is(err, file.ErrUnknown) {
		t.Errorf("an object that does not exist: %v", err)
	}
	want := &file.File{App: app, Object: "o", Owner: "bob", Scene: "nim", Type: "image/png", Announced: "a picture", Size: 10, Context: "c", CreatedMs: 5, ExpiresMs: 6,
		Parts: []file.Part{part(0, 4, "b0", 1), part(4, 6, "b1", 2)}}
	set := func(f *file.File) func(*file.File) (*file.File, error) {
		return func(*file.File) (*file.File, error) { return f, nil }
	}
	check := func(what string) {
		t.Helper()
		got, err := s.File(e.ctx(), app, "o")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", what, err, d)
		}
	}
	if err := s.ChangeFile(e.ctx(), app, "o", file.Quota{}, set(want)); err != nil {
		t.Fatal(err)
	}
	check("as made")
	// Cut to the first part, another second one, finished.
	want.Parts = []file.Part{want.Parts[0], part(4, 8, "b2", 3)}
	want.Size, want.Done, want.MD5, want.ExpiresMs, want.Type, want.Announced = 12, true, "md5", 0, "text/plain", "text"
	if err := s.ChangeFile(e.ctx(), app, "o", file.Quota{}, set(want)); err != nil {
		t.Fatal(err)
	}
	check("as changed")
	refusal := im.Errorf(im.CodeBadParam, "no")
	if err := s.ChangeFile(e.ctx(), app, "o", file.Quota{}, func(cur *file.File) (*file.File, error) { return nil, refusal }); !errors.Is(err, refusal) {
		t.Errorf("a refused change: %v", err)
	}
	check("after a refusal")
	if _, err := s.File(e.ctx(), other, "o"); !errors.Is(err, file.ErrUnknown) {
		t.Errorf("seen by another app: %v", err)
	}
	blobs, err := s.FileBlobs(e.ctx(), app, []string{"o", "none"})
	if d := cmp.Diff(map[string]bool{"b0": true, "b2": true}, blobs); err != nil || d != "" {
		t.Errorf("blobs: %v %s", err, d)
	}
	if blobs, err := s.FileBlobs(e.ctx(), other, []string{"o"}); err != nil || len(blobs) != 0 {
		t.Errorf("blobs seen by another app: %v, %v", blobs, err)
	}
	if err := s.ChangeFile(e.ctx(), app, "o", file.Quota{}, set(nil)); err != nil {
		t.Fatal(err)
	}
	if err := s.ChangeFile(e.ctx(), app, "o", file.Quota{}, set(nil)); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.File(e.ctx(), app, "o"); !errors.Is(err, file.ErrUnknown) {
		t.Errorf("after its removal: %v", err)
	}
	if blobs, err := s.FileBlobs(e.ctx(), app, []string{"o"}); err != nil || len(blobs) != 0 {
		t.Errorf("parts stay: %v, %v", blobs, err)
	}
}

func testFileUsage(t *testing.T, e *env) {
	s, app := e.openApp()
	two := e.putApp(s, "app-two")
	used := func(app, owner string, want int64) {
		t.Helper()
		if n, err := s.FileUsage(e.ctx(), app, owner); err != nil || n != want {
			t.Errorf("%s %q uses %d, want %d (%v)", app, owner, n, want, err)
		}
	}
	putFile(t, e, s, file.File{App: app, Object: "a", Owner: "bob", Size: 60, CreatedMs: 1})
	putFile(t, e, s, file.File{App: app, Object: "b", Size: 30, CreatedMs: 1})
	putFile(t, e, s, file.File{App: two, Object: "a", Owner: "bob", Size: 7, CreatedMs: 1})
	used(app, "", 90)
	used(app, "bob", 60)
	used(two, "", 7)
	grow := func(owner, object string, n int64, q file.Quota) error {
		return s.ChangeFile(e.ctx(), app, object, q, func(*file.File) (*file.File, error) {
			return &file.File{App: app, Object: object, Owner: owner, Size: n}, nil
		})
	}
	for _, c := range []struct {
		name  string
		owner string
		n     int64
		q     file.Quota
		ok    bool
	}{
		{"app quota", "eve", 11, file.Quota{App: 100}, false},
		{"app quota just reached", "eve", 10, file.Quota{App: 100}, true},
		{"account quota", "bob", 1, file.Quota{Account: 60}, false},
		{"other account", "tom", 60, file.Quota{Account: 60}, true},
		{"the app has no account quota", "", 500, file.Quota{Account: 60}, true},
	} {
		if err := grow(c.owner, "q"+c.name, c.n, c.q); (err == nil) != c.ok || err != nil && !errors.Is(err, file.ErrQuota) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	used(app, "", 660)
	if err := s.ChangeFile(e.ctx(), app, "a", file.Quota{App: 1, Account: 1}, func(*file.File) (*file.File, error) { return nil, nil }); err != nil {
		t.Errorf("removal over quota: %v", err)
	}
	used(app, "", 600)
	used(app, "bob", 0)
	used(two, "bob", 7)

	// Concurrent growth is neither lost nor let beyond the quota.
	var wg sync.WaitGroup
	second := e.open()
	for i := range 20 {
		wg.Go(func() {
			st := []*sqlstore.Store{s, second}[i%2]
			o := fmt.Sprintf("c%d", i)
			err := st.ChangeFile(e.ctx(), two, o, file.Quota{App: 107}, func(*file.File) (*file.File, error) {
				return &file.File{App: two, Object: o, Owner: "tom", Size: 10}, nil
			})
			if err != nil && !errors.Is(err, file.ErrQuota) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	used(two, "", 107)
	used(two, "tom", 100)
}

func testFileLists(t *testing.T, e *env) {
	s, app := e.openApp()
	two := e.putApp(s, "app-two")
	for i := range 5 {
		putFile(t, e, s, file.File{App: app, Object: fmt.Sprintf("o%d", i), Type: "image/png", Scene: "s", CreatedMs: int64(100 + i), ExpiresMs: int64(i * 10)})
	}
	putFile(t, e, s, file.File{App: two, Object: "o1", CreatedMs: 101, ExpiresMs: 15})
	names := func(list []*file.File, err error) (out []string) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		for _, f := range list {
			out = append(out, f.App+" "+f.Object)
		}
		return out
	}
	if d := cmp.Diff([]string{app + " o1", two + " o1", app + " o2"}, names(s.ExpiredFiles(e.ctx(), 20, 10))); d != "" {
		t.Errorf("expired: %s", d)
	}
	if d := cmp.Diff([]string{app + " o1"}, names(s.ExpiredFiles(e.ctx(), 20, 1))); d != "" {
		t.Errorf("one expired: %s", d)
	}
	if d := cmp.Diff([]string{app + " o1", app + " o2"}, names(s.FilesBetween(e.ctx(), app, 101, 103, "", 10))); d != "" {
		t.Errorf("between: %s", d)
	}
	if d := cmp.Diff([]string{app + " o3"}, names(s.FilesBetween(e.ctx(), app, 102, 200, "o2", 1))); d != "" {
		t.Errorf("next page: %s", d)
	}
}

func testFileJobs(t *testing.T, e *env) {
	s, app := e.openApp()
	two := e.putApp(s, "app-two")
	jobs := []file.Job{{App: app, ID: "1", Type: "image", Scene: "s", FromMs: 1, ToMs: 2, DueMs: 10, CreatedMs: 5}, {App: two, ID: "1", DueMs: 20, CreatedMs: 6}}
	for _, j := range jobs {
		if err := s.AddFileJob(e.ctx(), j, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddFileJob(e.ctx(), file.Job{App: app, ID: "2", CreatedMs: 7}, 4, 1); !errors.Is(err, file.ErrTooManyJobs) {
		t.Errorf("one too many: %v", err)
	}
	if err := s.AddFileJob(e.ctx(), file.Job{App: app, ID: "2", DueMs: 100, CreatedMs: 7}, 5, 1); err != nil {
		t.Errorf("when the first has left the window: %v", err)
	}
	due := func(what string, nowMs int64, want ...file.Job) {
		t.Helper()
		got, err := s.DueFileJobs(e.ctx(), nowMs, 10)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", what, err, d)
		}
	}
	due("due", 15, jobs[0])
	if ok, err := s.AdvanceFileJob(e.ctx(), app, "1", 3, 300, 0); err != nil || !ok {
		t.Fatal(ok, err)
	}
	jobs[0].Files, jobs[0].Bytes = 3, 300
	due("half-way", 15, jobs[0])
	if ok, err := s.AdvanceFileJob(e.ctx(), app, "1", 1, 50, 40); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ok, err := s.AdvanceFileJob(e.ctx(), app, "1", 1, 50, 41); err != nil || ok {
		t.Errorf("after its end: %v, %v", ok, err)
	}
	jobs[0].Files, jobs[0].Bytes, jobs[0].EndedMs = 4, 350, 40
	due("one has ended", 25, jobs[1])
	for _, c := range []struct {
		name string
		app  string
		id   string
		want bool
	}{{"one that waits", app, "2", true}, {"one that has ended", app, "1", false}, {"one that is not there", app, "9", false}, {"another app's", two, "2", false}} {
		if ok, err := s.HastenFileJob(e.ctx(), c.app, c.id, 12); ok != c.want || err != nil {
			t.Errorf("hasten %s: %v, %v", c.name, ok, err)
		}
		if ok, err := s.CancelFileJob(e.ctx(), c.app, c.id, 50); ok != c.want || err != nil {
			t.Errorf("cancel %s: %v, %v", c.name, ok, err)
		}
	}
	got, err := s.FileJobs(e.ctx(), app, 10)
	want := []file.Job{{App: app, ID: "2", DueMs: 12, CreatedMs: 7, EndedMs: 50}, jobs[0]}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("all: %v %s", err, d)
	}
	if err := s.TrimFileJobs(e.ctx(), 50); err != nil {
		t.Fatal(err)
	}
	if got, err := s.FileJobs(e.ctx(), app, 10); err != nil || len(got) != 1 || got[0].ID != "2" {
		t.Errorf("after trimming: %v, %v", got, err)
	}
	due("what waits is not trimmed", 25, jobs[1])
}
