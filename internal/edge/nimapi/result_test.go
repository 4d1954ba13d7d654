package nimapi

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hongyan/internal/im/message"
)

func answerText(t *testing.T, r Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.appendJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		r    Result
		want string
	}{
		{nil, `{"code":200}`},
		{with("a", "<&>"), `{"code":200,"a":"<&>"}`},
		{Result{{"size", 1}, {"msgs", []int{1}}}, `{"code":200,"size":1,"msgs":[1]}`},
		{failure(414, "x not boolean"), `{"code":414,"desc":"x not boolean"}`},
		{status(304), `{"code":304}`},
	} {
		if got := answerText(t, c.r); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestAnswerThatCannotBeWritten still is an answer.
func TestAnswerThatCannotBeWritten(t *testing.T) {
	w := httptest.NewRecorder()
	if code := writeAnswer(w, 200, with("f", func() {})); code != 500 || w.Body.String() != `{"code":500,"desc":"internal error"}` {
		t.Errorf("%d %s", code, w.Body)
	}
}

func TestBatchAnswer(t *testing.T) {
	msgs := []*message.Message{{To: "bob", ID: 7, Time: 200}, {To: "carol", ID: 8, Time: 300}}
	for _, c := range []struct {
		name string
		call Call
		ids  bool
		want string
	}{
		{"documented", Call{}, false, `{"code":200,"unregister":"[\"ghost\"]","timetag":300}`},
		{"with ids", Call{}, true, `{"code":200,"unregister":"[\"ghost\"]","timetag":300,"msgids":{"bob":7,"carol":8}}`},
		{"Go SDK", Call{GoSDK: true}, false, `{"code":200,"unregister":["ghost"],"timetag":300}`},
	} {
		if got := answerText(t, batchAnswer(&c.call, c.ids, []string{"ghost"}, msgs, 100)); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if got := answerText(t, batchAnswer(&Call{}, false, []string{"ghost"}, nil, 100)); got != `{"code":200,"unregister":"[\"ghost\"]","timetag":100}` {
		t.Errorf("nobody reached: %s", got)
	}
}

// TestPanic is answered as an internal error: a broken connection would make
// the SDKs repeat the call.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	a := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	a.rows["/x"] = &row{path: "/x", methods: []string{"POST"}, handler: open(func(*http.Request) (Result, error) { panic("boom") })}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("POST", "/x", nil))
	if w.Code != 200 || w.Body.String() != `{"code":500,"desc":"internal error"}` || strings.Count(log.String(), "boom") != 1 {
		t.Errorf("HTTP %d %s, log %s", w.Code, w.Body, &log)
	}
}
