package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"hongyan/internal/edge/wire"
)

func TestSealedFrames(t *testing.T) {
	var out []byte
	var want [][]byte
	for _, n := range []int{0, 1, 125, 126, 127, 500, 65535, 65536, 70000} {
		payload := bytes.Repeat([]byte{'x'}, n)
		want = append(want, payload)
		var start int
		out, start = openFrame(out)
		out = append(out, payload...)
		out = sealFrame(out, start, ws.OpText)
	}
	r := bytes.NewReader(out)
	for i := range want {
		f, err := ws.ReadFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Header.Masked || !f.Header.Fin || f.Header.OpCode != ws.OpText {
			t.Errorf("frame %d: %+v", i, f.Header)
		}
		if f = ws.UnmaskFrame(f); !bytes.Equal(f.Payload, want[i]) {
			t.Errorf("frame %d: %d bytes, want %d", i, len(f.Payload), len(want[i]))
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d bytes too many", r.Len())
	}
}

func TestServerFramesInPieces(t *testing.T) {
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		var b bytes.Buffer
		if err := ws.WriteFrame(&b, ws.NewTextFrame(bytes.Repeat([]byte{'y'}, n))); err != nil {
			t.Fatal(err)
		}
		whole := b.Bytes()
		for _, cut := range []int{0, 1, 2, 3, 9, len(whole) - 1} {
			if cut >= len(whole) {
				continue
			}
			if _, ok, err := splitServerFrame(whole[:cut]); ok || err != nil {
				t.Errorf("%d of %d bytes: %v %v", cut, len(whole), ok, err)
			}
		}
		f, ok, err := splitServerFrame(append(whole, "rest"...))
		if !ok || err != nil || len(f.payload) != n || f.size != len(whole) || f.op != ws.OpText || !f.fin {
			t.Errorf("%d: %v %v %+v", n, ok, err, f.op)
		}
	}
}

func TestServerFrameErrors(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":     {0x81, 0x80, 0, 0, 0, 0},
		"compressed": {0xC1, 0x00},
		"too long":   {0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		if _, _, err := splitServerFrame(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMsgFields(t *testing.T) {
	var f msgFields
	ok := f.scan([]byte(`{"0":"0","1":"bob","2":"alice","7":1717200005321,"9":"say \"hi\\","11":"c","12":"41000014"}`))
	if !ok || string(f.to) != "bob" || string(f.from) != "alice" || string(f.time) != "1717200005321" ||
		string(f.body) != `say \"hi\\` || string(f.idClient) != "c" || string(f.id) != "41000014" {
		t.Errorf("%v %s", ok, [][]byte{f.to, f.from, f.time, f.body, f.idClient, f.id})
	}
	for _, bad := range []string{``, `[]`, `{"1"}`, `{"1":`, `{"1":{}}`, `{"1":"x`, `{"1":"x\"}`, `{1:2}`} {
		if f.scan([]byte(bad)) {
			t.Errorf("%q was read", bad)
		}
	}
	if !f.scan([]byte(`{}`)) {
		t.Error("the empty object was not read")
	}
}

// The frames that are put together by hand are what the codec reads.
func TestHandMadeFrames(t *testing.T) {
	var req wire.Request
	ack := string(appendAck(nil, 7, 7, 2, []byte("123")))
	if err := wire.ParseRequest([]byte(strings.TrimPrefix(ack, "3:::")), &req); err != nil || req.SER != 7 || len(req.Q) != 3 {
		t.Errorf("%s: %v", ack, err)
	}
	login := wire.AppendRequest(nil, 1, 2, 3, loginQ(&Options{Account: `a"b`, Device: "d"}, "s"))
	if err := wire.ParseRequest(login[4:], &req); err != nil || len(req.Q) != 1 {
		t.Errorf("%s: %v", login, err)
	}
	p := newPair(3, "abcdefgh", 200)
	p.sender = &Client{link: &link{}}
	p.begin(nil)
	p.mu.Lock()
	for range 12 {
		p.queue(time.Time{})
	}
	p.mu.Unlock()
	r := bytes.NewReader(p.sender.link.out)
	for n := range 12 {
		f, err := ws.ReadFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		f = ws.UnmaskFrame(f)
		if err := wire.ParseRequest(f.Payload[4:], &req); err != nil || req.SER != int64(serBase+n) {
			t.Fatalf("%s: %v", f.Payload, err)
		}
		var fields msgFields
		if !fields.scan(req.Q[0].V) || len(fields.body) != 200 || p.number(fields.body) != n || len(fields.idClient) != 32 {
			t.Errorf("%s", req.Q[0].V)
		}
	}
}

func BenchmarkQueueMessage(b *testing.B) {
	p := newPair(3, "abcdefgh", 200)
	p.sender = &Client{link: &link{}}
	p.begin(nil)
	b.ReportAllocs()
	for b.Loop() {
		p.queue(time.Time{})
		p.sender.link.out = p.sender.link.out[:0]
		p.messages = p.messages[:0]
	}
}
