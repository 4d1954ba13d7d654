package transcript

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// patience bounds every wait of a script; it is reached only when something is
// broken.
const patience = 10 * time.Second

// conn is one client connection of a script.
type conn struct {
	name   string
	nc     net.Conn
	frames chan string // what arrived, in order; closed at the end of the connection
	peeked []string    // taken from frames and put back
	over   bool        // frames is closed and empty

	allowed []allowed // what may arrive any time, once each

	account string // app:accid of the login sent last
	synced  bool
	ser     int
}

// dial does the handshake and the upgrade as an SDK does (docs/protocol/nim-core.md
// section 2.2).
func dial(ctx context.Context, addr, name string) (*conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/socket.io/1/?t=1", nil)
	if err != nil {
		return nil, "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, "", err
	}
	if err := res.Body.Close(); err != nil {
		return nil, "", err
	}
	parts := strings.Split(string(body), ":")
	if res.StatusCode != http.StatusOK || len(parts) != 4 || parts[3] != "websocket" {
		return nil, "", fmt.Errorf("handshake: %s: %q", res.Status, body)
	}
	nc, early, _, err := ws.Dialer{}.Dial(ctx, "ws://"+addr+"/socket.io/1/websocket/"+parts[0])
	if err != nil {
		return nil, "", err
	}
	c := &conn{name: name, nc: nc, frames: make(chan string, 4096), ser: 900}
	var r io.Reader = nc
	if early != nil {
		r = early
	}
	go c.read(r)
	return c, parts[0], nil
}

// read passes the frames on until the connection ends.
func (c *conn) read(r io.Reader) {
	defer close(c.frames)
	defer c.nc.Close() // as every client does at the end
	for {
		f, err := ws.ReadFrame(r)
		if err != nil {
			return
		}
		switch f.Header.OpCode {
		case ws.OpText:
			c.frames <- string(f.Payload)
		case ws.OpClose:
			return
		}
	}
}

func (c *conn) send(op ws.OpCode, text string) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return ws.WriteFrame(c.nc, ws.MaskFrameInPlace(ws.NewFrame(op, true, []byte(text))))
}

// next returns the next frame, without the heartbeats of the server's clock; ok
// is false at the end of the connection.
func (c *conn) next() (text string, ok bool, err error) {
	if len(c.peeked) > 0 {
		text, c.peeked = c.peeked[0], c.peeked[1:]
		return text, true, nil
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case text, ok = <-c.frames:
			if !ok {
				c.over = true
				return "", false, nil
			}
			if text == "2::" || isFence(text) && !wantsFence(text, c) || c.allows(text) {
				continue
			}
			return text, true, nil
		case <-limit.C:
			return "", false, fmt.Errorf("%s: nothing arrived within %v", c.name, patience)
		}
	}
}

// allowed is a frame that may arrive; vars is what was bound when it was announced.
type allowed struct {
	pattern any
	vars    vars
}

// allows takes a frame that a script has announced as possible.
func (c *conn) allows(text string) bool {
	payload, ok := strings.CutPrefix(text, "3:::")
	if !ok || len(c.allowed) == 0 {
		return false
	}
	got, err := parse(payload)
	if err != nil {
		return false
	}
	for i, a := range c.allowed {
		if a.vars.match(a.pattern, got) == nil {
			c.allowed = slices.Delete(c.allowed, i, i+1)
			return true
		}
	}
	return false
}
