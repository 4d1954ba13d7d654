package wire_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"hongyan/internal/edge/wire"
)

var requestSeeds = []string{
	sendMsgFrame[4:],
	`{"SER":5,"SID":4,"CID":5,"Q":[{"t":"byte","v":8},{"t":"byte","v":3},{"t":"LongArray","v":["41000013",null]}]}`,
	`{"SER":10,"SID":24,"CID":15,"Q":[{"t":"Property","v":{"1":1,"2":true}},{"t":"ArrayMable","v":[{"t":"Property","v":{"1":"\ud83d\ude00","2":[1,{"a":null}]}}]}]}`,
	`{"SER":"1","SID":"13","CID":"26","Q":[{"t":"StrStrMap","v":{"a":"b"}},{"t":"Bool","v":"true"}]}`,
	`{"SER":0,"SID":1,"CID":2}`,
	`{"Q":[{}],"SID":1.5,"CID":1e2}`,
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var req wire.Request
		err := wire.ParseRequest(b, &req)
		if err != nil {
			return
		}
		// The scanner may know fewer forms than the standard library, never more.
		if !json.Valid(b) {
			t.Fatalf("accepted invalid JSON %q", b)
		}
		for _, p := range req.Q {
			if !json.Valid(p.V) {
				t.Fatalf("parameter %q", p.V)
			}
		}
	})
}

func FuzzSplitFrame(f *testing.F) {
	for _, s := range []string{"1::", "2::", "3:::{}", "3:1+:ep:{}", "7:::1+0", "3::", ":::", "3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		typ, payload, err := wire.SplitFrame(b)
		if err != nil {
			return
		}
		if typ > wire.FrameNoop || !bytes.HasSuffix(b, payload) {
			t.Fatalf("%q: %d %q", b, typ, payload)
		}
	})
}

// FuzzDecodeAll gives the same parameters to every command of every product:
// decoding must not panic, and what was decoded must encode to valid JSON that
// decodes to the same again.
func FuzzDecodeAll(f *testing.F) {
	for _, s := range requestSeeds {
		f.Add([]byte(s))
	}
	var requests []wire.QCodec
	var responses []wire.RCodec
	for _, p := range allProducts() {
		for _, c := range p.commands {
			if q, ok := p.newRequest(c.Name); ok {
				requests = append(requests, q)
			}
			if r, ok := p.newResponse(c.Name); ok {
				responses = append(responses, r)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var req wire.Request
		if err := wire.ParseRequest(b, &req); err != nil {
			// The codecs must be safe on raw bytes as well.
			req.Q = []wire.Param{{T: "Property", V: b}, {T: "Long", V: b}, {T: "ArrayMable", V: b}}
		}
		var elems [][]byte
		for _, p := range req.Q {
			elems = append(elems, p.V)
		}
		for _, q := range requests {
			if q.DecodeQ(req.Q) != nil {
				continue
			}
			once := q.AppendQ(nil)
			checkAgain(t, q, once, func(env *wire.Request) error { return q.DecodeQ(env.Q) }, q.AppendQ)
		}
		for _, r := range responses {
			if r.DecodeR(elems) != nil {
				continue
			}
			if once := r.AppendR(nil); !json.Valid(once) || !utf8.Valid(once) {
				t.Fatalf("%T: %q", r, once)
			}
		}
	})
}

func checkAgain(t *testing.T, codec any, once []byte, decode func(*wire.Request) error, encode func([]byte) []byte) {
	if !utf8.Valid(once) {
		t.Fatalf("%T: %q is not UTF-8", codec, once)
	}
	var env wire.Request
	if err := wire.ParseRequest([]byte(`{"SID":1,"CID":1,"Q":`+string(once)+`}`), &env); err != nil {
		t.Fatalf("%T: %v in %s", codec, err, once)
	}
	if err := decode(&env); err != nil {
		t.Fatalf("%T: %v in %s", codec, err, once)
	}
	if again := encode(nil); !bytes.Equal(once, again) {
		t.Fatalf("%T:\n%s\n%s", codec, once, again)
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{`1`, `"1"`, `-0.5e3`, `null`, `true`, `"\ud800\u0041"`, `"\\\""`, `[1,{"a":"b"}]`, "\"\xff\"", "\"\u2028\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := wire.DecodeValue(b)
		if valid := json.Valid(b); err == nil && !valid {
			t.Fatalf("accepted %q", b)
		} else if err != nil && valid && !bytes.Contains(b, []byte("[[[[[[[[")) && !bytes.ContainsAny(b, "{[") {
			t.Fatalf("rejected %q: %v", b, err)
		}
		if err != nil {
			return
		}
		if !utf8.ValidString(v.String()) {
			t.Fatalf("%q gives invalid UTF-8 %q", b, v.String())
		}
		var want string
		if json.Unmarshal(b, &want) == nil && v.IsSet() && want != v.String() {
			t.Fatalf("%q: %q, the standard library says %q", b, v.String(), want)
		}
		_, _, _ = v.Int(), v.Bool(), v.IntOr(1)
		v.Strings()
		again, err := wire.DecodeValue(wire.AppendString(nil, v.String()))
		if err != nil || (v.IsSet() && !reflect.DeepEqual(again, v)) {
			t.Fatalf("%q: %q came back as %q (%v)", b, v.String(), again.String(), err)
		}
	})
}
