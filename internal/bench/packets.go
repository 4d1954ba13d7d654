package bench

import (
	"bytes"
	"crypto/md5" //nolint:gosec // a device id, nothing secret
	"encoding/hex"
	"strconv"

	"hongyan/internal/edge/wire"
)

// fixedQ is an encoded array Q.
type fixedQ string

// AppendQ implements wire.QEncoder.
func (q fixedQ) AppendQ(dst []byte) []byte { return append(dst, q...) }

// syncQ asks for what an SDK asks for by default (docs/protocol/nim-core.md
// section 1.3).
const syncQ = `[{"t":"Property","v":{"1":0,"2":0,"3":0,"7":0,"9":0,"11":0,"13":0,"14":0,"15":0,"17":0,"18":0,"21":0,"22":0,"23":0,"24":0,"25":0,"26":0,"27":0,"29":0}}]`

// loginQ is the login of the browser SDK 0.17.2 (section 1.2), numbers as numbers.
func loginQ(o *Options, session string) fixedQ {
	b := append(make([]byte, 0, 512), `[{"t":"Property","v":{"3":16,"4":"Windows","6":91402,"8":`...)
	if o.Reconnect {
		b = append(b, '0')
	} else {
		b = append(b, '1')
	}
	b = append(b, `,"9":1,"13":`...)
	b = wire.AppendString(b, o.Device)
	b = append(b, `,"18":`...)
	b = wire.AppendString(b, o.AppKey)
	b = append(b, `,"19":`...)
	b = wire.AppendString(b, o.Account)
	b = append(b, `,"24":"Chrome","26":`...)
	b = wire.AppendString(b, session)
	b = append(b, `,"40":"0.17.2","41":100,"42":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","44":"BROWSER","1000":`...)
	b = wire.AppendString(b, o.Token)
	return fixedQ(append(b, `}}]`...))
}

// deviceOf is the device id of an account: 32 hexadecimal digits.
func deviceOf(account string) string {
	sum := md5.Sum([]byte("device of " + account)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// appendAck appends 4-5 for one message; ids travel as texts.
func appendAck(dst []byte, ser int64, sid, cid uint16, id []byte) []byte {
	dst = append(dst, `3:::{"SER":`...)
	dst = strconv.AppendInt(dst, ser, 10)
	dst = append(dst, `,"SID":4,"CID":5,"Q":[{"t":"byte","v":`...)
	dst = strconv.AppendUint(dst, uint64(sid), 10)
	dst = append(dst, `},{"t":"byte","v":`...)
	dst = strconv.AppendUint(dst, uint64(cid), 10)
	dst = append(dst, `},{"t":"LongArray","v":["`...)
	dst = append(dst, id...)
	return append(dst, `"]}]}`...)
}

// msgFields are the parts of a delivered message that are looked at for every
// one. They refer to the frame and are raw: escapes are left as they are.
type msgFields struct {
	to, from, time, body, idClient, id []byte
}

// scan reads a Property with scalar values. It exists because it is the hot path
// of the generator: the general decoder copies each Property once.
func (f *msgFields) scan(b []byte) bool {
	*f = msgFields{}
	if len(b) < 2 || b[0] != '{' {
		return false
	}
	for i := 1; i < len(b) && b[i] != '}'; {
		if b[i] == ',' {
			i++
		}
		key, next := scanText(b, i)
		if next < 0 || next >= len(b) || b[next] != ':' {
			return false
		}
		var value []byte
		value, i = scanScalar(b, next+1)
		if i < 0 {
			return false
		}
		switch string(key) {
		case "1":
			f.to = value
		case "2":
			f.from = value
		case "7":
			f.time = value
		case "9":
			f.body = value
		case "11":
			f.idClient = value
		case "12":
			f.id = value
		}
	}
	return true
}

func scanScalar(b []byte, i int) (value []byte, next int) {
	if i < len(b) && b[i] == '"' {
		return scanText(b, i)
	}
	n := bytes.IndexAny(b[i:], ",}")
	if n < 1 || b[i] == '{' || b[i] == '[' {
		return nil, -1
	}
	return b[i : i+n], i + n
}

// scanText returns what is between the quotes at i, and the position after them.
func scanText(b []byte, i int) (text []byte, next int) {
	if i >= len(b) || b[i] != '"' {
		return nil, -1
	}
	from := i + 1
	for i = from; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return nil, -1
		}
		i += n
		back := i
		for back > from && b[back-1] == '\\' {
			back--
		}
		if (i-back)%2 == 0 {
			return b[from:i], i + 1
		}
	}
	return nil, -1
}
