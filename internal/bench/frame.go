package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gobwas/ws"
)

const (
	// headerRoom is what is left free before a payload whose length is not yet
	// known: two bytes, a 16 bit length, the mask.
	headerRoom = 8
	// maxFrame bounds what a server may send in one message.
	maxFrame = 16 << 20
)

var errFrameTooLong = errors.New("bench: the server sent a frame that is too long")

// openFrame makes room for the header of a frame whose payload is appended next.
// The returned position goes to sealFrame.
func openFrame(dst []byte) ([]byte, int) {
	start := len(dst)
	return append(dst, make([]byte, headerRoom)...), start
}

// sealFrame writes the header of the frame that began at start and masks its
// payload, which reaches to the end of dst.
func sealFrame(dst []byte, start int, op ws.OpCode) []byte {
	n := len(dst) - start - headerRoom
	size := headerRoom
	switch {
	case n < 126:
		size = 6
		copy(dst[start+size:], dst[start+headerRoom:])
		dst = dst[:start+size+n]
	case n > 0xFFFF:
		size = 14
		dst = slices.Insert(dst, start, make([]byte, size-headerRoom)...)
	}
	head := dst[start : start+size]
	head[0] = 0x80 | byte(op)
	switch size {
	case 6:
		head[1] = 0x80 | byte(n)
	case headerRoom:
		head[1] = 0x80 | 126
		binary.BigEndian.PutUint16(head[2:], uint16(n))
	default:
		head[1] = 0x80 | 127
		binary.BigEndian.PutUint64(head[2:], uint64(n))
	}
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	copy(head[size-4:], mask[:])
	ws.Cipher(dst[start+size:], mask, 0)
	return dst
}

// serverFrame is one frame as it lies in the read buffer.
type serverFrame struct {
	op      ws.OpCode
	fin     bool
	payload []byte // a part of the buffer
	size    int    // of the whole frame
}

// splitServerFrame cuts the first frame off b; ok is false if it is not complete.
func splitServerFrame(b []byte) (f serverFrame, ok bool, err error) {
	if len(b) < 2 {
		return f, false, nil
	}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, false, fmt.Errorf("bench: the server sent a frame with reserved bits or a mask: % x", b[:2])
	}
	f.fin, f.op = b[0]&0x80 != 0, ws.OpCode(b[0]&0x0F)
	n, head := uint64(b[1]&0x7F), 2
	switch n {
	case 126:
		if len(b) < 4 {
			return f, false, nil
		}
		n, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return f, false, nil
		}
		n, head = binary.BigEndian.Uint64(b[2:]), 10
	}
	if n > maxFrame {
		return f, false, errFrameTooLong
	}
	f.size = head + int(n)
	if len(b) < f.size {
		return f, false, nil
	}
	f.payload = b[head:f.size]
	return f, true, nil
}
