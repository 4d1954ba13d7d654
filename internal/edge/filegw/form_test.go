package filegw_test

import (
	"strings"
	"testing"

	"hongyan/internal/im/file"
)

// A form that ends before its last boundary has lost something, wherever it was
// cut: nothing of it is stored.
func TestFormCut(t *testing.T) {
	b := newBed(t)
	field := func(name, value string) string {
		return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	const text = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsome text\r\n"
	head := map[string]string{"Content-Type": "multipart/form-data; boundary=B"}
	for _, c := range []struct {
		name string
		form func(g file.Grant) string
	}{
		{"file last", func(g file.Grant) string { return field("x-nos-token", g.Token) + text + "--B--" }},
		{"field behind the file", func(g file.Grant) string {
			return field("x-nos-token", g.Token) + text + field("Object", g.Object) + "--B--"
		}},
		{"file before its token", func(g file.Grant) string { return text + field("x-nos-token", g.Token) + "--B--" }},
	} {
		g := b.grant(file.Ask{})
		whole, had := c.form(g), b.blobs()
		from := strings.Index(whole, "some text")
		for n := from; n < len(whole); n++ {
			if n > from+20 && n < len(whole)-10 && n%11 != 0 {
				continue // inside a field
			}
			if a := b.do("POST", "/nos", head, strings.NewReader(whole[:n])); a.status != 408 && a.status != 400 {
				t.Errorf("%s, cut before %q: %d %s", c.name, whole[n:], a.status, a.body)
			}
		}
		if b.blobs() != had {
			t.Errorf("%s: %d blobs of cut forms", c.name, b.blobs()-had)
		}
		if a := b.do("GET", "/nos/"+g.Object, nil, nil); a.status != 404 {
			t.Errorf("%s: the object of cut forms: %d %s", c.name, a.status, a.body)
		}
		if a := b.do("POST", "/nos", head, strings.NewReader(whole)); a.status != 200 {
			t.Errorf("%s, whole: %d %s", c.name, a.status, a.body)
		}
	}
	g, used := b.grant(file.Ask{}), b.blobs()
	other := field("x-nos-token", g.Token) + text + field("Object", "another") + "--B--\r\n"
	if a := b.do("POST", "/nos", head, strings.NewReader(other)); a.status != 403 || b.blobs() != used {
		t.Errorf("another object named behind the file: %d %s, %d blobs", a.status, a.body, b.blobs()-used)
	}
}
