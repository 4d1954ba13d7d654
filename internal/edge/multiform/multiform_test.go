package multiform_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"hongyan/internal/edge/multiform"
)

func read(body string, raw bool) (parts []string, err error) {
	r := multiform.NewReader(strings.NewReader(body), "B")
	for {
		p, err := r.Next(raw)
		if err == io.EOF { //nolint:errorlint // what is wrapped is no end
			if _, err := r.Next(raw); err != io.EOF { //nolint:errorlint // as above
				return parts, errors.New("no end when asked again")
			}
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return parts, err
		}
		parts = append(parts, p.FormName()+"="+string(b))
	}
}

func TestReader(t *testing.T) {
	const form = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--B\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ntwo\r\n--B--"
	for _, raw := range []bool{false, true} {
		for _, c := range []struct{ name, body string }{
			{"no line behind", form}, {"a line's end", form + "\r\n"}, {"an epilogue", form + "\r\nmore"},
			{"a preamble", "before\r\n" + form},
		} {
			if parts, err := read(c.body, raw); err != nil || strings.Join(parts, " ") != "a=one b=two" {
				t.Errorf("%s: %v, %v", c.name, parts, err)
			}
		}
		for n := range len(form) {
			parts, err := read(form[:n], raw)
			if err == nil {
				t.Errorf("cut before %q: %v and no error", form[n:], parts)
			}
		}
		if _, err := read(form[:len(form)-4], raw); !errors.Is(err, multiform.ErrCut) {
			t.Errorf("cut before the last boundary: %v", err)
		}
	}
}

// What stopped the body is told, not that it ended.
func TestReaderError(t *testing.T) {
	broken := errors.New("broken")
	r := multiform.NewReader(io.MultiReader(strings.NewReader("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none"), failing{broken}), "B")
	p, err := r.Next(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(p); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
