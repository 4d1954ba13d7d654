package filegw_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"hongyan/internal/edge/filegw"
	"hongyan/internal/hytest"
	"hongyan/internal/im/file"
	"hongyan/internal/infra/thumb"
)

// guestBed is a bed whose clients' addresses are what a header says.
func guestBed(t *testing.T, wait time.Duration) *bed {
	t.Helper()
	b := newBed(t)
	b.handler = filegw.New(filegw.Config{Files: b.files, Media: thumb.Studio{}, ClientIP: func(r *http.Request) string { return r.Header.Get("From") }})
	b.handler.SetFormWait(wait)
	srv := httptest.NewServer(b.handler)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

const formHead = "POST /nos HTTP/1.1\r\nHost: x\r\nFrom: %s\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 100000\r\n%s\r\n%s"

// knock begins a form and leaves it there.
func (b *bed) knock(from, head, body string) net.Conn {
	b.t.Helper()
	u, err := url.Parse(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, formHead, from, head, body); err != nil {
		b.t.Fatal(err)
	}
	return c
}

func field(name, value string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}

const aFile = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nsome text\r\n--B--\r\n"

// Whoever shows no token takes nothing from those who do.
func TestGuestsTakeNoSlots(t *testing.T) {
	b := guestBed(t, time.Minute)
	for i := range 300 {
		b.knock(fmt.Sprintf("192.0.2.%d", i%40), "", "-")
	}
	hytest.Eventually(t, "they are there", func() bool { return b.handler.Guests() >= 64 })
	g := b.grant(file.Ask{})
	if a := b.chunk(g, 0, true, "", "hello"); a.status != 200 {
		t.Errorf("a chunk: %d %s", a.status, a.body)
	}
	g = b.grant(file.Ask{})
	head := map[string]string{"Content-Type": "multipart/form-data; boundary=B", "x-nos-token": g.Token, "From": "192.0.2.1"}
	if a := b.do("POST", "/nos", head, strings.NewReader(aFile)); a.status != 200 {
		t.Errorf("a form with its token in the header: %d %s", a.status, a.body)
	}
}

// One address has a share of the forms without a token, and is told to come again.
func TestGuestsOfOneAddress(t *testing.T) {
	b := guestBed(t, time.Minute)
	for range 32 {
		b.knock("192.0.2.1", "", "-")
	}
	hytest.Eventually(t, "they are there", func() bool { return b.handler.Guests() == 32 })
	g := b.grant(file.Ask{})
	for _, c := range []struct {
		from   string
		status int
	}{{"192.0.2.1", 429}, {"192.0.2.2", 200}, {"127.0.0.1", 200}} {
		head := map[string]string{"Content-Type": "multipart/form-data; boundary=B", "From": c.from}
		a := b.do("POST", "/nos", head, strings.NewReader(field("x-nos-token", g.Token)+aFile))
		if a.status != c.status {
			t.Errorf("%s: %d %s", c.from, a.status, a.body)
		}
		if again := a.head.Get("Retry-After"); (again != "") != (c.status == 429) {
			t.Errorf("%s: Retry-After %q", c.from, again)
		}
	}
}

// Files that come before their token are few, from one address fewer.
func TestGuestsWithFiles(t *testing.T) {
	b := guestBed(t, time.Minute)
	for range 4 {
		b.knock("192.0.2.1", "", strings.TrimSuffix(aFile, " text\r\n--B--\r\n"))
	}
	hytest.Eventually(t, "they are there", func() bool { return b.handler.Spools() == 4 })
	g := b.grant(file.Ask{})
	late := strings.TrimSuffix(aFile, "--B--\r\n") + field("x-nos-token", g.Token) + "--B--\r\n"
	for from, status := range map[string]int{"192.0.2.1": 429, "192.0.2.2": 200} {
		head := map[string]string{"Content-Type": "multipart/form-data; boundary=B", "From": from}
		if a := b.do("POST", "/nos", head, strings.NewReader(late)); a.status != status {
			t.Errorf("%s: %d %s", from, a.status, a.body)
		}
	}
}

// A form whose token and file do not come is ended, however steadily it drips.
func TestFormsThatDoNotBegin(t *testing.T) {
	b := guestBed(t, 300*time.Millisecond)
	g := b.grant(file.Ask{})
	for name, c := range map[string]net.Conn{
		"nothing": b.knock("192.0.2.1", "", "-"), "no file": b.knock("192.0.2.1", "", field("x-nos-token", g.Token)),
		"no file, token in the header": b.knock("192.0.2.1", "x-nos-token: "+g.Token+"\r\n", field("Object", g.Object)),
	} {
		dripped := make(chan struct{})
		go func() {
			defer close(dripped)
			for {
				if _, err := io.WriteString(c, "-"); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		head, err := io.ReadAll(io.LimitReader(c, 12))
		if err != nil || string(head) != "HTTP/1.1 408" {
			t.Errorf("%s: %q %v", name, head, err)
		}
		c.Close()
		<-dripped
	}
	hytest.Eventually(t, "nobody is there", func() bool { return b.handler.Guests() == 0 })
	if a := b.form("text/plain", "x-nos-token="+g.Token, "@file=some text"); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// What a form has beside its file is little, and less before its token is known.
func TestFormHeadersAreBounded(t *testing.T) {
	b := guestBed(t, time.Minute)
	g := b.grant(file.Ask{})
	part := func(headers int) string {
		return "--B\r\nContent-Disposition: form-data; name=\"x\"\r\nX-Much: " + strings.Repeat("x", headers) + "\r\n\r\nx\r\n"
	}
	token, end := field("x-nos-token", g.Token), aFile
	behind := strings.TrimSuffix(aFile, "--B--\r\n") + part(2<<20) + "--B--\r\n"
	for _, c := range []struct {
		name, header, body string
		status             int
	}{
		{"before the token", "", part(100<<10) + token + end, 413},
		{"many before the token", "", strings.Repeat(part(10<<10), 12) + token + end, 413},
		{"behind the token", g.Token, part(2<<20) + end, 413},
		{"behind the file", g.Token, behind, 413},
		{"behind a file before its token", "", strings.TrimSuffix(aFile, "--B--\r\n") + part(100<<10) + token + "--B--\r\n", 413},
		{"a wrong token in the header", g.Token + "x", part(10) + end, 403},
		{"a few", "", part(10<<10) + token + part(10<<10) + end, 200},
	} {
		head := map[string]string{"Content-Type": "multipart/form-data; boundary=B", "From": "192.0.2.1"}
		if c.header != "" {
			head["x-nos-token"] = c.header
		}
		if a := b.do("POST", "/nos", head, strings.NewReader(c.body)); a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
}
