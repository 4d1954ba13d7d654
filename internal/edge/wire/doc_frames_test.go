package wire_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
)

// TestDocumentFrames takes every complete frame of the worked example in the
// reference document: server frames must decode and encode to the same bytes,
// client frames must decode.
func TestDocumentFrames(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/protocol/nim-core.md")
	if err != nil {
		t.Fatal(err)
	}
	server, client := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^[a-z]* *([CS])  (3:::\{.*\})(?:  .*)?$`).FindAllSubmatch(doc, -1) {
		_, payload, err := wire.SplitFrame(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if string(m[1]) == "C" {
			client++
			documentRequest(t, payload)
		} else {
			server++
			documentResponse(t, m[2], payload)
		}
	}
	if server < 15 || client < 8 {
		t.Errorf("found only %d server and %d client frames", server, client)
	}
}

func documentRequest(t *testing.T, payload []byte) {
	var req wire.Request
	if err := wire.ParseRequest(payload, &req); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	cmd, ok := nimwire.Lookup(req.ID())
	if !ok {
		t.Fatalf("%v is no request", req.ID())
	}
	if q, ok := nimwire.NewRequest(cmd.Name); ok {
		if err := q.DecodeQ(req.Q); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func documentResponse(t *testing.T, frame, payload []byte) {
	var res wire.Response
	if err := wire.ParseResponse(payload, &res); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	var name string
	for _, c := range nimwire.Commands() {
		if c.Accepts(res.ID()) && c.HasResponse {
			name = c.Name
		}
	}
	var body wire.REncoder
	if r, ok := nimwire.NewResponse(name); ok {
		if err := r.DecodeR(res.R); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
		body = r
	}
	if got := wire.AppendResponse(nil, res.SID, res.CID, res.SER, res.Code, body); !bytes.Equal(got, frame) {
		t.Errorf("\n got %s\nwant %s", got, frame)
	}
}
