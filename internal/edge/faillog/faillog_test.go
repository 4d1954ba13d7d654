package faillog_test

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hongyan/internal/edge/faillog"
	"hongyan/internal/hytest"
)

func TestLog(t *testing.T) {
	var out bytes.Buffer
	clock := hytest.NewClock(time.Unix(1_000_000, 0))
	reg := prometheus.NewRegistry()
	l := faillog.New(slog.New(slog.NewTextHandler(&out, nil)), reg, clock.Now)
	for range 50 {
		l.Add(faillog.Refusal{API: "nim", App: "app", Accid: "bob\nlevel=ERROR " + strings.Repeat("x", 500), Peer: "192.0.2.1", Reason: "wrong token", Code: 302})
	}
	if n := strings.Count(out.String(), "\n"); n != 20 {
		t.Errorf("%d lines of 50 refusals at once", n)
	}
	if len(out.String()) > 20*400 {
		t.Errorf("%d bytes in 20 lines", out.Len())
	}
	out.Reset()
	clock.Advance(time.Second)
	l.Add(faillog.Refusal{API: "rest", App: "app", Peer: "192.0.2.1", Reason: "what the app's server said", Code: 414})
	line := out.String()
	for _, want := range []string{"level=WARN", "api=rest", "app=app", "peer=192.0.2.1", `reason="what the app's server said"`, "code=414", "left_out=30"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q has no %s", line, want)
		}
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	got := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		got[m.GetLabel()[0].GetValue()+": "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
	}
	if want := map[string]float64{"nim: wrong token": 50, "rest: other": 1}; !maps.Equal(got, want) {
		t.Errorf("%s %v, want %v", families[0].GetName(), got, want)
	}
	var none *faillog.Log
	none.Add(faillog.Refusal{}) // nobody listens
}
