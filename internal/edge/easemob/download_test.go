package easemob_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRangesAndConditions(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	uuid, _ := b.put(token, "0123456789")
	first := b.call("GET", "chatfiles/"+uuid, token, "")
	tag := first.head.Get("ETag")
	if first.head.Get("Accept-Ranges") != "bytes" || len(tag) < 10 || first.head.Get("Last-Modified") == "" || first.head.Get("Cache-Control") != "private, max-age=31536000" {
		t.Errorf("%v", first.head)
	}
	for _, c := range []struct {
		name   string
		head   []string
		status int
		body   string
	}{
		{"from the beginning", []string{"Range", "bytes=0-3"}, 206, "0123"},
		{"in the middle", []string{"Range", "bytes=4-5"}, 206, "45"},
		{"the end", []string{"Range", "bytes=-2"}, 206, "89"},
		{"behind the end", []string{"Range", "bytes=10-"}, 416, ""},
		{"nonsense", []string{"Range", "bytes=x"}, 416, ""},
		{"known already", []string{"If-None-Match", tag}, 304, ""},
		{"another one known", []string{"If-None-Match", `"x"`}, 200, "0123456789"},
		{"of another version", []string{"Range", "bytes=0-3", "If-Range", `"x"`}, 200, "0123456789"},
		{"only if it is another", []string{"If-Match", `"x"`}, 412, ""},
	} {
		r := b.do("GET", "/org/one/chatfiles/"+uuid, nil, append([]string{"Authorization", token}, c.head...)...)
		if r.status != c.status || c.status < 300 && r.body != c.body {
			t.Errorf("%s: %d %q", c.name, r.status, r.body)
		}
		if c.status > 400 {
			r.refused(t, c.name, c.status, "illegal_argument", "")
		}
	}
	h := b.do("HEAD", "/org/one/chatfiles/"+uuid, nil, "Authorization", token)
	if h.status != 200 || h.head.Get("Content-Length") != "10" || h.body != "" {
		t.Errorf("HEAD: %d %v", h.status, h.head)
	}
}

func TestContentTypes(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	const opaque = "application/octet-stream"
	for _, c := range []struct {
		name, announced, content string
		kind, how                string
	}{
		{"picture", "", noise(4, 4), "image/png", "inline"},
		{"picture announced as something else", "text/html", noise(4, 4), "image/png", "inline"},
		{"page", "image/png", "<!DOCTYPE html><script>alert(1)</script>", opaque, "attachment"},
		{"SVG", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, opaque, "attachment"},
		{"XML", "text/xml", `<?xml version="1.0"?><x/>`, opaque, "attachment"},
		{"JSON", "application/json", `{"error":"x"}`, opaque, "attachment"},
		{"script", "application/javascript", "#!/usr/bin/env node\nalert(1)", opaque, "attachment"},
		{"text said to be JSON", "application/json", "hello", "text/plain; charset=utf-8", "attachment"},
		{"text said to be a page", "text/html", "hello", opaque, "attachment"},
		{"text", "text/plain", "hello", "text/plain; charset=utf-8", "attachment"},
		{"PDF", "", "%PDF-1.4\n", "application/pdf", "attachment"},
		{"sound", "", "#!AMR\n" + strings.Repeat("\x00", 50), "audio/amr", "inline"},
		{"film", "", "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", "video/mp4", "inline"},
		{"bytes", "", "\x00\x01\x02\x03", opaque, "attachment"},
		{"odd announcement", "text/html; charset=\"x", "\x00\x01\x02\x03", opaque, "attachment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := b.upload(token, []formPart{{`name="file"; filename="f"`, c.announced, c.content}})
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			path := "/org/one/chatfiles/" + r.entity(t)["uuid"].(string)
			got := b.do("GET", path, nil, "Authorization", token)
			if got.head.Get("Content-Type") != c.kind || !strings.HasPrefix(got.head.Get("Content-Disposition"), c.how) {
				t.Errorf("%s, %s", got.head.Get("Content-Type"), got.head.Get("Content-Disposition"))
			}
			if got.head.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || got.body != c.content {
				t.Errorf("%v %q", got.head, got.body)
			}
			for accept, want := range map[string]string{opaque: opaque, "audio/mp3": c.kind, "application/json": c.kind, "*/*": c.kind} {
				if got := b.do("GET", path, nil, "Authorization", token, "Accept", accept); got.status != 200 || got.head.Get("Content-Type") != want {
					t.Errorf("Accept %s: %d %s", accept, got.status, got.head.Get("Content-Type"))
				}
			}
		})
	}
}

// size decodes an answer's picture.
func size(t *testing.T, r reply) (format string, w, h int) {
	t.Helper()
	c, format, err := image.DecodeConfig(strings.NewReader(r.body))
	if err != nil {
		t.Fatalf("%d %s: %v", r.status, r.head.Get("Content-Type"), err)
	}
	return format, c.Width, c.Height
}

// turned is a JPEG of 600×400 that EXIF says to turn by 90 degrees.
func turned() string {
	var b bytes.Buffer
	img, _ := png.Decode(strings.NewReader(noise(600, 400)))
	_ = jpeg.Encode(&b, img, nil)
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	return b.String()[:2] + exif + b.String()[2:]
}

func TestThumbnails(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	small, large := noise(40, 40), noise(400, 200)
	var g bytes.Buffer
	film := image.NewPaletted(image.Rect(0, 0, 300, 300), palette.WebSafe)
	for i := range film.Pix {
		film.Pix[i] = byte((i*7 + i/300*13) % 200)
	}
	_ = gif.EncodeAll(&g, &gif.GIF{Image: []*image.Paletted{film, film}, Delay: []int{1, 1}})
	for _, c := range []struct {
		name    string
		content string
		asked   []string // at upload: headers
		query   string   // at download; "" = the header thumbnail: true
		format  string   // "" = the original
		w, h    int
	}{
		{"of 10 KB at most: itself", small, nil, "", "", 0, 0},
		{"the app's box", large, nil, "", "png", 170, 85},
		{"a box", large, []string{"thumbnail-width", "100", "thumbnail-height", "100"}, "", "png", 100, 50},
		{"only a width", large, []string{"thumbnail-width", "100"}, "", "png", 100, 50},
		{"only a height", large, []string{"thumbnail-height", "100"}, "", "png", 200, 100},
		{"a tiny box", large, []string{"thumbnail-width", "1", "thumbnail-height", "1"}, "", "png", 16, 8},
		{"a huge box: no larger than itself", large, []string{"thumbnail-width", "99999", "thumbnail-height", "99999"}, "", "", 0, 0},
		{"no numbers", large, []string{"thumbnail-width", "abc", "thumbnail-height", "-1"}, "", "png", 170, 85},
		{"zero", large, []string{"thumbnail-width", "0"}, "", "png", 170, 85},
		{"by the query", large, nil, "thumbnail=true", "png", 170, 85},
		{"by the query in capitals", large, nil, "thumbnail=TRUE", "png", 170, 85},
		{"not asked for: empty", large, nil, "thumbnail=", "", 0, 0},
		{"not asked for: false", large, nil, "thumbnail=false", "", 0, 0},
		{"newer clients: small", large, nil, "size=small", "png", 170, 85},
		{"newer clients: large, and it is smaller already", large, nil, "size=large", "", 0, 0},
		{"turned by EXIF", turned(), nil, "", "jpeg", 113, 170},
		{"first picture of a film", g.String(), nil, "", "png", 170, 170},
		{"text", strings.Repeat("text ", 5000), nil, "", "", 0, 0},
		{"half a picture", large[:len(large)/2], nil, "", "", 0, 0},
		{"a picture that claims 60000×60000", claims(60000, 60000) + strings.Repeat("\x00", 20000), nil, "", "", 0, 0},
		{"nothing", "", nil, "", "", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			uuid, _ := b.put(token, c.content, c.asked...)
			path, head := "/org/one/chatfiles/"+uuid, []string{"Authorization", token}
			if c.query == "" {
				head = append(head, "thumbnail", "true")
			} else {
				path += "?" + c.query
			}
			r := b.do("GET", path, nil, head...)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			if c.format == "" {
				if r.body != c.content {
					t.Errorf("not the original: %d bytes", len(r.body))
				}
				return
			}
			if f, w, h := size(t, r); f != c.format || w != c.w || h != c.h || len(r.body) >= len(c.content) {
				t.Errorf("%s %d×%d, %d bytes of %d", f, w, h, len(r.body), len(c.content))
			}
			if r.head.Get("Content-Type") != "image/"+c.format || r.head.Get("Content-Disposition") != "inline" {
				t.Errorf("%v", r.head)
			}
			original := b.do("GET", "/org/one/chatfiles/"+uuid, nil, "Authorization", token)
			if original.body != c.content || original.head.Get("ETag") == r.head.Get("ETag") {
				t.Error("the original has the thumbnail's tag, or is another")
			}
		})
	}
	// The box as parts behind the file, as the web SDK sends it: part before header.
	r := b.upload(token, []formPart{filePart(large), {`name="thumbnail-width"`, "", "50"}, {`name="thumbnail-height"`, "", "50"}}, "thumbnail-width", "20")
	if _, w, h := size(t, b.do("GET", "/org/one/chatfiles/"+r.entity(t)["uuid"].(string), nil, "Authorization", token, "thumbnail", "true")); w != 50 || h != 25 {
		t.Errorf("box in parts: %d×%d", w, h)
	}
}

// A still of a film, under the access rules of the film (docs/api/easemob.md section 5.6).
func TestFrames(t *testing.T) {
	b := newBed(t)
	token := b.user(b.one, "alice")
	film := "\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + strings.Repeat("\x00", 100)
	uuid, secret := b.put(token, film, "restrict-access", "true")
	for _, c := range []struct {
		name, path, token string
		status            int
	}{
		{"with token and secret", uuid + "?vframe=true&share-secret=" + secret, token, 200},
		{"with the secret in the query alone", uuid + "?vframe=true&em-redirect=true&share-secret=" + secret, "", 200},
		{"as the web SDK's messages have it", uuid + "?vframe=true", "", 401},
		{"without the secret", uuid + "?vframe=true", token, 403},
		{"another value", uuid + "?vframe=1&share-secret=" + secret, token, 200},
	} {
		r := b.call("GET", "chatfiles/"+c.path, c.token, "")
		if r.status != c.status {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
		if c.status == 200 && c.name != "another value" {
			if f, w, h := size(t, r); f != "jpeg" || w != 170 || h != 85 || r.head.Get("Content-Type") != "image/jpeg" {
				t.Errorf("%s: %s %d×%d %v", c.name, f, w, h, r.head)
			}
		}
	}
	text, _ := b.put(token, "text")
	b.call("GET", "chatfiles/"+text+"?vframe=true", token, "").refused(t, "of a text", 404, "entity_not_found", "")
	if r := b.do("GET", "/org/one/chatfiles/"+uuid+"?share-secret="+secret, nil, "Authorization", token, "thumbnail", "true"); r.body != film {
		t.Errorf("thumbnail of a film: %d, %d bytes", r.status, len(r.body))
	}
}

// Many first requests for one thumbnail get the same.
func TestThumbnailsAtOnce(t *testing.T) {
	b := newBed(t, "easemob_rate", "0")
	token := b.user(b.one, "alice")
	uuid, _ := b.put(token, noise(400, 200))
	var wg sync.WaitGroup
	got := make([]string, 20)
	for i := range got {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := b.do("GET", "/org/one/chatfiles/"+uuid, nil, "Authorization", token, "thumbnail", "true")
			got[i] = fmt.Sprint(r.status, crc32.ChecksumIEEE([]byte(r.body)))
		}()
	}
	wg.Wait()
	for _, g := range got {
		if g != got[0] || !strings.HasPrefix(g, "200") {
			t.Fatalf("%v", got)
		}
	}
}

// claims is the head of a PNG of that size.
func claims(w, h uint32) string {
	ihdr := []byte{'I', 'H', 'D', 'R', byte(w >> 24), byte(w >> 16), byte(w >> 8), byte(w), byte(h >> 24), byte(h >> 16), byte(h >> 8), byte(h), 8, 2, 0, 0, 0}
	sum := crc32.ChecksumIEEE(ihdr)
	return "\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" + string(ihdr) + string([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

func TestExpiry(t *testing.T) {
	b := newBed(t, "easemob_file_days", "7")
	token, other := b.user(b.one, "alice"), b.user(b.one, "bob")
	const day = 24 * time.Hour
	a, _ := b.put(token, "a")
	kept, _ := b.put(token, "kept")
	fresh, _ := b.put(token, "fresh")
	life := func(who, user, how string, ids ...string) reply {
		return b.call("PUT", "users/"+user+"/chatfiles/lifetime", who, `{"lifetime":"`+how+`","chatfile_ids":["`+strings.Join(ids, `","`)+`"]}`)
	}
	data := func(r reply) map[string]any { m, _ := r.json(t)["data"].(map[string]any); return m }
	if d := data(life(token, "alice", "forever", kept, "nonsense")); d[kept] != "success" || d["nonsense"] != "failed" {
		t.Errorf("forever: %v", d)
	}
	if d := data(life(other, "bob", "forever", a)); d[a] != "failed" {
		t.Errorf("another user's: %v", d)
	}
	life(other, "alice", "forever", a).refused(t, "in another's name", 403, "forbidden_op", "")
	life(token, "alice", "long", a).refused(t, "another word", 400, "illegal_argument", "lifetime must be either 'forever' or 'default' or 'refresh'")
	life(token, "alice", "forever", make([]string, 101)...).refused(t, "too many", 400, "illegal_argument", "chatfile_ids size is too large")
	b.clock.Advance(4 * day)
	if d := data(life(b.server(b.one), "alice", "refresh", fresh)); d[fresh] != "success" {
		t.Errorf("refreshed by the server: %v", d)
	}
	acc, _ := b.accounts.Get(t.Context(), "one", "alice")
	long := func() string { return "Bearer " + b.tokens.OfUser(b.one, acc, 3600) }
	if r := b.call("GET", "chatfiles/"+a, long(), ""); r.status != 200 || r.head.Get("Cache-Control") != "private, max-age=259199" && r.head.Get("Cache-Control") != "private, max-age=259200" {
		t.Errorf("before its end: %d %v", r.status, r.head)
	}
	b.clock.Advance(4 * day)
	for range 2 { // before and after the clean-up
		b.call("GET", "chatfiles/"+a, long(), "").refused(t, "expired", 404, "file_expired", "file "+a+" is expired")
		b.call("GET", "chatfiles/"+a, "", "").refused(t, "expired, no token", 401, "unauthorized", "")
		for _, id := range []string{kept, fresh} {
			if r := b.call("GET", "chatfiles/"+id, long(), ""); r.status != 200 {
				t.Errorf("kept or refreshed: %d %s", r.status, r.body)
			}
		}
		if err := b.files.Clean(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.blobs(); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	b.clock.Advance(366 * day)
	if err := b.files.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.call("GET", "chatfiles/"+a, long(), "").refused(t, "long gone", 404, "entity_not_found", "")
	b.call("GET", "chatfiles/"+fresh, long(), "").refused(t, "gone, still told of", 404, "file_expired", "")
}
