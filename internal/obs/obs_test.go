package obs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogger(t *testing.T) {
	tests := []struct{ format, want string }{
		{FormatText, "msg=hello secret=[redacted]"},
		{FormatJSON, `"msg":"hello","secret":"[redacted]"`},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		log, err := NewLogger(&b, slog.LevelInfo, tt.format)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("not this")
		log.Info("hello", "secret", Secret("hunter2"), "nested", struct{ S Secret }{"hunter2"})
		if got := b.String(); !strings.Contains(got, tt.want) || strings.Contains(got, "hunter2") || strings.Contains(got, "not this") {
			t.Errorf("%s: %s", tt.format, got)
		}
	}
	if _, err := NewLogger(nil, nil, "xml"); err == nil {
		t.Error("xml is accepted")
	}
}

func TestSecret(t *testing.T) {
	s := Secret("hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	raw, err := json.Marshal(map[string]any{"s": s})
	if err != nil || string(raw) != `{"s":"[redacted]"}` {
		t.Errorf("%s %v", raw, err)
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal")
	}
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var runs atomic.Int32
		h := NewHealth(Discard())
		mux := http.NewServeMux()
		h.Register(mux)
		h.AddCheck("db", func(context.Context) error {
			runs.Add(1)
			if broken.Load() {
				return errors.New("password hunter2 refused")
			}
			return nil
		})
		h.AddCheck("bus", func(ctx context.Context) error {
			if broken.Load() {
				<-ctx.Done() // hangs until it is cut off
			}
			return ctx.Err()
		})
		steps := []struct {
			name string
			do   func()
			code int
			body string
		}{
			{"new", func() {}, 503, "not ready: starting"},
			{"ready", h.SetReady, 200, "ready"},
			{"broken but remembered", func() { broken.Store(true) }, 200, "ready"},
			{"broken", func() { time.Sleep(time.Second) }, 503, "not ready: bus, db"},
			{"mended", func() { broken.Store(false); time.Sleep(time.Second) }, 200, "ready"},
			{"draining", h.SetDraining, 503, "not ready: draining"},
			{"for good", h.SetReady, 503, "not ready: draining"},
		}
		for _, s := range steps {
			s.do()
			if code, body := get(t, mux, "/readyz"); code != s.code || body != s.body {
				t.Errorf("%s: %d %s", s.name, code, body)
			}
			if code, body := get(t, mux, "/healthz"); code != 200 || body != "ok" {
				t.Errorf("%s: healthz %d %s", s.name, code, body)
			}
		}
		if runs.Load() != 3 {
			t.Errorf("the check ran %d times", runs.Load())
		}
	})
}

// A question whose client has gone away must not spoil the answer of the others.
func TestHealthOfAGoneClient(t *testing.T) {
	h := NewHealth(Discard())
	h.SetReady()
	h.AddCheck("db", func(ctx context.Context) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := h.Failing(ctx); !slices.Equal(got, nil) {
		t.Errorf("%v", got)
	}
}
