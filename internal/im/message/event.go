package message

import (
	"encoding/binary"
	"errors"

	"hongyan/internal/im"
)

// Encode packs m into the body of an im.EventMessage: varint numbers and
// length-prefixed texts, then the stored content.
func Encode(m *Message) []byte {
	c := m.ContentJSON()
	b := make([]byte, 0, 64+len(m.From)+len(m.To)+len(m.IDClient)+len(c))
	b = append(b, 1) // version
	for _, n := range []int64{int64(m.Scene), m.ID, m.Time, m.Seq, int64(m.Type), int64(m.Flags), int64(m.ClientType)} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{m.App, string(m.Conv), m.From, m.To, m.IDClient} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, c...)
}

var errEvent = errors.New("malformed message event")

// Decode is the inverse of Encode.
func Decode(b []byte) (*Message, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errEvent
	}
	b = b[1:]
	var nums [7]int64
	for i := range nums {
		n, k := binary.Varint(b)
		if k <= 0 {
			return nil, errEvent
		}
		nums[i], b = n, b[k:]
	}
	var texts [5]string
	for i := range texts {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, errEvent
		}
		texts[i], b = string(b[k:k+int(n)]), b[k+int(n):]
	}
	m := &Message{
		Scene: im.Scene(nums[0]), ID: nums[1], Time: nums[2], Seq: nums[3],
		Type: Type(nums[4]), Flags: Flags(nums[5]), ClientType: int(nums[6]),
		App: texts[0], Conv: im.ConvKey(texts[1]), From: texts[2], To: texts[3], IDClient: texts[4],
	}
	return m, m.SetContentJSON(b)
}
