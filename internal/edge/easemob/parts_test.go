package easemob_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"hongyan/internal/hytest"
	"hongyan/internal/infra/sqlstore"
)

const (
	partPath = "sdk/chatfiles/part-upload"
	partSize = 5 << 20
)

// begin opens an upload by parts and returns its id.
func (b *bed) begin(token string) string {
	b.t.Helper()
	r := b.do("POST", "/org/one/"+partPath, nil, "Authorization", token, "Content-Type", "application/json")
	if r.status != 200 {
		b.t.Fatalf("%d %s", r.status, r.body)
	}
	return r.entity(b.t)["uuid"].(string)
}

// part sends one part as the web SDK does: its number behind it.
func (b *bed) part(token, id, number, content string) reply {
	b.t.Helper()
	kind, body := formBody(formPart{`name="part_file"; filename="blob"`, "application/octet-stream", content}, formPart{`name="part_number"`, "", number})
	return b.do("PUT", "/org/one/"+partPath+"/"+id, body, "Authorization", token, "Content-Type", kind, "restrict-access", "true")
}

func (b *bed) complete(token, id, query string) reply {
	b.t.Helper()
	return b.call("POST", partPath+"/"+id+query, token, "")
}

func TestUploadByParts(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	r := b.do("POST", "/org/one/"+partPath, nil, "Authorization", token, "Content-Type", "application/json")
	e := r.entity(t)
	if e["part_lower_limit"] != float64(partSize) || e["file_upper_limit"] != float64(10<<20) {
		t.Errorf("%s", r.body)
	}
	id := e["uuid"].(string)
	known, err := b.store.ChatFileKnown(t.Context(), "one", "one."+strings.ReplaceAll(id, "-", "")+"x")
	if err != nil || known || !uuidPattern.MatchString(id) {
		t.Errorf("an upload that has begun takes a row: %v, %v", known, err)
	}
	first, last := "\x89PNG\r\n\x1a\n"+strings.Repeat("a", partSize-8), strings.Repeat("b", 1000)
	var wg sync.WaitGroup
	for n, content := range map[string]string{"2": last, "1": first} { // side by side, in any order
		wg.Add(1)
		go func() {
			defer wg.Done()
			if r := b.part(token, id, n, content); r.status != 200 || r.entity(t)["part_size"] != float64(len(content)) {
				t.Errorf("part %s: %d %s", n, r.status, r.body)
			}
		}()
	}
	wg.Wait()
	if r := b.part(token, id, "2", strings.Repeat("c", 2000)); r.status != 200 { // again: it replaces itself
		t.Errorf("again: %d %s", r.status, r.body)
	}
	if r := b.call("GET", partPath+"/"+id+"/parts", token, ""); !strings.Contains(r.body, fmt.Sprintf(`"entities":[[{"part_number":1,"part_size":%d},{"part_number":2,"part_size":2000}]]`, partSize)) {
		t.Errorf("list: %s", r.body)
	}
	b.call("GET", "chatfiles/"+id, token, "").refused(t, "not complete", 404, "entity_not_found", "")
	done := b.complete(token, id, "?restrict-access=true&chat-type=CHAT&chat-target=bob&thumbnail-width=10")
	e = done.entity(t)
	if done.status != 200 || e["uuid"] != id || e["type"] != "chatfile" || !secretPattern.MatchString(e["share-secret"].(string)) {
		t.Fatalf("%d %s", done.status, done.body)
	}
	if again := b.complete(token, id, "?restrict-access=true"); again.entity(t)["share-secret"] != e["share-secret"] {
		t.Errorf("completed twice: %s", again.body)
	}
	b.part(token, id, "3", "late").refused(t, "a part behind the end", 404, "entity_not_found", "")
	b.call("GET", "chatfiles/"+id, token, "").refused(t, "restricted by the query", 403, "forbidden_op", "chatfile no permission")
	got := b.do("GET", "/org/one/chatfiles/"+id, nil, "Authorization", token, "share-secret", e["share-secret"].(string))
	if got.status != 200 || got.body != first+strings.Repeat("c", 2000) || got.head.Get("Content-Type") != "image/png" {
		t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.head)
	}
	if r := b.do("GET", "/org/one/chatfiles/"+id, nil, "Authorization", token, "share-secret", e["share-secret"].(string), "Range", fmt.Sprintf("bytes=%d-%d", partSize-2, partSize+1)); r.body != "aacc" {
		t.Errorf("a range over the seam: %d %q", r.status, r.body)
	}
	if n := b.blobs(); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	// A file that came at once is no upload by parts.
	whole, _ := b.put(token, "x")
	b.part(token, whole, "1", "y").refused(t, "a part of a whole file", 404, "entity_not_found", "")
	b.complete(token, whole, "").refused(t, "a whole file completed", 404, "entity_not_found", "")
	if r := b.call("DELETE", partPath+"/"+whole, token, ""); r.status != 404 {
		t.Errorf("a whole file aborted: %d", r.status)
	}
}

// The first parts of an upload come side by side, as the web SDK sends them.
func TestFirstPartsAtOnce(t *testing.T) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			b := newBedOn(t, hytest.Open(t, config(t)), "easemob_file_max", "30")
			token := b.user(b.one, "alice")
			id := b.begin(token)
			var wg sync.WaitGroup
			for n := range 4 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if r := b.part(token, id, fmt.Sprint(n+1), "short"); r.status != 200 {
						t.Errorf("part %d: %d %s", n+1, r.status, r.body)
					}
				}()
			}
			wg.Wait()
			if r := b.call("GET", partPath+"/"+id+"/parts", token, ""); strings.Count(r.body, "part_number") != 4 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

func TestBadParts(t *testing.T) {
	b := newBed(t)
	token, other := b.user(b.one, "alice"), b.user(b.one, "bob")
	id := b.begin(token)
	full := strings.Repeat("x", partSize)
	const none = "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct {
		name   string
		r      reply
		status int
		error  string
		text   string
	}{
		{"no token", b.part("", id, "1", "x"), 401, "unauthorized", ""},
		{"another user's", b.part(other, id, "1", "x"), 404, "entity_not_found", ""},
		{"the server's", b.part(b.server(b.one), id, "1", "x"), 404, "entity_not_found", ""},
		{"no such upload", b.part(token, none, "1", "x"), 404, "entity_not_found", ""},
		{"no id", b.part(token, "x", "1", "x"), 404, "entity_not_found", ""},
		{"number 0", b.part(token, id, "0", "x"), 400, "illegal_argument", "part number"},
		{"number too high", b.part(token, id, "4", "x"), 400, "illegal_argument", "part number"},
		{"no number", b.part(token, id, "", "x"), 400, "illegal_argument", "part_number"},
		{"a word", b.part(token, id, "one", "x"), 400, "illegal_argument", "part_number"},
		{"too long", b.part(token, id, "1", full+full+"x"), 413, "file exceeding maximum limit", ""},
		{"not a form", b.call("PUT", partPath+"/"+id, token, "x"), 415, "web_application", ""},
		{"complete without parts", b.complete(token, id, ""), 400, "illegal_argument", "parts are missing"},
		{"complete another's", b.complete(other, id, ""), 404, "entity_not_found", ""},
		{"complete nothing", b.complete(token, none, ""), 404, "entity_not_found", ""},
		{"list another's", b.call("GET", partPath+"/"+id+"/parts", other, ""), 404, "entity_not_found", ""},
		{"abort another's", b.call("DELETE", partPath+"/"+id, other, ""), 404, "entity_not_found", ""},
	} {
		c.r.refused(t, c.name, c.status, c.error, c.text)
	}
	if n := b.blobs(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	b.part(token, id, "2", "tail")
	b.complete(token, id, "").refused(t, "the first is missing", 400, "illegal_argument", "parts are missing")
	b.part(token, id, "1", "short")
	b.complete(token, id, "").refused(t, "the first is short", 400, "illegal_argument", "shorter")
	b.part(token, id, "1", full)
	b.part(token, id, "2", full[:partSize-10])
	b.part(token, id, "3", full).refused(t, "together too long", 413, "file exceeding maximum limit", "")
	if r := b.call("DELETE", partPath+"/"+id, token, ""); r.status != 200 {
		t.Errorf("abort: %d %s", r.status, r.body)
	}
	b.complete(token, id, "").refused(t, "aborted", 400, "illegal_argument", "parts are missing")
	if n := b.blobs(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	// What nobody completes goes after a day.
	id = b.begin(token)
	b.part(token, id, "1", full)
	b.clock.Advance(25 * time.Hour)
	acc, _ := b.accounts.Get(t.Context(), "one", "alice")
	b.complete("Bearer "+b.tokens.OfUser(b.one, acc, 60), id, "").refused(t, "a day later", 404, "entity_not_found", "")
	if err := b.files.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.blobs(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
	b.call("GET", "chatfiles/"+id, "Bearer "+b.tokens.OfUser(b.one, acc, 60), "").refused(t, "never a file", 404, "entity_not_found", "")
}
