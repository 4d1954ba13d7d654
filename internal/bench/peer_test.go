package bench

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// peer is the other end for tests of the client: it shakes hands, logs everybody
// in and passes messages on. It keeps no rule of the product.
type peer struct {
	*httptest.Server
	t        *testing.T
	mu       sync.Mutex
	conns    map[string]*peerConn
	acks     []string // 4-5, as sent
	requests atomic.Int64
	lastTime atomic.Int64
	loginTo  int  // code of the answer to logins
	double   bool // deliver everything twice
	swallow  bool // deliver nothing
	shelf    *shelf
}

type peerConn struct {
	net.Conn
	mu      sync.Mutex
	account string
}

func (c *peerConn) write(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = wsutil.WriteServerText(c, frame)
}

func newPeer(t *testing.T) *peer {
	p := &peer{t: t, conns: map[string]*peerConn{}, loginTo: 200, shelf: &shelf{files: map[string][]byte{}}}
	var wg sync.WaitGroup
	mux := http.NewServeMux()
	mux.HandleFunc("GET /socket.io/1/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "s"+strconv.FormatInt(p.requests.Add(1), 10)+":60:60:websocket")
	})
	mux.HandleFunc("GET /socket.io/1/websocket/{session}", func(w http.ResponseWriter, r *http.Request) {
		nc, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		wg.Go(func() { p.serve(&peerConn{Conn: nc}) })
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "# HELP x\nprocess_cpu_seconds_total 12.5\nprocess_resident_memory_bytes 1.048576e+06\ngo_memstats_heap_inuse_bytes 5e5\n")
	})
	mux.HandleFunc("GET /debug/pprof/heap", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /nimserver/user/create.action", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("CheckSum") == "" || r.FormValue("token") != tokenOf(r.FormValue("accid")):
			_, _ = io.WriteString(w, `{"code":414,"desc":"bad http header"}`)
		case r.FormValue("accid") == "u1":
			_, _ = io.WriteString(w, `{"code":414,"desc":"already register"}`)
		default:
			_, _ = io.WriteString(w, `{"code":200,"info":{}}`)
		}
	})
	mux.Handle("/nos/", p.shelf)
	mux.Handle("/nos", p.shelf)
	mux.Handle("/dav/", p.shelf)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.CloseClientConnections()
		p.Close()
		wg.Wait()
	})
	return p
}

func (p *peer) addr() string { return strings.TrimPrefix(p.URL, "http://") }

func (p *peer) serve(c *peerConn) {
	defer c.Close() //nolint:errcheck // a test
	c.write([]byte("1::"))
	c.write([]byte("2::"))
	var req wire.Request
	for {
		text, err := wsutil.ReadClientText(c)
		if err != nil {
			return
		}
		typ, data, err := wire.SplitFrame(text)
		if err != nil {
			p.t.Errorf("%q: %v", text, err)
			return
		}
		if typ == wire.FrameDisconnect {
			return
		}
		if typ != wire.FrameMessage {
			continue
		}
		if err := wire.ParseRequest(data, &req); err != nil {
			p.t.Errorf("%q: %v", text, err)
			return
		}
		p.request(c, &req, string(text))
	}
}

func (p *peer) request(c *peerConn, req *wire.Request, text string) {
	answer := func(code int, r wire.REncoder) { c.write(wire.AppendResponse(nil, req.SID, req.CID, req.SER, code, r)) }
	switch req.ID() {
	case nimwire.Login.ID():
		var in nimwire.LoginRequest
		if err := in.DecodeQ(req.Q); err != nil {
			p.t.Error(err)
		}
		if p.loginTo == 200 {
			c.account = in.Login.Account.String()
			p.mu.Lock()
			p.conns[c.account] = c
			p.mu.Unlock()
		}
		answer(p.loginTo, wire.RawR(`[{"102":"c-1"}]`))
	case nimwire.Sync.ID():
		c.write([]byte(`3:::{"sid":4,"cid":4,"ser":0,"code":200,"r":[[{"0":"0","1":"x","12":"5"},{"0":"1","1":"9","12":"6"}]]}`))
		answer(200, wire.RawR(`[1717200000120]`))
	case nimwire.SendMsg.ID():
		p.message(c, req, answer)
	case nimwire.GetNosToken.ID():
		answer(200, p.shelf.grant())
	case nimwire.BatchMarkRead.ID():
		p.mu.Lock()
		p.acks = append(p.acks, text)
		p.mu.Unlock()
	case nimwire.Logout.ID(), wire.ID{SID: 1, CID: 2}:
		answer(200, nil)
	default:
		answer(404, nil)
	}
}

func (p *peer) message(c *peerConn, req *wire.Request, answer func(int, wire.REncoder)) {
	var in nimwire.SendMsgRequest
	if err := in.DecodeQ(req.Q); err != nil {
		p.t.Error(err)
	}
	at := p.lastTime.Add(1)
	in.Msg.Time, in.Msg.IdServer, in.Msg.From = wire.Int(at), wire.Int(1000+at), wire.Str(c.account)
	answer(200, &nimwire.SendMsgResponse{Msg: &nimwire.Msg{Time: in.Msg.Time, IdServer: in.Msg.IdServer}})
	p.mu.Lock()
	to := p.conns[in.Msg.To.String()]
	p.mu.Unlock()
	if to == nil || p.swallow {
		return
	}
	frame := wire.AppendPush(nil, 7, 2, &nimwire.OnMsgResponse{Msg: &in.Msg})
	to.write(frame)
	if p.double {
		to.write(frame)
	}
}
