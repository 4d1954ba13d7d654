package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// handshakeBuffer is enough for the answers of handshake and upgrade.
const handshakeBuffer = 1024

// open does what an SDK does before the first frame: handshake over HTTP, then a
// new connection with the upgrade (docs/protocol/nim-core.md section 2.2).
func open(ctx context.Context, o *Options) (session string, l *link, err error) {
	session, err = handshake(ctx, o)
	if err != nil {
		return "", nil, fmt.Errorf("handshake: %w", err)
	}
	nc, err := connect(ctx, o)
	if err != nil {
		return "", nil, err
	}
	l, err = upgrade(ctx, nc, o, session)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("upgrade: %w", err), nc.Close())
	}
	return session, l, nil
}

// connect opens one TCP or TLS connection.
func connect(ctx context.Context, o *Options) (net.Conn, error) {
	d := net.Dialer{Control: dialControl, KeepAlive: -1}
	if o.Source != nil {
		d.LocalAddr = &net.TCPAddr{IP: o.Source}
	}
	nc, err := d.DialContext(ctx, "tcp", o.Addr)
	if err != nil || o.TLS == nil {
		return nc, err
	}
	conf := o.TLS
	if conf.ServerName == "" {
		conf = conf.Clone()
		if conf.ServerName, _, err = net.SplitHostPort(o.Addr); err != nil {
			return nil, errors.Join(err, nc.Close())
		}
	}
	tc := tls.Client(nc, conf)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return tc, nil
}

// bound makes the connection fail when ctx ends, until release is called.
func bound(ctx context.Context, nc net.Conn) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			_ = nc.SetDeadline(time.Time{})
		}
	}
}

// handshake asks for a session id.
func handshake(ctx context.Context, o *Options) (string, error) {
	nc, err := connect(ctx, o)
	if err != nil {
		return "", err
	}
	defer nc.Close() //nolint:errcheck // everything was read
	defer bound(ctx, nc)()
	req := fmt.Appendf(nil, "GET /socket.io/1/?t=%d HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain; charset=UTF-8\r\nConnection: close\r\n\r\n",
		time.Now().UnixMilli(), o.Addr)
	if _, err := nc.Write(req); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(nc, handshakeBuffer), nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // everything was read
	body, err := io.ReadAll(io.LimitReader(res.Body, handshakeBuffer))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", res.Status)
	}
	session, rest, _ := strings.Cut(string(body), ":")
	if session == "" || !strings.Contains(rest, "websocket") {
		return "", fmt.Errorf("unexpected answer %q", body)
	}
	return session, nil
}

// upgrade turns a connection into a WebSocket.
func upgrade(ctx context.Context, nc net.Conn, o *Options, session string) (*link, error) {
	defer bound(ctx, nc)()
	u := &url.URL{Scheme: "ws", Host: o.Addr, Path: "/socket.io/1/websocket/" + session}
	d := ws.Dialer{ReadBufferSize: handshakeBuffer, WriteBufferSize: handshakeBuffer}
	br, _, err := d.Upgrade(nc, u)
	if err != nil {
		return nil, err
	}
	var ahead []byte
	if br != nil {
		ahead = make([]byte, br.Buffered())
		_, err = io.ReadFull(br, ahead)
		ws.PutReader(br)
		if err != nil {
			return nil, err
		}
	}
	return newLink(nc, o.ReadBuffer, ahead), nil
}
