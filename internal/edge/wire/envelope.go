package wire

import (
	"fmt"
	"math"
)

// MaxParams is the longest Q that is accepted. The longest table has eight
// parameters.
const MaxParams = 64

// Param is one entry of Q. V is raw JSON and a part of the frame it was parsed
// from: decode it before the frame buffer is used again.
type Param struct {
	T string // type label, a hint only
	V []byte
}

// Request is the envelope {"SER","SID","CID","Q"} a client sends after "3:::"
// (docs/protocol/nim-core.md section 2.4).
type Request struct {
	SER int64
	SID uint16
	CID uint16
	Q   []Param
}

// ID returns the command id.
func (r *Request) ID() ID { return ID{SID: r.SID, CID: r.CID} }

// ParseRequest parses the JSON after "3:::" into r and reuses the memory of
// r.Q. Keys may come in any order, unknown ones are ignored, the numbers may be
// texts, Q may be missing. All JSON in b is validated, so the parameters are
// well-formed. r is undefined after an error, except that SER, SID and CID hold
// what was read before it.
func ParseRequest(b []byte, r *Request) error {
	*r = Request{Q: r.Q[:0]}
	var d Decoder
	d.OpenObject(b)
	var sid, cid bool
	for key, ok := d.nextKeyBytes(); ok; key, ok = d.nextKeyBytes() {
		switch string(key) {
		case "SER":
			r.SER, _ = d.number64()
		case "SID":
			r.SID, sid = d.number16()
		case "CID":
			r.CID, cid = d.number16()
		case "Q":
			if err := parseParams(&d, r); err != nil {
				return err
			}
		default:
			d.Skip()
		}
	}
	if err := d.Err(); err != nil {
		return err
	}
	if !sid || !cid {
		return fmt.Errorf("%w: request without SID or CID", ErrType)
	}
	return nil
}

// parseParams reads the array Q. A second Q replaces the first.
func parseParams(d *Decoder, r *Request) error {
	r.Q = r.Q[:0]
	in := d.inside('[')
	for in.NextElem() {
		if len(r.Q) == MaxParams {
			return ErrTooMany
		}
		p, err := parseParam(&in)
		if err != nil {
			return err
		}
		r.Q = append(r.Q, p)
	}
	return d.resume(&in)
}

// parseParam reads {"t":…,"v":…}. An entry without v counts as null: it keeps
// its position.
func parseParam(d *Decoder) (Param, error) {
	var p Param
	in := d.inside('{')
	for key, ok := in.nextKeyBytes(); ok; key, ok = in.nextKeyBytes() {
		switch string(key) {
		case "t":
			p.T = label(in.Raw())
		case "v":
			p.V = in.Raw()
		default:
			in.Skip()
		}
	}
	if p.V == nil {
		p.V = []byte("null")
	}
	return p, d.resume(&in)
}

// number64 reads a number that may be a text, without a copy.
func (d *Decoder) number64() (int64, bool) {
	raw := d.Raw()
	if n := len(raw); n >= 2 && raw[0] == '"' {
		raw = raw[1 : n-1]
	}
	if len(raw) > 24 {
		return 0, false
	}
	return parseInt(string(raw))
}

func (d *Decoder) number16() (uint16, bool) {
	n, ok := d.number64()
	if !ok || n < 0 || n > math.MaxUint16 {
		return 0, false
	}
	return uint16(n), true
}

// REncoder is implemented by all generated response types.
type REncoder interface {
	// AppendR appends the JSON array r.
	AppendR(dst []byte) []byte
}

// QEncoder is implemented by all generated request types.
type QEncoder interface {
	// AppendQ appends the JSON array Q.
	AppendQ(dst []byte) []byte
}

// RawR is an already encoded array r.
type RawR []byte

// AppendR implements REncoder.
func (r RawR) AppendR(dst []byte) []byte {
	if len(r) == 0 {
		return append(dst, '[', ']')
	}
	return append(dst, r...)
}

// AppendResponse appends a complete data frame: 3:::{"sid":…,"cid":…,"ser":…,
// "code":…,"r":[…]}. A nil r is []. ser must be the SER of the request, as a
// number, or the client runs into its timeout (docs/protocol/nim-core.md,
// rule 2).
func AppendResponse(dst []byte, sid, cid uint16, ser int64, code int, r REncoder) []byte {
	dst = append(dst, messagePrefix+`{"sid":`...)
	dst = AppendInt(dst, int64(sid))
	dst = append(dst, `,"cid":`...)
	dst = AppendInt(dst, int64(cid))
	dst = append(dst, `,"ser":`...)
	dst = AppendInt(dst, ser)
	dst = append(dst, `,"code":`...)
	dst = AppendInt(dst, int64(code))
	dst = append(dst, `,"r":`...)
	dst = appendR(dst, r)
	return append(dst, '}')
}

func appendR(dst []byte, r REncoder) []byte {
	if r == nil {
		return append(dst, '[', ']')
	}
	return r.AppendR(dst)
}

// AppendPush appends a push: a response with ser 0 and code 200. The code is
// mandatory, without it the SDK drops the body (rule 1).
func AppendPush(dst []byte, sid, cid uint16, r REncoder) []byte {
	return AppendResponse(dst, sid, cid, 0, 200, r)
}

// AppendWrapped appends a push inside a notification 4-1, 4-2, 4-10 or 4-11:
// r is [id,{"headerPacket":{"sid":…,"cid":…},"body":[…]}]
// (docs/protocol/nim-core.md section 2.6).
func AppendWrapped(dst []byte, cid uint16, id int64, innerSID, innerCID uint16, inner REncoder) []byte {
	return AppendPush(dst, 4, cid, wrapped{id: id, sid: innerSID, cid: innerCID, body: inner})
}

type wrapped struct {
	id   int64
	sid  uint16
	cid  uint16
	body REncoder
}

func (w wrapped) AppendR(dst []byte) []byte {
	dst = append(dst, '[')
	dst = AppendInt(dst, w.id)
	dst = append(dst, `,{"headerPacket":{"sid":`...)
	dst = AppendInt(dst, int64(w.sid))
	dst = append(dst, `,"cid":`...)
	dst = AppendInt(dst, int64(w.cid))
	dst = append(dst, `},"body":`...)
	dst = appendR(dst, w.body)
	return append(dst, `}]`...)
}

// AppendRequest appends a complete request frame as a client sends it. A nil q
// is [].
func AppendRequest(dst []byte, ser int64, sid, cid uint16, q QEncoder) []byte {
	dst = append(dst, messagePrefix+`{"SER":`...)
	dst = AppendInt(dst, ser)
	dst = append(dst, `,"SID":`...)
	dst = AppendInt(dst, int64(sid))
	dst = append(dst, `,"CID":`...)
	dst = AppendInt(dst, int64(cid))
	dst = append(dst, `,"Q":`...)
	if q == nil {
		dst = append(dst, '[', ']')
	} else {
		dst = q.AppendQ(dst)
	}
	return append(dst, '}')
}
