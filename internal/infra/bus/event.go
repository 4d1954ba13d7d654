package bus

import (
	"encoding/binary"
	"errors"

	"hongyan/internal/im"
)

// An event on the bus: version and kind bytes, sequence and id as varints, the
// texts and the body with a length before each.
const eventVersion = 1

func appendEvent(b []byte, e *im.Event) []byte {
	b = append(b, eventVersion, byte(e.Kind))
	b = binary.AppendVarint(b, e.Seq)
	b = binary.AppendVarint(b, e.ID)
	for _, s := range [...]string{e.App, e.To, string(e.Conv), e.Origin} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Body)))
	return append(b, e.Body...)
}

var errEvent = errors.New("event of another version or malformed")

// readEvent takes one event off b; its body aliases b.
func readEvent(b []byte) (e im.Event, rest []byte, err error) {
	if len(b) < 2 || b[0] != eventVersion {
		return e, nil, errEvent
	}
	e.Kind, b = im.EventKind(b[1]), b[2:]
	for _, n := range [...]*int64{&e.Seq, &e.ID} {
		v, k := binary.Varint(b)
		if k <= 0 {
			return e, nil, errEvent
		}
		*n, b = v, b[k:]
	}
	var texts [4]string
	for i := range texts {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return e, nil, errEvent
		}
		texts[i], b = string(b[k:k+int(n)]), b[k+int(n):]
	}
	e.App, e.To, e.Conv, e.Origin = texts[0], texts[1], im.ConvKey(texts[2]), texts[3]
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return e, nil, errEvent
	}
	e.Body, b = b[k:k+int(n)], b[k+int(n):]
	return e, b, nil
}
