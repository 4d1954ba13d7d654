package transcript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
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

var fences atomic.Int64

// quiet proves that nothing has arrived: the next frame is one that was caused
// now. For a connection that gets messages that is a message, because events of
// one account arrive in order; else the answer to a heartbeat.
func (p *player) quiet(c *conn) error {
	if c.synced {
		return p.throughFence(c)
	}
	if err := c.send(ws.OpText, `3:::{"SER":0,"SID":1,"CID":2,"Q":[]}`); err != nil {
		return err
	}
	text, ok, err := c.next()
	if err == nil && (!ok || text != `3:::{"sid":1,"cid":2,"ser":0,"code":200,"r":[]}`) {
		err = fmt.Errorf("something arrived: %q", text)
	}
	return err
}

func (p *player) throughFence(c *conn) error {
	appName, accid := owner(c.account)
	if !p.fence[appName] {
		if err := p.call(appName, "user/create", []string{"accid=fence"}); err != nil {
			return err
		}
		if err := p.settle(); err != nil {
			return err
		}
		p.fence[appName] = true
	}
	body := fmt.Sprintf("fence %d of %s.", fences.Add(1), c.name)
	if err := p.call(appName, "msg/sendMsg", []string{"from=fence", "ope=0", "to=" + accid, "type=0", `body={"msg":"` + body + `"}`,
		`option={"history":false,"roam":false,"sendersync":false,"persistent":false}`}); err != nil {
		return err
	}
	if err := p.settle(); err != nil {
		return err
	}
	for {
		text, ok, err := c.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return errors.New("the connection was closed")
		case strings.Contains(text, body):
			return nil
		case !isFence(text):
			return fmt.Errorf("something arrived: %s", text)
		}
	}
}

// isFence knows the messages of quiet; they reach the other devices too.
func isFence(text string) bool { return strings.Contains(text, `"2":"fence"`) }

func wantsFence(text string, c *conn) bool { return strings.Contains(text, " of "+c.name+".") }
