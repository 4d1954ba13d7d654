package easemob

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzForm: a form of any bytes is read to its end or refused, within its bounds,
// and names that come out of it can be shown and saved.
func FuzzForm(f *testing.F) {
	f.Add("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a/../b\"\r\n\r\nx\r\n--B--\r\n")
	f.Add("--B\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n..\r\n--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx")
	f.Add("--B--\r\n")
	f.Add("--B\r\n\r\n\r\n--B\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		const most = 64
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		c := &call{r: r, query: r.URL.Query()}
		form, err := c.form(most)
		if err != nil {
			t.Fatal(err)
		}
		part, err := form.next("file")
		if err != nil || part == nil {
			return
		}
		var got bytes.Buffer
		if _, err := io.Copy(&got, io.LimitReader(form.source(part, most).Body, most+1)); err != nil {
			return
		}
		if form.rest() != nil {
			return
		}
		for _, name := range []string{fileName(part.FileName()), fileName(form.fields["filename"])} {
			if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\x00\r\n") || name == "." || name == ".." {
				t.Errorf("name %q", name)
			}
		}
	})
}
