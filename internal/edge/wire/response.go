package wire

// Response is the envelope {"sid","cid","ser","code","r"} a server sends, as
// the load tool and tests read it. The elements of R are raw JSON and parts of
// the frame.
type Response struct {
	SID  uint16
	CID  uint16
	SER  int64
	Code int
	R    [][]byte
}

// ID returns the command id.
func (r *Response) ID() ID { return ID{SID: r.SID, CID: r.CID} }

// ParseResponse parses the JSON after "3:::" into r and reuses the memory of
// r.R.
func ParseResponse(b []byte, r *Response) error {
	*r = Response{R: r.R[:0]}
	var d Decoder
	d.OpenObject(b)
	for key, ok := d.nextKeyBytes(); ok; key, ok = d.nextKeyBytes() {
		switch string(key) {
		case "sid":
			r.SID, _ = d.number16()
		case "cid":
			r.CID, _ = d.number16()
		case "ser":
			r.SER, _ = d.number64()
		case "code":
			code, _ := d.number64()
			r.Code = int(code)
		case "r":
			list, err := splitArray(d.Raw(), r.R[:0])
			if err != nil {
				return err
			}
			r.R = list
		default:
			d.Skip()
		}
	}
	return d.Err()
}

func splitArray(raw []byte, list [][]byte) ([][]byte, error) {
	var d Decoder
	d.OpenArray(raw)
	for d.NextElem() {
		elem := d.Raw()
		if elem == nil {
			break
		}
		list = append(list, elem)
	}
	return list, d.Err()
}

// Wrapped is an unwrapped notification 4-1, 4-2, 4-10 or 4-11.
type Wrapped struct {
	ID   int64
	SID  uint16
	CID  uint16
	Body [][]byte
}

// ParseWrapped reads the r of a wrapped notification (docs/protocol/nim-core.md
// section 2.6).
func ParseWrapped(r [][]byte) (Wrapped, error) {
	var w Wrapped
	if len(r) < 2 {
		return w, ErrType
	}
	var err error
	if w.ID, err = DecodeInt(r[0]); err != nil {
		return w, err
	}
	var d Decoder
	d.OpenObject(r[1])
	for key, ok := d.nextKeyBytes(); ok; key, ok = d.nextKeyBytes() {
		switch string(key) {
		case "headerPacket":
			var h Response
			if err := ParseResponse(d.Raw(), &h); err != nil {
				return w, err
			}
			w.SID, w.CID = h.SID, h.CID
		case "body":
			if w.Body, err = splitArray(d.Raw(), nil); err != nil {
				return w, err
			}
		default:
			d.Skip()
		}
	}
	return w, d.Err()
}
