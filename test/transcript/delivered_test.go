package transcript

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

var busEvents = regexp.MustCompile(`(?m)^hongyan_bus_events_total\{step="(\w+)",worker="(\d+)"\} (\S+)$`)

// delivered waits until the events that were published so far have been handled:
// a connection that opens then gets nothing of before. What is published behind an
// answer, as news of a device that left is, may still come: see A<?.
func (p *player) delivered() error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	counts := func() (map[string]map[string]float64, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", nil)
		if err != nil {
			return nil, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, err
		}
		out := map[string]map[string]float64{"published": {}, "handled": {}}
		for _, m := range busEvents.FindAllStringSubmatch(string(text), -1) {
			if out[m[1]][m[2]], err = strconv.ParseFloat(m[3], 64); err != nil {
				return nil, err
			}
		}
		if len(out["published"]) == 0 {
			return nil, fmt.Errorf("no bus events among the metrics of %s", p.metrics)
		}
		return out, nil
	}
	first, err := counts()
	for now := first; err == nil; now, err = counts() {
		behind := false
		for worker, n := range first["published"] {
			behind = behind || now["handled"][worker] < n
		}
		if !behind {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("events are not handled: %v", now)
		case <-time.After(2 * time.Millisecond):
		}
	}
	return err
}
