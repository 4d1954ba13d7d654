package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// Options describe one client.
type Options struct {
	Addr    string      // host:port of the server
	TLS     *tls.Config // nil: no TLS
	AppKey  string
	Account string
	Token   string
	Device  string // device id, tag 13; made from the account if empty

	// Acknowledge answers every message that asks for it with 4-5, as the SDK
	// does. Without it messages stay in the offline queue of the account.
	Acknowledge bool
	// Reconnect logs in as an automatic reconnect (appLogin 0).
	Reconnect bool

	Source     net.IP // local address; nil: chosen by the system
	ReadBuffer int    // first size of the read buffer; 0: 1 KiB
}

// Packet is one packet from the server. It is valid only during the call it is
// given to: the elements of R are parts of the read buffer.
type Packet struct {
	wire.Response
	At time.Time // when it was read
}

// Reply is the answer to a command.
type Reply struct {
	Code int
	R    [][]byte // raw JSON
}

// CodeError is an answer with a code that is not success.
type CodeError struct {
	Command wire.ID
	Code    int
}

// Error implements error.
func (e *CodeError) Error() string { return fmt.Sprintf("bench: %s answered %d", e.Command, e.Code) }

// ErrClosed is the error of a client that was closed by its user.
var ErrClosed = errors.New("bench: client closed")

// Client is one connection of one device. Its methods may be called from several
// goroutines. One goroutine, ended by Close or Drop, reads.
type Client struct {
	opts    Options
	session string
	link    *link
	calls   calls
	onPush  atomic.Pointer[func(*Packet)]
	ready   chan struct{} // closed at 1::
	done    chan struct{} // closed when the reading goroutine has ended
	err     error         // why; read after done
}

// Dial does the handshake and the upgrade and waits for the server's 1::. The
// context bounds the dialling only.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.ReadBuffer == 0 {
		o.ReadBuffer = 1 << 10
	}
	if o.Device == "" {
		o.Device = deviceOf(o.Account)
	}
	session, l, err := open(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("bench: dial %s: %w", o.Addr, err)
	}
	c := &Client{opts: o, session: session, link: l, ready: make(chan struct{}), done: make(chan struct{})}
	go c.read()
	select {
	case <-c.ready:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("bench: dial %s: %w", o.Addr, c.err)
	case <-ctx.Done():
		c.Drop()
		return nil, fmt.Errorf("bench: dial %s: no 1::: %w", o.Addr, context.Cause(ctx))
	}
}

// OnPush sets the function for packets that answer no Call. It runs on the
// reading goroutine and must not block; nil drops the packets. Set it before
// Login to miss nothing.
func (c *Client) OnPush(fn func(*Packet)) {
	if fn == nil {
		c.onPush.Store(nil)
		return
	}
	c.onPush.Store(&fn)
}

// Login sends 2-3 and returns the answer (docs/protocol/nim-core.md section 3).
func (c *Client) Login(ctx context.Context) (*nimwire.LoginResponse, error) {
	reply, err := c.Call(ctx, nimwire.Login.ID(), loginQ(&c.opts, c.session))
	if err != nil {
		return nil, err
	}
	var res nimwire.LoginResponse
	if err := res.DecodeR(reply.R); err != nil {
		return nil, err
	}
	return &res, nil
}

// Sync sends 5-1 for every category an SDK asks for by default, with time tag 0,
// and waits for the answer, which comes after all packets of the sync.
func (c *Client) Sync(ctx context.Context) (timetag int64, err error) {
	reply, err := c.Call(ctx, nimwire.Sync.ID(), fixedQ(syncQ))
	if err != nil {
		return 0, err
	}
	return wire.DecodeInt(wire.Elem(reply.R, 0))
}

// Sent is the answer to a message.
type Sent struct {
	Time     int64
	IDServer string
}

// Send sends a one-to-one message with 7-1 and waits for the answer.
func (c *Client) Send(ctx context.Context, msg nimwire.Msg) (Sent, error) {
	reply, err := c.Call(ctx, nimwire.SendMsg.ID(), &nimwire.SendMsgRequest{Msg: msg})
	if err != nil {
		return Sent{}, err
	}
	var res nimwire.SendMsgResponse
	if err := res.DecodeR(reply.R); err != nil {
		return Sent{}, err
	}
	if res.Msg == nil {
		return Sent{}, errors.New("bench: 7-1 answered without a message")
	}
	return Sent{Time: res.Msg.Time.Int(), IDServer: res.Msg.IdServer.String()}, nil
}

// Call sends a command and waits for its answer. An answer that is no success is
// a *CodeError; the reply is returned with it.
func (c *Client) Call(ctx context.Context, id wire.ID, q wire.QEncoder) (*Reply, error) {
	ser, answer := c.calls.add(id)
	defer c.calls.remove(ser)
	if err := c.request(ser, id, q); err != nil {
		return nil, err
	}
	select {
	case reply := <-answer:
		return c.checked(id, reply)
	case <-ctx.Done():
		return nil, fmt.Errorf("bench: %s: %w", id, context.Cause(ctx))
	case <-c.done:
		// The answer may have come together with the end.
		select {
		case reply := <-answer:
			return c.checked(id, reply)
		default:
			return nil, fmt.Errorf("bench: %s: %w", id, c.err)
		}
	}
}

func (c *Client) checked(id wire.ID, reply *Reply) (*Reply, error) {
	switch reply.Code {
	case 200, 406, 808, 810: // docs/protocol/nim-core.md section 2.7
		return reply, nil
	}
	return reply, &CodeError{Command: id, Code: reply.Code}
}

// Notify sends a command that has no answer.
func (c *Client) Notify(id wire.ID, q wire.QEncoder) error { return c.request(c.calls.next(), id, q) }

// Ping sends the heartbeat 1-2, which has SER 0. Its answer goes to OnPush.
func (c *Client) Ping() error { return c.request(0, wire.ID{SID: 1, CID: 2}, nil) }

// Raw sends a text message as it is.
func (c *Client) Raw(text string) error {
	c.link.put(ws.OpText, []byte(text))
	return c.link.flush()
}

func (c *Client) request(ser int64, id wire.ID, q wire.QEncoder) error {
	l := c.link
	l.mu.Lock()
	var start int
	l.out, start = openFrame(l.out)
	l.out = wire.AppendRequest(l.out, ser, id.SID, id.CID, q)
	l.out = sealFrame(l.out, start, ws.OpText)
	l.mu.Unlock()
	return l.flush()
}

// Logout sends 2-6, waits for the answer and closes the connection.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.Call(ctx, nimwire.Logout.ID(), nil)
	return errors.Join(err, c.Close())
}

// Close says goodbye, closes the connection and waits until nothing reads any more.
func (c *Client) Close() error {
	select {
	case <-c.done:
		return nil
	default:
	}
	// A server that does not read must not keep us.
	_ = c.link.nc.SetWriteDeadline(time.Now().Add(time.Second))
	c.link.put(ws.OpText, []byte(wire.DisconnectFrame))
	c.link.put(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
	err := c.link.flush()
	c.Drop()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Drop closes the connection without a word, like a lost network.
func (c *Client) Drop() {
	_ = c.link.nc.Close()
	<-c.done
}

// Done is closed when the connection has ended, whoever ended it.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection has ended, nil while it has not.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}
