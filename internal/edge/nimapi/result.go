package nimapi

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"

	"hongyan/internal/im"
)

// Result is the payload of a successful answer: the root fields next to `code`,
// in order. A nil Result is {"code":200}.
type Result []Field

// Field is one root field of an answer.
type Field struct {
	Name  string
	Value any
}

// with returns a Result with one field.
func with(name string, value any) Result { return Result{{name, value}} }

// failure is {"code":N,"desc":"text"} (docs/api/server-v1.md section 3).
func failure(code im.Code, desc string) Result {
	return Result{{"code", int(code)}, {"desc", desc}}
}

// status makes an answer whose code is not 200 but which is no failure.
func status(code int) Result { return Result{{"code", code}} }

// code returns the `code` an answer carries.
func (r Result) code() int {
	if len(r) > 0 && r[0].Name == "code" {
		return r[0].Value.(int)
	}
	return int(im.CodeOK)
}

// appendJSON writes the answer as JSON, `code` first.
func (r Result) appendJSON(b *bytes.Buffer) error {
	b.WriteString(`{"code":`)
	b.WriteString(strconv.Itoa(r.code()))
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for _, f := range r {
		if f.Name == "code" {
			continue
		}
		b.WriteString(`,"` + f.Name + `":`)
		if err := enc.Encode(f.Value); err != nil {
			return fmt.Errorf("answer field %s: %w", f.Name, err)
		}
		b.Truncate(b.Len() - 1) // the newline Encode adds
	}
	b.WriteByte('}')
	return nil
}

// writeAnswer sends r and returns the code the caller was told.
func writeAnswer(w http.ResponseWriter, httpStatus int, r Result) int {
	var b bytes.Buffer
	if err := r.appendJSON(&b); err != nil {
		// Answers are made of texts, numbers and checked JSON; this is a fault of
		// the program that must still look like an answer.
		b.Reset()
		r = failure(im.CodeInternal, im.CodeText(im.CodeInternal))
		_ = r.appendJSON(&b)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store") // answers carry tokens
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(httpStatus)
	_, _ = w.Write(b.Bytes()) // a caller that has gone away cannot be told
	return r.code()
}

// panicked makes an error of a recovered panic, with its stack for the log.
func panicked(p any) error { return fmt.Errorf("panic: %v\n%s", p, debug.Stack()) }

// maxLoggedID cuts what a caller can make a log line hold.
const maxLoggedID = 64

// callID names a request in the log: by the caller's RequestId where there is one.
func callID(r *http.Request) string {
	id := r.Header.Get("RequestId")
	if id == "" {
		return randomHex()
	}
	return id[:min(len(id), maxLoggedID)]
}

// randomHex returns 32 hex characters, as message and request ids have.
func randomHex() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}
