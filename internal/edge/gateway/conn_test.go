package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/hytest"
)

const testLimit = 128 << 10

// transports are the two ways bytes reach a wsConn: a socket that is read when
// it is ready, and any other connection (TLS), which is read by blocking.
func transports(t *testing.T, run func(t *testing.T, client, server net.Conn)) {
	t.Run("blocking", func(t *testing.T) {
		hytest.NoLeaks(t)
		client, server := net.Pipe()
		pair(t, client, server, run)
	})
	t.Run("socket", func(t *testing.T) {
		hytest.NoLeaks(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		client, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		pair(t, client, server, run)
	})
}

func pair(t *testing.T, client, server net.Conn, run func(t *testing.T, client, server net.Conn)) {
	defer client.Close()
	defer server.Close()
	for _, c := range []net.Conn{client, server} {
		if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, client, server)
}

// clientFrame is a masked frame as gobwas/ws writes it.
func clientFrame(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.MaskFrameInPlaceWith(ws.NewFrame(op, fin, []byte(payload)), [4]byte{1, 2, 3, 4})
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, f); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// readAll reads messages until the first error.
func readAll(c *wsConn) (got []string, err error) {
	for {
		m, err := c.ReadMessage()
		if err != nil {
			return got, err
		}
		got = append(got, string(m))
	}
}

func TestConnReads(t *testing.T) {
	long16, long64 := strings.Repeat("m", 40_000), strings.Repeat("x", 70_000)
	ended := clientFrame(ws.OpClose, true, "\x03\xe8")
	cases := []struct {
		name string
		sent []byte
		want []string
		err  error
	}{
		{"one message", join(clientFrame(ws.OpText, true, "1::"), ended), []string{"1::"}, errPeerClosed},
		{"many at once", join(clientFrame(ws.OpText, true, "a"), clientFrame(ws.OpText, true, ""), clientFrame(ws.OpText, true, "c"), ended), []string{"a", "", "c"}, errPeerClosed},
		{"125 bytes", join(clientFrame(ws.OpText, true, long64[:125]), ended), []string{long64[:125]}, errPeerClosed},
		{"126 bytes: 16-bit length", join(clientFrame(ws.OpText, true, long64[:126]), ended), []string{long64[:126]}, errPeerClosed},
		{"16-bit length", join(clientFrame(ws.OpText, true, long16), clientFrame(ws.OpText, true, "next"), ended), []string{long16, "next"}, errPeerClosed},
		{"64-bit length", join(clientFrame(ws.OpText, true, long64), clientFrame(ws.OpText, true, "next"), ended), []string{long64, "next"}, errPeerClosed},
		{"exactly the limit", join(clientFrame(ws.OpText, true, strings.Repeat("y", testLimit)), ended), []string{strings.Repeat("y", testLimit)}, errPeerClosed},
		{"fragments", join(clientFrame(ws.OpText, false, "a"), clientFrame(ws.OpContinuation, false, "b"), clientFrame(ws.OpContinuation, true, "c"), clientFrame(ws.OpText, true, "d"), ended), []string{"abc", "d"}, errPeerClosed},
		{"empty fragments", join(clientFrame(ws.OpText, false, ""), clientFrame(ws.OpContinuation, false, ""), clientFrame(ws.OpContinuation, true, ""), clientFrame(ws.OpText, true, "d"), ended), []string{"", "d"}, errPeerClosed},
		{"control frames between fragments", join(clientFrame(ws.OpText, false, "a"), clientFrame(ws.OpPong, true, "p"), clientFrame(ws.OpContinuation, false, "b"), clientFrame(ws.OpPong, true, ""), clientFrame(ws.OpContinuation, true, "c"), ended), []string{"abc"}, errPeerClosed},
		{"fragments over the limit together", join(clientFrame(ws.OpText, false, strings.Repeat("y", testLimit)), clientFrame(ws.OpContinuation, true, "y")), nil, errTooLarge},
		{"over the limit", clientFrame(ws.OpText, true, strings.Repeat("y", testLimit+1)), nil, errTooLarge},
		{"announced as 2^62 bytes", []byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, nil, errTooLarge},
		{"announced as 2^63 bytes", []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, nil, errProtocol},
		{"not masked", []byte{0x81, 0x01, 'a'}, nil, errProtocol},
		{"reserved bits", []byte{0xc1, 0x81, 0, 0, 0, 0, 'a'}, nil, errProtocol},
		{"binary", clientFrame(ws.OpBinary, true, "a"), nil, errProtocol},
		{"binary fragment", clientFrame(ws.OpBinary, false, "a"), nil, errProtocol},
		{"continuation of nothing", clientFrame(ws.OpContinuation, true, "a"), nil, errProtocol},
		{"a message inside a message", join(clientFrame(ws.OpText, false, "a"), clientFrame(ws.OpText, true, "b")), nil, errProtocol},
		{"a fragmented ping", clientFrame(ws.OpPing, false, "a"), nil, errProtocol},
		{"a ping of 126 bytes", []byte{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, nil, errProtocol},
		{"an opcode that is none", clientFrame(ws.OpCode(3), true, "a"), nil, errProtocol},
		{"a control opcode that is none", clientFrame(ws.OpCode(11), true, "a"), nil, errProtocol},
		{"close without a code", clientFrame(ws.OpClose, true, ""), nil, errPeerClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []struct {
				name string
				size int
			}{{"at once", 1 << 20}, {"byte by byte", 1}, {"in pieces", 4093}} {
				if step.size == 1 && len(c.sent) > 10_000 {
					continue
				}
				t.Run(step.name, func(t *testing.T) {
					transports(t, func(t *testing.T, client, server net.Conn) {
						go func() {
							for b := c.sent; len(b) > 0; {
								n, err := client.Write(b[:min(step.size, len(b))])
								if err != nil {
									return
								}
								b = b[n:]
							}
						}()
						go io.Copy(io.Discard, client) //nolint:errcheck // the answers to control frames
						got, err := readAll(newWSConn(server, newBufferPool(), testLimit, nil))
						if !errors.Is(err, c.err) || fmt.Sprint(got) != fmt.Sprint(c.want) {
							t.Errorf("%d messages, %v; want %d, %v", len(got), err, len(c.want), c.err)
						}
						server.Close()
						client.Close()
					})
				})
			}
		})
	}
}

func TestConnAnswersControlFrames(t *testing.T) {
	transports(t, func(t *testing.T, client, server net.Conn) {
		done := make(chan error, 1)
		c := newWSConn(server, newBufferPool(), testLimit, nil)
		go func() {
			_, err := readAll(c)
			done <- err
		}()
		for _, payload := range []string{"", "hello", strings.Repeat("p", 125)} {
			if _, err := client.Write(clientFrame(ws.OpPing, true, payload)); err != nil {
				t.Fatal(err)
			}
			f, err := ws.ReadFrame(client)
			if err != nil || f.Header.OpCode != ws.OpPong || f.Header.Masked || string(f.Payload) != payload {
				t.Fatalf("ping %q: %+v %q, %v", payload, f.Header, f.Payload, err)
			}
		}
		if _, err := client.Write(clientFrame(ws.OpClose, true, "\x03\xe8bye")); err != nil {
			t.Fatal(err)
		}
		f, err := ws.ReadFrame(client)
		if err != nil || f.Header.OpCode != ws.OpClose || string(f.Payload[:2]) != "\x03\xe8" {
			t.Fatalf("close: %+v %q, %v", f.Header, f.Payload, err)
		}
		if err := <-done; !errors.Is(err, errPeerClosed) {
			t.Fatal(err)
		}
	})
}

// What the client sent together with its upgrade request is read first.
func TestConnReadsEarlyBytes(t *testing.T) {
	first, second := clientFrame(ws.OpText, true, "first"), clientFrame(ws.OpText, true, "second")
	for _, n := range []int{1, 3, 6, len(first), len(first) + 2, len(first) + len(second)} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			transports(t, func(t *testing.T, client, server net.Conn) {
				all := join(first, second)
				c := newWSConn(server, newBufferPool(), testLimit, all[:n])
				go func() {
					client.Write(all[n:]) //nolint:errcheck // the reader sees it
					client.Close()
				}()
				got, err := readAll(c)
				if len(got) != 2 || got[0] != "first" || got[1] != "second" || err == nil {
					t.Fatalf("%q, %v", got, err)
				}
			})
		})
	}
}

// A peer that announces a large frame and sends little of it gets little memory.
func TestConnMemoryFollowsWhatWasSent(t *testing.T) {
	transports(t, func(t *testing.T, client, server net.Conn) {
		const limit = 16 << 20
		c := newWSConn(server, newBufferPool(), limit, nil)
		head := make([]byte, 14)
		head[0], head[1] = 0x81, 0xff
		binary.BigEndian.PutUint64(head[2:], limit)
		go func() {
			client.Write(head)                             //nolint:errcheck // the reader sees it
			client.Write(bytes.Repeat([]byte{'x'}, 10000)) //nolint:errcheck // the reader sees it
			client.Close()
		}()
		if _, err := c.ReadMessage(); err == nil {
			t.Fatal("a message")
		}
		if n := cap(*c.buf); n > 64<<10 {
			t.Fatalf("%d bytes for 10000 that came", n)
		}
	})
}

// An idle connection holds no buffer, and a large message's does not stay.
func TestConnGivesItsBufferBack(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newWSConn(server, newBufferPool(), testLimit, nil)
	defer c.Close()
	for _, size := range []int{5, 100_000} {
		if _, err := client.Write(clientFrame(ws.OpText, true, strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
		if m, err := c.ReadMessage(); err != nil || len(m) != size {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
		idle := make(chan struct{})
		go func() {
			defer close(idle)
			c.ReadMessage() //nolint:errcheck // ended by Close below, or by the next message
		}()
		// The reader now waits without a buffer; a second message proves that it reads on.
		if _, err := client.Write(clientFrame(ws.OpText, true, "y")); err != nil {
			t.Fatal(err)
		}
		<-idle
		if n := cap(*c.buf); n != readChunk {
			t.Fatalf("after %d bytes the buffer has %d", size, n)
		}
	}
}

func TestFrameHeaders(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 100_000} {
		text := strings.Repeat("z", n)
		f, err := ws.ReadFrame(bytes.NewReader(Frame([]byte(text))))
		if err != nil || f.Header.OpCode != ws.OpText || !f.Header.Fin || f.Header.Masked || string(f.Payload) != text {
			t.Errorf("%d bytes: %+v, %v", n, f.Header, err)
		}
	}
}

// FuzzConn holds the reader against gobwas/ws: what a client can send through
// it arrives unchanged, however the bytes are cut; anything else ends in an
// error and never in a panic or more memory than the limit allows.
func FuzzConn(f *testing.F) {
	f.Add(join(clientFrame(ws.OpText, true, "1::")), uint8(3))
	f.Add(join(clientFrame(ws.OpText, false, "a"), clientFrame(ws.OpPing, true, "p"), clientFrame(ws.OpContinuation, true, "b")), uint8(1))
	f.Add([]byte{0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4}, uint8(200))
	f.Add([]byte{0x88, 0x80, 0, 0, 0, 0}, uint8(7))
	f.Fuzz(func(t *testing.T, sent []byte, step uint8) {
		const limit = 8 << 10
		pool := newBufferPool()
		got, err := readAll(newWSConn(&pieces{rest: sent, step: int(step) + 1}, pool, limit, nil))
		if err == nil {
			t.Fatal("no error at the end")
		}
		for _, m := range got {
			if len(m) > limit {
				t.Fatalf("a message of %d bytes", len(m))
			}
		}
		want := reference(sent, limit)
		if len(got) != len(want) {
			t.Fatalf("%d messages, want %d (%v)", len(got), len(want), err)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("message %d is %q, want %q", i, got[i], want[i])
			}
		}
		// Cut off at any place there are never other messages.
		cut, _ := readAll(newWSConn(&pieces{rest: sent[:len(sent)/2], step: 3}, pool, limit, nil))
		for i := range cut {
			if i >= len(want) || cut[i] != want[i] {
				t.Fatalf("half of the bytes have message %q", cut[i])
			}
		}
	})
}

// reference reads messages with the library, as RFC 6455 wants it, up to the
// first thing that must end the connection.
func reference(sent []byte, limit int) (out []string) {
	r := bytes.NewReader(sent)
	var open []byte
	started := false
	for {
		h, err := ws.ReadHeader(r)
		if err != nil || !h.Masked || h.Rsv != 0 || h.Length > int64(limit) {
			return out
		}
		switch h.OpCode {
		case ws.OpText, ws.OpContinuation, ws.OpPing, ws.OpPong, ws.OpClose:
		default:
			return out
		}
		if h.OpCode.IsControl() && (!h.Fin || h.Length > 125) {
			return out
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return out
		}
		ws.Cipher(payload, h.Mask, 0)
		switch {
		case h.OpCode == ws.OpClose:
			return out
		case h.OpCode.IsControl():
			continue
		case (h.OpCode == ws.OpText) == started:
			return out
		}
		started = !h.Fin
		if open = append(open, payload...); len(open) > limit {
			return out
		}
		if h.Fin {
			out, open = append(out, string(open)), nil
		}
	}
}

// pieces is a connection that gives its bytes in pieces of a size.
type pieces struct {
	net.Conn
	rest []byte
	step int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.step, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) { return len(b), nil }
